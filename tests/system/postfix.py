"""The packaged Postfix on the directories of an instance of ours."""
import pathlib
import shutil
import subprocess


class Postfix:
    def __init__(self, mta):
        self.mta = mta
        self.etc = mta.folder / "postfix"
        shutil.copytree(mta.etc, self.etc)
        for pattern in ("dynamicmaps.cf*", "postfix-files*"):
            for source in pathlib.Path("/etc/postfix").glob(pattern):
                (shutil.copytree if source.is_dir() else shutil.copy)(source, self.etc / source.name)

    def run(self, name, *arguments, text=True, **options):
        folder = "/usr/bin" if name in ("mailq", "newaliases") else "/usr/sbin"
        if text:
            options["errors"] = "surrogateescape"
        flag = "-C" if name == "sendmail" else "-c"
        return subprocess.run([f"{folder}/{name}", flag, str(self.etc), *arguments], capture_output=True, text=text,
                              timeout=60, **options)

    def __enter__(self):
        result = self.run("postfix", "start")
        assert result.returncode == 0, result.stderr + self.mta.log()
        return self

    def __exit__(self, *_):
        self.run("postfix", "stop")
