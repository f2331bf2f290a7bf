"""Logging in at a server with an access token: from a file, from a command, got anew when it has expired; and
passwords that a server has refused are not tried again."""
import base64
import contextlib
import hashlib
import hmac
import json
import os
import pwd
import re
import subprocess
import time

from dovecot import login_service
from harness import Instance, wait_for
from tls_peers import Authority, TlsServer

NEEDS_ROOT = True
NEEDS_PROGRAM = "/usr/sbin/dovecot"


class LoginServer(TlsServer):
    """Takes mail after a login alone. good: the tokens or passwords that will do."""

    def __init__(self, mechanisms, good, tls=True):
        self.mechanisms, self.good, self.offers_tls = mechanisms, good, tls
        self.attempts, self.forms, self.inside = [], [], set()
        super().__init__("127.0.0.1", Authority().issue("mx.example.test"), port=0)

    def offers(self, is_tls):
        return ["STARTTLS"] * (self.offers_tls and not is_tls) + [f"AUTH {self.mechanisms}"]

    def reply(self, client, lines, words):
        verb = words[0].upper()
        if verb == "AUTH" and self.login(client, lines, words):
            self.inside.add(client)
            return b"235 2.7.0 welcome\r\n"
        if verb == "AUTH":
            return b"535 5.7.8 not like this\r\n"
        return b"530 5.7.0 log in first\r\n" if verb == "MAIL" and client not in self.inside else b"250 ok\r\n"

    def login(self, client, lines, words):
        self.forms.append(len(words))
        if len(words) == 2:
            client.sendall(b"334 \r\n")
            words.append(lines.readline().decode().strip())
        said = base64.b64decode(words[2]).decode()
        self.attempts.append(said)
        if any(g in said for g in self.good):
            return True
        if words[1] in ("XOAUTH2", "OAUTHBEARER"):
            client.sendall(b"334 " + base64.b64encode(b'{"status":"401"}') + b"\r\n")
            assert lines.readline().strip() == (b"AQ==" if words[1] == "OAUTHBEARER" else b"")
        return False


def client_of(server, **main):
    return {
        "myhostname": "client.example.test",
        "virtual_mailbox_domains": "",
        "relayhost": f"[127.0.0.1]:{server.port}",
        "smtp_tls_security_level": "may",
        "smtp_sasl_auth_enable": "yes",
        "smtp_sasl_security_options": "noanonymous",
        "smtp_connection_cache_on_demand": "no",
        **main,
    }


def token_main(server, source):
    return client_of(
        server,
        smtp_sasl_token_maps=f"inline:{{ {{[127.0.0.1]:{server.port} = ada@example.test:here}} }}",
        sasl_token_sources=source,
    )


def send(mta, name):
    mta.run("sendmail", "-f", "ada@example.test", f"{name}@remote.test", input="Subject: x\n\nx\n", check=True)
    return mta.wait_log(rf"to=<{name}@remote\.test>.* status=\w+ .*$").group(0)


def test_token_in_a_file():
    server = LoginServer("PLAIN XOAUTH2", good=["Bearer first\1", "Bearer second\1"])
    with Instance(start=False) as mta:
        token = mta.write("token", "first\n")
        os.chown(token, pwd.getpwnam("postfix").pw_uid, -1)
        token.chmod(0o400)
        mta.write_main(**token_main(server, f"{{ here, file={token} }}"))
        mta.start()
        assert "status=sent" in send(mta, "one")
        assert server.attempts == ["user=ada@example.test\1auth=Bearer first\1\1"]
        token.chmod(0o600)
        token.write_text("second\n")  # as a job that refreshes tokens does
        assert "status=sent" in send(mta, "two")
        assert "Bearer second\1" in server.attempts[-1]
        token.write_text("no token\n")
        line = send(mta, "three")
        assert "status=deferred (SASL authentication failed; cannot authenticate to server" in line, line
        assert "token: the first line is no token" in line and "dsn=4.7.0" in line, line
        token.unlink()
        assert "No such file or directory" in send(mta, "four")


SCRIPT = """#!/bin/sh
echo "$TOKEN_USER $TOKEN_HOST $1 $(id -un)" >>{folder}/calls
exec cat {folder}/token
"""


@contextlib.contextmanager
def command_source(server, **options):
    with Instance(start=False) as mta:
        shared = mta.folder / "shared"
        shared.mkdir()
        shared.chmod(0o777)
        script = mta.folder / "script"
        script.write_text(SCRIPT.format(folder=shared))
        script.chmod(0o755)
        extra = "".join(f", {k}={v}" for k, v in options.items())
        mta.write_main(**token_main(server, f"{{ here, {{command = {script} word}}, user=nobody{extra} }}"))
        mta.calls = lambda: (shared / "calls").read_text().splitlines()
        mta.token = shared / "token"
        mta.start()
        yield mta


def test_token_of_a_command():
    server = LoginServer("OAUTHBEARER XOAUTH2 PLAIN", good=["Bearer first\1"])
    with command_source(server) as mta:
        mta.token.write_text("first\n")
        assert "status=sent" in send(mta, "one")
        assert "status=sent" in send(mta, "two")
        wanted = f"n,a=ada@example.test,\1host=127.0.0.1\1port={server.port}\1auth=Bearer first\1\1"
        assert server.attempts == [wanted] * 2
        assert mta.calls() == ["ada@example.test 127.0.0.1 word nobody"]  # once, and kept


def test_expired_token_is_got_anew():
    server = LoginServer("XOAUTH2", good=["Bearer first\1"])
    with command_source(server) as mta:
        mta.token.write_text("first\n")
        assert "status=sent" in send(mta, "one")
        server.good = ["Bearer second\1"]
        mta.token.write_text("second\n")
        got = time.monotonic()
        wait_for(lambda: time.monotonic() > got + 10, what="a token that is no longer new", seconds=15)
        assert "status=sent" in send(mta, "two")
        assert len(mta.calls()) == 2 and len(server.messages) == 2
        assert server.attempts[-2:] == [f"user=ada@example.test\1auth=Bearer {t}\1\1" for t in ("first", "second")]


def test_wrong_token():
    server = LoginServer("XOAUTH2", good=["nothing"])
    with command_source(server) as mta:
        mta.token.write_text("bad\n")
        line = send(mta, "one")
        assert "dsn=4.7.8, status=deferred (SASL authentication failed; server 127.0.0.1[127.0.0.1] said: 535 5.7.8" in line
        assert len(server.attempts) == 1 and len(mta.calls()) == 1
        assert "bad" not in mta.log()  # no token in the log


def test_long_token():
    server = LoginServer("XOAUTH2", good=["Bearer xxx"])
    with command_source(server) as mta:
        mta.token.write_text("x" * 4000 + "\n")
        assert "status=sent" in send(mta, "one")
        assert server.forms == [2]  # not in the command's line


def test_no_token_in_the_open():
    server = LoginServer("XOAUTH2", good=["first"], tls=False)
    with command_source(server) as mta:
        mta.token.write_text("first\n")
        assert "offered no compatible authentication mechanisms" in send(mta, "one")
        assert server.attempts == []


def test_command_that_fails():
    server = LoginServer("XOAUTH2", good=["first"])
    with command_source(server) as mta:  # there is no token for it to print
        assert re.search(r"script: exit status 1: cat: .*: No such file", send(mta, "one"))
    with command_source(server, time_limit="1s") as mta:
        (mta.folder / "script").write_text("#!/bin/sh\nsleep 1000\n")
        assert "script: command time limit exceeded" in send(mta, "one")
    with command_source(server) as mta:
        mta.configure(sasl_token_sources="{ here, command=/bin/true }")
        assert "sasl_token_sources: here: missing user= for the command" in send(mta, "one")


def jwt(key, **claims):
    parts = [json.dumps(p).encode() for p in ({"alg": "HS256", "typ": "JWT"}, claims)]
    text = b".".join(base64.urlsafe_b64encode(p).rstrip(b"=") for p in parts)
    signature = hmac.new(key, text, hashlib.sha256).digest()
    return (text + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


def dovecot(mta, key):
    keys = mta.folder / "keys/default/HS256"
    keys.mkdir(parents=True)
    (keys / "default").write_text(base64.b64encode(key).decode())
    (mta.folder / "oauth2.conf").write_text(
        f"introspection_mode = local\nlocal_validation_key_dict = fs:posix:prefix={mta.folder}/keys/\n"
        "username_attribute = email\n"
    )
    subprocess.run(["chmod", "-R", "a+rX", str(mta.folder / "keys"), str(mta.folder / "oauth2.conf")], check=True)
    return login_service(mta, "xoauth2 oauthbearer",
                         f"  driver = oauth2\n  mechanisms = xoauth2 oauthbearer\n  args = {mta.folder}/oauth2.conf")


def check_dovecot(mechanism):
    key = b"a key that both sides know, 32 b"
    bundle = Authority().issue("mx.example.test")
    server_main = {
        "smtpd_sasl_auth_enable": "yes",
        "smtpd_sasl_type": "dovecot",
        "smtpd_sasl_path": "private/auth",
        "smtpd_sasl_mechanism_filter": mechanism,
        "smtpd_relay_restrictions": "permit_sasl_authenticated, reject",
        "smtpd_tls_security_level": "may",
        "smtpd_tls_chain_files": str(bundle),
    }
    with Instance(main=server_main) as server, dovecot(server, key), Instance(start=False) as mta:
        token = mta.write("token", jwt(key, email="ada@example.test", sub="ada@example.test", exp=int(time.time()) + 600) + "\n")
        token.chmod(0o444)
        mta.write_main(**token_main(server, f"{{ here, file={token} }}"))
        mta.start()
        mta.run("sendmail", "-f", "ada@example.test", "alice@example.test", input="Subject: x\n\nby token\n", check=True)
        assert "by token" in server.mail("alice")
        server.wait_log(rf"sasl_method={mechanism}, sasl_username=ada@example\.test$")
        token.chmod(0o644)
        token.write_text(jwt(key, email="ada@example.test", sub="ada@example.test", exp=int(time.time()) - 600) + "\n")
        line = send(mta, "bob")
        assert "status=deferred (SASL authentication failed; server" in line and "said: 535 5.7.8" in line, line


def test_dovecot_takes_our_token():
    check_dovecot("XOAUTH2")
    check_dovecot("OAUTHBEARER")


def test_refused_password_is_not_tried_again():
    server = LoginServer("PLAIN", good=["\0right"])
    with Instance(start=False) as mta:
        mta.write("passwords", f"[127.0.0.1]:{server.port} ada:wrong\n")
        mta.write_main(**client_of(
            server,
            smtp_sasl_password_maps=f"texthash:{mta.etc}/passwords",
            smtp_sasl_auth_cache_name=f"proxy:lmdb:{mta.data}/sasl_auth_cache",
        ))
        mta.start()
        assert "status=deferred (SASL authentication failed; server 127.0.0.1[127.0.0.1] said: 535" in send(mta, "one")
        line = send(mta, "two")
        assert "dsn=4.7.8, status=deferred (SASL [CACHED] authentication failed; server 127.0.0.1 said: 535 5.7.8 not" in line
        assert len(server.attempts) == 1
        mta.configure(smtp_sasl_auth_soft_bounce="no")  # the cache outlives the process
        assert "dsn=5.7.8, status=bounced (SASL [CACHED]" in send(mta, "three")
        assert len(server.attempts) == 1
        mta.write("passwords", f"[127.0.0.1]:{server.port} ada:right\n")
        mta.configure()
        assert "status=sent" in send(mta, "four")
        assert b"wrong" not in (mta.data / "sasl_auth_cache.lmdb").read_bytes()
