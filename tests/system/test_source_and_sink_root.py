"""smtp-sink that root started: it gives up its rights, and tells the system's log of commands."""
import os
import pathlib
import socket
import stat
import subprocess
import tempfile

import harness
from programs import listens, running

NEEDS_ROOT = True
NOBODY = 65534


def test_gives_up_its_rights_and_logs():
    with tempfile.TemporaryDirectory(prefix="tassis-test-") as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        os.chown(folder, NOBODY, NOBODY)
        subprocess.run(["mount", "-t", "tmpfs", "none", "/dev"], check=True)  # in a mount namespace of our own
        os.mknod("/dev/null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
        log.bind("/dev/log")
        os.chmod("/dev/log", 0o666)
        log.settimeout(20)
        words = ("-u", "nobody", "-R", folder, "-d", "dump.", "-s", "MAIL,RCPT", "127.0.0.1:25", "10")
        with running(harness.PREFIX / "sbin/smtp-sink", *words, ready=lambda: listens("127.0.0.1", 25),
                     log=pathlib.Path(folder, "log")) as sink:
            subprocess.run([harness.PREFIX / "sbin/smtp-source", "-f", "a@client.test", "-t", "b@example.test", "127.0.0.1"],
                           check=True, timeout=20)
            assert os.readlink(f"/proc/{sink.pid}/root") == folder
            status = pathlib.Path(f"/proc/{sink.pid}/status").read_text()
            for kind in ("Uid", "Gid"):
                assert f"{kind}:" + f"\t{NOBODY}" * 4 in status, status
            lines = [log.recv(1000).decode().rpartition("]: ")[2] for _ in range(2)]
            assert lines == ["MAIL FROM:<a@client.test>", "RCPT TO:<b@example.test>"], lines
            (dump,) = pathlib.Path(folder).glob("dump.*")
            assert dump.stat().st_uid == NOBODY
