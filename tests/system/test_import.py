"""tassis import: a Postfix's configuration, tables and mail are taken over, and given back."""
import fcntl
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from harness import Instance, wait_for
from postfix import Postfix

NEEDS_ROOT = True
NEEDS_PROGRAM = "/usr/sbin/postfix"

MAIN = {
    "compatibility_level": "3.6",
    "relayhost": "[127.0.0.1]:1",
    "minimal_backoff_time": "1000s",
    "queue_run_delay": "1000s",
    "smtpd_relay_restrictions": "permit_mynetworks, reject",
    "smtpd_tls_dh512_param_file": "/x",
    "smtp_tls_enable_rpk": "yes",
    "smtpd_baner": "typo",
}


class Old:
    """A Postfix with mail in its queue, in places of its own; it has been stopped."""

    def __init__(self, mta, queue):
        self.etc = mta.folder / "old"
        self.queue = queue
        shutil.copytree(mta.etc, self.etc)
        for pattern in ("dynamicmaps.cf*", "postfix-files*"):
            for source in pathlib.Path("/etc/postfix").glob(pattern):
                (shutil.copytree if source.is_dir() else shutil.copy)(source, self.etc / source.name)
        text = (self.etc / "main.cf").read_text()
        text = re.sub(r"(?m)^queue_directory = .*", f"queue_directory = {self.queue}", text)
        text = re.sub(r"(?m)^data_directory = .*", f"data_directory = {mta.folder}/olddata", text)
        text += f"virtual_alias_maps = hash:{self.etc}/virtual\n# a comment of theirs\n"
        (self.etc / "main.cf").write_text(text)
        (self.etc / "virtual").write_text("info@example.test alice@example.test\n")
        (self.etc / "sasl").mkdir()
        (self.etc / "sasl/smtpd.conf").write_text("pwcheck_method: saslauthd\n")
        (mta.folder / "olddata").mkdir()
        shutil.chown(mta.folder / "olddata", "postfix")
        self.queue.mkdir(exist_ok=True)
        self.mta = mta

    def postfix(self, *arguments):
        return subprocess.run([f"/usr/sbin/{arguments[0]}", "-c", str(self.etc), *arguments[1:]], capture_output=True,
                              text=True, timeout=60)

    def fill(self, n):
        """n deferred messages, and one that nobody has picked up."""
        assert self.postfix("postmap", f"hash:{self.etc}/virtual").returncode == 0
        started = self.postfix("postfix", "start")
        assert started.returncode == 0, started.stderr + self.mta.log()
        for i in range(n):
            self.sendmail(f"user{i}@far.test")
        wait_for(lambda: len(self.files("deferred")) == n, what="deferred mail")
        self.postfix("postfix", "stop")
        self.sendmail("late@far.test")

    def sendmail(self, recipient):
        subprocess.run(["/usr/sbin/sendmail", "-C", str(self.etc), "-f", "me@example.test", recipient], check=True,
                       input="Subject: x\n\nhello\n", text=True, capture_output=True)

    def files(self, *queues):
        return [p for q in queues for p in (self.queue / q).rglob("*") if p.is_file()]


def queued(mta):
    return [p for q in ("deferred", "maildrop", "incoming", "hold") for p in (mta.queue / q).rglob("*") if p.is_file()]


def snapshot(*folders):
    return {p: p.stat().st_mtime_ns for f in folders for p in f.rglob("*") if p.is_file()}


def test_there_and_back():
    with Instance(main={**MAIN, "maillog_file": None, "syslog_name": "import"}, start=False) as mta:
        old = Old(mta, mta.folder / "oldqueue")
        mta.write_main(maillog_file=mta.maillog)
        old.fill(3)
        before = snapshot(mta.etc, old.etc, old.queue)
        # What it would do; nothing is changed.
        said = mta.run("tassis", "import", "-n", old.etc, check=True)
        for pattern in (r"smtpd_baner: unknown parameter", r"smtp_tls_enable_rpk is not supported yet",
                        r"hash:\S+/virtual has no index that we can read: it will be built",
                        r"smtpd_tls_dh512_param_file has no effect here"):
            assert re.search(pattern, said.err), said.err
        assert re.search(rf"4 messages move from {old.queue} to {mta.queue}", said.out), said.out
        assert "all others are the same here" in said.out and "nothing has been changed" in said.out
        assert snapshot(mta.etc, old.etc, old.queue) == before
        # The real thing.
        said = mta.run("tassis", "import", old.etc, check=True)
        assert "4 messages are in" in said.out and "ready: tassis" in said.out, said.out
        assert not old.files("deferred", "maildrop", "incoming", "active") and len(queued(mta)) == 4
        text = (mta.etc / "main.cf").read_text()
        assert "# a comment of theirs" in text and f"queue_directory = {mta.queue}\n" in text
        assert str(old.queue) not in text
        assert (mta.etc / "sasl/smtpd.conf").exists() and (old.etc / "virtual.lmdb").exists()
        assert (mta.folder / "etc.before-import/main.cf").exists() and not (mta.folder / "etc.importing").exists()
        # A second time there is nothing left to move.
        assert "0 messages are in" in mta.run("tassis", "import", old.etc, check=True).out
        mta.start()
        listing = wait_for(lambda: (t := mta.run("postqueue", "-j").out).count("queue_id") == 4 and t, what="the mail")
        assert {f"user{i}@far.test" for i in range(3)} | {"late@far.test"} == set(re.findall(r"\w+@far\.test", listing))
        # While it runs, nobody moves anything.
        refused = mta.run("tassis", "import", "--back", old.etc)
        assert refused.returncode == 1 and f"a mail system is running on {mta.queue}" in refused.err, refused.err
        wait_for(lambda: len([p for p in queued(mta) if "deferred" in str(p)]) == 4, what="the late one")
        mta.stop()
        said = mta.run("tassis", "import", "--back", old.etc, check=True)
        assert "4 messages are in" in said.out, said.out
        assert len(old.files("deferred")) == 4 and not queued(mta)
        checked = old.postfix("postsuper", "-s")
        assert checked.returncode == 0, checked.stderr
        with Running(old):
            listing = wait_for(lambda: (t := old.postfix("postqueue", "-j").stdout).count("queue_id") == 4 and t,
                               what="the mail in Postfix")
            refused = mta.run("tassis", "import", old.etc)
            assert refused.returncode == 1 and f"a mail system is running on {old.queue}" in refused.err, refused.err


def test_other_file_system():
    """Where mail cannot just be renamed it is copied, and gets the name that its new inode asks for."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        os.chmod(folder, 0o755)
        with Instance(main={**MAIN, "maillog_file": None, "syslog_name": "import"}, start=False) as mta:
            old = Old(mta, pathlib.Path(folder) / "queue")
            mta.write_main(maillog_file=mta.maillog)
            old.fill(2)
            assert "3 messages are in" in mta.run("tassis", "import", old.etc, check=True).out
            assert not old.files("deferred", "maildrop", "defer") and len(queued(mta)) == 3
            assert len([p for p in (mta.queue / "defer").rglob("*") if p.is_file()]) == 2
            mta.start()
            listing = wait_for(lambda: (t := mta.run("postqueue", "-j").out).count("queue_id") == 3 and t, what="the mail")
            assert {"user0@far.test", "user1@far.test", "late@far.test"} == set(re.findall(r"\w+@far\.test", listing))
            assert listing.count("delay_reason") >= 2, listing


class Running:
    def __init__(self, old):
        self.old = old

    def __enter__(self):
        started = self.old.postfix("postfix", "start")
        assert started.returncode == 0, started.stderr

    def __exit__(self, *_):
        self.old.postfix("postfix", "stop")


def test_in_place():
    with Instance(main=MAIN, start=False) as mta:
        mta.write("virtual", "info@example.test alice@example.test\n")
        mta.write_main(virtual_alias_maps=f"hash:{mta.etc}/virtual")
        with Postfix(mta):
            pass
        said = mta.run("tassis", "import", mta.etc, check=True)
        assert "stay where they are" in said.out and "the configuration is in" not in said.out
        assert (mta.etc / "virtual.lmdb").exists()
        lock = os.open(mta.queue / "pid/master.pid", os.O_RDWR | os.O_CREAT)
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused = mta.run("tassis", "import", mta.etc)
        os.close(lock)
        assert refused.returncode == 1 and "stop it first" in refused.err
        mta.start()
        mta.send("info@example.test", "Subject: x\n\nx\n")
        assert mta.mail("alice")
        mta.stop()
        assert "Postfix can start" in mta.run("tassis", "import", "--back", mta.etc, check=True).out


def test_mistakes():
    with Instance(start=False) as mta:
        for words, text in (((mta.folder / "nowhere",), "No such file"), (("a", "b"), "usage: tassis import"),
                            (("--nonsense",), "usage: tassis import")):
            result = mta.run("tassis", "import", *words)
            assert result.returncode != 0 and text in result.err, (words, result.err)


def test_wrong_values():
    """A rehearsal says all of them; the import itself takes nothing over."""
    with Instance(start=False) as mta:
        old = mta.folder / "old"
        shutil.copytree(mta.etc, old)
        (old / "main.cf").write_text((mta.etc / "main.cf").read_text() + "smtpd_timeout = soon\nsmtp_helo_timeout = later\n"
                                     "smtpd_hard_error_limit = ${stress?{few}:{20}}\nrelayhost = [x\n")
        before = snapshot(mta.etc)
        result = mta.run("tassis", "import", "-n", old)
        for word in ("smtpd_timeout = soon", "smtp_helo_timeout = later", "smtpd_hard_error_limit = few", r"relayhost = \[x: bad host"):
            assert re.search(word, result.err), (word, result.err)
        assert "nothing has been changed" in result.out, result.out
        result = mta.run("tassis", "import", old)
        assert result.returncode != 0 and "import -n shows all" in result.err, result.err
        assert snapshot(mta.etc) == before
