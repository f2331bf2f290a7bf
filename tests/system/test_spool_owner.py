"""Whoever is the mail system's user does not become root by what root does with the spool."""
import os
import shutil
import subprocess

import harness
from harness import Instance

NEEDS_ROOT = True


def owners(mta):
    return {path.name: (path.owner(), oct(path.stat().st_mode & 0o7777)) for path in [mta.queue / "staging", *(mta.queue / "staging").iterdir()]}


def test_staging():
    with Instance(start=False) as mta:
        mta.run("tassis", "check")
        assert owners(mta) == {"staging": ("root", "0o755"), **{str(n): ("postfix", "0o700") for n in range(8)}}


def test_planted_link():
    """In a folder of the mail owner's what looks like a directory may lead elsewhere."""
    with Instance(start=False) as mta:
        programs = mta.folder / "sbin"  # their rights change, too
        shutil.copytree(harness.PREFIX / "sbin", programs, symlinks=True)
        subprocess.run(["mount", "--bind", programs, harness.PREFIX / "sbin"], check=True)
        mta.run("tassis", "check")
        victim = mta.folder / "victim"
        victim.mkdir(mode=0o755)
        staging = mta.queue / "staging"
        shutil.chown(staging, "postfix")
        (staging / "3").rmdir()
        (staging / "3").symlink_to(victim)
        done = mta.run("tassis", "set-permissions")
        assert done.returncode == 1
        mta.wait_log(rf"{staging}/3: Not a directory$")
        assert victim.owner() == "root" and victim.stat().st_mode & 0o777 == 0o755
        assert staging.owner() == "root"
        os.unlink(staging / "3")
        mta.run("tassis", "set-permissions", check=True)
        assert (staging / "3").owner() == "postfix"
