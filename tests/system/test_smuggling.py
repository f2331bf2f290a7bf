"""SMTP smuggling: no line ends but the one true one end a message, whatever they are mixed from; and what we
send on cannot be misread by the next."""
import itertools
import re
import socket

from harness import Instance, Sink, wait_for

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
