"""postconf: edits that keep everything else, survive a crash and each other, and clear words about mistakes."""
import random
import re
import subprocess
import time

from harness import Instance

HEAD = "# the head\nmyhostname = mx.example.test\n\n# about x\nx_value = 0\n  # inside\n  more\n# the tail\n"


def postconf(mta, *arguments, **options):
    return mta.run("postconf", *arguments, **options)


def test_edit_keeps_comments_and_order():
    with Instance(start=False) as mta:
        path = mta.etc / "main.cf"
        path.write_text(HEAD)
        postconf(mta, "-e", "x_value = 1", "fresh=a b", check=True)
        assert path.read_text() == (
            "# the head\nmyhostname = mx.example.test\n\n# about x\nx_value = 1\n  # inside\n# the tail\nfresh = a b\n"
        )
        postconf(mta, "-#", "fresh", check=True)
        assert path.read_text().endswith("# the tail\n#fresh = a b\n")
        postconf(mta, "-X", "x_value", check=True)
        assert "x_value" not in path.read_text()


def test_edit_survives_a_crash():
    """Killed at any moment, the file is the old one or the new one."""
    with Instance(start=False) as mta:
        path = mta.etc / "main.cf"
        rest = HEAD + "".join(f"filler_{i} = {'y' * 200}\n" for i in range(500))
        path.write_text("counter = 0\n" + rest)
        for i in range(1, 60):
            command = [mta.command("postconf"), "-c", str(mta.etc), "-e", f"counter={i}"]
            with subprocess.Popen(command) as process:
                time.sleep(random.random() / 100)
                process.kill()
            text = path.read_text()
            assert re.match(r"counter = \d+\n", text) and text.partition("\n")[2] == rest


def test_edits_at_the_same_time():
    with Instance(start=False) as mta:
        path = mta.etc / "main.cf"
        path.write_text(HEAD)
        running = [
            subprocess.Popen([mta.command("postconf"), "-c", str(mta.etc), "-e", f"name_{i} = {i}"])
            for i in range(20)
        ]
        assert [process.wait() for process in running] == [0] * 20
        text = path.read_text()
        assert text.startswith(HEAD)
        assert sorted(re.findall(r"^name_(\d+) = \1$", text, re.M), key=int) == [str(i) for i in range(20)]


def test_mistakes_are_named():
    with Instance(start=False) as mta:
        path = mta.etc / "main.cf"
        path.write_text("myhostname = mx.example.test\nsmtpd_baner = hello $nosuch\nsmtp_use_tls = yes\n")
        result = postconf(mta, "-n")
        for word in (
            r"main\.cf: unused parameter: smtpd_baner=hello \$nosuch .*smtpd_banner",
            r"main\.cf: undefined parameter: nosuch",
            r'support for parameter "smtp_use_tls" will be removed; instead, specify "smtp_tls_security_level"',
        ):
            assert re.search(word, result.err), result.err
        path.write_text("myhostname = mx.example.test\nno assignment\n")
        result = postconf(mta, "-n")
        assert result.returncode == 1
        assert re.search(r"main\.cf, line 2: missing '=' after attribute name: \"no assignment\"", result.err)


def test_master_cf_is_edited_in_place():
    with Instance(start=False) as mta:
        path = mta.etc / "master.cf"
        path.write_text(
            "# head\nsmtp inet n - n - - smtpd\n  -o a=1\n  -o { b = 2 3 }\n# next\nqmgr unix n - n 300 1 qmgr\n"
        )
        postconf(mta, "-P", "-e", "smtp/inet/a=4", check=True)
        postconf(mta, "-F", "qmgr/unix/wakeup=60", check=True)
        postconf(mta, "-M", "-e", "new/unix=new unix - - n - 0 discard", check=True)
        assert path.read_text() == (
            "# head\n"
            "smtp       inet  n       -       n       -       -       smtpd\n"
            "    -o a=4\n"
            "    -o {b=2 3}\n"
            "# next\n"
            "qmgr       unix  n       -       n       60      1       qmgr\n"
            "new        unix  -       -       n       -       0       discard\n"
        )
        postconf(mta, "-M", "-X", "new/unix", check=True)
        assert "new" not in path.read_text()


def test_bounce_template_mistakes_are_named():
    with Instance(start=False) as mta:
        template = mta.folder / "template"
        for text, said in (
            ("foo_template = <<EOF\nx\nEOF\n", "unknown template name: foo_template -- ignoring this template"),
            ("failure_template = <<EOF\nno end\n", 'missing "EOF" end marker'),
            ("failure_template = <<EOF\nFrom: x\nEOF\n", "missing message text in failure template -- ignoring this template"),
        ):
            template.write_text(text)
            result = postconf(mta, "-t", str(template), check=True)
            assert said in result.err and "warning: \n" not in result.err, result.err


def edited(mta, entry, *arguments):
    mta.write("master.cf", entry + "\n")
    result = postconf(mta, *arguments)
    return result, (mta.etc / "master.cf").read_text()


def test_groups_of_words_stay_together():
    """What braces hold is one word for the service, so it is one when the entry is written again."""
    with Instance(start=False) as mta:
        entry = "p unix - n n - - pipe "
        head = "p          unix  -       n       n       -       5       pipe"
        rows = {
            "{-v} {-o} {x=y z} -o a=b": " -v\n    -o {x=y z}\n    -o a=b\n",
            "{-o x=y z} -o a=b": "\n    -o {x=y z}\n    -o a=b\n",
            "-o x=y - -o x=z": "\n    -o x=y\n    - -o x=z\n",
            "flags=Rq user=alice argv=/bin/x -f ${sender} {a b} 345678 -- -o x=y": (
                " flags=Rq\n    user=alice argv=/bin/x -f ${sender} {a b} 345678 -- -o x=y\n"
            ),
        }
        for words, expected in rows.items():
            result, text = edited(mta, entry + words, "-Fe", "p/unix/process_limit=5")
            assert (result.returncode, text) == (0, head + expected), (words, result.err, text)
        # behind "-" there are no options
        edited(mta, entry + "-o x=y - -o x=z", "-n")
        assert postconf(mta, "-P").out == "p/unix/x = y\n"
        mta.write("master.cf", entry + "{-o x=y z} -o a=b\n")
        assert postconf(mta, "-P").out == "p/unix/a = b\np/unix/x = y z\n"


def test_master_cf_edits_refuse_in_postfix_words():
    with Instance(start=False) as mta:
        entry = "p unix - n n - - pipe x"
        rows = {
            ("-Me", "n/unix=n"): 'bad field count: "n/unix=n"',
            ("-Me", "n/unix=n foo - - n - - x"): 'invalid type field "foo" in "n foo - - n - - x"',
            ("-Me", "n/unix=n unix - - q - - x"): 'invalid chroot field "q" in "n unix - - q - - x"',
            ("-Me", "n/unix=n unix - - n q - x"): 'invalid wakeup field "q" in "n unix - - n q - x"',
            ("-Fe", "p/unix/process_limit=q"): 'invalid process_limit field "q" in "q"',
            ("-Fe", "p/unix/private=y n"): "-Fe does not accept whitespace in non-command field",
            ("-Pe", "p/unix/x=a } b {"): 'unbalanced braces in "p/unix/x=a } b {"',
        }
        for request, expected in rows.items():
            result, text = edited(mta, entry, *request)
            assert (result.returncode, text) == (1, entry + "\n"), (request, text)
            assert result.err == f"postconf: fatal: {expected}\n", (request, result.err)
        result, text = edited(mta, entry, "-PX", "p/unix/x")
        assert text == "p          unix  -       n       n       -       -       pipe x\n", text
