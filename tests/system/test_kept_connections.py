"""Connections to other servers that are used again: by whom, how often, and what becomes of mail when that fails."""
import re

from harness import Instance, Sink, wait_for
from names import Names, use_resolver

NEEDS_ROOT = True

MAIN = {
    "smtp_connection_cache_destinations": "static:all",
    "smtp_connection_cache_time_limit": "20s",
    "transport_maps": "inline:{one.test=smtp:[127.0.0.2], two.test=smtp:[name.test], mx.test=smtp:mx.test, gone.test=smtp:[127.0.0.9]}",
}


def outcome(mta, recipient):
    """Of the next message: which use of its connection it was, and the answer."""
    queue_id = mta.send(recipient, "Subject: x\n\nx\n", "alice@example.test")
    line = mta.wait_log(rf"{queue_id}: to=<.*status=(\S+) \((.*)\)$")
    return int((re.search(r"conn_use=(\d+)", line[0]) or [0, 1])[1]), line[1]


def servers():
    Names({"name.test A": ["127.0.0.2"], "mx.test MX": ["10 name.test"]})
    use_resolver()
    return Sink("127.0.0.2", 25)


def test_other_next_hops_share():
    """Whatever it is called, an address is an address; a fallback relay serves in place of what is down."""
    servers()
    with Instance(main={**MAIN, "smtp_fallback_relay": "[127.0.0.2]"}) as mta:
        assert [outcome(mta, f"x@{name}.test") for name in ("one", "two", "mx", "one")] == [
            (1, "sent"), (2, "sent"), (3, "sent"), (4, "sent")]
        mta.wait_log(r"to=<x@two\.test>, relay=name\.test\[127\.0\.0\.2\]:25, conn_use=2")
        assert [outcome(mta, "x@gone.test") for _ in range(2)] == [(5, "sent"), (6, "sent")]
        assert mta.log().count("connect to 127.0.0.9[127.0.0.9]:25") == 1


def test_count_limit():
    """The limit is of times that it is used again."""
    servers()
    with Instance(main={**MAIN, "smtp_connection_reuse_count_limit": "2"}) as mta:
        assert [outcome(mta, "x@one.test")[0] for _ in range(5)] == [1, 2, 3, 1, 2]


def test_answers_count():
    """The word of a server is not asked for twice; that it has had enough on this connection is no answer."""
    sink = servers()
    with Instance(main=MAIN) as mta:
        assert outcome(mta, "x@one.test") == (1, "sent")
        sink.replies["MAIL"] = "450 4.3.0 later"
        assert outcome(mta, "x@one.test") == (2, "deferred")
        assert sum(command.startswith("MAIL") for command in sink.commands) == 2
        del sink.replies["MAIL"]
        assert outcome(mta, "x@one.test") == (3, "sent")
        sink.replies["MAIL"] = "421 4.3.2 enough"
        mta.send("y@one.test", "Subject: x\n\nx\n", "alice@example.test")
        mta.wait_log(r": host 127\.0\.0\.2\[127\.0\.0\.2\] said: 421 4\.3\.2 enough \(in reply to MAIL FROM command\)$")
        wait_for(lambda: sum(command.startswith("EHLO") for command in sink.commands) == 2, what="another connection")


def test_fallback_that_does_not_exist():
    """No mail goes back for a mistake of ours."""
    servers()
    with Instance(main={**MAIN, "smtp_fallback_relay": "nowhere.test"}) as mta:
        assert outcome(mta, "x@gone.test") == (1, "deferred")
        mta.wait_log(r"smtp\[\d+\]: warning: smtp_fallback_relay configuration problem$")
        mta.wait_log(r"to=<x@gone\.test>, relay=none, .*dsn=4\.3\.5, status=deferred \(Host or domain name not found")
