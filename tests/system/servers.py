"""Servers that a test is by itself."""
import contextlib
import os
import socket
import threading
import time


class Listener:
    """A server of the test's own, on a free loopback port (or another, or a Unix socket): serve(client, number) has a
    thread for each connection, the first of which is number 1, and that is closed behind it. What serve() needs is
    there before Listener.__init__ is called."""

    def __init__(self, address="127.0.0.1", port=0, path=None):
        self.connections = 0
        if path:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(str(path))
            os.chmod(path, 0o777)
            self.listener.listen(200)
        else:
            self.listener = socket.create_server((address, port))
            self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):  # closed
            while True:
                client, _ = self.listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(client, self.connections), daemon=True).start()

    def _serve(self, client, number):
        with contextlib.suppress(OSError), client:  # it may go when it likes
            self.serve(client, number)

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Sink(Listener):
    """An SMTP server that keeps what it gets; replies[verb] answers otherwise than 250, END being the end of a
    message. pause: seconds before each line of an answer to EHLO."""

    def __init__(self, address="127.0.0.1", port=0, replies=None, banner="220 sink ESMTP", pause=0):
        self.messages, self.replies = [], replies or {}
        self.commands, self.banner, self.pause = [], banner, pause
        super().__init__(address, port)

    def serve(self, client, _):
        with client.makefile("rwb") as io:
            def say(text):
                io.write(text.encode() + b"\r\n")
                io.flush()
            say(self.banner)
            envelope = None
            for line in io:
                verb = line.split(b":")[0].split()[0].decode().upper() if line.strip() else ""
                self.commands.append(line.decode(errors="replace").strip())
                if verb in self.replies:
                    say(self.replies[verb])
                elif verb == "EHLO":
                    for answer in ("250-sink", "250-PIPELINING", "250-8BITMIME", "250 SIZE"):
                        time.sleep(self.pause)
                        say(answer)
                elif verb == "MAIL":
                    envelope = (line.decode().strip(), [])
                    say("250 ok")
                elif verb == "RCPT":
                    envelope[1].append(line.decode().strip())
                    say("250 ok")
                elif verb == "DATA":
                    say("354 go")
                    text = b""
                    for part in io:
                        if part == b".\r\n":
                            break
                        text += part[1:] if part.startswith(b".") else part
                    self.messages.append((*envelope, text))
                    say(self.replies.get("END", "250 kept"))
                elif verb == "QUIT":
                    say("221 bye")
                    return
                else:
                    say("250 ok")
