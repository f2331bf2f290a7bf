"""RFC 8689 over two instances: REQUIRETLS travels over verified TLS or comes back, and TLS-Required: no goes on
where the certificate is not right."""
import contextlib
import re
import ssl

from harness import Instance, Sink, wait_for
from tls_peers import Authority

ENFORCE = {"smtp_requiretls_policy": "enforce"}


@contextlib.contextmanager
def pair(receiver=None, sender=None, match="mx.far.test"):
    """A receiver for far.test, and a sender that knows it by its certificate."""
    authority = Authority()
    tls = {"smtpd_tls_security_level": "may"}
    with Instance(main={**tls, "smtpd_tls_chain_files": authority.issue("mx.far.test"), "virtual_mailbox_domains": "far.test",
                        "virtual_mailbox_maps": "inline:{{bob@far.test=bob/}}", **(receiver or {})}) as far:
        to = f"[127.0.0.1]:{far.port}"
        with Instance(main={**tls, "smtpd_tls_chain_files": authority.issue("mx.example.test"), "relay_domains": "far.test",
                            "smtp_tls_security_level": "may", "transport_maps": f"inline:{{{{far.test=smtp:{to}}}}}",
                            "smtp_tls_policy_maps": f"inline:{{{{{to}=secure match={match}}}}}", "smtp_tls_CAfile": authority.ca,
                            **(sender or {})}) as near:
            yield near, far


def submit(mta, subject, options="REQUIRETLS", more=""):
    """Over TLS, from a box of the instance to far.test; the queue ID."""
    with mta.smtp() as client:
        client.starttls(context=ssl._create_unverified_context())
        client.ehlo()
        code, said = client.docmd(f"MAIL FROM:<alice@example.test> {options}")
        assert code == 250, (code, said)
        assert client.rcpt("bob@far.test")[0] == 250
        code, said = client.data(f"From: alice@example.test\r\nSubject: {subject}\r\n{more}\r\nsecret text\r\n")
        assert code == 250, (code, said)
        return said.decode().rsplit(" ", 1)[-1]


def outcome(mta, queue_id):
    """tls=, status= and the reason of the attempt."""
    return mta.wait_log(rf"{queue_id}: to=<\S+>.*?(?: tls=(\S+),)? dsn=(\S+), status=(\S+) \((.*)\)$").groups()


def test_offered_in_tls_alone():
    with pair() as (near, _), near.smtp() as client:
        assert not client.has_extn("requiretls")
        assert client.docmd("MAIL FROM:<alice@example.test> REQUIRETLS")[0] == 555
        client.starttls(context=ssl._create_unverified_context())
        client.ehlo()
        assert client.has_extn("requiretls")
        near.configure(requiretls_enable="no")
        with near.smtp() as another:
            another.starttls(context=ssl._create_unverified_context())
            another.ehlo()
            assert not another.has_extn("requiretls")
            assert another.docmd("MAIL FROM:<alice@example.test> REQUIRETLS")[0] == 555


def test_travels_over_verified_tls():
    with pair(sender=ENFORCE) as (near, far):
        queue_id = submit(near, "protected")
        assert outcome(near, queue_id)[:3] == ("secure/requiretls", "2.0.0", "sent")
        mail = far.mail("bob")
        # Both have added the header, of which one remains.
        assert re.findall(r"^Require-TLS-ESMTP: .*", mail, re.M) == ["Require-TLS-ESMTP: yes"], mail
        # The same asked for by a command, and by the header alone.
        for number, (words, header) in enumerate(((["-O", "requiretls=yes"], ""), ([], "Require-TLS-ESMTP: yes\n"))):
            near.run("sendmail", *words, "-f", "alice@example.test", "bob@far.test", input=f"Subject: local\n{header}\nx\n", check=True)
            far.mail("bob", 2 + number)
        wait_for(lambda: near.log().count("tls=secure/requiretls, dsn=2.0.0, status=sent") == 3, what="three of them")


def test_comes_back_redacted():
    """No REQUIRETLS over there; or the wrong certificate; or no TLS at all. The report itself needs none of it."""
    for receiver, match, code, reason in (
            ({"smtpd_discard_ehlo_keywords": "requiretls"}, "mx.far.test", "5.7.30", "REQUIRETLS is required, but was not offered by host"),
            ({}, None, "5.7.30", "REQUIRETLS: the certificate of host"),
            ({"smtpd_tls_security_level": "none"}, None, "5.7.10", "REQUIRETLS: TLS is required, but was not used with host")):
        sender = {**ENFORCE, **({} if match else {"smtp_tls_policy_maps": ""})}
        with pair(receiver, sender, match) as (near, far):
            queue_id = submit(near, "protected")
            status = outcome(near, queue_id)
            assert status[0].endswith("/!requiretls") and status[1:3] == (code, "bounced") and reason in status[3], status
            report = near.mail("alice")
            assert "Subject: protected" in report and "secret text" not in report, report
            assert not far.inbox("bob")
    # In full, where that is wanted.
    with pair({"smtpd_discard_ehlo_keywords": "requiretls"}, {**ENFORCE, "requiretls_redact_dsn": "no"}) as (near, _):
        submit(near, "protected")
        assert "secret text" in near.mail("alice")


def test_report_needs_none():
    """The way back knows no REQUIRETLS: the report takes it all the same."""
    back = Sink()
    sender = {**ENFORCE, "virtual_mailbox_domains": "", "relay_domains": "far.test, example.test"}
    with pair({"smtpd_discard_ehlo_keywords": "requiretls"}, sender) as (near, far):
        near.configure(transport_maps=f"inline:{{{{far.test=smtp:[127.0.0.1]:{far.port}}}, {{example.test=smtp:[127.0.0.1]:{back.port}}}}}")
        submit(near, "protected")
        text = wait_for(lambda: back.messages, what="the report")[0][2]
        assert b"Undelivered Mail" in text and b"secret text" not in text
        near.wait_log(rf"relay=127\.0\.0\.1\[127\.0\.0\.1\]:{back.port}, .* tls=may:none, dsn=2\.0\.0, status=sent")


def test_less_strict_policies():
    sink = Sink()
    for policy, receiver, match, expected in (
            ("opportunistic", {}, "mx.far.test", "secure/requiretls"),
            ("opportunistic", {"smtpd_discard_ehlo_keywords": "requiretls"}, "mx.far.test", "secure/requiretls:none"),
            ("inline:{{127.0.0.1=opportunistic+starttls}}, enforce", {}, None, "may/requiretls:nocertmatch"),
            ("cidr:{{127.0.0.0/8 opportunistic}}, enforce", {"smtpd_tls_security_level": "none"}, None, "may:none/requiretls:nostarttls")):
        sender = {"smtp_requiretls_policy": policy, **({} if match else {"smtp_tls_policy_maps": ""})}
        with pair(receiver, sender, match) as (near, far):
            assert outcome(near, submit(near, "protected"))[:3] == (expected, "2.0.0", "sent"), expected
            assert "secret text" in far.mail("bob")
    with pair(sender={"smtp_requiretls_policy": "opportunistic+starttls", "transport_maps": f"inline:{{{{far.test=smtp:[127.0.0.1]:{sink.port}}}}}"}) as (near, _):
        assert outcome(near, submit(near, "protected"))[:3] == ("may:none/!requiretls", "5.7.10", "bounced")
        assert not sink.messages


def test_through_a_filter():
    """One that stands before the queue is not told by ESMTP, but by the header; and so is our other half behind it."""
    sink = Sink()
    with pair({"requiretls_esmtp_header": "no"}, ENFORCE) as (near, far):
        near.configure(smtpd_proxy_filter=f"127.0.0.1:{sink.port}")
        submit(near, "filtered", "SIZE=100 REQUIRETLS BODY=8BITMIME")
        mail, _, text = wait_for(lambda: sink.messages, what="the message at the filter")[0]
        assert mail == "MAIL FROM:<alice@example.test> SIZE=100 BODY=8BITMIME", mail
        assert b"\r\nRequire-TLS-ESMTP: yes\r\n" in text, text
        near.configure(smtpd_proxy_filter="")
        queue_id = near.send("bob@far.test", text.decode(), "alice@example.test")
        assert outcome(near, queue_id)[0] == "secure/requiretls"
        # Neither added nor believed, where it is not wanted.
        near.configure(requiretls_esmtp_header="no")
        queue_id = near.send("bob@far.test", text.decode(), "alice@example.test")
        assert outcome(near, queue_id)[0] == "secure"
        submit(near, "plain")
        far.mail("bob", 3)
        assert [b"Require-TLS-ESMTP" in path.read_bytes() for path in far.inbox("bob")].count(True) == 2


def test_tls_not_required():
    """A report about a certificate gets through to the one who has it; what comes of that goes back likewise."""
    with pair(match="elsewhere.test", sender={"smtp_tls_verify_cert_match": "nexthop"}) as (near, far):
        assert outcome(near, submit(near, "waits", ""))[:3] == ("!secure", "4.7.5", "deferred")
        assert outcome(near, submit(near, "goes", "", "TLS-Required: No\r\n"))[:3] == ("secure:may", "2.0.0", "sent")
        far.mail("bob")
        # REQUIRETLS is the stronger wish.
        assert outcome(near, submit(near, "waits", "REQUIRETLS", "TLS-Required: no\r\n"))[2] == "deferred"
        near.configure(tls_required_enable="no")
        assert outcome(near, submit(near, "waits", "", "TLS-Required: no\r\n"))[2] == "deferred"
        near.configure(tls_required_enable="yes")
        near.send("nobody+x@far.test", "TLS-Required: no\nSubject: lost\n\nx\n", "alice@example.test")
        report = near.mail("alice")
        assert re.search(r"^TLS-Required: no$", report.split("\n\n")[0], re.M), report
