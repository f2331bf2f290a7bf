"""Bad input and trouble: a clear word in the log, no mail lost, none bounced for it."""
import re

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
