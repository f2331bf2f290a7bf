"""Thousands of idle connections cost memory only, and little of it; mail goes on beside them."""
import os
import re
import resource
import socket

from harness import Instance, wait_for

CONNECTIONS = int(os.environ.get("IDLE_CONNECTIONS", "800"))
LIMIT_KB = 30 if "ASAN_OPTIONS" not in os.environ else 100  # a sanitizer keeps accounts of its own


def memory_kb(mta):
    """Proportional memory of the whole process tree."""
    total = 0
    for pid in mta.processes():
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
