"""What canonical tables, copies and original recipients make of an envelope."""

from harness import Instance

TEXT = "From: ann@client.test\nSubject: x\n\nx\n"


def test_null_sender():
    """Tables may give the sender of bounces a name: they find it as "" in quotes, the regular expression "." matches it."""
    with Instance(main={"sender_canonical_maps": 'inline:{""=reports@client.test}'}) as mta:
        queue_id = mta.send("alice@example.test", TEXT, sender="")
        mta.wait_log(rf"qmgr\[\d+\]: {queue_id}: from=<reports@client\.test>")
        assert mta.mail("alice").startswith("Return-Path: <reports@client.test>\n")
        mta.configure(sender_canonical_maps="regexp:{{/./ all@client.test}}")
        queue_id = mta.send("alice@example.test", TEXT, sender="")
        mta.wait_log(rf"qmgr\[\d+\]: {queue_id}: from=<all@client\.test>")
        mta.configure(sender_canonical_maps="regexp:{{/^$$/ none@client.test}}")
        queue_id = mta.send("alice@example.test", TEXT, sender="")
        mta.wait_log(rf"qmgr\[\d+\]: {queue_id}: from=<>")


def test_canonical_loop():
    """The mail goes on, under the name where the search has ended."""
    main = {"canonical_maps": "inline:{one@example.test=alice@example.test, alice@example.test=one@example.test}"}
    with Instance(main=main) as mta:
        mta.send("alice@example.test", TEXT, sender="one@example.test")
        assert mta.mail("alice").startswith("Return-Path: <one@example.test>\n")
        mta.wait_log(r"warning: \w+: unreasonable canonical_maps map nesting for one@example\.test -- message not accepted, try again later")


def test_copy_under_its_new_name():
    """Who gets the copy of a copy's table, and the mail itself, gets one."""
    main = {"sender_bcc_maps": "inline:{ann@client.test=old@example.test}",
            "recipient_canonical_maps": "inline:{old@example.test=bob@example.test}"}
    with Instance(main=main) as mta:
        queue_id = mta.send("alice@example.test", TEXT, sender="ann@client.test")
        text = mta.mail("bob")
        assert "\nX-Original-To: bob@example.test\n" in text, text
        line = mta.wait_log(rf"{queue_id}: (to=<bob@example\.test>.*)").group(1)
        assert "orig_to" not in line, line


def test_original_recipient_in_log():
    """Without X-Original-To the log and the reports still tell for whom it was."""
    main = {"enable_original_recipient": "no", "virtual_alias_maps": "inline:{other@example.test=alice@example.test}"}
    with Instance(main=main) as mta:
        with mta.smtp() as client:
            client.ehlo("client.test")
            client.sendmail("ann@client.test", ["other@example.test", "alice@example.test"], TEXT)
        text = mta.mail("alice")
        assert "X-Original-To" not in text and "\nDelivered-To: alice@example.test\n" in text, text
        mta.wait_log(r": removed")
        assert len(mta.inbox("alice")) == 1
        mta.wait_log(r"to=<alice@example\.test>, orig_to=<other@example\.test>")


def test_too_long_alias():
    """The line shows what came out; pickup keeps the message and need not say so again."""
    main = {"virtual_alias_maps": "inline:{grow@example.test=%s@example.test}" % ("x" * 60), "virtual_alias_address_length_limit": "50"}
    with Instance(main=main) as mta:
        mta.run("sendmail", "-f", "bob@example.test", "grow@example.test", input=TEXT, check=True)
        mta.wait_log(rf"warning: \w+: unreasonable virtual_alias_maps result {'x' * 60}@example\.test\.\.\. -- message not accepted, try again later")
        mta.send("alice@example.test", TEXT)
        mta.mail("alice")
        assert "error writing" not in mta.log(), mta.log()
