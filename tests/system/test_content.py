"""What cleanup makes of content that others could stumble over: 8 bits, and headers without an end."""
import re

from harness import Instance

MIXED = b"""\
From: ann@client.test
Subject: mixed
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b
Content-Transfer-Encoding: 8bit

--b
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

Gr\xc3\xbc\xc3\x9fe =
--b
Content-Type: text/plain

plain
--b--
""".replace(b"\n", b"\r\n")


def submit(mta, text):
    with mta.smtp() as client:
        client.docmd("MAIL FROM:<ann@client.test> BODY=8BITMIME")
        client.rcpt("alice@example.test")
        return client.data(text)


def test_conversion_to_7_bits():
    """Before filters see it, and header and body checks, so a signature made here stays good anywhere."""
    main = {"force_mime_input_conversion": "yes", "mime_header_checks": "regexp:{{/^Content-Transfer-Encoding: 8bit/ REJECT}}",
            "body_checks": "regexp:{{/^Gr=C3=BC/ WARN seen}}"}
    with Instance(main=main) as mta:
        assert submit(mta, MIXED)[0] == 250
        text = mta.mail("alice")
        assert text.isascii() and "Gr=C3=BC=C3=9Fe =3D\n" in text, text
        assert "\nContent-Transfer-Encoding: quoted-printable\n\nGr" in text and "\nContent-Type: text/plain\n\nplain\n" in text, text
        assert re.search(r"^Content-Transfer-Encoding: 7bit$", text.split("\n\n")[0], re.M), text
        mta.wait_log(r"warning: body Gr=C3=BC=C3=9Fe =3D from ")
        # What claims nothing stays as it is, and so does all of it where it is not wanted.
        assert submit(mta, b"Subject: bare\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n")[0] == 250
        mta.mail("alice", 2)
        assert any("\nGrüße\n" in path.read_text() for path in mta.inbox("alice"))
        mta.configure(force_mime_input_conversion="no", mime_header_checks="", body_checks="")
        assert submit(mta, MIXED.replace(b"mixed", b"kept"))[0] == 250
        mta.mail("alice", 3)
        assert any("Grüße =" in path.read_text() for path in mta.inbox("alice"))


def test_header_without_an_end():
    """A line that is neither header nor empty: quietly put right, or told, or refused."""
    text = b"Subject: open\r\nthis is no header\r\nand: neither is this\r\n"
    with Instance() as mta:
        assert submit(mta, text)[0] == 250
        mail = mta.mail("alice")
        assert "\n\nthis is no header\nand: neither is this\n" in mail and "MIME-Error" not in mail, mail
        mta.configure(non_empty_end_of_header_action="add_header")
        assert submit(mta, text.replace(b"open", b"told"))[0] == 250
        mta.mail("alice", 2)
        mail = next(path.read_text() for path in mta.inbox("alice") if "Subject: told" in path.read_text())
        assert "\nMIME-Error: message header was not terminated by empty line\n\nthis is no header\n" in mail, mail
        mta.configure(non_empty_end_of_header_action="reject")
        code, said = submit(mta, text)
        assert (code, said) == (550, b"5.6.0 message header was not terminated by empty line"), (code, said)
        mta.wait_log(r"cleanup\[\d+\]: \w+: reject: mime-error message header was not terminated by empty line: this is no header from "
                     r"unknown\[127\.0\.0\.1\]; from=<ann@client\.test> to=<alice@example\.test>")
        for good in (b"Subject: x\r\n\r\nx\r\n", b"Subject: x\r\n", b"Subject: x\r\n\r\n"):
            assert submit(mta, good)[0] == 250, good


def test_queue_id_in_log_and_trace():
    """Whether cleanup is asked for it on the way (much content, a recipient refused) or not."""
    main = {"smtpd_recipient_restrictions": "inline:{nobody@example.test=REJECT}, permit_mynetworks, reject"}
    with Instance(main=main) as mta:
        for body, recipients in ((b"x\r\n", ["alice"]), (b"y" * 70 * 998 + b"\r\n", ["alice"]), (b"z\r\n", ["alice", "nobody"])):
            with mta.smtp() as client:
                client.ehlo("client.test")
                client.mail("ann@client.test")
                for name in recipients:
                    client.rcpt(f"{name}@example.test")
                code, text = client.data(b"Subject: x\r\n\r\n" + body)
            assert code == 250, text
            queue_id = text.split()[-1].decode()
            mta.wait_log(f"{queue_id}: removed")
            lines = re.findall(rf"postfix/(\w+)\[(\d+)\]: {queue_id}: (reject|client=|message-id=|from=)", mta.log())
            expected = ["client="] + ["reject"] * (len(recipients) - 1) + ["message-id=", "from="]
            assert [event for _, _, event in lines] == expected, mta.log()
            assert lines[0][:2] == ("smtpd", str(mta.processes("smtpd")[0])), lines
            assert any(f"with ESMTP id {queue_id}\n" in path.read_text() for path in mta.inbox("alice"))
        with mta.smtp() as client:
            client.helo("client.test")
            client.mail("ann@client.test")
            client.rcpt("alice@example.test")
        mta.wait_log(r"smtpd\[\d+\]: \w+: client=.*\n.*disconnect from .* rcpt=1 quit=1")
        mta.run("sendmail", "-i", "alice@example.test", input="Subject: by hand\n\n", check=True)
        log = mta.wait_log(r"pickup\[\d+\]: (\w+): uid=\d+ from=<[^>]+>\n.*cleanup\[\d+\]: \1: message-id=") and mta.log()
        queue_id = re.findall(r"(\w+): uid=", log)[-1]
        mta.wait_log(f"{queue_id}: removed")
        assert any(f"\tid {queue_id}; " in path.read_text() for path in mta.inbox("alice"))
