"""Mail to a remote domain goes to the server that its MX records name."""
import re

from harness import Instance, Sink, wait_for
from names import Names, use_resolver

NEEDS_ROOT = True


def test_mail_follows_mx():
    """The host of the best preference gets it; when it does not listen, the next one does."""
    names = Names({"far.test MX": ["10 first.far.test", "20 second.far.test"], "first.far.test A": ["127.0.0.2"],
                   "second.far.test A": ["127.0.0.3"], "bare.test A": ["127.0.0.2"], "null.test MX": ["0 ."],
                   "number.test MX": ["10 127.0.0.5"]})
    use_resolver()
    first, second = Sink("127.0.0.2", 25), Sink("127.0.0.3", 25)
    with Instance() as mta:
        mta.send("x@far.test", "Subject: one\n\nfirst\n")
        wait_for(lambda: len(first.messages) == 1, what="the message at the first host")
        assert first.messages[0][1] == ["RCPT TO:<x@far.test>"] and not second.messages
        mta.wait_log(r"to=<x@far\.test>, relay=first\.far\.test\[127\.0\.0\.2\]:25, .*dsn=2\.\S+, status=sent \(250 kept\)")
        assert "far.test MX" in names.asked
        mta.send("y@bare.test", "Subject: two\n\nno MX: its own address\n")
        wait_for(lambda: len(first.messages) == 2, what="the message at the domain itself")
        first.close()
        mta.send("x@far.test", "Subject: three\n\nsecond\n")
        wait_for(lambda: second.messages, what="the message at the second host")
        wait_for(lambda: not mta.queued(), what="an empty queue")
        # What will never be is told to the sender at once (RFC 7505; no such domain).
        mta.send("x@null.test", "Subject: four\n\nx\n", "alice@example.test")
        mta.send("x@nowhere.test", "Subject: five\n\nx\n", "alice@example.test")
        mta.mail("alice", 2)
        mta.send("x@number.test", "Subject: six\n\nx\n", "alice@example.test")
        mta.wait_log(r"warning: numeric domain name in resource data of MX record for number\.test: 127\.0\.0\.5")
        assert re.search(r"to=<x@null\.test>, .*dsn=5\.1\.0, status=bounced", mta.log())
        assert re.search(r"to=<x@nowhere\.test>, .*dsn=5\.4\.4, status=bounced \(Host or domain name not found\. "
                         r"Name service error for name=nowhere\.test type=A+: Host not found\)", mta.log())
    second.close()
