"""The configuration of iRedMail, rebuilt small, with its services: MariaDB behind proxymap, Amavis both ways, a
policy server asked at RCPT and at the end of the message, quota-status, Dovecot's own delivery program by pipe."""
import contextlib
import re

from dovecot import Dovecot
from programs import need
from suites import (DATABASE, USERS, Outside, arrives, check_both_protocols, check_submission, host, message, send_spam, sql,
                    stranger, write_tables)
from table_servers import MariaDB
from test_amavis import Amavis
from test_policy import PolicyServer

NEEDS_ROOT = True
NEEDS_PROGRAM = "/usr/sbin/dovecot"

SQL = DATABASE + """\
CREATE TABLE domain (domain varchar(100), transport varchar(100), backupmx int, active int);
CREATE TABLE alias_domain (alias_domain varchar(100), target_domain varchar(100), active int);
CREATE TABLE mailbox (username varchar(100), maildir varchar(100), enabledeliver int, active int);
CREATE TABLE forwardings (address varchar(100), forwarding varchar(100), active int);
INSERT INTO domain VALUES ('example.test', 'dovecot', 0, 1);
INSERT INTO alias_domain VALUES ('example.invalid', 'example.test', 1);
INSERT INTO mailbox VALUES ('alice@example.test', 'a/', 1, 1), ('bob@example.test', 'b/', 1, 1), ('full@example.test', 'f/', 1, 1);
INSERT INTO forwardings VALUES ('alice@example.test', 'alice@example.test', 1), ('bob@example.test', 'bob@example.test', 1),
 ('full@example.test', 'full@example.test', 1), ('both@example.test', 'alice@example.test', 1), ('both@example.test', 'bob@example.test', 1);
"""
TABLES = {
    "virtual_mailbox_domains": "SELECT domain FROM domain WHERE domain='%s' AND backupmx=0 AND active=1 UNION "
    "SELECT alias_domain FROM alias_domain WHERE alias_domain='%s' AND active=1",
    "virtual_mailbox_maps": "SELECT maildir FROM mailbox WHERE username='%s' AND active=1 AND enabledeliver=1",
    "virtual_alias_maps": "SELECT forwarding FROM forwardings WHERE address='%s' AND active=1",
    "domain_alias_maps": "SELECT forwardings.forwarding FROM forwardings, alias_domain WHERE alias_domain.alias_domain='%d' AND "
    "forwardings.address=CONCAT('%u', '@', alias_domain.target_domain)",
    "transport_maps_domain": "SELECT transport FROM domain WHERE domain='%s' AND active=1",
    "relay_domains": "SELECT domain FROM domain WHERE domain='%s' AND backupmx=1 AND active=1",
    "sender_login_maps": "SELECT username FROM mailbox WHERE username='%s' AND active=1",
}


MAIN = {
    "unknown_local_recipient_reject_code": "550",
    "biff": "no",
    "swap_bangpath": "no",
    "allow_percent_hack": "no",
    "allow_min_user": "no",
    "disable_vrfy_command": "yes",
    "inet_protocols": "all",
    "smtpd_tls_key_file": "$config_directory/key.pem",
    "smtpd_tls_cert_file": "$config_directory/cert.pem",
    "smtpd_tls_CAfile": "$config_directory/cert.pem",
    "smtpd_tls_CApath": "/etc/ssl/certs",
    "smtpd_tls_protocols": "!SSLv2 !SSLv3 !TLSv1 !TLSv1.1",
    "smtpd_tls_mandatory_protocols": "!SSLv2 !SSLv3 !TLSv1 !TLSv1.1",
    "smtp_tls_protocols": "!SSLv2 !SSLv3 !TLSv1 !TLSv1.1",
    "tls_random_source": "dev:/dev/urandom",
    "smtp_tls_loglevel": "1",
    "smtpd_tls_loglevel": "1",
    "smtpd_tls_security_level": "may",
    "smtp_tls_security_level": "may",
    "smtp_tls_CApath": "/etc/ssl/certs",
    "smtp_tls_CAfile": "$smtpd_tls_CAfile",
    "smtp_tls_note_starttls_offer": "yes",
    "enable_long_queue_ids": "yes",
    "smtpd_reject_unlisted_recipient": "yes",
    "smtpd_reject_unlisted_sender": "yes",
    "header_checks": "pcre:$config_directory/header_checks",
    "body_checks": "pcre:$config_directory/body_checks.pcre",
    "smtpd_command_filter": "pcre:$config_directory/command_filter.pcre",
    "smtpd_helo_required": "yes",
    "smtpd_helo_restrictions": "permit_mynetworks permit_sasl_authenticated check_helo_access"
    " pcre:$config_directory/helo_access.pcre reject_non_fqdn_helo_hostname reject_unknown_helo_hostname",
    "smtpd_sender_restrictions": "reject_non_fqdn_sender reject_unlisted_sender permit_mynetworks permit_sasl_authenticated"
    " check_sender_access pcre:$config_directory/sender_access.pcre reject_unknown_sender_domain",
    "smtpd_data_restrictions": "reject_unauth_pipelining",
    "proxy_read_maps": "$canonical_maps $lmtp_generic_maps $local_recipient_maps $mydestination $mynetworks $recipient_bcc_maps"
    " $recipient_canonical_maps $relay_domains $relay_recipient_maps $relocated_maps $sender_bcc_maps $sender_canonical_maps"
    " $smtp_generic_maps $smtpd_sender_login_maps $transport_maps $virtual_alias_domains $virtual_alias_maps"
    " $virtual_mailbox_domains $virtual_mailbox_maps $smtpd_sender_restrictions $sender_dependent_relayhost_maps",
    "enable_original_recipient": "no",
    "virtual_minimum_uid": "2000",
    "virtual_uid_maps": "static:65534",
    "virtual_gid_maps": "static:65534",
    "virtual_mailbox_base": "$queue_directory/../mail",
    "virtual_alias_domains": "",
    "mydomain": "$myhostname",
    "myorigin": "$myhostname",
    "mynetworks": "127.0.0.3",
    "mydestination": "$myhostname, localhost, localhost.localdomain",
    "alias_maps": "hash:$config_directory/aliases",
    "alias_database": "hash:$config_directory/aliases",
    "message_size_limit": "15728640",
    "recipient_delimiter": "+",
    "show_user_unknown_table_name": "no",
    "virtual_transport": "dovecot",
    "dovecot_destination_recipient_limit": "1",
    "virtual_mailbox_domains": sql("virtual_mailbox_domains"),
    "virtual_mailbox_maps": sql("virtual_mailbox_maps"),
    "virtual_alias_maps": sql("virtual_alias_maps", "domain_alias_maps"),
    "transport_maps": sql("transport_maps_domain"),
    "relay_domains": "$mydestination, " + sql("relay_domains"),
    "smtpd_sender_login_maps": sql("sender_login_maps"),
    "smtpd_sasl_type": "dovecot",
    "smtpd_sasl_path": "private/auth",
    "content_filter": "smtp-amavis:[127.0.0.1]:10024",
    "smtp-amavis_destination_recipient_limit": "1000",
    "compatibility_level": "2",
}
MASTER = """\
submission inet n       -       n       -       -       smtpd
  -o syslog_name=postfix/submission
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_client_restrictions=permit_sasl_authenticated,reject
  -o smtpd_sender_restrictions=reject_sender_login_mismatch,permit_sasl_authenticated,reject
  -o content_filter=smtp-amavis:[127.0.0.1]:10024
465 inet  n       -       n       -       -       smtpd
  -o syslog_name=postfix/smtps
  -o smtpd_tls_wrappermode=yes
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_client_restrictions=permit_sasl_authenticated,reject
  -o smtpd_sender_restrictions=reject_sender_login_mismatch,permit_sasl_authenticated,reject
  -o content_filter=smtp-amavis:[127.0.0.1]:10024
dovecot unix    -       n       n       -       -      pipe
    flags=DRh user=nobody:nogroup argv=/usr/lib/dovecot/dovecot-lda -c {dovecot} -f ${sender} -d ${user}@${domain} -m ${extension}
smtp-amavis unix -  -   n   -   2  smtp
    -o syslog_name=postfix/amavis
    -o local_header_rewrite_clients=
    -o smtp_data_done_timeout=1200
    -o smtp_send_xforward_command=yes
    -o disable_dns_lookups=yes
    -o max_use=20
127.0.0.1:10025 inet n  -   n   -   -  smtpd
    -o syslog_name=postfix/10025
    -o content_filter=
    -o mynetworks_style=host
    -o mynetworks=127.0.0.0/8
    -o local_header_rewrite_clients=
    -o local_recipient_maps=
    -o relay_recipient_maps=
    -o strict_rfc821_envelopes=yes
    -o smtp_tls_security_level=none
    -o smtpd_tls_security_level=none
    -o smtpd_restriction_classes=
    -o smtpd_delay_reject=no
    -o smtpd_client_restrictions=permit_mynetworks,reject
    -o smtpd_helo_restrictions=
    -o smtpd_sender_restrictions=
    -o smtpd_recipient_restrictions=permit_mynetworks,reject
    -o smtpd_end_of_data_restrictions=
    -o smtpd_error_sleep_time=0
    -o smtpd_soft_error_limit=1001
    -o smtpd_hard_error_limit=1000
    -o smtpd_client_connection_count_limit=0
    -o smtpd_client_connection_rate_limit=0
    -o receive_override_options=no_header_body_checks,no_unknown_recipient_checks,no_address_mappings
"""
FILES = {
    "aliases": "root: postmaster\n",
    "header_checks": "/^Subject:.*forbidden words/ REJECT Not here\n/^X-Hide:/ IGNORE\n",
    "body_checks.pcre": "/^begin forbidden$/ REJECT Nor this\n",
    "command_filter.pcre": "/^(MAIL FROM:\\s*<.*>)\\s+X-BAD=\\S+$/ $1\n",
    "helo_access.pcre": "/^mx\\.example\\.test$/ REJECT That is my name\n/^[0-9.]+$/ REJECT An address is no name\n",
    "sender_access.pcre": "/^bad@client\\.test$/ REJECT Blacklisted\n",
}


def test_iredmail():
    need("amavisd", "mariadbd")
    outside = Outside()
    # Its policy daemon is not packaged; this one has its protocol and asks for its answers.
    policy = PolicyServer(lambda asked: b"action=REJECT SMTP AUTH is required\n\n" if asked["sender"] == "alice@example.test" and not asked[
        "sasl_username"] else b"action=DUNNO\n\n")
    with MariaDB() as database, host(MAIN, MASTER, FILES) as mta, contextlib.ExitStack() as services:
        database.sql(SQL)
        write_tables(mta, database, TABLES)
        keeper = Dovecot(mta, USERS)
        (keeper.home / "log").touch()
        (keeper.home / "log").chmod(0o666)  # its delivery program writes there as the mailbox's owner
        mta.write("master.cf", (mta.etc / "master.cf").read_text().replace("{dovecot}", str(keeper.config)))
        mta.write_main(
            smtpd_recipient_restrictions="reject_non_fqdn_recipient reject_unlisted_recipient "
            f"check_policy_service inet:127.0.0.1:{policy.port} permit_mynetworks permit_sasl_authenticated reject_unauth_destination "
            f"check_policy_service inet:127.0.0.1:{keeper.quota}",
            smtpd_end_of_data_restrictions=f"check_policy_service inet:127.0.0.1:{policy.port}")
        mta.start()
        services.enter_context(keeper)
        services.enter_context(Amavis(mta.folder, 10024, 10025))
        check_submission(outside, keeper)
        mta.wait_log(r"relay=dovecot, .*dsn=2\.0\.0, status=sent \(delivered via dovecot service\)")
        mta.wait_log(r"postfix/10025/smtpd\[\d+\]: [0-9a-zA-Z]{10,}: client=localhost\[127\.0\.0\.1\]$")
        states = {(asked["protocol_state"], asked["sasl_username"]) for asked in policy.requests}
        assert {("RCPT", "alice@example.test"), ("END-OF-MESSAGE", "alice@example.test")} <= states, states
        # From outside, by an alias domain to two, one of them with an extension.
        text = message("inbound", "ann@client.test", "both@example.invalid", more="X-Hide: this\r\n")
        code, said = arrives("ann@client.test", ["both@example.invalid", "bob+lists@example.test"], text)
        assert code == 250, (code, said)
        for mail in (keeper.mail("alice@example.test", "Subject: inbound"), keeper.mail("bob@example.test", "Subject: inbound", "lists")):
            assert "X-Hide" not in mail and re.search(r"^X-Spam-Status: ", mail, re.M), mail
        # Each of its checks.
        refusals = [
            ("alice@example.test", "bob@example.test", text, 554, b"SMTP AUTH is required"),
            ("bad@client.test", "bob@example.test", text, 554, b"Blacklisted"),
            ("ann@client.test", "nobody@example.test", text, 550, b"User unknown"),
            ("ann@client.test", "x@elsewhere.test", text, 554, b"Relay access denied"),
            ("ann@client.test", "bob@example.test", text.replace("inbound", "forbidden words"), 550, b"Not here"),
            ("ann@client.test", "bob@example.test", text + "begin forbidden\r\n", 550, b"Nor this"),
        ]
        for sender, recipient, body, expected, words in refusals:
            code, said = arrives(sender, [recipient], body)
            assert (code, words in said) == (expected, True), (sender, recipient, code, said)
        with stranger() as client:
            client.docmd("EHLO", "mx.example.test")
            client.mail("ann@client.test")
            code, said = client.rcpt("bob@example.test")
            assert code == 554 and b"That is my name" in said, said
        with stranger() as client:
            assert client.docmd("MAIL FROM:<ann@client.test> X-BAD=1")[0] == 250
        send_spam()
        mta.wait_log(r"status=bounced \(host 127\.0\.0\.1\[127\.0\.0\.1\] said: 554 5\.7\.0")
        check_both_protocols(keeper)
