"""Tables that are changed through proxywrite, and those that are not."""
import re

from harness import Instance


def test_changes_through_proxywrite():
    with Instance(start=False, files={"closed": "k v\n"}) as mta:
        mta.write_main(proxy_write_maps=f"proxy:lmdb:{mta.data}/state")
        mta.run("postmap", f"lmdb:{mta.etc}/closed", check=True)
        mta.start()
        table = f"proxy:lmdb:{mta.data}/state"
        mta.run("postmap", "-i", table, input="one 1\nTwo 2\n", check=True)
        values = mta.run("postmap", "-s", f"lmdb:{mta.data}/state").out
        assert values == "one\t1\ntwo\t2\n", values
        again = mta.run("postmap", "-i", table, input="one 9\n")
        assert 'duplicate entry: "one"' in again.err
        mta.run("postmap", "-r", "-i", table, input="one 3\n", check=True)
        assert mta.run("postmap", "-q", "one", f"lmdb:{mta.data}/state").out == "3\n"
        assert mta.run("postmap", "-d", "two", table).returncode == 0
        assert mta.run("postmap", "-d", "two", table).returncode == 1
        assert mta.run("postmap", "-s", f"lmdb:{mta.data}/state").out == "one\t3\n"
        assert "does not support bulk-mode creation" in mta.run("postmap", table).err
        refused = mta.run("postmap", "-i", f"proxy:lmdb:{mta.etc}/closed", input="a b\n")
        assert refused.returncode == 1 and "proxywrite service is not configured for table" in refused.err
        mta.wait_log(r"warning: request for unapproved table: \"lmdb:\S+/closed\"")
        mta.wait_log(r"warning: to approve this table for read-write access, list proxy:lmdb:\S+/closed in "
                     r"main.cf:proxy_write_maps")
        assert mta.run("postmap", "-s", f"lmdb:{mta.etc}/closed").out == "k\tv\n"


def test_table_for_reading_alone_is_not_changed():
    with Instance(start=False, files={"open": "k v\n"}) as mta:
        table = f"proxy:lmdb:{mta.etc}/open"
        mta.run("postmap", f"lmdb:{mta.etc}/open", check=True)
        mta.write_main(proxy_read_maps=table)
        mta.start()
        assert mta.run("postmap", "-q", "k", table).out == "v\n"
        assert mta.run("postmap", "-r", "-i", table, input="k w\n").returncode == 1
        assert mta.run("postmap", "-q", "k", table).out == "v\n"
        assert not re.search("fatal|panic", re.sub("postmap.*", "", mta.log()))
