"""postscreen and DNS lists that answer, and that do not. In a network of our own, with our own resolver."""
import socket
import struct
import subprocess
import tempfile
import threading
import time

from test_postscreen import Screened

NEEDS_ROOT = True


class Dns(threading.Thread):
    """Answers questions for names in `listed` with 127.0.0.2, others with NXDOMAIN; none in `silent`."""

    def __init__(self, listed, silent=()):
        super().__init__(daemon=True)
        self.listed, self.silent, self.asked = listed, silent, []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 53))
        with tempfile.NamedTemporaryFile("w", delete=False) as f:
            f.write("nameserver 127.0.0.1\n")
        subprocess.run(["chmod", "644", f.name], check=True)
        subprocess.run(["mount", "--bind", f.name, "/etc/resolv.conf"], check=True)
        self.start()

    def run(self):
        while True:
            query, client = self.socket.recvfrom(4096)
            labels, position = [], 12
            while query[position]:
                labels.append(query[position + 1:position + 1 + query[position]].decode())
                position += query[position] + 1
            name = ".".join(labels).lower()
            self.asked.append(name)
            if any(name.endswith(zone) for zone in self.silent):
                continue
            found = name in self.listed and query[position + 1:position + 3] == b"\0\1"
            head = query[:2] + struct.pack("!5H", 0x8180 if found else 0x8183, 1, int(found), 0, 0)
            answer = b"\xc0\x0c" + struct.pack("!2HIH", 1, 1, 60, 4) + bytes([127, 0, 0, 2])
            self.socket.sendto(head + query[12:position + 5] + (answer if found else b""), client)


def test_lists():
    Dns({"9.0.0.127.bl.test", "8.0.0.127.bl.test", "8.0.0.127.wl.test"})
    with Screened({
        "postscreen_dnsbl_sites": "bl.test=127.0.0.[2..3]*2, wl.test*-3",
        "postscreen_dnsbl_threshold": "2",
        "postscreen_dnsbl_action": "enforce",
        "postscreen_dnsbl_allowlist_threshold": "-1",
        "postscreen_greet_wait": "20s",
    }) as mta:
        begun = time.monotonic()
        mta.connect("127.0.0.8").send_mail()
        assert time.monotonic() - begun < 10, "a list of the good lets clients in at once"
        mta.wait_log(r"postfix/dnsblog\[\d+\]: addr 127\.0\.0\.8 listed by domain wl\.test as 127\.0\.0\.2")
        mta.wait_log(r"PASS NEW \[127\.0\.0\.8\]")
        mta.configure(postscreen_greet_wait="1s")
        client = mta.connect("127.0.0.9")
        client.reply()
        client.cmd("EHLO x")
        client.cmd("MAIL FROM:<a@client.test>")
        assert client.cmd("RCPT TO:<alice@example.test>") == \
            "550 5.7.1 Service unavailable; client [127.0.0.9] blocked using bl.test\r\n"
        mta.wait_log(r"DNSBL rank 2 for \[127\.0\.0\.9\]")


def test_silent_lists_delay_nobody():
    """Lists that do not answer cost the greet wait, no more; and one that does still counts."""
    dns = Dns({"9.0.0.127.bl.test"}, silent=("silent.test", "quiet.test"))
    with Screened({
        "postscreen_dnsbl_sites": "silent.test, quiet.test, bl.test",
        "postscreen_dnsbl_action": "drop",
        "postscreen_greet_wait": "2s",
        "postscreen_pre_queue_limit": "500",
        "postscreen_cache_map": "",
    }) as mta:
        begun = time.monotonic()
        clients = [mta.connect(f"127.0.1.{number + 1}") for number in range(100)]
        for client in clients:
            assert client.reply().rpartition("\r\n220 ")[2], "not let in"
        assert time.monotonic() - begun < 15
        assert len(dns.asked) >= 300
        for client in clients:
            client.close()
        assert "521 5.7.1" in mta.connect("127.0.0.9").reply()
        mta.connect("127.0.0.10").send_mail()
        mta.mail("alice")
