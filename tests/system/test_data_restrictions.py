"""Restrictions at DATA and behind the message know of its recipient where there is only one, as with Postfix."""
from harness import Instance

TABLE = "inline:{{alice@example.test=REJECT not this way}}"


def data_reply(mta, sender, *recipients):
    with mta.smtp() as client:
        client.mail(sender)
        for recipient in recipients:
            assert client.rcpt(recipient)[0] == 250
        code, text = client.docmd("DATA")
        if code != 354:
            return code, text
        client.send(b"Subject: x\r\n\r\nhello\r\n.\r\n")
        return client.getreply()


def test_access_table():
    for name in ("smtpd_data_restrictions", "smtpd_end_of_data_restrictions"):
        with Instance(main={name: f"check_recipient_access {TABLE}"}) as mta:
            assert data_reply(mta, "a@client.test", "alice@example.test") == (
                554, b"5.7.1 <alice@example.test>: Recipient address rejected: not this way"), name
            assert data_reply(mta, "a@client.test", "alice@example.test", "bob@example.test")[0] == 250
            assert data_reply(mta, "a@client.test", "bob@example.test")[0] == 250


def test_bounces_for_several():
    with Instance(main={"smtpd_data_restrictions": "reject_multi_recipient_bounce"}) as mta:
        assert data_reply(mta, "", "alice@example.test")[0] == 250
        assert data_reply(mta, "", "alice@example.test", "bob@example.test")[0] == 550
        assert data_reply(mta, "a@client.test", "alice@example.test", "bob@example.test")[0] == 250
