"""compatibility_level: who relies on a default of an old release reads so in the log."""
import re

from harness import Instance, wait_for

OLD = "using backwards-compatible default setting "
LISTS = {
    "smtpd_relay_restrictions": None,
    "smtpd_recipient_restrictions": "check_recipient_access inline:{x@else.test=OK}, reject_unauth_destination",
    "relay_transport": "discard",
    "default_transport": "discard",
    "mydestination": "here.test",
    "mynetworks": "127.0.0.1",
}


def lines(mta, program):
    return re.findall(rf"postfix/{program}\[\d+\]: {OLD}(.*)", mta.log())


def recipients(mta, *addresses, source="127.0.0.44"):
    with mta.smtp(source_address=(source, 0)) as client:
        client.mail("a@b.test")
        codes = [client.rcpt(address)[0] for address in addresses]
    wait_for(lambda: "disconnect from unknown" in mta.log(), what="the end of the session")
    return codes


def test_relaying_by_old_defaults():
    with Instance(main={**LISTS, "compatibility_level": "0"}) as mta:
        codes = recipients(mta, "x@else.test", "x@sub.here.test", "y@else.test")
        assert codes == [250, 250, 554], codes
        client = 'from client "unknown[127.0.0.44]"'
        assert lines(mta, "smtpd") == [
            '"smtpd_relay_restrictions = (empty)" to avoid "Relay access denied" error for recipient '
            f'"x@else.test" {client}',
            'relay_domains=$mydestination to accept mail for domain "sub.here.test"',
            'relay_domains=$mydestination to accept mail for domain "sub.here.test"',
            'relay_domains=$mydestination to accept mail for address "x@sub.here.test"',
            f'smtpd_relay_before_recipient_restrictions=no to reject recipient "y@else.test" {client}',
        ], lines(mta, "smtpd")


def test_network_by_old_default():
    with Instance(main={"mynetworks": None, "compatibility_level": "1", "default_transport": "discard"}) as mta:
        assert recipients(mta, "x@else.test") == [250]
        expected = 'mynetworks_style=subnet to permit request from client "unknown[127.0.0.44]"'
        assert lines(mta, "smtpd") == [expected], lines(mta, "smtpd")
        mta.configure(mynetworks_style="subnet")
        assert recipients(mta, "x@else.test") == [250]
        assert len(lines(mta, "smtpd")) == 1, "a setting is no default"


def test_names_and_8bit_addresses_by_old_defaults():
    main = {"compatibility_level": "0", "smtpd_recipient_restrictions": "reject_unauth_destination"}
    with Instance(main=main) as mta:
        mta.run("sendmail", "-f", "bob@foo", "alice@example.test", input="Subject: s\n\nx\n", check=True)
        mta.mail("alice")
        assert lines(mta, "trivial-rewrite") == [
            'append_dot_mydomain=yes to rewrite "foo" to "foo.example.test"'
        ], lines(mta, "trivial-rewrite")
        with mta.smtp() as client:
            client.docmd("MAIL FROM:<a@b.test>")
            client.send("RCPT TO:<\u00fc@example.test>\r\n".encode())
            client.getreply()
        mta.wait_log(OLD + r'smtputf8_enable=no to accept non-ASCII recipient address ".*@example.test" from unknown')


def test_hint_and_chroot():
    with Instance(main={"compatibility_level": "0"}, master="x unix - - - - 0 discard\n") as mta:
        number = 1 + (mta.etc / "master.cf").read_text().splitlines().index("x unix - - - - 0 discard")
        mta.wait_log(f"master.cf: line {number}: {OLD}chroot=y")
        hint = "To disable backwards compatibility use"
        wait_for(lambda: mta.log().count(hint) == 1, what="the hint")
        mta.run("tassis", "status", check=True)
        wait_for(lambda: mta.log().count(hint) == 2, what="another")
        mta.run("tassis", "logrotate", check=True)
        mta.configure(compatibility_level="3.6")
        assert hint not in mta.log(), "a new file, without hints"
