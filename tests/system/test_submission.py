"""sendmail and postdrop as users run them."""
import os
import pathlib
import re
import shutil
import subprocess

import harness
from harness import Instance, Skipped

NEEDS_ROOT = True


def installed(folder):
    """A copy of the installation in which postdrop has its group."""
    shutil.copytree(harness.PREFIX, folder)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, 0, 0)
        if path.is_dir():
            path.chmod(0o755)
    shutil.chown(folder / "sbin/postdrop", group="postdrop")
    (folder / "sbin/postdrop").chmod(0o2755)
    return folder


def bind_configuration(mta):
    """postdrop takes the configuration of root alone."""
    pathlib.Path("/etc/postfix").mkdir(exist_ok=True)
    subprocess.run(["mount", "--bind", str(mta.etc), "/etc/postfix"], check=True)
    os.chown(mta.queue / "maildrop", -1, mta.queue.joinpath("public").stat().st_gid)
    (mta.queue / "maildrop").chmod(0o1730)


def submit(command, *arguments, user=65534):
    return subprocess.run([str(command), *arguments, "alice@example.test"], input="Subject: x\n\nx\n", text=True,
                          capture_output=True, user=user, group=65534, extra_groups=[], timeout=30,
                          env={"LC_ALL": "C"})


def test_tables_decide_who_submits_and_as_whom():
    with Instance(main={"authorized_submit_users": "!daemon, texthash:/etc/postfix/submitters",
                        "local_login_sender_maps": "lmdb:/etc/postfix/senders"},
                  files={"submitters": "nobody yes\n", "senders": "nobody good@example.test\n"}) as mta:
        mta.run("postmap", f"lmdb:{mta.etc}/senders", check=True)
        bind_configuration(mta)
        sendmail = installed(mta.folder / "usr") / "sbin/sendmail"
        result = submit(sendmail, "-f", "good@example.test")
        assert result.returncode == 0, result.stderr
        mta.mail("alice")
        result = submit(sendmail, "-f", "bad@example.test")
        assert result.returncode == 75 and "not authorized to use sender='bad@example.test'" in result.stderr, result
        mta.write("submitters", "daemon yes\n")
        result = submit(sendmail, "-f", "good@example.test")
        assert result.returncode == 75 and "User nobody(65534) is not allowed to submit mail" in result.stderr, result


def test_users_put_no_program_beside_a_set_gid_command():
    """A hard link to postdrop, and a lookup beside it that says yes to all."""
    with Instance(main={"authorized_submit_users": "inline:{daemon=yes}"}) as mta:
        bind_configuration(mta)
        usr = installed(mta.folder / "usr")
        for owner, mode in ((65534, 0o755), (0, 0o777)):
            own = mta.folder / f"own-{owner}"
            (own / "libexec/tassis").mkdir(parents=True)
            (own / "sbin").mkdir()
            os.link(usr / "sbin/postdrop", own / "sbin/postdrop")
            for name in ("lookup", "master"):
                program = own / "libexec/tassis" / name
                program.write_text(f"#!/bin/sh\ntouch {mta.boxes}/ran\n")
                program.chmod(0o755)
            os.chown(own, owner, owner)
            own.chmod(mode)
            result = submit(own / "sbin/postdrop")
            assert result.returncode != 0, result
        assert not (mta.boxes / "ran").exists()


def add_user_elsewhere(folder, line):
    """Known to the C library's name service, and not to /etc/passwd; in a mount namespace of our own."""
    if not pathlib.Path("/usr/lib/libnss_extrausers.so.2").exists():
        raise Skipped("needs libnss-extrausers (make deps-peers)")
    users = folder / "extrausers"
    users.mkdir()
    (users / "passwd").write_text(line + "\n")
    switch = folder / "nsswitch.conf"
    switch.write_text("passwd: files extrausers\ngroup: files\nhosts: files dns\n")
    for path in (folder, users, users / "passwd", switch):
        path.chmod(0o755)
    subprocess.run(["mount", "--bind", str(users), "/var/lib/extrausers"], check=True)
    subprocess.run(["mount", "--bind", str(switch), "/etc/nsswitch.conf"], check=True)


def test_user_of_a_directory():
    """sendmail, which may be linked statically, finds a user whom the name service alone knows; and what becomes of
    one whom nobody knows."""
    with Instance() as mta:
        bind_configuration(mta)
        sendmail = installed(mta.folder / "usr") / "sbin/sendmail"
        for count, sender, name in ((1, "12345", ""), (2, "ada", "Ada Lovelace")):
            result = submit(sendmail, user=12345)
            assert result.returncode == 0, result.stderr
            text = mta.mail("alice", count)
            assert f"Return-Path: <{sender}@example.test>\n" in text, text
            assert re.search(rf"^From: {name} ?<?{sender}@example\.test>?$", text, re.M), text
            mta.wait_log(rf"pickup\[\d+\]: \w+: uid=12345 from=<{sender}>$")
            if not name:
                add_user_elsewhere(mta.folder, "ada:x:12345:65534:Ada Lovelace,,,:/nonexistent:/bin/sh")
