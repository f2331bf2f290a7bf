"""A message in, a message out: SMTP and sendmail to a Maildir, relay to a next hop."""
import os
import re

from harness import Instance, Sink, wait_for


def test_smtp_to_maildir():
    with Instance() as mta:
        queue_id = mta.send("alice+tag@example.test", "From: a@client.test\nSubject: one\n\nhello\n..dots\n")
        text = mta.mail("alice")
        assert text.startswith("Return-Path: <sender@client.test>\nX-Original-To: alice+tag@example.test\n"
                               "Delivered-To: alice+tag@example.test\nReceived: from client.test (unknown [127.0.0.1])\n"), text
        assert f" id {queue_id}\n" in text and text.endswith("\n\nhello\n..dots\n"), text
        mta.wait_log(rf"{queue_id}: to=<alice\+tag@example\.test>, relay=virtual, delay=\S+, delays=\S+, "
                     r"dsn=2\.0\.0, status=sent \(delivered to maildir\)")
        mta.wait_log(rf"{queue_id}: removed")


def test_sendmail_to_maildir():
    with Instance() as mta:
        mta.run("sendmail", "-t", input="To: bob@example.test\nSubject: two\n\nfrom sendmail\n", check=True)
        assert "from sendmail" in mta.mail("bob")


def test_relay():
    sink = Sink()
    with Instance(main={"relayhost": f"[127.0.0.1]:{sink.port}"}) as mta:
        mta.send(["x@far.test", "y@far.test"], "Subject: out\n\nbody\n")
        sender, recipients, text = wait_for(lambda: sink.messages, what="the message")[0]
        assert sender.startswith("MAIL FROM:<sender@client.test>"), sender
        assert recipients == ["RCPT TO:<x@far.test>", "RCPT TO:<y@far.test>"], recipients
        assert b"\r\nSubject: out\r\n" in text and text.endswith(b"\r\n\r\nbody\r\n")
        wait_for(lambda: not mta.queued(), what="an empty queue")


def test_trial_delivers_nothing():
    """sendmail -bv asks what would happen; nobody but the one who asks gets mail."""
    sink = Sink()
    with Instance(main={"relayhost": f"[127.0.0.1]:{sink.port}"}) as mta:
        mta.run("sendmail", "-f", "alice@example.test", "-bv", "bob@example.test", "x@far.test", check=True)
        report = mta.mail("alice")
        assert "Mail Delivery Status Report" in report and "delivers to maildir" in report, report
        mta.wait_log(r"to=<x@far\.test>.*status=deliverable \(250 ok\)")
        assert not mta.inbox("bob") and not sink.messages


def test_fifos_of_old():
    """A master.cf from long ago has fifos where there are sockets now."""
    with Instance(start=False) as mta:
        services = (mta.etc / "master.cf").read_text()
        mta.write("master.cf", re.sub(r"^(pickup|qmgr) +unix", r"\1 fifo", services, flags=re.M))
        mta.start()
        mta.send("alice@example.test", "Subject: one\n\nx\n")
        mta.mail("alice")
        mta.run("sendmail", "bob@example.test", input="Subject: two\n\nx\n", check=True)
        mta.mail("bob")


def test_success_report_of_alias():
    """An alias, even for one address, is reported as expanded: where the mail goes on is not told."""
    main = {"virtual_alias_maps": "inline:{ {sales@example.test = bob@example.test} }"}
    with Instance(main=main) as mta:
        with mta.smtp() as client:
            client.mail("alice@example.test")
            assert client.rcpt("sales@example.test", ["NOTIFY=SUCCESS"])[0] == 250
            assert client.data("Subject: x\n\nx\n")[0] == 250
        report = mta.mail("alice")
        assert "\nAction: expanded\n" in report and "bob@example.test" not in report, report
        mta.mail("bob")


def test_success_report_of_local_alias():
    """The same of local's aliases; a list with an owner is a delivery."""
    main = {"mydestination": "local.test", "local_recipient_maps": "",
            "alias_maps": "inline:{ {one = bob@example.test}, {list = bob@example.test}, {owner-list = carol@example.test} }"}
    with Instance(main=main) as mta:
        for count, (alias, action) in enumerate((("one", "expanded"), ("list", "delivered")), 1):
            with mta.smtp() as client:
                client.mail("alice@example.test")
                assert client.rcpt(f"{alias}@local.test", ["NOTIFY=SUCCESS"])[0] == 250
                assert client.data("Subject: x\n\nx\n")[0] == 250
            wait_for(lambda: len(mta.inbox("alice")) >= count and len(mta.inbox("bob")) >= count, what="mail and report")
            reports = [path.read_text() for path in mta.inbox("alice")]
            assert any(f"\nFinal-Recipient: rfc822; {alias}@local.test\n" in report and f"\nAction: {action}\n" in report and
                       "alias expanded" in report for report in reports), reports


def test_home_of_nobody():
    """~/file means somebody's home: in an alias there is nobody, and the administrator hears of it."""
    main = {"mydestination": "local.test", "local_recipient_maps": "", "alias_maps": "inline:{ {files = ~/x} }"}
    with Instance(main=main) as mta:
        mta.send("files@local.test", "Subject: x\n\nx\n", "alice@example.test")
        mta.wait_log(r"local\[\d+\]: warning: unknown home directory for: ~/x$")
        mta.wait_log(r"to=<files@local\.test>, .*dsn=5\.3\.5, status=bounced \(mail system configuration error\)")


def test_names_that_everybody_has():
    """Mail for a postmaster who reads none is not sent back; other names are told in lower case."""
    main = {"mydestination": "local.test", "local_recipient_maps": "", "alias_maps": "inline:{ {nobody-there = <>} }"}
    with Instance(main=main) as mta:
        for recipient, outcome in (("Postmaster", r"dsn=2\.0\.0, status=sent \(discarded\)"),
                                   ("NoSuch", r"dsn=5\.1\.1, status=bounced \(unknown user: \"nosuch\"\)"),
                                   ("nobody-there", r"dsn=4\.3\.0, status=deferred \(alias database unavailable\)")):
            mta.send(f"{recipient}@local.test", "Subject: x\n\nx\n", "alice@example.test")
            mta.wait_log(rf"to=<{recipient}@local\.test>, relay=local, .*{outcome}")
        mta.wait_log(r"local\[\d+\]: warning: required alias not found: postmaster$")
        mta.wait_log(r"local\[\d+\]: warning: no recipient in alias lookup result for nobody-there$")


def test_owner_keeps_the_wishes():
    """The owner of a list gets the report in place of the sender, who may have wanted none, or headers only."""
    main = {"mydestination": "local.test", "local_recipient_maps": "",
            "alias_maps": "inline:{ {list = nosuch@local.test}, {owner-list = carol@example.test} }"}
    with Instance(main=main) as mta:
        for mail, rcpt in (([], ["NOTIFY=NEVER"]), (["RET=HDRS"], [])):
            with mta.smtp() as client:
                client.mail("alice@example.test", mail)
                assert client.rcpt("list@local.test", rcpt)[0] == 250
                assert client.data("Subject: x\n\nthe text\n")[0] == 250
        report = mta.mail("carol")
        assert "Undelivered Message Headers" in report and "the text" not in report, report
        wait_for(lambda: not mta.queued(), what="an empty queue")
        assert len(mta.inbox("carol")) == 1 and not mta.inbox("alice")


def test_owner_of_a_list_in_a_list():
    """The log tells what became of the recipient; an owner's name is in lower case, however the list was written to."""
    main = {"mydestination": "local.test", "local_recipient_maps": "", "alias_maps": "inline:{ {outer = inner@local.test, carol@example.test}, "
            "{owner-outer = alice@example.test}, {inner = bob@example.test}, {owner-inner = alice@example.test} }"}
    with Instance(main=main) as mta:
        queue_id = mta.send("Outer@local.test", "Subject: x\n\nx\n", "alice@example.test")
        assert mta.mail("bob").startswith("Return-Path: <owner-inner@local.test>\n")
        assert mta.mail("carol").startswith("Return-Path: <owner-outer@local.test>\n")
        mta.wait_log(rf"{queue_id}: removed")
        told = re.findall(rf"{queue_id}: to=<([^>]*)>, (\w+)=.*\(forwarded as ", mta.log())
        assert told == [("Outer@local.test", "relay")] * 2, told


def test_aliases_in_trouble():
    main = {"mydestination": "local.test", "local_recipient_maps": "", "alias_maps": "inline:{one=bob@example.test} fail:sick"}
    with Instance(main=main) as mta:
        for name, told in (("one", r"fail:sick lookup error for \"owner-one\""), ("two", r"fail:sick: lookup of 'two' failed")):
            mta.send(f"{name}@local.test", "Subject: x\n\nx\n", "alice@example.test")
            mta.wait_log(rf"local\[\d+\]: warning: {told}$")
            mta.wait_log(rf"to=<{name}@local\.test>, .*dsn=4\.3\.0, status=deferred \(alias database unavailable\)$")


def test_relay_of_unknown_users_is_an_address():
    """Whoever writes to a name that looks like a command or a list makes it neither."""
    main = {"mydestination": "local.test", "local_recipient_maps": "", "luser_relay": "$local@example.test"}
    with Instance(main=main) as mta:
        mta.send("bob@local.test", "Subject: x\n\nx\n", "carol@example.test")
        mta.mail("bob")
        for name in ("|echo", "|echo >x", "a, bob", "/dev/null", ":include:/x"):
            mta.send(f'"{name}"@local.test', "Subject: x\n\nx\n", "carol@example.test")
        mta.mail("carol", 5)
        assert "delivered to command" not in mta.log() and "delivered to file" not in mta.log(), mta.log()
        assert len(mta.inbox("bob")) == 1


def test_domains_in_two_lists():
    """A local domain that is relayed as well does no harm, and old configurations have it so."""
    main = {"mydestination": "local.test, both.test", "relay_domains": "$mydestination", "virtual_alias_domains": "both.test",
            "local_recipient_maps": "", "alias_maps": "inline:{ {x = bob@example.test} }"}
    with Instance(main=main) as mta:
        mta.send(["x@local.test", "x@both.test"], "Subject: x\n\nx\n")
        mta.wait_log(r"warning: do not list domain both\.test in BOTH mydestination and virtual_alias_domains$")
        wait_for(lambda: not mta.queued(), what="an empty queue")
        assert "relay_domains" not in mta.log()


def test_limit_below_that_of_messages():
    """Some mail could never be delivered: the agent says so, and mail waits until that is mended."""
    times = {"minimal_backoff_time": "1s", "maximal_backoff_time": "2s", "queue_run_delay": "1s", "transport_retry_time": "1s",
             "service_throttle_time": "1s"}
    with Instance(main={**times, "virtual_mailbox_limit": "2000"}) as mta:
        mta.send("alice@example.test", "Subject: x\n\nx\n")
        mta.wait_log(r"virtual\[\d+\]: fatal: configuration error: virtual_mailbox_limit is smaller than message_size_limit$")
        mta.configure(message_size_limit="0")
        mta.wait_log(r"fatal: configuration error: virtual_mailbox_limit is limited but message_size_limit is unlimited$")
        assert mta.queued()
        mta.configure(message_size_limit="2000")
        mta.mail("alice")


def test_limit_of_files_that_commands_write():
    with Instance(main={"mydestination": "local.test", "local_recipient_maps": "", "message_size_limit": "3000",
                        "mailbox_size_limit": "4000", "default_privs": Instance.user() if os.geteuid() else "nobody"}, start=False) as mta:
        out = mta.folder / "out"
        out.mkdir()
        out.chmod(0o777)
        mta.write_main(alias_maps=f'inline:{{ {{ box = "|head -c 10000 /dev/zero >{out}/file; exit 69" }} }}')
        mta.start()
        mta.send("box@local.test", "Subject: x\n\nx\n")
        mta.wait_log(r"dsn=5\.3\.0, status=bounced \(.*Command output: head: .*File too large")
        assert (out / "file").stat().st_size == 4000
