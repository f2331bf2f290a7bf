"""postscreen keeps zombies away from smtpd and costs little; who has passed is let in, by whatever
way, and is remembered."""
import os
import re
import resource
import signal
import socket
import ssl
import subprocess
import threading
import time

from harness import Instance, free_port, wait_for

ZOMBIES = int(os.environ.get("ZOMBIES", "500"))
LIMIT_KB = 20
TIMEOUT = 240


class Screened(Instance):
    """An instance with postscreen on a port of its own, in front of smtpd."""

    def __init__(self, main=None, options="", files=None):
        self.front = free_port()
        master = f"127.0.0.1:{self.front} inet n - n - 1 postscreen\n{options}smtpd pass - - n - - smtpd\n"
        super().__init__(
            main={
                "postscreen_access_list": "",
                "postscreen_greet_wait": "1s",
                "postscreen_greet_action": "enforce",
                "postscreen_cache_map": "lmdb:$data_directory/postscreen_cache",
                "smtpd_client_connection_count_limit": "0",
                **(main or {}),
            },
            master=master,
            files=files,
        )

    def connect(self, source="127.0.0.1", timeout=30):
        return Client(self.front, source, timeout)


class Client:
    def __init__(self, port, source, timeout=30):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout, (source, 0))
        self.io = self.sock.makefile("rwb")

    def reply(self):
        lines = [self.io.readline().decode()]
        while lines[-1][3:4] == "-":
            lines.append(self.io.readline().decode())
        return "".join(lines)

    def cmd(self, line):
        self.io.write(line.encode() + b"\r\n")
        self.io.flush()
        return self.reply()

    def send_mail(self, recipient="alice@example.test", text="Subject: x\r\n\r\nx\r\n"):
        banner = self.reply()
        assert banner.splitlines()[-1].startswith("220 "), banner
        for line, code in (("EHLO client.test", "250"), ("MAIL FROM:<a@client.test>", "250"), (f"RCPT TO:<{recipient}>", "250"),
                           ("DATA", "354"), (text + ".", "250"), ("QUIT", "221")):
            answer = self.cmd(line)
            assert answer.startswith(code), (line, answer)
        self.close()

    def close(self):
        self.io.close()
        self.sock.close()


def memory_kb(mta, name="postscreen"):
    total = 0
    for pid in mta.processes(name):
        with open(f"/proc/{pid}/smaps_rollup") as f:
            total += int(re.search(r"^Pss:\s+(\d+)", f.read(), re.M).group(1))
    return total


def source(number):
    return f"127.20.{number // 250}.{number % 250 + 1}"


def test_zombies_cost_little():
    """They wait for the end of the greeting; a client that is known does not wait with them."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, ZOMBIES + 200), hard))
    main = {
        "postscreen_greet_wait": "100s",
        "postscreen_pre_queue_limit": str(ZOMBIES * 2),
        "postscreen_access_list": "cidr:$config_directory/screen",
    }
    with Screened(main, files={"screen": "127.0.0.1 permit\n"}) as mta:
        mta.connect().send_mail()
        mta.mail("alice")
        before = memory_kb(mta)
        zombies = []
        for number in range(ZOMBIES):
            zombie = socket.create_connection(("127.0.0.1", mta.front), 20, (source(number), 0))
            zombies.append(zombie)
        for zombie in zombies:
            assert zombie.recv(200).startswith(b"220-"), "no teaser"
        wait_for(lambda: (memory_kb(mta) - before) / ZOMBIES < LIMIT_KB, 10,
                 f"less than {LIMIT_KB} KB a zombie: {(memory_kb(mta) - before) / ZOMBIES:.1f}")
        print(f"{(memory_kb(mta) - before) / ZOMBIES:.1f} KB a zombie")
        begun = time.monotonic()
        mta.connect().send_mail()
        mta.mail("alice", 2)
        assert time.monotonic() - begun < 10, "a known client waited"
        for zombie in zombies:
            zombie.close()
        wait_for(lambda: mta.log().count("\n") and len(re.findall("HANGUP after", mta.log())) >= ZOMBIES, 30, "all hang-ups")


def test_hand_over_loses_nothing():
    """Many at once, and a reload in their midst: each client is served, each message arrives."""
    count, errors = 150, []
    with Screened({"postscreen_access_list": "permit_mynetworks", "postscreen_post_queue_limit": str(count)}) as mta:
        def one(number):
            try:
                mta.connect(source(number), 60).send_mail(text=f"Subject: {number}\r\n\r\nx\r\n")
            except Exception as error:
                errors.append(f"{number}: {error!r}")

        threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
        for number, thread in enumerate(threads):
            thread.start()
            if number == count // 2:
                mta.configure(virtual_alias_maps="inline:{nobody@example.test=alice@example.test}")
        for thread in threads:
            thread.join()
        assert not errors, errors[:5]
        mta.mail("alice", count, 60)
        assert "warning" not in mta.log(), re.findall(".*warning.*", mta.log())[:5]


def test_cache_survives():
    """Kill -9, and a reload: who has passed does not wait again."""
    with Screened() as mta:
        def pass_time():
            begun = time.monotonic()
            mta.connect("127.0.0.9").send_mail()
            return time.monotonic() - begun

        assert pass_time() >= 1
        mta.wait_log(r"PASS NEW \[127\.0\.0\.9\]")
        for pid in mta.processes("postscreen"):
            os.kill(pid, signal.SIGKILL)
        seen = len(mta.log())
        mta.connect("127.0.0.9").send_mail()
        mta.mail("alice", 2)
        wait_for(lambda: "PASS OLD [127.0.0.9]" in mta.log()[seen:])
        mta.configure(postscreen_greet_ttl="2d")
        seen = len(mta.log())
        mta.connect("127.0.0.9").send_mail()
        mta.mail("alice", 3)
        assert "PASS OLD [127.0.0.9]" in mta.log()[seen:], mta.log()[seen:]
        entry = mta.run("postmap", "-q", "127.0.0.9", f"lmdb:{mta.data}/postscreen_cache", check=True).out
        assert re.fullmatch(r"\d{10};1;1;1;1\n", entry), entry


def test_reload_keeps_those_who_wait():
    """A client that waits for its greeting when a reload comes gets it, and others are served meanwhile."""
    with Screened({"postscreen_greet_wait": "3s"}) as mta:
        waiting = mta.connect("127.0.0.8")
        assert waiting.io.readline().startswith(b"220-")
        mta.configure(postscreen_greet_wait="1s")
        mta.connect("127.0.0.7").send_mail()
        mta.mail("alice")
        assert waiting.io.readline().startswith(b"220 ")
        assert waiting.cmd("QUIT").startswith("221 ")
        waiting.close()


def test_limits():
    with Screened({"postscreen_client_connection_count_limit": "2", "postscreen_pre_queue_limit": "10", "postscreen_greet_wait": "30s"}) as mta:
        held = [mta.connect("127.0.0.2") for _ in range(2)]
        for client in held:
            assert client.io.readline().startswith(b"220-")
        assert mta.connect("127.0.0.2").reply() == "421 4.7.0 Error: too many connections\r\n"
        mta.wait_log(r"NOQUEUE: reject: CONNECT from \[127\.0\.0\.2\]:\d+: too many connections")
        for number in range(7):
            held.append(mta.connect(source(number)))
            assert held[-1].io.readline().startswith(b"220-")
        mta.wait_log("entering STRESS mode with 9 connections")
        assert mta.connect("127.0.0.3").reply() == "421 4.3.2 All screening ports are busy\r\n"
        for client in held:
            client.close()
        mta.wait_log("leaving STRESS mode with 7 connections")


def test_broken_list_proves_nothing():
    """A command that cannot be looked up is neither forbidden nor good: the client has not passed, and may come again."""
    def greet():
        client = mta.connect()
        assert client.reply().startswith("220")
        for line, code in (("EHLO client.test", "250"), ("FROB", "5"), ("MAIL FROM:<a@client.test>", "250"),
                           ("RCPT TO:<alice@example.test>", "450"), ("QUIT", "221")):
            answer = client.cmd(line)
            assert answer.startswith(code) and "CHUNKING" not in answer, (line, answer)
        client.close()

    main = {"postscreen_non_smtp_command_enable": "yes", "postscreen_discard_ehlo_keywords": "chunking",
            "postscreen_forbidden_commands": "CONNECT, texthash:$config_directory/words"}
    with Screened(main=main) as mta:
        greet()
        mta.wait_log(r"warning: postscreen_forbidden_commands: ")
        mta.wait_log(r"postscreen\[\d+\]: \[127\.0\.0\.1\]:\d+: discarding EHLO keywords: CHUNKING$")
        mta.wait_log(r"postscreen\[\d+\]: DISCONNECT \[127\.0\.0\.1\]")
        assert "PASS NEW" not in mta.log()
        mta.write("words", "GET x\n")
        mta.configure()
        greet()
        mta.wait_log(r"PASS NEW \[127\.0\.0\.1\]")


def test_proxy_protocol():
    """The client that the proxy names is screened, and is the one that smtpd sees."""
    options = " -o postscreen_upstream_proxy_protocol=haproxy\n -o postscreen_upstream_proxy_timeout=2s\n"
    with Screened({"postscreen_access_list": "cidr:$config_directory/screen", "mynetworks": "192.0.2.0/24"}, options,
                  {"screen": "192.0.2.66 reject\n"}) as mta:
        client = mta.connect()
        client.io.write(b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 25\r\n")
        client.io.flush()
        client.send_mail()
        mta.mail("alice")
        mta.wait_log(r"postscreen\[\d+\]: CONNECT from \[192\.0\.2\.7\]:4711 to \[198\.51\.100\.1\]:25")
        mta.wait_log(r"smtpd\[\d+\]: connect from unknown\[192\.0\.2\.7\]")
        binary = mta.connect()
        header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes([192, 0, 2, 66, 198, 51, 100, 1, 18, 104, 0, 25])
        for byte in header:  # in pieces
            binary.sock.sendall(bytes([byte]))
        binary.reply()
        mta.wait_log(r"DENYLISTED \[192\.0\.2\.66\]:4712")
        assert mta.connect().reply() == "421 4.3.2 No system resources\r\n"
        mta.wait_log("warning: haproxy read: time limit exceeded")


def test_starttls():
    """Behind the greeting: TLS is offered and demanded, and what was said before it is forgotten."""
    options = (" -o postscreen_pipelining_enable=yes -o postscreen_tls_security_level=encrypt -o postscreen_tls_loglevel=1\n"
               " -o postscreen_tls_cert_file=$config_directory/cert.pem -o postscreen_tls_key_file=$config_directory/key.pem\n")
    with Screened(None, options) as mta:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=mx.example.test", "-days", "2",
                        "-keyout", mta.etc / "key.pem", "-out", mta.etc / "cert.pem"], check=True, capture_output=True)
        client = mta.connect("127.0.0.5")
        client.reply()
        assert "250-STARTTLS\r\n" in client.cmd("EHLO client.test")
        assert client.cmd("MAIL FROM:<a@client.test>") == "530 5.7.0 Must issue a STARTTLS command first\r\n"
        assert client.cmd("STARTTLS") == "220 2.0.0 Ready to start TLS\r\n"
        context = ssl.create_default_context(cafile=str(mta.etc / "cert.pem"))
        context.check_hostname = False
        client.sock = context.wrap_socket(client.sock)
        client.io = client.sock.makefile("rwb")
        assert client.cmd("RCPT TO:<alice@example.test>") == "503 5.5.1 Error: need MAIL command\r\n"
        assert "STARTTLS" not in client.cmd("EHLO client.test")
        assert client.cmd("MAIL FROM:<a@client.test>") == "250 2.1.0 Ok\r\n"
        assert client.cmd("RCPT TO:<alice@example.test>") == "450 4.3.2 Service currently unavailable\r\n"
        assert client.cmd("QUIT") == "221 2.0.0 Bye\r\n"
        client.close()
        mta.wait_log(r"TLS connection established from \[127\.0\.0\.5\]:\d+: TLSv1")
        mta.wait_log(r"PASS NEW \[127\.0\.0\.5\]")
        mta.connect("127.0.0.5").send_mail()
        mta.mail("alice")
