"""Tables in database servers: what they answer, and what becomes of mail when they do not."""
import contextlib
import re
import sqlite3
import time

from harness import Instance, free_port, wait_for
from table_servers import MariaDB, Memcached, Nonsense, PostgreSQL, Redis, Slapd

TIMEOUT = 400
NEEDS_PROGRAM = "/usr/bin/redis-server"  # and the others that make deps-peers installs with it

# What pickup could not take is tried at its next awakening: in the tests of outages that is not a minute away.
PICKUP = "pickup unix n - n 2 1 pickup\n"

ROWS = [
    ("info@v.test", "alice@example.test"),
    ("two@v.test", "alice@example.test"),
    ("two@v.test", "bob@example.test"),
    ("o'brien\\@v.test", "carol@example.test"),
    ("\u00fcml\u00e4ut@v.test", "dave@example.test"),
    ("list@v.test", "alice@example.test,bob@example.test"),
    ("nothing@v.test", None),
]


def sql_rows(quote):
    values = ", ".join(f"({quote(k)}, {quote(v) if v else 'NULL'})" for k, v in ROWS)
    return f"CREATE TABLE alias (address varchar(100), goto varchar(200)); INSERT INTO alias VALUES {values};"


def ask(mta, spec, key):
    result = mta.run("postmap", "-q", key, spec)
    assert not result.err, result.err
    assert result.returncode == (0 if result.out else 1)
    return result.out.rstrip("\n") or None


def fails(mta, spec, key, reason):
    result = mta.run("postmap", "-q", key, spec)
    assert result.returncode == 1 and re.search(reason, result.err), result.err


def check_sql_answers(mta, kind, settings):
    """The same for each kind of SQL; settings(query) is the file without more."""
    select = "SELECT goto FROM alias WHERE address = '%s'"
    spec = f"{kind}:{mta.etc}/t.cf"

    def table(query=select, more=""):
        mta.write("t.cf", settings(query) + more)
        return spec

    table()
    assert ask(mta, spec, "info@v.test") == "alice@example.test"
    assert ask(mta, spec, "INFO@v.test") == "alice@example.test"
    assert ask(mta, spec, "two@v.test") == "alice@example.test,bob@example.test"
    assert ask(mta, spec, "o'brien\\@v.test") == "carol@example.test"
    assert ask(mta, spec, "\u00fcml\u00e4ut@v.test") == "dave@example.test"
    assert ask(mta, spec, "x' OR '1'='1") is None
    assert ask(mta, spec, "nothing@v.test") is None
    out = mta.run("postmap", "-q", "-", spec, input="info@v.test\nmissing\ntwo@v.test\n").out
    assert out == "info@v.test\talice@example.test\ntwo@v.test\talice@example.test,bob@example.test\n"
    table(more="result_format = smtp:[%d]/%U\n")
    assert ask(mta, spec, "info@v.test") == "smtp:[example.test]/info"
    table("SELECT goto FROM alias WHERE address = '%u@%2.%1'")
    assert ask(mta, spec, "info@some.v.test") == "alice@example.test"
    assert ask(mta, spec, "info") is None and ask(mta, spec, "@v.test") is None
    table(more="expansion_limit = 1\n")
    assert ask(mta, spec, "info@v.test") == "alice@example.test"
    fails(mta, spec, "two@v.test", "Expansion limit exceeded for key 'two@v.test'")
    table(more="domain = other.test, v.test\n")
    assert ask(mta, spec, "info@v.test") == "alice@example.test"
    table(more="domain = other.test\n")
    assert ask(mta, spec, "info@v.test") is None
    mta.write("t.cf", re.sub("(?m)^query.*\n", "", settings("")) +
              "select_field = goto\ntable = alias\nwhere_field = address\nadditional_conditions = AND 1 = 1\n")
    assert ask(mta, spec, "info@v.test") == "alice@example.test"
    table("SELECT no_such_column FROM alias")
    fails(mta, spec, "x", rf"{kind}:{mta.etc}/t.cf: query failed: .*no_such_column")
    in_main = {f"old_{k.strip()}": v.strip() for k, v in (line.split("=", 1) for line in settings(select).splitlines())}
    mta.write_main(**in_main)
    assert ask(mta, f"{kind}:old", "info@v.test") == "alice@example.test"
    table()


def rcpt(mta, address):
    with mta.smtp() as client:
        client.mail("a@client.test")
        code, text = client.rcpt(address)
        return f"{code} {text.decode()}"


def refused_for_now(mta, spec, reason):
    """What a broken table means: a 4xx in bounded time, a log line with table and reason."""
    seen, start = len(mta.log()), time.monotonic()
    answer = rcpt(mta, "info@v.test")
    assert answer.startswith("451 4.3.0 <info@v.test>: Temporary lookup failure"), answer
    assert time.monotonic() - start < 20
    wait_for(lambda: re.search(reason, mta.log()[seen:]), what=f"log of {reason}")
    wait_for(lambda: f"{spec} lookup error" in mta.log()[seen:], what="log of the failed look-up")


def check_bad_question(mta, kind, settings):
    """What one key cannot be answered for is not the server's fault: the others are, at once."""
    spec = f"{kind}:{mta.etc}/t.cf"
    mta.write("t.cf", settings("SELECT goto FROM alias WHERE address = '%s' AND "
                               "(SELECT 1 UNION SELECT CASE WHEN '%s' LIKE 'bad%%' THEN 2 ELSE 1 END) = 1"))
    mta.write_main(virtual_alias_domains="v.test", virtual_alias_maps=spec)
    mta.start()
    assert rcpt(mta, "info@v.test").startswith("250")
    assert rcpt(mta, "bad@v.test").startswith("451 4.3.0 <bad@v.test>: Temporary lookup failure")
    assert rcpt(mta, "info@v.test").startswith("250")
    mta.wait_log(rf"{kind}:{mta.etc}/t.cf: query failed: .*more than (one|1) row")
    mta.stop()


def check_outages(mta, kind, server, garbage, write_table):
    """The server goes away, hangs, comes back; another one talks nonsense."""
    spec = f"{kind}:{mta.etc}/t.cf"
    write_table(server.port)
    mta.write_main(virtual_alias_domains="v.test", virtual_alias_maps=spec)
    mta.start()
    mta.send("info@v.test", "Subject: one\n\nx\n")
    mta.mail("alice")
    assert mta.processes("proxymap")
    server.freeze()
    refused_for_now(mta, spec, "(?i)time(d )?-?out|unavailable|lost connection|too long|gone away")
    server.thaw()
    wait_for(lambda: rcpt(mta, "info@v.test").startswith("250"), what="the thawed server")
    server.kill()
    refused_for_now(mta, spec, "(?i)connect")
    mta.run("sendmail", "info@v.test", input="Subject: two\n\nx\n", check=True)
    mta.wait_log("(?s)pickup.*lookup error for \"info@v.test\"")
    assert len(mta.inbox("alice")) == 1
    server.start()
    wait_for(lambda: rcpt(mta, "info@v.test").startswith("250"), what="the server's return")
    mta.run("postqueue", "-f")
    mta.mail("alice", 2, seconds=90)
    write_table(garbage.port)
    mta.run("tassis", "reload", check=True)

    def is_refused():
        return rcpt(mta, "info@v.test").startswith("451")

    wait_for(is_refused, what="the new table")
    refused_for_now(mta, spec, rf"{kind}:{mta.etc}/t.cf|connect to {kind} server")


def test_pgsql():
    with PostgreSQL() as server, Instance(start=False, master=PICKUP) as mta:
        server.sql(sql_rows(lambda s: "'" + s.replace("'", "''") + "'"))
        server.sql("CREATE FUNCTION find(varchar) RETURNS varchar AS 'SELECT goto FROM alias WHERE address = $1' LANGUAGE sql;")
        check_sql_answers(mta, "pgsql", server.settings)
        check_bad_question(mta, "pgsql", server.settings)
        spec = f"pgsql:{mta.etc}/t.cf"
        base = server.settings("SELECT goto FROM alias WHERE address = '%s'")
        mta.write("t.cf", re.sub("(?m)^query.*\n", "select_function = find\n", base))
        assert ask(mta, spec, "info@v.test") == "alice@example.test"
        mta.write("t.cf", re.sub("(?m)^hosts.*", f"hosts = unix:{server.folder}", base).replace(
            "user =", f"port = {server.port}\nuser ="))
        mta.write("t.cf", re.sub("(?m)^hosts.*", f"hosts = postgresql://mail@127.0.0.1:{server.port}/postgres", base))
        assert ask(mta, spec, "info@v.test") == "alice@example.test"
        mta.write("t.cf", re.sub("(?m)^hosts.*", f"hosts = 127.0.0.1:1 127.0.0.1:{server.port}, 127.0.0.1:2", base))
        assert "alice@example.test" in {mta.run("postmap", "-q", "info@v.test", spec).out.strip() for _ in range(3)}
        more = "retry_interval = 1\ntimeout = 2\n"
        check_outages(mta, "pgsql", server, Nonsense(b"what?\r\n" * 100), lambda port: mta.write(
            "t.cf", base.replace(str(server.port), str(port)) + more))


def test_sqlite():
    with Instance(start=False, master=PICKUP) as mta:
        path = mta.folder / "t.db"
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.executescript(sql_rows(lambda s: "'" + s.replace("'", "''") + "'"))
        check_sql_answers(mta, "sqlite", lambda query: f"dbpath = {path}\nquery = {query}\n")
        spec = f"sqlite:{mta.etc}/t.cf"
        mta.write_main(virtual_alias_domains="v.test", virtual_alias_maps=spec)
        mta.start()
        mta.send("info@v.test", "Subject: one\n\nx\n")
        mta.mail("alice")
        for change, reason in ((lambda: path.rename(f"{path}.away"), "Can't open database"),
                               (lambda: path.write_bytes(b"what?" * 1000), "file is not a database")):
            change()
            mta.run("tassis", "reload", check=True)
            wait_for(lambda: rcpt(mta, "info@v.test").startswith("451"), what="a refusal")
            refused_for_now(mta, spec, reason)
        mta.run("sendmail", "info@v.test", input="Subject: two\n\nx\n", check=True)
        mta.wait_log("(?s)pickup.*lookup error for \"info@v.test\"")
        assert len(mta.inbox("alice")) == 1
        path.with_name("t.db.away").rename(path)
        wait_for(lambda: rcpt(mta, "info@v.test").startswith("250"), what="the database's return")
        mta.run("postqueue", "-f")
        mta.mail("alice", 2, seconds=90)


def test_mysql():
    with MariaDB() as server, Instance(start=False, master=PICKUP) as mta:
        server.sql("CREATE DATABASE mail CHARACTER SET utf8mb4; CREATE USER mail@'127.0.0.1' IDENTIFIED BY 'secret';"
                   "GRANT ALL ON mail.* TO mail@'127.0.0.1';")
        server.sql(sql_rows(lambda s: "'" + s.replace("\\", "\\\\").replace("'", "''") + "'"), "mail")
        server.sql("CREATE PROCEDURE one(IN k VARCHAR(100)) READS SQL DATA SELECT goto FROM alias WHERE address = k;"
                   "CREATE PROCEDURE none(IN k VARCHAR(100)) SET @x = k;"
                   "\nDELIMITER //\nCREATE PROCEDURE two(IN k VARCHAR(100)) BEGIN SELECT 1; SELECT 2; END//\n", "mail")
        check_sql_answers(mta, "mysql", server.settings)
        check_bad_question(mta, "mysql", server.settings)
        spec = f"mysql:{mta.etc}/t.cf"
        mta.write("t.cf", server.settings("CALL one('%s')"))
        assert ask(mta, spec, "info@v.test") == "alice@example.test"
        assert mta.run("postmap", "-q", "-", spec, input="info@v.test\nx\ninfo@v.test\n").out.count("alice") == 2
        mta.write("t.cf", server.settings("CALL none('%s')"))
        fails(mta, spec, "x", r"query returned no result set \(require_result_set = yes\)")
        mta.write("t.cf", server.settings("CALL none('%s')") + "require_result_set = no\n")
        assert ask(mta, spec, "x") is None
        mta.write("t.cf", server.settings("CALL two('%s')"))
        fails(mta, spec, "x", "multiple result sets")
        base = server.settings("SELECT goto FROM alias WHERE address = '%s'")
        mta.write("t.cf", base.replace("password = secret", "password = wrong"))
        fails(mta, spec, "x", "connect to mysql server inet:127.0.0.1:.*Access denied")
        more = "retry_interval = 1\ntimeout = 2\n"
        check_outages(mta, "mysql", server, Nonsense(b"what?\r\n" * 100, b"\x05\0\0\0what?"), lambda port: mta.write(
            "t.cf", base.replace(str(server.port), str(port)) + more))


def filled_again(server, fill):
    """A server that keeps nothing on disk is filled whenever it starts."""
    start = server.start
    server.start = lambda: (start(), fill())


def test_redis():
    with Redis() as server, Instance(start=False, master=PICKUP) as mta:
        spec = f"redis:{mta.etc}/t.cf"
        base = f"hosts = 127.0.0.1:{server.port}\nretry_interval = 1\ntimeout = 2\n"
        server.set("SET", "alias:info@v.test", "alice@example.test")
        server.set("HSET", "v.test", "info", "bob@example.test")
        server.set("HSET", "v.test", "a b\\c", "carol@example.test")
        server.set("LPUSH", "alias:list@v.test", "x")
        mta.write("t.cf", base + "query = GET alias:%s\n")
        assert ask(mta, spec, "INFO@v.test") == "alice@example.test"
        assert ask(mta, spec, "missing@v.test") is None
        fails(mta, spec, "list@v.test", f"{spec}: query failed: WRONGTYPE")
        mta.write("t.cf", base + "query = HGET %d %u\nresult_format = %s for %S\n")
        assert ask(mta, spec, "info@v.test") == "bob@example.test for info@v.test"
        assert ask(mta, spec, "a b\\c@v.test") == "carol@example.test for a b\\c@v.test"
        assert ask(mta, spec, "info") is None
        mta.write("t.cf", f"hosts = unix:{server.folder}/socket\ndbname = 1\nquery = GET %s\n")
        assert ask(mta, spec, "info@v.test") is None
        mta.write("t.cf", base + "query = DEL %s\n")
        fails(mta, spec, "x", 'need "GET key" or "HGET hash field" instead of: query = DEL %s')
        mta.write("t.cf", base + "query = GET %s\npassword = wrong\n")
        fails(mta, spec, "x", f"connect to redis server 127.0.0.1:{server.port}: .*AUTH")

        def write_table(port):
            mta.write("t.cf", base.replace(str(server.port), str(port)) + "query = GET alias:%s\n")

        filled_again(server, lambda: server.set("SET", "alias:info@v.test", "alice@example.test"))
        check_outages(mta, "redis", server, Nonsense(b"what?\r\n"), write_table)


def test_memcache():
    with Memcached() as server, Instance(start=False, master=PICKUP, files={"back": "info@v.test alice@example.test\n"}) as mta:
        spec = f"memcache:{mta.etc}/t.cf"
        base = f"memcache = inet:127.0.0.1:{server.port}\ntimeout = 1\nretry_pause = 1\n"
        mta.run("postmap", f"lmdb:{mta.etc}/back", check=True)

        def fill():
            server.ask("set alias:info@v.test 0 0 18\r\nalice@example.test\r\n")

        fill()
        mta.write("t.cf", base + "key_format = alias:%s\n")
        assert ask(mta, spec, "INFO@v.test") == "alice@example.test"
        assert ask(mta, spec, "x@v.test") is None and ask(mta, spec, "with space") is None
        assert ask(mta, spec, "x" * 300) is None
        mta.run("postmap", "-i", spec, input="two@v.test bob@example.test\n", check=True)
        assert ask(mta, spec, "two@v.test") == "bob@example.test"
        assert "VALUE alias:two@v.test 0 16\r\nbob@example.test" in server.ask("get alias:two@v.test\r\n")
        assert mta.run("postmap", "-d", "two@v.test", spec).returncode == 0
        assert mta.run("postmap", "-d", "two@v.test", spec).returncode == 1
        assert ask(mta, spec, "two@v.test") is None
        assert "does not support bulk-mode creation" in mta.run("postmap", spec).err
        mta.write("t.cf", base + "key_format = %d/%u\ndomain = w.test\n")
        assert ask(mta, spec, "info@v.test") is None
        server.ask("set big 0 0 20000\r\n" + "x" * 20000 + "\r\n")
        mta.write("t.cf", base)
        fails(mta, spec, "big", "unexpected memcache server reply: VALUE big 0 20000")
        mta.write("t.cf", base + f"backup = lmdb:{mta.etc}/back\nkey_digest = sha256\nttl = 60\n")
        assert ask(mta, spec, "info@v.test") == "alice@example.test"
        mta.write("back", "")
        mta.run("postmap", f"lmdb:{mta.etc}/back", check=True)
        assert ask(mta, spec, "info@v.test") == "alice@example.test"  # remembered
        mta.run("postmap", "-i", spec, input="two@v.test bob@example.test\n", check=True)
        assert ask(mta, f"lmdb:{mta.etc}/back", "two@v.test") == "bob@example.test"
        assert mta.run("postmap", "-s", spec).out == "two@v.test\tbob@example.test\n"
        server.kill()
        result = mta.run("postmap", "-q", "two@v.test", spec)
        assert result.out == "bob@example.test\n" and "connect to 127.0.0.1" in result.err
        server.start()
        fill()
        filled_again(server, fill)
        processes = mta.processes
        mta.processes = lambda *_: processes()  # no proxymap is wanted: the workers ask by themselves
        check_outages(mta, "memcache", server, Nonsense(b"what?\r\n"), lambda port: mta.write(
            "t.cf", base.replace(str(server.port), str(port)) + "key_format = alias:%s\n"))


def directory():
    entry = "dn: cn={},ou=people,dc=example,dc=test\nobjectclass: {}\ncn: {}\n{}\n"
    people = {"alice": "description: one\ndescription: two\n", "bob": "mail: bobby@example.test\n", "carol": "",
              "odd (star*)": "", "comma\\, x": ""}
    text = ("dn: dc=example,dc=test\nobjectclass: dcObject\nobjectclass: organization\no: Example\ndc: example\n\n"
            "dn: ou=people,dc=example,dc=test\nobjectclass: organizationalUnit\nou: people\n\n")
    for name, more in people.items():
        plain = name.replace("\\", "")
        text += entry.format(name, "inetOrgPerson", plain, f"sn: x\nmail: {plain.split()[0].strip(',')}@example.test\n{more}")
    text += entry.format("team", "groupOfNames\nobjectclass: mailGroup", "team", "mail: team@example.test\n" + "".join(
        f"member: cn={name},ou=people,dc=example,dc=test\n" for name in ("alice", "bob", "nobody")) +
        "memberURL: ldap:///ou=people,dc=example,dc=test?mail?sub?(cn=carol)\n")
    return text + entry.format("loop", "groupOfNames\nobjectclass: mailGroup", "loop", "mail: loop@example.test\n"
                               "member: cn=loop,ou=people,dc=example,dc=test\n")


def test_ldap():
    with Slapd() as server, Instance(start=False, master=PICKUP) as mta:
        server.add(directory())
        spec = f"ldap:{mta.etc}/t.cf"
        base = {"server_host": "127.0.0.1", "server_port": server.port, "search_base": "ou=people,dc=example,dc=test",
                "bind": "no", "query_filter": "mail=%s", "result_attribute": "mail", "timeout": 2}

        def table(**changes):
            mta.write("t.cf", "".join(f"{k} = {v}\n" for k, v in {**base, **changes}.items()))

        table(query_filter="cn=%s")
        assert ask(mta, spec, "Alice") == "alice@example.test"
        assert ask(mta, spec, "odd (star*)") == "odd@example.test"
        assert ask(mta, spec, "comma, x") == "comma@example.test"
        assert ask(mta, spec, "a*") is None and ask(mta, spec, "nobody") is None
        table(query_filter="cn=%s", search_base="cn=%s,ou=people,dc=example,dc=test", scope="base")
        assert ask(mta, spec, "comma, x") == "comma@example.test" and ask(mta, spec, "nobody") is None
        table(query_filter="(&(cn=%u)(objectclass=inetOrgPerson))", result_format="%u/%D")
        assert ask(mta, spec, "bob@x.test") == "bob/x.test,bobby/x.test" and ask(mta, spec, "@x.test") is None
        table(result_attribute="description, mail")
        assert sorted(ask(mta, spec, "alice@example.test").split(",")) == ["alice@example.test", "one", "two"]
        table(result_attribute="", leaf_result_attribute="mail", special_result_attribute="member, memberURL")
        result = mta.run("postmap", "-q", "team@example.test", spec)
        assert result.out == "alice@example.test,bob@example.test,bobby@example.test,carol@example.test\n", result.out
        assert "DN cn=nobody,ou=people,dc=example,dc=test not found, skipping" in result.err
        assert ask(mta, spec, "alice@example.test") == "alice@example.test"
        fails(mta, spec, "loop@example.test", "Recursion limit exceeded")
        table(terminal_result_attribute="description")
        assert ask(mta, spec, "alice@example.test") == "one,two"
        table(expansion_limit=1)
        fails(mta, spec, "bob@example.test", "Expansion limit exceeded for key 'bob@example.test'")
        table(query_filter="mail=*", size_limit=2)
        fails(mta, spec, "x", r"Query size limit \(2\) exceeded")
        table(search_base="ou=missing,dc=example,dc=test")
        fails(mta, spec, "x", "Search base 'ou=missing,dc=example,dc=test' not found: 32: No such object")
        table(query_filter="((mail=%s")
        fails(mta, spec, "x", "Search error -7: Bad search filter")
        table(bind="yes", bind_dn="cn=admin,dc=example,dc=test", bind_pw="wrong")
        fails(mta, spec, "x", r"Unable to bind to server ldap://127.0.0.1:\d+ with dn cn=admin,dc=example,dc=test: 49 \(Invalid")
        table(bind="simple", bind_dn="cn=admin,dc=example,dc=test", bind_pw="secret")
        assert ask(mta, spec, "carol@example.test") == "carol@example.test"
        server.add("dn: cn=info,ou=people,dc=example,dc=test\nobjectclass: inetOrgPerson\ncn: info\nsn: x\n"
                   "mail: info@v.test\ntitle: alice@example.test\n")
        check_outages(mta, "ldap", server, Nonsense(b"what?\r\n" * 100),
                      lambda port: table(server_port=port, result_attribute="title"))


def test_missing_plug_in_is_said():
    with Instance(start=False) as mta:
        port = free_port()
        mta.write("t.cf", f"hosts = 127.0.0.1:{port}\nquery = x\n")
        mta.write_main(virtual_alias_domains="v.test", virtual_alias_maps="nis:aliases nisplus:x")
        for kind in ("nis", "nisplus"):
            fails(mta, f"{kind}:x", "x", f"unsupported dictionary type: {kind} .*not supported")
        mta.start()
        assert rcpt(mta, "x@v.test").startswith("451")
        mta.wait_log("nis:aliases is unavailable. unsupported dictionary type: nis ")
