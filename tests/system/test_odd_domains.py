"""Addresses whose domain is none at first sight, and the one address that ends what bounces twice."""
from harness import Instance

TEXT = "Subject: x\n\nx\n"
REFUSED = (501, b"5.1.3 Bad recipient address syntax")


def answers(mta, *recipients):
    with mta.smtp() as client:
        client.mail("ann@client.test")
        return [client.rcpt(recipient) for recipient in recipients] + [client.docmd("VRFY", recipients[0])]


def test_numeric_domain():
    with Instance(main={"default_transport": "discard:gone", "smtpd_recipient_restrictions": ""}) as mta:
        assert answers(mta, "ann@1.2.3.4", "ann@1.2.3") == [REFUSED] * 3
        mta.configure(resolve_numeric_domain="yes")
        assert [code for code, _ in answers(mta, "ann@1.2.3.4", "ann@256.1.1.1", "ann@1.2.3", "ann@[x]")] == [250, 501, 501, 501, 252]
        queue_id = mta.send("ann@1.2.3.4", TEXT)
        mta.wait_log(rf"discard\[\d+\]: {queue_id}: to=<ann@\[1\.2\.3\.4\]>, orig_to=<ann@1\.2\.3\.4>, ")


def test_no_domain():
    with Instance(main={"default_transport": "discard:gone", "myorigin": "origin.test"}) as mta:
        assert answers(mta, "ann@") == [REFUSED] * 2
        mta.configure(resolve_null_domain="yes")
        queue_id = mta.send("ann@", TEXT)
        mta.wait_log(rf"discard\[\d+\]: {queue_id}: to=<ann@\S+>, orig_to=<ann@>, ")


def test_double_bounce_without_local_agent():
    """The queue manager ends it, whatever delivers to local users."""
    main = {"mydestination": "local.test", "local_recipient_maps": "", "local_transport": "discard:local"}
    with Instance(main=main) as mta:
        queue_id = mta.send("double-bounce@local.test", TEXT)
        mta.wait_log(rf"qmgr\[\d+\]: {queue_id}: to=<double-bounce@local\.test>, relay=none, .*status=sent "
                     r"\(undeliverable postmaster notification discarded\)$")
        queue_id = mta.send("bounce@local.test", TEXT)
        mta.wait_log(rf"discard\[\d+\]: {queue_id}: to=<bounce@local\.test>")
