"""Postfix, Exim and OpenSMTPD as the other side, in both directions: STARTTLS, DSN, PIPELINING, CHUNKING,
SMTPUTF8, refusals."""
import contextlib
import re
import smtplib

from harness import Instance, wait_for
from peers import EximPeer, OpenSmtpdPeer, PostfixPeer, Tap
from tls_peers import Authority

NEEDS_ROOT = True

ASKED = ["RET=HDRS", "ENVID=env+2B7"]
MAIN = {
    "inet_interfaces": "all",
    "smtp_bind_address": "127.0.0.1",
    "virtual_mailbox_domains": "example.test, tap.example.test",
    "virtual_mailbox_maps": "inline:{alice@example.test=alice/, alice@tap.example.test=alice/, jörg@example.test=alice/,"
    " dave@example.test=dave/}",
    "relay_domains": "peer.test, tap.peer.test",
    "transport_maps": "inline:{peer.test=smtp:[127.0.0.2]:25, tap.peer.test=smtp:[127.0.0.3]:25}",
    "smtpd_tls_security_level": "may",
    "smtpd_tls_received_header": "yes",
    "smtp_tls_loglevel": "1",
    "smtpd_tls_loglevel": "1",
    "smtputf8_enable": "yes",
    "smtp_destination_recipient_limit": "10",
}


class Pair:
    """An instance of ours and the peer, each with certificates of one authority."""

    def __init__(self, mta, peer):
        self.mta, self.peer = mta, peer
        self.taps = Tap("127.0.0.3", ("127.0.0.2", 25)), Tap("127.0.0.4", ("127.0.0.1", mta.port))

    def submit(self, port, sender, recipients, text, mail=(), rcpt=()):
        host = "127.0.0.1" if port == self.mta.port else self.peer.address
        with smtplib.SMTP(host, port, "client.test", timeout=30) as client:
            client.ehlo()
            code, said = client.mail(sender, list(mail))
            assert code == 250, said
            for recipient in recipients:
                code, said = client.rcpt(recipient, list(rcpt))
                assert code in (250, 251), (recipient, said)
            code, said = client.data(text.encode().replace(b"\n", b"\r\n"))
            assert code == 250, said

    def to_peer(self, *arguments, **options):
        self.submit(self.mta.port, *arguments, **options)

    def from_peer(self, *arguments, **options):
        self.submit(self.peer.port, *arguments, **options)

    def our_mail(self, box, pattern):
        def look():
            texts = [p.read_text(errors="surrogateescape") for p in self.mta.inbox(box)]
            return next((t for t in texts if re.search(pattern, t)), None)

        return wait_for(look, 40, f"{pattern} in {box}")


@contextlib.contextmanager
def pair_with(kind):
    authority = Authority()
    with Instance(start=False) as mta:
        # OpenSMTPD 6.8 has only RSA keys.
        with kind(("127.0.0.1", mta.port), authority.issue("mx.peer.test", key=["rsa:2048"])) as peer:
            policy = "secure match=mx.peer.test" if peer.serves_tls() else "none"
            mta.write_main(**MAIN, smtpd_tls_chain_files=authority.issue("mx.example.test"), smtp_tls_CAfile=authority.ca,
                           smtp_tls_policy_maps=f"inline:{{ {{[127.0.0.2]:25={policy}}}, {{[127.0.0.3]:25=none}} }}")
            mta.start()
            yield Pair(mta, peer)


def text(subject, sender="alice@example.test", recipient="bob@peer.test"):
    return f"From: {sender}\nTo: {recipient}\nSubject: {subject}\nMessage-ID: <{subject}@client.test>\n\n.dots\nend\n"


def check_report(report, recipient, action):
    """A delivery report as RFC 3464 has it, about that recipient, with what its request named."""
    assert re.search(r"^Content-Type: message/(global-)?delivery-status$", report, re.M | re.I), report
    assert re.search(rf"^Final-Recipient: rfc822; ?{re.escape(recipient)}$", report, re.M | re.I), report
    assert re.search(rf"^Action: {action}\b", report, re.M | re.I), report
    assert re.search(r"^Status: [25]\.\d+\.\d+", report, re.M), report


def check_tls(pair):
    """A message each way, over TLS that was checked, with a report of success wanted and sent."""
    mta, peer = pair.mta, pair.peer
    pair.to_peer("alice@example.test", ["bob@peer.test"], text("out"), ASKED, ["NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;Bob@peer.test"])
    mail = peer.mail("bob", "Subject: out")
    assert mail.replace("\r", "").endswith("\n\n.dots\nend\n"), mail
    tls = ""
    if peer.serves_tls():
        tls = "tls=secure, "
        mta.wait_log(r"Verified TLS connection established to 127\.0\.0\.2\[127\.0\.0\.2\]:25: TLSv1")
    mta.wait_log(rf"to=<bob@peer\.test>, .*relay=127\.0\.0\.2\[127\.0\.0\.2\]:25, .*{tls}dsn=2\.\d\.\d, status=sent")
    check_report(pair.our_mail("alice", r"(?i)\nAction: (delivered|relayed)"), "bob@peer.test", "(delivered|relayed)")
    pair.from_peer("bob@peer.test", ["alice@example.test"], text("in", "bob@peer.test", "alice@example.test"), ASKED,
                   ["NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;Alice@example.test"])
    mail = pair.our_mail("alice", "\nSubject: in\n")
    assert "with ESMTPS id" in mail and mail.endswith("\n\n.dots\nend\n"), mail
    report = peer.mail("bob", r"\nAction: delivered")
    check_report(report, "alice@example.test", "delivered")
    assert re.search(r"^Original-Recipient: rfc822;Alice@example\.test$", report, re.M), report
    assert re.search(r"^Original-Envelope-Id: env\+7$", report, re.M), report


def check_refusals(pair):
    """What one side refuses comes back to the sender, from the side that had taken the mail."""
    pair.to_peer("alice@example.test", ["nobody@peer.test"], text("lost-out"))
    bounce = pair.our_mail("alice", r"(?s)\nAction: failed.*lost-out")
    check_report(bounce, "nobody@peer.test", "failed")
    assert re.search(r"^Remote-MTA: dns; 127\.0\.0\.2$", bounce, re.M), bounce
    assert re.search(r"^Diagnostic-Code: smtp; 5\d\d ", bounce, re.M), bounce
    pair.from_peer("bob@peer.test", ["nobody@example.test"], text("lost-in", "bob@peer.test", "nobody@example.test"))
    bounce = pair.peer.mail("bob", r"(?s)lost-in")
    assert re.search(r"nobody@example\.test", bounce) and "550" in bounce and "5.1.1" in bounce, bounce


def check_in_the_open(pair, pipelines=True):
    """Without TLS both sides can be heard: commands go out together, unless the peer knows nothing of that.
    Several recipients and a big message."""
    big = text("big") + "".join(f"{n} {'x' * 70}\n" for n in range(6000))
    pair.to_peer("alice@example.test", ["bob@tap.peer.test", "carol@tap.peer.test"], big)
    for box in ("bob", "carol"):
        assert "\n5999 xxxx" in pair.peer.mail(box, "Subject: big")
    assert pair.taps[0].pipelines() == pipelines, pair.taps[0].pieces
    pair.from_peer("bob@peer.test", ["alice@tap.example.test"], big)
    assert pair.our_mail("alice", "Subject: big").endswith("\n5999 " + "x" * 70 + "\n")
    assert pair.taps[1].pipelines() == pipelines, pair.taps[1].pieces


def check_utf8(pair):
    pair.to_peer("jörg@example.test", ["jörg@peer.test"], text("grüße-out", "jörg@example.test", "jörg@peer.test"),
                 ["SMTPUTF8", "BODY=8BITMIME"])
    assert "jörg@peer.test" in pair.peer.mail("jörg", "Subject: grüße-out")
    pair.from_peer("jörg@peer.test", ["jörg@example.test"], text("grüße-in", "jörg@peer.test", "jörg@example.test"),
                   ["SMTPUTF8", "BODY=8BITMIME"])
    mail = pair.our_mail("alice", "Subject: grüße-in")
    assert "with UTF8SMTPS id" in mail and "jörg@example.test" in mail, mail


def test_postfix():
    with pair_with(PostfixPeer) as pair:
        check_tls(pair)
        check_refusals(pair)
        check_in_the_open(pair)
        check_utf8(pair)


def test_exim():
    """It sends messages in chunks."""
    with pair_with(EximPeer) as pair:
        check_tls(pair)
        pair.mta.wait_log(r"disconnect from .* rcpt=1 bdat=1 quit=1 ")
        check_refusals(pair)
        check_in_the_open(pair)
        check_utf8(pair)
        assert re.search(r"=> alice@example\.test .* X=TLS\S+ .* L K C=", pair.peer.log()), pair.peer.log()


def test_opensmtpd():
    with pair_with(OpenSmtpdPeer) as pair:
        check_tls(pair)
        check_refusals(pair)
        check_in_the_open(pair, pipelines=False)
