"""Bad input and trouble: a clear word in the log, no mail lost, none bounced for it."""
import collections
import contextlib
import itertools
import os
import pwd
import random
import re
import signal
import smtplib
import threading
import time

from harness import Instance, Sink, free_port, wait_for


def deferred(mta, queue_id, pattern):
    """The message waits in the queue; nobody was told that it failed."""
    mta.wait_log(rf"{queue_id}: to=<.*status=deferred \(.*{pattern}")
    assert mta.queued()[queue_id]["queue_name"] == "deferred"
    assert "status=bounced" not in mta.log()


def test_unknown_table_type():
    with Instance(main={"virtual_alias_maps": "nosuchtype:/etc/x"}) as mta:
        mta.wait_log(r"unsupported dictionary type: nosuchtype")
        with mta.smtp() as client:
            client.mail("a@client.test")
            code, reply = client.rcpt("alice@example.test")
            assert 400 <= code < 500, (code, reply)
        mta.configure(virtual_alias_maps="")
        mta.send("alice@example.test", "Subject: x\n\nx\n")
        mta.mail("alice")


def test_missing_table_file():
    with Instance(main={"virtual_mailbox_maps": "lmdb:/nonexistent/boxes"}) as mta:
        with mta.smtp() as client:
            client.mail("a@client.test")
            code, reply = client.rcpt("alice@example.test")
            assert 400 <= code < 500, (code, reply)
        mta.wait_log(r"(warning|error): .*lmdb:/nonexistent/boxes.*No such file or directory")


def test_bad_master_cf_line():
    with Instance(start=False) as mta:
        good = (mta.etc / "master.cf").read_text()
        (mta.etc / "master.cf").write_text(good + "broken unix - - n - many smtp\n")
        result = mta.run("tassis", "start")
        assert result.returncode != 0
        line = good.count("\n") + 1
        said = result.err + mta.log()
        assert re.search(rf"{mta.etc}/master\.cf.*line {line}.*many", said), said
        # A running instance keeps its old configuration.
        (mta.etc / "master.cf").write_text(good)
        mta.start()
        (mta.etc / "master.cf").write_text(good + "broken nosuchtype - - n - - smtp\n")
        assert mta.run("tassis", "reload").returncode != 0
        mta.send("alice@example.test", "Subject: x\n\nx\n")
        mta.mail("alice")


def test_bad_parameter_values():
    for name, value, pattern in (
        ("smtpd_timeout", "soon", r"smtpd_timeout.*soon"),
        ("message_size_limit", "10MB", r"message_size_limit.*10MB"),
        ("soft_bounce", "perhaps", r"soft_bounce.*perhaps"),
        ("myhostname", "${unclosed", r"main\.cf.*line|myhostname"),
    ):
        with Instance(main={name: value}, start=False) as mta:
            result = mta.run("tassis", "start")
            assert result.returncode != 0, name
            said = result.err + mta.log()
            assert re.search(pattern, said), (name, said)
            assert re.search(r"main\.cf.*line \d+", said), (name, said)


def test_unknown_parameter():
    with Instance(main={"smtpd_helo_requird": "yes"}) as mta:
        result = mta.run("postconf", "-n", check=True)
        assert re.search(r"warning: .*unused parameter: smtpd_helo_requird=yes", result.err), result.err
        mta.send("alice@example.test", "Subject: x\n\nx\n")
        mta.mail("alice")


def test_mailbox_that_cannot_be_written():
    with Instance() as mta:
        box = mta.boxes / "alice"
        box.mkdir()
        box.chmod(0o500)
        queue_id = mta.send("alice@example.test", "Subject: x\n\nx\n")
        deferred(mta, queue_id, "Permission denied")
        box.chmod(0o700)
        mta.run("postqueue", "-i", queue_id, check=True)
        mta.mail("alice")


def test_next_hop_that_does_not_listen():
    port = free_port()
    with Instance(main={"relayhost": f"[127.0.0.1]:{port}"}) as mta:
        queue_id = mta.send("x@far.test", "Subject: x\n\nx\n")
        deferred(mta, queue_id, "Connection refused")
        sink = Sink(port=port)
        mta.run("postqueue", "-f", check=True)
        wait_for(lambda: sink.messages, what="the message")
        sink.close()


def test_missing_pattern_file():
    """A pattern table that nobody can read now is no reason to refuse for good."""
    with Instance(main={"virtual_alias_maps": "regexp:/nonexistent/patterns"}) as mta:
        with mta.smtp() as client:
            client.mail("a@client.test")
            code, reply = client.rcpt("alice@example.test")
            assert 400 <= code < 500, (code, reply)
        assert "status=bounced" not in mta.log()


def test_known_users_while_proxymap_dies():
    """Who is a user of the system is asked of proxymap: no answer is no reason to refuse for good."""
    users = [entry.pw_name for entry in pwd.getpwall() if re.fullmatch(r"[a-z]+", entry.pw_name)]
    with Instance(main={"mydestination": "local.test", "local_recipient_maps": "proxy:unix:passwd.byname $alias_maps",
                        "service_throttle_time": "1s"}) as mta:
        replies = collections.Counter()

        def ask(n):
            for user in itertools.islice(itertools.cycle(users), 100):
                with contextlib.suppress(OSError, smtplib.SMTPServerDisconnected):
                    with mta.smtp() as client:
                        client.mail("a@client.test")
                        replies[client.rcpt(f"{user}@local.test")[0]] += 1
        threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            time.sleep(random.uniform(0.05, 0.5))
            for pid in mta.processes("proxymap")[:1]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        assert replies[250] > 0 and all(code < 500 for code in replies), replies
        with mta.smtp() as client:
            client.mail("a@client.test")
            assert client.rcpt("nosuchuser@local.test")[0] == 550




def test_unreadable_alias_file():
    with Instance(main={"mydestination": "local.test", "local_recipient_maps": "", "alias_maps": "texthash:$config_directory/aliases"},
                  files={"aliases": "list alice@example.test\n"}) as mta:
        aliases = mta.etc / "aliases"
        aliases.chmod(0)
        queue_id = mta.send("list@local.test", "Subject: x\n\nx\n")
        deferred(mta, queue_id, "alias")
        mta.wait_log(rf"(warning|error|fatal): .*{aliases}: Permission denied")
        # Who asks the file for the users it knows refuses for now.
        mta.configure(local_recipient_maps="$alias_maps")
        with mta.smtp() as client:
            client.mail("a@client.test")
            code, reply = client.rcpt("list@local.test")
            assert 400 <= code < 500, (code, reply)
        aliases.chmod(0o644)
        mta.configure(local_recipient_maps="")
        mta.run("postqueue", "-i", queue_id, check=True)
        mta.mail("alice")
        mta.send("list@local.test", "Subject: x\n\nx\n")
        mta.mail("alice", 2)


def test_unreadable_include_file():
    with Instance(main={"mydestination": "local.test", "local_recipient_maps": "", "alias_maps": "texthash:$config_directory/aliases"},
                  files={"list": "alice@example.test\n"}, start=False) as mta:
        mta.write("aliases", f"list :include:{mta.etc}/list\n")
        (mta.etc / "list").chmod(0)
        mta.start()
        queue_id = mta.send("list@local.test", "Subject: x\n\nx\n")
        deferred(mta, queue_id, "mail system configuration error")
        mta.wait_log(rf"warning: .*{mta.etc}/list: Permission denied")
        (mta.etc / "list").chmod(0o644)
        mta.run("postqueue", "-i", queue_id, check=True)
        mta.mail("alice")
