"""tassis check: names what is wrong, with file and line, and says by its exit status whether anything is."""
import json
import os
import re
import socket
import time

from harness import Instance, wait_for


def findings(mta):
    """What `check -j` says, by kind; and its exit status."""
    result = mta.run("tassis", "check", "-j")
    found = {}
    for line in result.out.splitlines():
        one = json.loads(line)
        found.setdefault(one["kind"], []).append(one)
    return found, result.returncode


def line_of(mta, file, pattern):
    lines = (mta.etc / file).read_text().splitlines()
    return next(i for i, line in enumerate(lines, 1) if re.match(pattern, line))


def test_nothing_is_wrong():
    with Instance() as mta:
        found, status = findings(mta)
        assert not {k for k, v in found.items() if any(f["severity"] != "note" for f in v)}, found
        assert status == 0
        assert mta.run("tassis", "check").returncode == 0


def test_parameters():
    master = "other unix - - n - - smtpd\n  -o smtpd_tls_baner=x\n  -o smtpd_tls_enable_rpk=yes\n"
    with Instance(master=master, start=False) as mta:
        mta.write_main(smtpd_baner="$myhostname ESMTP $nosuch", smtpd_use_tls="yes", smtp_tls_enable_rpk="yes",
                       sun_mailtool_compatibility="yes", tls_random_bytes="32")
        found, status = findings(mta)
        assert status == 1
        # Which word of a kind stands where.
        expected = {
            "unknown-parameter": [("main.cf", r"smtpd_baner ", "smtpd_baner.*smtpd_banner"),
                                  ("master.cf", r"other", "smtpd_tls_baner")],
            "undefined-parameter": [("main.cf", r"smtpd_baner ", "nosuch")],
            "obsolete-parameter": [("main.cf", r"smtpd_use_tls ", "smtpd_use_tls.*smtpd_tls_security_level")],
            "unsupported-parameter": [("main.cf", r"smtp_tls_enable_rpk", "smtp_tls_enable_rpk is not supported"),
                                      ("master.cf", r"other", "smtpd_tls_enable_rpk.* in smtpd")],
            "moot-parameter": [("main.cf", r"biff ", "biff has no effect here"),
                               ("main.cf", r"sun_mailtool", "sun_mailtool_compatibility has no effect here")],
        }
        for kind, wanted in expected.items():
            assert len(found.get(kind, [])) == len(wanted), (kind, found.get(kind))
            for one, (file, line, text) in zip(found[kind], wanted):
                assert one["file"] == str(mta.etc / file) and one["line"] == line_of(mta, file, line), one
                assert re.search(text, one["text"]), one
        said = mta.run("tassis", "check")
        assert re.search(rf"warning: {mta.etc}/main\.cf, line \d+: smtpd_baner: unknown parameter", said.err), said.err


def test_master_warns_at_start():
    with Instance(master="other unix - - n - - smtpd\n  -o smtpd_tls_enable_rpk=yes\n") as mta:
        line = line_of(mta, "master.cf", "other")
        mta.wait_log(rf"{mta.etc}/master\.cf, line {line}: -o smtpd_tls_enable_rpk is not supported yet \(raw public keys need OpenSSL 3\.2\): the setting has"
                     r" no effect in smtpd")


def test_files_that_cannot_be_read():
    with Instance(start=False) as mta:
        good = (mta.etc / "main.cf").read_text()
        mta.write("main.cf", good + "this is wrong\n")
        found, status = findings(mta)
        assert status == 1 and found["main.cf"][0]["line"] == good.count("\n") + 1, found
        mta.write("main.cf", good)
        mta.write("master.cf", "# services\nsmtp inet n - n\n")
        found, status = findings(mta)
        assert status == 1 and found["master.cf"][0]["line"] == 2, found


def test_bad_values_of_services():
    with Instance(start=False) as mta:
        mta.write("master.cf", (mta.etc / "master.cf").read_text() + "slow unix - - n - - smtp\n -o smtp_helo_timeout=x\n")
        found, status = findings(mta)
        assert status == 1 and "smtp_helo_timeout" in found["bad-value"][0]["text"], found
        assert found["bad-value"][0]["line"] == line_of(mta, "master.cf", "slow")


def test_tables():
    files = {"good": "a b\n", "old": "a b\n"}
    with Instance(files=files, start=False) as mta:
        for name in files:
            mta.run("postmap", f"lmdb:{mta.etc}/{name}", check=True)
        now = time.time()
        os.utime(mta.etc / "old.lmdb", (now - 3600, now - 3600))
        os.utime(mta.etc / "old", (now - 1800, now - 1800))
        mta.write_main(virtual_alias_maps=f"lmdb:{mta.etc}/good, hash:{mta.etc}/old",
                       transport_maps=f"lmdb:{mta.etc}/missing", canonical_maps="nonsense:/x",
                       relocated_maps="tcp:127.0.0.1:1")
        found, status = findings(mta)
        assert status == 1
        assert [f["text"] for f in found["table-older"]] == [
            f"virtual_alias_maps: hash:{mta.etc}/old: {mta.etc}/old.lmdb is older than its source {mta.etc}/old"
        ], found
        assert "old" not in mta.run("tassis", "check", "-j").err  # it is said once
        assert found["table-older"][0]["line"] == line_of(mta, "main.cf", "virtual_alias_maps")
        assert len(found["table"]) == 1 and f"{mta.etc}/missing" in found["table"][0]["text"], found
        assert len(found["table-type"]) == 1 and "nonsense:/x" in found["table-type"][0]["text"], found
        assert len(found["table-unreachable"]) == 1 and "tcp:127.0.0.1:1" in found["table-unreachable"][0]["text"]


def test_services():
    master = ("nobody  unix - n n - - pipe user=nobody argv=/nowhere/filter\n"
              "ghost   unix - n n - - nosuchdaemon\n"
              "scache  unix - - n - 1 scache\n")
    with Instance(master=master, start=False) as mta:
        mta.write_main(virtual_transport="dovecot", mailbox_transport="lmtp:unix:private/lmtp",
                       smtpd_milters="unix:milter/socket, { inet:127.0.0.1:1, default_action=accept }",
                       smtpd_recipient_restrictions="check_policy_service unix:private/policy, reject",
                       content_filter="smtp:[127.0.0.1]:1")
        listener = socket.socket(socket.AF_UNIX)
        (mta.queue / "private").mkdir()
        listener.bind(str(mta.queue / "private/policy"))
        listener.listen()
        found, status = findings(mta)
        assert status == 1
        texts = {kind: [f["text"] for f in some] for kind, some in found.items()}
        assert len(texts["missing-program"]) == 2, texts
        assert any("/nowhere/filter" in t for t in texts["missing-program"])
        assert any("nosuchdaemon" in t for t in texts["missing-program"])
        # What nothing counts on is no fault.
        assert {f["severity"] for f in found["missing-program"]} == {"note"}
        mta.write_main(fallback_transport="ghost:x")
        one = [f for f in findings(mta)[0]["missing-program"] if "nosuchdaemon" in f["text"]]
        assert one[0]["severity"] == "error", one
        assert texts["missing-transport"] == ["virtual_transport = dovecot: master.cf has no service dovecot"], texts
        unreachable = " ".join(texts["unreachable-service"])
        for peer in ("unix:private/lmtp", "unix:milter/socket", "inet:127.0.0.1:1", "[127.0.0.1]:1"):
            assert f"cannot reach {peer}" in unreachable, unreachable
        assert "private/policy" not in unreachable
        listener.close()


def test_spool():
    with Instance(start=False) as mta:
        mta.run("tassis", "check", check=True)
        (mta.queue / "deferred").chmod(0o777)
        (mta.queue / "public").chmod(0o700)
        found, status = findings(mta)
        assert status == 1
        assert {f["file"] for f in found["permissions"]} == {str(mta.queue / "deferred"), str(mta.queue / "public")}
        mta.run("tassis", "set-permissions", check=True)
        found, status = findings(mta)
        assert "permissions" not in found and status == 0, found


def test_service_that_is_not_there_yet():
    with Instance() as mta:
        mta.write("master.cf", (mta.etc / "master.cf").read_text() + "fresh unix - - n - - smtp\n")
        found, status = findings(mta)
        assert status == 1 and "private/fresh" in found["unreachable-service"][0]["text"], found
        mta.run("tassis", "reload", check=True)
        wait_for(lambda: findings(mta)[1] == 0, what="the new service")


def test_goes_on_after_bad_values():
    with Instance(start=False) as mta:
        mta.write_main(virtual_minimum_uid="vmail", smtpd_timeout="5 parsecs", smtpd_baner="x")
        found, status = findings(mta)
        assert status == 1
        assert sorted(f["line"] for f in found["main.cf"]) == sorted(
            line_of(mta, "main.cf", name) for name in ("virtual_minimum_uid", "smtpd_timeout")), found
        assert len(found["unknown-parameter"]) == 1, found


def test_former_names_and_missing_services():
    with Instance(start=False) as mta:
        mta.write_main(lmtp_cache_connection="yes", smtp_skip_4xx_greeting="yes", virtual_maps="static:x",
                       maildrop_destination_recipient_limit="1")
        found, _ = findings(mta)
        assert [f["text"] for f in found["obsolete-parameter"]] == [
            "lmtp_cache_connection: obsolete parameter without effect: use lmtp_connection_cache_on_demand instead",
            "smtp_skip_4xx_greeting: obsolete parameter without effect",
            "virtual_maps: obsolete parameter: use virtual_alias_maps instead"], found
        assert [f["text"] for f in found["unknown-parameter"]] == [
            "maildrop_destination_recipient_limit: nothing reads it: there is no service maildrop to deliver mail in master.cf"]


def test_files():
    with Instance(files={"networks": "127.0.0.1\n"}, start=False) as mta:
        mta.write_main(smtpd_tls_key_file="/nowhere/x.pem", smtpd_tls_cert_file="$smtpd_tls_key_file",
                       smtp_tls_CAfile="/nowhere/ca.pem", smtpd_tls_chain_files="/nowhere/a, /nowhere/b",
                       mynetworks="$config_directory/networks, !/nowhere/networks",
                       mailbox_command='/nowhere/deliver -a "$EXTENSION"', lmtp_tls_cert_file="none")
        found, _ = findings(mta)
        assert [f["text"].split()[1].rstrip(":") for f in sorted(found["file"], key=lambda f: f["text"].split()[1])] == [
            "/nowhere/a", "/nowhere/b", "/nowhere/ca.pem", "/nowhere/deliver", "/nowhere/networks", "/nowhere/x.pem"], found


def test_no_false_alarms():
    master = ("policy unix - n n - 0 spawn user=nobody argv=/bin/true\n"
              "127.0.0.1:10027 inet n n n - 0 spawn user=nobody argv=/bin/true\n")
    with Instance(master=master, start=False) as mta:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(mta.folder / "answers"))
        listener.listen()
        mta.write_main(smtpd_tls_session_cache_database="btree:${data_directory}/smtpd_scache",
                       address_verify_map="proxy:btree:$data_directory/verify_cache",
                       postscreen_cache_map="btree:$data_directory/postscreen_cache",
                       proxy_read_maps="$mynetworks hash:/nowhere/x", mynetworks="[::1]/128 127.0.0.0/8",
                       virtual_transport=f"lmtp:unix:{mta.folder}/answers", smtpd_milters=f"unix:{mta.folder}/answers",
                       podop="socketmap:unix:/nowhere/socket:", smtpd_restriction_classes="strict",
                       strict="check_policy_service unix:private/policy",
                       smtpd_recipient_restrictions="strict, ${podop?} reject",
                       postscreen_access_list="tcp:127.0.0.1:10027")
        found, _ = findings(mta)
        listener.close()
        assert not set(found) & {"table", "table-type", "table-unreachable", "unreachable-service", "bad-value"}, found
