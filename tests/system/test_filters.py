"""Filters that speak SMTP: behind the queue, and in front of it."""
import time
from concurrent.futures import ThreadPoolExecutor

from harness import Instance, Listener, Sink, free_port, wait_for
from scripted_milter import CONTINUE, ScriptedMilter, reject

TIMEOUT = 240
TEXT = "Subject: x\n\n.dot\nx\n"


def test_content_filter_and_back():
    sink, back = Sink(), free_port()
    with Instance(
        main={"content_filter": f"smtp:[127.0.0.1]:{sink.port}"},
        master=f"127.0.0.1:{back} inet n - n - - smtpd\n  -o content_filter=\n"
        "  -o receive_override_options=no_unknown_recipient_checks,no_header_body_checks\n",
    ) as mta:
        mta.send("alice@example.test", TEXT)
        wait_for(lambda: sink.messages, what="the filter's message")
        mta.port = back
        mta.send("alice@example.test", TEXT)
        assert mta.mail("alice").count("Received:") == 1


def proxied(port, **more):
    return {"smtpd_proxy_filter": f"127.0.0.1:{port}", "smtpd_proxy_timeout": "2s", **more}


def submit(mta):
    """The replies to RCPT and, if that was accepted, to the message."""
    with mta.smtp() as client:
        client.mail("a@client.test")
        reply = client.rcpt("alice@example.test")
        if reply[0] != 250:
            return reply
        try:
            return client.data(TEXT)
        except Exception as error:  # smtplib raises for a refused DATA
            return error.smtp_code, error.smtp_error


def test_filter_in_front_of_the_queue():
    for options in ("", "speed_adjust"):
        sink = Sink()
        with Instance(main=proxied(sink.port, smtpd_proxy_options=options)) as mta:
            assert submit(mta)[0] == 250
            wait_for(lambda: sink.messages, what="the filter's message")
            mta.wait_log(r"proxy-accept: END-OF-MESSAGE: 250 .*; from=<a@client\.test> to=<alice@example\.test>")
            assert not mta.queued()


class Hostile(Listener):
    """A server that says those lines, one after each thing it hears, and then does nothing more
    (or hangs up after None)."""

    def __init__(self, behaviour):
        self.behaviour = behaviour
        super().__init__()

    def serve(self, client, _):
        for line in self.behaviour:
            if line is None:
                return
            client.sendall(line)
            if not client.recv(65536):
                return
        while client.recv(65536):
            pass


OK = b"250 ok\r\n"
HOSTILE = {
    "silent": [],
    "hangs up at once": [None],
    "garbage": [b"hello\r\n" * 1000],
    "endless line": [b"220 " + b"x" * 300000],
    "stalls after EHLO": [b"220 hi\r\n"],
    "hangs up at MAIL": [b"220 hi\r\n", OK, None],
    "hangs up at RCPT": [b"220 hi\r\n", OK, OK, None],
    "250 for DATA": [b"220 hi\r\n", OK, OK, OK, OK],
    "stalls at the end": [b"220 hi\r\n", OK, OK, OK, b"354 go\r\n"],
    "hangs up at the end": [b"220 hi\r\n", OK, OK, OK, b"354 go\r\n", None],
    "354 at the end": [b"220 hi\r\n", OK, OK, OK, b"354 go\r\n", b"354 more\r\n"],
}


def test_filters_that_lie_stall_or_die():
    def attempt(case):
        name, options = case
        with Instance(main=proxied(Hostile(HOSTILE[name]).port, smtpd_proxy_options=options)) as mta:
            begun = time.monotonic()
            code, text = submit(mta)
            assert code == 451 and b"queue file write error" in text, (name, options, code, text)
            assert time.monotonic() - begun < 20, (name, options)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(attempt, [(name, options) for name in HOSTILE for options in ("", "speed_adjust")]))


def test_milter_refuses_data():
    """The filter in front of the queue has not heard of DATA then, and takes further commands."""
    def script(session, event, data):
        return reject("450 4.7.1 not yet") if event == "data" and session.events.count("data") < 4 else CONTINUE

    for options in ("", "speed_adjust"):
        sink = Sink()
        with ScriptedMilter(script) as milter:
            main = proxied(sink.port, smtpd_proxy_options=options, smtpd_milters=milter.address)
            with Instance(main=main) as mta, mta.smtp() as client:
                client.mail("a@client.test")
                client.rcpt("alice@example.test")
                for _ in range(3):
                    assert client.docmd("DATA") == (450, b"4.7.1 not yet")
                    assert client.rcpt("bob@example.test")[0] == 250
                assert client.data(TEXT)[0] == 250
                wait_for(lambda: sink.messages, what="the filter's message")
