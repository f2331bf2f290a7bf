"""Thousands of idle connections cost memory only, and little of it; mail goes on beside them."""
import os
import re
import resource
import socket
import ssl

from harness import Instance, Skipped, wait_for
from tls_peers import Authority

CONNECTIONS = int(os.environ.get("IDLE_CONNECTIONS", "800"))
LIMIT_KB = 30 if "ASAN_OPTIONS" not in os.environ else 100  # a sanitizer keeps accounts of its own


def memory_kb(mta, name=None):
    """Proportional memory of the whole process tree, or of the programs of that name."""
    total = 0
    for pid in mta.processes(name):
        with open(f"/proc/{pid}/smaps_rollup") as f:
            total += int(re.search(r"^Pss:\s+(\d+)", f.read(), re.M).group(1))
    return total


def test_idle_connections():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, CONNECTIONS + 200), hard))
    with Instance(main={"smtpd_client_connection_count_limit": "0", "smtpd_peername_lookup": "yes"}, start=False) as mta:
        master = mta.etc / "master.cf"
        master.write_text(master.read_text().replace("inet n - n - - smtpd", f"inet n - n - {CONNECTIONS + 20} smtpd"))
        mta.start()
        mta.send("alice@example.test", "Subject: first\n\nx\n")
        mta.mail("alice")
        before = memory_kb(mta)
        clients = []
        for _ in range(CONNECTIONS):
            client = socket.create_connection(("127.0.0.1", mta.port), 20)
            assert client.recv(200).startswith(b"220 ")
            client.sendall(b"EHLO idle.test\r\n")
            assert client.recv(1000).startswith(b"250-")
            clients.append(client)
        # What a session needed to say hello is given back a moment after it has fallen silent.
        def settled():
            now = memory_kb(mta)
            return (now - before) / CONNECTIONS < LIMIT_KB
        wait_for(settled, 10, f"less than {LIMIT_KB} KB a connection: {(memory_kb(mta) - before) / CONNECTIONS}")
        mta.send("alice@example.test", "Subject: second\n\nx\n")
        mta.mail("alice", 2)
        for client in clients:
            client.sendall(b"QUIT\r\n")
            assert client.recv(100).startswith(b"221 ")
            client.close()


def test_idle_tls_connections():
    """The handshake needs much more than waiting does."""
    if "ASAN_OPTIONS" in os.environ:
        raise Skipped("a sanitizer keeps memory that was given back")
    count = CONNECTIONS // 2
    main = {"smtpd_client_connection_count_limit": "0", "smtpd_tls_security_level": "may",
            "smtpd_tls_chain_files": Authority().issue("mx.example.test")}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with Instance(main=main) as mta:
        def connect():
            client = socket.create_connection(("127.0.0.1", mta.port), 20)
            for said, answer in ((b"", b"220 "), (b"EHLO idle.test\r\n", b"250-"), (b"STARTTLS\r\n", b"220 ")):
                client.sendall(said)
                assert client.recv(1000).startswith(answer)
            client = context.wrap_socket(client)
            client.sendall(b"EHLO idle.test\r\n")
            assert client.recv(1000).startswith(b"250-")
            return client

        clients = [connect() for _ in range(20)]  # what the process has once
        before = memory_kb(mta, "smtpd")
        clients += [connect() for _ in range(count)]

        def each():
            return (memory_kb(mta, "smtpd") - before) / count
        wait_for(lambda: each() < LIMIT_KB, 20, f"less than {LIMIT_KB} KB a connection: {each()}")
        for client in clients:
            client.sendall(b"QUIT\r\n")
            assert client.recv(100).startswith(b"221 ")
            client.close()
