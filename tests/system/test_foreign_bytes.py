"""What a client says does not pass for words of ours: control bytes of addresses in replies, log and mail."""
import re
import socket

from harness import Instance


def talk(mta, *commands):
    """One after the other; the replies."""
    with socket.create_connection(("127.0.0.1", mta.port), 30) as client, client.makefile("rwb") as stream:
        replies = [stream.readline()]
        for command in commands:
            stream.write(command + b"\r\n")
            stream.flush()
            while (line := stream.readline())[3:4] == b"-":
                pass
            replies.append(line)
    return replies[1:]


def test_control_bytes():
    with Instance() as mta:
        replies = talk(mta, b"EHLO client.test", b'MAIL FROM:<"a\x01b"@client.test>', b'RCPT TO:<"no\x1b[1m\x7f"@example.test>')
        assert replies[2].startswith(b"550 5.1.1 <no [1m @example.test>: Recipient address rejected: "), replies
        mta.wait_log(r"NOQUEUE: reject: RCPT from \S+: 550 5\.1\.1 <no \[1m @example\.test>: Recipient address rejected: [^;]+; "
                     r'from=<"a\?b"@client\.test> to=<"no\?\[1m\?"@example\.test> proto=ESMTP helo=<client\.test>$')


def test_quoted_white_space():
    """It is a blank, as in Postfix: a CR that just vanished would make another address of it."""
    with Instance(main={"virtual_mailbox_maps": "static:alice/"}) as mta:
        replies = talk(mta, b"EHLO client.test", b'MAIL FROM:<"a\tb"@client.test>', b'RCPT TO:<"c\rd"@example.test>', b"DATA",
                       b"Subject: x\r\n\r\nhello\r\n.")
        assert replies[-1].startswith(b"250 "), replies
        text = mta.mail("alice")
        assert 'Return-Path: <"a b"@client.test>' in text and 'Delivered-To: "c d"@example.test' in text, text


def test_helo_after_ehlo():
    """It stays ESMTP for those who have once said EHLO."""
    with Instance() as mta:
        replies = talk(mta, b"EHLO client.test", b"HELO client.test", b"MAIL FROM:<a@client.test>", b"RCPT TO:<alice@example.test>", b"DATA",
                       b"Subject: x\r\n\r\nhello\r\n.")
        assert replies[-1].startswith(b"250 "), replies
        assert re.search(r"^\tby \S+ \(\w+\) with ESMTP id ", mta.mail("alice"), re.M)
