"""postconf prints of configurations of many kinds what Postfix prints of them."""
import pathlib
import shutil
import subprocess

from harness import Instance

CONFIGURATIONS = pathlib.Path(__file__).parent / "configurations"
POSTFIX = "/usr/sbin/postconf"

# -F -h is left out: that Postfix runs words together there. So are parameters that only one of the two has.
REQUESTS = (
    ["-n"], ["-n", "-f"], ["-n", "-h"], ["-n", "-H"], ["-x", "-n"], ["-n", "-C", "service"],
    ["-M"], ["-M", "-f"], ["-M", "-x"], ["-M", "smtp/inet"], ["-M", "*/unix"], ["-M", "smtp"], ["-M", "nosuch/inet"],
    ["-P"], ["-P", "-x"], ["-P", "-h"], ["-P", "*/*/smtpd_banner"], ["-P", "smtp/inet"],
    ["-F"], ["-F", "-x"], ["-F", "*/unix/chroot"], ["-F", "smtp/inet"],
    ["-o", "stress=yes", "-x", "-n"], ["-o", "myhostname=other.test", "-x", "mydestination"],
    ["mydestination", "relayhost"], ["-h", "biff"], ["-x", "smtpd_timeout"], ["-n", "biff", "nosuch"],
)


def answer(command, folder, request):
    result = subprocess.run([command, "-c", str(folder), *request], capture_output=True, timeout=60, check=False)
    text = result.stdout.decode(errors="backslashreplace")
    return f"status {result.returncode}\n{text}"


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
