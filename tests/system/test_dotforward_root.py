"""Users' .forward files and root's lists, with users of the test's own."""
import os
import pathlib
import re
import subprocess

from harness import Instance, wait_for

NEEDS_ROOT = True
USERS = {"first": 7301, "second": 7302}
MAIN = {"mydestination": "local.test", "local_recipient_maps": "", "home_mailbox": "Maildir/", "recipient_delimiter": "+"}
TEXT = "From: alice@example.test\nSubject: x\n\nx\n"


def add_users(folder):
    """In our own mount namespace; the homes of the users by name."""
    homes = {name: folder / "home" / name for name in USERS}
    lines = ""
    for name, number in USERS.items():
        homes[name].mkdir(parents=True)
        os.chown(homes[name], number, number)
        lines += f"{name}:x:{number}:{number}::{homes[name]}:/bin/sh\n"
    copy = folder / "passwd"
    copy.write_text(pathlib.Path("/etc/passwd").read_text() + lines)
    copy.chmod(0o644)
    subprocess.run(["mount", "--bind", str(copy), "/etc/passwd"], check=True)
    return homes


def write(home, name, text):
    path = home / name
    path.write_text(text)
    os.chown(path, USERS[home.name], USERS[home.name])


def test_delimiter_without_extension():
    """"${recipient_delimiter}" is the first of them where the address has none: ".forward+" holds for plain addresses, too."""
    with Instance(main=MAIN, start=False) as mta:
        home = add_users(mta.folder)["first"]
        write(home, ".forward+", "bob@example.test\n")
        write(home, ".forward", "carol@example.test\n")
        mta.start()
        mta.send("first@local.test", TEXT, "alice@example.test")
        mta.mail("bob")
        mta.send("first+other@local.test", TEXT, "alice@example.test")
        mta.mail("carol")
        assert len(mta.inbox("bob")) == 1


def test_link_is_not_followed():
    with Instance(main=MAIN, start=False) as mta:
        home = add_users(mta.folder)["first"]
        write(home, "elsewhere", "bob@example.test\n")
        (home / ".forward").symlink_to(home / "elsewhere")
        mta.start()
        mta.send("first@local.test", TEXT, "alice@example.test")
        wait_for(lambda: list((home / "Maildir/new").glob("*")), what="mail in the home")
        mta.wait_log(rf"local\[\d+\]: warning: file {re.escape(str(home))}/\.forward is not a regular file$")
        assert not mta.inbox("bob")


def test_loop_is_found_before_forwarding():
    with Instance(main=MAIN, start=False) as mta:
        homes = add_users(mta.folder)
        write(homes["first"], ".forward", "second@local.test\n")
        mta.start()
        mta.send("first@local.test", "Delivered-To: second@local.test\n" + TEXT, "alice@example.test")
        mta.wait_log(r"to=<second@local\.test>, orig_to=<first@local\.test>, .*dsn=5\.4\.6, status=bounced "
                     r"\(mail forwarding loop for second@local\.test\)$")
        mta.mail("alice")
        assert "forwarded as" not in mta.log()


def test_list_that_root_alone_reads():
    """A table of root's may name it, and a .forward has to be text: what follows a NUL is not."""
    with Instance(main={**MAIN, "alias_maps": "inline:{ {list = :include:/mnt/members} }"}, start=False) as mta:
        home = add_users(mta.folder)["first"]
        write(home, ".forward", "\0bob@example.test\n")
        subprocess.run(["mount", "-t", "tmpfs", "none", "/mnt"], check=True)
        members = pathlib.Path("/mnt/members")
        members.write_text("bob@example.test\n")
        members.chmod(0o600)
        mta.start()
        mta.send("list@local.test", TEXT, "alice@example.test")
        mta.mail("bob")
        mta.send("first@local.test", TEXT, "alice@example.test")
        wait_for(lambda: list((home / "Maildir/new").glob("*")), what="mail in the home")
        assert len(mta.inbox("bob")) == 1


def test_table_of_commands_in_trouble():
    with Instance(main={**MAIN, "mailbox_command_maps": "fail:sick", "mailbox_command": "exit 1"}, start=False) as mta:
        add_users(mta.folder)
        mta.start()
        mta.send("first@local.test", TEXT, "alice@example.test")
        mta.wait_log(r"to=<first@local\.test>, relay=local, .*dsn=4\.3\.0, status=deferred \(table lookup failure\)$")
