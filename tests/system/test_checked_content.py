"""What header and body checks do to a message when several have something to say, and what is wrong with MIME."""
import re

from harness import Instance

PLAIN = b"From: ann@client.test\r\nSubject: x\r\n"


def submit(mta, text, sender="ann@client.test", recipient="alice@example.test", options=()):
    with mta.smtp() as client:
        client.ehlo("client.test")
        client.mail(sender)
        assert client.rcpt(recipient, options)[0] == 250
        code, said = client.data(text)
    return code, said.decode()


def queue_id(answer):
    return answer[1].split()[-1]


def test_redirect_goes_past_filters():
    """The filter was meant for the recipients of old; what they wanted to be told still holds."""
    main = {"header_checks": "regexp:{{/^X-Filter/ FILTER discard:filtered} {/^X-Redirect: (.*)/ REDIRECT $$1}}"}
    with Instance(main=main) as mta:
        answer = submit(mta, b"X-Filter: a\r\nX-Redirect: bob@example.test\r\n" + PLAIN + b"\r\nx\r\n", sender="carol@example.test",
                        options=["NOTIFY=SUCCESS"])
        assert "X-Redirect" in mta.mail("bob")
        assert not mta.inbox("alice") and "status=sent (filtered)" not in mta.log()
        mta.wait_log(rf"bounce\[\d+\]: {queue_id(answer)}: sender delivery status notification: ")
        report = mta.mail("carol")
        assert "Final-Recipient: rfc822; bob@example.test\n" in report and "Action: delivered\n" in report, report


def test_refused_is_refused():
    """Nothing that comes later in the message is looked at for other actions."""
    main = {"header_checks": "regexp:{{/^X-Reject/ REJECT no} {/^X-Discard/ DISCARD gone} {/^X-Warn/ WARN seen}}"}
    with Instance(main=main) as mta:
        assert submit(mta, b"X-Warn: a\r\nX-Reject: b\r\nX-Warn: c\r\nX-Discard: d\r\n" + PLAIN + b"\r\nx\r\n") == (550, "5.7.1 no")
        mta.wait_log(r"reject: header X-Reject: b from .*: 5\.7\.1 no$")
        assert "warning: header X-Warn: a from" in mta.log()
        assert "X-Warn: c" not in mta.log() and "discard:" not in mta.log(), mta.log()


def test_gravest_error_of_structure():
    """Each kind is logged once; the client hears of the gravest, which need not be the first."""
    header = b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"
    body = b"\r\n--b\r\n\r\n\xc3\xa9\r\n\xc3\xa8\r\n--b\r\nX-Eight: \xc3\xa9\r\n\r\n--b--\r\n"
    with Instance(main={"strict_8bitmime": "yes"}) as mta:
        assert submit(mta, PLAIN + header + body) == (550, "5.6.0 improper use of 8-bit data in message header")
        told = r"cleanup\[\d+\]: \w+: reject: mime-error improper use of 8-bit data in message "
        mta.wait_log(told + "header: X-Eight: ")
        assert len(re.findall(told + "body: ", mta.log())) == 1, mta.log()
        assert submit(mta, PLAIN + header + b"\r\n--b\r\n\r\n\xc3\xa9\r\n--b--\r\n")[1] == "5.6.0 improper use of 8-bit data in message body"
        assert not mta.inbox("alice")


def test_stray_carriage_return():
    """It has become a space before anybody asks whether it may be there."""
    with Instance(main={"message_reject_characters": "\\r\\000"}) as mta:
        assert submit(mta, PLAIN + b"\r\na\rb\r\n")[0] == 250
        assert mta.mail("alice").endswith("\n\na b\n")
        assert submit(mta, PLAIN + b"\r\na\0b\r\n") == (550, "5.7.1 disallowed character")
        mta.configure(cleanup_replace_stray_cr_lf="no")
        assert submit(mta, PLAIN + b"\r\na\rb\r\n") == (550, "5.7.1 disallowed character")
