"""Each worker killed at random moments while mail flows: none is lost, none repeated but what was in
progress in the killed process."""
import collections
import os
import random
import re
import signal
import smtplib
import threading
import time

from harness import Instance, wait_for

TIMEOUT = 280
MESSAGES = int(os.environ.get("CRASH_MESSAGES", "120"))
SENDERS = 4
IN_PROGRESS = 20  # deliveries to one destination at a time

MAIN = {
    "minimal_backoff_time": "1s",
    "maximal_backoff_time": "2s",
    "queue_run_delay": "1s",
    "transport_retry_time": "1s",
    "service_throttle_time": "1s",
}


def submit(mta, tokens, accepted, sender, recipient):
    """Send until the server has said 250; what it said to each token is kept."""
    for token in tokens:
        end = time.monotonic() + 120
        while time.monotonic() < end:
            try:
                with smtplib.SMTP("127.0.0.1", mta.port, local_hostname="client.test", timeout=20) as client:
                    client.sendmail(sender, [recipient],
                                    f"Subject: {token}\n\n{'x' * 2000}\n")
                accepted[token] += 1
                break
            except (OSError, smtplib.SMTPException):
                time.sleep(0.05)
        else:
            raise AssertionError(f"{token} was not accepted")


def run(name, sender="sender@client.test", recipient="alice@example.test", main=None):
    with Instance(main={**MAIN, **(main or {})}) as mta:
        accepted = collections.Counter()
        tokens = [f"token{n:05d}" for n in range(MESSAGES)]
        threads = [threading.Thread(target=submit, args=(mta, tokens[n::SENDERS], accepted, sender, recipient)) for n in range(SENDERS)]
        for thread in threads:
            thread.start()
        kills = 0
        while any(thread.is_alive() for thread in threads):
            time.sleep(random.uniform(0.02, 0.3))
            for pid in mta.processes(name)[:1]:
                try:
                    os.kill(pid, signal.SIGKILL)
                    kills += 1
                except ProcessLookupError:
                    pass
        for thread in threads:
            thread.join()
        assert set(accepted) == set(tokens)
        assert kills, f"no process of {name} was found"
        mta.run("postqueue", "-f")
        wait_for(lambda: not mta.queued() or mta.run("postqueue", "-f") and False, 60, "an empty queue")
        found = collections.Counter()
        for path in mta.inbox("alice"):
            found[re.search(r"^Subject: (token\d+)$", path.read_text(), re.M).group(1)] += 1
        lost = [t for t in tokens if not found[t]]
        assert not lost, f"lost: {lost}"
        # A repetition needs a kill: at most what was in progress in the process each time.
        repeated = sum(found.values()) - len(tokens)
        assert repeated <= kills * IN_PROGRESS, (repeated, kills)
        assert main or "status=bounced" not in mta.log()


def test_smtpd():
    run("smtpd")


def test_cleanup():
    run("cleanup")


def test_qmgr():
    run("qmgr")


def test_virtual():
    run("virtual")


def test_bounce():
    """Every message is refused: each sender must get its notification."""
    run("bounce", sender="alice@example.test", recipient="x@refused.test",
        main={"transport_maps": "inline:{ {refused.test = error:5.1.1 gone} }", "smtpd_reject_unlisted_recipient": "no"})


def test_postlogd():
    run("postlogd")
