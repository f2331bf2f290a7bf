"""What a mail server has to put up with: destinations that do not answer, slow name servers,
networks with small packets."""

import os
import socket
import subprocess
import threading
import time


class BlackHole:
    """A TCP port, on every loopback address, where no connection is ever established: its
    queue of connections is full, so the kernel drops what else comes."""

    def __init__(self, port):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("0.0.0.0", port))
        self.listener.listen(0)
        self.fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
            self.fillers.append(filler)
        time.sleep(0.1)

    def close(self):
        for sock in [*self.fillers, self.listener]:
            sock.close()


class SlowNameServer(threading.Thread):
    """Answers SERVFAIL `delay` seconds late for names below slow.test, at once NXDOMAIN for others."""

    ADDRESS = "127.9.9.9"

    def __init__(self, delay=4.0):
        super().__init__(daemon=True)
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.sock.bind((self.ADDRESS, 53))
        self.delay, self.late = delay, []
        self.start()

    def answer(self, query, peer, code):
        flags = bytes([0x80 | query[2] & 0x79, 0x80 | code])
        self.sock.sendto(query[:2] + flags + query[4:6] + bytes(6) + self.question(query), peer)

    @staticmethod
    def question(query):
        end = query.index(b"\0", 12) + 5
        return query[12:end]

    def run(self):
        self.sock.settimeout(0.05)
        while True:
            try:
                query, peer = self.sock.recvfrom(4096)
                if b"\x04slow\x04test\0" in query.lower():
                    self.late.append((time.time() + self.delay, query, peer))
                else:
                    self.answer(query, peer, 3)
            except socket.timeout:
                pass
            except OSError:
                return                                      # closed
            while self.late and self.late[0][0] <= time.time():
                _, query, peer = self.late.pop(0)
                self.answer(query, peer, 2)

    def close(self):
        self.sock.close()
        self.join()


class Network:
    """A network namespace with clients and servers, reached over a pair of virtual Ethernet
    devices with an MTU of 1500."""

    OURS, THEIRS = "10.99.87.1", "10.99.87.2"

    def __init__(self):
        self.name = f"bench-{os.getpid()}"
        self.device = f"bench{os.getpid() % 100000}"
        self.prefix = ["ip", "netns", "exec", self.name]
        self.ip("netns", "add", self.name)
        try:
            self.ip("link", "add", self.device, "mtu", "1500", "type", "veth",
                    "peer", "name", "eth0", "mtu", "1500", "netns", self.name)
            self.ip("address", "add", f"{self.OURS}/24", "dev", self.device)
            self.ip("link", "set", self.device, "up")
            self.ip("-n", self.name, "address", "add", f"{self.THEIRS}/24", "dev", "eth0")
            self.ip("-n", self.name, "link", "set", "eth0", "up")
            self.ip("-n", self.name, "link", "set", "lo", "up")
        except subprocess.CalledProcessError:
            self.close()
            raise

    @staticmethod
    def ip(*args):
        subprocess.run(["ip", *args], check=True)

    def close(self):
        subprocess.run(["ip", "link", "del", self.device], stderr=subprocess.DEVNULL)
        subprocess.run(["ip", "netns", "del", self.name])
