"""Dovecot on the other side of it all: who may submit, where mail is kept, what is full."""
import contextlib
import re
import smtplib
import ssl

from dovecot import Dovecot
from harness import Instance, free_port, wait_for
from tls_peers import Authority

NEEDS_ROOT = True
NEEDS_PROGRAM = "/usr/sbin/dovecot"

USERS = {"alice@example.test": ("wonder", ""), "bob@example.test": ("builder", ""), "full@example.test": ("x", "*:bytes=5000")}
MAIN = {
    "virtual_transport": "lmtp:unix:private/dovecot-lmtp",
    "virtual_mailbox_maps": "inline:{alice@example.test=x, bob@example.test=x, full@example.test=x, ghost@example.test=x}",
    "smtpd_sasl_type": "dovecot",
    "smtpd_sasl_path": "private/auth",
    "smtpd_sender_login_maps": "inline:{alice@example.test=alice@example.test, bob@example.test=bob@example.test}",
    "mynetworks": "",
    "minimal_backoff_time": "1s",
    "maximal_backoff_time": "1s",
    "queue_run_delay": "1s",
}
SUBMISSION = """\
127.0.0.1:{port} inet n - n - - smtpd
  -o syslog_name=postfix/submission
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_tls_auth_only=yes
  -o smtpd_sasl_authenticated_header=yes
  -o smtpd_client_restrictions=permit_sasl_authenticated,reject
  -o smtpd_sender_restrictions=reject_sender_login_mismatch
"""


@contextlib.contextmanager
def mail_host(users=USERS, main=None, **options):
    """The instance with a submission port, and its Dovecot, which is not started yet."""
    submission = free_port()
    with Instance(main={**MAIN, **(main or {})}, master=SUBMISSION.format(port=submission), start=False) as mta:
        mta.submission = submission
        mta.write_main(smtpd_tls_chain_files=Authority().issue("mx.example.test"), smtpd_tls_security_level="may")
        keeper = Dovecot(mta, users, **options)
        mta.start()
        yield mta, keeper


@contextlib.contextmanager
def submitting(mta, user, password):
    with smtplib.SMTP("127.0.0.1", mta.submission, "client.test", timeout=30) as client:
        client.starttls(context=ssl._create_unverified_context())
        client.login(user, password)
        yield client


def text(subject, size=0):
    return f"From: alice@example.test\r\nTo: bob@example.test\r\nSubject: {subject}\r\n\r\n.dots and gr\u00fc\u00dfe\r\n" + "x" * size + "\r\n"


def test_there_and_back():
    with mail_host() as (mta, keeper), keeper:
        for user, password in (("alice@example.test", "wrong"), ("nobody@example.test", "wonder")):
            try:
                with submitting(mta, user, password):
                    raise AssertionError("logged in")
            except smtplib.SMTPAuthenticationError as error:
                assert error.smtp_code == 535, error
        with submitting(mta, "alice@example.test", "wonder") as client:
            code, said = client.mail("bob@example.test")
            code, said = client.rcpt("bob@example.test") if code == 250 else (code, said)
            assert code == 553 and b"not owned by user alice@example.test" in said, said
            client.rset()
            client.sendmail("alice@example.test", ["alice@example.test", "bob+Travel@example.test"], text("one").encode())
        for mail in (keeper.mail("alice@example.test", "Subject: one"), keeper.mail("bob@example.test", "Subject: one", "Travel")):
            assert mail.endswith("\r\n\r\n.dots and gr\u00fc\u00dfe\r\n\r\n"), mail
            assert re.search(r"^Return-Path: <alice@example\.test>\r$", mail, re.M), mail
            assert re.search(r"^\t\(Authenticated sender: alice@example\.test\)\r\n\tby mx\.example\.test \(Tassis\) with ESMTPSA id", mail,
                             re.M), mail
        assert keeper.over_pop3("alice@example.test") == keeper.over_imap("alice@example.test")
        mta.wait_log(r"lmtp\[\d+\]: [0-9A-F]+: to=<bob\+Travel@example\.test>, relay=mx\.example\.test\[private/dovecot-lmtp\], "
                     r".*dsn=2\.0\.0, status=sent \(250 2\.0\.0 <bob\+Travel@example\.test> \S+ Saved\)")


def test_each_recipient_has_its_own_answer():
    """In one LMTP transaction: kept, unknown to the store, too much for the quota."""
    with mail_host() as (mta, keeper), keeper:
        big = mta.send(["alice@example.test", "ghost@example.test", "full@example.test"], text("big", 5000).encode(),
                       sender="bob@example.test")
        mta.wait_log(rf"{big}: to=<alice@example\.test>, .*status=sent")
        mta.wait_log(rf"{big}: to=<ghost@example\.test>, .*dsn=5\.1\.1, status=bounced \(host mx\.example\.test\[private/dovecot-lmtp\] said: "
                     r"550 5\.1\.1 <ghost@example\.test> User doesn't exist: ghost@example\.test \(in reply to RCPT TO command\)\)")
        mta.wait_log(rf"{big}: to=<full@example\.test>, .*dsn=5\.2\.2, status=bounced \(host \S+ said: 552 5\.2\.2 "
                     r"<full@example\.test> Quota exceeded .*\(in reply to end of DATA command\)\)")
        report = keeper.mail("bob@example.test", "Undelivered Mail")
        assert report.count("Action: failed") == 2 and "Remote-MTA: dns; mx.example.test" in report, report


def test_quota_status_is_asked():
    main = {"smtpd_recipient_restrictions": "reject_unauth_destination, check_policy_service inet:127.0.0.1:$quota_port"}
    with mail_host(main={**main, "quota_port": "0"}) as (mta, keeper), keeper:
        mta.configure(quota_port=str(keeper.quota))

        def attempt(size, recipient):
            with mta.smtp() as client:
                client.mail("a@client.test", [f"SIZE={size}"])
                return client.rcpt(recipient)

        assert attempt(1000, "full@example.test")[0] == 250
        code, said = attempt(9000, "full@example.test")
        assert (code, said) == (552, b"5.2.2 <full@example.test>: Recipient address rejected: Mailbox is full"), said
        assert attempt(9000, "alice@example.test")[0] == 250
        assert attempt(9000, "ghost@example.test")[0] == 250
        for _ in range(2):
            mta.send("full@example.test", text("fills", 1500).encode())
        wait_for(lambda: len(keeper.over_imap("full@example.test")) == 2, what="mail")
        assert attempt(1500, "full@example.test")[0] == 552


def test_store_goes_and_comes_back():
    """Mail waits meanwhile, and comes once."""
    with mail_host() as (mta, keeper):
        ids = [mta.send(["alice@example.test", "bob@example.test"], text(f"n{n}").encode()) for n in range(3)]
        for queue_id in ids:
            mta.wait_log(rf"{queue_id}: to=<alice@example\.test>, .*dsn=4\.\d\.\d, status=deferred \(connect to "
                         r"mx\.example\.test\[private/dovecot-lmtp\]: (No such file or directory|Connection refused)\)")
        with keeper:
            mta.run("postqueue", "-f", check=True)
            wait_for(lambda: len(keeper.over_imap("bob@example.test")) == 3, what="the mail")
            wait_for(lambda: not mta.queued(), what="an empty queue")
            assert len(keeper.over_imap("alice@example.test")) == 3


def test_submission_server_of_dovecot():
    """Dovecot takes the submission and hands it on with XCLIENT: the session belongs to the user then."""
    port = free_port()
    more = (f"submission_relay_host = 127.0.0.1\nsubmission_relay_port = $PORT\nsubmission_relay_trusted = yes\nhostname = mx.example.test\n"
            f"service submission-login {{{{\n  inet_listener submission {{{{\n    port = {port}\n  }}}}\n"
            "  inet_listener submissions {{\n    port = 0\n  }}\n}}\n")
    main = {"smtpd_authorized_xclient_hosts": "127.0.0.1", "smtpd_sasl_auth_enable": "yes"}
    with mail_host(main=main, more_protocols=" submission", more=more) as (mta, keeper):
        keeper.config.write_text(keeper.config.read_text().replace("$PORT", str(mta.port)))
        with keeper, smtplib.SMTP("127.0.0.1", port, "laptop.test", timeout=30) as client:
            client.login("alice@example.test", "wonder")
            client.sendmail("alice@example.test", ["bob@example.test"], text("proxied").encode())
            mail = keeper.mail("bob@example.test", "Subject: proxied")
            assert ".dots" in mail, mail
            mta.wait_log(r"client=\S+, sasl_method=\S+, sasl_username=alice@example\.test")
