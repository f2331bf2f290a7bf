"""mailq for people: columns that fit the terminal, relative ages, colour; the classic form for everybody else."""
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import termios
import threading

from harness import Instance

LONG = "a-very-long-local-part-of-an-address-that-no-terminal-has-room-for-beside-all-the-rest@client.test"


def on_terminal(mta, columns=80, **environment):
    """What `postqueue -p` writes to a terminal."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    variables = {**os.environ, "MAIL_CONFIG": str(mta.etc), "TERM": "xterm", "TZ": "UTC", **environment}
    for name in ("COLUMNS", "NO_COLOR"):
        if name not in environment:
            variables.pop(name, None)
    command = [mta.command("postqueue"), "-c", str(mta.etc), "-p"]
    with subprocess.Popen(command, stdout=slave, stderr=subprocess.PIPE, env=variables) as process:
        os.close(slave)
        text = b""
        while True:
            try:
                piece = os.read(master, 65536)
            except OSError:  # the other side is closed
                break
            if not piece:
                break
            text += piece
        assert process.wait() == 0, process.stderr.read()
    os.close(master)
    return text.decode().replace("\r\n", "\n")


def plain(text):
    return re.sub(r"\033\[\d+m", "", text)


def queue_some(mta):
    """One message on hold, one deferred with two recipients, whose sender is a handful."""
    held = mta.send("hold@far.test", "Subject: x\n\nx\n")
    deferred = mta.send(["a@far.test", "b@far.test"], "Subject: y\n\n" + "y" * 70 + "\n", sender=LONG)
    mta.wait_log(f"{deferred}: to=<b@far.test>.*status=deferred")
    return held, deferred


MAIN = {
    "smtpd_recipient_restrictions": "check_recipient_access inline:{{hold@far.test=HOLD}}",
    "default_transport": "smtp:[127.0.0.1]:1",
}


def test_columns_and_colour():
    with Instance(main=MAIN) as mta:
        assert plain(on_terminal(mta)) == "Mail queue is empty\n"
        held, deferred = queue_some(mta)
        text = on_terminal(mta)
        assert f"\033[1m{held}\033[0m" in text and "\033[33mdeferred\033[0m" in text and "\033[36mhold\033[0m" in text
        lines = plain(text).splitlines()
        assert re.fullmatch(r"QUEUE ID +AGE +SIZE  QUEUE +SENDER, RECIPIENTS", lines[0]), lines[0]
        assert any(re.fullmatch(rf"{held} +\d+s +\d+  hold +sender@client\.test", line) for line in lines), lines
        assert any(re.fullmatch(rf"{deferred} +\d+s +\d+  deferred +a-very-long.*\.\.", line) for line in lines), lines
        # The reason stands once.
        assert "    a@far.test  connect to 127.0.0.1[127.0.0.1]:1: Connection refused" in lines, lines
        assert "    b@far.test" in lines, lines
        assert re.fullmatch(r"2 messages, [\d.]+K?", lines[-1]), lines[-1]
        column = lines[0].index("SENDER")
        assert all(line[column - 1] == " " for line in lines[1:] if line.startswith((held, deferred)))


def test_width():
    with Instance(main=MAIN) as mta:
        queue_some(mta)
        for columns, environment, limit in ((80, {}, 80), (132, {}, 132), (50, {}, 50), (200, {"COLUMNS": "60"}, 60),
                                            (100, {"COLUMNS": "nonsense"}, 100)):
            lines = plain(on_terminal(mta, columns, **environment)).splitlines()
            assert max(map(len, lines)) <= limit, (columns, environment, lines)
            assert max(map(len, lines)) > limit - 30 or limit > 120


def test_without_colour_and_without_terminal():
    with Instance(main=MAIN) as mta:
        held, _ = queue_some(mta)
        coloured = on_terminal(mta)
        for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": ""}):
            text = on_terminal(mta, **environment)
            assert "\033" not in text and re.sub(r"\d+s", "", text) == re.sub(r"\d+s", "", plain(coloured))
        assert "\033[1m" in on_terminal(mta, NO_COLOR="")
        classic = mta.run("postqueue", "-p", check=True).out
        assert classic.startswith("-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------\n"), classic
        assert f"{held}!" in classic and "in 2 Requests.\n" in classic


def listed(mta):
    """What `postqueue -j` tells, by queue ID."""
    messages = [json.loads(line) for line in mta.run("postqueue", "-j", check=True).stdout.splitlines()]
    assert len({message["queue_id"] for message in messages}) == len(messages)
    return {message["queue_id"]: message for message in messages}


def test_long_queue():
    """Many are read ahead, by several threads: each is listed once, in full and with its own recipients, also the odd
    ones among them; those that go meanwhile, and files that are not what they seem, hold up nobody."""
    with Instance(main={"defer_transports": "smtp", "default_transport": "smtp:[127.0.0.1]:1"}) as mta:
        sent = {}
        with mta.smtp() as client:
            for n in range(200):
                recipients = [f"r{n}.{k}@far.test" for k in range(150 if n % 50 == 7 else 1 + n % 3)]
                client.mail(f"s{n}@client.test")
                for recipient in recipients:
                    client.rcpt(recipient)
                sent[client.data(b"Subject: x\r\n\r\nx\r\n")[1].split()[-1].decode()] = (f"s{n}@client.test", recipients)
        last = list(sent)[-1]
        mta.wait_log(f"{last}: to=.*status=deferred")
        for n in range(40):
            deferred = mta.queue / "deferred" / "F"
            deferred.mkdir(exist_ok=True)
            (deferred / f"F{n:010X}").write_bytes(b"")
        messages = listed(mta)
        assert messages.keys() == sent.keys()
        for queue_id, (sender, recipients) in sent.items():
            message = messages[queue_id]
            assert message["sender"] == sender
            assert sorted(r["address"] for r in message["recipients"]) == sorted(recipients)
            if message["queue_name"] == "deferred":
                assert all("deferred transport" in r["delay_reason"] for r in message["recipients"])
        going = list(sent)[::2]
        removal = threading.Thread(target=mta.run, args=("postsuper", "-d", "-"),
                                   kwargs={"input": "\n".join(going) + "\n", "check": True})
        removal.start()
        while removal.is_alive():
            assert set(list(sent)[1::2]) <= listed(mta).keys()
        removal.join()
        assert listed(mta).keys() == set(list(sent)[1::2])
        assert not re.search(r"showq\[\d+\]: (warning|fatal|panic)", mta.log())


def test_flush_of_a_stopped_system():
    with Instance(start=False) as mta:
        result = mta.run("postqueue", "-f")
        assert (result.returncode, result.err) == (
            69,
            "postqueue: warning: unable to look up public/qmgr: No such file or directory\n"
            "postqueue: fatal: Cannot flush mail queue - mail system is down\n",
        ), result
