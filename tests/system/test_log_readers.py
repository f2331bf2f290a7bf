"""Programs that read the log: fail2ban with its stock filters bans those who attack, pflogsumm counts."""
import contextlib
import os
import pathlib
import re
import shutil
import smtplib
import socket
import subprocess

from harness import Instance, Sink, free_port, wait_for
from names import Names, use_resolver
from programs import need
from scripted_milter import CONTINUE, ScriptedMilter, reject
from test_postscreen import Client
from test_sasl import dovecot, plain

SANITIZED = False
NEEDS_ROOT = True
NEEDS_PROGRAM = "/usr/sbin/dovecot"
STOCK = pathlib.Path("/etc/fail2ban")


# Each attack comes from an address of its own, 192.0.2.N.
ATTACKS = {
    "relay": 1,
    "unknown user": 2,
    "helo": 3,
    "DNS list": 4,
    "login": 5,
    "pipelining": 6,
    "errors": 7,
    "milter": 8,
    "sender domain": 9,
    "hang-up": 10,
    "pregreet": 11,
    "submission": 12,
    "login by IPv6": 13,
    "unknown user by IPv6": 14,
}
IPV6 = {"login by IPv6", "unknown user by IPv6"}
HONEST = "192.0.2.99"

# Which of them the modes of the stock filter find in Postfix's log.
NORMAL = {"relay", "unknown user", "helo", "DNS list", "pipelining", "errors", "milter", "sender domain", "submission",
          "unknown user by IPv6"}
LOGINS = {"login", "login by IPv6"}
FOUND = {
    "normal": NORMAL,
    "more": NORMAL,
    "auth": LOGINS,
    "rbl": {"DNS list"},
    "ddos": {"hang-up", "pregreet"} | LOGINS,
    "extra": NORMAL | LOGINS,
    "aggressive": NORMAL | LOGINS | {"hang-up", "pregreet"},
    "errors": {"errors"},
}


def address(attack):
    number = ATTACKS[attack]
    return f"2001:db8::{number:x}" if attack in IPV6 else f"192.0.2.{number}"


def add_addresses():
    for attack in ATTACKS:
        subprocess.run(["ip", "addr", "add", address(attack), "dev", "lo", *(["nodad"] if attack in IPV6 else [])], check=True)
    subprocess.run(["ip", "addr", "add", HONEST, "dev", "lo"], check=True)


def client_at(port, source):
    server = "::1" if ":" in source else "127.0.0.1"
    client = smtplib.SMTP(server, port, "client.test", timeout=30, source_address=(source, 0))
    client.ehlo()
    return client


def says(port, attack, *lines, end=True):
    """The last of the replies to those lines."""
    client = client_at(port, address(attack))
    for line in lines:
        reply = client.docmd(line)
    if end:
        client.quit()
    client.close()
    return reply


MAIL = "MAIL FROM:<a@good.test>"
TO_ALICE = "RCPT TO:<alice@example.test>"


def attack_all(mta, front, submission):
    """Every attack three times; a client that does no wrong between them."""
    for _ in range(3):
        assert says(mta.port, "relay", MAIL, "RCPT TO:<x@far.test>")[0] == 454
        assert says(mta.port, "unknown user", MAIL, "RCPT TO:<nobody@example.test>")[0] == 550
        assert says(mta.port, "helo", "EHLO bad", MAIL, TO_ALICE)[0] == 504
        assert says(mta.port, "DNS list", MAIL, TO_ALICE)[0] == 554
        assert says(mta.port, "login", plain("ada", "wrong"))[0] == 535
        assert says(mta.port, "milter", MAIL, TO_ALICE)[0] == 550
        assert says(mta.port, "sender domain", "MAIL FROM:<a@bad.test>", TO_ALICE)[0] == 450
        assert says(submission, "submission", MAIL, "RCPT TO:<x@far.test>")[0] == 554
        assert says(mta.port, "login by IPv6", plain("ada", "wrong"))[0] == 535
        assert says(mta.port, "unknown user by IPv6", MAIL, "RCPT TO:<nobody@example.test>")[0] == 550
        says(mta.port, "hang-up", "NOOP", end=False)
        with socket.create_connection(("127.0.0.1", mta.port), 30, (address("pipelining"), 0)) as early:
            early.sendall(b"EHLO client.test\r\nMAIL FROM:<a@good.test>\r\nRCPT TO:<alice@example.test>\r\nNOOP\r\n")
            while early.recv(4096):
                pass
        with contextlib.suppress(smtplib.SMTPServerDisconnected):
            says(mta.port, "errors", *["VRFY nobody@example.test"] * 5)
        with contextlib.closing(Client(front, address("pregreet"))) as early:
            early.io.write(b"EHLO client.test\r\n")
            early.io.flush()
            with contextlib.suppress(OSError):
                early.io.read()
        with client_at(mta.port, HONEST) as client:
            client.sendmail("a@good.test", ["alice@example.test"], "Subject: x\n\nx\n")


MAIN = {
    "inet_protocols": "all",
    "inet_interfaces": "all",
    "mynetworks": "127.0.0.0/8",
    "smtpd_relay_restrictions": "permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination",
    "smtpd_helo_restrictions": "reject_non_fqdn_helo_hostname",
    "smtpd_client_restrictions": "reject_rbl_client list.test",
    "smtpd_sender_restrictions": "reject_unknown_sender_domain",
    "smtpd_data_restrictions": "reject_unauth_pipelining",
    "smtpd_forbid_unauth_pipelining": "yes",
    "smtpd_error_sleep_time": "0",
    "smtpd_hard_error_limit": "4",
    "disable_vrfy_command": "yes",
    "smtpd_sasl_auth_enable": "yes",
    "smtpd_sasl_type": "dovecot",
    "smtpd_sasl_path": "private/auth",
    "postscreen_access_list": "",
    "postscreen_greet_wait": "1s",
    "postscreen_greet_action": "drop",
}


@contextlib.contextmanager
def attacked():
    """An instance with the log of all attacks."""
    add_addresses()
    Names({"4.2.0.192.list.test A": ["127.0.0.2"], "good.test A": ["192.0.2.1"], "good.test MX": ["10 good.test"]})
    use_resolver()
    front, submission = free_port(), free_port()

    def script(session, event, data):
        is_bad = session.macros.get("connect", {}).get("client_addr") == address("milter") or b"192.0.2.8" in data
        if event == "connect" and is_bad:
            session.bad = True
        return reject("550 5.7.1 Command rejected") if event == "rcpt" and getattr(session, "bad", False) else CONTINUE

    with ScriptedMilter(script) as milter, Instance(main={**MAIN, "smtpd_milters": milter.address}, start=False) as mta:
        mta.write("master.cf", mta.merge((mta.etc / "master.cf").read_text(), f"""\
[::1]:{mta.port} inet n - n - - smtpd
127.0.0.1:{front} inet n - n - 1 postscreen
smtpd pass - - n - - smtpd
127.0.0.1:{submission} inet n - n - - smtpd
  -o syslog_name=postfix/submission
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject_unauth_destination
"""))
        mta.start()
        with dovecot(mta):
            attack_all(mta, front, submission)
        yield mta


JAILS = """\
[DEFAULT]
ignoreself = false
ignoreip =
backend = polling
maxretry = 3
banaction = note
action = %(banaction)s
[postfix]
enabled = true
mode = aggressive
logpath = {log}
[postfix-sasl]
enabled = true
logpath = {log}
[postfix-rbl]
enabled = true
logpath = {log}
"""


@contextlib.contextmanager
def fail2ban(mta):
    """The server with the stock filters and jails; only what it does with those that it bans is another thing."""
    home = mta.folder / "fail2ban"
    shutil.copytree(STOCK, home, symlinks=True)
    for extra in (home / "jail.d").iterdir():
        extra.unlink()
    (home / "fail2ban.local").write_text("[Definition]\ndbfile = None\n")
    (home / "jail.local").write_text(JAILS.format(log=mta.maillog))
    (home / "action.d/note.conf").write_text(f"[Definition]\nactionban = echo <name> <ip> >>{home}/banned\n")
    words = ["fail2ban-server", "-f", "-c", home, "-s", home / "sock", "-p", home / "pid", "--logtarget", home / "log", "start"]
    with open(home / "out", "wb") as out:
        process = subprocess.Popen(list(map(str, words)), stdout=out, stderr=out)
    try:
        yield lambda: {tuple(line.split()) for line in (home / "banned").read_text().splitlines()} if (
            home / "banned").exists() else set()
    finally:
        print((home / "out").read_text())
        process.terminate()
        process.wait(20)


def check_modes(mta):
    """What fail2ban-regex finds in each mode of the filter, beside the table."""
    names = {address(name): name for name in ATTACKS}
    for mode, expected in FOUND.items():
        out = subprocess.run(["fail2ban-regex", "-o", "ip", str(mta.maillog), f"postfix[mode={mode}]"],
                             capture_output=True, text=True, check=True).stdout
        hits = [names.get(line, line) for line in out.split()]
        assert set(hits) == expected, (mode, set(hits) ^ expected)
        for name in expected:
            assert hits.count(name) >= 3, (mode, name, hits.count(name))


def test_fail2ban_bans_attackers():
    need("fail2ban-regex")
    os.environ["TZ"] = "UTC"
    expected = {(jail, address(name)) for jail, mode in (("postfix", "aggressive"), ("postfix-sasl", "auth"), ("postfix-rbl", "rbl"))
                for name in FOUND[mode]}
    with attacked() as mta, fail2ban(mta) as banned:
        check_modes(mta)
        wait_for(lambda: banned() >= expected, 30, "the bans")
        assert banned() == expected, banned() - expected


TOTALS = {
    "received": 9,
    "delivered": 9,  # 3 to two, one relayed, one report, one that was warned of
    "forwarded": 0,
    "deferred  (1  deferrals)": 1,
    "bounced": 1,
    "rejected (23%)": 3,
    "reject warnings": 1,
    "held": 1,
    "discarded (7%)": 1,
    "senders": 3,
    "sending hosts/domains": 2,
    "recipients": 3,
    "recipient hosts/domains": 2,
    "connections": 10,
}


def test_pflogsumm_counts():
    need("pflogsumm")
    sink, refusing = Sink(), Sink(replies={"RCPT": "550 5.1.1 no such user"})
    closed = free_port()
    main = {
        "relay_domains": "far.test, down.test, gone.test",
        "transport_maps": f"inline:{{far.test=smtp:[127.0.0.1]:{sink.port}, down.test=smtp:[127.0.0.1]:{closed},"
        f" gone.test=smtp:[127.0.0.1]:{refusing.port}}}",
        "smtpd_sender_restrictions": "check_sender_access inline:{hold@client.test=HOLD, discard@client.test=DISCARD},"
        " warn_if_reject check_sender_access inline:{warn@client.test=REJECT}",
        "smtp_log_tls_feature_status": "no",  # an item of Postfix 3.11 that pflogsumm before 1.1.6 cannot read
    }
    with Instance(main=main) as mta:
        def send(recipients, sender="sender@client.test"):
            return mta.send(recipients, "Subject: x\n\n" + "x" * 60 + "\n", sender)

        for _ in range(3):
            send(["alice@example.test", "bob@example.test"])
        send("carol@far.test")
        wait_for(lambda: sink.messages, what="the relayed message")
        send("dave@down.test")
        mta.wait_log("status=deferred")
        send("erin@gone.test", "alice@example.test")
        mta.wait_log("non-delivery notification: .*")
        send("alice@example.test", "hold@client.test")
        send("alice@example.test", "discard@client.test")
        send("bob@example.test", "warn@client.test")
        with mta.smtp() as client:
            client.mail("sender@client.test")
            for _ in range(3):
                assert client.rcpt("nobody@example.test")[0] == 550
        mta.mail("bob", 4)
        mta.mail("alice", 4)
        mta.wait_log("disconnect.*rcpt=0/3")
        report = subprocess.run(["pflogsumm", "--smtpd-stats", "--verbose-msg-detail", str(mta.maillog)],
                                capture_output=True, text=True, check=True, env={**os.environ, "LC_ALL": "C"})
        print(report.stdout, report.stderr)
        assert not report.stderr, report.stderr
        totals = {text: count for count, text in re.findall(r"^ +(\d+k?) +(\S.*?)$", report.stdout, re.M)}
        for name, number in TOTALS.items():
            assert totals.get(name) == str(number), (name, totals)
