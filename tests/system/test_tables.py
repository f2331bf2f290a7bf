"""Lookup tables as the running suite uses them."""
import os
import random
import re
import signal
import socket
import subprocess
import time

from harness import Instance, wait_for


def test_missing_index_is_built_at_start_and_reload():
    files = {
        "virtual": "info@example.test alice@example.test\n",
        "aliases": "root: alice\n",
        "more": "sales@example.test bob@example.test\n",
    }
    with Instance(files=files, start=False) as mta:
        mta.write_main(virtual_alias_maps=f"hash:{mta.etc}/virtual", alias_maps=f"hash:{mta.etc}/aliases")
        mta.start()
        mta.wait_log(rf"master\[\d+\]: hash:{mta.etc}/virtual: built the missing index {mta.etc}/virtual\.lmdb")
        assert mta.run("postalias", "-q", "root", f"lmdb:{mta.etc}/aliases").out == "alice\n"
        mta.send("info@example.test", "Subject: x\n\nx\n")
        mta.mail("alice")
        mta.configure(virtual_alias_maps=f"pipemap:{{btree:{mta.etc}/more}}")
        mta.wait_log(f"btree:{mta.etc}/more: built the missing index")
        mta.send("sales@example.test", "Subject: x\n\nx\n")
        mta.mail("bob")


def test_index_that_cannot_be_built():
    with Instance(files={"virtual": "a b\n"}, start=False) as mta:
        os.mkdir(mta.etc / "closed")
        (mta.etc / "closed/virtual").write_text("a b\n")
        os.chmod(mta.etc / "closed", 0o500)
        mta.write_main(virtual_alias_maps=f"hash:{mta.etc}/closed/virtual")
        mta.start()
        mta.wait_log(rf"warning: hash:{mta.etc}/closed/virtual has no index, and building it failed: .*Permission denied")
        os.chmod(mta.etc / "closed", 0o700)


def test_new_index_is_noticed_without_reload():
    with Instance(files={"virtual": "info@example.test alice@example.test\n"}, start=False) as mta:
        mta.write_main(virtual_alias_maps=f"lmdb:{mta.etc}/virtual")
        mta.run("postmap", mta.etc / "virtual", check=True)
        mta.start()
        mta.send("info@example.test", "Subject: x\n\nx\n")
        mta.mail("alice")
        mta.write("virtual", "info@example.test bob@example.test\n")
        mta.run("postmap", mta.etc / "virtual", check=True)

        def follows():
            mta.send("info@example.test", "Subject: x\n\nx\n")
            return mta.inbox("bob")

        wait_for(follows, what="mail by the new table")


def test_index_is_old_or_new_when_postmap_is_killed():
    for kind in ("lmdb", "cdb"):
        kill_postmap(kind)


def kill_postmap(kind):
    with Instance(start=False) as mta:
        table = mta.write("big", "")
        content = {}
        for version in "ab":
            content[version] = "".join(f"key{n} {version * 20}\n" for n in range(20000))
        table.write_text(content["a"])
        mta.run("postmap", f"{kind}:{table}", check=True)
        for _ in range(25):
            table.write_text(content[random.choice("ab")])
            process = subprocess.Popen([mta.command("postmap"), "-c", str(mta.etc), f"{kind}:{table}"])
            time.sleep(random.uniform(0, 0.08))
            process.send_signal(signal.SIGKILL)
            process.wait()
            out = mta.run("postmap", "-s", f"{kind}:{table}", check=True).out
            values = {line.partition("\t")[2] for line in out.splitlines()}
            assert len(out.splitlines()) == 20000 and len(values) == 1, values


def test_proxymap_answers_for_approved_tables_alone():
    with Instance(files={"open": "k v\n", "secret": "k v\n"}, start=False) as mta:
        mta.write_main(proxy_read_maps=f"proxy:texthash:{mta.etc}/open")
        mta.start()
        assert mta.run("postmap", "-q", "k", f"proxy:texthash:{mta.etc}/open").out == "v\n"
        result = mta.run("postmap", "-q", "k", f"proxy:texthash:{mta.etc}/secret")
        assert result.returncode == 1 and "not configured for table" in result.err, result.err
        mta.wait_log(rf'proxymap\[\d+\]: warning: request for unapproved table: "texthash:{mta.etc}/secret"')
        # A type that may block is asked through proxymap without being written so.
        name = re.escape(mta.user())
        assert re.match(name, mta.run("postmap", "-q", mta.user(), "proxy:unix:passwd.byname").out) is None
        mta.configure(local_recipient_maps="unix:passwd.byname")
        assert re.match(name, mta.run("postmap", "-q", mta.user(), "proxy:unix:passwd.byname").out)


def test_a_table_that_cannot_be_opened_may_end_daemons():
    with Instance(start=False) as mta:
        mta.write_main(smtpd_sender_restrictions=f"check_sender_access texthash:{mta.etc}/missing",
                       daemon_table_open_error_is_fatal="yes")
        mta.start()
        socket.create_connection(("127.0.0.1", mta.port)).close()
        mta.wait_log(rf"smtpd\[\d+\]: fatal: open database {mta.etc}/missing: No such file or directory")
