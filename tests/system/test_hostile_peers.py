"""Peers that lie, stall or die at every step: an LMTP server, and a proxy in front of smtpd and postscreen. Each
costs its own session at most, for a bounded time; no mail is lost or comes twice, and others are served meanwhile."""
import contextlib
import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor

from harness import Instance, Listener, wait_for

OK = b"250 ok\r\n"
GREETING, LHLO, ENVELOPE = [b"220 hi LMTP\r\n"], [b"250-hi\r\n250 8BITMIME\r\n"], [OK, OK, OK]
GO = [b"354 go\r\n"]
UP_TO_DATA = [*GREETING, *LHLO, *ENVELOPE, *GO]
HANG_UP = None

# What the server says, one thing after each that it hears, and how it ends: it hangs up, or is silent from then on.
# Then what becomes of both recipients.
LIARS = {
    "silent": ([], "deferred", "deferred"),
    "hangs up at once": ([HANG_UP], "deferred", "deferred"),
    "no digits": ([b"hello there\r\n" * 500], "deferred", "deferred"),
    "endless greeting": ([b"220-x\r\n" * 60000], "deferred", "deferred"),
    "endless line": ([b"220 " + b"x" * 1000000], "deferred", "deferred"),
    "NULs": ([b"\0" * 100000], "deferred", "deferred"),
    "refuses to talk for now": ([b"421 later\r\n", HANG_UP], "deferred", "deferred"),
    "stalls at LHLO": (GREETING, "deferred", "deferred"),
    "hangs up at LHLO": ([*GREETING, HANG_UP], "deferred", "deferred"),
    "350 at LHLO": ([*GREETING, b"350 what\r\n"], "bounced", "bounced"),
    "350 at RCPT": ([*GREETING, *LHLO, OK, OK, b"350 what\r\n", *GO, OK], "sent", "bounced"),
    "stalls at MAIL": ([*GREETING, *LHLO], "deferred", "deferred"),
    "hangs up at MAIL": ([*GREETING, *LHLO, HANG_UP], "deferred", "deferred"),
    "stalls at RCPT": ([*GREETING, *LHLO, OK], "deferred", "deferred"),
    "hangs up at the second RCPT": ([*GREETING, *LHLO, OK, OK, HANG_UP], "deferred", "deferred"),
    "refuses the second for good": ([*GREETING, *LHLO, OK, OK, b"550 5.1.1 no\r\n", *GO, OK], "sent", "bounced"),
    "stalls at DATA": ([*GREETING, *LHLO, *ENVELOPE], "deferred", "deferred"),
    "250 at DATA": ([*GREETING, *LHLO, *ENVELOPE, OK], "bounced", "bounced"),
    "hangs up at DATA": ([*GREETING, *LHLO, *ENVELOPE, HANG_UP], "deferred", "deferred"),
    "stalls at the end": (UP_TO_DATA, "deferred", "deferred"),
    "hangs up at the end": ([*UP_TO_DATA, HANG_UP], "deferred", "deferred"),
    "354 at the end": ([*UP_TO_DATA, b"354 more\r\n354 more\r\n"], "bounced", "bounced"),
    "a code that there is not": ([*UP_TO_DATA, b"250 ok\r\n654 perhaps\r\n"], "sent", "bounced"),
    "stalls after the first": ([*UP_TO_DATA, OK], "sent", "deferred"),
    "hangs up after the first": ([*UP_TO_DATA, OK + b"25", HANG_UP], "sent", "deferred"),
    "one each": ([*UP_TO_DATA, b"250 2.0.0 yes\r\n552 5.2.2 full\r\n"], "sent", "bounced"),
    "more answers than recipients": ([*UP_TO_DATA, OK * 500], "sent", "sent"),
}


class Liar(Listener):
    """says[i] after the i-th thing heard; what comes between DATA and the dot is one thing."""

    def __init__(self, says):
        self.says = says
        super().__init__()

    def serve(self, client, _):
        with client.makefile("rb") as heard:
            for said in self.says:
                if said is HANG_UP:
                    return
                client.sendall(said)
                line = heard.readline()
                while said.startswith(b"354") and line not in (b".\r\n", b""):
                    line = heard.readline()
                if not line:
                    return
            heard.read()


def fates(mta, queue_id):
    """recipient -> what the log says became of it in the first attempt."""
    return dict(re.findall(rf"{queue_id}: to=<(\w+)@lmtp\.test>, .*status=(\w+)", mta.log()))


def test_lmtp_servers():
    timeouts = {f"lmtp_{step}_timeout": "2s" for step in ("connect", "lhlo", "mail", "rcpt", "data_init", "data_xfer", "data_done", "rset", "quit")}
    main = {**timeouts, "relay_domains": "lmtp.test", "lmtp_destination_concurrency_limit": "1", "minimal_backoff_time": "1000s",
            "default_process_limit": "50"}
    servers = {name: Liar(says) for name, (says, *_) in LIARS.items()}
    with Instance(main={**main, "transport_maps": "texthash:$config_directory/transport"}, files={"transport": ""}) as mta:
        def attempt(name):
            _, first, second = LIARS[name]
            port = servers[name].port
            mta.run("sendmail", "-f", "", f"a{port}@lmtp.test", f"b{port}@lmtp.test", input="Subject: x\n\nx\n", check=True)
            found = mta.wait_log(rf"(\w+): to=<a{port}@", 60)
            wait_for(lambda: {f"a{port}", f"b{port}"} <= set(fates(mta, found[1])), 60, f"the fate of {name}")
            result = fates(mta, found[1])
            assert (result[f"a{port}"], result[f"b{port}"]) == (first, second), (name, result)
            wait_for(lambda: (found[1] in mta.queued()) == ("deferred" in (first, second)), what=f"the queue file's end: {name}")

        lines = "".join(f"{letter}{server.port}@lmtp.test lmtp:[127.0.0.1]:{server.port}\n" for server in servers.values() for letter in "ab")
        mta.write("transport", lines)
        mta.configure()
        with ThreadPoolExecutor(len(LIARS)) as pool:
            attempts = [pool.submit(attempt, name) for name in LIARS]
            # Meanwhile others get their mail.
            mta.send("alice@example.test", "Subject: x\n\nx\n")
            mta.mail("alice", seconds=10)
            for one in attempts:
                one.result()
        # Who was done is done: only the others are tried again.
        done = [name for name, (_, first, second) in LIARS.items() if (first, second) == ("sent", "deferred")]
        for name in done:
            servers[name].says = [*GREETING, *LHLO, OK, OK, *GO, OK]
        seen = len(mta.log())
        mta.run("postqueue", "-f", check=True)
        for name in done:
            wait_for(lambda: re.search(rf"to=<b{servers[name].port}@lmtp\.test>, .*status=sent", mta.log()[seen:]), 30, f"{name}, the second time")
            assert f"to=<a{servers[name].port}@" not in mta.log()[seen:], name


SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V4 = bytes([192, 0, 2, 7, 198, 51, 100, 1, 18, 104, 0, 25])
PROXIES = {
    "silent": b"",
    "garbage": b"\xff" * 100,
    "a client": b"EHLO me.test\r\n",
    "only the word": b"PROXY\r\n",
    "half a line": b"PROXY TCP4 192.0.2.7 198.51",
    "endless line": b"PROXY " + b"x" * 100000,
    "names for addresses": b"PROXY TCP4 localhost localhost 1 2\r\n",
    "the other family": b"PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
    "a port too high": b"PROXY TCP4 192.0.2.7 198.51.100.1 99999 25\r\n",
    "a port below": b"PROXY TCP4 192.0.2.7 198.51.100.1 -1 25\r\n",
    "words too many": b"PROXY TCP4 192.0.2.7 198.51.100.1 1 25 26\r\n",
    "a signature alone": SIGNATURE,
    "a version to come": SIGNATURE + b"\x31\x11\0\x0c" + V4,
    "a family to come": SIGNATURE + b"\x21\x91\0\x0c" + V4,
    "less than its addresses": SIGNATURE + b"\x21\x11\0\x04" + V4[:4],
    "more than comes": SIGNATURE + b"\x21\x11\xff\xff" + V4,
    "64 KiB behind it": SIGNATURE + b"\x21\x11\xff\xff" + V4 + b"\x04" * 65523,
    "datagrams": SIGNATURE + b"\x21\x12\0\x0c" + V4,
}


def mistreat(port, said, hangs_up):
    """What the instance says to it, and how long that takes."""
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), 20) as proxy:
        heard = b""
        with contextlib.suppress(OSError):  # it may have hung up, and has heard enough
            proxy.sendall(said)
            if hangs_up:
                proxy.shutdown(socket.SHUT_WR)
            while part := proxy.recv(65536):
                heard += part
    return heard, time.monotonic() - begun


def proxies(mta, prefix):
    def attempt(case):
        name, hangs_up = case
        heard, seconds = mistreat(mta.port, PROXIES[name], hangs_up)
        assert seconds < 10, (name, hangs_up, seconds)
        assert b"250" not in heard and b"220" not in heard, (name, hangs_up, heard)

    with ThreadPoolExecutor(2 * len(PROXIES)) as pool:
        attempts = [pool.submit(attempt, (name, hangs_up)) for name in PROXIES for hangs_up in (False, True)]
        # Meanwhile an honest one is served, and what it says is believed.
        with socket.create_connection(("127.0.0.1", mta.port), 20) as proxy, proxy.makefile("rwb") as io:
            io.write(b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 25\r\n")
            io.flush()
            assert io.readline().startswith(b"220"), "no greeting"
            mta.wait_log(prefix)
            io.write(b"QUIT\r\n")
            io.flush()
        for one in attempts:
            one.result()
    assert not re.search(r"(panic|fatal|signal|exit status)", mta.log())


def test_proxies_before_smtpd():
    main = {"smtpd_upstream_proxy_protocol": "haproxy", "smtpd_upstream_proxy_timeout": "2s", "smtpd_client_connection_count_limit": "0"}
    with Instance(main=main) as mta:
        proxies(mta, r"smtpd\[\d+\]: connect from unknown\[192\.0\.2\.7\]")


def test_proxies_before_postscreen():
    main = {"postscreen_upstream_proxy_protocol": "haproxy", "postscreen_upstream_proxy_timeout": "2s", "postscreen_greet_wait": "1s",
            "postscreen_client_connection_count_limit": "0", "postscreen_access_list": "cidr:{{192.0.2.0/24 permit}}",
            "postscreen_cache_map": "lmdb:$data_directory/screened"}
    with Instance(main=main, start=False) as mta:
        master = (mta.etc / "master.cf").read_text()
        entry = re.search(rf"^\S*{mta.port}\s+inet.*$", master, re.M)[0]
        mta.write("master.cf", master.replace(entry, re.sub(r"smtpd$", "postscreen", re.sub(r"(\s)-(\s+)smtpd", r"\g<1>1\2smtpd", entry)))
                  + "smtpd pass - - n - - smtpd\n")
        mta.start()
        proxies(mta, r"postscreen\[\d+\]: CONNECT from \[192\.0\.2\.7\]:4711 to \[198\.51\.100\.1\]:25")
