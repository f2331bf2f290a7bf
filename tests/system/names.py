"""A small name server for tests in a network namespace of their own, and the resolver set to ask it."""
import pathlib
import socket
import struct
import subprocess
import tempfile
import threading

TYPES = {1: "A", 28: "AAAA", 15: "MX", 12: "PTR", 16: "TXT"}


def encode_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label) + b"\0"


def encode_data(kind, text):
    if kind == "A":
        return socket.inet_pton(socket.AF_INET, text)
    if kind == "AAAA":
        return socket.inet_pton(socket.AF_INET6, text)
    if kind == "MX":
        preference, host = text.split()
        return struct.pack(">H", int(preference)) + encode_name(host)
    if kind == "TXT":
        return bytes([len(text)]) + text.encode()
    return encode_name(text)


class Names(threading.Thread):
    """records: "name type" -> list of data as a zone file writes it; what ends in "..." is shorter
    than the answer says. While is_silent, questions are taken and never answered."""

    def __init__(self, records, is_silent=False, address="127.0.0.1"):
        super().__init__(daemon=True)
        self.records, self.is_silent, self.asked = records, is_silent, []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 53))
        self.start()

    def run(self):
        while True:
            question, client = self.socket.recvfrom(4096)
            if answer := self.answer(question):
                self.socket.sendto(answer, client)

    def answer(self, packet):
        labels, at = [], 12
        while packet[at]:
            labels.append(packet[at + 1:at + 1 + packet[at]].decode())
            at += 1 + packet[at]
        number = struct.unpack(">H", packet[at + 1:at + 3])[0]
        name, kind = ".".join(labels).lower(), TYPES.get(number, str(number))
        self.asked.append(f"{name} {kind}")
        if self.is_silent:
            return None
        found = self.records.get(f"{name} {kind}", [])
        is_known = any(key.split()[0] == name for key in self.records)
        head = packet[:2] + struct.pack(">HHHHH", 0x8580 | (0 if is_known else 3), 1, len(found), 0, 0)
        body = packet[12:at + 5]
        for text in found:
            data = encode_data(kind, text)
            size = len(data) + text.endswith("...")
            body += b"\xc0\x0c" + struct.pack(">HHIH", number, 1, 60, size) + data
        return head + body


def use_resolver(options="timeout:1 attempts:1", address="127.0.0.1"):
    """In our own mount namespace: all of this machine asks the name server at the address."""
    with tempfile.NamedTemporaryFile("w", prefix="tassis-test-") as copy:
        copy.write(f"nameserver {address}\noptions {options}\n")
        copy.flush()
        pathlib.Path(copy.name).chmod(0o644)
        subprocess.run(["mount", "--bind", copy.name, "/etc/resolv.conf"], check=True)
