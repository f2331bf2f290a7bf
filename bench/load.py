"""Load generators and sinks: smtp-source, smtp-sink, and small SMTP clients
for what smtp-source cannot do (many recipient domains, STARTTLS, idle)."""

import multiprocessing
import os
import selectors
import shutil
import signal
import socket
import ssl
import subprocess
import time


def tool(name):
    path = shutil.which(name) or f"/usr/sbin/{name}"
    if not os.path.exists(path):
        raise SystemExit(f"{name} not found: install Debian's postfix package")
    return path


class Sink:
    """One or more smtp-sink processes whose message counters can be read."""

    def __init__(self, scratch, port, hosts=("127.0.0.1",), user="nobody", prefix=()):
        self.procs, self.files = [], []
        for host in hosts:
            path = f"{scratch}/sink-{host}-{port}"
            out = open(path, "wb")
            self.procs.append(subprocess.Popen(
                [*prefix, tool("smtp-sink"), "-4", "-c", "-m", "2000", "-u", user, f"{host}:{port}", "1024"],
                stdout=out, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL))
            out.close()
            self.files.append(path)
        if not prefix:                      # else the caller knows from where it can be reached
            for host in hosts:
                wait_port(host, port)

    def count(self):
        """Messages received, over all the sinks."""
        total = 0
        for path in self.files:
            with open(path, "rb") as f:
                f.seek(max(0, os.path.getsize(path) - 200))
                for record in reversed(f.read().split(b"\r")):
                    if b"mesg=" in record:
                        total += int(record.rsplit(b"mesg=", 1)[1])
                        break
        return total

    def close(self):
        for proc in self.procs:
            proc.terminate()
        for proc in self.procs:
            proc.wait()


def wait_port(host, port, timeout=20.0):
    """Wait until a TCP server answers."""
    deadline = time.time() + timeout
    while True:
        try:
            socket.create_connection((host, port), timeout=5).close()
            return
        except OSError:
            if time.time() > deadline:
                raise RuntimeError(f"nothing listens on {host}:{port}")
            time.sleep(0.01)


def smtp_source(port, messages, sessions, size, to, reuse=False, numbered=True, host="127.0.0.1",
                prefix=()):
    """Start one smtp-source; the caller waits for it."""
    cmd = [*prefix, tool("smtp-source"), "-4", "-s", str(sessions), "-m", str(messages), "-l", str(size),
           "-C", "20", "-M", "client.test", "-f", "sender@client.test", "-t", to]
    if reuse:
        cmd.append("-d")
    if numbered:
        cmd.append("-N")
    return subprocess.Popen(cmd + [f"{host}:{port}"], stdin=subprocess.DEVNULL)


class Client:
    """A blocking SMTP client that checks every reply."""

    def __init__(self, port, host="127.0.0.1", timeout=120):
        self.sock = socket.create_connection((host, port), timeout=timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buf = b""
        self.pipelining = False
        self.expect(b"220")

    def expect(self, code, count=1):
        for _ in range(count):
            while True:
                while b"\n" not in self.buf:
                    data = self.sock.recv(4096)
                    if not data:
                        raise RuntimeError("server closed the connection")
                    self.buf += data
                line, self.buf = self.buf.split(b"\n", 1)
                if not line.startswith(code):
                    raise RuntimeError(f"unexpected reply {line!r}")
                if line[4:].strip() == b"PIPELINING":
                    self.pipelining = True
                if line[3:4] != b"-":
                    break

    def say(self, command, code=b"250"):
        self.sock.sendall(command + b"\r\n")
        self.expect(code)

    def starttls(self, context, session):
        self.say(b"STARTTLS", b"220")
        self.sock = context.wrap_socket(self.sock, session=session)

    def send(self, recipients, body):
        """One transaction; the recipients are pipelined if the server allows it."""
        self.say(b"MAIL FROM:<sender@client.test>")
        step = len(recipients) if self.pipelining else 1
        for i in range(0, len(recipients), step):
            batch = recipients[i:i + step]
            self.sock.sendall(b"".join(b"RCPT TO:<%s>\r\n" % r for r in batch))
            self.expect(b"250", len(batch))
        self.say(b"DATA", b"354")
        self.sock.sendall(body + b"\r\n.\r\n")
        self.expect(b"250")

    def quit(self):
        self.say(b"QUIT", b"221")
        self.sock.close()


def make_body(size):
    head = b"From: <sender@client.test>\r\nTo: <user@dest.test>\r\nSubject: test\r\n\r\n"
    line = b"X" * 70 + b"\r\n"
    return head + (line * (size // len(line) + 1))[:max(0, size - 2)]


def spread(worker, total, procs, *args):
    """Run worker(share, index, *args) in processes; sum what they return."""
    shares = [total // procs + (i < total % procs) for i in range(procs)]
    with multiprocessing.get_context("fork").Pool(
            procs, signal.signal, (signal.SIGTERM, signal.SIG_DFL)) as pool:
        jobs = [pool.apply_async(worker, (share, i) + args) for i, share in enumerate(shares)]
        return sum(job.get() for job in jobs)


def many_domains_worker(messages, index, port, domains, size):
    body, client = make_body(size), Client(port)
    client.say(b"EHLO client.test")
    for i in range(messages):
        client.send([b"u%d@d%d.fan.test" % (i, d) for d in range(1, domains + 1)], body)
    client.quit()
    return messages


def each_domain_worker(messages, index, port, domains, size):
    """One recipient a message, in turn in each of the domains."""
    body, client = make_body(size), Client(port)
    client.say(b"EHLO client.test")
    for i in range(messages):
        client.send([b"u%d@%s" % (i, domains[(index + 7 * i) % len(domains)].encode())], body)
    client.quit()
    return messages


def tls_worker(messages, index, port, size, resume):
    """One message per connection over STARTTLS; returns how many resumed."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    body, session, resumed = make_body(size), None, 0
    for i in range(messages):
        client = Client(port)
        client.say(b"EHLO client.test")
        client.starttls(context, session)
        resumed += client.sock.session_reused
        client.say(b"EHLO client.test")
        client.send([b"u%d-%d@dest.test" % (index, i)], body)
        if resume:
            session = client.sock.session
        client.quit()
    return resumed


class IdleConnections:
    """Open SMTP connections that have said EHLO and then stay silent."""

    def __init__(self, port, wanted, timeout=600):
        self.socks, self.ready = [], 0
        sel, deadline = selectors.DefaultSelector(), time.time() + timeout
        started, pending = 0, 0
        while self.ready < wanted and time.time() < deadline:
            while started < wanted and pending < 100:
                sock = socket.socket()
                sock.setblocking(False)
                sock.connect_ex(("127.0.0.1", port))
                self.socks.append(sock)
                sel.register(sock, selectors.EVENT_READ, "banner")
                started += 1
                pending += 1
            for key, _ in sel.select(1):
                try:
                    data = key.fileobj.recv(4096)
                except OSError:
                    data = b""
                if not data or data[:1] not in b"2":
                    sel.unregister(key.fileobj)
                    pending -= 1
                elif key.data == "banner":
                    key.fileobj.send(b"EHLO client.test\r\n")
                    sel.modify(key.fileobj, selectors.EVENT_READ, "ehlo")
                elif data.endswith(b"\n"):
                    sel.unregister(key.fileobj)
                    pending -= 1
                    self.ready += 1
            if started >= wanted and pending == 0:
                break

    def close(self):
        for sock in self.socks:
            sock.close()
