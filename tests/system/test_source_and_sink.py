"""The programs that make and take test mail, each with the other and with those of Postfix."""
import contextlib
import itertools
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time

import harness
from harness import Instance, Skipped, free_port, wait_for
from programs import listens, running

OURS, THEIRS = "ours", "theirs"
PAIRS = [pair for pair in itertools.product((OURS, THEIRS), repeat=2) if OURS in pair]
REFUSED = "500 5.3.0 Error: command failed"


def program(name, whose):
    if whose == OURS:
        return str(harness.PREFIX / "sbin" / name)
    path = shutil.which(name, path="/usr/sbin")
    if not path:
        raise Skipped(f"needs {name} of Postfix")
    return path


class Server:
    def __init__(self, folder, port):
        self.folder, self.port, self.address = folder, port, f"127.0.0.1:{port}"

    def said(self):
        return (self.folder / "log").read_bytes().decode(errors="replace")  # CR stays CR

    def files(self):
        return [path.read_bytes() for path in sorted(self.folder.glob("dump*"))]


@contextlib.contextmanager
def sink(whose, *options, name="smtp-sink"):
    with tempfile.TemporaryDirectory(prefix="tassis-test-") as folder:
        server = Server(pathlib.Path(folder), free_port())
        words = [word.replace("FOLDER", folder) for word in options]
        with running(program(name, whose), *words, f"inet:{server.address}", "50", ready=lambda: listens("127.0.0.1", server.port),
                     log=server.folder / "log") as server.process:
            yield server


def source(whose, *words, name="smtp-source", status=0):
    result = subprocess.run([program(name, whose), *words], capture_output=True, timeout=60, env={**os.environ, "TZ": "UTC"})
    result.stdout, result.stderr = result.stdout.decode(), result.stderr.decode()
    assert result.returncode == status, (words, result)
    return result


# -- one with the other


def test_count():
    for one, other in PAIRS:
        with sink(other, "-c") as server:
            said = source(one, "-c", "-s", "5", "-m", "20", "-l", "2000", "-M", "client.test", server.address).stdout
            assert said == "".join(f"{n}\r" for n in range(1, 21)) + "\n", said
            wait_for(lambda: server.said().endswith("sess=21 quit=20 mesg=20\r"), what="20 sessions")  # and that which looked


def test_one_connection():
    for one, other in PAIRS:
        with sink(other, "-c") as server:
            source(one, "-d", "-m", "20", "-s", "2", "-M", "client.test", server.address)
            wait_for(lambda: server.said().endswith("sess=3 quit=2 mesg=20\r"), what="2 sessions")


def comparable(text):
    """Without what is another each time."""
    text = re.sub(rb"\w{3}, \d\d? \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4} \(\w+\)", b"DATE", text)
    text = re.sub(rb"Message-Id: <[0-9a-f.]+@", b"Message-Id: <ID@", text)
    return re.sub(rb" id [0-9a-f]{8};", b" id ID;", text)


COMMON = ["-M", "client.test", "-f", "sender@client.test", "-t", "rcpt@example.test"]
MAILS = [["-r", "3", "-S", "hello"], ["-l", "500"], ["-l", "80"], ["-l", "81"], ["-N", "-r", "2"], ["-o"], ["-L", "-r", "2"], ["-f", ""],
         ["-M", "[192.0.2.1]"]]


def test_same_message():
    for words in MAILS:
        seen = {}
        lmtp = [word for word in words if word == "-L"]
        for one, other in itertools.product((OURS, THEIRS), repeat=2):
            with sink(other, *lmtp, "-d", "FOLDER/dump.", "-h", "sink.test", "-S", "From \\101\\n") as server:
                source(one, *COMMON, *words, server.address)
                seen[one, other] = list(map(comparable, server.files()))
        assert len(set(map(tuple, seen.values()))) == 1 and len(seen[OURS, OURS]) == 1, (words, seen)


def test_dump():
    with sink(OURS, "-d", "FOLDER/dump.%Y.") as server:
        source(OURS, *COMMON, "-t", "grün@example.test", "-r", "2", "-S", "hello", server.address)
        text = comparable(server.files()[0]).decode()
        assert text == (
            "X-Client-Addr: 127.0.0.1\nX-Client-Proto: SMTP\nX-Helo-Args: client.test\nX-Mail-Args: <sender@client.test>\n"
            "X-Rcpt-Args: <2grün@example.test>\nX-Rcpt-Args: <grün@example.test>\nReceived: from client.test ([127.0.0.1])\n"
            "\tby smtp-sink (smtp-sink) with SMTP id ID;\n\tDATE\nFrom: <sender@client.test>\nTo: <grün@example.test>\nDate: DATE\n"
            "Message-Id: <ID@client.test>\nSubject: hello\n\nLa de da de da 1.\nLa de da de da 2.\nLa de da de da 3.\n"
            "La de da de da 4.\n\n"), text
        assert re.fullmatch(r"dump\.\d{4}\.[0-9a-f]{8}", next(server.folder.glob("dump*")).name)


def test_dump_of_many():
    """Each message stays in one piece, and one that is not finished leaves nothing."""
    with sink(OURS, "-D", "FOLDER/dumps/%Y/all", "-S", "START\\n") as server:
        with socket.create_connection(("127.0.0.1", server.port), 20) as client:
            client.sendall(b"MAIL FROM:<>\r\nRCPT TO:<x>\r\nDATA\r\nunfinished\r\n")
            source(OURS, "-s", "10", "-m", "50", "-l", "20000", *COMMON, server.address)
        parts = next(server.folder.glob("dumps/*/all")).read_text().split("START\n")[1:]
        assert len(parts) == 50 and len({len(re.sub(r"Message-Id.*", "", part)) for part in parts}) == 1
        assert not any("unfinished" in part for part in parts) and list(server.folder.glob("dumps/*/*")) == [
            next(server.folder.glob("dumps/*/all"))]


def test_file():
    with tempfile.TemporaryDirectory(prefix="tassis-test-") as folder, sink(OURS, "-d", "FOLDER/dump.") as server:
        path = pathlib.Path(folder, "mail")
        path.write_bytes(b"Subject: x\n\n.dot\n..two\nno end")
        source(OURS, "-F", str(path), server.address)
        assert server.files()[0].endswith(b"\nSubject: x\n\n.dot\n..two\nno end\n\n"), server.files()
        assert "-l option cannot be used with -F" in source(OURS, "-F", str(path), "-l", "5", server.address, status=1).stderr


def test_unix_socket():
    for one, other in PAIRS:
        with tempfile.TemporaryDirectory(prefix="tassis-test-") as folder:
            path = pathlib.Path(folder, "sock")
            with running(program("smtp-sink", other), "-d", f"{folder}/dump.", f"unix:{path}", "5", ready=path.exists,
                         log=pathlib.Path(folder, "log")):
                wait_for(lambda: listens(path), what="the socket")
                source(one, "-m", "3", *COMMON, f"unix:{path}")
                dumps = [dump.read_text() for dump in pathlib.Path(folder).glob("dump*")]
                assert len(dumps) == 3 and all(dump.startswith("X-Client-Addr: local\n") for dump in dumps), dumps


def test_pace_and_family():
    with sink(OURS, "-c") as server:
        for words, least in ((["-w", "1", "-m", "2"], 1), (["-R", "1", "-m", "3"], 0), (["-4", "-T", "4096", "-v"], 0)):
            begun = time.monotonic()
            source(OURS, *words, server.address)
            assert time.monotonic() - begun >= least, words
        wait_for(lambda: server.said().endswith("mesg=6\r"), what="6 messages")
        source(OURS, "-6", server.address, status=1)


# -- a server that does not say yes

REFUSALS = [("CONNECT", "rejected at server banner"), ("HELO", "HELO rejected"), ("MAIL", "sender rejected"),
            ("RCPT", "recipient rejected"), ("DATA", "data rejected"), (".", "end of data rejected")]


def test_refusals():
    for (one, other), (command, text) in itertools.product(PAIRS, REFUSALS):
        with sink(other, "-f", command) as server:
            said = source(one, "-m", "2", server.address, status=1).stderr
            assert f"fatal: {text}: {REFUSED}" in said, said
            said = source(one, "-A", "-m", "2", "-d", server.address).stderr
            assert f"warning: {text}: {REFUSED}" in said, said


def test_server_that_goes():
    for one, other in PAIRS:
        for command, text in (("MAIL", "sending sender"), (".", "sending message")):
            with sink(other, "-q", command) as server:
                said = source(one, server.address, status=1).stderr
                assert f"fatal: lost connection while {text}" in said, said
    with sink(OURS, "-Q", "QUIT") as server:
        source(OURS, "-m", "2", server.address)
    said = source(OURS, "-C", "3", f"127.0.0.1:{free_port()}", status=1).stderr
    assert said == ("smtp-source: warning: connect: Connection refused\n" * 2
                    + "smtp-source: fatal: connect: Connection refused\n"), said


def test_patience():
    """Another try finds the server that was not there before."""
    port = free_port()
    with subprocess.Popen([program("smtp-source", OURS), "-C", "100000", f"127.0.0.1:{port}"], stderr=subprocess.PIPE) as waiting:
        assert b"connect: Connection refused" in waiting.stderr.readline()
        with tempfile.TemporaryDirectory(prefix="tassis-test-") as folder, \
                running(program("smtp-sink", OURS), f"127.0.0.1:{port}", "5", ready=lambda: listens("127.0.0.1", port),
                        log=pathlib.Path(folder, "log")):
            waiting.stderr.read()
            assert waiting.wait(20) == 0


# -- what the server says, line by line

MAIL = ["MAIL FROM:<a@b>", "RCPT TO:<c@d>", "DATA", "text\r\n.", "QUIT"]
SMTP, LMTP = ["EHLO client.test", *MAIL], ["LHLO client.test", *MAIL]
TALKS = [
    ([], ["HELO x", "EHLO", "LHLO x", "MAIL FROM:<a@b>", "mail from:<a@b>", "RCPT TO:<c@d>", "rcpt", "DATA", "a\r\n..\r\n.", "DATA",
          "RCPT TO:<c@d>", "VRFY x", " NOOP", "RSET", "foo", "", ".", "XCLIENT A=b", "XFORWARD A=b", "AUTH LOGIN", "STARTTLS", "CONNECT",
          "MAIL FROM:<x>", "EHLO y", "MAIL FROM:<x>", "quit"]),
    *[([option], [*SMTP[:-1], "XCLIENT A=b", "XFORWARD A=b", "QUIT"]) for option in "-8 -a -C -e -E -F -N -p -P".split()],
    (["-h", "mx.example.test"], SMTP),
    (["-L"], LMTP), (["-L"], SMTP), (["-L", "-e"], LMTP),
    (["-L"], ["LHLO x", "MAIL FROM:<>", "RCPT TO:<a>", "RCPT TO:<b>", "DATA", ".", "NOOP", "QUIT"]),
    *[(["-f", command], SMTP) for command in ("CONNECT", "EHLO helo", "MAIL,RCPT", ".", "data", "QUIT")],
    *[(["-r", command], SMTP) for command in ("connect", "RCPT", ".", "QUIT")],
    *[(["-q", command], SMTP) for command in ("CONNECT", "EHLO", "RCPT", "DATA", ".", "QUIT")],
    *[(["-Q", command], SMTP) for command in ("CONNECT", "MAIL RCPT", ".", "QUIT")],
    (["-f", "RCPT", "-r", "RCPT, MAIL", "-B", "511 5.1.1 never", "-b", "411 later"], SMTP),
    (["-f", "RCPT", "-q", "RCPT"], SMTP), (["-r", "RCPT", "-Q", "RCPT"], SMTP), (["-Q", "RCPT", "-q", "RCPT"], SMTP),
    (["-A", "0"], SMTP), (["-L", "-f", "."], LMTP),
]


def read_reply(stream):
    lines = []
    with contextlib.suppress(ConnectionResetError):
        while not lines or lines[-1][3:4] == b"-":
            lines.append(stream.readline())
            if not lines[-1]:
                break
    return lines


def talk(whose, options, lines):
    with sink(whose, *options) as server, socket.create_connection(("127.0.0.1", server.port), 20) as client, \
            client.makefile("rb") as stream:
        said = read_reply(stream)
        for line in lines:
            try:
                client.sendall(line.encode() + b"\r\n")
            except (BrokenPipeError, ConnectionResetError):
                break
            said += read_reply(stream)
        return [line for line in said if line]


def test_replies_are_those_of_postfix():
    for options, lines in TALKS:
        ours, theirs = talk(OURS, options, lines), talk(THEIRS, options, lines)
        assert ours == theirs, (options, ours, theirs)


def test_replies():
    said = b"".join(talk(OURS, [], ["EHLO x", *MAIL])).decode().split("\r\n")
    assert said == ["220 smtp-sink ESMTP", "250-smtp-sink", "250-PIPELINING", "250-8BITMIME", "250-AUTH PLAIN LOGIN",
                    "250-XCLIENT NAME HELO", "250-XFORWARD NAME ADDR PROTO HELO", "250-ENHANCEDSTATUSCODES", "250-DSN", "250 ",
                    "250 2.1.0 Ok", "250 2.1.5 Ok", "354 End data with <CR><LF>.<CR><LF>", "250 2.0.0 Ok", "221 Bye", ""], said


DELAYS = [["-W", "rcpt:1"], ["-w", "1"], ["-H", "1"], ["-A", "1"]]


def test_delays():
    for options in DELAYS:
        begun = time.monotonic()
        said = talk(OURS, options, SMTP)
        assert time.monotonic() - begun >= 1, options
        assert (b"550 This violates SMTP\r\n" in said) == ("-A" in options), said


def test_silence_and_long_lines():
    with sink(OURS, "-t", "1", "-v") as server:
        for begin in (b"NOOP\r\nNOO", b"NOOP " + b"x" * 5000):
            with socket.create_connection(("127.0.0.1", server.port), 20) as client, contextlib.suppress(ConnectionResetError):
                client.sendall(begin)
                while client.recv(4096):
                    pass
        wait_for(lambda: "command line too long" in server.said(), what="the long line")
        assert "smtp-sink: warning: read timeout\n" in server.said() and "smtp-sink: NOOP\n" in server.said()


def test_end():
    for options, status in ((["-M", "3"], 0), (["-n", "4"], 0)):  # the first session looked whether it listens
        with sink(OURS, *options) as server:
            source(OURS, "-m", "3", server.address)
            assert server.process.wait(20) == status


def test_sessions_wait():
    """With room for one the second is served when the first has gone."""
    with sink(OURS, "-m", "1") as server:
        with socket.create_connection(("127.0.0.1", server.port), 20) as first, first.makefile("rb") as stream:
            assert stream.readline().startswith(b"220 ")
            second = subprocess.Popen([program("smtp-source", OURS), server.address])
            first.sendall(b"NOOP\r\nQUIT\r\n")
            assert len(stream.read().splitlines()) == 2
        assert second.wait(20) == 0


WRONG = [
    ("smtp-sink", ["-f", "foo", ":1", "5"], "unknown command: foo"), ("smtp-sink", ["-B", "411 x", ":1", "5"], "bad hard error reply: 411 x"),
    ("smtp-sink", ["-W", "rcpt", ":1", "5"], "invalid command delay argument: rcpt"),
    ("smtp-sink", ["-W", "rcpt:1:100", ":1", "5"], "delay odds for 'rcpt' out of range"),
    ("smtp-sink", ["-d", "x", "-D", "x", ":1", "5"], "use only one of -d or -D, but not both"), ("smtp-sink", [":1"], "usage: "),
    ("smtp-sink", ["-t", "0", ":1", "5"], "bad timeout: 0"), ("smtp-sink", ["127.0.0.1:nosuch", "5"], "nosuch"),
    ("smtp-sink", ["unix:/dev/null/x", "5"], "/dev/null/x: Not a directory"),
    ("smtp-source", ["-m", "0", "x"], "bad message count: 0"), ("smtp-source", ["-R", "1", "-w", "1", "x"], "do not use -w and -R"),
    ("smtp-source", ["-M", "a b", "x"], "bad hostname: a b"), ("smtp-source", ["-F", "/nonexistent", "x"], "/nonexistent"),
    ("smtp-source", ["nosuch.invalid"], "fatal: nosuch.invalid: "), ("qmqp-sink", ["-x", "0", ":1", "5"], "usage: "),
    ("qmqp-source", ["-l", "0", "x"], "bad message length: 0"), ("qmqp-source", [], "usage: "),
]


def test_wrong_calls():
    for name, words, text in WRONG:
        said = source(OURS, *words, name=name, status=1).stderr
        assert text in said and said.startswith(f"{name}: "), (name, words, said)


# -- QMQP


def test_qmqp():
    for one, other in PAIRS:
        with sink(other, "-c", name="qmqp-sink") as server:
            said = source(one, "-c", "-s", "5", "-m", "20", "-r", "3", "-l", "5000", server.address, name="qmqp-source").stdout
            assert said == "".join(f"{n}\r" for n in range(1, 21)) + "\n", said
            wait_for(lambda: server.said().endswith("20\r"), what="20 messages")


def request_of(whose, *words):
    """What it sends, and what it says when that is refused."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        with subprocess.Popen([program("qmqp-source", whose), *words, address], stderr=subprocess.PIPE) as sender:
            client, _ = listener.accept()
            with client, client.makefile("rb") as stream:
                length = b"".join(iter(lambda: stream.read(1), b":"))
                packet = stream.read(int(length) + 1)
                client.sendall(b"8:Dgo away,")
            said = sender.communicate(timeout=20)[1].decode()
    packet = re.sub(rb"Message-Id: <\w+@", lambda found: b"Message-Id: <" + b"I" * (len(found[0]) - 14) + b"@", packet)
    return re.sub(rb"Message-Id: <I+@.*?\n\n.*?,(?=\d+:)", b"", comparable(packet), flags=re.S), said.rpartition("fatal: ")[2].strip()


def test_qmqp_request():
    for words in ([], ["-r", "3"], ["-l", "50"], ["-l", "20000"]):
        ours, theirs = (request_of(whose, *COMMON, *words) for whose in (OURS, THEIRS))
        assert ours == theirs and ours[1] == "unrecoverable error: go away", (ours, theirs)


def test_qmqp_sink_refuses():
    with sink(OURS, "-v", name="qmqp-sink") as server:
        for packet in (b"x", b"3:abcx", b"99999999999999999999:", b"3:a"):
            with socket.create_connection(("127.0.0.1", server.port), 20) as client:
                client.sendall(packet)
                client.shutdown(socket.SHUT_WR)
                assert client.recv(100) == b"", packet
        assert server.said().count("warning: netstring format error") == 2, server.said()
    with sink(OURS, "-x", "1", name="qmqp-sink") as server:
        assert server.process.wait(20) == 0


# -- the suite itself


def test_suite():
    port = free_port()
    with Instance(main={"qmqpd_authorized_clients": "127.0.0.0/8"}, master=f"127.0.0.1:{port} inet n - n - - qmqpd\n") as mta:
        people = ["-f", "sender@client.test", "-t", "alice@example.test"]
        source(OURS, "-s", "5", "-m", "20", *people, f"127.0.0.1:{mta.port}")
        source(OURS, "-s", "5", "-m", "20", *people, f"127.0.0.1:{port}", name="qmqp-source")
        mta.mail("alice", count=40)
        assert len(mta.inbox("alice")) == 40
