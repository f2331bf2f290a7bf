"""Mail on its way out: what is changed in it, and how servers that need special care are treated."""
import re

from harness import Instance, Listener, Sink, wait_for
from names import Names, use_resolver

NEEDS_ROOT = True


def sent(mta, sink, recipients, text, sender="sender@client.test"):
    """What the server got of it: the commands MAIL and RCPT, the text with plain line ends."""
    seen = len(sink.messages)
    mta.send(recipients, text, sender)
    wait_for(lambda: len(sink.messages) > seen, what="the message")
    sender, recipients, text = sink.messages[-1]
    return sender.split(">")[0] + ">", recipients, text.decode().replace("\r\n", "\n")


def test_generic_addresses():
    """Envelope and headers, with the look-up order and the extensions of generic tables."""
    sink = Sink()
    table = "joe@example.test joe@isp.test\nann ann.public@isp.test\n@dom.test @new.test\nrcpt@far.test other@far.test\n"
    main = {"relayhost": f"[127.0.0.1]:{sink.port}", "recipient_delimiter": "+", "mydestination": "",
            "myorigin": "example.test", "virtual_mailbox_domains": "",
            "smtp_generic_maps": "texthash:$config_directory/generic"}
    text = ("From: Joe <joe@example.test>\nTo: rcpt@far.test, ann@example.test (Ann),\n  x@dom.test\n"
            "Reply-To: ann+tag@example.test\nX-Other: joe@example.test\nSubject: one\n\njoe@example.test\n")
    with Instance(main=main, files={"generic": table}) as mta:
        sender, recipients, out = sent(mta, sink, ["rcpt+e@far.test", "y@dom.test"], text, "joe+e@example.test")
        assert sender == "MAIL FROM:<joe@isp.test>", sender
        assert recipients == ["RCPT TO:<y@new.test>", "RCPT TO:<other@far.test>"], recipients
        assert "\nFrom: Joe <joe@isp.test>\nTo: other@far.test, ann.public@isp.test (Ann), x@new.test\n" \
               "Reply-To: ann.public@isp.test\nX-Other: joe@example.test\n" in out, out
        assert out.endswith("\n\njoe@example.test\n"), out
        mta.wait_log(r"to=<rcpt\+e@far\.test>, relay=.*status=sent")  # the log has what the queue has
        mta.configure(propagate_unmatched_extensions="generic")
        assert sent(mta, sink, "rcpt+e@far.test", text, "joe+e@example.test")[:2] == (
            "MAIL FROM:<joe+e@isp.test>", ["RCPT TO:<other+e@far.test>"])
        mta.configure(smtp_generic_maps="fail:broken")
        mta.send("z@far.test", text)
        mta.wait_log(r"smtp_generic_maps map lookup problem for sender@client\.test")
        mta.wait_log(r"to=<z@far\.test>, relay=none, .*dsn=4\.3\.0, status=deferred")
        assert len(sink.messages) == 2


HEADER_CHECKS = """\
/^X-Replace:/ REPLACE X-New: thing
/^X-Before:/ PREPEND X-Put: first
/^X-Gone:/ IGNORE
/^X-Strip:/ STRIP why
/^X-Warn:/ WARN careful
/^X-Reject:/ REJECT too late
"""


def test_checks():
    sink = Sink()
    main = {"relayhost": f"[127.0.0.1]:{sink.port}"}
    for kind in ("header", "mime_header", "nested_header", "body"):
        main[f"smtp_{kind}_checks"] = f"pcre:$config_directory/{kind}"
    files = {"header": HEADER_CHECKS, "mime_header": "/plain/ REPLACE Content-Type: text/x\n",
             "nested_header": "/^Subject:/ REPLACE Subject: inner\n",
             "body": "/^gone/ IGNORE\n/^more/ PREPEND put first\n/^old/ REPLACE .new\n"}
    text = ("X-Replace: a\nX-Before: a\nX-Gone: a\nX-Strip: a\nX-Warn: %s\nX-Reject: a\nMIME-Version: 1.0\n"
            "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\nX-Replace: a\n\n"
            "gone\nmore\nold\n--b\nContent-Type: message/rfc822\n\nSubject: x\n\nold\n--b--\n" % ("x" * 80))
    with Instance(main=main, files=files) as mta:
        out = sent(mta, sink, "x@far.test", text)[2]
        assert re.search(r"\nX-New: thing\nX-Put: first\nX-Before: a\nX-Warn: x{80}\nX-Reject: a\n", out), out
        assert "\n--b\nContent-Type: text/x\nX-Replace: a\n\nput first\nmore\n.new\n--b\n" in out, out
        assert out.endswith("\nSubject: inner\n\n.new\n--b--\n"), out
        for line in (r"replace: header X-Replace: a: X-New: thing", r"prepend: header X-Before: a: X-Put: first",
                     r"strip: header X-Strip: a: why", r"warning: header X-Warn: x{52}: careful",
                     r"prepend: body more: put first", r"replace: body old: \.new"):
            mta.wait_log(rf"smtp\[\d+\]: [0-9A-F]+: {line}$")
        mta.wait_log(r"warning: unsupported command in smtp_header_checks map: REJECT too late$")
        mta.configure(smtp_body_checks="fail:broken")
        mta.send("y@far.test", text)
        mta.wait_log(r"warning: [0-9A-F]+: smtp body checks lookup error")
        mta.wait_log(r"to=<y@far\.test>, .*dsn=4\.3\.0, status=deferred \(local data error while talking to 127\.0\.0\.1\[127\.0\.0\.1\]\)")


def test_firewalls():
    """A greeting of stars alone: no EHLO, and for old mail a pause before the final dot."""
    sink = Sink(banner="220 ****2******0****")
    main = {"relayhost": f"[127.0.0.1]:{sink.port}", "smtp_pix_workaround_delay_time": "1s"}
    with Instance(main=main) as mta:
        sent(mta, sink, "x@far.test", "Subject: x\n\nx\n")
        assert not [command for command in sink.commands if command.startswith("EHLO")], sink.commands
        mta.wait_log(r": enabling PIX workarounds: disable_esmtp for 127\.0\.0\.1\[127\.0\.0\.1\]:\d+$")
        mta.configure(smtp_pix_workaround_threshold_time="0s")
        sent(mta, sink, "y@far.test", "Subject: x\n\nx\n")
        mta.wait_log(r": enabling PIX workarounds: disable_esmtp delay_dotcrlf for ")
        mta.wait_log(r"to=<y@far\.test>, .*delays=\S+/[1-9]\S*, .*status=sent")
        mta.configure(smtp_pix_workaround_maps="inline:{127.0.0.1=delay_dotcrlf}", smtp_pix_workaround_threshold_time="1d")
        sent(mta, sink, "z@far.test", "Subject: x\n\nx\n")
        assert sink.commands[-5].startswith("EHLO"), sink.commands


def test_deadline_of_a_reply():
    """A server that says a line now and then: each in time, or all of them."""
    sink = Sink(pause=1)
    main = {"relayhost": f"[127.0.0.1]:{sink.port}", "smtp_helo_timeout": "3s"}
    with Instance(main=main) as mta:
        sent(mta, sink, "x@far.test", "Subject: x\n\nx\n")
        mta.configure(smtp_per_request_deadline="yes")
        mta.send("y@far.test", "Subject: x\n\nx\n")
        mta.wait_log(r"to=<y@far\.test>, .*dsn=4\.4\.2, status=deferred \(conversation with \S+ timed out while "
                     r"performing the EHLO handshake\)")


def test_replies_out_of_place():
    """Only 2xx is success, and only 354 invites a message: nothing is taken for sent, nothing returned for garbage."""
    sink = Sink(replies={})
    main = {"relayhost": f"[127.0.0.1]:{sink.port}", "smtp_mail_timeout": "2s", "smtp_rcpt_timeout": "2s",
            "smtp_data_init_timeout": "2s", "smtp_data_done_timeout": "2s"}
    refused = r"dsn=5\.5\.0, status=bounced \(host \S+ said: 354 what \(in reply to %s command\)\)"
    later = r"dsn=4\.4\.2, status=deferred"
    cases = [("MAIL", "354 what", refused % "MAIL FROM"), ("RCPT", "354 what", refused % "RCPT TO"),
             ("END", "354 what", refused % "end of DATA"),
             ("DATA", "250 odd", r"dsn=5\.5\.0, status=bounced \(Protocol error: host \S+ said: 250 odd \(in reply to DATA"),
             ("MAIL", "hm", later), ("RCPT", "hm", later), ("DATA", "hm", later), ("END", "hm", later)]
    with Instance(main=main) as mta:
        for i, (verb, reply, expected) in enumerate(cases):
            sink.replies = {verb: reply}
            mta.send(f"x{i}@far.test", "Subject: x\n\nx\n")
            mta.wait_log(rf"to=<x{i}@far\.test>, .*{expected}")
            if reply == "hm":
                mta.wait_log(r"warning: \w+: non-ESMTP response from \S+:\d+: hm$")


def test_trial_at_data():
    """An address may be found bad only with DATA; the server gets no message all the same."""
    sink = Sink(replies={"DATA": "550 not this one"})
    main = {"relayhost": f"[127.0.0.1]:{sink.port}", "smtp_address_verify_target": "data"}
    with Instance(main=main) as mta:
        mta.run("sendmail", "-f", "alice@example.test", "-bv", "x@far.test", check=True)
        mta.wait_log(r"to=<x@far\.test>, .*status=undeliverable \(host \S+ said: 550 not this one \(in reply to DATA command\)\)")
        sink.replies["DATA"] = "354 go on"
        mta.run("sendmail", "-f", "alice@example.test", "-bv", "y@far.test", check=True)
        mta.wait_log(r"to=<y@far\.test>, .*status=deliverable \(354 go on\)")
        assert not sink.messages


def test_names():
    """Records that a filter takes away, names that are not ASCII, and an answer that makes no sense."""
    names = Names({"two.test MX": ["10 bad.two.test", "20 good.test"], "bad.two.test A": ["127.0.0.9"],
                   "good.test A": ["127.0.0.2"], "none.test MX": ["10 good.test"],
                   "odd.test MX": ["10 good.test"], "cut.test MX": ["10 good.test..."],
                   "cut.test A": ["127.0.0.2"], "xn--bcher-kva.test MX": ["10 good.test"]})
    use_resolver()
    sink = Sink("127.0.0.2", 25)
    table = "/^bad\\.two\\.test\\. \\d+ IN A 127\\.0\\.0\\.9$/ IGNORE\n/^none\\.test\\. \\d+ IN MX 10 good\\.test\\.$/ IGNORE\n" \
            "/^odd/ WARN me\n"
    main = {"smtp_dns_reply_filter": "pcre:$config_directory/records", "transport_maps": "inline:{u.test=smtp:b\u00fccher.test}"}
    with Instance(main=main, files={"records": table}) as mta:
        for domain in ("two.test", "u.test"):
            sent(mta, sink, "x@" + domain, "Subject: x\n\nx\n")
        assert "xn--bcher-kva.test MX" in names.asked
        mta.wait_log(r"smtp\[\d+\]: ignoring DNS RR: bad\.two\.test\. \d+ IN A 127\.0\.0\.9$")
        mta.send("x@none.test", "Subject: x\n\nx\n")
        mta.wait_log(r"to=<x@none\.test>, relay=none, .*dsn=4\.7\.0, status=deferred \(Error looking up name=none\.test "
                     r"type=MX: DNS reply filter drops all results\)")
        mta.send("x@odd.test", "Subject: x\n\nx\n")
        mta.wait_log(r'warning: smtp_dns_reply_filter: unknown DNS filter action: "WARN me"')
        mta.wait_log(r"to=<x@odd\.test>, .*dsn=4\.4\.3, status=deferred \(Error looking up name=odd\.test type=MX: "
                     r"Invalid DNS reply filter syntax\)")
        mta.send("x@cut.test", "Subject: x\n\nx\n")
        mta.wait_log(r"to=<x@cut\.test>, .*dsn=4\.4\.3, status=deferred \(Name service error for name=cut\.test type=MX: "
                     r"Malformed or unexpected name server reply\)")
    sink.close()


def test_best_exchanger_is_here():
    """What main.cf does not know as ours, but the DNS leads here: to best_mx_transport, each recipient by itself."""
    Names({"ours.test MX": ["10 mx.ours.test"], "mx.ours.test A": ["127.0.0.1"]})
    use_resolver()
    with Instance(main={"best_mx_transport": "virtual", "virtual_mailbox_maps": "inline:{{x@ours.test=alice/}}", "relay_domains": "ours.test",
                        "virtual_mailbox_domains": ""}) as mta:
        queue_id = mta.send(["x@ours.test", "nobody@ours.test"], "Subject: x\n\nx\n", "bob@example.test")
        mta.mail("alice")
        for name in ("x", "nobody"):
            mta.wait_log(rf"smtp\[\d+\]: {queue_id}: passing <{name}@ours\.test> to transport=virtual$")
        mta.wait_log(rf"virtual\[\d+\]: {queue_id}: to=<nobody@ours\.test>, .*dsn=5\.1\.1, status=bounced \(unknown user")
        mta.wait_log(rf"qmgr\[\d+\]: {queue_id}: removed")
        mta.configure(best_mx_transport="nowhere:a.test")
        queue_id = mta.send("x@ours.test", "Subject: x\n\nx\n")
        mta.wait_log(rf"{queue_id}: to=<x@ours\.test>, relay=none, .*dsn=4\.3\.0, status=deferred \(mail transport unavailable\)")
        mta.configure(best_mx_transport="")
        mta.run("postqueue", "-f", check=True)
        mta.wait_log(rf"{queue_id}: to=<x@ours\.test>, .*status=bounced \(mail for ours\.test loops back to myself\)")


def test_short_names():
    """Nothing is added to names, but where it is asked for: to those without a dot, or to all of them."""
    names = Names({"far.one.test MX": ["10 mx"], "mx.one.test A": ["127.0.0.6"], "host.dept.two.test A": ["127.0.0.6"]})
    use_resolver("timeout:1 attempts:1\nsearch one.test two.test")
    sink = Sink("127.0.0.6", 25)
    with Instance(main={"transport_maps": "inline:{a.test=smtp:far, b.test=smtp:host.dept}"}) as mta:
        for options, found, lost in (("", "", "ab"), ("res_defnames", "a", "b"), ("res_defnames, res_dnsrch", "ab", "")):
            mta.configure(smtp_dns_resolver_options=options)
            for letter in found:
                sent(mta, sink, f"x@{letter}.test", "Subject: x\n\nx\n")
            for letter, name in zip("ab", ("far", "host\\.dept")):
                if letter in lost:
                    queue_id = mta.send(f"x@{letter}.test", "Subject: x\n\nx\n")
                    mta.wait_log(rf"{queue_id}: .*status=bounced \(.*Name service error for name={name} type=A: Host not found\)")
        assert "host.dept.one.test MX" in names.asked
        mta.configure(smtp_dns_resolver_options="res_debug")
        mta.send("x@a.test", "Subject: x\n\nx\n")
        mta.wait_log(r'fatal: unknown smtp_dns_resolver_options value "res_debug" in "res_debug"')
    sink.close()


class Refuser(Listener):
    """It is there, and wants nothing of us."""

    def serve(self, client, _):
        client.sendall(b"421 4.3.2 not now\r\n")
        client.recv(1000)


def test_socket_that_refuses():
    with Instance(main={"virtual_transport": "lmtp:unix:private/peer"}) as mta, Refuser(path=mta.queue / "private/peer"):
        mta.send("alice@example.test", "Subject: x\n\nhello\n")
        mta.wait_log(r"lmtp\[\d+\]: \w+: to=<alice@example\.test>, relay=mx\.example\.test\[private/peer\], .* status=deferred "
                     r"\(host mx\.example\.test\[private/peer\] refused to talk to me: 421 4\.3\.2 not now\)$")


def test_refusals_for_good():
    """A server that wants none of our mail is no reason to let it wait: each message is returned."""
    sink = Sink("127.0.0.2", 25, replies={"EHLO": "500 no", "HELO": "550  5.7.1 go away"})
    with Instance(main={"initial_destination_concurrency": "1", "relayhost": "[127.0.0.2]"}) as mta:
        for name in ("one", "two", "three"):
            mta.send(f"{name}@b.test", "Subject: x\n\nx\n", "alice@example.test")
            mta.wait_log(rf"to=<{name}@b\.test>, .*dsn=5\.7\.1, status=bounced \(host .* refused to talk to me: 550  5\.7\.1 go away\)")
    sink.close()


def test_our_own_name():
    """A server on the port for mail that has our name is us: the message would go in circles."""
    Names({"one.test MX": ["10 twin.test"], "twin.test A": ["127.0.0.2"], "gone.test A": ["127.0.0.5"],
           "two.test MX": ["5 gone.test", "10 twin.test"]})
    use_resolver()
    sink = Sink("127.0.0.2", 25, replies={"EHLO": "250 mx.example.test"}, banner="220 mx.example.test ESMTP")
    with Instance() as mta:
        mta.send("x@one.test", "Subject: x\n\nx\n", "alice@example.test")
        mta.wait_log(r"warning: host twin\.test\[127\.0\.0\.2\]:25 greeted me with my own hostname mx\.example\.test$")
        mta.wait_log(r"warning: host twin\.test\[127\.0\.0\.2\]:25 replied to HELO/EHLO with my own hostname mx\.example\.test$")
        mta.wait_log(r"to=<x@one\.test>, .*dsn=5\.4\.6, status=bounced \(mail for one\.test loops back to myself\)")
        mta.send("x@two.test", "Subject: x\n\nx\n", "alice@example.test")
        mta.wait_log(r"to=<x@two\.test>, .*dsn=4\.4\.6, status=deferred \(mail for two\.test loops back to myself\)")
    sink.close()


def test_no_fallback_where_we_are_the_relay():
    """The other exchangers of a domain that we are one of may send mail for it to us: it must not go elsewhere."""
    Names({"one.test MX": ["5 gone.test", "10 us.test"], "gone.test A": ["127.0.0.5"], "us.test A": ["127.0.0.7"]})
    use_resolver()
    sink = Sink("127.0.0.2", 25)
    main = {"proxy_interfaces": "127.0.0.7", "smtp_fallback_relay": "[127.0.0.2]",
            "transport_maps": "inline:{{two.test=smtp:[us.test]}, {three.test=smtp:[127.0.0.7], [127.0.0.2]}}"}
    with Instance(main=main) as mta:
        mta.send("x@one.test", "Subject: x\n\nx\n", "alice@example.test")
        mta.wait_log(r"to=<x@one\.test>, relay=none, .*dsn=4\.4\.1, status=deferred \(connect to gone\.test")
        for domain, host in (("two", r"us\.test"), ("three", r"127\.0\.0\.7")):
            mta.send(f"x@{domain}.test", "Subject: x\n\nx\n", "alice@example.test")
            mta.wait_log(rf"to=<x@{domain}\.test>, relay=none, .*dsn=5\.4\.6, status=bounced \(mail for {host} loops back to myself\)")
    assert not sink.messages
    sink.close()


def test_notices():
    """The postmaster hears of servers whose replies are unexpected, if notify_classes wants it; no mail suffers."""
    sink = Sink(replies={"RCPT": "504-5.5.4 what\r\n504 5.5.4 " + "w" * 60 + " is that"})
    peer = f"127.0.0.1[127.0.0.1]:{sink.port}"
    main = {"relayhost": f"[127.0.0.1]:{sink.port}", "error_notice_recipient": "alice@example.test",
            "internal_mail_filter_classes": "notify"}
    conversation = (" In:  220 sink ESMTP\n Out: EHLO mx.example.test\n In:  250-sink\n In:  250-PIPELINING\n"
                    " In:  250-8BITMIME\n In:  250 SIZE\n Out: MAIL FROM:<bob@example.test> SIZE=N\n Out: RCPT TO:<x@b.test>\n Out: DATA\n"
                    " In:  250 ok\n In:  504-5.5.4 what\n In:  504 5.5.4 " + "w" * 60 + " is\n     that\n In:  354 go\n"
                    " Out: .\n In:  250 kept\n Out: QUIT\n")
    with Instance(main=main) as mta:
        def bounce(to="x@b.test", sender="bob@example.test"):
            queue_id = mta.send(to, "Subject: x\n\nx\n", sender)
            mta.wait_log(rf"{queue_id}: to=<{to}>, .*dsn=5\.5\.4, status=bounced \(host .* said: 504-5\.5\.4 what ")
            mta.wait_log(rf"{queue_id}: removed")
        bounce()
        mta.configure(notify_classes="resource, protocol")
        bounce()
        mail = mta.mail("alice")
        bounce(sender="")  # nobody reports on reports
        bounce(sender="double-bounce@mx.example.test")
        assert len(mta.inbox("alice")) == 1  # none before
        assert f"\nTo: Postmaster <alice@example.test>\nSubject: Tassis SMTP client: errors from {peer}\n" in mail, mail
        text = re.sub("SIZE=[0-9]+", "SIZE=N", mail.split("\n\n", 1)[1])
        assert text == (f"Unexpected response from {peer}.\n\nTranscript of session follows.\n\n{conversation}\n"
                        "For other details, see the local mail logfile\n"), text
        mta.configure(header_checks="regexp:{{/^Subject: .* client: errors/ REJECT}}")
        bounce()
        mta.wait_log(rf"smtp\[.*warning: postmaster notice of the session with {re.escape(peer)}: message content rejected$")
        sink.replies["RCPT"] = "550 5.5.4 504-5.5.4 what "
        mta.configure(header_checks="")
        queue_id = mta.send("y@b.test", "Subject: x\n\nx\n", "bob@example.test")
        mta.wait_log(rf"{queue_id}: removed")  # that was expected
        sink.replies["RCPT"] = "501 5.5.4 504-5.5.4 what "
        mta.send("z@b.test", "Subject: x\n\nx\n", "bob@example.test")
        assert "501 5.5.4" in mta.mail("alice", 2)
    sink.close()


def test_what_servers_say_of_themselves():
    """Greetings without ESMTP, limits that are none, logins that are not offered, and what a status filter leaves."""
    sink = Sink(banner="220 sink", replies={"EHLO": "250-sink\r\n250-SIZE -1\r\n250 AUTH"})
    options = {"one": "smtp_always_send_ehlo=no", "two": "smtp_sasl_mechanism_filter=plain",
               "three": "smtp_delivery_status_filter=pcre:{{/^5/ 4.9.9} {/^4/ 2.0.0 well}}"}
    login = " -o smtp_sasl_auth_enable=yes -o smtp_sasl_password_maps=static:user:secret -o smtp_sasl_security_options="
    master = "".join(f"{name} unix - - n - - smtp -o {{ {option} }}{login}\n" for name, option in options.items())
    main = {"transport_maps": "inline:{%s}" % ", ".join(f"{{{name}.test={name}:[127.0.0.1]:{sink.port}}}" for name in options)}
    with Instance(main=main, master=master) as mta:
        mta.send("x@one.test", "Subject: x\n\nx\n", "")
        mta.wait_log(r"to=<x@one\.test>, .*status=sent")
        assert sink.commands[0].startswith("HELO "), sink.commands
        relay = rf"127\.0\.0\.1\[127\.0\.0\.1\]:{sink.port}"
        mta.send("x@two.test", "Subject: x\n\nx\n", "")
        mta.wait_log(rf'warning: bad EHLO SIZE limit "-1" from {relay}$')
        mta.wait_log(rf"warning: {relay} offered null AUTH mechanism list$")
        sink.replies["EHLO"] = "250-sink\r\n250 AUTH LOGIN CRAM-MD5"
        mta.send("y@two.test", "Subject: x\n\nx\n", "")
        mta.wait_log(rf"warning: {relay} offered no supported AUTH mechanisms: 'LOGIN CRAM-MD5'$")
        sink.replies.update(EHLO="250 sink", RCPT="550 5.1.1 no")
        mta.send("x@three.test", "Subject: x\n\nx\n", "")
        mta.wait_log(r"to=<x@three\.test>, .*dsn=4\.9\.9, status=deferred \(host .* said: 550 5\.1\.1 no \(in reply")
        sink.replies["RCPT"] = "450 4.1.1 no"
        mta.send("y@three.test", "Subject: x\n\nx\n", "")
        mta.wait_log(r"warning: smtp_delivery_status_filter: bad status code: 2\.0\.0 well$")
        sink.replies.update(EHLO="250-sink\r\n250 AUTH PLAIN", AUTH="999 5.0.0 what", RCPT="250 ok")
        mta.send("z@three.test", "Subject: x\n\nx\n", "")
        mta.wait_log(r"to=<z@three\.test>, .*dsn=4\.9\.9, status=deferred \(SASL authentication failed; server .* said: 999 ")
        mta.send("z@two.test", "Subject: x\n\nx\n", "")
        mta.wait_log(r"to=<z@two\.test>, .*dsn=5\.5\.0, status=bounced \(SASL authentication failed; server .* said: 999 ")
    sink.close()


TABLES = {"header": "smtp_header_checks", "body": "smtp_body_checks", "filter": "smtp_reply_filter",
          "discard": "smtp_discard_ehlo_keyword_address_maps", "password": "smtp_sasl_password_maps"}


def test_notices_of_tables_out_of_order():
    """With "data" in notify_classes the postmaster is shown the sessions that ended for want of a table; mail waits."""
    sink = Sink()
    master, transports = "", []
    for name, option in TABLES.items():
        master += f"{name} unix - - n - - smtp -o {option}=fail:x -o smtp_sasl_auth_enable={'yes' if name == 'password' else 'no'}\n"
        transports.append(f"{{{name}.test={name}:[127.0.0.1]:{sink.port}}}")
    main = {"transport_maps": f"inline:{{{', '.join(transports)}}}", "error_notice_recipient": "alice@example.test",
            "notify_classes": "data", "smtp_connection_cache_on_demand": "no"}
    with Instance(main=main, master=master) as mta:
        for n, name in enumerate(TABLES, 1):
            sink.replies["EHLO"] = "250-sink\r\n250 AUTH PLAIN" if name == "password" else "250 sink"
            mta.send(f"x@{name}.test", "Subject: x\n\nx\n", "bob@example.test")
            mta.wait_log(rf"to=<x@{name}\.test>, .*dsn=4\.3\.0, status=deferred "
                         r"\(local data error while talking to 127\.0\.0\.1\[127\.0\.0\.1\]\)")
            text = mta.mail("alice", n).split("\n\n", 1)[1]
            assert text.startswith(f"Unexpected response from 127.0.0.1[127.0.0.1]:{sink.port}.\n"), text
            assert " In:  220 sink ESMTP\n" in text, text
        for line in (r"table fail:x lookup error for 220 sink ESMTP", r"smtp_sasl_password_maps lookup error",
                     r"smtp_discard_ehlo_keyword_address_maps map lookup error for 127\.0\.0\.1"):
            mta.wait_log(rf"smtp\[\d+\]: warning: [0-9A-F]+: {line}$")
        assert "status=sent (250 kept)" not in mta.log()
    sink.close()
