"""The administrator's commands about the queue as a whole and about several instances."""
import os
import subprocess
import time

from harness import Instance

POSTFIX_QSHAPE = "/usr/sbin/qshape"


def record(kind, text):
    data = text.encode()
    length = bytes([len(data)]) if len(data) < 128 else bytes([len(data) & 127 | 128, len(data) >> 7])
    return kind.encode() + length + data


def put_message(mta, queue, number, age_minutes, sender, recipients, done=(), subject="x", text="hello"):
    """A queue file; done recipients have had their mail."""
    arrival = int(time.time() - age_minutes * 60) - 1
    envelope = record("T", f"{arrival} 1000") + record("A", f"create_time={arrival}") + record("S", sender)
    for recipient in recipients:
        envelope += record("O", recipient) + record("D" if recipient in done else "R", recipient)
    content = record("N", f"Subject: {subject}") + record("N", "") + record("N", text)
    size = "".join(f"{n:15d} " for n in (len(content), 97 + len(envelope) + 2, len(recipients), 0, len(content), 0))
    folder = mta.queue / queue
    folder.mkdir(exist_ok=True)
    path = folder / f"A{number:09X}"
    path.write_bytes(record("C", size[:-1]) + envelope + record("M", "") + content + record("X", "") + record("E", ""))
    path.chmod(0o700)
    return path


LONG = "a-very-long-domain-name-that-does-not-fit-in-the-line.example.com"


def fill(mta):
    put_message(mta, "incoming", 1, 12, "b@two.example", ["x@[192.0.2.1]"])
    put_message(mta, "active", 2, 3, "b@two.example", ["x@dest.example"])
    put_message(mta, "active", 3, 0, "b@two.example", ["x@dest.example"]).chmod(0o600)  # not complete yet
    put_message(mta, "deferred", 4, 1, "a@one.example", ["x@Dest.example", "y@dest.example", "z@other.example"])
    put_message(mta, "deferred", 5, 7, "a@one.example", ["x@dest.example"])
    put_message(mta, "deferred", 6, 100, "", ["x@sub.dest.example", "root"])
    put_message(mta, "deferred", 7, 9999, "b@two.example", [f"x@{LONG}", "q@dest.example"], ["q@dest.example"])
    for i in range(6):
        put_message(mta, "hold", 10 + i, 30, f"b@s{i}.par.example", [f"x@{'abcdef'[i] * (i + 1)}.par.example"])
    put_message(mta, "many", 20, 1, "a@b.example", [f"u{i}@big.example" for i in range(1234)])


def qshape(mta, *arguments):
    return mta.run("qshape", *arguments, check=True).stdout


def text_of(output):
    return output if isinstance(output, str) else output.decode()


def test_qshape_table():
    with Instance(start=False) as mta:
        fill(mta)
        assert text_of(qshape(mta)).splitlines() == [
            "                                         T  5 10 20 40 80 160 320 640 1280 1280+",
            "                                  TOTAL  2  1  0  1  0  0   0   0   0    0     0",
            "                            [192.0.2.1]  1  0  0  1  0  0   0   0   0    0     0",
            "                           dest.example  1  1  0  0  0  0   0   0   0    0     0",
        ]
        lines = text_of(qshape(mta, "deferred")).splitlines()
        assert lines[-1] == "+t-does-not-fit-in-the-line.example.com  1  0  0  0  0  0   0   0   0    0     1"
        lines = text_of(qshape(mta, "-s", "-b", "2", "-t", "10", "deferred")).splitlines()
        assert [line.split() for line in lines[1:]] == [
            ["TOTAL", "4", "2", "2"],
            ["one.example", "2", "2", "0"],
            ["two.example", "1", "0", "1"],
            ["MAILER-DAEMON", "1", "0", "1"],
        ]


def test_qshape_is_that_of_postfix():
    """Byte for byte, but for the order of what has the same number and length of name."""
    if not os.path.exists(POSTFIX_QSHAPE):
        return
    with Instance(start=False) as mta:
        fill(mta)
        for words in ("incoming active", "deferred", "-s deferred", "-l deferred", "-b 3 -t 10 deferred", "-p hold",
                      "-p -m 1 deferred", "-p -m 7 hold", "-w 120 hold deferred", "-b 1 hold", "-b -1 -t 0 hold",
                      "-t 1.5 hold", "-t 1 -b 20 deferred", "many"):
            *options, last = words.split()
            queues = [word for word in [*options, last] if (mta.queue / word).is_dir()]
            options = [word for word in options if word not in queues]
            paths = [str(mta.queue / name) for name in queues]
            theirs = subprocess.run([POSTFIX_QSHAPE, *options, *paths], stdout=subprocess.PIPE, check=True).stdout
            ours = text_of(qshape(mta, *options, *queues))
            assert sorted(ours.splitlines()) == sorted(theirs.decode().splitlines()), (words, ours, theirs)


def test_qshape_troubles():
    with Instance(start=False) as mta:
        fill(mta)
        (mta.queue / "hold" / "A00000000A").write_bytes(b"\xff" * 100)
        (mta.queue / "hold" / "A00000000A").chmod(0o700)
        result = mta.run("qshape", "nosuch", "hold")
        assert result.returncode == 0 and "TOTAL  5" in text_of(result.stdout), result
        assert f"open queue directory {mta.queue}/nosuch: No such file" in text_of(result.stderr), result
        assert f"{mta.queue}/hold/A00000000A: " in text_of(result.stderr), result
        assert mta.run("qshape", "-b", "x").returncode == 1
