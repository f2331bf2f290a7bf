"""Each worker killed at random moments while mail flows: none is lost, none repeated but what was in
progress in the killed process."""
import collections
import os
import random
import re
import signal
import smtplib
import socket
import subprocess
import threading
import time

from harness import Instance, Sink, free_port, wait_for

# A sanitized program takes several times as long to start, and must get to work between two kills.
SLOWNESS = 6 if "ASAN_OPTIONS" in os.environ else 1
MESSAGES = int(os.environ.get("CRASH_MESSAGES", 120 // SLOWNESS))
TIMEOUT = 280 + MESSAGES // 2
SENDERS = 4
IN_PROGRESS = 20  # deliveries to one destination at a time
END = "the last line"

MAIN = {
    "minimal_backoff_time": "1s",
    "maximal_backoff_time": "2s",
    "queue_run_delay": "1s",
    "transport_retry_time": "1s",
    "service_throttle_time": "1s",
}


def text_of(token):
    return f"Subject: {token}\n\n{'x' * 2000}\n{END}\n"


def submit_by_smtp(mta, token, sender, recipient):
    """True when the server has said 250."""
    accepted = False
    try:
        with smtplib.SMTP("127.0.0.1", mta.port, local_hostname="client.test", timeout=30) as client:
            client.sendmail(sender, [recipient], text_of(token))
            accepted = True
    except (OSError, smtplib.SMTPException):
        pass
    return accepted


def submit_by_sendmail(mta, token, sender, recipient):
    return mta.run("sendmail", "-f", sender, recipient, input=text_of(token)).returncode == 0


class Load:
    """Senders that repeat each message until it is accepted, while a worker is killed."""

    def __init__(self, mta, submit, sender, recipient):
        self.tokens = [f"token{n:05d}" for n in range(MESSAGES)]
        self.accepted = collections.Counter()
        self.kills = 0
        self.threads = [threading.Thread(target=self.submit_all, args=(mta, submit, self.tokens[n::SENDERS], sender, recipient))
                        for n in range(SENDERS)]

    def submit_all(self, mta, submit, tokens, *envelope):
        for token in tokens:
            end = time.monotonic() + 120
            while not self.accepted[token] and time.monotonic() < end:
                if submit(mta, token, *envelope):
                    self.accepted[token] += 1
                else:
                    time.sleep(0.05)

    def kill(self, mta, name):
        processes = mta.processes(name)
        if processes:
            victim = random.choice(processes)
            try:
                os.kill(victim, signal.SIGKILL)
                self.kills += 1
            except ProcessLookupError:
                return
            wait_for(lambda: victim not in mta.processes(name), what="its end")

    def run(self, mta, name, pauses, meanwhile=None):
        for thread in self.threads:
            thread.start()
        while any(thread.is_alive() for thread in self.threads):
            accepted = self.accepted.total()
            end = time.monotonic() + random.uniform(*pauses) * SLOWNESS
            # However slow the machine is: a process gets to work between two kills.
            while time.monotonic() < end or (accepted == self.accepted.total() and time.monotonic() < end + 5):
                time.sleep(0.01)
            self.kill(mta, name)
            if meanwhile:
                meanwhile()
        for thread in self.threads:
            thread.join()
        # Where few processes come to be while mail comes in, kill some while it goes out.
        end = time.monotonic() + 20
        while self.kills < 3 and time.monotonic() < end:
            time.sleep(0.02)
            self.kill(mta, name)
        missing = set(self.tokens) - set(self.accepted)
        assert not missing, f"not accepted: {missing}"
        assert self.kills, f"no process of {name} was found"


def from_boxes(mta):
    return (path.read_text() for path in mta.inbox("alice"))


def check(mta, load, texts, in_progress):
    """Count the messages that arrived whole."""
    found = collections.Counter()
    for text in texts:
        if END in text:
            found[re.search(r"^Subject: (token\d+)\r?$", text, re.M).group(1)] += 1
    lost = [token for token in load.tokens if not found[token]]
    assert not lost, f"lost: {lost}"
    repeated = sum(found.values()) - len(load.tokens)
    print(f"{len(load.tokens)} messages, {load.kills} kills, {repeated} repeated")
    assert repeated <= load.kills * in_progress, (repeated, load.kills)


def drain(mta):
    def is_empty():
        mta.run("postqueue", "-f")
        return not mta.queued()
    wait_for(is_empty, 60 + MESSAGES // 20, "an empty queue")


def run(name, in_progress, main=None, master=lambda mta: "", texts=from_boxes, submit=submit_by_smtp,
        sender="sender@client.test", recipient="alice@example.test", meanwhile=None, afterwards=None, may_bounce=False,
        pauses=(0.02, 0.3), prepare=lambda mta: None):
    """in_progress: how many messages the death of one process may repeat."""
    with Instance(main={**MAIN, **(main or {})}, start=False) as mta:
        (mta.folder / "out").mkdir()
        (mta.folder / "out").chmod(0o777)
        mta.write("store", STORE)
        prepare(mta)
        mta.write("master.cf", (mta.etc / "master.cf").read_text() + master(mta))
        mta.start()
        load = Load(mta, submit, sender, recipient)
        load.run(mta, name, pauses, meanwhile and (lambda: meanwhile(mta)))
        if afterwards:
            afterwards(mta)
        drain(mta)
        bounced = re.search(".*status=bounced.*", mta.log())
        assert may_bounce or not bounced, bounced[0]
        check(mta, load, texts(mta), in_progress)
        assert "panic:" not in mta.log()


# A copy of a message cut short is none: only a whole one counts.
STORE = f"""\
file=$(mktemp $1/part.XXXXXXXX) && cat > $file && grep -q '{END}' $file && mv $file $1/done.${{file##*.}}
"""


def from_store(mta):
    return (path.read_text() for path in (mta.folder / "out").glob("done.*"))


# -- accepting


def test_smtpd():
    """A client that hears nothing after the end of data sends again."""
    run("smtpd", SENDERS)


def test_cleanup():
    run("cleanup", SENDERS)


def test_pickup():
    run("pickup", 20, submit=submit_by_sendmail)  # so many at a time


def test_proxymap():
    """It knows the recipients: without it none is refused for good."""
    run("proxymap", 0, main={"virtual_mailbox_maps": "proxy:texthash:$config_directory/boxes"})


def test_anvil():
    run("anvil", 0, main={"smtpd_client_connection_rate_limit": "100000", "smtpd_client_event_limit_exceptions": ""})


# -- delivering


def test_qmgr():
    run("qmgr", IN_PROGRESS)


def test_virtual():
    run("virtual", 1)


def from_sink(sink):
    return lambda mta: (text.decode() for *_, text in sink.messages)


def test_smtp():
    sink = Sink()
    run("smtp", IN_PROGRESS, main={"relayhost": f"[127.0.0.1]:{sink.port}"}, recipient="x@far.test", texts=from_sink(sink))


def test_lmtp():
    sink = Sink()
    run("lmtp", IN_PROGRESS, main={"default_transport": f"lmtp:[127.0.0.1]:{sink.port}"}, recipient="x@far.test", texts=from_sink(sink))


LOCAL = {"mydestination": "local.test", "local_recipient_maps": "", "allow_mail_to_files": "alias", "allow_mail_to_commands": "alias"}


def test_local():
    run("local", 1, main={**LOCAL, "alias_maps": "inline:{ { box = $virtual_mailbox_base/alice/ } }"}, recipient="box@local.test")


def test_local_with_command():
    run("local", 1, main={**LOCAL, "default_privs": Instance.user() if os.geteuid() else "nobody",
                          "alias_maps": "inline:{ { box = \"|/bin/sh $config_directory/store $config_directory/../out\" } }"},
        recipient="box@local.test", texts=from_store)


def test_pipe():
    run("pipe", 1, main={"default_transport": "store"}, recipient="x@far.test", texts=from_store,
        master=lambda mta: "store unix - n n - - pipe flags=R user=nobody argv=/bin/sh "
                           f"{mta.etc}/store {mta.folder}/out\n")


def test_discard():
    """What is thrown away leaves nothing but the end of its queue file."""
    def from_log(mta):
        def are_gone():
            taken = set(re.findall(r"smtpd\[\d+\]: ([0-9A-Za-z]+): client=", mta.log()))
            gone = set(re.findall(r"qmgr\[\d+\]: ([0-9A-Za-z]+): removed", mta.log()))
            return len(taken & gone) >= MESSAGES
        wait_for(are_gone, what="the end of all")  # a line comes a moment after what it tells
        return (f"Subject: token{n:05d}\n{END}" for n in range(MESSAGES))
    run("discard", 0, main={"default_transport": "discard:gone"}, recipient="x@far.test", texts=from_log)


REFUSED = {"transport_maps": "inline:{ {refused.test = error:5.1.1 gone} }", "smtpd_reject_unlisted_recipient": "no"}


def test_error():
    """Every message is refused: each sender must get its notification."""
    run("error", IN_PROGRESS, sender="alice@example.test", recipient="x@refused.test", may_bounce=True, main=REFUSED)


def test_bounce():
    run("bounce", IN_PROGRESS, sender="alice@example.test", recipient="x@refused.test", may_bounce=True, main=REFUSED)


def test_retry():
    """Nothing is delivered until the transport is another one."""
    run("error", 0, main={"virtual_transport": "retry:4.0.0 later", "smtpd_reject_unlisted_recipient": "no"}, afterwards=lambda mta: mta.configure(virtual_transport="virtual"))


def test_defer():
    run("bounce", 0, main={"virtual_transport": "retry:4.0.0 later", "smtpd_reject_unlisted_recipient": "no"}, afterwards=lambda mta: mta.configure(virtual_transport="virtual"))


# -- beside the way of the mail


def test_postlogd():
    run("postlogd", 0)


def test_showq():
    run("showq", 0, meanwhile=lambda mta: subprocess.Popen(
        [mta.command("postqueue"), "-c", str(mta.etc), "-p"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).wait())


def test_flush():
    port = free_port()
    sinks = []
    run("flush", 0, main={"relayhost": f"[127.0.0.1]:{port}", "fast_flush_domains": "far.test"}, recipient="x@far.test",
        afterwards=lambda mta: sinks.append(Sink(port=port)), texts=lambda mta: from_sink(sinks[0])(mta))


def test_trivial_rewrite():
    """It serves other programs; our own do without it, and so must not miss it."""
    def ask(mta):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(mta.queue / "private/rewrite"))
            wait_for(lambda: mta.processes("trivial-rewrite"), what="a process")
    run("trivial-rewrite", 0, meanwhile=ask)


def test_master():
    """The whole system falls, and is started anew."""
    def start(mta):
        if not mta.processes("master"):
            mta.run("tassis", "start")
    run("master", SENDERS + IN_PROGRESS, meanwhile=start, afterwards=start, pauses=(0.3, 2))
