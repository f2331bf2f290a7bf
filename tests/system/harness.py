#!/usr/bin/env python3
"""Private instances of the suite for the system tests, and the runner of tests/system/test_*.py.

    harness.py --prefix DIR [-k REGEXP] [--jobs N]

A test is a function test_*() in a file test_*.py. It makes what it needs:

    def test_accepts_mail():
        with Instance(main={"message_size_limit": "1000"}) as mta:
            mta.send("alice@example.test", "Subject: x\\n\\nhello\\n")
            assert "hello" in mta.mail("alice")

By default an instance runs as an ordinary user (nobody when the tests run as root), on free loopback
ports, and delivers to Maildirs below its own folder through virtual(8). A file that says
NEEDS_ROOT = True is run as root in namespaces of its own (network, mounts, processes). A file's
TIMEOUT (seconds, default 120) bounds each of its tests; NEEDS_PROGRAM names a program that must be there.
SANITIZED = False leaves it out where the programs were built with sanitizers, which take twice the time: it tests
what is printed or packed, by code that other tests run, too.
A test that finds something missing raises Skipped with the reason.
"""
import argparse
import contextlib
import encodings.idna  # smtplib wants it, and after the change of user it may be out of reach
import grp
import importlib.util
import inspect
import json
import os
import pathlib
import pwd
import random
import re
import shutil
import signal
import smtplib
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

from servers import Listener, Sink  # noqa: F401, for the tests

SKIPPED = 77  # exit status, as test runners have it
HERE = pathlib.Path(__file__).resolve().parent
SLOWEST = 12  # are named at the end
SECONDS_TO_END = 20  # of a test whose time is over, for stopping what it has started
PREFIX = pathlib.Path(os.environ.get("TASSIS_PREFIX", "/usr/local"))

MAIN = {
    "compatibility_level": "3.12",
    "myhostname": "mx.example.test",
    "mydomain": "example.test",
    "myorigin": "$mydomain",
    "mydestination": "",
    "inet_interfaces": "127.0.0.1",
    "inet_protocols": "ipv4",
    "mynetworks": "127.0.0.0/8",
    "alias_maps": "",
    "alias_database": "",
    "biff": "no",
    "in_flow_delay": "0",
    "virtual_mailbox_domains": "example.test",
    "recipient_delimiter": "+",
    "maillog_file_prefixes": "/",
    "smtpd_peername_lookup": "no",
}

BOXES = ("alice", "bob", "carol", "dave", "postmaster")

if "ASAN_OPTIONS" in os.environ:  # where a sanitized daemon reports to
    MAIN["import_environment"] = "MAIL_CONFIG MAIL_LOGTAG TZ LANG=C ASAN_OPTIONS UBSAN_OPTIONS"

MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup     unix  n  -  n  60 1  pickup
cleanup    unix  n  -  n  -  0  cleanup
qmgr       unix  n  -  n  300 1 qmgr
rewrite    unix  -  -  n  -  -  trivial-rewrite
bounce     unix  -  -  n  -  0  bounce
defer      unix  -  -  n  -  0  bounce
trace      unix  -  -  n  -  0  bounce
flush      unix  n  -  n  1000? 0 flush
proxymap   unix  -  -  n  -  -  proxymap
proxywrite unix  -  -  n  -  1  proxymap
smtp       unix  -  -  n  -  -  smtp
relay      unix  -  -  n  -  -  smtp
showq      unix  n  -  n  -  -  showq
error      unix  -  -  n  -  -  error
retry      unix  -  -  n  -  -  error
discard    unix  -  -  n  -  -  discard
local      unix  -  n  n  -  -  local
virtual    unix  -  n  n  -  -  virtual
lmtp       unix  -  -  n  -  -  lmtp
anvil      unix  -  -  n  -  1  anvil
postlog    unix-dgram n - n - 1 postlogd
"""


class Skipped(Exception):
    """The test cannot be made here; the text says why."""


def wait_for(look, seconds=20, what="the expected event"):
    """Poll until look() answers something true; return that."""
    end = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"no sign of {what} after {seconds} s")
        time.sleep(0.02)


def free_port(address="127.0.0.1"):
    """Below those that clients are given, so that none takes it before the server does."""
    while True:
        port = random.randrange(10000, 32000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((address, port))
            return port


class Instance:
    """One private suite. main: parameters on top of MAIN (None removes); master: entries that are
    added to MASTER (or replace those of the same name and type); files: texts beside main.cf."""

    def __init__(self, main=None, master="", files=None, start=True):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tassis-test-", dir="/tmp"))
        self.folder.chmod(0o755)
        self.etc, self.queue, self.data = (self.folder / n for n in ("etc", "queue", "data"))
        self.boxes = self.folder / "mail"
        self.maillog = self.folder / "maillog"
        for folder in (self.etc, self.queue, self.data, self.boxes):
            folder.mkdir()
        self.port = free_port()
        self.main = {
            **MAIN,
            "queue_directory": self.queue,
            "data_directory": self.data,
            "mail_owner": self.user(),
            "setgid_group": self.group(),
            "maillog_file": self.maillog,
            "virtual_mailbox_base": self.boxes,
            "virtual_mailbox_maps": f"texthash:{self.etc}/boxes",
            "virtual_uid_maps": f"static:{os.geteuid() or 65534}",
            "virtual_gid_maps": f"static:{os.getegid() or 65534}",
            "virtual_minimum_uid": "1",
            **(main or {}),
        }
        if os.geteuid() == 0:
            os.chown(self.boxes, 65534, 65534)
            shutil.chown(self.data, self.user())
        self.write("boxes", "".join(f"{name}@example.test {name}/\n" for name in BOXES))
        for name, text in (files or {}).items():
            self.write(name, text)
        self.write_main()
        self.write("master.cf", self.merge(MASTER.format(port=self.port), master))
        if start:
            self.start()

    @staticmethod
    def user():
        return "postfix" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name

    @staticmethod
    def group():
        return "postdrop" if os.geteuid() == 0 else grp.getgrgid(os.getegid()).gr_name

    @staticmethod
    def merge(base, extra):
        entries = {}
        for line in (base + extra).splitlines():
            if line[:1].isspace() and entries:
                entries[list(entries)[-1]] += "\n" + line
            elif line.strip():
                entries.pop(tuple(line.split()[:2]), None)  # what replaces it comes last, for the lines behind it
                entries[tuple(line.split()[:2])] = line
        return "\n".join(entries.values()) + "\n"

    # -- configuration
    def write(self, name, text):
        path = self.etc / name
        path.parent.mkdir(exist_ok=True)
        if isinstance(text, bytes):
            path.write_bytes(text)
        else:
            path.write_text(text)
        return path

    def write_main(self, **changes):
        self.main.update(changes)
        self.write("main.cf", "".join(f"{k} = {v}\n" for k, v in self.main.items() if v is not None))

    def configure(self, **changes):
        self.write_main(**changes)
        seen = len(self.log())
        self.run("tassis", "reload", check=True)
        wait_for(lambda: re.search(r"master\[\d+\]: reload", self.log()[seen:]), what="reload")

    # -- commands
    def command(self, name):
        for folder in ("sbin", "libexec/tassis"):
            path = PREFIX / folder / name
            if path.exists():
                return str(path)
        raise AssertionError(f"no command {name} below {PREFIX}")

    def run(self, name, *arguments, input="", check=False, timeout=60, **options):
        words = [self.command(name), "-C" if name == "sendmail" else "-c", str(self.etc), *map(str, arguments)]
        if isinstance(input, str):
            input = input.encode("utf-8", "surrogateescape")
        environment = {**os.environ, "MAIL_CONFIG": str(self.etc), "LC_ALL": "C", "TZ": "UTC"}
        result = subprocess.run(words, input=input, capture_output=True, timeout=timeout, env=environment, **options)
        result.out, result.err = (s.decode("utf-8", "surrogateescape") for s in (result.stdout, result.stderr))
        if check and result.returncode:
            raise AssertionError(f"{name} {arguments}: status {result.returncode}\n{result.err}{result.out}")
        return result

    # -- life
    def start(self):
        self.run("tassis", "start", check=True)
        wait_for(lambda: "daemon started" in self.log(), what="the master daemon")
        return self

    def stop(self):
        if (self.queue / "pid/master.pid").exists():
            self.run("tassis", "stop")

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        with contextlib.suppress(Exception):
            self.stop()
        for pid in self.processes():
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        if kind:
            print("-- log:", *self.log().splitlines()[-40:], sep="\n  ")
        shutil.rmtree(self.folder, ignore_errors=True)

    def processes(self, name=None):
        """Processes of this instance: those that work in its queue directory or name it."""
        found = []
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if os.readlink(entry / "cwd") != str(self.queue):
                    continue
                program = os.path.basename((entry / "cmdline").read_bytes().split(b"\0")[0]).decode()
                if int(entry.name) != os.getpid() and name in (None, program):
                    found.append(int(entry.name))
            except OSError:
                continue
        return sorted(found)

    # -- mail
    def smtp(self, **options):
        client = smtplib.SMTP("127.0.0.1", self.port, local_hostname="client.test", timeout=30, **options)
        client.ehlo()
        return client

    def send(self, recipients, text, sender="sender@client.test"):
        """Submit by SMTP; returns the queue ID."""
        with self.smtp() as client:
            client.mail(sender)
            for recipient in [recipients] if isinstance(recipients, str) else recipients:
                code, reply = client.rcpt(recipient)
                assert code == 250, (recipient, code, reply)
            code, reply = client.data(text)
            assert code == 250, (code, reply)
            return reply.decode().rsplit(" ", 1)[1]

    def inbox(self, box):
        """In the order of arrival; that of the names is another within a second."""
        return sorted((self.boxes / box / "new").glob("*"), key=lambda path: path.stat().st_mtime_ns)

    def mail(self, box, count=1, seconds=30):
        """Wait until the box has that many messages; the text of the last."""
        found = wait_for(lambda: len(m := self.inbox(box)) >= count and m, seconds, f"mail for {box}")
        return found[-1].read_bytes().decode("utf-8", "surrogateescape")

    def queued(self):
        out = self.run("postqueue", "-j", check=True).out
        return {entry["queue_id"]: entry for entry in map(json.loads, out.splitlines())}

    def log(self):
        return self.maillog.read_text("utf-8", "surrogateescape") if self.maillog.exists() else ""

    def wait_log(self, pattern, seconds=20):
        return wait_for(lambda: re.search(pattern, self.log(), re.M), seconds, f"log line {pattern!r}")


# -- the runner


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault("harness", sys.modules[__name__])
    spec.loader.exec_module(module)
    return module


def tests_of(path):
    module = load(path)
    names = [n for n, item in vars(module).items() if n.startswith("test_") and inspect.isfunction(item)]
    if "ASAN_OPTIONS" in os.environ and not getattr(module, "SANITIZED", True):
        names = []
    return names, getattr(module, "NEEDS_ROOT", False), getattr(module, "TIMEOUT", 120), getattr(module, "NEEDS_PROGRAM", None)


def add_mail_users():
    """In our own mount namespace: the mail owner and the group, where the machine has none."""
    known = {entry.pw_name for entry in pwd.getpwall()} | {entry.gr_name for entry in grp.getgrall()}
    if {"postfix", "postdrop"} <= known:
        return
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tassis-test-"))
    for name, lines in (("passwd", "postfix:x:7100:7100::/nonexistent:/usr/sbin/nologin\n"),
                        ("group", "postfix:x:7100:\npostdrop:x:7101:\n")):
        copy = folder / name
        copy.write_text(pathlib.Path("/etc", name).read_text() + lines)
        copy.chmod(0o644)
        subprocess.run(["mount", "--bind", str(copy), f"/etc/{name}"], check=True)
        copy.unlink()
    folder.rmdir()


def run_one(path, name, needs_root):
    """In a process of its own: become the user, call the function."""
    module = load(path)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("the time is over"))
    if needs_root:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        add_mail_users()
    elif os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
        os.environ["HOME"] = "/nonexistent"
    try:
        getattr(module, name)()
    except Skipped as reason:
        print(reason)
        return SKIPPED
    except BaseException:
        traceback.print_exc(file=sys.stdout)
        return 1
    return 0


def timed(path, name, *rest):
    """The verdict, the output, and how long it took."""
    begun = time.monotonic()
    return *start_one(path, name, *rest), time.monotonic() - begun


def end(process):
    """Ask the test to end, so that it stops what it has started and says where it was; its output."""
    os.kill(process.pid, signal.SIGTERM)
    try:
        output, _ = process.communicate(timeout=SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
    return output


def start_one(path, name, needs_root, seconds, prefix):
    command = [sys.executable, __file__, "--prefix", str(prefix), "--one", f"{path}:{name}"]
    if needs_root:
        if os.geteuid():
            if not os.environ.get("TASSIS_SUDO") or subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode:
                return "skip", "needs root"
        command = ["unshare", "--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child",
                   "--mount-proc", "--propagation", "private", *command, "--as-root"]
        if os.geteuid():
            command = ["sudo", "-n", *command]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                               text=True, errors="replace", start_new_session=True)
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        return "FAIL", f"{end(process)}\nno end after {seconds} s"
    return {0: "ok", SKIPPED: "skip"}.get(process.returncode, "FAIL"), output


def main():
    global PREFIX
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prefix", type=pathlib.Path, required=True)
    parser.add_argument("-k", default="")
    parser.add_argument("--jobs", type=int, default=3 * (os.cpu_count() or 1))
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--as-root", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    PREFIX = options.prefix.resolve()
    os.environ["TASSIS_PREFIX"] = str(PREFIX)
    if options.one:
        path, _, name = options.one.rpartition(":")
        return run_one(pathlib.Path(path), name, options.as_root)
    chosen = []
    for path in sorted(HERE.glob("test_*.py")):
        names, needs_root, seconds, program = tests_of(path)
        if program and not os.path.exists(program):
            names = []
            print(f"skip {path.stem}: needs {program}", flush=True)
        chosen += [(path, n, needs_root, seconds) for n in names if re.search(options.k, f"{path.stem}.{n}")]
    chosen.sort(key=lambda test: -test[3])  # those that may take long first: nobody waits for the last one
    bad, durations = 0, []
    with ThreadPoolExecutor(options.jobs) as pool:
        futures = [(c, pool.submit(timed, *c, PREFIX)) for c in chosen]
        for (path, name, *_), future in futures:
            verdict, output, seconds = future.result()
            bad += verdict == "FAIL"
            durations.append((seconds, f"{path.stem}.{name}"))
            reason = ": " + output.strip().rpartition("\n")[2] if verdict == "skip" else ""
            print(f"{verdict} {path.stem}.{name}{reason}", flush=True)
            if verdict == "FAIL":
                print("\n".join("    " + line for line in output.splitlines()[-80:]), flush=True)
    print("slowest:", ", ".join(f"{name} {seconds:.0f} s" for seconds, name in sorted(durations, reverse=True)[:SLOWEST]))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
