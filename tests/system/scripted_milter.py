"""A milter whose every answer a test decides, down to the bytes.

    milter = ScriptedMilter(script)            # on a free loopback port: milter.address
    milter = ScriptedMilter(script, path=...)  # or on a Unix socket

script(session, event, data) is called for each command that awaits an answer and returns the packets
to send: CONTINUE, reject("550 5.7.1 no"), [ADD_HEADER, CONTINUE], RAW bytes, or None for no answer at
all. Raising Hangup closes the connection.
"""
import contextlib
import struct
import threading

from harness import Listener

EVENTS = dict(zip(b"OCHMRTLNBEU", "negotiate connect helo mail rcpt data header eoh body eom unknown".split()))


class Hangup(Exception):
    pass


class RAW(bytes):
    """Bytes that go out as they are."""


def packet(kind, data=b""):
    return RAW(struct.pack("!I", len(data) + 1) + kind + data)


def text(*words):
    return b"".join(word.encode() + b"\0" for word in words)


CONTINUE, ACCEPT, DISCARD, TEMPFAIL = (packet(kind) for kind in (b"c", b"a", b"d", b"t"))


def reject(reply):
    return packet(b"y", text(reply))


def add_header(name, value):
    return packet(b"h", text(name, value))


def insert_header(index, name, value):
    return packet(b"i", struct.pack("!I", index) + text(name, value))


def change_header(index, name, value):
    return packet(b"m", struct.pack("!I", index) + text(name, value))


class Session:
    """What one connection has seen."""

    def __init__(self, number):
        self.number, self.events, self.headers, self.body, self.macros = number, [], [], b"", {}


class ScriptedMilter(Listener):
    def __init__(self, script=lambda session, event, data: CONTINUE, path=None, actions=0x1FF, steps=0):
        self.script, self.actions, self.steps, self.sessions = script, actions, steps, []
        self.ended = threading.Event()
        super().__init__(path=path)
        self.address = f"unix:{path}" if path else f"inet:127.0.0.1:{self.port}"

    def close(self):
        self.ended.set()
        super().close()

    def serve(self, client, number):
        session = Session(number - 1)
        self.sessions.append(session)
        with contextlib.suppress(Hangup, ValueError), client.makefile("rwb") as io:
            while header := io.read(4):
                command = io.read(struct.unpack("!I", header)[0])
                for piece in self._answer(session, command[:1], command[1:]):
                    io.write(piece)
                io.flush()

    def _answer(self, session, kind, data):
        if kind == b"D":
            words = data[1:].decode("utf-8", "replace").split("\0")
            event = EVENTS.get(data[0], "?")
            session.macros.setdefault(event, {}).update(zip(words[::2], words[1::2]))
            return []
        if kind in b"QKA":
            session.events.append("abort" if kind == b"A" else "quit")
            if kind == b"Q":
                raise Hangup
            return []
        event = EVENTS[kind[0]]
        session.events.append(event)
        if event == "header":
            session.headers.append(tuple(data.decode("utf-8", "replace").split("\0")[:2]))
        elif event == "body":
            session.body += data
        answer = self.script(session, event, data)
        if event == "negotiate" and answer is CONTINUE:
            return [packet(b"O", struct.pack("!III", 6, self.actions, self.steps))]
        if answer is None:
            self.ended.wait()
            raise Hangup
        return answer if isinstance(answer, list) else [answer]
