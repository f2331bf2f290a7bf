"""What one message costs in system calls, synced files and context switches, one in flight at a time: so counted,
it is the same on any machine, where times are not. A budget is what was measured and some slack; bench/PROFILE.md
says what the calls are for. postlogd looks into the rings by the clock, so its share is left out."""
import collections
import os
import pathlib
import re
import subprocess
import time

import harness
from harness import Instance, Sink, wait_for

NEEDS_PROGRAM = "/usr/bin/strace"
TIMEOUT = 240
MESSAGES = 10
BODY = "Subject: x\n\n" + "what a short message has to say\n" * 100
CALL = re.compile(r"^(\d+) +(\d+\.\d+) (\w+)\(")
EXECUTE = re.compile(r'^(\d+) +\d+\.\d+ execve\("[^"]*/([^"/]+)"')
DISCARD = {"default_transport": "discard:"}


class Traced(Instance):
    """An instance whose every process is watched from its start."""

    def start(self):
        self.trace = self.folder / "trace"
        words = ["strace", "-f", "-ttt", "-s", "0", "-qq", "-D", "-o", str(self.trace),
                 self.command("tassis"), "-c", str(self.etc), "start"]
        said = self.folder / "said"
        with said.open("w") as output:  # which the tracer keeps open
            code = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=output, stderr=output, timeout=60).returncode
        if code and "ptrace" in said.read_text().lower():
            raise harness.Skipped("no process may be traced here")
        assert code == 0, said.read_text()
        wait_for(lambda: "daemon started" in self.log(), 60, "the master daemon")
        return self


def counts(trace, begin, end):
    """How often each program made each system call between two times."""
    program, parent, found = {}, {}, collections.Counter()
    for line in trace.read_text(errors="replace").splitlines():
        if match := EXECUTE.match(line):
            program[match[1]] = match[2]
        if match := re.match(r"^(\d+) .*\b(?:clone3?|v?fork)\(.*= (\d+)$", line):
            parent[match[2]] = match[1]
        match = CALL.match(line)
        if match and begin <= float(match[2]) <= end:
            who = match[1]
            while who not in program and who in parent:
                who = parent[who]
            found[program.get(who, who), match[3]] += 1
    return found


def check(found, messages, n_calls, n_syncs):
    found = {key: n for key, n in found.items() if key[0] not in ("postlogd", "master")}
    calls = sum(found.values()) / messages
    syncs = sum(n for (_, call), n in found.items() if call in ("fsync", "fdatasync")) / messages
    table = "\n".join(f"  {who:10} {call:16} {n / messages:6.1f}" for (who, call), n in sorted(found.items()))
    print(f"{calls:.1f} system calls, {syncs:.2f} synced files a message")
    assert syncs == n_syncs, f"{syncs} synced files a message instead of {n_syncs}\n{table}"
    assert calls <= n_calls, f"{calls:.1f} system calls a message, more than {n_calls}\n{table}"


def switches(mta):
    """Context switches of their own will of all processes and threads but those that go by the clock."""
    total = 0
    for pid in set(mta.processes()) - set(mta.processes("postlogd")) - set(mta.processes("master")):
        for status in pathlib.Path(f"/proc/{pid}/task").glob("*/status"):
            try:
                total += int(re.search(r"(?m)^voluntary_ctxt_switches:\s+(\d+)", status.read_text())[1])
            except OSError:
                continue
    return total


def deliver(mta, send, messages):
    for _ in range(messages):
        gone = mta.log().count(": removed")
        send()
        wait_for(lambda: mta.log().count(": removed") > gone, 60, "the end of the message")


def budget(main, send, n_calls, n_syncs, n_switches):
    if "ASAN_OPTIONS" in os.environ:
        raise harness.Skipped("a sanitizer makes calls of its own")
    with Traced(main=main) as mta:
        deliver(mta, lambda: send(mta), 3)
        begin = time.time()
        deliver(mta, lambda: send(mta), MESSAGES)
        end = time.time()
        mta.stop()
        check(counts(mta.trace, begin, end), MESSAGES, n_calls, n_syncs)
    with Instance(main=main) as mta:
        deliver(mta, lambda: send(mta), 3)
        before = switches(mta)
        deliver(mta, lambda: send(mta), MESSAGES)
        found = (switches(mta) - before) / MESSAGES
        print(f"{found:.1f} context switches a message")
        assert found <= n_switches, f"{found:.1f} context switches a message, more than {n_switches}"


def by_smtp(mta):
    mta.send("someone@dest.test", BODY)


def test_accept():
    budget(DISCARD, by_smtp, 68, 1, 21)


def test_relay():
    sink = Sink()
    budget({"relayhost": f"[127.0.0.1]:{sink.port}"}, by_smtp, 93, 1, 28)


def test_virtual_mailbox():
    budget({}, lambda mta: mta.send("alice@example.test", BODY), 79, 2, 27)


def test_sendmail_command():
    """What comes behind the command, and the two commands themselves."""
    def by_command(mta):
        mta.run("sendmail", "-i", "someone@dest.test", input=BODY, check=True)
    budget(DISCARD, by_command, 65, 1, 19)
    with Instance(main=DISCARD) as mta:
        trace = mta.folder / "commands"
        by_command(mta)
        subprocess.run(["strace", "-f", "-ttt", "-qq", "-o", str(trace), mta.command("sendmail"), "-C", str(mta.etc),
                        "-i", "someone@dest.test"], input=BODY, text=True, check=True, timeout=60)
        check(counts(trace, 0, time.time()), 1, 290, 1)
        assert not re.search(r"libcrypto|libssl|liblmdb|libpcre|libcares|libicu|libsasl", trace.read_text()), "libraries"
