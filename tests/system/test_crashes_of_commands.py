"""The administrator's commands killed at random moments: files are the old or the new ones, messages where they
were or where they go to. postmulti is in test_postmulti."""
import os
import random
import re
import subprocess
import time

from harness import Instance
from test_commands import put_message

ROUNDS = 40


def killed(mta, name, *arguments, within, input=b""):
    """Run a command and kill it at some moment within so many seconds; true if it came to its end before."""
    command = [mta.command(name), "-c", str(mta.etc), *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            process.communicate(input, timeout=random.uniform(0, within))
        except subprocess.TimeoutExpired:
            process.kill()
        return process.wait() == 0


def duration(command):
    begun = time.monotonic()
    command()
    return time.monotonic() - begun


def entries(mta, spec):
    out = mta.run("postmap", "-s", spec, check=True).out
    return dict(line.split("\t") for line in out.splitlines() if line[0] != "@")  # the mark of postalias


def check_index(mta, kind, build):
    """Of a table whose entries all have the same value, that of one version of the source."""
    count, spec = 3000, f"{kind}:{mta.etc}/table"

    def write(version):
        mta.write("table", "".join(f"{'x' * 40}{i}: {version}\n" if build == "postalias" else f"{'x' * 40}{i} {version}\n"
                                   for i in range(count)))

    write(0)
    within = 1.2 * duration(lambda: mta.run(build, spec, check=True))
    for version in range(1, ROUNDS):
        write(version)
        whole = killed(mta, build, spec, within=within)
        found = entries(mta, spec)
        values = {int(value) for value in found.values()}
        assert len(found) == count and len(values) == 1, (version, len(found), values)
        assert not whole or values == {version}
    assert mta.run(build, spec, check=True).err == ""
    left = [name for name in os.listdir(mta.etc) if name.startswith("table") and name not in ("table", f"table.{kind}")]
    assert len(left) <= 2, left  # a lock and a new file that the next command takes for its own


def test_postmap_lmdb():
    with Instance(start=False) as mta:
        check_index(mta, "lmdb", "postmap")


def test_postmap_cdb():
    with Instance(start=False) as mta:
        check_index(mta, "cdb", "postmap")


def test_postalias():
    with Instance(start=False) as mta:
        check_index(mta, "lmdb", "postalias")


def test_postmap_changes():
    """Single entries added and removed: all of a command's, or none."""
    with Instance(start=False) as mta:
        spec = f"lmdb:{mta.write('table', 'first value')}"
        mta.run("postmap", spec, check=True)
        fresh = [f"key{i} value" for i in range(2000)]
        add, remove = "\n".join(fresh).encode(), "\n".join(line.split()[0] for line in fresh).encode()
        within = 1.5 * duration(lambda: mta.run("postmap", "-i", spec, input=add, check=True))
        for _ in range(ROUNDS // 2):
            killed(mta, "postmap", "-d", "-", spec, within=within, input=remove)
            assert len(entries(mta, spec)) in (1, 2001)
            killed(mta, "postmap", "-i", spec, within=within, input=add)
            assert len(entries(mta, spec)) in (1, 2001)


def test_postconf_master_cf():
    with Instance(start=False) as mta:
        path = mta.etc / "master.cf"
        filler = "".join(f"filler{i}  unix  -  -  n  -  -  smtp\n    -o x={'y' * 300}\n" for i in range(300))
        path.write_text("smtp  inet  n  -  n  -  -  smtpd\n    -o counter=0\n" + filler)
        mta.run("postconf", "-P", "smtp/inet/counter=1", check=True)
        rest = path.read_text().partition("counter=1\n")[2]
        within = 1.2 * duration(lambda: mta.run("postconf", "-P", "smtp/inet/counter=1", check=True))
        for number in range(2, ROUNDS):
            whole = killed(mta, "postconf", "-P", f"smtp/inet/counter={number}", within=within)
            found = re.search(r"\A.*\n +-o counter=(\d+)\n", path.read_text())
            assert found and path.read_text().partition(f"counter={found[1]}\n")[2] == rest
            assert not whole or int(found[1]) == number


def messages(mta):
    """Queues that hold each message. One that changes its name on the way is known by its size."""
    found = {}
    for queue in ("hold", "deferred", "incoming", "maildrop"):
        for path in (mta.queue / queue).glob("**/*"):
            if path.is_file():
                assert path.read_bytes().endswith(b"X\0E\0"), path
                found.setdefault(path.stat().st_size, []).append(queue)
    return found


def put_messages(mta, queue, count):
    for number in range(count):
        put_message(mta, queue, number, 1, "a@one.example", ["x@far.example"], text="x" * (number + 1))
    for name in ("maildrop", "incoming", "active", "hold", "deferred", "defer", "bounce", "trace", "flush"):
        (mta.queue / name).mkdir(exist_ok=True)


def test_postsuper_moves():
    """Each message is in one place, whole, whatever is killed; a repetition finishes."""
    count = 100  # sizes that one length byte of a record can say
    with Instance(main={"hash_queue_names": ""}, start=False) as mta:
        put_messages(mta, "deferred", count)
        within = 1.2 * duration(lambda: mta.run("postsuper", "-h", "ALL", check=True))
        for number in range(ROUNDS):
            killed(mta, "postsuper", ("-H", "-h", "-r", "-h")[number % 4], "ALL", within=within)
            found = messages(mta)
            assert len(found) == count and all(len(queues) == 1 for queues in found.values()), found
        mta.run("postsuper", "-r", "ALL", check=True)
        assert set(map(tuple, messages(mta).values())) == {("maildrop",)}


def test_postsuper_deletes():
    """What is left is whole, and has not lost its log of failures before itself."""
    count = 100
    with Instance(main={"hash_queue_names": ""}, start=False) as mta:
        for _ in range(ROUNDS // 4):
            put_messages(mta, "deferred", count)
            names = [path.name for path in (mta.queue / "deferred").iterdir()]
            for name in names:
                (mta.queue / "defer" / name).write_text("x")
            killed(mta, "postsuper", "-d", "ALL", within=0.05)
            left = {path.name for path in (mta.queue / "deferred").glob("**/*") if path.is_file()}
            assert len(messages(mta)) == len(left)
            mta.run("postsuper", "-d", "ALL", check=True)
            assert messages(mta) == {}


def test_postsuper_structure():
    """Files that must be moved to other directories, or named after their number, are never lost."""
    count = 100
    with Instance(main={"hash_queue_names": "deferred", "hash_queue_depth": "1"}, start=False) as mta:
        put_messages(mta, "deferred", count)
        for number in range(ROUNDS // 2):
            mta.write_main(hash_queue_depth=number % 3 + 1)
            killed(mta, "postsuper", "-s", within=0.06)
            found = messages(mta)
            assert len(found) == count and all(len(queues) == 1 for queues in found.values()), found
        mta.run("postsuper", "-s", check=True)
        assert mta.run("postsuper", "-s", check=True).err == ""
        assert len(messages(mta)) == count
