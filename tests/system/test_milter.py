"""Mail filters: bad ones do no harm, several are asked side by side, connections last."""
import itertools
import os
import pathlib
import re
import signal
import smtplib
import ssl
import subprocess
import tempfile
import threading
import time

from harness import Instance, wait_for
from scripted_milter import (ACCEPT, CONTINUE, RAW, TEMPFAIL, Hangup, ScriptedMilter, add_header, change_header, insert_header,
                             packet, reject)

TIMES = {"milter_connect_timeout": "2s", "milter_command_timeout": "2s", "milter_content_timeout": "2s"}
MESSAGE = "From: a@client.test\r\nTo: b@example.test\r\nSubject: x\r\n\r\nbody\r\n"
STEPS = "negotiate connect helo mail rcpt data header eoh body eom edit".split()


def hang_up():
    raise Hangup


# What a filter may do instead of answering; each is called at one step.
MISDEEDS = {
    "stalls": lambda: None,
    "dies": hang_up,
    "half a packet": lambda: RAW(b"\0\0\0\x10cc"),
    "huge packet": lambda: RAW(b"\xff\xff\xff\xffc"),
    "empty packet": lambda: RAW(b"\0\0\0\0"),
    "unknown answer": lambda: packet(b"Z", b"junk"),
    "half a header": lambda: packet(b"i", b"\0\0"),
}


def misbehave(step, misdeed):
    def script(session, event, data):
        if step == event:
            return misdeed()
        if step == "edit" and event == "eom":
            bad = misdeed()
            return [add_header("X-Half", "done"), bad] if bad else None
        return CONTINUE

    return script


def transact(mta, source, sender="a@client.test"):
    """One message from that address: the last reply, and how long all of it took."""
    begin = time.monotonic()
    try:
        with smtplib.SMTP("127.0.0.1", mta.port, "client.test", timeout=60, source_address=(source, 0)) as client:
            reply = client.ehlo()
            for step in (lambda: client.mail(sender), lambda: client.rcpt("alice@example.test"),
                         lambda: client.data(MESSAGE)):
                if reply[0] < 400:
                    reply = step()
    except smtplib.SMTPDataError as error:
        reply = error.smtp_code, error.smtp_error
    return reply[0], reply[1].decode(), time.monotonic() - begin


def hostile_filters(default_action):
    """All misdeeds at all steps at once, each by a filter of its own; (step, misdeed): result."""
    cases = list(itertools.product(enumerate(STEPS), enumerate(MISDEEDS.items())))
    main = {
        "smtpd_milter_maps": "pcre:$config_directory/filters",
        "milter_default_action": default_action,
        "smtpd_client_connection_count_limit": "0",
        **TIMES,
    }
    results, threads = {}, []
    with Instance(main=main, files={"filters": r"/^127\.1\.(\d+)\.(\d+)$/ unix:$1-$2" + "\n"}) as mta:
        milters = [ScriptedMilter(misbehave(step, misdeed), mta.queue / f"{i}-{j + 1}")
                   for (i, step), (j, (_, misdeed)) in cases]

        def run(key, source):
            results[key] = transact(mta, source)

        for (i, step), (j, (name, _)) in cases:
            threads.append(threading.Thread(target=run, args=((step, name), f"127.1.{i}.{j + 1}")))
        for thread in threads:
            thread.start()
        # A client without filters is served as if nothing were the matter.
        code, reply, seconds = transact(mta, "127.0.0.1")
        assert code == 250 and seconds < 10, (code, reply, seconds)
        for thread in threads:
            thread.join()
        for milter in milters:
            milter.__exit__()
        accepted = 1 + sum(code == 250 for code, _, _ in results.values())
        mta.mail("alice", accepted)
        return results, mta.log()


def test_hostile_filters_and_tempfail():
    results, log = hostile_filters("tempfail")
    for key, (code, reply, seconds) in results.items():
        assert 400 <= code < 500, (key, code, reply)
        assert seconds < 30, (key, seconds)
    assert "panic" not in log and "fatal" not in log


def test_hostile_filters_and_accept():
    results, log = hostile_filters("accept")
    for key, (code, reply, seconds) in results.items():
        assert code == 250, (key, code, reply)
        assert seconds < 30, (key, seconds)
    assert "panic" not in log and "fatal" not in log


def test_side_by_side():
    """Filters meet at events that nobody can tell apart from being asked in turn; the end is in turn."""
    meeting = threading.Barrier(2)
    order = []

    def script(name):
        def answer(session, event, data):
            if event in ("negotiate", "connect", "helo", "mail", "data", "header", "body"):
                meeting.wait(timeout=20)
            order.append((name, event))
            return CONTINUE

        return answer

    with ScriptedMilter(script("one"), actions=0) as one, ScriptedMilter(script("two")) as two:
        with Instance(main={"smtpd_milters": f"{one.address}, {two.address}"}) as mta:
            mta.send("alice@example.test", MESSAGE)
            mta.mail("alice")
    assert not meeting.broken
    for event in ("rcpt", "eom"):
        assert order.index(("one", event)) < order.index(("two", event)), order


def test_the_first_who_objects_counts():
    """As if in turn: what the second says counts only when the first has nothing against it."""
    def first(session, event, data):
        return reject("550 5.7.1 first") if event == "mail" and b"bad" in data else CONTINUE

    def second(session, event, data):
        return reject("450 4.7.1 second") if event == "mail" else CONTINUE

    with ScriptedMilter(first) as one, ScriptedMilter(second) as two:
        with Instance(main={"smtpd_milters": f"{one.address}, {two.address}"}) as mta, mta.smtp() as client:
            assert client.mail("bad@client.test") == (550, b"5.7.1 first")
            assert client.mail("good@client.test") == (450, b"4.7.1 second")
        wait_for(lambda: two.sessions[0].events[-1] == "quit", what="the end of the session")
        assert two.sessions[0].events.count("abort") == 2


def test_many_messages_over_one_connection():
    with ScriptedMilter() as milter, Instance(main={"smtpd_milters": milter.address}) as mta:
        with mta.smtp() as client:
            for _ in range(20):
                client.sendmail("a@client.test", ["alice@example.test", "bob@example.test"], MESSAGE)
            client.mail("a@client.test")
            client.rset()
            client.ehlo("other.test")
        mta.mail("bob", 20)
        wait_for(lambda: milter.sessions[0].events[-1] == "quit", what="the end of the session")
        assert len(milter.sessions) == 1
        events = milter.sessions[0].events
        assert events.count("eom") == 20 and events.count("helo") == 2 and events.count("abort") == 1, events


def test_edits_of_a_big_message():
    """Header edits lead around the old header; the body stays where it is."""
    def script(session, event, data):
        if event != "eom":
            return CONTINUE
        return [insert_header(0, "X-Top", "first"), change_header(1, "Subject", "changed\n\tand folded"),
                change_header(1, "To", ""), add_header("X-End", "last"), CONTINUE]

    body = "".join(f"line {i} {'x' * 60}\r\n" for i in range(40000))
    with ScriptedMilter(script) as milter, Instance(main={"smtpd_milters": milter.address}) as mta:
        mta.send("alice@example.test", "Subject: old\r\nTo: b@example.test\r\nX-Keep: yes\r\n\r\n" + body)
        mail = mta.mail("alice")
        assert milter.sessions[0].body.decode() == body
        head, _, rest = mail.partition("\n\n")
        assert rest == body.replace("\r\n", "\n")
        assert re.search(r"^X-Top: first\nReceived: ", head, re.M), head
        assert re.search(r"^Subject: changed\n\tand folded\nX-Keep: yes$", head, re.M), head
        assert not re.search(r"^To:", head, re.M) and head.endswith("X-End: last"), head


def test_more_edits_than_memory_is_given_for():
    """A filter gone mad costs its message a while, and nobody any memory to speak of."""
    def script(session, event, data):
        return [add_header("X-Big", "x" * 60000)] * 400 + [CONTINUE] if event == "eom" else CONTINUE

    with ScriptedMilter(script) as milter, Instance(main={"smtpd_milters": milter.address}) as mta:
        assert transact(mta, "127.0.0.1")[0] == 451
        mta.wait_log(r"warning: milter \S+: filter orders too many changes of one message")
        assert not mta.inbox("alice")


def test_half_a_new_body():
    """A filter that dies in the midst of its new body leaves none of it to the next one."""
    def dies(session, event, data):
        return packet(b"b", b"half of one\r\nand") if event == "eom" else CONTINUE

    def replaces(session, event, data):
        return [packet(b"b", b"all of the other\r\n"), CONTINUE] if event == "eom" else CONTINUE

    with ScriptedMilter(dies) as one, ScriptedMilter(replaces) as two:
        main = {"smtpd_milters": f"{one.address}, {two.address}", "milter_default_action": "accept",
                "milter_content_timeout": "2s"}
        with Instance(main=main) as mta:
            mta.send("alice@example.test", MESSAGE)
            assert mta.mail("alice").rstrip().endswith("\n\nall of the other")


def test_cleanup_dies_with_the_filters():
    """The message that was under way is not lost but refused for now; the session goes on with new connections."""
    arrived = threading.Event()

    def script(session, event, data):
        if event == "eom" and session.number == 0:
            arrived.set()
            return None
        return CONTINUE

    with ScriptedMilter(script) as milter, Instance(main={"smtpd_milters": milter.address}) as mta:
        with mta.smtp() as client:
            client.mail("a@client.test")
            client.rcpt("alice@example.test")
            client.docmd("DATA")
            client.send(MESSAGE.encode() + b".\r\n")
            assert arrived.wait(20)
            for pid in mta.processes("cleanup"):
                os.kill(pid, signal.SIGKILL)
            code, reply = client.getreply()
            assert code == 451, (code, reply)
            client.sendmail("a@client.test", ["alice@example.test"], MESSAGE)
        assert "body" in mta.mail("alice")
        assert milter.sessions[1].events[:4] == ["negotiate", "connect", "helo", "mail"], milter.sessions[1].events


def test_local_mail():
    """non_smtpd_milters: refusals come back as bounces, temporary ones keep the mail in maildrop."""
    answer = {"eom": CONTINUE}

    def script(session, event, data):
        return answer.get(event, CONTINUE)

    with ScriptedMilter(script) as milter:
        main = {"non_smtpd_milters": milter.address, "maximal_backoff_time": "1s"}
        with Instance(main=main) as mta:
            answer["eom"] = [add_header("X-Seen", "yes"), CONTINUE]
            mta.run("sendmail", "-f", "bob@example.test", "alice@example.test", input="Subject: one\n\nx\n", check=True)
            assert re.search("^X-Seen: yes$", mta.mail("alice"), re.M)
            answer["eom"] = reject("550 5.7.9 no thanks")
            mta.run("sendmail", "-f", "bob@example.test", "alice@example.test", input="Subject: two\n\nx\n", check=True)
            assert "no thanks" in mta.mail("bob")
            mta.wait_log(r"milter-reject: END-OF-MESSAGE from localhost\[127\.0\.0\.1\]: 5\.7\.9 no thanks; from=<bob@ex")
            answer["eom"] = reject("450 4.7.9 later")
            mta.run("sendmail", "-f", "bob@example.test", "carol@example.test", input="Subject: three\n\nx\n", check=True)
            mta.wait_log(r"milter-reject: END-OF-MESSAGE from .*: 4\.7\.9 later")
            assert list((mta.queue / "maildrop").iterdir())
            assert not mta.inbox("carol")


def test_not_yet_is_no_trouble():
    """A filter that wants the message later is no reason to write to the postmaster."""
    answers = iter([reject("451 4.7.1 greylisted"), TEMPFAIL, CONTINUE])
    with ScriptedMilter(lambda s, event, d: next(answers) if event == "eom" else CONTINUE) as milter:
        with Instance(main={"smtpd_milters": milter.address}) as mta:
            for _ in range(2):
                assert transact(mta, "127.0.0.1")[0] == 451
            assert transact(mta, "127.0.0.1")[0] == 250
            mta.mail("alice")
            mta.wait_log(r"(disconnect(.*\n)*.*){3}")
            assert "double-bounce" not in mta.log()


def test_accepted_session_needs_no_more():
    with ScriptedMilter(lambda s, event, d: ACCEPT if event == "connect" else CONTINUE) as milter:
        with Instance(main={"smtpd_milters": milter.address}) as mta:
            mta.send("alice@example.test", MESSAGE)
            mta.mail("alice")
            wait_for(lambda: milter.sessions[0].events[-1] == "quit", what="the end of the session")
            assert milter.sessions[0].events == ["negotiate", "connect", "quit"]


def test_filter_that_gives_no_answers():
    """Nothing that was told to it in smtpd arrives behind what it is told by cleanup."""
    no_reply = sum(1 << bit for bit in (7, 12, 13, 14, 15, 16, 17, 18, 19))
    with ScriptedMilter(lambda s, event, d: CONTINUE if event in ("negotiate", "eom") else [], steps=no_reply) as milter:
        with Instance(main={"smtpd_milters": milter.address}) as mta:
            with mta.smtp() as client:
                for _ in range(2):
                    client.sendmail("a@client.test", ["alice@example.test"], MESSAGE)
            mta.mail("alice", 2)
            wait_for(lambda: milter.sessions[0].events[-1] == "quit", what="the end of the session")
            message = ["mail", "rcpt", "data", *["header"] * 5, "eoh", "body", "eom"]
            assert milter.sessions[0].events == ["negotiate", "connect", "helo", *message, *message, "quit"]


def test_filter_that_declines_events():
    """What a filter does not want to see it is not told."""
    declined = 0x1 | 0x2 | 0x8 | 0x10 | 0x40 | 0x200  # connect helo rcpt body eoh data
    with ScriptedMilter(steps=declined) as milter, Instance(main={"smtpd_milters": milter.address}) as mta:
        mta.send("alice@example.test", MESSAGE)
        mta.mail("alice")
        wait_for(lambda: milter.sessions[0].events[-1] == "quit", what="the end of the session")
        assert milter.sessions[0].events == ["negotiate", "mail", *["header"] * 5, "eom", "quit"]
        assert all(not value.startswith(" ") for _, value in milter.sessions[0].headers)


def test_starttls_and_xclient():
    """After STARTTLS the filter hears of HELO again, with macros; another client is another session."""
    with ScriptedMilter() as milter:
        main = {"smtpd_milters": milter.address, "smtpd_tls_security_level": "may",
                "smtpd_tls_chain_files": "$config_directory/chain.pem", "smtpd_authorized_xclient_hosts": "127.0.0.1",
                "milter_helo_macros": "{tls_version} {cipher_bits} {cert_subject} {nothing}"}
        with tempfile.TemporaryDirectory() as home:
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                            "-keyout", f"{home}/key", "-out", f"{home}/cert", "-days", "2", "-subj", "/CN=mx.example.test"],
                           check=True, capture_output=True)
            chain = "".join(pathlib.Path(home, name).read_text() for name in ("key", "cert"))
        with Instance(main=main, files={"chain.pem": chain}) as mta, mta.smtp() as client:
            client.starttls(context=ssl._create_unverified_context())
            client.ehlo("again.test")
            client.mail("a@client.test")
            assert milter.sessions[0].macros["helo"]["{tls_version}"] == "TLSv1.3"
            assert milter.sessions[0].macros["helo"]["{cipher_bits}"] == "256"
            assert "{cert_subject}" not in milter.sessions[0].macros["helo"]
            client.rset()
            assert client.docmd("XCLIENT", "ADDR=192.0.2.9 NAME=other.test")[0] == 220
            client.ehlo("other.test")
            client.mail("a@client.test")
            assert milter.sessions[0].events[-2:] == ["abort", "quit"], milter.sessions[0].events
            assert milter.sessions[1].macros["connect"]["_"] == "other.test [192.0.2.9]"
            assert milter.sessions[1].events == ["negotiate", "connect", "helo", "mail"]


def test_commands_that_filters_have_no_event_for():
    """A filter that has refused the client answers them, too, once they are right in themselves."""
    nobody = "inet:127.0.0.1:1"
    main = {"smtpd_milters": nobody, "smtpd_sasl_auth_enable": "no", "smtpd_helo_required": "yes"}
    refusals = {"reject": (550, 550), "tempfail": (451, 454)}  # STARTTLS and AUTH know 454 alone
    with Instance(main=main) as mta:
        for action, (other, security) in refusals.items():
            mta.configure(milter_default_action=action)
            with smtplib.SMTP() as client:
                client.connect("127.0.0.1", mta.port)
                codes = [client.docmd(line)[0] for line in ("VRFY", "ETRN x", "AUTH", "STARTTLS x")]
                assert codes == [501, 503, 503, 501], (action, codes)
                client.ehlo()
                codes = [client.docmd(line)[0] for line in ("VRFY a", "ETRN", "HELP", "AUTH PLAIN AA==", "STARTTLS")]
                assert codes == [other, other, other, 503, security], (action, codes)
