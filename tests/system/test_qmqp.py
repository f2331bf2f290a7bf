"""QMQP: what qmail's clients say, and Postfix's qmqp-source in numbers."""
import socket
import subprocess

from harness import Instance, free_port
from programs import need

TEXT = "Subject: x\n\nhello\n"


def netstring(*parts):
    data = b"".join(part if isinstance(part, bytes) else part.encode() for part in parts)
    return b"%d:%s," % (len(data), data)


def ask(port, request, last=True):
    """The whole answer; last: nothing will follow what we say."""
    with socket.create_connection(("127.0.0.1", port), 20) as client:
        client.sendall(request)
        if last:
            client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(4096), b"")).decode()


def mail(*recipients, text=TEXT, sender="sender@client.test"):
    return netstring(netstring(text), netstring(sender), *map(netstring, recipients))


def serve(main=None, options=""):
    port = free_port()
    settings = {"qmqpd_authorized_clients": "127.0.0.0/8", "qmqpd_error_delay": "0", **(main or {})}
    return Instance(main=settings, master=f"127.0.0.1:{port} inet n - n - - qmqpd {options}\n"), port


def test_delivery():
    mta, port = serve()
    with mta:
        answer = ask(port, mail("alice@example.test", "bob@example.test"), last=False)
        queue_id = answer[len("NN:KOk: queued as "):-1]
        assert answer == f"{len(queue_id) + 15}:KOk: queued as {queue_id},", answer
        for box in ("alice", "bob"):
            text = mta.mail(box)
            assert "\tby mx.example.test (Tassis) with QMQP\n\tid " + queue_id in text and text.endswith("\nhello\n"), text
        for line in (r"connect from \S+\[127\.0\.0\.1\]", queue_id + r": client=\S+\[127\.0\.0\.1\]",
                     r"disconnect from \S+\[127\.0\.0\.1\]"):
            mta.wait_log(r"postfix/qmqpd\[\d+\]: " + line + "$")


def test_sender_per_recipient():
    mta, port = serve()
    with mta:
        assert ":KOk" in ask(port, mail("alice@example.test", sender="list-@client.test-@[]"))
        assert "Return-Path: <list-alice=example.test@client.test>\n" in mta.mail("alice")
        assert ask(port, mail("alice@example.test", sender="list@client.test-@[]")) == (
            '69:DError: Invalid VERP delimiters: "t=". Need two characters from "-=+",')


def test_refusals():
    mta, port = serve({"message_size_limit": "2000", "header_checks": "inline:{ {X-Bad: yes = REJECT go away} }"})
    with mta:
        assert ask(port, mail("alice@example.test", text="X-Bad: yes\n\nx\n")) == "21:DError: 5.7.1 go away,"
        assert ask(port, mail()) == "31:DError: no recipients specified,"
        assert ask(port, mail("alice@example.test", text="x" * 2001)) == (
            "71:Dnetstring length exceeds storage limit while receiving message content,")
        assert ask(port, b"QUIT\r\n") == "58:Dnetstring format error while receiving QMQP packet header,"
        assert ask(port, b"99999999999:") == ""
        mta.wait_log(r"qmqpd\[\d+\]: \w+: \S+: lost connection while receiving message content$")
        assert not mta.inbox("alice")


def test_silent_client():
    mta, port = serve({"qmqpd_timeout": "1s"})
    with mta:
        assert ask(port, mail("alice@example.test")[:-3], last=False) == ""
        mta.wait_log(r"qmqpd\[\d+\]: \w+: \S+: read/write timeout while receiving recipient address$")


def test_only_those_named():
    mta, port = serve({"qmqpd_authorized_clients": "127.0.0.2", "qmqpd_client_port_logging": "yes"})
    with mta:
        assert " is not authorized to use this service," in ask(port, b"")
        mta.wait_log(r"qmqpd\[\d+\]: connect from \S+\[127\.0\.0\.1\]:\d+$")
    mta, port = serve({"qmqpd_authorized_clients": "lmdb:/nonexistent"})
    with mta:
        assert ask(port, b"") == "34:ZError: server configuration error,"


def test_many():
    """Postfix's load generator: every message arrives once."""
    need("qmqp-source")
    mta, port = serve()
    with mta:
        subprocess.run(["qmqp-source", "-s", "20", "-m", "100", "-l", "5000", "-f", "sender@client.test", "-t", "alice@example.test",
                        f"127.0.0.1:{port}"], check=True, timeout=60)
        mta.mail("alice", count=100)
        assert len(mta.inbox("alice")) == 100
