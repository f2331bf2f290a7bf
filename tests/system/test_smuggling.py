"""SMTP smuggling: no line ends but the one true one end a message, whatever they are mixed from; and what we
send on cannot be misread by the next."""
import itertools
import json
import os
import pathlib
import re
import socket

from harness import Instance, Sink, Skipped, wait_for

# What somebody may take for the end of a message: a dot between any two of these. (Not where CR LF . CR LF is
# in it: that is the end, whatever stands before.)
LINE_ENDS = ("\n", "\r", "\r\n", "\r\r\n", "\0\n", "\n\0", "\r\0\n")
END = "\r\n"
SEQUENCES = [f"{before}.{after}" for before, after in itertools.product(LINE_ENDS, LINE_ENDS) if END + "." + END not in f"{before}.{after}"]
HIDDEN = "MAIL FROM:<smuggled@client.test>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\nSubject: smuggled\r\n\r\nx"


def deliver(port, sequence, sender="a@client.test"):
    """The replies to a message with the sequence and a session behind it inside."""
    with socket.create_connection(("127.0.0.1", port), 20) as client, client.makefile("rb") as replies:
        def reply():
            while (line := replies.readline())[3:4] == b"-":
                pass
            return line

        reply()
        for command in ("EHLO client.test", f"MAIL FROM:<{sender}>", "RCPT TO:<alice@example.test>", "DATA"):
            client.sendall(command.encode() + b"\r\n")
            last = reply()
        assert last.startswith(b"354"), last
        client.sendall(f"Subject: outer\r\n\r\ntext{sequence}{HIDDEN}\r\n.\r\nQUIT\r\n".encode("latin-1"))
        heard = []
        while line := reply():
            heard.append(line.decode())
        return heard


# Nobody is excused for being in mynetworks.
STRANGERS = {"smtpd_forbid_bare_newline_exclusions": "", "smtpd_client_connection_rate_limit": "0"}

# What may stand behind DATA, up to its end: and the text that arrives, with plain line ends.
READ = {
    ".\r\n": "",
    ".dot\r\n.\r\n": "dot\n",
    "..dot\r\n.\r\n": ".dot\n",
    "...\r\n.\r\n": "..\n",
    "a.\r\n.\r\n": "a.\n",
    ". \r\n.\r\n": " \n",
    "\r\n\r\n.\r\n": "\n\n",
    "..a\nb.\n\r\n.\r\n": ".a\nb.\n\n",
}


def hand_over(port, content):
    """All replies behind the 354: to the content, given as the body, and to QUIT behind it."""
    with socket.create_connection(("127.0.0.1", port), 20) as client, client.makefile("rwb") as io:
        def reply():
            while (line := io.readline())[3:4] == b"-":
                pass
            return line.decode()

        reply()
        for command in ("EHLO client.test", "MAIL FROM:<a@client.test>", "RCPT TO:<alice@example.test>", "DATA"):
            io.write(command.encode() + b"\r\n")
            io.flush()
            last = reply()
        assert last.startswith("354"), last
        io.write(b"Subject: x\r\n\r\n" + content.encode("utf-8", "surrogateescape"))
        io.flush()
        client.shutdown(socket.SHUT_WR)
        return [line for line in iter(reply, "")]


def newest(mta, count):
    """The bodies of that many messages, as they are."""
    mta.mail("alice", count)
    return [path.read_bytes().split(b"\n\n", 1)[1].decode("utf-8", "surrogateescape") for path in mta.inbox("alice")]


def test_what_is_read():
    with Instance(main=STRANGERS) as mta:
        for count, (content, text) in enumerate(READ.items(), 1):
            replies = hand_over(mta.port, content)
            assert len(replies) == 1 and replies[0].startswith("250"), (content, replies)
            assert text in newest(mta, count), (content, text)
        # What does not end is no message.
        for content in ("a\r\n", "a\n.\n", "a\r\n.\r", "a\r\n.", "a\r.\r"):
            assert not any(line.startswith("250") for line in hand_over(mta.port, content)), content
        assert len(mta.inbox("alice")) == len(READ) and not mta.queued()


def vectors():
    """Of others who looked for such holes; VECTORS is the folder that they lie in."""
    path = pathlib.Path(os.environ.get("VECTORS", "/nonexistent"), "smtp/smuggle.jsonl")
    if not path.exists():
        raise Skipped("needs the vectors in $VECTORS")
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]


def test_vectors():
    """A sequence ends a message only where it should; content that is good is read as it should be, and what is
    not is refused, or taken as one message without stray line ends."""
    cases = vectors()
    with Instance(main=STRANGERS) as mta:
        count = 0
        for case in cases:
            if case["kind"] == "end-of-data":
                replies = deliver(mta.port, case["seq"])
                assert case["is_end"] == any("smuggled" in line for line in replies) or len(replies) <= 2, (case, replies)
            elif case["kind"] == "data-read":
                replies = hand_over(mta.port, case["in"])
                ends = "\r\n.\r\n" in "\r\n" + case["in"]
                assert len(replies) <= 1 or not ends, (case, replies)
                assert replies and replies[0].startswith("250") if case["valid"] else not ends or replies[0][0] in "25", (case, replies)
            else:
                continue
            count += bool(replies) and replies[0].startswith("250")
            if count:
                bodies = newest(mta, count)
                assert not any("\r" in body for body in bodies), case
            if case.get("valid"):
                assert case["out"].replace("\r\n", "\n") in bodies, case
        wait_for(lambda: not mta.queued(), what="an empty queue")
        assert len(mta.inbox("alice")) == count and not mta.inbox("bob") and "smuggled@client.test" not in mta.log()


def test_vectors_out():
    """Content that must not be written as it is goes out with clean line ends."""
    contents = [case["in"] for case in vectors() if case["kind"] == "data-write"]
    sink = Sink()
    with Instance(main={"relayhost": f"[127.0.0.1]:{sink.port}", "virtual_mailbox_domains": ""}) as mta:
        for content in contents:
            mta.run("sendmail", "-f", "a@client.test", "x@far.test", input="Subject: x\r\n\r\n" + content, check=True)
        wait_for(lambda: len(sink.messages) >= len(contents), 60, "the messages")
        assert len(sink.messages) == len(contents)
        assert not any(re.search(rb"\r(?!\n)|(?<!\r)\n", text) for _, _, text in sink.messages)


def test_nothing_is_smuggled_in():
    for how in ("normalize", "reject", "yes"):
        main = {"smtpd_forbid_bare_newline": how, "smtpd_forbid_bare_newline_exclusions": "", "smtpd_client_connection_rate_limit": "0"}
        with Instance(main=main) as mta:
            taken = 0
            for sequence in SEQUENCES:
                replies = deliver(mta.port, sequence)
                assert len(replies) <= 2, (how, sequence, replies)  # one for the message, one for QUIT
                assert replies[0][:3] in ("250", "550", "521"), (how, sequence, replies)
                taken += replies[0].startswith("250")
            assert taken or how != "normalize"
            if taken:
                mta.mail("alice", taken)
            wait_for(lambda: not mta.queued(), what="an empty queue")
            assert not mta.inbox("bob") and len(mta.inbox("alice")) == taken, how
            assert "smuggled@client.test" not in mta.log()


def test_nothing_is_smuggled_out():
    """Raw bytes that another server gets of such a message: each CR is before an LF, each LF behind a CR."""
    sink = Sink()

    with Instance(main={"relayhost": f"[127.0.0.1]:{sink.port}", "virtual_mailbox_domains": "", "smtpd_forbid_bare_newline": "no"}) as mta:
        for number, sequence in enumerate(SEQUENCES):
            text = f"Subject: n{number}\r\n\r\ntext{sequence}more\r\n"
            mta.run("sendmail", "-f", "a@client.test", "x@far.test", input=text.encode("latin-1"), check=True)
        wait_for(lambda: len(sink.messages) >= len(SEQUENCES), 60, "the messages")
        for _, _, text in sink.messages:
            assert not re.search(rb"\r(?!\n)|(?<!\r)\n", text), text
        assert len(sink.messages) == len(SEQUENCES)
