"""What the tests of whole mail suites share: a host on the usual ports in a network of its own, with accounts
in a Dovecot, a name server that knows the Internet, and somebody out there."""
import contextlib
import email.utils
import re
import smtplib
import ssl
import subprocess

from harness import Instance, Sink, wait_for
from names import Names, use_resolver
from programs import GTUBE, listens, running
from test_milter_programs import dkim_key, write
from tls_peers import Authority

USERS = {"alice@example.test": ("wonder", ""), "bob@example.test": ("builder", ""), "full@example.test": ("x", "*:bytes=500")}
STRANGER = "192.0.2.10"  # where client.test sends from

# What a suite's master.cf has besides its own services.
SERVICES = """\
smtp      inet  n       -       n       -       -       smtpd
tlsmgr    unix  -       -       n       1000?   1       tlsmgr
scache    unix  -       -       n       -       1       scache
verify    unix  -       -       n       -       1       verify
"""

# The harness sets these for small tests; a suite sets them itself or has the defaults.
UNSET = dict.fromkeys(("smtpd_peername_lookup", "virtual_mailbox_domains", "virtual_mailbox_base", "virtual_mailbox_maps",
                       "virtual_uid_maps", "virtual_gid_maps", "virtual_minimum_uid", "mydestination", "alias_maps",
                       "alias_database", "recipient_delimiter", "in_flow_delay", "biff", "compatibility_level"))


class Outside:
    """The Internet: far.test takes mail, client.test sends some."""

    def __init__(self, records=None):
        subprocess.run(["ip", "addr", "add", STRANGER, "dev", "lo"], check=True)
        self.names = Names({
            "far.test MX": ["10 mx.far.test"], "mx.far.test A": ["127.0.0.9"],
            "client.test MX": ["10 mail.client.test"], "mail.client.test A": [STRANGER],
            "client.test TXT": [f"v=spf1 ip4:{STRANGER} -all"], "forged.test TXT": ["v=spf1 -all"],
            "forged.test MX": ["10 mail.client.test"],
            "10.2.0.192.in-addr.arpa PTR": ["mail.client.test"], "example.test MX": ["10 mx.example.test"],
            "example.test A": ["127.0.0.1"], "mx.example.test A": ["127.0.0.1"], "1.0.0.127.in-addr.arpa PTR": ["localhost"],
            **(records or {}),
        })
        use_resolver()
        self.sink = Sink("127.0.0.9", 25)

    def received(self, word, seconds=30):
        """The text of the message that far.test got."""
        return wait_for(lambda: next((text.decode() for _, _, text in self.sink.messages if word.encode() in text), None), seconds,
                        f"{word} at far.test")


@contextlib.contextmanager
def stranger():
    with smtplib.SMTP("127.0.0.1", 25, "mail.client.test", timeout=60, source_address=(STRANGER, 0)) as client:
        client.ehlo()
        yield client


def arrives(sender, recipients, text):
    """What a stranger is told in the end; the text only where a recipient was taken."""
    with stranger() as client:
        reply = client.mail(sender)
        for recipient in recipients:
            if reply[0] < 400:
                reply = client.rcpt(recipient)
        return client.data(text) if reply[0] < 400 else reply


@contextlib.contextmanager
def submits(user, password, port=587):
    """A user's session, by STARTTLS or in TLS from the start."""
    context = ssl._create_unverified_context()
    if port == 465:
        client = smtplib.SMTP_SSL("127.0.0.1", port, "laptop.test", timeout=60, context=context)
    else:
        client = smtplib.SMTP("127.0.0.1", port, "laptop.test", timeout=60)
        client.starttls(context=context)
    with client:
        client.login(user, password)
        yield client


def message(subject, sender="alice@example.test", recipient="bob@example.test", body="hello there", more=""):
    return (f"From: {sender}\r\nTo: {recipient}\r\nSubject: {subject}\r\nMessage-ID: <{subject}@laptop.test>\r\n"
            f"Date: {email.utils.formatdate()}\r\nUser-Agent: secretive/1.0\r\n{more}\r\n{body}\r\n")


def check_submission(outside, keeper):
    """By both ports, to a box here and to somebody far; not under another's name, not without a login."""
    for port in (587, 465):
        with submits("alice@example.test", "wonder", port) as client:
            client.sendmail("alice@example.test", ["bob@example.test", "x@far.test"], message(f"sent-{port}"))
            client.mail("bob@example.test")
            code, said = client.rcpt("x@far.test")
            assert code == 553, (code, said)
        mail = keeper.mail("bob@example.test", f"Subject: sent-{port}")
        assert "hello there" in mail and "with ESMTPSA" in mail, mail
        assert "hello there" in outside.received(f"sent-{port}")
    with smtplib.SMTP("127.0.0.1", 587, "laptop.test", timeout=30) as client:
        assert client.docmd("EHLO laptop.test")[0] == 250
        assert client.docmd("MAIL FROM:<alice@example.test>")[0] == 530
    try:
        with submits("alice@example.test", "wrong"):
            raise AssertionError("logged in with a wrong password")
    except smtplib.SMTPAuthenticationError as error:
        assert error.smtp_code == 535, error


def send_spam():
    """From bob to alice."""
    with submits("bob@example.test", "builder") as client:
        client.sendmail("bob@example.test", ["alice@example.test"], message("spam", "bob@example.test", body=GTUBE))


def check_both_protocols(keeper, user="bob@example.test"):
    wait_for(lambda: sorted(keeper.over_pop3(user)) == sorted(keeper.over_imap(user)), what="the same by POP3 and IMAP")


@contextlib.contextmanager
def host(main, master, files=None, users=USERS):
    """The instance, not started; its certificate is tls.pem, in the manner of old configurations cert.pem and key.pem."""
    files = dict(files or {})
    bundle = Authority().issue("mx.example.test").read_text()
    key_end = bundle.index("-----BEGIN CERT")
    files.update({"tls.pem": bundle, "key.pem": bundle[:key_end], "cert.pem": bundle[key_end:]})
    with Instance(main={**UNSET, **main}, master=SERVICES + master, files=files, start=False) as mta:
        entries = (mta.etc / "master.cf").read_text()
        for name in re.findall(r"^(\w+) +fifo", entries, re.M):  # as it once was, in place of the socket
            entries = re.sub(rf"^{name} +unix .*\n", "", entries, flags=re.M)
        mta.write("master.cf", entries)
        yield mta


# What a panel keeps in MariaDB: what makes the database, the name of its tables, and their files.
DATABASE = """\
CREATE DATABASE mail CHARACTER SET utf8mb4; CREATE USER mail@'127.0.0.1' IDENTIFIED BY 'secret'; GRANT ALL ON mail.* TO mail@'127.0.0.1';
USE mail;
"""


def sql(*names):
    return ", ".join(f"proxy:mysql:$config_directory/{name}.cf" for name in names)


def write_tables(mta, database, queries):
    for name, query in queries.items():
        mta.write(f"{name}.cf", database.settings(query))


@contextlib.contextmanager
def opendkim(home, port):
    """Signs for example.test what came by submission or from here, verifies the rest."""
    key, record = dkim_key(home)
    config = write(home / "opendkim.conf", f"Mode sv\nSocket inet:{port}@127.0.0.1\nSyslog no\nUMask 000\nBackground no\n"
                   f"RequireSafeKeys no\nDomain example.test\nSelector mail\nKeyFile {key}\nInternalHosts {write(home / 'inside', '127.0.0.0/8')}\n"
                   f"TestPublicKeys {write(home / 'public', 'mail._domainkey.example.test ' + record)}\nMTA ORIGINATING\n")
    with running("/usr/sbin/opendkim", "-f", "-x", config, ready=lambda: listens("127.0.0.1", port), log=home / "opendkim.log"):
        yield


@contextlib.contextmanager
def opendmarc(home, port):
    config = write(home / "opendmarc.conf", f"Socket inet:{port}@127.0.0.1\nSyslog false\nRejectFailures true\nSPFSelfValidate true\n"
                   "AuthservID mx.example.test\nTrustedAuthservIDs mx.example.test\n"
                   f"IgnoreHosts {write(home / 'ignored', '127.0.0.1')}\nIgnoreAuthenticatedClients true\n")
    with running("/usr/sbin/opendmarc", "-f", "-c", config, ready=lambda: listens("127.0.0.1", port), log=home / "opendmarc.log"):
        yield
