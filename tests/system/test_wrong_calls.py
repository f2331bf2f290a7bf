"""Commands called wrongly: what those who know Postfix expect to be told, and the exit status scripts look at."""
import os
import time

from harness import Instance

# Command, arguments, exit status, what is said ("": nothing).
CALLS = [
    ("postconf", ["-M", "-F"], 1, "specify one of -F -M"),
    ("postconf", ["-n", "-d", "-e", "a=b"], 1, "specify one of -d -e -n"),
    ("postconf", ["-h", "-H", "a=b"], 1, "specify one of -e -h -H"),
    ("postconf", ["-f", "-e", "a=b"], 1, "specify one of -e -f"),
    ("postconf", ["-d", "-X", "a"], 1, "specify one of -d -X"),
    ("postconf", ["-a", "-d", "-h"], 1, "with option -a, do not specify -d -h"),
    ("postconf", ["-l", "-e", "a=b"], 1, "with option -l, do not specify -e"),
    ("postconf", ["-T", "run-version", "-x"], 1, "with option -T, do not specify -x"),
    ("postconf", ["-F", "-X", "smtp/inet/chroot"], 1, "with option -F, do not specify -X"),
    ("postconf", ["-P", "-#", "smtp/inet/a"], 1, "with option -P, do not specify -#"),
    ("postconf", ["-e", "a=b", "-n"], 1, 'missing \'=\' after attribute name: "-n"'),
    ("postconf", ["-e", "=x"], 1, 'missing attribute name: "=x"'),
    ("postconf", ["-x", "a=b"], 1, "specify one of -e -x"),
    ("postconf", ["-o", "foo", "-x"], 1, "invalid parameter override: "),
    ("postlog", ["-p", "nosuch", "x"], 1, 'bad severity: "nosuch"'),
    ("postlog", ["-c", "/nonexistent", "x"], 1, "/nonexistent"),
    ("postlock", ["-l", "nosuch", "box", "true"], 75, 'unknown mailbox_delivery_lock value "nosuch" in "nosuch"'),
    ("postlock", ["box", "/nonexistent"], 1, "fatal: execvp /nonexistent: No such file or directory"),
    ("postmap", ["-q", "a", "-s", "inline:{a=b}"], 1, "specify only one of -s or -q or -d"),
    ("postmap", ["-q", "a", "-d", "b", "inline:{a=b}"], 1, "specify only one of -s -q or -d"),
    ("postmap", ["-q", "a", "inline:{a=b}", "-f"], 0, ""),
    ("postcat", ["odd"], 0, "odd: input is not a valid queue file"),
    ("postkick", ["public", "nosuch", "I"], 1, "unable to look up public/nosuch: No such file or directory"),
    ("postdrop", ["-z"], 1, "postdrop [-c config_dir] [-v]"),
    ("postqueue", ["-p", "foo"], 69, "usage: postqueue"),
    ("tassis", ["set-permissions", "foo"], 1, "name=value expected instead of 'foo'"),
    ("tassis", ["upgrade-configuration", "foo"], 1, "name=value expected instead of 'foo'"),
]


def test_wrong_calls():
    with Instance(start=False) as mta:
        (mta.folder / "box").write_text("")
        (mta.folder / "odd").write_text("foo\n")
        for command, arguments, status, text in CALLS:
            result = mta.run(command, *arguments, cwd=mta.folder)
            said = mta.log() if command == "tassis" else result.err  # which says it to a terminal alone
            assert result.returncode == status and text in said, (command, arguments, result)
            assert text or not result.err, (command, arguments, result.err)


def test_lock_file_is_gone_when_the_command_was_not_found():
    with Instance(start=False) as mta:
        (mta.folder / "box").write_text("")
        mta.run("postlock", "-l", "dotlock", "box", "/nonexistent", cwd=mta.folder)
        assert not (mta.folder / "box.lock").exists()


def test_configuration_directory_must_be_absolute():
    with Instance(start=False) as mta:
        result = mta.run("tassis", "-c", "etc", "status", cwd=mta.folder)
        assert result.returncode == 1 and "-c requires absolute pathname" in result.err, result


def test_envelope_id_that_is_empty():
    with Instance() as mta:
        result = mta.run("sendmail", "-V", "", "alice@example.test", input="Subject: x\n\nx\n")
        assert result.returncode == 0 and "bad syntax in -V option value -- ignored" in result.err, result
        mta.mail("alice")


def test_postmap_names_the_lines_it_leaves_out():
    with Instance(start=False) as mta:
        (mta.folder / "map").write_bytes(b"one 1\nk\0x v\nOne 2\n" + b"x" * 600 + b" 3\nlast 4\n")
        for kind in ("lmdb", "cdb"):
            result = mta.run("postmap", f"{kind}:map", cwd=mta.folder)
            assert result.returncode == 0, result
            for text in (f'{kind}:map: duplicate entry: "one" (map, line 3)', "map, line 2: the line has a NUL byte"):
                assert text in result.err, result.err
            assert mta.run("postmap", "-q", "last", f"{kind}:map", cwd=mta.folder).out == "4\n"


def test_old_indexes_are_named():
    with Instance(start=False) as mta:
        source = mta.folder / "map"
        source.write_text("one 1\n")
        for kind in ("lmdb", "cdb"):
            mta.run("postmap", f"{kind}:map", cwd=mta.folder, check=True)
            index, now = mta.folder / f"map.{kind}", time.time()
            os.utime(index, (now - 3600, now - 3600))
            os.utime(source, (now - 1800, now - 1800))
            result = mta.run("postmap", "-q", "one", f"{kind}:map", cwd=mta.folder)
            assert result.out == "1\n", result
            assert f"database map.{kind} is older than source file map" in result.err, result
