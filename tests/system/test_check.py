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
              "mailer  unix - n n - - pipe user=nobody argv=nosuchmailer -r $nexthop\n"
              "copier  unix - n n - - pipe user=nobody argv=cat\n"
              "lmtp    unix - - n - - lmtp\n"
              "scache  unix - - n - 1 scache\n")
    with Instance(master=master, start=False) as mta:
        mta.write_main(virtual_transport="dovecot", mailbox_transport="lmtp:unix:private/lmtp",
                       local_transport="lmtp:127.0.0.1:2", relay_transport="smtp:127.0.0.1:3",
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
        assert len(texts["missing-program"]) == 3, texts
        assert "service mailer: nosuchmailer: No such file or directory" in texts["missing-program"]
        assert any("/nowhere/filter" in t for t in texts["missing-program"])
        assert any("nosuchdaemon" in t for t in texts["missing-program"])
        # What nothing counts on is no fault.
        assert {f["severity"] for f in found["missing-program"]} == {"note"}
        mta.write_main(fallback_transport="ghost:x")
        one = [f for f in findings(mta)[0]["missing-program"] if "nosuchdaemon" in f["text"]]
        assert one[0]["severity"] == "error", one
        assert texts["missing-transport"] == ["virtual_transport = dovecot: master.cf has no service dovecot"], texts
        unreachable = " ".join(texts["unreachable-service"])
        for peer in ("unix:private/lmtp", "unix:milter/socket", "inet:127.0.0.1:1", "[127.0.0.1]:1", "127.0.0.1:2"):
            assert f"cannot reach {peer}" in unreachable, unreachable
        assert "127.0.0.1:3" not in unreachable  # what SMTP takes for a domain
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
        for command, is_named in (('nosuchdeliver -a "$EXTENSION"', True), ("cat", False), ("exec cat", False),
                                  ("IFS=' ' && exec cat", False)):
            mta.write_main(mailbox_command=command)
            assert any("mailbox_command" in f["text"] for f in findings(mta)[0]["file"]) == is_named, command


def test_addresses_of_nobody():
    with Instance(start=False) as mta:
        for networks in ("127.0.0.0/8", None):
            mta.write_main(inet_interfaces="nosuch.invalid", mynetworks=networks)
            said = mta.run("tassis", "check")
            line = line_of(mta, "main.cf", "inet_interfaces")
            assert said.returncode == 1
            assert f"error: {mta.etc}/main.cf, line {line}: inet_interfaces: host not found: nosuch.invalid" in said.err, said.err


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


def texts(found, *kinds):
    """What was said of these kinds, in order."""
    return [one["text"] for kind in kinds for one in found.get(kind, [])]


def test_restrictions():
    master = ("open inet n - n - - smtpd\n  -o smtpd_relay_restrictions=$ours\n  -o ours=permit_mynetworks,lax\n"
              "  -o smtpd_recipient_restrictions=warn_if_reject,reject\n")
    with Instance(master=master.replace("open", "127.0.0.1:9"), start=False) as mta:
        mta.write_main(smtpd_restriction_classes="strict, lax", lax="permit_sasl_authenticated, check_foo_access static:x",
                       strict="lax, permit_mynetwork, check_policy_service, reject_unauth_pipelining",
                       smtpd_client_restrictions="{ check_client_access { inline:{a=b} } }, strict, static:dunno, nonsense:/x",
                       smtpd_sender_restrictions="check_client_access, reject_rbl_client permit, reject_maps_rbl",
                       smtpd_helo_restrictions="check_helo_access foo, sleep x, reject_rbl_client a.test=127.0.0.x, sleep 1",
                       smtpd_recipient_restrictions="reject_unauth_destinaton, reject_unauth_destination")
        found, status = findings(mta)
        assert status == 1
        said = {
            "smtpd_recipient_restrictions": ['unknown restriction "reject_unauth_destinaton" (the nearest name is reject_unauth_destination)'],
            "smtpd_sender_restrictions": ["check_client_access needs a table (type:name) behind it, and there is none",
                                          "reject_rbl_client needs a domain name behind it, and there is none",
                                          "reject_maps_rbl: obsolete restriction without effect: use reject_rbl_client"],
            "smtpd_helo_restrictions": ['check_helo_access needs a table (type:name), not "foo"', 'sleep needs a number, not "x"',
                                        'reject_rbl_client: malformed filter in "a.test=127.0.0.x"'],
            "strict": ['unknown restriction "permit_mynetwork" (the nearest name is permit_mynetworks)',
                       "check_policy_service needs a socket (inet:host:port or unix:path) behind it, and there is none"],
            "lax": ['unknown restriction "check_foo_access"'],
        }
        for name, wanted in said.items():
            some = [one for one in found["restriction"] if one["text"].startswith(name + ": ")]
            assert [one["text"][len(name) + 2:] for one in some] == wanted, some
            assert {one["line"] for one in some} == {line_of(mta, "main.cf", name + " ")}, some
        assert [one["text"].split(": ")[-1] for one in found["table-type"] if "nonsense" in one["text"]] == ["nonsense:/x"], found
        # smtpd refuses to run where nothing keeps strangers from relaying.
        one = [one for one in found["restriction"] if one["severity"] == "error"]
        assert len(one) == 1 and one[0]["text"].startswith("service 127.0.0.1:9: neither smtpd_relay_restrictions"), one
        assert one[0]["line"] == line_of(mta, "master.cf", "127.0.0.1:9 "), one


def test_tls():
    with Instance(start=False) as mta:
        mta.write_main(smtpd_tls_security_level="dane", smtp_tls_security_level="maybe", lmtp_tls_security_level="secure",
                       smtp_tls_protocols="!SSLv2, TLSv1.9", smtpd_tls_protocols=">=TLSv1.2, <=TLSv1.3",
                       smtpd_tls_mandatory_ciphers="hihg", smtp_tls_ciphers="medium", smtpd_tls_loglevel="loud",
                       smtpd_tls_exclude_ciphers="aNULL, RC4, EXP, MD5x, DES-CBC3-SHA, kRSA+AES", tls_high_cipherlist="ECDHE-NOT",
                       smtp_tls_policy_maps="inline:{ {a.test = secur}, {b.test = secure mach=x}, {c.test = may protocols=TLS9},"
                                            " {d.test = encrypt ciphers=hihg}, {e.test = dane-only}, {f.test = verify match=nexthop} }")
        found, _ = findings(mta)
        wrong = sorted(re.sub(r"^(\w+)( = [^:]*)?: ", r"\1: ", text) for text in texts(found, "tls"))
        assert [one.split(": ")[0] for one in wrong] == [
            "smtp_tls_policy_maps", "smtp_tls_policy_maps", "smtp_tls_policy_maps", "smtp_tls_policy_maps", "smtp_tls_protocols",
            "smtp_tls_security_level", "smtpd_tls_exclude_ciphers", "smtpd_tls_loglevel", "smtpd_tls_mandatory_ciphers",
            "smtpd_tls_security_level", "tls_high_cipherlist"], wrong
        assert [one.split(": ")[2] for one in wrong[:4]] == ["a.test", "b.test", "c.test", "d.test"], wrong
        assert '"MD5x"' in wrong[6], wrong
        assert {one["text"].split()[0] for one in found["tls"] if one["severity"] == "error"} == {"smtp_tls_security_level"}, found


def test_destinations():
    master = "odd unix - - n - - smtp\n  -o smtp_fallback_relay=$there\n  -o there=[unfinished\n"
    with Instance(master=master, start=False) as mta:
        mta.write_main(relayhost="[smtp.example.com", smtp_fallback_relay="[a.test]:587, b.test:nosuch", default_transport="smtp:[x]x",
                       relay_transport="lmtp:unix:", virtual_transport="virtual", fallback_transport="smtp:[::1]:70000",
                       mailbox_transport="error:5.1.1 no [such",
                       transport_maps="inline:{ {a.test = smtp:[b]:nosuch}, {b.test = relay.example.com}, {c.test = :[d.test]:26},"
                                      " {d.test = error:no [such}, {e.test = local}, {f.test = lmtp:unix:private/x} }, static:smtp:[x",
                       sender_dependent_relayhost_maps="inline:{ {a@b.test = [x}, {b@b.test = DUNNO}, {c@b.test = [1.2.3.4]:submission} }")
        found, status = findings(mta)
        assert status == 1
        assert sorted(texts(found, "destination")) == [
            'default_transport = smtp:[x]x: bad host or port "[x]x": garbage after "]"',
            "fallback_transport = smtp:[::1]:70000: bad port number: 70000",
            'relay_transport = lmtp:unix:: bad next hop "unix:"',
            'relayhost = [smtp.example.com: bad host or port "[smtp.example.com": missing "]"',
            'sender_dependent_relayhost_maps: inline: a@b.test: bad host or port "[x": missing "]"',
            "smtp_fallback_relay = [a.test]:587, b.test:nosuch: unknown service: nosuch/tcp",
            'smtp_fallback_relay = [unfinished: bad host or port "[unfinished": missing "]"',
            "transport_maps: inline: a.test: unknown service: nosuch/tcp",
            "transport_maps: inline: b.test: master.cf has no service relay.example.com",
            'transport_maps: static:smtp:[x: bad host or port "[x": missing "]"'], found


def test_clients():
    with Instance(files={"networks": "10.0.0.0/8\n10.0.0.0/33\n"}, start=False) as mta:
        mta.write_main(mynetworks="127.0.0.0/8 [::1]/128 192.168.1.0/16 10.0.0.300 !10.1.1.1 2001:db8::/32 $config_directory/networks"
                                  " lan/24 nonsense:/x static:x host.example.test",
                       smtpd_authorized_xclient_hosts="$mynetworks 10.0.0.0/8/9", debug_peer_list="1.2.3, example.com, .example.org",
                       postscreen_access_list="permit_mynetworks, 10.0.0.0/8, static:dunno, reject", smtp_bind_address="::1",
                       smtp_bind_address6="::1")
        found, _ = findings(mta)
        assert sorted(" ".join(text.split()[:2]).rstrip(":") for text in texts(found, "address")) == [
            "debug_peer_list: 1.2.3", "mynetworks: 10.0.0.0/33", "mynetworks: 10.0.0.300", "mynetworks: 192.168.1.0/16",
            "mynetworks: 2001:db8::/32", "mynetworks: lan/24", "mynetworks: nonsense:/x", "postscreen_access_list: 10.0.0.0/8",
            "smtp_bind_address =", "smtpd_authorized_xclient_hosts: 10.0.0.0/8/9"], found


def test_services_that_cannot_run():
    master = ("127.0.0.1:9 inet n - n - - smtpd\n"
              "127.0.0.1:discard inet n - n - - smtpd\n"
              "flags   unix - n n - - pipe flags=DRZ user=nobody argv=/bin/cat\n"
              "nouser  unix - n n - - pipe argv=/bin/cat user=nobody\n"
              "noargv  unix - n n - - spawn -o smtpd_banner=x -v user=nobody\n"
              "words   unix - n n - - spawn flags=D user=nobody argv=/bin/cat\n"
              "good    unix - n n - - spawn user=nobody argv=/bin/cat -o x\n")
    with Instance(master=master, start=False) as mta:
        mta.write("master.cf", (mta.etc / "master.cf").read_text() + "good unix - n n - - pipe user=nobody argv=/bin/cat\n")
        found, status = findings(mta)
        assert status == 1
        assert texts(found, "bad-service") == [
            "service flags: unknown flag: Z", "service nouser: missing user= command-line attribute",
            "service noargv: missing argv= command-line attribute", "service words: unknown attribute name: flags=D"], found
        assert texts(found, "duplicate-service") == [
            "service 127.0.0.1:discard listens on the same address and port as service 127.0.0.1:9 in line"
            f" {line_of(mta, 'master.cf', '127.0.0.1:9 ')}",
            f"service good unix is in line {line_of(mta, 'master.cf', 'good ')}, too: the later entry alone counts"], found


def test_milters_and_logins():
    master = "127.0.0.1:9 inet n - n - - smtpd\n  -o smtpd_sasl_path=private/other\n"
    with Instance(master=master, start=False) as mta:
        mta.write_main(milter_default_action="acept", milter_protocol="7", smtpd_sasl_auth_enable="yes", smtpd_sasl_type="dovecot",
                       smtpd_milters="{ unix:milter/socket, default_action = fail }", non_smtpd_milters="{ unix:milter/socket, tiemout=1s }",
                       smtpd_client_restrictions="check_policy_service unix:private/policy")
        found, _ = findings(mta)
        assert [text.split(": ")[-2:] for text in texts(found, "milter")] == [
            ["milter_default_action = acept", "no such action (accept, reject, tempfail, quarantine or shutdown)"],
            ["milter_protocol = 7", "2, 3, 4 or 6 was expected, perhaps with no_header_reply"],
            ["default_action = fail", "no such action (accept, reject, tempfail, quarantine or shutdown)"],
            ["unknown option", '"tiemout = 1s"']], found
        assert sorted(texts(found, "unreachable-service")) == [
            "smtpd_client_restrictions: cannot reach unix:private/policy: it is not there (now)",
            "smtpd_milters: cannot reach unix:milter/socket: it is not there (now)",
            "smtpd_sasl_path (default): cannot reach smtpd: it is not there (now)",
            "smtpd_sasl_path: cannot reach private/other: it is not there (now)"], found


def test_places():
    with Instance(start=False) as mta:
        good = (mta.etc / "main.cf").read_text()
        mta.write("main.cf", good + "queue_directory = $config_directory/main.cf\nmaillog_file = /nowhere/log\n"
                                    "setgid_group = nosuchgroup\nsmtpd_baner = x\n")
        found, status = findings(mta)
        assert status == 1
        assert [(one["line"], one["text"]) for one in found["spool"]] == [
            (line_of(mta, "main.cf", "setgid_group = nosuch"), "setgid_group = nosuchgroup: no such group"),
            (line_of(mta, "main.cf", r"queue_directory = \$"), f"queue_directory = {mta.etc}/main.cf: not a directory")], found
        assert texts(found, "file") == ["maillog_file = /nowhere/log: /nowhere: No such file or directory"], found
        assert len(found["unknown-parameter"]) == 1, found  # it goes on


def test_values_that_refer_to_each_other():
    master = "slow unix - - n - - smtp\n  -o smtp_tls_CAfile=$place/ca.pem\n  -o place=/nowhere\n -o smtp_helo_timeout=x -o smtp_mail_timeout=y\n"
    with Instance(master=master, start=False) as mta:
        found, _ = findings(mta)
        assert texts(found, "file") == ["smtp_tls_CAfile: /nowhere/ca.pem: No such file or directory"], found
        assert [re.search("smtp_\\w+", text).group() for text in texts(found, "bad-value")] == ["smtp_helo_timeout", "smtp_mail_timeout"], found
