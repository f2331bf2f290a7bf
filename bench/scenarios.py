"""What is measured. Each scenario takes a Run and a count and returns a dict of figures."""

import multiprocessing
import os
import queue
import resource
import statistics
import subprocess
import threading
import time
from dataclasses import dataclass

import load
from run import Failed
from tree import Growth, slurp
from trouble import BlackHole, Network, SlowNameServer


HERE = os.path.dirname(os.path.abspath(__file__))

KB, MB = 1 << 10, 1 << 20


# Throughput

def accept(sessions, reuse=False, **options):
    def scenario(run, messages):
        limit = {"max_sessions": sessions + 50} if sessions > 100 else {}
        run.setup(dest="discard", **limit, **options)
        run.start()
        return run.steady(run.mta.discarded, sessions, 4 * KB, messages, reuse=reuse)
    return scenario


def relay(sessions, size, reuse=False):
    def scenario(run, messages):
        run.setup(dest="relay")
        sink = run.sink()
        run.start()
        return run.steady(sink.count, sessions, size, messages, reuse=reuse)
    return scenario


def relay_ethernet(run, messages):
    """Clients and the server behind in another namespace; the MTA in ours."""
    network = Network()
    run.at_end.append(network.close)
    run.client_prefix = network.prefix
    hosts = f"127.0.0.1 localhost\n{network.THEIRS} client.test\n"
    run.setup(dest="relay", host=network.OURS, relay_host=network.THEIRS,
              files={"/etc/hosts": hosts})
    sink = run.sink(hosts=(network.THEIRS,))
    load.wait_port(network.THEIRS, run.args.port + 1)
    run.start()
    return run.steady(sink.count, 20, 4 * KB, messages)


def relay_huge(run, messages):
    """No process may hold the message in memory."""
    run.setup(dest="relay", options={"message_size_limit": str(100 * MB)})
    sink = run.sink()
    run.start()
    run.warm_up(sink.count, 20, 4, 4 * KB)
    growth = Growth(run.mta.tree)
    result = run.measure(lambda: run.smtp(messages, 4, 50 * MB), sink.count, messages)
    grown_kb, result["grown_most"] = growth.largest()
    result["grown_mb"] = grown_kb / 1024
    return result


def maildir(run, messages):
    run.setup(dest="maildir")
    run.start()
    return run.steady(run.mta.delivered_files, 20, 4 * KB, messages,
                      to=f"{run.args.user}@local.test", numbered=False)


def virtual(run, messages):
    boxes, procs = 500, 4
    messages = max(boxes * procs, messages // (boxes * procs) * boxes * procs)
    run.setup(dest="virtual", mailboxes=boxes)
    run.start()
    run.warm_up(run.mta.delivered_files, boxes, 20, 4 * KB, to="u@virtual.test")  # makes them

    def generate():
        for _ in range(messages // (boxes * procs)):
            run.smtp(boxes * procs, 20, 4 * KB, to="u@virtual.test", procs=procs)
    return run.measure(generate, run.mta.delivered_files, messages)


def fanout(run, messages):
    domains = 50
    run.setup(dest="fanout", domains=domains)
    sink = run.sink(hosts=[f"127.0.1.{n}" for n in range(1, domains + 1)])
    run.start()
    port = run.args.port
    load.spread(load.many_domains_worker, 8, 4, port, domains, 4 * KB)
    run.wait_for("warm-up", sink.count, 8 * domains)
    run.drained()

    def generate():
        load.spread(load.many_domains_worker, messages, 4, port, domains, 4 * KB)
    result = run.measure(generate, sink.count, messages, messages * domains)
    result["copies_per_s"] = result["msgs_per_s"] * domains
    return result


def submit_worker(run, messages, parallel, path, result):
    """In its own process, inside the accounted tree: run sendmail commands."""
    run.mta.tree.join()
    jobs, failures = queue.SimpleQueue(), []
    for i in range(messages):
        jobs.put(i)

    def work():
        while True:
            try:
                i = jobs.get_nowait()
            except queue.Empty:
                return
            argv = run.mta.sendmail_command() + [f"u{i}@dest.test"]
            pid = os.posix_spawn(argv[0], argv, os.environ, file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, path, os.O_RDONLY, 0)])
            if os.waitpid(pid, 0)[1] != 0:
                failures.append(i)
    threads = [threading.Thread(target=work) for _ in range(parallel)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    own = resource.getrusage(resource.RUSAGE_SELF)
    result.send((own.ru_utime + own.ru_stime, failures))


def sendmail(run, messages):
    run.setup(dest="discard")
    run.start()
    path = f"{run.scratch}/message"
    with open(path, "wb") as f:
        f.write(load.make_body(4 * KB).replace(b"\r\n", b"\n"))

    def submit(n):
        ours, theirs = multiprocessing.Pipe()
        worker = multiprocessing.get_context("fork").Process(
            target=submit_worker, args=(run, n, 4, path, theirs))
        worker.start()
        driver, failures = ours.recv()
        worker.join()
        if failures:
            raise Failed(f"{len(failures)} sendmail commands failed")
        return {"driver_cpu": driver}
    submit(20)
    run.wait_for("warm-up", run.mta.discarded, 20)
    run.drained()
    return run.measure(lambda: submit(messages), run.mta.discarded, messages)


def tls(resume):
    def scenario(run, messages):
        cert, key = make_cert(run.scratch)
        run.setup(dest="relay", tls_cert=cert, tls_key=key)
        sink = run.sink()
        run.start()
        port = run.args.port
        load.spread(load.tls_worker, 40, 4, port, 4 * KB, resume)
        run.wait_for("warm-up", sink.count, 40)
        run.drained()

        def generate():
            resumed = load.spread(load.tls_worker, messages, 4, port, 4 * KB, resume)
            return {"resumed": resumed}
        return run.measure(generate, sink.count, messages)
    return scenario


def make_cert(scratch):
    cert, key = f"{scratch}/cert.pem", f"{scratch}/key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", "/CN=bench.test",
                    "-keyout", key, "-out", cert], check=True, capture_output=True)
    os.chmod(key, 0o644)                                    # a throw-away key
    return cert, key


# Many connections

def memory_available():
    for line in slurp("/proc/meminfo").splitlines():
        if line.startswith("MemAvailable"):
            return int(line.split()[1])


def idle(run, connections):
    run.setup(dest="relay", max_sessions=connections + 50)
    sink = run.sink()
    run.start()
    run.warm_up(sink.count, 20, 1, 4 * KB)
    time.sleep(1)
    _, pss0 = run.mta.tree.memory()
    free0, cpu0, t0 = memory_available(), sum(run.mta.tree.cpu()), time.time()
    conns = load.IdleConnections(run.args.port, connections)
    try:
        opened = time.time() - t0
        cpu1 = sum(run.mta.tree.cpu())
        time.sleep(2)
        _, pss1 = run.mta.tree.memory()
        free1, procs = memory_available(), len(run.mta.tree.pids())
        if conns.ready < connections:
            raise Failed(f"{conns.ready} of {connections} connections were served")
        through = []
        for _ in range(5):
            have, t1 = sink.count(), time.time()
            run.smtp(1, 1, 4 * KB)
            run.wait_for("probe", sink.count, have + 1)
            through.append(time.time() - t1)
    finally:
        conns.close()
    return {
        "connections": connections,
        "pss_kb_per_conn": (pss1 - pss0) / connections,
        "machine_kb_per_conn": (free0 - free1) / connections,
        "tree_pss_mb": pss1 / 1024,
        "processes": procs,
        "open_s": opened,
        "cpu_ms_per_conn": (cpu1 - cpu0) / connections * 1000,
        "mail_through_s": statistics.median(through),
    }


# Big queues

def time_listing(run, command, needle, wanted):
    """Seconds that listing the queue takes."""
    times, entries = [], 0
    for _ in range(3 if wanted < 100000 else 1):
        t0 = time.time()
        out = run.mta.spawn(command, stdout=subprocess.PIPE).communicate()[0]
        times.append(time.time() - t0)
        entries = out.count(needle)
    if entries < wanted:
        raise Failed(f"the queue listing shows {entries} of {wanted}")
    return statistics.median(times)


def list_queue(run, sender, messages):
    """For people and as JSON."""
    return {"mailq_s": time_listing(run, run.mta.mailq_command(), sender, messages),
            "json_s": time_listing(run, run.mta.json_command(), sender, messages)}


def send_probe(run, probes):
    """Seconds that a new message takes to its destination."""
    have, t0 = probes.count(), time.time()
    run.smtp(1, 1, 4 * KB, to="u@probe.test")
    run.wait_for("probe", probes.count, have + 1)
    return time.time() - t0


def restart(run, probes):
    """Start; seconds until the MTA answers, and until a new message has been delivered."""
    t0 = time.time()
    run.start()
    answers = time.time() - t0
    send_probe(run, probes)
    probe = time.time() - t0
    run.settle()
    return {"start_answers_s": answers, "start_probe_s": probe}


def flush(run, sink, wanted, meanwhile=lambda: {}):
    """Open the port and flush, until so many have arrived; meanwhile() is called when half have."""
    cpu0, t0 = sum(run.mta.tree.cpu()), time.time()
    run.mta.spawn(run.mta.flush_command()).wait()
    run.wait_for("flushed", sink.count, wanted // 2, timeout=600)
    more = meanwhile()
    run.wait_for("flushed", sink.count, wanted, timeout=600)
    flushed, seconds = sink.count(), time.time() - t0
    cpu = sum(run.mta.tree.cpu()) - cpu0
    return {"flush_per_s": flushed / seconds, "flush_cpu_s_per_1000": cpu / flushed * 1000, **more,
            "qmgr_mb": run.mta.tree.peak_of("qmgr") / 1024}


def deepqueue(run, messages):
    run.setup(dest="relay")
    probes = run.sink(offset=2)
    run.start()
    t0 = time.time()
    run.smtp(messages, 20, 4 * KB, reuse=True)
    injected = time.time() - t0
    if run.mta.queued() < messages:
        raise Failed(f"{run.mta.queued()} of {messages} queued")
    run.settle()
    queued = time.time() - t0
    listed = list_queue(run, b"@client.test", messages)

    run.mta.stop()
    restarted = restart(run, probes)
    sink = run.sink()
    flushed = flush(run, sink, messages)
    run.drained()
    if sink.count() != messages:
        raise Failed(f"{sink.count()} flushed, {messages} expected")
    return {
        "messages": messages,
        "accepted_per_s": messages / injected,
        "all_deferred_s": queued,
        **listed, **restarted, **flushed,
    }


def make_queue(run, messages):
    """Deferred messages to 1,000 domains that are due in an hour."""
    subprocess.run([f"{HERE}/make_queue", "--queue-directory", run.mta.queue_directory(),
                    "--owner", run.mta.owner, "--count", str(messages), "--domains", "1000",
                    "--pattern", "d%d.test"], check=True)


def million(run, messages):
    run.setup(dest="relay")
    probes = run.sink(offset=2)
    run.start()                                             # makes the directories
    run.mta.stop()
    make_queue(run, messages)
    restarted = restart(run, probes)
    listed = list_queue(run, b"@origin.example", messages)
    flushed = flush(run, run.sink(), min(messages, 20000),
                    lambda: {"mail_through_s": send_probe(run, probes)})
    return {"messages": messages, **restarted, **listed, **flushed}


# Destinations in trouble

def dead_destinations(port):
    """1000 domains: a third refuses connections, a third never answers, the rest has slow DNS."""
    routes, slow = {}, []
    for n in range(1000):
        address = f"127.0.{2 + n // 250}.{n % 250 + 1}"
        if n % 3 == 0:
            routes[f"refused{n}.test"] = (address, port + 3)
        elif n % 3 == 1:
            routes[f"silent{n}.test"] = (address, port + 4)
        else:
            slow.append(f"d{n}.slow.test")
    return routes, slow


def dead(run, messages):
    """Healthy mail alone, then while ten times `messages` wait for dead destinations."""
    port, waiting = run.args.port, 10 * messages
    routes, slow = dead_destinations(port)
    names = SlowNameServer()
    run.at_end.append(names.close)
    hole = BlackHole(port + 4)
    run.at_end.append(hole.close)
    run.setup(dest="routes", routes={**routes, "healthy.test": ("127.0.0.1", port + 1)},
              files={"/etc/resolv.conf": f"nameserver {names.ADDRESS}\n"})
    sink = run.sink()
    run.start()
    healthy = 2 * messages
    run.warm_up(sink.count, 100, 20, 4 * KB, to="u@healthy.test")

    def generate():
        run.smtp(healthy, 20, 4 * KB, to="u@healthy.test")
    before = run.rate(generate, sink.count, healthy, 60)
    t0 = time.time()
    load.spread(load.each_domain_worker, waiting, 4, port, [*routes, *slow], 4 * KB)
    injected = time.time() - t0
    during = run.rate(generate, sink.count, healthy, 60)
    if run.mta.queued() < waiting:
        raise Failed(f"{run.mta.queued()} of {waiting} for dead destinations are queued")
    return {
        "messages": waiting,
        "accepted_per_s": waiting / injected,
        "healthy_alone_per_s": before,
        "healthy_per_s": during,
        "healthy_share": during / before,
    }


@dataclass
class Scenario:
    function: object
    count: int                     # messages, or connections
    what: str
    aims: tuple = ()               # (figure, how many times Postfix's at least, or at most)
    limits: tuple = ()             # (figure, "<=" or ">=", value): of Tassis alone
    quick: int = 0                 # the count of a quick run; 0: a tenth
    alone: bool = False            # Tassis alone
    by_hand: bool = False          # only when named
    against: str = ""              # the scenario whose Postfix is the measure, if another


def throughput(speed, cpu, *more):
    """The aims of a scenario that sends messages."""
    return (("msgs_per_s", speed), ("cpu_s_per_1000", 1 / cpu), *more)


SCENARIOS = {
    "accept-1": Scenario(accept(1), 600, "SMTP to discard, 4 KB, 1 session"),
    "accept-20": Scenario(accept(20), 5000,
                          "SMTP to discard, 4 KB, 20 sessions, one message a connection",
                          throughput(5, 6)),
    "accept-100": Scenario(accept(100), 5000,
                           "SMTP to discard, 4 KB, 100 sessions, one message a connection",
                           throughput(8, 6)),
    "accept-1000": Scenario(accept(1000), 5000,
                            "SMTP to discard, 4 KB, 1,000 sessions, one message a connection",
                            throughput(8, 6),
                            quick=2000),
    "accept-reuse-1": Scenario(accept(1, True), 800, "SMTP to discard, 4 KB, 1 session, all messages in one connection"),
    "accept-reuse-20": Scenario(accept(20, True), 5000,
                                "SMTP to discard, 4 KB, 20 sessions, many messages a connection"),
    "accept-reuse-100": Scenario(accept(100, True), 5000,
                                 "SMTP to discard, 4 KB, 100 sessions, many messages a connection"),
    "accept-slow-disk": Scenario(accept(100, slow_fsync_ms=5), 3000,
                                 "SMTP to discard, 4 KB, 100 sessions, each fsync 5 ms slower", (("msgs_per_s", 8),)),
    "relay": Scenario(relay(20, 4 * KB), 4000, "SMTP to SMTP, 4 KB, 20 sessions",
                      throughput(5, 6)),
    "relay-reuse": Scenario(relay(20, 4 * KB, True), 4000,
                            "SMTP to SMTP, 4 KB, 20 sessions, many messages a connection",
                            throughput(5, 6)),
    "relay-ethernet": Scenario(relay_ethernet, 4000,
                               "SMTP to SMTP, 4 KB, 20 sessions, over a network with an MTU of 1500",
                               throughput(5, 6)),
    "relay-big": Scenario(relay(10, MB), 300, "SMTP to SMTP, 1 MB, 10 sessions",
                          throughput(2, 2)),
    "relay-huge": Scenario(relay_huge, 24, "SMTP to SMTP, 50 MB, 4 sessions",
                           (("msgs_per_s", 1), ("cpu_s_per_1000", 1 / 2)),
                           (("grown_mb", "<=", 4),), quick=8),
    "maildir": Scenario(maildir, 3000, "SMTP to the Maildir of one system user, 20 sessions",
                        throughput(3, 3)),
    "virtual": Scenario(virtual, 4000, "SMTP to 500 virtual Maildirs, 20 sessions",
                        throughput(4, 4)),
    "fanout": Scenario(fanout, 100, "50 recipients in 50 domains a message, to 50 sinks",
                       (("copies_per_s", 5), ("cpu_s_per_1000", 1 / 6))),
    "sendmail": Scenario(sendmail, 1000, "the sendmail command, 4 in parallel, to discard",
                         throughput(4, 4)),
    "tls": Scenario(tls(False), 800, "STARTTLS, one message a connection, full handshakes",
                    throughput(3, 3)),
    "tls-resume": Scenario(tls(True), 800, "STARTTLS, one message a connection, resumed sessions"),
    "idle-100": Scenario(idle, 100, "100 idle SMTP connections", quick=100),
    "idle-1000": Scenario(idle, 1000, "1,000 idle SMTP connections",
                          (("pss_kb_per_conn", 1 / 50), ("mail_through_s", 1)),
                          (("pss_kb_per_conn", "<=", 20),), quick=1000),
    "idle-10000": Scenario(idle, 10000, "10,000 idle SMTP connections",
                           (("pss_kb_per_conn", 1 / 50), ("mail_through_s", 1)),
                           (("pss_kb_per_conn", "<=", 20),), quick=10000, alone=True,
                           against="idle-1000"),
    "deepqueue": Scenario(deepqueue, 20000, "deferred queue: list, restart, flush",
                          (("flush_per_s", 4), ("flush_cpu_s_per_1000", 1 / 4),
                           ("mailq_s", 1 / 2.5), ("start_probe_s", 1 / 2))),
    "million": Scenario(million, 1000000,
                        "1,000,000 deferred messages: list, restart, flush the first 20,000", (),
                        (("start_probe_s", "<=", 2),), quick=50000, alone=True, by_hand=True),
    "dead": Scenario(dead, 1000,
                     "healthy mail while ten times as many messages wait for 1,000 dead destinations",
                     (), (("healthy_share", ">=", 0.8),), quick=1000),
}
