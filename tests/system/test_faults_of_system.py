"""A full disk and a dead name server: a clear word, and mail that waits until the trouble is over."""
import contextlib
import glob
import os
import re
import smtplib
import subprocess

from harness import Instance, Sink, wait_for
from names import Names, use_resolver

NEEDS_ROOT = True

MAIN = {"message_size_limit": "100000", "minimal_backoff_time": "1s", "maximal_backoff_time": "2s", "queue_run_delay": "1s",
        "transport_retry_time": "1s", "service_throttle_time": "1s"}
TEXT = "Subject: x\n\n" + 2000 * "a line of the message\n"


@contextlib.contextmanager
def small_disk(folder, size):
    """A file system of its own, that loses what the folder held."""
    status = folder.stat()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode={status.st_mode & 0o7777:o},uid={status.st_uid},gid={status.st_gid}",
                    "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder):
    path = folder / "filler"
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    return path


def has_let_go(mta):
    """Is the queue empty, and no removed file of it still open, whose room would come back later?"""
    for link in glob.glob("/proc/[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if re.match(rf"{mta.queue}/.*\(deleted\)$", os.readlink(link)):
                return False
    return not mta.queued()


def refused(mta):
    """What the server says to a message while there is no room."""
    with mta.smtp() as client:
        for step in (lambda: client.mail("sender@client.test"), lambda: client.rcpt("alice@example.test"), lambda: client.data(TEXT)):
            try:
                code, reply = step()
            except smtplib.SMTPDataError as error:
                code, reply = error.smtp_code, error.smtp_error
            if code >= 300:
                return code, reply.decode()
    raise AssertionError("the message was taken")


def test_full_queue():
    mta = Instance(main=MAIN, start=False)
    with small_disk(mta.queue, "4m"), mta:
        mta.start()
        mta.send("alice@example.test", TEXT)
        mta.mail("alice")
        # Mail that is in the queue when the disk fills up goes out all the same.
        mta.configure(defer_transports="virtual")
        queued = mta.send("alice@example.test", TEXT)
        mta.wait_log(rf"{queued}: to=<.*status=deferred")
        filler = fill(mta.queue)
        code, reply = refused(mta)
        assert code == 452 and reply.endswith("nsufficient system storage"), (code, reply)
        wait_for(lambda: refused(mta) == (452, "4.3.1 Insufficient system storage"), what="the refusal of MAIL FROM")
        mta.wait_log(r"warning: not enough free space in mail queue: \d+ bytes < 1\.5\*message size limit")
        result = mta.run("sendmail", "bob@example.test", input=TEXT)
        assert result.returncode in (69, 75) and "No space left on device" in result.err + mta.log(), (result.returncode, result.err)
        mta.configure(defer_transports="")
        mta.run("postqueue", "-f", check=True)
        mta.mail("alice", 2)
        filler.unlink()
        mta.send("bob@example.test", TEXT)
        mta.mail("bob")
        wait_for(lambda: not mta.queued(), what="an empty queue")
        assert "status=bounced" not in mta.log()


def test_queue_that_fills_up_meanwhile():
    """Room enough when MAIL is asked for, and none for the message: refused at its end for now."""
    mta = Instance(main={**MAIN, "queue_minfree": "0", "message_size_limit": "0", "virtual_mailbox_limit": "0"}, start=False)
    with small_disk(mta.queue, "4m"), mta:
        mta.start()
        mta.send("alice@example.test", TEXT)
        mta.mail("alice")
        wait_for(lambda: has_let_go(mta), what="the first message to be gone")
        filler = fill(mta.queue)
        code, reply = refused(mta)
        assert 400 <= code < 500, (code, reply)
        mta.wait_log(r"(warning|error): .*No space left on device")
        filler.unlink()
        mta.send("alice@example.test", TEXT)
        mta.mail("alice", 2)
        wait_for(lambda: not mta.queued(), what="an empty queue")
        assert "status=bounced" not in mta.log()


def test_full_mailbox_disk():
    with Instance(main=MAIN) as mta, small_disk(mta.boxes, "1m"):
        filler = fill(mta.boxes)
        queue_id = mta.send("alice@example.test", TEXT)
        mta.wait_log(rf"{queue_id}: to=<alice@example\.test>.*dsn=4\.\S+, status=deferred \(.*No space left on device")
        filler.unlink()
        assert TEXT.endswith(mta.mail("alice")[-100:])
        wait_for(lambda: not mta.queued(), what="an empty queue")
        assert len(mta.inbox("alice")) == 1 and "status=bounced" not in mta.log()


def test_silent_name_server():
    names = Names({"far.test MX": ["10 mx.far.test"], "mx.far.test A": ["127.0.0.2"], "client.test A": ["127.0.0.1"]}, is_silent=True)
    use_resolver()
    sink = Sink("127.0.0.2", 25)
    main = {**MAIN, "smtpd_sender_restrictions": "reject_unknown_sender_domain", "smtp_host_lookup": "dns"}
    with Instance(main=main) as mta:
        with mta.smtp() as client:
            client.mail("sender@client.test")
            code, reply = client.rcpt("x@far.test")
            assert code == 450 and b"4.1.8 <sender@client.test>: Sender address rejected: Domain not found" in reply, (code, reply)
        mta.configure(smtpd_sender_restrictions="")
        queue_id = mta.send("x@far.test", TEXT)
        mta.wait_log(rf"{queue_id}: to=<x@far\.test>, relay=none, .*dsn=4\.4\.3, status=deferred "
                     r"\(Host or domain name not found\. Name service error for name=far\.test type=MX: Host not found, try again\)", 60)
        assert "far.test MX" in names.asked and not sink.messages
        names.is_silent = False
        wait_for(lambda: sink.messages, 60, "the message")
        wait_for(lambda: not mta.queued(), what="an empty queue")
        mta.wait_log(rf"{queue_id}: to=<x@far\.test>, relay=mx\.far\.test\[127\.0\.0\.2\]:25, .*status=sent")
        assert "status=bounced" not in mta.log()
    sink.close()
