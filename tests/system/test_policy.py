"""Policy servers: the real ones, and those that lie, stall or die."""
import contextlib
import os
import pathlib
import re
import shutil
import socket
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from harness import Instance, Listener, free_port, wait_for
from programs import listens, running

NEEDS_PROGRAM = "/usr/sbin/postgrey"
TEXT = "Subject: x\n\nx\n"


class PolicyServer(Listener):
    """Answers each request of a connection with what decide(attributes) returns: bytes to send,
    None to hang up, or a number of seconds to stay silent."""

    def __init__(self, decide):
        self.decide, self.requests = decide, []
        super().__init__()

    def serve(self, client, number):
        with client.makefile("rb") as lines:
            while True:
                attributes = {"connection": number}
                for line in lines:
                    if line == b"\n":
                        break
                    name, _, value = line.decode().rstrip("\n").partition("=")
                    attributes[name] = value
                else:
                    return
                self.requests.append(attributes)
                answer = self.decide(attributes)
                if answer is None:
                    return
                if isinstance(answer, (int, float)):
                    time.sleep(answer)
                    return
                client.sendall(answer)


def asks(server, extra=""):
    if extra:
        server = f"{{ {server}, {extra} }}"
    return {"smtpd_recipient_restrictions": f"check_policy_service {server}, permit_auth_destination, reject"}


@contextlib.contextmanager
def postgrey(*options, port=None):
    port = port or free_port()
    with tempfile.TemporaryDirectory(prefix="tassis-postgrey-") as folder:
        shutil.chown(folder, Instance.user())
        words = ("/usr/sbin/postgrey", f"--inet=127.0.0.1:{port}", f"--dbdir={folder}", f"--user={Instance.user()}",
                 f"--group={Instance.group()}", f"--pidfile={folder}/pid", *options)
        with running(*words, ready=lambda: listens("127.0.0.1", port), log=pathlib.Path(folder, "log")):
            yield port


def test_postgrey_defers_and_then_lets_through():
    with postgrey("--delay=1", "--auto-whitelist-clients=0") as port, Instance(
        main={**asks(f"inet:127.0.0.1:{port}"), "smtpd_authorized_xclient_hosts": "127.0.0.1"}
    ) as mta:

        def attempt(*recipients):
            with mta.smtp() as client:
                client.docmd("XCLIENT", "ADDR=203.0.113.5 NAME=client.example")
                client.ehlo()
                client.mail("a@client.test")
                replies = [client.rcpt(recipient) for recipient in recipients]
                if any(code == 250 for code, _ in replies):
                    client.data(TEXT)
                return replies

        code, text = attempt("alice@example.test")[0]
        assert code == 450 and b"Greylisted" in text, (code, text)
        mta.wait_log(r"NOQUEUE: reject: RCPT from client\.example\[203\.0\.113\.5\]: 450 4\.2\.0 <alice@example\.test>: "
                     r"Recipient address rejected: Greylisted")  # fmt: skip
        wait_for(lambda: attempt("alice@example.test")[0][0] == 250, what="the end of greylisting")
        assert re.search(r"^X-Greylist: delayed \d+ seconds", mta.mail("alice"), re.M)


def test_policyd_spf_behind_spawn():
    """The server remembers a message by its instance: one header for two recipients."""
    command = "/usr/bin/policyd-spf"
    with Instance(
        main={**asks("unix:private/spf"), "spf_time_limit": "3600"},
        master=f"spf unix - n n - 0 spawn\n  user=nobody argv={command}\n",
    ) as mta:
        mta.send(["alice@example.test", "bob@example.test"], TEXT)
        text = mta.mail("alice")
        assert len(re.findall(r"^X-Comment: SPF check N/A for local connections", text, re.M)) == 1, text
        mta.mail("bob")


def test_connection_is_kept_and_shared():
    server = PolicyServer(lambda _: b"action=DUNNO\n\n")
    main = {
        **asks(f"inet:127.0.0.1:{server.port}"),
        "smtpd_end_of_data_restrictions": f"check_policy_service inet:127.0.0.1:{server.port}",
    }
    with Instance(main=main) as mta:
        for _ in range(5):
            mta.send(["alice@example.test", "bob@example.test"], TEXT)
        mta.mail("alice", count=5)
    assert server.connections <= os.cpu_count(), server.connections  # one for each process
    assert len({r["instance"] for r in server.requests}) == 5 and len(server.requests) == 15
    last = server.requests[-1]
    assert last["protocol_state"] == "END-OF-MESSAGE" and last["recipient_count"] == "2", last
    assert last["recipient"] == "" and last["queue_id"] and int(last["size"]) > 0, last


def test_two_messages_at_once_have_their_own_connections():
    server = PolicyServer(lambda _: b"action=DUNNO\n\n")
    with Instance(main=asks(f"inet:127.0.0.1:{server.port}")) as mta:
        with mta.smtp() as one, mta.smtp() as two:
            for client in (one, two):
                client.mail("a@client.test")
            for recipient in ("alice@example.test", "bob@example.test"):
                for client in (one, two):
                    assert client.rcpt(recipient)[0] == 250
    seen = {}
    for request in server.requests:
        seen.setdefault(request["instance"], set()).add(request["connection"])
    assert len(seen) == 2 and all(len(c) == 1 for c in seen.values()), seen


LIES = {
    "hangs up": lambda _: None,
    "talks nonsense": lambda _: b"\x00\xff hello\n\n",
    "no action": lambda _: b"foo=bar\n\n",
    "hangs up in the middle": lambda _: b"action=DUN",
    "never ends a line": lambda _: b"action=" + b"x" * 300000,
    "never ends": lambda _: b"a=b\n" * 200000,
    "stalls": lambda _: 30,
}


def test_servers_that_lie_stall_or_die():
    def attempt(name):
        server = PolicyServer(LIES[name])
        main = asks(f"inet:127.0.0.1:{server.port}", "timeout=2s, retry_delay=1s")
        with Instance(main=main) as mta, mta.smtp() as client:
            client.mail("a@client.test")
            begun = time.monotonic()
            code, text = client.rcpt("alice@example.test")
            took = time.monotonic() - begun
            assert code == 451 and text.startswith(b"4.3.5 <alice@example.test>: Recipient address rejected: "
                                                   b"Server configuration problem"), (name, code, text)  # fmt: skip
            assert took < 7, (name, took)
            mta.wait_log(rf"smtpd\[\d+\]: warning: problem talking to server 127\.0\.0\.1:{server.port}: ")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(attempt, LIES))


def test_server_down_and_default_action():
    port = free_port()
    main = asks(f"inet:127.0.0.1:{port}", "retry_delay=1s, default_action=DUNNO")
    with Instance(main=main) as mta:
        mta.send("alice@example.test", TEXT)
        mta.wait_log(rf"warning: connect to 127\.0\.0\.1:{port}: Connection refused")
        mta.wait_log(rf"warning: problem talking to server 127\.0\.0\.1:{port}: Connection refused")


def test_others_are_not_slowed():
    """One session waits for a server that stalls; the others of its process go on."""
    server = PolicyServer(lambda a: 20 if a["sender"] == "slow@client.test" else b"action=DUNNO\n\n")
    main = asks(f"inet:127.0.0.1:{server.port}", "timeout=10s, try_limit=1")
    with Instance(main=main) as mta, mta.smtp() as slow:
        slow.mail("slow@client.test")
        slow.putcmd("RCPT", "TO:<alice@example.test>")
        wait_for(lambda: server.requests, what="the slow request")
        begun = time.monotonic()
        for _ in range(20):
            mta.send("alice@example.test", TEXT)
        assert time.monotonic() - begun < 5
        assert slow.getreply()[0] == 451


def test_restarted_server_costs_no_mail():
    """Connections that the server closed while they were idle are no trouble."""
    port = free_port()

    def serve():
        listener = socket.create_server(("127.0.0.1", port))
        client, _ = listener.accept()
        with client, client.makefile("rb") as lines:
            while lines.readline() not in (b"\n", b""):
                pass
            client.sendall(b"action=DUNNO\n\n")
        listener.close()

    with Instance(main=asks(f"inet:127.0.0.1:{port}")) as mta:
        for _ in range(3):
            server = threading.Thread(target=serve, daemon=True)
            server.start()
            wait_for(lambda: pathlib.Path("/proc/net/tcp").read_text().count(f":{port:04X} 00000000:0000 0A"),
                     what="the listener")  # fmt: skip
            mta.send("alice@example.test", TEXT)
            server.join()
        assert "problem talking" not in mta.log()


def test_spawn_time_limit_and_status():
    with Instance(
        main={**asks("unix:private/sleeper", "timeout=20s, try_limit=1"), "sleeper_time_limit": "1s"},
        master="sleeper unix - n n - 0 spawn\n  user=nobody argv=/bin/sleep 100\n"
        "fails unix - n n - 0 spawn\n  user=nobody argv=/bin/sh -c { exit 7 }\n"
        "nothing unix - n n - 0 spawn\n  user=nobody argv=/nonexistent/program\n",
    ) as mta:
        with mta.smtp() as client:
            client.mail("a@client.test")
            assert client.rcpt("alice@example.test")[0] == 451
        mta.wait_log(r"spawn\[\d+\]: warning: /bin/sleep: process id \d+: command time limit exceeded")
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(mta.queue / "private/fails"))
            assert client.recv(100) == b""
        mta.wait_log(r"spawn\[\d+\]: warning: command /bin/sh exit status 7")
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(mta.queue / "private/nothing"))
            assert client.recv(100) == b""  # the log is told, not the client
        mta.wait_log(r"spawn\[\d+\]: error: execvp /nonexistent/program: No such file or directory")
        mta.wait_log(r"spawn\[\d+\]: warning: command /nonexistent/program exit status 1")
