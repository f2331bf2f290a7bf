"""Several instances on one host: made, listed, started in order, taken away; /etc/postfix is one of our own here."""
import contextlib
import os
import re
import subprocess

from harness import Instance

NEEDS_ROOT = True


class Host:
    """The primary instance is the one in /etc/postfix of this mount namespace."""

    def __init__(self, mta):
        self.mta = mta
        self.environment = {k: v for k, v in os.environ.items() if k != "MAIL_CONFIG"}
        self.environment["LC_ALL"] = "C"

    def run(self, name, *arguments, check=True):
        result = subprocess.run([self.mta.command(name), *map(str, arguments)], env=self.environment,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
        assert not check or result.returncode == 0, (name, arguments, result)
        return result

    def multi(self, *arguments, **options):
        return self.run("postmulti", *arguments, **options)

    def refuses(self, *arguments):
        result = self.multi(*arguments, check=False)
        assert result.returncode == 1, result
        return result.stderr

    def places(self, name):
        return [f"{what}_directory={self.mta.folder}/{what}-{name}" for what in ("config", "queue", "data")]

    def config(self, name):
        return self.mta.folder / f"config-{name}"

    def create(self, name, *arguments):
        self.multi("-I", f"postfix-{name}", *arguments, "-e", "create", *self.places(name))

    def listed(self, *arguments):
        return [line.split() for line in self.multi("-l", *arguments).stdout.splitlines()]

    def names(self, *arguments):
        return [words[0] for words in self.listed(*arguments)]


@contextlib.contextmanager
def host(**main):
    with Instance(main={"maillog_file": "", **main}, start=False) as mta:
        os.makedirs("/etc/postfix", exist_ok=True)
        subprocess.run(["mount", "--bind", str(mta.etc), "/etc/postfix"], check=True)
        try:
            yield Host(mta)
        finally:
            subprocess.run(["umount", "/etc/postfix"], check=True)


def test_without_other_instances():
    with host() as one:
        assert one.multi("-l").stdout == "-               -               y         /etc/postfix\n"
        assert "multi_instance_wrapper is empty, run 'postmulti -e init' first." in one.refuses("-I", "postfix-a", "-e", "create")
        assert "Specify exactly one of '-e', '-l', '-p', '-x'" in one.refuses()
        assert "Invalid '-e' edit action 'foo'" in one.refuses("-e", "foo")
        assert "New instance name must start with 'postfix-'" in one.refuses("-I", "foo", "-e", "create")
        assert "Cannot assign instance name or group with '-e init'" in one.refuses("-I", "postfix-a", "-e", "init")
        assert "Unsafe characters in '-G a b'" in one.refuses("-I", "postfix-a", "-G", "a b", "-e", "create")
        assert "No matching instances" in one.refuses("-i", "postfix-a", "-x", "true")
        assert one.multi("-l", "-g", "").stdout == ""
        assert "Cannot remove the primary instance" in one.refuses("-i", "-", "-e", "destroy")


def test_life_of_an_instance():
    with host() as all_of_it:
        all_of_it.multi("-e", "init")
        assert "multi_instance_wrapper = ${command_directory}/postmulti -p --\nmulti_instance_enable = yes\n" in (all_of_it.mta.etc / "main.cf").read_text()
        all_of_it.create("a", "-G", "grp")
        all_of_it.create("b")
        all_of_it.create("c", "-i", "postfix-a")
        all_of_it.create("d", "-a")
        assert all_of_it.listed() == [
            ["-", "-", "y", "/etc/postfix"],
            ["postfix-d", "-", "n", str(all_of_it.config("d"))],
            ["postfix-c", "-", "n", str(all_of_it.config("c"))],
            ["postfix-a", "grp", "n", str(all_of_it.config("a"))],
            ["postfix-b", "-", "n", str(all_of_it.config("b"))],
        ]
        made = all_of_it.config("a").joinpath("main.cf").read_text()
        assert re.search(r"(?m)^master_service_disable = inet$", made) and re.search(r"(?m)^authorized_submit_users = *$", made), made
        assert (all_of_it.mta.folder / "queue-a" / "deferred").is_dir()
        assert sorted(os.listdir(all_of_it.config("a"))) == ["main.cf", "master.cf"]
        assert all_of_it.names("-R")[0] == "postfix-b" and all_of_it.names("-g", "grp") == ["postfix-a"]
        assert "conflicts with instance" in all_of_it.refuses("-I", "postfix-a", "-e", "create", *all_of_it.places("x"))
        assert "No instance named postfix-x" in all_of_it.refuses("-i", "postfix-x", "-e", "enable")
        all_of_it.multi("-i", "postfix-a", "-e", "enable")
        all_of_it.multi("-i", "postfix-b", "-I", "postfix-z", "-G", "grp", "-e", "assign")
        assert [words[:3] for words in all_of_it.listed("-g", "grp")] == [["postfix-a", "grp", "y"], ["postfix-z", "grp", "n"]]
        shown = all_of_it.multi("-x", "sh", "-c", "echo $multi_instance_name $MAIL_CONFIG; [ $multi_instance_enable = yes ]", check=False)
        assert shown.returncode == 1 and f"postfix-a {all_of_it.config('a')}\n" in shown.stdout
        assert "Cannot remove enabled instances" in all_of_it.refuses("-i", "postfix-a", "-e", "destroy")
        all_of_it.multi("-i", "postfix-a", "-e", "disable")
        message = all_of_it.mta.folder / "queue-a" / "hold" / "A00000001"
        message.write_text("x")
        assert "messages in its queue" in all_of_it.refuses("-i", "postfix-a", "-e", "destroy")
        message.unlink()
        (all_of_it.config("a") / "notes").write_text("mine")
        all_of_it.multi("-i", "postfix-a", "-e", "destroy")
        assert os.listdir(all_of_it.config("a")) == ["notes"]
        assert not (all_of_it.mta.folder / "queue-a").exists() and not (all_of_it.mta.folder / "data-a").exists()
        all_of_it.multi("-i", "postfix-c", "-e", "deport")
        assert all_of_it.names() == ["-", "postfix-d", "postfix-z"]
        all_of_it.multi("-I", "postfix-e", "-e", "import", f"config_directory={all_of_it.config('c')}")
        assert all_of_it.names() == ["-", "postfix-d", "postfix-z", "postfix-e"]


def test_control_command_works_on_all():
    """postfix start: each enabled instance in order; stop: in reverse; one named with -c: that alone."""
    with host() as both:
        both.multi("-e", "init")
        both.create("a")
        both.create("off")
        both.multi("-i", "postfix-a", "-e", "enable")

        def running():
            return [both.run("postfix", "-c", directory, "status", check=False).returncode == 0
                    for directory in ("/etc/postfix", both.config("a"), both.config("off"))]

        try:
            both.run("postfix", "start")
            assert running() == [True, True, False]
            both.multi("-i", "postfix-a", "-p", "stop")
            assert running() == [True, False, False]
            assert both.run("postfix", "status", check=False).returncode == 1
        finally:
            both.run("postfix", "stop", check=False)
        assert running() == [False, False, False]


def test_crash_leaves_no_half_instance():
    """Killed at any moment, create can be repeated, and the list names only what is whole."""
    with host() as one:
        one.multi("-e", "init")
        for i in range(12):
            command = [one.mta.command("postmulti"), "-I", f"postfix-n{i}", "-e", "create", *one.places(f"n{i}")]
            with subprocess.Popen(command, env=one.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, start_new_session=True) as process:
                try:
                    process.wait(0.004 * i)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, 9)
            if f"postfix-n{i}" not in one.names():
                one.create(f"n{i}")
            assert one.names()[-1] == f"postfix-n{i}"
            assert f"queue_directory = {one.mta.folder}/queue-n{i}\n" in (one.config(f"n{i}") / "main.cf").read_text()
