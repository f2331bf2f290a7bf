"""One spool, two mail systems: what Postfix has queued we deliver, and the other way round."""
import os
import re
import smtplib

from harness import Instance, Sink, free_port, wait_for
from postfix import Postfix

NEEDS_ROOT = True
NEEDS_PROGRAM = "/usr/sbin/postfix"

MAIN = {
    "compatibility_level": "3.6",
    "virtual_mailbox_domains": "",
    "virtual_mailbox_maps": "",
    "minimal_backoff_time": "1000s",
    "queue_run_delay": "1000s",
    "local_recipient_maps": "",
    "default_database_type": "lmdb",
}


def instance(port):
    mta = Instance(main={**MAIN, "relayhost": f"[127.0.0.1]:{port}"}, start=False)
    # A user of the system owns the log's and the spool's folder in both systems' eyes.
    os.chmod(mta.folder, 0o755)
    return mta


def messages():
    """Different senders, recipients, options and contents."""
    yield "one@client.test", ["a@far.test"], "Subject: plain\n\nhello\n", [], []
    yield "", ["b@far.test"], "Subject: null sender\n\n" + "x" * 3000 + "\n", [], []
    yield "two@client.test", [f"r{n}@far.test" for n in range(60)], "Subject: many\n\nhello\n", [], []
    yield "dsn@client.test", ["c+x@far.test"], "Subject: dsn\n\n.\n..\n", ["RET=HDRS", "ENVID=e+2Bx"], ["NOTIFY=FAILURE,DELAY", "ORCPT=rfc822;o@old.test"]
    yield "eight@client.test", ["d@far.test"], "Subject: eight\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nj\u00fcrgen\n".encode(), ["BODY=8BITMIME"], []


def submit_all(port):
    with smtplib.SMTP("127.0.0.1", port, local_hostname="client.test", timeout=30) as client:
        client.ehlo()
        for sender, recipients, text, mail_options, rcpt_options in messages():
            client.sendmail(sender, recipients, text, mail_options, rcpt_options)


def count():
    return sum(len(recipients) for _, recipients, *_ in messages())


def all_deferred(mta):
    return len(re.findall(r"status=deferred", mta.log())) >= count()


def delivered(sink):
    return sum(len(recipients) for _, recipients, _ in sink.messages)


def same_postcat(mta, postfix):
    """Both show every queued file alike."""
    for path in sorted((mta.queue / "deferred").rglob("*")):
        if path.is_file():
            ours = mta.run("postcat", "-v", str(path), check=True).out
            theirs = postfix.run("postcat", "-v", str(path)).stdout
            strip = lambda text: [line for line in text.splitlines() if not line.startswith("postcat: ")]
            assert strip(ours) == strip(theirs), path.name


def test_postfix_queues_we_deliver():
    port = free_port()
    mta = instance(port)
    with mta:
        with Postfix(mta) as postfix:
            submit_all(mta.port)
            wait_for(lambda: all_deferred(mta), 30, "deferred mail")
            same_postcat(mta, postfix)
        sink = Sink(port=port)
        mta.start()
        assert len(mta.queued()) == 5, mta.queued()
        mta.run("postqueue", "-f", check=True)
        wait_for(lambda: delivered(sink) == count(), 30, "all mail")
        wait_for(lambda: not mta.queued(), 20, "an empty queue")
        assert "status=bounced" not in mta.log()


def test_we_queue_postfix_delivers():
    port = free_port()
    mta = instance(port)
    with mta:
        mta.start()
        submit_all(mta.port)
        wait_for(lambda: all_deferred(mta), 30, "deferred mail")
        mta.stop()
        with Postfix(mta) as postfix:
            same_postcat(mta, postfix)
            sink = Sink(port=port)
            listed = postfix.run("postqueue", "-j").stdout.splitlines()
            assert len(listed) == 5, listed
            assert postfix.run("postqueue", "-f").returncode == 0
            wait_for(lambda: delivered(sink) == count(), 30, "all mail")
            wait_for(lambda: not postfix.run("postqueue", "-j").stdout, 20, "an empty queue")
        assert "status=bounced" not in mta.log()
        subjects = sorted(re.search(rb"^Subject: (.*?)\r$", text, re.M).group(1) for *_, text in sink.messages)
        assert set(subjects) == {b"plain", b"null sender", b"many", b"dsn", b"eight"}, subjects
