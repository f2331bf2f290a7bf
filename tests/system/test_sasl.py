"""Logging in: with the real Dovecot and Cyrus behind smtpd, and at a server that asks for it."""
import base64
import hashlib
import hmac
import shutil
import smtplib
import socket
import subprocess
import time

from dovecot import login_service
from harness import Instance, Listener, wait_for
from programs import running

NEEDS_ROOT = True
NEEDS_PROGRAM = "/usr/sbin/dovecot"

SERVER = {
    "smtpd_sasl_auth_enable": "yes",
    "smtpd_sasl_type": "dovecot",
    "smtpd_sasl_path": "private/auth",
    "smtpd_error_sleep_time": "0",
    "smtpd_relay_restrictions": "permit_sasl_authenticated, reject",
}

def dovecot(mta):
    """The real service; as long as somebody is connected its auth process would stay, so it is ended the hard way."""
    (mta.folder / "users").write_text("ada:{plain}secret::::::\n")
    (mta.folder / "users").chmod(0o644)
    return login_service(mta, "plain login cram-md5 scram-sha-256", f"  driver = passwd-file\n  args = scheme=plain {mta.folder}/users")


def connect(mta, timeout=60):
    client = smtplib.SMTP("127.0.0.1", mta.port, timeout=timeout)
    client.ehlo("client.test")
    return client


def plain(user, password):
    return "AUTH PLAIN " + base64.b64encode(f"\0{user}\0{password}".encode()).decode()


def scram(client, user, password):
    """RFC 5802 and 7677; the code of the last reply."""
    bare = f"n={user},r=rOprNGfwEbeRWgbNEkqO"
    code, text = client.docmd("AUTH", "SCRAM-SHA-256 " + base64.b64encode(b"n,," + bare.encode()).decode())
    assert code == 334, text
    first = base64.b64decode(text).decode()
    fields = dict(f.split("=", 1) for f in first.split(","))
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(fields["s"]), int(fields["i"]))
    key = hmac.new(salted, b"Client Key", hashlib.sha256).digest()
    final = f"c=biws,r={fields['r']}"
    signature = hmac.new(hashlib.sha256(key).digest(), f"{bare},{first},{final}".encode(), hashlib.sha256).digest()
    proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, signature))).decode()
    code, text = client.docmd(base64.b64encode(f"{final},p={proof}".encode()).decode())
    return client.docmd("")[0] if code == 334 else code


def test_dovecot_mechanisms():
    with Instance(main=SERVER) as mta, dovecot(mta):
        for mechanism in ("PLAIN", "LOGIN", "CRAM-MD5"):
            with connect(mta) as client:
                client.user, client.password = "ada", "secret"
                method = getattr(client, "auth_" + mechanism.lower().replace("-", "_"))
                assert mechanism in client.esmtp_features["auth"].split()
                assert client.auth(mechanism, method)[0] == 235
        with connect(mta) as client:
            assert scram(client, "ada", "secret") == 235
            client.sendmail("ada@example.test", ["alice@example.test"], "Subject: x\n\nhello\n")
        assert "hello" in mta.mail("alice")
        mta.wait_log(r"client=\S+, sasl_method=SCRAM-SHA-256, sasl_username=ada$")
        with connect(mta) as client:
            assert client.docmd(plain("ada", "wrong"))[0] == 535
        mta.wait_log(r"SASL PLAIN authentication failed: .*, sasl_username=ada$")


def test_over_tls_alone():
    with Instance(main={**SERVER, "smtpd_tls_auth_only": "yes", "smtpd_tls_security_level": "may"}, start=False) as mta:
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=mx.example.test"]
            + ["-keyout", str(mta.etc / "key.pem"), "-out", str(mta.etc / "cert.pem")],
            check=True,
            capture_output=True,
        )
        mta.write_main(smtpd_tls_cert_file=mta.etc / "cert.pem", smtpd_tls_key_file=mta.etc / "key.pem")
        mta.start()
        with dovecot(mta), connect(mta) as client:
            assert "auth" not in client.esmtp_features
            assert client.docmd(plain("ada", "secret"))[0] == 503
            client.starttls()
            client.ehlo("client.test")
            assert client.docmd(plain("ada", "secret"))[0] == 235
            client.sendmail("ada@example.test", ["alice@example.test"], "Subject: x\n\nhello\n")
        assert "with ESMTPSA id" in mta.mail("alice")


def test_dovecot_goes_and_comes_back():
    with Instance(main=SERVER) as mta:
        with dovecot(mta):
            with connect(mta) as client:
                assert client.docmd(plain("ada", "secret"))[0] == 235
        answers = []

        def is_gone():  # the service's own processes end a little after it
            with connect(mta, timeout=15) as client:
                answers.append(client.docmd(plain("ada", "secret")))
            return answers[-1][0] != 235

        wait_for(is_gone, what="the end of Dovecot")
        assert answers[-1][0] == 454 and answers[-1][1].startswith(b"4.7.0 Temporary authentication failure"), answers
        # Who cannot log in now is not refused for good.
        with connect(mta) as client:
            assert client.docmd(plain("ada", "secret"))[0] == 454
            client.mail("a@client.test")
            code, text = client.rcpt("x@remote.test")
            assert code == 450 and b"no authentication service for now" in text, (code, text)
        with dovecot(mta), connect(mta) as client:
            client.mail("a@client.test")
            assert client.rcpt("x@remote.test")[0] == 554
            client.rset()
            assert client.docmd(plain("ada", "secret"))[0] == 235


class Liar(Listener):
    """A service that says `greeting`, and to each request `answer` (None: it hangs up)."""

    def __init__(self, path, greeting, answer):
        self.greeting, self.answer = greeting, answer
        super().__init__(path=path)

    def serve(self, connection, _):
        connection.sendall(self.greeting)
        for line in connection.makefile("rb"):
            if line.startswith((b"AUTH", b"CONT")):
                if self.answer is None:
                    connection.shutdown(socket.SHUT_RDWR)
                    return
                connection.sendall(self.answer)


GREETING = b"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t0\nDONE\n"


def check_lie(greeting, answer, offers=True):
    with Instance(main=SERVER) as mta:
        Liar(mta.queue / "private/auth", greeting, answer)
        with connect(mta) as client:
            assert ("auth" in client.esmtp_features) == offers
            begun = time.monotonic()
            client.sock.sendall((plain("ada", "secret") + "\r\n").encode())
            with connect(mta, timeout=15) as other:  # while that one waits
                assert other.noop()[0] == 250
            assert time.monotonic() - begun < 12
            code, text = client.getreply()
            assert (code, text[:5]) == (454, b"4.7.0"), (code, text)
            assert time.monotonic() - begun < 40
            assert client.noop()[0] == 250


def test_service_that_never_came():
    with Instance(main=SERVER) as mta, connect(mta) as client:
        assert "auth" not in client.esmtp_features
        client.mail("a@client.test")
        code, text = client.rcpt("x@remote.test")
        assert code == 450 and b"no authentication service for now" in text, (code, text)


def test_filter_that_cannot_be_asked():
    """Which mechanisms it would have let through is not known."""
    with Instance(main={**SERVER, "smtpd_sasl_mechanism_filter": "fail:sick"}) as mta:
        Liar(mta.queue / "private/auth", GREETING, b"")
        with connect(mta) as client:
            assert "auth" not in client.esmtp_features
            client.mail("a@client.test")
            code, text = client.rcpt("x@remote.test")
            assert code == 450 and b"no authentication service for now" in text, (code, text)
            client.rset()
            assert client.docmd(plain("ada", "secret"))[0] == 454
        mta.wait_log(r"warning: smtpd_sasl_mechanism_filter: fail:sick: table lookup problem$")


def test_service_that_stalls():
    check_lie(GREETING, b"")


def test_service_that_never_greets():
    check_lie(b"", b"", offers=False)


def test_service_that_dies():
    check_lie(GREETING, None)


def test_service_that_talks_nonsense():
    check_lie(GREETING, b"OK\tmaybe\n")
    check_lie(GREETING, b"x" * 100000)
    check_lie(b"HTTP/1.1 400 Bad Request\r\n\r\nDONE\n", b"", offers=False)
    check_lie(b"VERSION\t2\t0\n", b"", offers=False)


def test_responses_are_bounded():
    with Instance(main=SERVER) as mta, dovecot(mta), connect(mta) as client:
        assert client.docmd("AUTH", "PLAIN")[0] == 334
        assert client.docmd("A" * 100000) == (500, b"5.5.6 SASL response limit exceeded")
        assert client.docmd("AUTH", "PLAIN")[0] == 334
        assert client.docmd("*")[0] == 501
        assert client.docmd(plain("ada", "secret"))[0] == 235


CYRUS = {**SERVER, "smtpd_sasl_type": "cyrus", "smtpd_sasl_path": "smtpd", "smtpd_sasl_local_domain": "realm.test"}


def test_cyrus_sasldb():
    with Instance(main={**CYRUS, "cyrus_sasl_config_path": "$config_directory/sasl"}, start=False) as mta:
        database = mta.etc / "sasldb2"
        mta.write(
            "sasl/smtpd.conf",
            f"pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {database}\n"
            "mech_list: PLAIN LOGIN CRAM-MD5 SCRAM-SHA-256\n",
        )
        subprocess.run(
            ["saslpasswd2", "-c", "-p", "-f", str(database), "-u", "realm.test", "ada"], input=b"secret", check=True
        )
        shutil.chown(database, "postfix")
        mta.start()
        with connect(mta) as client:
            assert client.docmd(plain("ada", "wrong"))[0] == 535
            client.user, client.password = "ada", "secret"
            assert client.auth("CRAM-MD5", client.auth_cram_md5)[0] == 235
        with connect(mta) as client:
            assert scram(client, "ada", "secret") == 235


def is_served(path):
    """A socket is there a moment before its server listens."""
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0


def test_cyrus_saslauthd():
    with Instance(main={**CYRUS, "cyrus_sasl_config_path": "$config_directory/sasl"}, start=False) as mta:
        run = mta.folder / "saslauthd"
        run.mkdir()
        mta.write("sasl/smtpd.conf", f"pwcheck_method: saslauthd\nsaslauthd_path: {run}/mux\nmech_list: PLAIN LOGIN\n")
        hashed = subprocess.run(["openssl", "passwd", "-6", "secret"], capture_output=True, check=True, text=True).stdout
        shadow = mta.folder / "shadow"  # in a mount namespace of our own
        shadow.write_text(f"mail:{hashed.strip()}:19000:0:99999:7:::\n")
        subprocess.run(["mount", "--bind", str(shadow), "/etc/shadow"], check=True)
        mta.start()
        with connect(mta) as client:
            assert client.docmd(plain("mail", "secret"))[0] == 454
        try:
            with running("saslauthd", "-d", "-a", "shadow", "-m", run, ready=lambda: is_served(run / "mux"), log=mta.folder / "saslauthd.log"):
                run.chmod(0o755)
                with connect(mta) as client:
                    assert client.docmd(plain("mail", "wrong"))[0] == 535
                    assert client.docmd(plain("mail", "secret"))[0] == 235
        finally:
            subprocess.run(["umount", "/etc/shadow"], check=True)


def test_login_at_a_smarthost():
    with Instance(main=SERVER) as server, dovecot(server):
        password = {f"[127.0.0.1]:{server.port}": "ada:secret"}
        files = {"passwords": "".join(f"{k} {v}\n" for k, v in password.items())}
        client = {
            "myhostname": "client.example.test",
            "virtual_mailbox_domains": "",
            "relayhost": f"[127.0.0.1]:{server.port}",
            "smtp_sasl_auth_enable": "yes",
            "smtp_sasl_security_options": "noanonymous",
        }
        with Instance(main=client, files=files, start=False) as mta:
            mta.write_main(smtp_sasl_password_maps=f"texthash:{mta.etc}/passwords")
            mta.start()
            mta.send("alice@example.test", "Subject: x\n\nby way of a login\n")
            assert "by way of a login" in server.mail("alice")
            server.wait_log(r"sasl_method=\S+, sasl_username=ada$")
            mta.write("passwords", f"[127.0.0.1]:{server.port} ada:wrong\n")
            mta.configure()
            mta.send("bob@example.test", "Subject: x\n\nwith a wrong password\n")
            mta.wait_log(
                r"to=<bob@example\.test>.* dsn=4\.7\.8, status=deferred \(SASL authentication failed; server .* said: 535"
            )


def test_where_tls_is_demanded():
    """No login is offered in the open there, whatever smtpd_tls_auth_only says."""
    main = {"smtpd_sasl_auth_enable": "yes", "smtpd_sasl_type": "cyrus", "smtpd_tls_security_level": "encrypt",
            "smtpd_tls_cert_file": "/nowhere/cert.pem", "smtpd_tls_auth_only": "no"}
    with Instance(main=main) as mta, mta.smtp() as client:
        client.ehlo()
        assert "auth" not in client.esmtp_features, client.esmtp_features
        assert client.docmd("AUTH PLAIN AA==")[0] == 530
