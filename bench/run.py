"""One scenario on one fresh instance of one mail server: set up, measure, verify, clean up."""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
import time

import load
import mta_postfix
import mta_tassis
from mta import Setup
from tree import Sampler, machine_busy

ADAPTERS = {"postfix": mta_postfix.Postfix, "tassis": mta_tassis.Tassis}


finished = []                           # scratch directories


@atexit.register
def remove_finished():
    """Not after each run: for up to six minutes ext4 without a journal looks at each deleted inode
    whenever it makes a file, so a run would pay for the files of those before it."""
    if finished and subprocess.run(["rm", "-rf", *finished]).returncode:    # a million files: not in Python
        for scratch in finished:
            shutil.rmtree(scratch, ignore_errors=True)


class Failed(Exception):
    """The MTA lost, duplicated or refused mail, or did not do it in time."""


class Run:
    def __init__(self, args, spec):
        self.args = args
        self.label, self.kind, options = spec
        self.scratch = tempfile.mkdtemp(prefix=f"bench-{self.label}-", dir=args.scratch)
        os.chmod(self.scratch, 0o755)
        self.mta = ADAPTERS[self.kind](self.label, self.scratch, options)
        self.host = "127.0.0.1"
        self.client_prefix = []         # in front of the load generators' commands
        self.at_end = []                # called with no argument, the last first
        self.started = False

    def setup(self, **kw):
        port = self.args.port
        kw.setdefault("user", self.args.user)
        self.host = kw.get("host", self.host)
        self.mta.configure(Setup(port=port, relay_port=port + 1, probe_port=port + 2, **kw))

    def start(self):
        self.mta.start()
        self.started = True
        load.wait_port(self.host, self.args.port)

    def sink(self, offset=1, hosts=("127.0.0.1",)):
        sink = load.Sink(self.scratch, self.args.port + offset, hosts, self.args.sink_user,
                         self.client_prefix)
        self.at_end.append(sink.close)
        return sink

    def close(self, keep=False):
        if self.started:
            try:
                self.mta.stop()
            except Exception as e:                      # still clean up
                print(f"  stop: {e}", file=sys.stderr)
        killed = self.mta.tree.terminate()
        for end in reversed(self.at_end):
            end()
        if keep:
            print(f"  kept {self.scratch}", file=sys.stderr)
        else:
            finished.append(self.scratch)
        if killed:
            print(f"  {self.label}: {killed} processes did not stop by themselves", file=sys.stderr)

    # Measuring

    def wait_for(self, what, count, wanted, timeout=120):
        """Poll a counter until it reaches what is wanted."""
        deadline = time.time() + timeout
        have = count()
        while have < wanted:
            if time.time() > deadline:
                raise Failed(f"{what}: {have} of {wanted} after {timeout} s")
            time.sleep(0.01)
            have = count()

    def drained(self, timeout=30):
        """Wait until the queue is empty."""
        deadline = time.time() + timeout
        while self.mta.queued():
            if time.time() > deadline:
                raise Failed(f"{self.mta.queued()} messages left in the queue")
            time.sleep(0.05)

    def settle(self, quiet=1.0, timeout=600):
        """Wait until the tree has been (nearly) idle for a while."""
        deadline, calm_since, last = time.time() + timeout, time.time(), sum(self.mta.tree.cpu())
        while time.time() < deadline:
            time.sleep(0.2)
            now = sum(self.mta.tree.cpu())
            if now - last > 0.02:
                calm_since = time.time()
            last = now
            if time.time() - calm_since > quiet:
                return
        raise Failed("never became idle")

    def measure(self, generate, count, messages, copies=None):
        """Generate load, wait until every copy has arrived, account for it."""
        copies = copies or messages
        before = count()
        sampler = Sampler(self.mta.tree)
        user0, system0 = self.mta.tree.cpu()
        busy0, total0 = machine_busy()
        sampler.start()
        t0 = time.time()
        extra = generate() or {}
        t_accepted = time.time()
        self.wait_for("delivered", lambda: count() - before, copies)
        t_done = time.time()
        user1, system1 = self.mta.tree.cpu()
        busy1, total1 = machine_busy()
        switches = sampler.finish()
        self.drained()
        time.sleep(0.2)
        if count() - before != copies:
            raise Failed(f"{count() - before} copies delivered, {copies} expected")
        driver = extra.pop("driver_cpu", 0.0)
        cpu = user1 + system1 - user0 - system0 - driver
        result = {
            "messages": messages,
            "msgs_per_s": messages / (t_done - t0),
            "accepted_per_s": messages / (t_accepted - t0),
            "cpu_s_per_1000": cpu / messages * 1000,
            "user_s_per_1000": (user1 - user0) / messages * 1000,
            "sys_s_per_1000": (system1 - system0) / messages * 1000,
            "switches_per_msg": switches / messages,
            "peak_rss_mb": sampler.peak_rss / 1024,
            "peak_pss_mb": sampler.peak_pss / 1024,
            "peak_procs": sampler.peak_procs,
            "machine_busy": (busy1 - busy0) / max(1, total1 - total0),
        }
        result.update(extra)
        return result

    def rate(self, generate, count, messages, limit_s):
        """Messages a second of mail that may be slow to arrive: of what arrives within the limit."""
        before, t0 = count(), time.time()
        generate()
        while count() - before < messages and time.time() - t0 < limit_s:
            time.sleep(0.01)
        return (count() - before) / (time.time() - t0)

    def smtp(self, messages, sessions, size, to="user@dest.test", reuse=False, numbered=True,
             procs=1):
        """Send with smtp-source; every one of `procs` numbers users from 1."""
        running = [load.smtp_source(self.args.port, messages // procs, sessions // procs, size, to,
                                    reuse, numbered, self.host, self.client_prefix)
                   for _ in range(procs)]
        if any([proc.wait() for proc in running]):
            raise Failed("smtp-source failed")

    def steady(self, count, sessions, size, messages, **kw):
        """Warm up, then measure a stream of messages."""
        self.warm_up(count, max(100, 2 * sessions), sessions, size, **kw)
        return self.measure(lambda: self.smtp(messages, sessions, size, **kw), count, messages)

    def warm_up(self, count, messages, sessions, size, **kw):
        have = count()
        self.smtp(messages, sessions, size, **kw)
        self.wait_for("warm-up", lambda: count() - have, messages)
        self.drained()
