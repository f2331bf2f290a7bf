"""SpamAssassin behind the queue: pipe runs spamc, which hands what it marked to sendmail."""
import contextlib
import pathlib
import re
import subprocess
import tempfile

from harness import Instance, wait_for
from programs import GTUBE, listens, running

NEEDS_PROGRAM = "/usr/bin/spamc"

FILTER = """\
#!/bin/sh
# Spam is refused; a server that is away means later.
set -e
{spamc} -U {home}/sock -x -E >{home}/out.$$ || status=$?
trap 'rm -f {home}/out.$$' EXIT
[ "${{status:-0}}" != 1 ] || exit 77
[ "${{status:-0}}" = 0 ] || exit 75
{sendmail} -C {etc} -oi -G -f "$@" <{home}/out.$$
"""


@contextlib.contextmanager
def spamd(home):
    words = ("/usr/sbin/spamd", "--local", "--nouser-config", "--syslog", home / "spamd.log", "--max-children", "2",
             "--socketpath", home / "sock", "--helper-home-dir", home, "--pidfile", home / "spamd.pid")
    with running(*words, ready=lambda: listens(home / "sock"), log=home / "spamd.out"):
        yield
    (home / "sock").unlink(missing_ok=True)


def message(subject, body="hello"):
    return f"From: ann@client.test\nTo: alice@example.test\nSubject: {subject}\n\n.\nFrom here\n{body}\n"


def test_pipe_filter():
    with tempfile.TemporaryDirectory(prefix="tassis-spam-", dir="/tmp") as home, Instance(start=False) as mta:
        home = pathlib.Path(home)
        script = home / "filter"
        script.write_text(FILTER.format(home=home, spamc="/usr/bin/spamc", sendmail=mta.command("sendmail"), etc=mta.etc))
        script.chmod(0o755)
        user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
        mta.write("master.cf", mta.merge((mta.etc / "master.cf").read_text(), f"""\
127.0.0.1:{mta.port} inet n - n - - smtpd
  -o content_filter=spamassassin
spamassassin unix - n n - 2 pipe
  flags=Rq user={user} argv={script} ${{sender}} -- ${{recipient}}
"""))
        mta.write_main(minimal_backoff_time="1s", maximal_backoff_time="1s")
        mta.start()
        # Without the server the mail waits.
        early = mta.send(["alice@example.test", "bob@example.test"], message("early"))
        mta.wait_log(rf"{early}: to=<alice@example\.test>, relay=spamassassin, .*dsn=4\.3\.0, status=deferred")
        with spamd(home):
            mta.run("postqueue", "-f", check=True)
            for box in ("alice", "bob"):
                mail = mta.mail(box)
                assert re.search(r"^X-Spam-Status: No, ", mail, re.M), mail
                assert mail.endswith("\n\n.\nFrom here\nhello\n"), mail
            mta.wait_log(rf"{early}: to=<bob@example\.test>, relay=spamassassin, .*status=sent \(delivered via spamassassin service\)")
            for number in range(6):
                mta.send("carol@example.test", message(f"n{number}"))
            spam = mta.send("alice@example.test", message("spam", GTUBE), sender="dave@example.test")
            mta.wait_log(rf"{spam}: to=<alice@example\.test>, relay=spamassassin, .*dsn=5\.7\.0, status=bounced")
            assert "Undelivered Mail Returned" in mta.mail("dave")
            mta.mail("carol", 6)
            wait_for(lambda: not mta.queued(), what="an empty queue")
        assert len(mta.inbox("alice")) == 1
