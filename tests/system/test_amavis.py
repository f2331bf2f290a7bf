"""Amavis behind the queue, by SMTP and by LMTP, with re-injection; and in front of it."""
import contextlib
import re
import shutil
import smtplib

from harness import Instance, free_port, wait_for
from programs import GTUBE, listens, running

NEEDS_ROOT = True
NEEDS_PROGRAM = "/usr/sbin/amavisd"

CONFIG = """\
use strict;
$MYHOME = '{home}'; $TEMPBASE = "$MYHOME/tmp"; $ENV{{TMPDIR}} = $TEMPBASE; $QUARANTINEDIR = "$MYHOME/kept";
$pid_file = "$MYHOME/pid"; $lock_file = "$MYHOME/lock"; $daemon_user = 'amavis'; $daemon_group = 'amavis';
$enable_db = 0; $enable_zmq = 0; $do_syslog = 0; $logfile = "$MYHOME/log"; $log_level = 1; $max_servers = 2;
$mydomain = 'example.test'; $myhostname = 'mx.example.test'; @local_domains_acl = ('.example.test');
$inet_socket_bind = '127.0.0.1'; $inet_socket_port = {port}; $enable_dkim_verification = 0;
$forward_method = 'smtp:[127.0.0.1]:{back}'; $notify_method = $forward_method;
@bypass_virus_checks_maps = (1); $bypass_decode_parts = 0;
$sa_local_tests_only = 1; $sa_tag_level_deflt = -999; $sa_tag2_level_deflt = 5; $sa_kill_level_deflt = 15;
$final_spam_destiny = D_REJECT; $final_banned_destiny = D_BOUNCE; $spam_quarantine_to = undef;
$banned_quarantine_to = undef; $warnbannedsender = 0; $hdrfrom_notify_sender = 'postmaster@example.test';
$banned_filename_re = new_RE(qr'\\.exe$'i);
1;
"""

# As Amavis' own description for Postfix has it; screened and front are for the tests.
MASTER = """\
smtp-amavis unix - - n - 2 smtp
  -o smtp_data_done_timeout=1200 -o smtp_send_xforward_command=yes -o disable_dns_lookups=yes -o max_use=20
lmtp-amavis unix - - n - 2 lmtp
  -o lmtp_data_done_timeout=1200 -o lmtp_send_xforward_command=yes -o disable_dns_lookups=yes -o max_use=20
127.0.0.1:{back} inet n - n - - smtpd
  -o content_filter=
  -o smtpd_delay_reject=no
  -o smtpd_client_restrictions=permit_mynetworks,reject
  -o smtpd_helo_restrictions=
  -o smtpd_sender_restrictions=
  -o smtpd_recipient_restrictions=permit_mynetworks,reject
  -o smtpd_data_restrictions=reject_unauth_pipelining
  -o smtpd_end_of_data_restrictions=
  -o smtpd_restriction_classes=
  -o mynetworks=127.0.0.0/8
  -o smtpd_error_sleep_time=0
  -o smtpd_soft_error_limit=1001
  -o smtpd_hard_error_limit=1000
  -o smtpd_client_connection_count_limit=0
  -o smtpd_client_connection_rate_limit=0
  -o smtpd_authorized_xforward_hosts=127.0.0.0/8
  -o receive_override_options=no_header_body_checks,no_unknown_recipient_checks,no_milters,no_address_mappings
127.0.0.1:{front} inet n - n - - smtpd
  -o smtpd_proxy_filter=127.0.0.1:{port}
  -o content_filter=
"""


def message(subject, body="hello", more=""):
    return f"From: ann@client.test\nTo: alice@example.test\nSubject: {subject}\n{more}\n{body}\n"


PROGRAM = message("program", "--b\nContent-Type: application/octet-stream; name=\"run.exe\"\nContent-Transfer-Encoding: base64\n"
                  "Content-Disposition: attachment; filename=\"run.exe\"\n\nTVqQAAMAAAAEAAAA\n--b--",
                  "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n")


class Amavis:
    def __init__(self, home, port, back):
        self.home, self.port = home / "amavis", port
        for folder in (self.home, self.home / "tmp", self.home / "kept"):
            folder.mkdir()
            shutil.chown(folder, "amavis", "amavis")
        self.config = home / "amavisd.conf"
        self.config.write_text(CONFIG.format(home=self.home, port=port, back=back))

    def __enter__(self):
        self.process = running("/usr/sbin/amavisd", "-c", self.config, "foreground", ready=lambda: listens("127.0.0.1", self.port),
                               log=self.home / "out")
        self.process.__enter__()
        return self

    def __exit__(self, kind, *rest):
        self.process.__exit__(None, None, None)
        if kind:
            print(*(self.home / "log").read_text().splitlines()[-30:], sep="\n  ")


@contextlib.contextmanager
def filtered():
    port, back, front = (free_port() for _ in range(3))
    main = {"content_filter": f"smtp-amavis:[127.0.0.1]:{port}", "smtpd_authorized_xclient_hosts": "127.0.0.1",
            "virtual_alias_maps": "inline:{team@example.test=alice@example.test}", "minimal_backoff_time": "1s",
            "maximal_backoff_time": "1s"}
    with Instance(main=main, master=MASTER.format(port=port, back=back, front=front)) as mta:
        mta.front = front
        yield mta, Amavis(mta.folder, port, back)


def test_behind_the_queue():
    with filtered() as (mta, amavis):
        # Before it runs, mail waits; then it comes, and once.
        first = mta.send("team@example.test", message("early"))
        mta.wait_log(rf"{first}: to=<alice@example\.test>, orig_to=<team@example\.test>, relay=none, .*status=deferred")
        with amavis:
            mta.run("postqueue", "-f", check=True)
            mail = mta.mail("alice")
            assert "Subject: early" in mail, mail
            assert re.search(r"^X-Spam-Status: No, ", mail, re.M) and len(re.findall(r"^Received: ", mail, re.M)) == 3, mail
            check_many(mta)
            check_refusals(mta)
            check_client_is_told(mta)
            mta.configure(content_filter=f"lmtp-amavis:[127.0.0.1]:{amavis.port}")
            many = mta.send(["bob@example.test", "dave@example.test"], message("by-lmtp"))
            assert "Subject: by-lmtp" in mta.mail("dave", 3)
            mta.wait_log(rf"{many}: to=<dave@example\.test>, relay=127\.0\.0\.1\[127\.0\.0\.1\]:\d+, .*status=sent \(250 2\.0\.0 from MTA")
            wait_for(lambda: not mta.queued(), what="an empty queue")


def check_many(mta):
    """Two at a time, as the maxproc column says."""
    ids = [mta.send("carol@example.test", message(f"n{n}")) for n in range(12)]
    mta.mail("carol", len(ids))
    texts = "".join(p.read_text() for p in mta.inbox("carol"))
    assert all(texts.count(f"Subject: n{n}\n") == 1 for n in range(len(ids)))


def check_refusals(mta):
    """Spam is refused by the filter, and so bounced by us; a program comes back in Amavis' own words."""
    queue_id = mta.send("bob@example.test", message("spam", GTUBE), sender="dave@example.test")
    mta.wait_log(rf"{queue_id}: to=<bob@example\.test>, .*status=bounced \(host 127\.0\.0\.1\[127\.0\.0\.1\] said: 554 5\.7\.0")
    assert "Subject: Undelivered Mail Returned to Sender" in mta.mail("dave")
    queue_id = mta.send("bob@example.test", PROGRAM, sender="dave@example.test")
    mta.wait_log(rf"{queue_id}: to=<bob@example\.test>, .*status=sent \(250 2\.5\.0 Ok, id=\S+, BOUNCE\)")
    mta.mail("dave", 2)
    assert any("run.exe" in path.read_text() for path in mta.inbox("dave"))  # whose names may not sort by time


def check_client_is_told(mta):
    """The service behind the filter learns from XFORWARD who the client was, and logs that."""
    with mta.smtp() as client:
        client.docmd("XCLIENT", "ADDR=192.0.2.77 NAME=far.client.test")
        client.ehlo()
        client.sendmail("ann@client.test", ["bob@example.test"], message("forwarded"))
    mta.wait_log(r"client=\S+, orig_queue_id=[0-9A-F]+, orig_client=far\.client\.test\[192\.0\.2\.77\]")
    assert "Subject: forwarded" in mta.mail("bob")


def test_in_front_of_the_queue():
    with filtered() as (mta, amavis), amavis, smtplib.SMTP("127.0.0.1", mta.front, "client.test") as client:
        client.sendmail("ann@client.test", ["alice@example.test"], message("good"))
        mail = mta.mail("alice")
        assert "Subject: good" in mail and re.search(r"^X-Spam-Status: No, ", mail, re.M), mail
        client.mail("ann@client.test")
        client.rcpt("alice@example.test")
        code, said = client.data(message("spam", GTUBE))
        assert code == 554 and said.startswith(b"5.7.0"), (code, said)
        mta.wait_log(r"proxy-reject: END-OF-MESSAGE: 554 5\.7\.0 .*; from=<ann@client\.test> to=<alice@example\.test>")
        client.sendmail("ann@client.test", ["alice@example.test"], message("next"))
        mta.mail("alice", 2)
