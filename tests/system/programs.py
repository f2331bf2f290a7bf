"""Other programs that tests run."""
import contextlib
import os
import shutil
import signal
import socket
import subprocess

from harness import Skipped, wait_for

GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"  # is spam for every filter


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            raise Skipped(f"needs {program}")


def listens(where, port=None):
    """Does somebody listen there: at a port of an address, or at the path of a socket?"""
    with socket.socket(socket.AF_UNIX if port is None else socket.AF_INET) as probe:
        return probe.connect_ex(str(where) if port is None else (where, port)) == 0


@contextlib.contextmanager
def running(*command, ready, log):
    """A program in the foreground, once ready() says that it listens; with its children killed in the end."""
    with open(log, "ab") as out:
        process = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
    try:
        wait_for(lambda: ready() or process.poll() is not None, 60, f"{command[0]}: {log}")
        assert process.poll() is None, log.read_text(errors="replace")
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(20)
