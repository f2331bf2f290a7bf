"""Every example of the manual pages is run; those that need root are in test_man_examples_root."""
import os
import re
import socket
import sqlite3
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import test_man_examples_root as as_root
from harness import Instance, free_port, wait_for
from man_pages import (Places, add_tests, asks, examples, explained, main_cf, master_cf, pages, parameters_file,
                       run_transcript, table, transcript)
from test_commands import put_message
from table_servers import Line, MariaDB, Memcached, PostgreSQL, Redis, Slapd

SANITIZED = False
TIMEOUT = 240
NEEDS_PROGRAM = "/usr/bin/redis-server"  # and the others that make deps-peers installs with it

# Examples that are not run: (page, first line): why.
NOT_RUN = {}

# What must have an example: all commands, and all kinds of tables. postfix(1) is tassis(1).
NEED_ONE = {name for name in pages() if name.endswith(".1") or name.endswith("_table.5")} - {"database_table.5"}


# -- commands


def message(mta):
    (mta.folder / "work").mkdir()
    (mta.folder / "work" / "message").write_text("Subject: make money fast\n\nHello.\n")


def held_in_maildrop(count):
    def after(mta, _):
        found = sorted((mta.queue / "maildrop").glob("*"))
        assert len(found) == count, found
    return after


def maildrop(mta):
    for name in ("maildrop", "public", "private"):
        (mta.queue / name).mkdir()
    message(mta)


def mailbox(mta):
    (mta.folder / "var-mail").mkdir()
    (mta.folder / "var-mail" / "ada").write_text("From x\n\nhello\n")


def mailbox_is_saved(mta, _):
    assert (mta.folder / "var-mail" / "ada").read_text() == ""
    assert (mta.folder / "work" / "saved").read_text() == "From x\n\nhello\n"


def logged(pattern):
    return lambda mta, _: mta.wait_log(pattern)


def put_off(mta, number, sender, recipient, name=None, **text):
    """A deferred message that the queue manager lets lie: it is not due before tomorrow."""
    path = put_message(mta, "nobody-looks-here", number, 1, sender, [recipient], **text)
    os.utime(path, (time.time() + 86400,) * 2)
    (mta.queue / "deferred").mkdir(exist_ok=True)
    path.rename(mta.queue / "deferred" / (name or path.name))
    path.parent.rmdir()


def message_to_show(mta):
    put_off(mta, 1, "ada@example.com", "grace@example.net", "48006AD4358", subject="lunch", text="At noon?")


def deferred(mta):
    for number, sender in enumerate(("ada@example.com", "grace@example.com", "ada@example.com"), 1):
        put_off(mta, number, sender, "grace@example.net")
    for name in ("incoming", "active"):
        (mta.queue / name).mkdir(exist_ok=True)


def one_of_each(mta):
    message_to_show(mta)
    put_off(mta, 2, "grace@example.com", "ada@example.net")


def one_is_left(mta, _):
    assert [entry["sender"] for entry in mta.queued().values()] == ["grace@example.com"]


def is_a_table(_, said):
    assert re.search(r"^ +TOTAL +3 +3 ", said, re.M) and re.search(r"^ +TOTAL +3 .*\n +example\.com +3 ", said, re.M), said


def all_is_sent(mta, said):
    mta.wait_log(r"(?s)(to=<grace@example\.net>.*status=sent.*){2}")
    mta.wait_log(r"to=<ada@example\.com>, relay=none.*status=sent")  # the report
    assert (mta.etc / "aliases.lmdb").exists() and ("Mail queue is empty" in said or "Queue ID" in said), said


def finger(texts):
    """The server of the page is the instance itself, with a certificate that "tassis tls" makes."""
    [text] = texts
    with Instance(start=False) as mta:
        mta.run("tassis", "tls", "enable-server", "mail.example.com", check=True)
        mta.start()
        said = run_transcript(mta, text, Places(mta, **{"[mail.example.com]:25": f"[127.0.0.1]:{mta.port}"}))
        assert re.search(r"TLS connection established to .*: TLSv1\.3 with cipher", said), said


def tls_is_on(mta, said):
    settings = mta.run("postconf", "-nh", "smtpd_tls_security_level", "smtpd_tls_key_file").out.split()
    assert settings[0] == "may" and (mta.etc / settings[1]).exists(), settings
    assert re.search(r"^_25\._tcp\.mx\.example\.com\. IN TLSA 3 1 1 [0-9a-f]{64}$", said, re.M | re.I), said


def port_has_a_service(mta):
    path = mta.etc / "master.cf"
    path.write_text(path.read_text().replace(f"127.0.0.1:{mta.port} ", "smtp "))


def parameter_is_set(mta, said):
    assert "message_size_limit = 50000000\n" in (mta.etc / "main.cf").read_text()
    assert "myhostname = mx.example.com\n" in said and re.search(r"^smtp +inet ", said, re.M), said


EXAMPLE_COM = {"biff": None, "myhostname": "mx.example.com", "mydomain": "example.com", "virtual_mailbox_domains": "example.com",
               "virtual_mailbox_maps": "inline:{ada@example.com=ada/, grace@example.com=grace/}",
               "virtual_alias_maps": "inline:{info@example.com=ada@example.com, {list@example.com=ada@example.com, grace@example.com}}"}


def tassis(texts):
    """The last is for a system that does not run."""
    with Instance(EXAMPLE_COM) as mta:
        said = "".join(run_transcript(mta, text) for text in texts[:-1])
        assert re.search(r"=> .*\b(250|OK|permit)\b", said), said
        mta.stop()
        said = run_transcript(mta, texts[-1])
        assert re.search(r"(?i)queue", said), said


FLAT = {"hash_queue_names": ""}  # as put_message makes it
PUT_OFF = {"defer_transports": "smtp, relay", **FLAT}

# -- load generators and their servers


def is_open(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def source_of(sink, place):
    """The page's command sends to our server."""
    def run(texts):
        port = free_port()
        with Instance(start=False) as mta:
            server = subprocess.Popen([mta.command(sink), f"127.0.0.1:{port}", "100"], cwd=mta.folder)
            try:
                wait_for(lambda: is_open(port), 20, "the server")
                for text in texts:
                    run_transcript(mta, text, Places(mta, **{place: f"127.0.0.1:{port}"}))
                assert server.poll() is None
            finally:
                server.terminate()
                server.wait(20)
    return run


def sink_of(source, place):
    """The page's command is the server, and ends by itself."""
    def run(texts):
        [text] = texts
        port = free_port()
        with Instance(start=False) as mta, ThreadPoolExecutor(1) as pool:
            places = Places(mta, **{place: f"127.0.0.1:{port}"})
            served = pool.submit(run_transcript, mta, text, places, passed_over="lost connection")  # is_open says nothing
            wait_for(lambda: served.done() or is_open(port), 20, "the server")
            subprocess.run([mta.command(source), "-m", "20", f"127.0.0.1:{port}"], check=True, timeout=60)
            served.result(60)
    return run


COMMANDS = {
    "qmqp-sink.1": sink_of("qmqp-source", "127.0.0.1:2628"),
    "qmqp-source.1": source_of("qmqp-sink", "127.0.0.1:2628"),
    "smtp-sink.1": sink_of("smtp-source", "127.0.0.1:2525"),
    "smtp-source.1": source_of("smtp-sink", "127.0.0.1:2525"),
    "postalias.1": transcript(files={"aliases": "postmaster: root\nroot: ada\n"}),
    "postcat.1": transcript(FLAT, prepare=message_to_show),
    "postconf.1": transcript({"myhostname": "mx.example.com"}, prepare=port_has_a_service, after=parameter_is_set),
    "postdrop.1": transcript(prepare=maildrop, after=held_in_maildrop(1)),
    "postkick.1": transcript(start=True),
    "postlock.1": transcript(prepare=mailbox, after=mailbox_is_saved),
    "postlog.1": transcript(after=logged(r"postfix/backup\[\d+\]: warning: the copy of the queue is incomplete")),
    "postmap.1": transcript(files={"virtual": "user@example.com ada@example.com\n",
                                   "header_checks": "/make money fast/ REJECT no, thank you\n"}, prepare=message),
    "postqueue.1": transcript(PUT_OFF, start=True, prepare=deferred),
    "postsuper.1": transcript(PUT_OFF, start=True, prepare=one_of_each, after=one_is_left),
    "qshape.1": transcript(FLAT, prepare=deferred, after=is_a_table),
    "sendmail.1": transcript({"default_transport": "discard", "alias_database": "lmdb:$config_directory/aliases"}, start=True,
                             files={"aliases": "root: ada\n"}, prepare=message, after=all_is_sent),
    "posttls-finger.1": finger,
    "postfix-tls.1": transcript(start=True, after=tls_is_on),
    "tassis.1": tassis,
    "cdb_table.5": transcript(files={"relocated": "ada@example.com ada@example.net\n"}),
    "lmdb_table.5": transcript(files={"access": "192.0.2 REJECT\n"}),
}

# -- tables

ACCESS = {"smtpd_client_restrictions": "check_client_access TABLE", "mynetworks": "127.0.0.1"}
RELAY = {"relay_domains": "example.com, old.example.com, slow.example.com, sub.example.com, inside.example", "relay_recipient_maps": ""}

TABLES = {
    "access.5": explained(ACCESS, [
        ("--from 192.0.2.9 a@x.test alice@example.test", "REJECT no mail from this network", r"=> 554 5\.7\.1 .*no mail from this network"),
        ("--from 192.0.2.25 a@x.test alice@example.test", r'"192\.0\.2\.25": "OK"'),
    ]),
    "aliases.5": explained({"mydestination": "example.test", "virtual_mailbox_domains": "", "alias_maps": "TABLE", "local_recipient_maps": ""}, [
        ("postmaster@example.test", '"postmaster": "root"'),
        ("root@example.test", '"root": "ada, grace@example.com"'),
        ("support@example.test", ":include:/etc/mail/support"),
        ("tickets@example.test", "/usr/local/bin/ticket --queue mail"),
    ], kind="alias"),
    "canonical.5": explained({"canonical_maps": "TABLE", "mydestination": "example.test", "virtual_mailbox_domains": "",
                              "local_recipient_maps": ""}, [
        ("wietse@example.test", '"wietse": "Wietse.Venema"', r"recipient Wietse\.Venema@example\.test"),
        ("ada@example.com", r"recipient ada\.lovelace@example\.com"),
        ("grace@old.example.com", r"recipient grace@example\.com"),
    ]),
    "relocated.5": explained({"relocated_maps": "TABLE", "mydestination": "example.com, example.test", "virtual_mailbox_domains": "",
                              "relay_domains": "old.example.com", "local_recipient_maps": ""}, [
        ("ada@example.com", "ada@example.net"),
        ("grace@example.test", r"Yale University, \+1 555 0100"),
        ("x@old.example.com", "new.example.com"),
    ]),
    "transport.5": explained({**RELAY, "transport_maps": "TABLE"}, [
        ("x@example.com", r"=> transport smtp, next hop \[gateway\.example\.com\],"),
        ("x@sub.example.com", r"=> transport relay, next hop \[gateway\.example\.com\]:2525,"),
        ("ada@example.com", r"=> transport lmtp, next hop unix:private/lmtp,"),
        ("x@old.example.com", r"=> transport error, next hop 5\.1\.2 this domain is gone,"),
        ("x@slow.example.com", r"=> transport slow, next hop slow\.example\.com,"),
        ("x@inside.example", r"=> transport relay, next hop \[10\.0\.0\.1\],"),
        ("x@elsewhere.test", r"=> transport smtp, next hop \[smarthost\.example\.com\],"),
    ]),
    "virtual.5": explained({"virtual_alias_maps": "TABLE", "virtual_alias_domains": "old.example.com, example.org",
                            "mydestination": "example.com", "local_recipient_maps": ""}, [
        ("postmaster@example.com", r"recipient postmaster@example\.test"),
        ("info@example.com", r"recipient ada@example\.\w+:", r"recipient grace@example\.net"),
        ("x@old.example.com", r"recipient x@example\.com"),
        ("list@example.com", r"recipient list@example\.com", r"recipient archive@example\.test"),
        ("ada@example.org", r"recipient ada@example\.com"),
    ]),
    "discard.8": explained({"transport_maps": "TABLE"}, [("noreply@example.com", "=> transport discard, next hop nobody reads this,")]),
    "error.8": explained({"transport_maps": "TABLE"}, [
        ("x@old.example.com", r"=> transport error, next hop 5\.1\.6 moved to new\.example\.com,"),
        ("x@example.net", r"=> transport retry, next hop 4\.3\.2 down for maintenance until Monday,"),
    ]),
    "cidr_table.5": table("cidr", keys={"192.168.7.9": "REJECT", "192.168.8.9": "OK", "10.0.0.1": None, "2001:db8::7": "OK"}),
    "header_checks.5": table("regexp", keys={
        "Subject: make money fast": "REJECT no, thank you", "X-Mailer: EvilMail 1": "HOLD have a look",
        "Received: from 10.0.0.1": "IGNORE", "Received: from 10x0.0.1": None,
        'Content-Type: x; name="a.exe"': "REJECT 5.7.1 no programs, please", "Subject: exe": None}),
    "regexp_table.5": table("regexp", keys={"announce@example.com": "REJECT", "owner-announce@example.com": "REJECT",
                                            "announce@example.com.test": None, "Subject: [spam] x": "HOLD", "To: [spam]": None}),
    "pcre_table.5": table("pcre", keys={"robot123456@example.com": "REJECT 5.7.1 no robots", "ada@example.com": None,
                                        "list-request@example.com": "list-owner@example.com", "owner-list-request@example.com": None}),
}


# -- parts of configurations

CONFIGURATIONS = {
    "master.5": master_cf(known=[r"archive\b"], lines={
        "submission/inet": "submission inet n - n - - smtpd -o syslog_name=postfix/submission "
                           "-o smtpd_tls_security_level=encrypt "
                           "-o {smtpd_recipient_restrictions=permit_sasl_authenticated, reject}",
        "archive/unix": "archive unix - n n - 2 pipe flags=DRhu user=archive argv=/usr/local/bin/archive ${recipient}"}),
    "pipe.8": master_cf(known=[r"archive\b"], lines={
        "archive/unix": "archive unix - n n - 10 pipe flags=Rq user=archive:mail null_sender= "
                        "argv=/usr/local/bin/store -f ${sender} -- ${recipient}"}),
    "postscreen.8": master_cf(known=[], lines={"smtp/inet": "smtp inet n - n - 1 postscreen",
                                               "smtpd/pass": "smtpd pass - - n - - smtpd"}),
    "qmqpd.8": master_cf(known=[], lines={"628/inet": "628 inet n - n - - qmqpd"}),
    "sasl.8": master_cf(lines={"sasl/unix": "sasl unix - - n - - sasl"}),
    "spawn.8": master_cf(known=[r"policy-server"], lines={
        "policy/unix": "policy unix - n n - 0 spawn user=nobody argv=/usr/local/libexec/policy-server"}),
}


def bounce(texts):
    setting, template = texts
    main_cf(files={"bounce.cf": template}, bounce_template_file="/etc/postfix/bounce.cf")([setting])
    with Instance({"myhostname": "mx.example.com"}, start=False, files={"bounce.cf": template}) as mta:
        result = mta.run("postconf", "-b", mta.etc / "bounce.cf")
        assert not result.err and "This is the mail system at host mx.example.com." in result.out, (result.out, result.err)
        result = mta.run("postconf", "-t", mta.etc / "bounce.cf")
        assert not result.err and template in result.out, (result.out, result.err)


def tokens(texts):
    settings, service = texts
    main_cf(known=["token"], relayhost="[smtp.gmail.com]:587", smtp_sasl_auth_enable="yes",
            smtp_sasl_token_maps="inline:{ { [smtp.gmail.com]:587 = me@example.com:google } }")([settings])
    master_cf(known=["token"], lines={"sasltoken/unix": "sasltoken unix - n n - 1 sasltoken"})([service])


def list_of_tables(texts):
    setting, rules = texts
    main_cf(files={"virtual": "x y\n", "lists": "/^x$/ y\n"}, known=["virtual.lmdb"],
            virtual_alias_maps="lmdb:/etc/postfix/virtual, pcre:/etc/postfix/lists")([setting])
    with Instance(start=False) as mta:
        asks(mta, rules.strip(), {"192.168.2.3": "OK", "10.1.1.1": "REJECT"})


CONFIGURATIONS.update({"bounce.5": bounce, "sasltoken.8": tokens, "tables.5": list_of_tables})


# -- servers


def asks_server(kind, text, changes, answers, files=None):
    with parameters_file(kind, text, changes, files) as ask:
        ask(answers)


INFO = {"info@example.com": "ada@example.com", "nobody@example.com": None}
CREATE = "CREATE TABLE alias (address varchar(99), goto varchar(99){more}); INSERT INTO alias VALUES ('info@example.com', 'ada@example.com'{value});"


def mysql(texts):
    [text] = texts
    with MariaDB() as server:
        server.sql("CREATE DATABASE mail; CREATE USER mail@'127.0.0.1' IDENTIFIED BY 'secret'; GRANT ALL ON mail.* TO mail@'127.0.0.1';")
        server.sql(CREATE.format(more=", active boolean", value=", TRUE") +
                   "INSERT INTO alias VALUES ('nobody@example.com', 'x@example.com', FALSE);", "mail")
        asks_server("mysql", text, {"127.0.0.1": f"inet:127.0.0.1:{server.port}"}, INFO)


def pgsql(texts):
    [text] = texts
    with PostgreSQL() as server:
        server.sql("CREATE DATABASE mail;")
        server.run(server.bin / "psql", "-h", server.folder, "-p", server.port, "-U", "mail", "-d", "mail", "-q",
                   input=CREATE.format(more="", value=""))
        os.environ["PGPORT"] = str(server.port)  # of the socket
        asks_server("pgsql", text, {"unix:/run/postgresql": f"unix:{server.folder}", "db2.example.com": f"inet:127.0.0.1:{server.port}"}, INFO)


def sqlite(texts):
    [text] = texts
    with Instance(start=False) as mta:
        path = mta.folder / "users.db"
        with sqlite3.connect(path) as database:
            database.executescript(CREATE.format(more="", value=""))
        asks_server("sqlite", text, {"/var/lib/mail/users.db": str(path)}, INFO)


def redis(texts):
    [text] = texts
    with Redis() as server:
        server.set("HSET", "alias:example.com", "info", "ada@example.com")
        asks_server("redis", text, {"127.0.0.1": f"127.0.0.1:{server.port}"}, INFO)


def memcache(texts):
    [text] = texts
    with Memcached() as server, Instance(start=False, files={"virtual": "info@example.com ada@example.com\n"}) as mta:
        mta.run("postmap", f"lmdb:{mta.etc}/virtual", check=True)
        changes = {"127.0.0.1:11211": f"127.0.0.1:{server.port}", "/etc/postfix": str(mta.etc)}
        asks_server("memcache", text, changes, INFO)
        assert "ada@example.com" in server.ask("get virtual:info@example.com\r\n")


GROUP = """\
dn: dc=example,dc=test
objectClass: dcObject
objectClass: organization
o: x
dc: example

dn: cn=ada,dc=example,dc=test
objectClass: inetOrgPerson
cn: ada
sn: ada
mail: ada@example.com

dn: ou=groups,dc=example,dc=test
objectClass: organizationalUnit
ou: groups

dn: cn=info,ou=groups,dc=example,dc=test
objectClass: organizationalRole
objectClass: mailGroup
cn: info
mail: info@example.com
member: cn=ada,dc=example,dc=test
"""


def ldap(texts):
    [text] = texts
    with Slapd() as server:
        server.add(GROUP)
        asks_server("ldap", text, {"ldap://ldap.example.com": f"ldap://127.0.0.1:{server.port}",
                                       "dc=example,dc=com": server.SUFFIX}, INFO)


def line_server(place, texts):
    """The second text is a question and its answer."""
    text, dialogue = texts
    question, answer = dialogue.splitlines()
    netstring = question.endswith(",")
    with Line(question + ("" if netstring else "\n"), answer + ("" if netstring else "\n")) as server:
        with Instance(start=False) as mta:
            run_transcript(mta, text, Places(mta, **{place: f"127.0.0.1:{server.port}"}))


def socketmap(texts):
    line_server("127.0.0.1:10120", texts)


def tcp(texts):
    line_server("127.0.0.1:10121", texts)


SERVERS = {
    "ldap_table.5": ldap, "memcache_table.5": memcache, "mysql_table.5": mysql, "pgsql_table.5": pgsql,
    "redis_table.5": redis, "socketmap_table.5": socketmap, "sqlite_table.5": sqlite, "tcp_table.5": tcp,
}

RUN = {**COMMANDS, **TABLES, **CONFIGURATIONS, **SERVERS}


def test_none_is_left_out():
    known = set(RUN) | set(as_root.RUN)
    with_examples = {page for page in pages() if examples(page)}
    assert with_examples - known == set(), "examples that nothing runs"
    assert known - with_examples == set(), "pages without the examples that a test expects"
    assert NEED_ONE - with_examples - {"postfix.1"} == set(), "pages that need an example"
    assert len(NOT_RUN) < 5


add_tests(globals(), RUN, NOT_RUN)
