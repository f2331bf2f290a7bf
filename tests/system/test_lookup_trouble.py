"""A table in trouble: one line of log for each question, in Postfix's words, and no further question for the same message."""
import smtplib

from harness import Instance

MESSAGE = "From: a@client.test\nTo: b@example.test\nSubject: x\n\nbody\n"


def ask_for(mta, *recipients):
    """The codes of the replies to RCPT."""
    with mta.smtp() as client:
        client.mail("a@client.test")
        return [client.rcpt(recipient)[0] for recipient in recipients]


def test_once_for_each_message():
    tables = {"recipient_canonical_maps": r"recipient_canonical_maps map lookup problem for alice@example\.test --",
              "virtual_alias_maps": r"virtual_alias_maps map lookup problem for alice@example\.test --",
              "recipient_bcc_maps": "recipient_bcc_maps map lookup problem --",
              "sender_bcc_maps": "sender_bcc_maps map lookup problem --",
              "header_checks": "header_checks map lookup problem --"}
    with Instance(main={"smtpd_reject_unlisted_recipient": "no", "notify_classes": ""}) as mta:
        for name, text in tables.items():
            mta.configure(**{name: "fail:sick"})
            before = len(mta.log())
            with mta.smtp() as client:
                try:
                    client.sendmail("a@client.test", ["alice@example.test", "bob@example.test"], MESSAGE)
                    assert False, name
                except smtplib.SMTPDataError as error:
                    assert error.smtp_code == 451 and b"4.3.0 Error: queue file write error" in error.smtp_error, error
            mta.wait_log(f"{text} message not accepted, try again later")
            assert mta.log()[before:].count("map lookup problem") == 1, mta.log()[before:]
            mta.configure(**{name: None})


def test_mail_of_sendmail_waits():
    with Instance(main={"sender_canonical_maps": "fail:sick"}) as mta:
        mta.run("sendmail", "-f", "bob@example.test", "alice@example.test", input=MESSAGE, check=True)
        mta.wait_log(r"pickup\[\d+\]: warning: maildrop/\w+: error writing \w+: queue file write error")


def test_mail_of_sendmail_waits_for_aliases():
    """Cleanup has said why, so pickup need not."""
    with Instance(main={"virtual_alias_maps": "fail:sick"}) as mta:
        for name in ("alice", "bob"):
            mta.run("sendmail", "-f", "x@y.test", f"{name}@example.test", input=MESSAGE, check=True)
            mta.wait_log(f"virtual_alias_maps map lookup problem for {name}@example.test -- message not accepted")
        assert len(mta.queued()) == 2
        assert "error writing" not in mta.log()


def test_lists_of_domains():
    with Instance(main={"virtual_mailbox_domains": "fail:sick"}) as mta:
        assert ask_for(mta, "alice@example.test") == [451]
        mta.wait_log(r"warning: virtual_mailbox_domains: fail:sick: table lookup problem\n")
        mta.wait_log(r"warning: virtual_mailbox_domains lookup failure\n")


def test_recipients():
    with Instance(main={"virtual_mailbox_maps": "fail:sick"}) as mta:
        assert ask_for(mta, "alice@example.test") == [451]
        mta.wait_log(r'smtpd\[\d+\]: warning: fail:sick lookup error for "alice@example\.test"\n')


def test_own_domains_may_be_relayed():
    """relay_domains = $mydestination was the default for long."""
    main = {"mydestination": "local.test", "relay_domains": "$mydestination", "virtual_alias_domains": "local.test, v.test",
            "virtual_mailbox_domains": "example.test, v.test", "local_recipient_maps": ""}
    with Instance(main=main) as mta:
        ask_for(mta, "x@v.test", "x@local.test")
        mta.wait_log("do not list domain local.test in BOTH mydestination and virtual_alias_domains")
        mta.wait_log("do not list domain v.test in BOTH virtual_alias_domains and virtual_mailbox_domains")
        assert "relay_domains" not in mta.log()


def test_certificate_that_is_not_there():
    main = {"smtpd_tls_cert_file": "/nowhere/cert.pem", "smtpd_tls_key_file": "/nowhere/key.pem",
            "smtpd_tls_security_level": "may"}
    with Instance(main=main) as mta:
        mta.send("alice@example.test", MESSAGE)
        mta.mail("alice")
        assert 'warning: cannot get RSA certificate from file "/nowhere/cert.pem": disabling TLS support' in mta.log()


def test_former_names_of_the_queue_manager():
    for name in ("nqmgr", "oqmgr"):
        with Instance(master=f"qmgr unix n - n 300 1 {name}\n") as mta:
            mta.send("alice@example.test", MESSAGE)
            mta.mail("alice")
            mta.wait_log(rf"/{name}\[\d+\]: \w+: from=<sender@client.test>")


def test_filter_of_commands():
    """What it would have let through is not known: the session ends."""
    with Instance(main={"smtpd_command_filter": "fail:sick"}) as mta:
        with smtplib.SMTP() as client:
            assert client.connect("127.0.0.1", mta.port)[0] == 220
            assert client.docmd("EHLO client.test") == (421, b"4.3.0 mx.example.test Server local data error")
        mta.wait_log(r'warning: fail:sick lookup error for "EHLO client\.test"\n')
        mta.wait_log(r"NOQUEUE: reject: CONNECT from unknown\[127\.0\.0\.1\]: 421 4\.3\.0 mx\.example\.test Server local data error\n")


def test_keywords_to_discard():
    """What may be offered is not known: who needs STARTTLS or AUTH comes again."""
    with Instance(main={"smtpd_discard_ehlo_keyword_address_maps": "fail:sick"}) as mta:
        with smtplib.SMTP() as client:
            assert client.connect("127.0.0.1", mta.port)[0] == 220
            assert client.docmd("EHLO client.test") == (421, b"4.3.0 mx.example.test Server local data error")
        mta.wait_log(r'smtpd\[\d+\]: warning: fail:sick lookup error for "127\.0\.0\.1"\n')
        mta.wait_log(r"warning: don't know what EHLO features to announce to \S+\[127\.0\.0\.1\]\n")
        mta.wait_log(r"NOQUEUE: reject: EHLO from \S+\[127\.0\.0\.1\]: 421 4\.3\.0 mx\.example\.test Server local data error\n")


def test_lists_of_clients():
    with Instance(main={"mynetworks": "fail:sick"}) as mta:
        assert ask_for(mta, "alice@example.test") == [451]
        mta.wait_log(r"warning: mynetworks: fail:sick: table lookup problem\n")
        mta.wait_log(r"reject: RCPT from \S+: 451 4\.3\.0 <alice@example\.test>: Temporary lookup failure; ")
        assert "double-bounce" not in mta.log()  # of class "data", which notify_classes has not by default
