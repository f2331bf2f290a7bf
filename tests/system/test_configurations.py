"""postconf prints of configurations of many kinds what Postfix prints of them, and warns of what it warns of."""
import pathlib
import re
import shutil
import subprocess

from harness import Instance

TIMEOUT = 240
SANITIZED = False

CONFIGURATIONS = pathlib.Path(__file__).parent / "configurations"
POSTFIX = "/usr/sbin/postconf"

# -F -h is left out: that Postfix runs words together there. So are parameters that only one of the two has.
REQUESTS = (
    ["-n"], ["-n", "-f"], ["-n", "-h"], ["-n", "-H"], ["-x", "-n"], ["-n", "-C", "service"],
    ["-M"], ["-M", "-f"], ["-M", "-x"], ["-M", "smtp/inet"], ["-M", "*/unix"], ["-M", "smtp"], ["-M", "nosuch/inet"],
    ["-P"], ["-P", "-x"], ["-P", "-h"], ["-P", "*/*/smtpd_banner"], ["-P", "smtp/inet"],
    ["-F"], ["-F", "-x"], ["-F", "*/unix/chroot"], ["-F", "smtp/inet"],
    ["-o", "stress=yes", "-x", "-n"], ["-o", "myhostname=other.test", "-x", "mydestination"],
    ["-n", "-C", "user"], ["-n", "-C", "builtin"], ["-C", "user"], ["-d", "-C", "user"], ["-o", "=x"], ["-o", "x"],
    ["virtual_maps", "fallback_relay", "enable_errors_to"], ["-d", "virtual_maps", "enable_errors_to", "greeting"],
    ["mydestination", "relayhost"], ["-h", "biff"], ["-x", "smtpd_timeout"], ["-n", "biff", "nosuch"],
)


# What only newer versions say.
NEWER = re.compile(r'support for parameter ".*" (will be|has been) removed|#comment after other text')
KINDS = ("master.cf: undefined", "main.cf: undefined", "main.cf: unused", "master.cf: unused")


def complaints(text):
    """The lines on standard error, and in which order their kinds come: within a kind Postfix has none."""
    lines = [re.sub(r"^\S*postconf: | \(the nearest name is .*\)$", "", line) for line in text.splitlines()]
    lines = [line for line in lines if not NEWER.search(line)]
    kinds = [kind for line in lines for kind in KINDS if kind in line]
    return "\n".join(sorted(lines) + [kind for kind, before in zip(kinds, [None, *kinds]) if kind != before])


def answer(command, folder, request):
    result = subprocess.run([command, "-c", str(folder), *request], capture_output=True, timeout=60, check=False)
    text = result.stdout.decode(errors="backslashreplace")
    return f"status {result.returncode}\n{text}{complaints(result.stderr.decode(errors='backslashreplace'))}"


def test_same_as_postfix():
    with Instance(start=False) as mta:
        different = []
        for source in sorted(CONFIGURATIONS.iterdir()):
            folder = mta.folder / source.name
            shutil.copytree(source, folder)
            for request in REQUESTS:
                ours = answer(mta.command("postconf"), folder, request)
                theirs = answer(POSTFIX, folder, request)
                if ours != theirs:
                    lines = set(ours.splitlines()) ^ set(theirs.splitlines())
                    different.append(f"{source.name} {request}: {sorted(lines)}")
        assert not different, "\n".join(different)
