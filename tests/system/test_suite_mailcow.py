"""The configuration of mailcow, rebuilt small, with its services: everything in MariaDB behind proxymap, postscreen
with a table that spawn serves, Rspamd as the filter of both directions, Dovecot over TCP."""
import contextlib
import re

from dovecot import Dovecot
from harness import wait_for
from programs import GTUBE, need
from suites import (DATABASE, USERS, Outside, arrives, check_both_protocols, check_submission, host, message, sql, stranger,
                    submits, write_tables)
from table_servers import MariaDB
from test_milter_programs import rspamd

NEEDS_ROOT = True
NEEDS_PROGRAM = "/usr/sbin/dovecot"

SQL = DATABASE + """\
CREATE TABLE domain (domain varchar(100), backupmx int, active int);
CREATE TABLE mailbox (username varchar(100), maildir varchar(100), active int);
CREATE TABLE alias (address varchar(100), goto varchar(200), active int);
CREATE TABLE sender_acl (logged_in_as varchar(100), send_as varchar(100));
CREATE TABLE bcc_maps (local_dest varchar(100), bcc_dest varchar(100), type varchar(10));
CREATE TABLE relayhosts (id int, hostname varchar(100), username varchar(100), password varchar(100), sender varchar(100));
CREATE TABLE tls_policy (dest varchar(100), policy varchar(50));
CREATE TABLE transports (destination varchar(100), nexthop varchar(100));
INSERT INTO domain VALUES ('example.test', 0, 1), ('backup.test', 1, 1);
INSERT INTO mailbox VALUES ('alice@example.test', 'example.test/alice/', 1), ('bob@example.test', 'example.test/bob/', 1);
INSERT INTO alias VALUES ('alice@example.test', 'alice@example.test', 1), ('bob@example.test', 'bob@example.test', 1),
 ('team@example.test', 'alice@example.test,bob@example.test', 1);
INSERT INTO bcc_maps VALUES ('team@example.test', 'bob+copies@example.test', 'rcpt');
INSERT INTO sender_acl VALUES ('alice@example.test', 'team@example.test');
INSERT INTO transports VALUES ('smart.test', '[127.0.0.9]:25');
INSERT INTO tls_policy VALUES ('far.test', 'may');
"""

TABLES = {
    "domains": "SELECT domain FROM domain WHERE domain='%s' AND backupmx = 0 AND active = 1",
    "relay_domains": "SELECT domain FROM domain WHERE domain='%s' AND backupmx = 1 AND active = 1",
    "relay_recipients": "SELECT 1 FROM domain WHERE domain='%d' AND backupmx = 1",
    "aliases": "SELECT goto FROM alias WHERE address='%s' AND active = 1",
    "resources": "SELECT 'null@localhost' FROM alias WHERE address='%s' AND active = 2",
    "mailboxes": "SELECT maildir FROM mailbox WHERE username='%s' AND active = 1",
    "sender_acl": "SELECT username FROM mailbox WHERE username='%s' UNION SELECT logged_in_as FROM sender_acl WHERE send_as='%s'",
    "recipient_bcc": "SELECT bcc_dest FROM bcc_maps WHERE local_dest='%s' AND type='rcpt'",
    "sender_bcc": "SELECT bcc_dest FROM bcc_maps WHERE local_dest='%s' AND type='sender'",
    "sender_transport": "SELECT CONCAT('smtp_via:', hostname) FROM relayhosts WHERE sender='%s'",
    "sasl_password": "SELECT CONCAT(username, ':', password) FROM relayhosts WHERE sender='%s'",
    "sasl_transport": "SELECT CONCAT(username, ':', password) FROM relayhosts WHERE hostname='%s'",
    "tls_policy": "SELECT policy FROM tls_policy WHERE dest='%s'",
    "tls_enforce_in": "SELECT 'reject_plaintext_session' FROM alias WHERE address='%s' AND active = 3",
    "transports": "SELECT CONCAT('smtp:', nexthop) FROM transports WHERE destination='%s'",
}


MAIN = {
    "biff": "no",
    "append_dot_mydomain": "no",
    "smtpd_tls_cert_file": "$config_directory/cert.pem",
    "smtpd_tls_key_file": "$config_directory/key.pem",
    "tls_server_sni_maps": "hash:$config_directory/sni.map",
    "smtpd_use_tls": "yes",
    "smtpd_tls_received_header": "yes",
    "smtpd_tls_session_cache_database": "btree:${data_directory}/smtpd_scache",
    "smtp_tls_session_cache_database": "btree:${data_directory}/smtp_scache",
    "smtpd_relay_restrictions": "permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination",
    "alias_maps": "hash:$config_directory/aliases",
    "alias_database": "hash:$config_directory/aliases",
    "mynetworks": "127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 [fe80::]/10 [fc00::]/7",
    "mailbox_size_limit": "0",
    "recipient_delimiter": "+",
    "inet_protocols": "all",
    "bounce_queue_lifetime": "1d",
    "broken_sasl_auth_clients": "yes",
    "disable_vrfy_command": "yes",
    "maximal_backoff_time": "1800s",
    "delay_warning_time": "4h",
    "message_size_limit": "104857600",
    "milter_default_action": "accept",
    "milter_protocol": "6",
    "plaintext_reject_code": "550",
    "postscreen_access_list": "cidr:$config_directory/postscreen_access.cidr, tcp:127.0.0.1:10027",
    "postscreen_blacklist_action": "drop",
    "postscreen_cache_map": "proxy:btree:$data_directory/postscreen_cache",
    "postscreen_dnsbl_action": "enforce",
    "postscreen_dnsbl_sites": "list.test=127.0.[0..255].1*-4 bad.test=127.0.0.[10;11]*8",
    "postscreen_dnsbl_threshold": "6",
    "postscreen_dnsbl_ttl": "5m",
    "postscreen_greet_action": "enforce",
    "postscreen_greet_banner": "$smtpd_banner",
    "postscreen_greet_ttl": "2d",
    "postscreen_greet_wait": "1s",
    "postscreen_discard_ehlo_keywords": "silent-discard, dsn",
    "proxy_read_maps": "proxy:mysql:$config_directory/sasl_transport.cf, proxy:mysql:$config_directory/tls_enforce_in.cf,"
    " $sender_dependent_default_transport_maps, $smtp_tls_policy_maps, $local_recipient_maps, $mydestination, $virtual_alias_maps,"
    " $virtual_alias_domains, $virtual_mailbox_maps, $virtual_mailbox_domains, $relay_recipient_maps, $relay_domains,"
    " $canonical_maps, $sender_canonical_maps, $sender_bcc_maps, $recipient_bcc_maps, $recipient_canonical_maps,"
    " $relocated_maps, $transport_maps, $mynetworks, $smtpd_sender_login_maps, $smtp_sasl_password_maps",
    "relay_domains": sql("relay_domains"),
    "relay_recipient_maps": sql("relay_recipients"),
    "sender_dependent_default_transport_maps": sql("sender_transport"),
    "smtp_tls_CAfile": "/etc/ssl/certs/ca-certificates.crt",
    "smtp_tls_loglevel": "1",
    "smtp_dns_support_level": "dnssec",
    "smtp_tls_security_level": "dane",
    "smtpd_data_restrictions": "reject_unauth_pipelining, permit",
    "smtpd_delay_reject": "yes",
    "smtpd_error_sleep_time": "1s",
    "smtpd_hard_error_limit": "${stress?1}${stress:5}",
    "smtpd_helo_required": "yes",
    "smtpd_recipient_restrictions": "permit_sasl_authenticated, permit_mynetworks, check_recipient_access " + sql("tls_enforce_in")
    + ", reject_invalid_helo_hostname, reject_unknown_reverse_client_hostname, reject_unauth_destination",
    "smtpd_sasl_auth_enable": "yes",
    "smtpd_sasl_authenticated_header": "yes",
    "smtpd_sasl_type": "dovecot",
    "smtpd_sender_login_maps": sql("sender_acl"),
    "smtpd_sender_restrictions": "reject_authenticated_sender_login_mismatch, permit_mynetworks, permit_sasl_authenticated,"
    " reject_unlisted_sender, reject_unknown_sender_domain",
    "smtpd_soft_error_limit": "3",
    "smtpd_tls_auth_only": "yes",
    "smtpd_tls_eecdh_grade": "auto",
    "smtpd_tls_exclude_ciphers": "ECDHE-RSA-RC4-SHA, RC4, aNULL, DES-CBC3-SHA, ECDHE-RSA-DES-CBC3-SHA, EDH-RSA-DES-CBC3-SHA",
    "smtpd_tls_loglevel": "1",
    "smtp_tls_mandatory_protocols": "!SSLv2, !SSLv3, !TLSv1, !TLSv1.1",
    "smtpd_tls_mandatory_protocols": "!SSLv2, !SSLv3, !TLSv1, !TLSv1.1",
    "smtpd_tls_mandatory_ciphers": "high",
    "smtp_tls_protocols": "!SSLv2, !SSLv3",
    "smtpd_tls_protocols": "!SSLv2, !SSLv3",
    "smtpd_tls_security_level": "may",
    "tls_preempt_cipherlist": "yes",
    "tls_ssl_options": "NO_COMPRESSION, NO_RENEGOTIATION",
    "virtual_alias_maps": sql("aliases", "resources"),
    "virtual_gid_maps": "static:65534",
    "virtual_uid_maps": "static:65534",
    "virtual_minimum_uid": "104",
    "virtual_mailbox_base": "$queue_directory/../mail",
    "virtual_mailbox_domains": sql("domains"),
    "virtual_mailbox_maps": sql("mailboxes"),
    "recipient_bcc_maps": sql("recipient_bcc"),
    "sender_bcc_maps": sql("sender_bcc"),
    "milter_mail_macros": "i {mail_addr} {client_addr} {client_name} {auth_authen}",
    "mydestination": "localhost.localdomain, localhost",
    "smtp_address_preference": "ipv4",
    "smtp_sender_dependent_authentication": "yes",
    "smtp_sasl_auth_enable": "yes",
    "smtp_sasl_password_maps": sql("sasl_password"),
    "smtp_sasl_security_options": "",
    "smtp_sasl_mechanism_filter": "plain, login",
    "smtp_tls_policy_maps": sql("tls_policy"),
    "smtp_header_checks": "pcre:$config_directory/anonymize_headers.pcre",
    "mail_name": "Postcow",
    "transport_maps": "pcre:$config_directory/local_transport, " + sql("transports"),
    "smtp_sasl_auth_soft_bounce": "no",
    "compatibility_level": "2",
    "smtputf8_enable": "no",
}

MASTER = """\
smtp       inet  n       -       n       -       1       postscreen
smtpd      pass  -       -       n       -       -       smtpd
  -o smtpd_helo_restrictions=permit_mynetworks,reject_non_fqdn_helo_hostname
  -o smtpd_sasl_auth_enable=no
465    inet  n       -       n       -       -       smtpd
  -o smtpd_tls_wrappermode=yes
  -o smtpd_client_restrictions=permit_mynetworks,permit_sasl_authenticated,reject
  -o tls_preempt_cipherlist=yes
submission inet n       -       n       -       -       smtpd
  -o smtpd_client_restrictions=permit_mynetworks,permit_sasl_authenticated,reject
  -o smtpd_enforce_tls=yes
  -o smtpd_tls_security_level=encrypt
  -o tls_preempt_cipherlist=yes
588 inet n      -       n       -       -       smtpd
  -o smtpd_client_restrictions=permit_mynetworks,permit_sasl_authenticated,reject
  -o smtpd_tls_auth_only=no
  -o smtpd_sender_restrictions=check_sasl_access,regexp:$config_directory/allow_local.regexp,reject_authenticated_sender_login_mismatch,permit_mynetworks,permit_sasl_authenticated,reject_unlisted_sender,reject_unknown_sender_domain
590 inet n      -       n       -       -       smtpd
  -o smtpd_client_restrictions=permit_mynetworks,reject
  -o smtpd_tls_auth_only=no
  -o smtpd_milters=
  -o non_smtpd_milters=
smtp_via   unix  -       -       n       -       -       smtp
  -o smtp_sasl_password_maps=proxy:mysql:$config_directory/sasl_transport.cf
tlsproxy   unix  -       -       n       -       0       tlsproxy
dnsblog    unix  -       -       n       -       0       dnsblog
pickup     fifo  n       -       n       60      1       pickup
qmgr       fifo  n       -       n       300     1       qmgr
127.0.0.1:10027 inet n n n - 0 spawn user=nobody argv={etc}/whitelist
"""

FILES = {
    "aliases": "null: /dev/null\n",
    "sni.map": "",
    "postscreen_access.cidr": "192.0.2.66/32 reject\n",
    "anonymize_headers.pcre": "/^\\s*User-Agent/ IGNORE\n/^\\s*Received: from \\S+ \\(\\S+ \\[127\\..*\\(Authenticated sender:.*/\n"
    "  REPLACE Received: from [127.0.0.1] (localhost [127.0.0.1]) by localhost\n",
    "local_transport": "/localhost$/ local:\n/localhost\\.localdomain$/ local:\n",
    "allow_local.regexp": "/nobody/ PERMIT\n",
    "whitelist": "#!/bin/sh\n# A table by TCP: one question a line.\nwhile read -r get address; do echo '500 not found'; done\n",
}

@contextlib.contextmanager
def mailcow(database):
    with host(MAIN, MASTER, FILES) as mta:
        (mta.etc / "whitelist").chmod(0o755)
        mta.write("master.cf", (mta.etc / "master.cf").read_text().replace("{etc}", str(mta.etc)))
        write_tables(mta, database, TABLES)
        with rspamd(mta.folder) as filter:
            keeper = Dovecot(mta, USERS)
            mta.write_main(smtpd_milters=filter, non_smtpd_milters=filter, smtpd_sasl_path=f"inet:127.0.0.1:{keeper.auth}",
                           virtual_transport=f"lmtp:inet:127.0.0.1:{keeper.lmtp}")
            mta.start()
            with keeper:
                yield mta, keeper


def test_mailcow():
    need("rspamd", "redis-server", "mariadbd")
    outside = Outside()
    with MariaDB() as database:
        database.sql(SQL)
        with mailcow(database) as (mta, keeper):
            check_submission(outside, keeper)
            mail = outside.received("sent-587")
            assert "User-Agent" not in mail and "Authenticated sender" not in mail, mail
            assert re.search(r"^Received: from \[127\.0\.0\.1\] \(localhost \[127\.0\.0\.1\]\) by localhost", mail, re.M), mail
            # As another, where the table allows it.
            with submits("alice@example.test", "wonder") as client:
                client.sendmail("team@example.test", ["x@smart.test"], message("as-team"))
            outside.received("as-team")
            # From outside: to a list, with a copy that the table asks for.
            text = message("inbound", "ann@client.test", "team@example.test")
            wait_for(lambda: arrives("ann@client.test", ["team@example.test"], text)[0] == 250, what="the message's way in")
            for box, folder in (("alice", "INBOX"), ("bob", "INBOX"), ("bob", "copies")):
                mail = keeper.mail(f"{box}@example.test", "Subject: inbound", folder)
                assert re.search(r"^X-Spamd-Result: default: False", mail, re.M), mail
            mta.wait_log(r"postscreen\[\d+\]: PASS NEW \[192\.0\.2\.10\]")
            code, said = arrives("ann@client.test", ["alice@example.test"], text.replace("hello there", GTUBE))
            assert code == 554 and said.startswith(b"5.7.1"), (code, said)
            code, said = arrives("grey@client.test", ["alice@example.test"], text.replace("ann@", "grey@"))
            assert code == 451 and said.startswith(b"4.7.1"), (code, said)
            with stranger() as client:
                client.mail("ann@client.test")
                assert client.rcpt("nobody@example.test")[0] == 550
                assert client.rcpt("y@elsewhere.test")[0] in (454, 554)
                assert client.rcpt("z@backup.test")[0] == 250
            check_both_protocols(keeper)
            # The database goes away: nobody is refused for good, and it all works again afterwards.
            database.kill()
            code, said = arrives("ann@client.test", ["alice@example.test"], text)
            assert 400 <= code < 500, (code, said)
            database.start()

            def takes_mail_again():
                with stranger() as client:
                    client.mail("ann@client.test")
                    return client.rcpt("alice@example.test")[0] == 250

            wait_for(takes_mail_again, 60, "the database's return")
