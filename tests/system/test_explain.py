"""tassis explain: each step from an address to its transport, and what each restriction would answer; no mail goes."""
import re

from harness import Instance

MAIN = {
    "mydestination": "local.test",
    "recipient_delimiter": "+",
    "canonical_maps": "inline:{{old@example.test=info@alias.test}}",
    "virtual_alias_domains": "alias.test",
    "virtual_alias_maps": "inline:{{info@alias.test=alice@example.test,far@far.test}}",
    "recipient_bcc_maps": "inline:{{info@alias.test=archive@far.test}}",
    "transport_maps": "inline:{{far.test=smtp:[relay.test]:26}}",
    "alias_maps": "inline:{{root=alice@example.test}}",
    "relayhost": "[out.test]",
    "local_recipient_maps": "",
}

RESTRICTIONS = {
    "smtpd_restriction_classes": "picky",
    "picky": "check_sender_access inline:{{spam.test=REJECT no spam}}",
    "smtpd_client_restrictions": "check_client_access cidr:{{192.0.2.0/24 OK}}",
    "smtpd_sender_restrictions": "picky",
    "smtpd_recipient_restrictions": "permit_mynetworks, reject_unauth_destination, reject_unverified_recipient",
    "smtpd_client_connection_count_limit": "1",
}


def explain(mta, *arguments):
    result = mta.run("tassis", "explain", *arguments)
    assert result.err == "", result.err
    return result.out


def in_order(text, *patterns):
    """Each pattern is found behind the one before it."""
    at = 0
    for pattern in patterns:
        found = re.compile(pattern, re.M).search(text, at)
        assert found, f"{pattern!r} is not found behind {text[max(0, at - 200):at]!r} in:\n{text}"
        at = found.end()


def test_address():
    with Instance(main=MAIN) as mta:
        said = explain(mta, "old@example.test")
        in_order(
            said,
            r"^to <old@example\.test>:$",
            r'^  canonical_maps: inline:.* "old@example\.test": "info@alias\.test"$',
            r'^  virtual_alias_maps: inline:.* "info@alias\.test": "alice@example\.test,far@far\.test"$',
            r"^  recipient alice@example\.test:$",
            r'^ +virtual_mailbox_domains: "example\.test" matches example\.test$',
            r"^ +class: virtual mailbox \(virtual_mailbox_domains\)$",
            r"^ +virtual_transport: transport virtual, next hop example\.test$",
            r'^ +transport_maps: inline:.* "alice@example\.test": not found$',
            r'^ +virtual_mailbox_maps: texthash:.* "alice@example\.test": "alice/"$',
            r"^    => transport virtual, next hop example\.test, recipient alice@example\.test$",
            r"^  recipient far@far\.test:$",
            r"^ +class: default$",
            r"^ +relayhost = \[out\.test\]$",
            r'^ +transport_maps: inline:.* "far\.test": "smtp:\[relay\.test\]:26"$',
            r"^    => transport smtp, next hop \[relay\.test\]:26, recipient far@far\.test$",
            r"^  recipient_bcc_maps adds a copy for archive@far\.test$",
            r"^  recipient archive@far\.test:$",
            r"^  => 3 recipient\(s\)$",
        )
        in_order(
            explain(mta, "--sender", "<>", "root@local.test"),
            r"^from <>:$", r"canonical_maps: .*not found$", r"=> <>$",
            r'mydestination: "local\.test" matches local\.test',
            r"class: local",
            r'alias_maps: inline:.* "root": "alice@example\.test"',
            r"=> transport local, next hop \S+, recipient root@local\.test",
        )
        assert "virtual_mailbox_maps does not have the recipient" in explain(mta, "nobody@example.test")
        assert "completed (append_at_myorigin and its like): bob@example.test" in explain(mta, "bob")
        assert not list(mta.queue.glob("incoming/*")) + list(mta.queue.glob("deferred/*/*"))
        assert "cleanup" not in mta.log() and "NOQUEUE" not in mta.log()


def test_attempt():
    with Instance(main={**MAIN, **RESTRICTIONS}) as mta:
        in_order(
            explain(mta, "--from", "192.0.2.7", "--helo", "mail.spam.test", "a@b.spam.test", "alice@example.test"),
            r"^connection from 192\.0\.2\.7:$",
            r"^  => 220 ",
            r"^EHLO mail\.spam\.test: 250 ",
            r"^MAIL FROM:<a@b\.spam\.test>:$",
            r"^RCPT TO:<alice@example\.test>:$",
            r"^  smtpd_client_restrictions:$",
            r"^    check_client_access cidr:.*:$",
            r'^      cidr:.* "192\.0\.2\.7": "OK"$',
            r"^      => permit$",
            r"^  smtpd_sender_restrictions:$",
            r"^    picky:$",
            r"^      check_sender_access inline:.*:$",
            r'^        inline:.* "spam\.test": "REJECT no spam"$',
            r"^        log: NOQUEUE: reject: RCPT from unknown\[192\.0\.2\.7\]: 554 5\.7\.1 .*helo=<mail\.spam\.test>$",
            r"^        => refuse with 554 5\.7\.1 <a@b\.spam\.test>: Sender address rejected: no spam$",
            r"^  => 554 5\.7\.1 <a@b\.spam\.test>: Sender address rejected: no spam$",
        )
        in_order(
            explain(mta, "--from", "192.0.2.7", "a@b.test", "x@elsewhere.test"),
            r"defer_unauth_destination:$",
            r"class: default",
            r"=> refuse with 454 4\.7\.1 <x@elsewhere\.test>: Relay access denied$",
        )
        in_order(
            explain(mta, "--from", "192.0.2.7", "a@b.test", "alice@example.test"),
            r"reject_unverified_recipient:$",
            r"a probe of alice@example\.test, which is not sent now, would decide",
            r"^  => 250 2\.1\.5 Ok$",
        )
        in_order(
            explain(mta, "--from", "127.0.0.1", "<>", "x@elsewhere.test"),
            r"permit_mynetworks:$",
            r"=> permit$",
            r"^  => 250 2\.1\.5 Ok$",
        )
        # Nothing was logged, counted or begun.
        assert "NOQUEUE" not in mta.log() and "connect from" not in mta.log() and "anvil" not in mta.log()
        assert not list(mta.queue.glob("incoming/*")) + list(mta.queue.glob("maildrop/*"))


def test_service_and_mistakes():
    master = "127.0.0.1:2 inet n - n - - smtpd\n -o { smtpd_recipient_restrictions = reject }\n"
    with Instance(main=MAIN, master=master, start=False) as mta:
        mta.run("tassis", "check")
        said = explain(mta, "--from", "127.0.0.1", "--service", "127.0.0.1:2", "a@b.test", "alice@example.test")
        in_order(said, r"^  smtpd_recipient_restrictions:$", r"^    reject:$", r"refuse with 554 5\.7\.1 .*Access denied$")
        for words in ((), ("a@b.test", "c@d.test"), ("--from", "192.0.2.7", "a@b.test"), ("--nonsense", "a")):
            result = mta.run("tassis", "explain", *words)
            assert result.returncode == 64 and "usage: tassis explain" in result.err, (words, result.err)
        result = mta.run("tassis", "explain", "--from", "nowhere", "a@b.test", "c@d.test")
        assert result.returncode == 64 and "nowhere: not an IP address" in result.err
        result = mta.run("tassis", "explain", "--from", "192.0.2.7", "--service", "nosuch", "a@b.test", "c@d.test")
        assert result.returncode == 78 and "no SMTP server called nosuch" in result.err
