"""Tables that change while sessions go on, for the tests with and without a chroot."""
import re
import smtplib
import threading
import time

from harness import MASTER, Instance, wait_for

# How each kind says that one recipient (or, in cidr, one client) is refused with this text.
KINDS = {
    "texthash": "texthash@example.test REJECT {text}\n",
    "regexp": "/^regexp@/ REJECT {text}\n",
    "pcre": "/^pcre@/ REJECT {text}\n",
    "cidr": "127.0.0.9/32 REJECT {text}\n",
    "lmdb": "lmdb@example.test REJECT {text}\n",
    "cdb": "cdb@example.test REJECT {text}\n",
}
# The requirement, and what a busy machine may add to it.
SECONDS = 2 + 4


class Load(threading.Thread):
    """Session after session, each of several commands; what goes wrong is in `trouble`."""

    def __init__(self, mta):
        super().__init__(daemon=True)
        self.mta, self.trouble, self.n_sessions, self.ends = mta, [], 0, False
        self.start()

    def run(self):
        while not self.ends:
            try:
                for kind in KINDS:
                    answer(self.mta, kind)
                self.n_sessions += 1
            except (OSError, smtplib.SMTPException, AssertionError) as error:
                self.trouble.append(error)

    def stop(self):
        self.ends = True
        self.join()


def connect(mta, kind):
    source = ("127.0.0.9", 0) if kind == "cidr" else None
    client = smtplib.SMTP("127.0.0.1", mta.port, local_hostname="client.test", timeout=30, source_address=source)
    client.ehlo()
    return client


def rcpt(client, kind):
    client.mail("a@client.test")
    code, text = client.rcpt(f"{kind}@example.test")
    client.rset()
    return f"{code} {text.decode()}"


def answer(mta, kind):
    with connect(mta, kind) as client:
        text = rcpt(client, kind)
    assert re.match("554 5.7.1 .*: version [0-9]", text), text
    return text


def write_table(mta, kind, version):
    path = mta.write(f"{kind}.table", KINDS[kind].format(text=f"version {version}"))
    if kind in ("lmdb", "cdb"):
        mta.run("postmap", f"{kind}:{path}", check=True)


def check_changes(chroot="n"):
    with Instance(start=False) as mta:
        mta.write("master.cf", mta.merge(MASTER.format(port=mta.port), f"127.0.0.1:{mta.port} inet n - {chroot} - - smtpd\n"))
        tables = [f"check_{'client' if kind == 'cidr' else 'recipient'}_access {kind}:{mta.etc}/{kind}.table" for kind in KINDS]
        mta.write_main(smtpd_sender_restrictions=", ".join(tables), smtpd_error_sleep_time="0",
                       smtpd_hard_error_limit="1000")
        for kind in KINDS:
            write_table(mta, kind, 0)
        mta.start()
        loads = [Load(mta), Load(mta)]
        slowest = {}
        for kind in KINDS:
            for version in (1, 2):
                with connect(mta, kind) as old:
                    rcpt(old, kind)
                    start = time.monotonic()
                    write_table(mta, kind, version)
                    wait_for(lambda: answer(mta, kind).endswith(f"version {version}"), 30, f"version {version} of {kind}")
                    slowest[kind] = max(slowest.get(kind, 0), time.monotonic() - start)
                    assert rcpt(old, kind).startswith("554")
        for load in loads:
            load.stop()
        assert not [load.trouble for load in loads if load.trouble], [load.trouble for load in loads]
        assert all(load.n_sessions > 3 for load in loads)
        assert max(slowest.values()) < SECONDS, slowest
        assert not re.search("fatal|panic|error:", mta.log())
