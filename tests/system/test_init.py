"""start-fg as process 1 of a container."""
import os
import pathlib
import signal
import subprocess

from harness import Instance, wait_for

NEEDS_ROOT = True


def children(pid):
    return pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def test_init_reaps_orphans_and_stops_on_sigterm():
    with Instance(start=False, main={"maillog_file": "/dev/stdout"}) as mta:
        script = f"(sleep 1 & sleep 1 &) ; exec {mta.command('tassis')} -c {mta.etc} start-fg"
        outer = subprocess.Popen(["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c", script],
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            wait_for(lambda: (mta.queue / "pid/master.pid").exists(), what="the master")
            assert int((mta.queue / "pid/master.pid").read_text()) == 1
            init = int(children(outer.pid)[0])
            wait_for(lambda: not any("sleep" in pathlib.Path(f"/proc/{child}/stat").read_text() for child in children(init)),
                     what="the orphans to be reaped")
            mta.send("alice@example.test", "Subject: x\n\nfrom a container\n")
            assert "from a container" in mta.mail("alice")
            os.kill(init, signal.SIGTERM)
            output, _ = outer.communicate(timeout=30)
            assert outer.returncode == 0, output
            assert "terminating on signal 15" in output and "status=sent" in output
        finally:
            outer.kill()
