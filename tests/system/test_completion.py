"""Completion in the shell, by the function that a bash would call."""
import os
import shutil
import subprocess

import harness
from harness import Instance

SANITIZED = False

SCRIPT = r"""
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_tassis "${COMP_WORDS[0]}" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
"""


def complete(mta, *words):
    """The last word is the one that is being typed."""
    folder = harness.PREFIX / "share/bash-completion/completions"
    path = os.pathsep.join([str(harness.PREFIX / "sbin"), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "MAIL_CONFIG": str(mta.etc)}
    result = subprocess.run(["bash", "--norc", "-c", SCRIPT, "bash", str(folder / words[0]), *words], text=True,
                            capture_output=True, env=environment, cwd=mta.etc, timeout=30)
    assert result.stderr == "", result.stderr
    return set(result.stdout.split())


def test_bash():
    main = {"my_own_name": "permit", "smtpd_recipient_restrictions": "$my_own_name, permit", "virtual_alias_maps":
            "inline:{{x=y}}", "smtpd_restriction_classes": "my_own_name"}
    with Instance(main={**main, "default_transport": "smtp:[127.0.0.1]:1"},
                  files={"my_table": "a b\n"}) as mta:
        assert complete(mta, "tassis", "sta") == {"start", "start-fg", "status"}
        assert complete(mta, "postfix", "-c", str(mta.etc), "re") == {"reload"}
        assert complete(mta, "tassis", "check", "-") == {"-j"}
        assert complete(mta, "tassis", "explain", "--f") == {"--from"}
        assert complete(mta, "tassis", "import", "--") == {"--back"}
        assert complete(mta, "postconf", "smtpd_tls_sec") == {"smtpd_tls_security_level"}
        assert complete(mta, "postconf", "-e", "smtpd_tls_sec") == {"smtpd_tls_security_level="}
        assert complete(mta, "postconf", "-n", "my_o") == {"my_own_name"}
        assert complete(mta, "postconf", "-M", "qm") == {"qmgr/unix"}
        assert {"-n", "-d", "-X"} <= complete(mta, "postconf", "-")
        assert {"lmdb:"} <= complete(mta, "postmap", "lm")
        assert complete(mta, "postmap", "lmdb", ":", "my_") == {"my_table"}
        assert complete(mta, "postmap", "my_") == {"my_table"}
        assert complete(mta, "postsuper", "-d", "AL") == {"ALL"}
        assert complete(mta, "postsuper", "de") == {"deferred"}
        queue_id = mta.send("x@far.test", "Subject: x\n\nx\n")
        mta.wait_log(f"{queue_id}: .*status=deferred")
        for words in (("postsuper", "-d"), ("postcat", "-q"), ("postqueue", "-i")):
            assert queue_id in complete(mta, *words, queue_id[:3]), words
        assert "--force" not in complete(mta, "sendmail", "-b")
        assert complete(mta, "smtp-sink", "-f", "RS") == {"RSET"}
        assert complete(mta, "smtp-source", "-c", "un") == {"unix:"}


def test_other_shells_can_read_it():
    share = harness.PREFIX / "share"
    for shell, file in (("zsh", "zsh/site-functions/_tassis"), ("fish", "fish/vendor_completions.d/tassis.fish")):
        assert (share / file).is_file()
        if shutil.which(shell):
            subprocess.run([shell, "-n", str(share / file)], check=True)
    for command in ("postconf", "postsuper", "postqueue", "postfix"):
        assert (share / "bash-completion/completions" / command).exists()
        assert (share / "fish/vendor_completions.d" / f"{command}.fish").exists()
