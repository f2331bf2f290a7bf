"""The configuration of docker-mailserver, rebuilt small, with its services: accounts in text files, postscreen,
SPF by spawn, postgrey, OpenDKIM and OpenDMARC, Amavis, sender rewriting, Dovecot."""
import contextlib
import re

from dovecot import Dovecot
from harness import wait_for
from programs import listens, need, running
from suites import (USERS, Outside, arrives, check_both_protocols, check_submission, host, message, opendkim, opendmarc,
                    send_spam, stranger)
from test_amavis import Amavis
from test_policy import postgrey

NEEDS_ROOT = True
NEEDS_PROGRAM = "/usr/sbin/dovecot"

MAIN = {
    "smtpd_banner": "$myhostname ESMTP",
    "biff": "no",
    "append_dot_mydomain": "no",
    "alias_maps": "lmdb:$config_directory/aliases",
    "alias_database": "lmdb:$config_directory/aliases",
    "mydestination": "localhost.$mydomain, localhost",
    "mynetworks": "127.0.0.0/8 [::1]/128 [fe80::]/64",
    "mailbox_size_limit": "0",
    "recipient_delimiter": "+",
    "inet_protocols": "all",
    "smtpd_tls_chain_files": "$config_directory/key.pem $config_directory/cert.pem",
    "smtpd_tls_security_level": "may",
    "smtpd_tls_loglevel": "1",
    "smtp_tls_security_level": "may",
    "smtp_tls_loglevel": "1",
    "tls_ssl_options": "NO_COMPRESSION, NO_RENEGOTIATION",
    "tls_high_cipherlist": "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384",
    "tls_preempt_cipherlist": "yes",
    "smtpd_tls_protocols": "!SSLv2,!SSLv3,!TLSv1,!TLSv1.1",
    "smtp_tls_protocols": "!SSLv2,!SSLv3,!TLSv1,!TLSv1.1",
    "smtpd_tls_mandatory_ciphers": "high",
    "smtpd_tls_mandatory_protocols": "!SSLv2,!SSLv3,!TLSv1,!TLSv1.1",
    "smtpd_tls_exclude_ciphers": "aNULL, SEED, CAMELLIA, RSA+AES, SHA1",
    "smtpd_tls_CApath": "/etc/ssl/certs",
    "smtp_tls_CApath": "/etc/ssl/certs",
    "smtpd_helo_required": "yes",
    "smtpd_delay_reject": "yes",
    "smtpd_helo_restrictions": "permit_mynetworks, reject_invalid_helo_hostname, permit",
    "smtpd_relay_restrictions": "permit_mynetworks permit_sasl_authenticated defer_unauth_destination",
    "smtpd_recipient_restrictions": "permit_sasl_authenticated, permit_mynetworks, reject_unauth_destination,"
    " reject_unauth_pipelining, reject_invalid_helo_hostname, reject_non_fqdn_helo_hostname, reject_unknown_recipient_domain,"
    " check_policy_service unix:private/policyd-spf, check_policy_service inet:127.0.0.1:10023",
    "smtpd_client_restrictions": "permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination, reject_unauth_pipelining",
    "smtpd_sender_restrictions": "$dms_smtpd_sender_restrictions",
    "smtpd_discard_ehlo_keywords": "silent-discard, dsn",
    "disable_vrfy_command": "yes",
    "dms_smtpd_sender_restrictions": "permit_sasl_authenticated, permit_mynetworks, reject_unknown_sender_domain",
    "mua_sender_restrictions": "reject_authenticated_sender_login_mismatch, $dms_smtpd_sender_restrictions",
    "smtpd_sender_login_maps": "unionmap:{texthash:$config_directory/virtual, pcre:$config_directory/own-address}",
    "postscreen_dnsbl_action": "enforce",
    "postscreen_dnsbl_sites": "bad.test=127.0.0.[2..11]*3, good.test=127.0.[0..255].[2..3]*-4",
    "postscreen_dnsbl_threshold": "3",
    "postscreen_dnsbl_whitelist_threshold": "-1",
    "postscreen_greet_action": "enforce",
    "postscreen_greet_wait": "1s",
    "postscreen_bare_newline_action": "enforce",
    "smtpd_sasl_auth_enable": "no",
    "smtpd_sasl_path": "$queue_directory/private/auth",
    "smtpd_sasl_type": "dovecot",
    "smtpd_sasl_security_options": "noanonymous",
    "smtpd_sasl_local_domain": "$mydomain",
    "broken_sasl_auth_clients": "yes",
    "virtual_mailbox_domains": "$config_directory/vhost",
    "virtual_mailbox_maps": "texthash:$config_directory/vmailbox",
    "virtual_alias_maps": "texthash:$config_directory/virtual",
    "virtual_transport": "lmtp:unix:$queue_directory/private/dovecot-lmtp",
    "milter_protocol": "6",
    "milter_default_action": "accept",
    "dkim_milter": "inet:localhost:8891",
    "dmarc_milter": "inet:localhost:8893",
    "smtpd_milters": "$dkim_milter,$dmarc_milter",
    "non_smtpd_milters": "$dkim_milter",
    "content_filter": "smtp-amavis:[127.0.0.1]:10024",
    "header_checks": "pcre:$config_directory/header_checks.pcre",
    "smtp_header_checks": "pcre:$config_directory/sender_header_filter.pcre",
    "sender_canonical_maps": "tcp:127.0.0.1:10001",
    "sender_canonical_classes": "envelope_sender",
    "recipient_canonical_maps": "tcp:127.0.0.1:10002",
    "recipient_canonical_classes": "envelope_recipient,header_recipient",
    "compatibility_level": "2",
}
FILES = {
    "aliases": "root: postmaster\n",
    "vhost": "example.test\n",
    "vmailbox": "alice@example.test example.test/alice/\nbob@example.test example.test/bob/\n",
    "virtual": "info@example.test alice@example.test\naway@example.test x@far.test\n",
    "own-address": "/^(.*)$/ $1\n",
    "header_checks.pcre": "/^\\s*X-Old-Filter/ IGNORE\n",
    "sender_header_filter.pcre": "/^\\s*User-Agent/ IGNORE\n/^\\s*X-Originating-IP/ IGNORE\n",
}
SUBMISSION = """\
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_sasl_type=dovecot
  -o smtpd_reject_unlisted_recipient=no
  -o smtpd_sasl_authenticated_header=yes
  -o smtpd_client_restrictions=permit_sasl_authenticated,reject
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
  -o smtpd_sender_restrictions=$mua_sender_restrictions
  -o smtpd_discard_ehlo_keywords=
  -o milter_macro_daemon_name=ORIGINATING
  -o smtpd_milters=$dkim_milter
  -o cleanup_service_name=sender-cleanup
"""
MASTER = """\
smtp      inet  n       -       n       -       1       postscreen
smtpd     pass  -       -       n       -       -       smtpd
dnsblog   unix  -       -       n       -       0       dnsblog
tlsproxy  unix  -       -       n       -       0       tlsproxy
submission inet n       -       n       -       -       smtpd
  -o syslog_name=postfix/submission
  -o smtpd_tls_security_level=encrypt
""" + SUBMISSION + """\
submissions inet n       -       n       -       -       smtpd
  -o syslog_name=postfix/submissions
  -o smtpd_tls_wrappermode=yes
""" + SUBMISSION + """\
sender-cleanup unix n    -       n       -       0       cleanup
  -o syslog_name=postfix/sender-cleanup
  -o header_checks=pcre:$config_directory/sender_header_filter.pcre
pickup    fifo  n       -       n       60      1       pickup
  -o content_filter=
  -o receive_override_options=no_header_body_checks
policyd-spf unix -      n       n       -       0       spawn
    user=nobody argv=/usr/bin/policyd-spf
smtp-amavis unix -      -       n       -       2       smtp
  -o smtp_data_done_timeout=1200
  -o smtp_send_xforward_command=yes
  -o disable_dns_lookups=yes
  -o max_use=20
  -o smtp_tls_security_level=none
127.0.0.1:10025 inet n  -       n       -       -       smtpd
  -o content_filter=
  -o local_recipient_maps=
  -o relay_recipient_maps=
  -o smtpd_restriction_classes=
  -o smtpd_delay_reject=no
  -o smtpd_client_restrictions=permit_mynetworks,reject
  -o smtpd_helo_restrictions=
  -o smtpd_sender_restrictions=
  -o smtpd_recipient_restrictions=permit_mynetworks,reject
  -o smtpd_data_restrictions=reject_unauth_pipelining
  -o smtpd_end_of_data_restrictions=
  -o mynetworks=127.0.0.0/8
  -o smtpd_error_sleep_time=0
  -o smtpd_soft_error_limit=1001
  -o smtpd_hard_error_limit=1000
  -o smtpd_client_connection_count_limit=0
  -o smtpd_client_connection_rate_limit=0
  -o receive_override_options=no_header_body_checks,no_unknown_recipient_checks,no_milters
  -o smtp_tls_security_level=none
"""


@contextlib.contextmanager
def postsrsd(home):
    (home / "secret").write_text("not so secret\n")
    with running("postsrsd", "-4", "-s", home / "secret", "-d", "example.test", "-f", "10001", "-r", "10002",
                 ready=lambda: listens("127.0.0.1", 10001) and listens("127.0.0.1", 10002), log=home / "srs.log"):
        yield


def test_docker_mailserver():
    need("opendkim", "opendmarc", "postsrsd", "amavisd", "policyd-spf", "postgrey")
    outside = Outside()
    with host(MAIN, MASTER, FILES) as mta, contextlib.ExitStack() as services:
        mta.start()
        keeper = services.enter_context(Dovecot(mta, USERS))
        for service in (postsrsd(mta.folder), opendkim(mta.folder, 8891), opendmarc(mta.folder, 8893),
                        Amavis(mta.folder, 10024, 10025), postgrey("--delay=1", "--auto-whitelist-clients=0", port=10023)):
            services.enter_context(service)
        check_submission(outside, keeper)
        mail = outside.received("sent-587")
        assert re.search(r"^DKIM-Signature: .* d=example\.test;", mail, re.M), mail
        assert "User-Agent" not in mail and "Subject: sent-587" in mail, mail
        # A stranger: screened at first, greylisted next, and then let in.
        text = message("inbound", "ann@client.test", "info@example.test")
        code, said = arrives("ann@client.test", ["info@example.test"], text)
        assert code == 450, (code, said)
        mta.wait_log(r"postscreen\[\d+\]: PASS NEW \[192\.0\.2\.10\]")
        wait_for(lambda: arrives("ann@client.test", ["info@example.test"], text)[0] == 250, what="the end of greylisting")
        mail = keeper.mail("alice@example.test", "Subject: inbound")
        assert re.search(r"^Received-SPF: Pass", mail, re.M) and re.search(r"^X-Spam-Status: ", mail, re.M), mail
        assert re.search(r"^X-Greylist: delayed", mail, re.M), mail
        # SPF forbids it; an open relay is none; spam that a user sends comes back.
        code, said = arrives("x@forged.test", ["alice@example.test"], text)
        assert code == 550 and b"SPF" in said, (code, said)
        with stranger() as client:
            client.mail("ann@client.test")
            assert client.rcpt("y@elsewhere.test")[0] in (454, 554)
        send_spam()
        keeper.mail("bob@example.test", "Undelivered Mail Returned to Sender")
        # What is forwarded goes on under a rewritten sender.
        wait_for(lambda: arrives("ann@client.test", ["away@example.test"], message("onward", "ann@client.test"))[0] == 250,
                 what="the end of greylisting")
        outside.received("onward")
        assert any(re.match(r"MAIL FROM:<SRS0=\S+=client\.test=ann@example\.test>", sender) for sender, _, _ in outside.sink.messages)
        check_both_protocols(keeper)
