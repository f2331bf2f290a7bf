"""The configuration of Mail-in-a-Box, rebuilt small, with its services: accounts in SQLite for both sides, postgrey and
quota-status as policy servers, OpenDKIM and OpenDMARC, spampd between the LMTP client and Dovecot."""
import contextlib
import re
import smtplib
import socket
import sqlite3
import subprocess

from dovecot import Dovecot
from harness import wait_for
from programs import GTUBE, listens, need, running
from suites import (USERS, Outside, arrives, check_both_protocols, check_submission, host, message, opendkim, opendmarc,
                    stranger, submits)
from test_policy import postgrey

NEEDS_ROOT = True
NEEDS_PROGRAM = "/usr/lib/dovecot/modules/libdriver_sqlite.so"

LISTED = "192.0.2.66"  # is in a block list
SQL = """\
CREATE TABLE users (email TEXT UNIQUE, password TEXT, quota TEXT DEFAULT '0');
CREATE TABLE aliases (source TEXT UNIQUE, destination TEXT, permitted_senders TEXT);
CREATE TABLE auto_aliases (source TEXT UNIQUE, destination TEXT, permitted_senders TEXT);
INSERT INTO aliases VALUES ('team@example.test', 'alice@example.test,bob@example.test', 'alice@example.test'),
 ('@catchall.test', 'bob@example.test', NULL), ('away@example.test', 'x@far.test', NULL);
INSERT INTO auto_aliases VALUES ('abuse@example.test', 'alice@example.test', NULL);
"""
TABLES = {
    "sender-login-maps": "SELECT permitted_senders FROM (SELECT permitted_senders, 0 AS priority FROM aliases WHERE source='%s' "
    "AND permitted_senders IS NOT NULL UNION SELECT destination AS permitted_senders, 1 AS priority FROM aliases WHERE source='%s' "
    "AND permitted_senders IS NULL UNION SELECT email AS permitted_senders, 2 AS priority FROM users WHERE email='%s') "
    "ORDER BY priority LIMIT 1;",
    "virtual-mailbox-domains": "SELECT 1 FROM users WHERE email LIKE '%%@%s' UNION SELECT 1 FROM aliases WHERE source LIKE '%%@%s' "
    "UNION SELECT 1 FROM auto_aliases WHERE source LIKE '%%@%s'",
    "virtual-mailbox-maps": "SELECT 1 FROM users WHERE email='%s'",
    "virtual-alias-maps": "SELECT destination FROM (SELECT destination, 0 AS priority FROM aliases WHERE source='%s' AND destination<>'' "
    "UNION SELECT email AS destination, 1 AS priority FROM users WHERE email='%s' UNION SELECT destination, 2 AS priority "
    "FROM auto_aliases WHERE source='%s' AND destination<>'') ORDER BY priority LIMIT 1;",
}
DOVECOT_ACCOUNTS = "passdb {{\n  driver = sql\n  args = {home}/sql.conf\n}}\nuserdb {{\n  driver = sql\n  args = {home}/sql.conf\n}}\n"
DOVECOT_SQL = """\
driver = sqlite
connect = {database}
default_pass_scheme = PLAIN
password_query = SELECT email AS user, password FROM users WHERE email='%u'
user_query = SELECT email AS user, 'nobody' AS uid, 'nogroup' AS gid, '{home}/mail/%d/%n' AS home, NULLIF(quota, '') AS quota_rule FROM users WHERE email='%u'
iterate_query = SELECT email AS user FROM users
"""

MAIN = {
    "inet_protocols": "all",
    "mydestination": "localhost",
    "mynetworks": "127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128",
    "smtpd_banner": "$myhostname ESMTP Hi, I'm a box",
    "biff": "no",
    "append_dot_mydomain": "no",
    "readme_directory": "no",
    "alias_maps": "hash:$config_directory/aliases",
    "alias_database": "hash:$config_directory/aliases",
    "mailbox_size_limit": "0",
    "recipient_delimiter": "+",
    "compatibility_level": "2",
    "delay_warning_time": "3h",
    "maximal_queue_lifetime": "2d",
    "bounce_queue_lifetime": "1d",
    "smtpd_data_restrictions": "reject_unauth_pipelining",
    "smtpd_discard_ehlo_keywords": "chunking, silent-discard",
    "smtpd_tls_security_level": "may",
    "smtpd_tls_auth_only": "yes",
    "smtpd_tls_cert_file": "$config_directory/cert.pem",
    "smtpd_tls_key_file": "$config_directory/key.pem",
    "smtpd_tls_dh1024_param_file": "$config_directory/dh2048.pem",
    "smtpd_tls_protocols": "!SSLv2,!SSLv3",
    "smtpd_tls_ciphers": "medium",
    "tls_medium_cipherlist": "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305"
    ":ECDHE-RSA-CHACHA20-POLY1305:DHE-RSA-AES128-GCM-SHA256:AES128-GCM-SHA256:AES256-SHA:DES-CBC3-SHA",
    "smtpd_tls_exclude_ciphers": "aNULL,RC4",
    "tls_preempt_cipherlist": "no",
    "smtpd_tls_mandatory_protocols": "!SSLv2,!SSLv3,!TLSv1,!TLSv1.1",
    "smtpd_tls_mandatory_ciphers": "high",
    "tls_high_cipherlist": "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305",
    "smtpd_tls_mandatory_exclude_ciphers": "aNULL,DES,3DES,MD5,DES+MD5,RC4",
    "smtpd_tls_received_header": "yes",
    "smtpd_relay_restrictions": "permit_sasl_authenticated,permit_mynetworks,reject_unauth_destination",
    "smtp_tls_protocols": "!SSLv2,!SSLv3",
    "smtp_tls_ciphers": "medium",
    "smtp_tls_exclude_ciphers": "aNULL,RC4",
    "smtp_tls_security_level": "dane",
    "smtp_dns_support_level": "dnssec",
    "smtp_tls_mandatory_protocols": "!SSLv2,!SSLv3,!TLSv1,!TLSv1.1",
    "smtp_tls_mandatory_ciphers": "high",
    "smtp_tls_CAfile": "/etc/ssl/certs/ca-certificates.crt",
    "smtp_tls_loglevel": "2",
    "virtual_transport": "lmtp:[127.0.0.1]:10025",
    "smtpd_sender_restrictions": "reject_non_fqdn_sender,reject_unknown_sender_domain,reject_authenticated_sender_login_mismatch,"
    "reject_rhsbl_sender dbl.test=127.0.1.[2..99]",
    "message_size_limit": "134217728",
    "smtpd_sasl_type": "dovecot",
    "smtpd_sasl_path": "private/auth",
    "smtpd_sasl_auth_enable": "no",
    "smtpd_sender_login_maps": "sqlite:$config_directory/sender-login-maps.cf",
    "smtputf8_enable": "no",
    "virtual_mailbox_domains": "sqlite:$config_directory/virtual-mailbox-domains.cf",
    "virtual_mailbox_maps": "sqlite:$config_directory/virtual-mailbox-maps.cf",
    "virtual_alias_maps": "sqlite:$config_directory/virtual-alias-maps.cf",
    "local_recipient_maps": "$virtual_mailbox_maps",
    "smtpd_milters": "inet:127.0.0.1:8891 inet:127.0.0.1:8893",
    "non_smtpd_milters": "$smtpd_milters",
    "milter_default_action": "accept",
}
MASTER = """\
submission inet n       -       -       -       -       smtpd
  -o smtpd_sasl_auth_enable=yes
  -o syslog_name=postfix/submission
  -o smtpd_milters=inet:127.0.0.1:8891
  -o smtpd_tls_security_level=encrypt
  -o cleanup_service_name=authclean
465        inet n       -       -       -       -       smtpd
  -o smtpd_tls_wrappermode=yes
  -o smtpd_sasl_auth_enable=yes
  -o syslog_name=postfix/submission
  -o smtpd_milters=inet:127.0.0.1:8891
  -o cleanup_service_name=authclean
authclean  unix n       -       -       -       0       cleanup
  -o header_checks=pcre:$config_directory/outgoing_mail_header_filters
  -o nested_header_checks=
"""
FILES = {
    "aliases": "root: postmaster\n",
    "outgoing_mail_header_filters": "/^\\s*Received:[^\\n]*(.*)/ REPLACE Received: from authenticated-user (mx.example.test [192.0.2.1])$1\n"
    "/^\\s*(User-Agent|X-Enigmail|X-Mailer|X-Originating-IP|X-Pgp-Agent):/ IGNORE\n"
    "/^\\s*(Mime-Version:\\s*[0-9\\.]+)\\s.+/ REPLACE $1\n",
}


@contextlib.contextmanager
def spampd(mta, port):
    """Takes mail by LMTP for Dovecot's port and marks it. It will not work without a system log."""
    home = mta.folder / "spampd"
    home.mkdir()
    config = home / "local.cf"
    config.write_text("use_bayes 0\nskip_rbl_checks 1\nreport_safe 0\nclear_headers\n"
                      "add_header all Status _YESNO_, score=_SCORE_\n")
    with socket.socket(type=socket.SOCK_DGRAM) as syslog:
        syslog.bind(("", 514))
        with running("/usr/sbin/spampd", "--nodetach", "--host=127.0.0.1:10025", f"--relayhost=127.0.0.1:{port}", "--children=2", "-L", "-a",
                     "--logsock=inet", "--user=nobody", "--group=nogroup", f"--pid={home}/pid", f"--saconfig={config}", "--maxsize=2000",
                     ready=lambda: listens("127.0.0.1", 10025), log=home / "log"):
            yield


@contextlib.contextmanager
def box():
    """The whole of it, running."""
    with host(MAIN, MASTER, FILES) as mta, contextlib.ExitStack() as services:
        database = mta.etc / "users.sqlite"
        with sqlite3.connect(database) as accounts:
            accounts.executescript(SQL)
            accounts.executemany("INSERT INTO users VALUES (?, ?, ?)", [(name, *rest) for name, rest in USERS.items()])
        database.chmod(0o644)
        for name, query in TABLES.items():
            mta.write(f"{name}.cf", f"dbpath={database}\nquery = {query}\n")
        parameters = subprocess.run(["openssl", "genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe2048"], capture_output=True, check=True).stdout
        mta.write("dh2048.pem", parameters)
        keeper = Dovecot(mta, USERS, accounts=DOVECOT_ACCOUNTS)
        (keeper.home / "sql.conf").write_text(DOVECOT_SQL.format(database=database, home=keeper.home))
        mta.write_main(smtpd_recipient_restrictions="permit_sasl_authenticated,permit_mynetworks,reject_rbl_client "
                       "zen.test=127.0.0.[2..11],reject_unlisted_recipient,check_policy_service inet:127.0.0.1:10023,"
                       f"check_policy_service inet:127.0.0.1:{keeper.quota}")
        mta.start()
        for service in (keeper, opendkim(mta.folder, 8891), opendmarc(mta.folder, 8893), spampd(mta, keeper.lmtp),
                        postgrey("--delay=1", "--auto-whitelist-clients=0", port=10023)):
            services.enter_context(service)
        yield mta, keeper


def check_privacy(mail):
    """A user's message says nothing of where and with what it was written, and it is signed."""
    assert re.search(r"^DKIM-Signature: .* d=example\.test;", mail, re.M), mail
    assert re.search(r"^Received: from authenticated-user \(mx\.example\.test \[192\.0\.2\.1\]\)", mail, re.M), mail
    assert "User-Agent" not in mail and "laptop.test (" not in mail, mail


def check_refusals(keeper, text):
    """Each of its checks; the block lists know a host and a domain."""
    with smtplib.SMTP("127.0.0.1", 25, "mail.client.test", timeout=60, source_address=(LISTED, 0)) as client:
        assert client.docmd("EHLO mail.client.test")[0] == 250
        client.mail("ann@client.test")
        code, said = client.rcpt("bob@example.test")
        assert code == 554 and b"blocked using zen.test" in said, (code, said)
    refusals = [
        ("x@listed.test", "bob@example.test", 554, b"blocked using dbl.test"),
        ("ann@client.test", "nobody@example.test", 550, b"User unknown"),
        ("ann@client.test", "x@elsewhere.test", 554, b"Relay access denied"),
        ("ann@nowhere.test", "bob@example.test", 450, b"Domain not found"),
        ("ann", "bob@example.test", 504, b"need fully-qualified address"),
    ]
    for sender, recipient, expected, words in refusals:
        code, said = arrives(sender, [recipient], text)
        assert (code, words in said) == (expected, True), (sender, recipient, code, said)
    with stranger() as client:
        assert not client.has_extn("auth") and not client.has_extn("chunking") and not client.has_extn("smtputf8")


def test_mailinabox():
    need("opendkim", "opendmarc", "spampd", "postgrey")
    outside = Outside({"66.2.0.192.zen.test A": ["127.0.0.4"], "listed.test.dbl.test A": ["127.0.1.2"], "listed.test A": ["192.0.2.66"],
                       "66.2.0.192.in-addr.arpa PTR": ["mail.listed.test"]})
    subprocess.run(["ip", "addr", "add", LISTED, "dev", "lo"], check=True)
    with box() as (mta, keeper):
        check_submission(outside, keeper)
        check_privacy(outside.received("sent-587"))
        mail = keeper.mail("bob@example.test", "Subject: sent-465")
        check_privacy(mail)
        assert re.search(r"^X-Spam-Status: No, score=", mail, re.M), mail
        mta.wait_log(r"relay=127\.0\.0\.1\[127\.0\.0\.1\]:10025, .*status=sent \(250 2\.0\.0")
        # As another, where the database allows it.
        with submits("alice@example.test", "wonder") as client:
            client.sendmail("team@example.test", ["away@example.test"], message("as-team"))
        outside.received("as-team")
        # A stranger is greylisted and then let in: to a list, to an alias the box made, to whoever at a domain.
        text = message("inbound", "ann@client.test", "team@example.test")
        recipients = ["team@example.test", "anybody@catchall.test"]
        code, said = arrives("ann@client.test", recipients, text)
        assert code == 450 and b"Greylisted" in said, (code, said)
        wait_for(lambda: arrives("ann@client.test", recipients, text)[0] == 250, what="the end of greylisting")
        for user in ("alice", "bob"):
            mail = keeper.mail(f"{user}@example.test", "Subject: inbound")
            assert re.search(r"^X-Spam-Status: No, score=", mail, re.M) and re.search(r"^Received: from mail\.client\.test", mail, re.M), mail
        wait_for(lambda: arrives("ann@client.test", ["bob@example.test"], message("prize", "ann@client.test", body=GTUBE))[0] == 250,
                 what="the end of greylisting")
        assert re.search(r"^X-Spam-Status: Yes", keeper.mail("bob@example.test", "Subject: prize"), re.M)
        check_refusals(keeper, text)
        check_both_protocols(keeper)
