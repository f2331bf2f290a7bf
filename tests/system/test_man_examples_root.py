"""Examples of the manual pages that only root can run; see test_man_examples."""
import pathlib
import shutil

from man_pages import Places, add_tests, run_transcript
from test_postmulti import host

SANITIZED = False
NEEDS_ROOT = True
MADE = pathlib.Path("/etc/postfix-out")


def second_instance(texts):
    """The new one is beside the primary one, in /etc; that is cleared away."""
    [text] = texts
    assert not MADE.exists()
    with host() as one:
        for what in ("spool", "lib"):
            (one.mta.folder / what / "postfix").mkdir(parents=True)
        shutil.chown(one.mta.folder / "lib" / "postfix", "postfix")
        one.mta.write_main(queue_directory=one.mta.folder / "spool" / "postfix", data_directory=one.mta.folder / "lib" / "postfix")
        try:
            run_transcript(one.mta, text, Places(one.mta), {"MAIL_CONFIG": None},
                           passed_over="not set-gid|starting the Tassis|daemon started")  # words of a start
            assert one.names("-g", "out") == ["postfix-out"]
            assert (one.mta.folder / "spool" / "postfix-out" / "pid" / "master.pid").exists()
        finally:
            one.multi("-g", "out", "-p", "stop", check=False)
            shutil.rmtree(MADE, ignore_errors=True)


RUN = {"postmulti.1": second_instance}
add_tests(globals(), RUN, {})
