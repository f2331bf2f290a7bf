"""Account for one process tree: CPU time, memory, context switches.

With a writable cgroup v2 hierarchy the tree is one cgroup, so processes that
fork, detach or exit are all counted exactly.  Without one, the tree is the
descendants of a given pid and CPU time is user+system of the live processes
plus that of the children they have reaped; a process that detaches from the
tree (double fork) is then missed.
"""

import os
import signal
import threading
import time

TICK = os.sysconf("SC_CLK_TCK")


def find_cgroup_root():
    """A cgroup v2 mount in which a child group can be made, or None."""
    for root in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
        if os.path.exists(f"{root}/cgroup.controllers") or os.path.exists(f"{root}/cgroup.subtree_control"):
            probe = f"{root}/bench-probe-{os.getpid()}"
            try:
                os.mkdir(probe)
                usable = os.path.exists(f"{probe}/cpu.stat")
                os.rmdir(probe)
                if usable:
                    return root
            except OSError:
                pass
    return None


def slurp(path):
    try:
        with open(path, "rb") as f:
            return f.read().decode("ascii", "replace")
    except OSError:
        return ""


def memory_of(pid):
    """(program, resident KiB now, at its peak)"""
    fields = dict(line.split(":", 1) for line in slurp(f"/proc/{pid}/status").splitlines()
                  if ":" in line)
    return (fields.get("Name", "").strip(), int(fields.get("VmRSS", "0 kB").split()[0]),
            int(fields.get("VmHWM", "0 kB").split()[0]))


class Tree:
    """The processes of one MTA instance."""

    def __init__(self, name):
        root = find_cgroup_root()
        self.cgroup = f"{root}/{name}" if root else None
        self.root_pid = None
        if self.cgroup:
            os.makedirs(self.cgroup, exist_ok=True)

    def join(self):
        """Called in a child before exec: put it into the tree."""
        if self.cgroup:
            with open(f"{self.cgroup}/cgroup.procs", "w") as f:
                f.write("0")

    def pids(self):
        if self.cgroup:
            return [int(p) for p in slurp(f"{self.cgroup}/cgroup.procs").split()]
        if not self.root_pid:
            return []
        parent = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                stat = slurp(f"/proc/{entry}/stat")
                if stat:
                    parent[int(entry)] = int(stat.rsplit(")", 1)[1].split()[1])
        if self.root_pid not in parent:
            return []
        found, frontier = [self.root_pid], {self.root_pid}
        while frontier:
            frontier = {p for p, pp in parent.items() if pp in frontier}
            found += frontier
        return found

    def cpu(self):
        """(user, system) seconds used so far by the whole tree."""
        if self.cgroup:
            stat = dict(line.split() for line in slurp(f"{self.cgroup}/cpu.stat").splitlines())
            return int(stat["user_usec"]) / 1e6, int(stat["system_usec"]) / 1e6
        user = system = 0
        for pid in self.pids():
            fields = slurp(f"/proc/{pid}/stat").rsplit(")", 1)[-1].split()
            if len(fields) > 14:
                user += int(fields[11]) + int(fields[13])
                system += int(fields[12]) + int(fields[14])
        return user / TICK, system / TICK

    def memory(self, pss=True):
        """(rss, pss) in KiB, summed over the tree; pss is None if not asked for."""
        rss_sum = pss_sum = 0
        page = os.sysconf("SC_PAGE_SIZE") // 1024
        for pid in self.pids():
            statm = slurp(f"/proc/{pid}/statm").split()
            if len(statm) > 1:
                rss_sum += int(statm[1]) * page
            if pss:
                for line in slurp(f"/proc/{pid}/smaps_rollup").splitlines():
                    if line.startswith("Pss:"):
                        pss_sum += int(line.split()[1])
                        break
        return rss_sum, pss_sum if pss else None

    def peak_of(self, program):
        """KiB that the largest process of a program had resident at its peak."""
        found = [memory_of(pid) for pid in self.pids()]
        return max([peak for name, _, peak in found if name == program], default=0)

    def terminate(self, grace=10.0):
        """Wait for the tree to end by itself, then end what is left, by pid."""
        deadline = time.time() + grace
        while self.pids() and time.time() < deadline:
            time.sleep(0.05)
        left = self.pids()
        for sig in (signal.SIGTERM, signal.SIGKILL):
            for pid in self.pids():
                try:
                    os.kill(pid, sig)
                except ProcessLookupError:
                    pass
            end = time.time() + 2
            while self.pids() and time.time() < end:
                time.sleep(0.05)
        if self.cgroup:
            try:
                os.rmdir(self.cgroup)
            except OSError:
                pass
        return len(left)


class Sampler(threading.Thread):
    """Samples a tree: peak memory, process count, context switches.

    Context switches of a process that starts and ends between two samples are
    missed, so the figure is a lower bound for MTAs that fork per message.
    """

    def __init__(self, tree, period=0.25, pss_every=4):
        super().__init__(daemon=True)
        self.tree, self.period, self.pss_every = tree, period, pss_every
        self.peak_rss = self.peak_pss = self.peak_procs = 0
        self.switches = {}
        self.base = {}
        self.stop_event = threading.Event()

    def read_switches(self):
        out = {}
        for pid in self.tree.pids():
            total = 0
            for line in slurp(f"/proc/{pid}/status").splitlines():
                if "ctxt_switches" in line:
                    total += int(line.split()[1])
            out[pid] = total
        return out

    def run(self):
        self.base = self.read_switches()
        tick = 0
        while not self.stop_event.is_set():
            self.sample(pss=tick % self.pss_every == 0)
            tick += 1
            self.stop_event.wait(self.period)
        self.sample(pss=False)

    def sample(self, pss):
        now = self.read_switches()
        self.switches.update(now)
        rss, pss_sum = self.tree.memory(pss=pss and len(now) < 400)
        self.peak_procs = max(self.peak_procs, len(now))
        self.peak_rss = max(self.peak_rss, rss)
        self.peak_pss = max(self.peak_pss, pss_sum or 0)

    def finish(self):
        self.stop_event.set()
        self.join()
        return sum(n - self.base.get(pid, 0) for pid, n in self.switches.items())


def machine_busy():
    """(busy, total) ticks of the whole machine since boot."""
    fields = [int(x) for x in slurp("/proc/stat").splitlines()[0].split()[1:]]
    return sum(fields) - fields[3] - fields[4], sum(fields[:8])


class Growth:
    """How much the memory of each process of a tree has grown at its peak.

    A process that starts meanwhile is compared with the smallest of the same program before."""

    def __init__(self, tree):
        self.tree = tree
        self.before, self.of_program = {}, {}
        for pid in tree.pids():
            name, resident, _ = memory_of(pid)
            self.before[pid] = resident
            self.of_program[name] = min(resident, self.of_program.get(name, resident))
            try:
                with open(f"/proc/{pid}/clear_refs", "w") as f:
                    f.write("5")                            # the peak begins anew
            except OSError:
                pass

    def largest(self):
        """(KiB, program) of the process that grew most."""
        worst = (0, "")
        for pid in self.tree.pids():
            name, _, peak = memory_of(pid)
            base = self.before.get(pid, self.of_program.get(name))
            if base is not None:
                worst = max(worst, (peak - base, name))
        return worst
