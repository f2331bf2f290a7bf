"""What users of Postfix know by heart: forms and orders that no standard asks for."""
from harness import Instance, Sink, wait_for


def test_report_says_by_whom():
    """sendmail -v: a status report; saying it twice makes the command talk, and no report."""
    with Instance() as mta:
        mta.run("sendmail", "-v", "-f", "alice@example.test", "bob@example.test", input="Subject: x\n\nx\n", check=True)
        report = mta.mail("alice")
        assert "Subject: Mail Delivery Status Report\n" in report, report
        assert "<bob@example.test>: delivery via virtual: delivered to maildir" in report, report
        mta.run("sendmail", "-v", "-v", "-f", "carol@example.test", "dave@example.test", input="Subject: x\n\nx\n")
        mta.mail("dave")
        wait_for(lambda: not mta.queued(), what="an empty queue")
        assert not mta.inbox("carol")


def test_old_verp_option():
    sink = Sink()
    with Instance(main={"relayhost": f"[127.0.0.1]:{sink.port}"}) as mta:
        mta.run("sendmail", "-V+=", "-f", "list@example.test", "x@far.test", input="Subject: x\n\nx\n", check=True)
        sender, _, _ = wait_for(lambda: sink.messages, what="the message")[0]
        assert sender.startswith("MAIL FROM:<list+x=far.test@example.test>"), sender


def test_header_addresses_are_quoted_afresh():
    with Instance(main={"masquerade_domains": "Example.test"}) as mta:
        mta.send("alice@example.test", 'From: me@host.EXAMPLE.test\nTo: "a"@x.test, b..c@x.test\nSubject: one\n\nx\n')
        text = mta.mail("alice")
        assert "\nFrom: me@Example.test\n" in text, text
        assert '\nTo: a@x.test, "b..c"@x.test\n' in text, text


def test_recipients_come_in_order():
    sink = Sink()
    with Instance(main={"relayhost": f"[127.0.0.1]:{sink.port}"}) as mta:
        mta.send(["c@b.test", "a@b.test", "z@a.test", "B@b.test"], "Subject: out\n\nbody\n")
        _, recipients, _ = wait_for(lambda: sink.messages, what="the message")[0]
        assert [r.split(">")[0] for r in recipients] == [
            "RCPT TO:<z@a.test", "RCPT TO:<a@b.test", "RCPT TO:<B@b.test", "RCPT TO:<c@b.test"], recipients


def test_rewriting_for_everybody():
    with Instance(main={"local_header_rewrite_clients": "static:all"}) as mta:
        mta.send("alice@example.test", "From: me\nTo: you\nSubject: one\n\nx\n")
        text = mta.mail("alice")
        assert "\nFrom: me@example.test\nTo: you@example.test\n" in text, text
        assert "reject" not in mta.log()


def test_deferral_comes_before_unknown_user():
    with Instance(main={"smtpd_recipient_restrictions": "defer_if_permit"}) as mta, mta.smtp() as client:
        client.mail("a@client.test")
        code, text = client.rcpt("nobody@example.test")
        assert code == 450, (code, text)


def test_domain_beyond_ascii_needs_smtputf8():
    with Instance() as mta, mta.smtp() as client:
        client.ehlo("client.test")
        for line, code in (("MAIL FROM:<x@é.test>", 501), ("MAIL FROM:<é@client.test>", 250), ("RCPT TO:<x@é.test>", 501),
                           ("VRFY x@é.test", 501), ("RSET", 250), ("MAIL FROM:<x@é.test> SMTPUTF8", 250)):
            client.sock.sendall(line.encode() + b"\r\n")
            assert client.getreply()[0] == code, line
        wait_for(lambda: mta.log().count("warning: Illegal address syntax from ") == 3, what="three warnings")


def test_xclient_of_a_protocol_that_is_not_spoken():
    with Instance(main={"smtpd_authorized_xclient_hosts": "127.0.0.1"}) as mta, mta.smtp() as client:
        client.ehlo("client.test")
        assert client.docmd("XCLIENT ADDR=IPV6:2001:db8::1") == (501, b"5.5.4 Bad ADDR syntax: IPV6:2001:db8::1")
        assert client.docmd("XCLIENT DESTADDR=IPV6:::1")[0] == 501
        assert client.docmd("XCLIENT ADDR=192.0.2.1")[0] == 220


def test_what_data_discards_leaves_no_message_id():
    with Instance(main={"smtpd_data_restrictions": "check_client_access static:DISCARD"}) as mta:
        mta.send("alice@example.test", "Subject: x\nMessage-Id: <one@client.test>\n\nx\n")
        wait_for(lambda: "disconnect from" in mta.log(), what="the end of the session")
        assert "discard: DATA from" in mta.log() and "message-id=" not in mta.log(), mta.log()


def test_route_of_a_recipient_is_dropped():
    with Instance() as mta:
        mta.run("sendmail", "-f", "bob@example.test", "@a.test,@b.test:alice@example.test", input="Subject: routed\n\nx\n", check=True)
        assert "Subject: routed" in mta.mail("alice")
