"""TLS of the server, with OpenSSL and GnuTLS as clients: versions, kinds of keys, resumption across
processes and reloads, key pairs replaced under load, and no private key in smtpd's memory."""
import contextlib
import os
import re
import smtplib
import socket
import ssl
import subprocess
import threading
import time

from harness import Instance, wait_for
from programs import need


def openssl(*words, **options):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, **options)


def make_pair(folder, name, algorithm="EC", bits="P-256"):
    """A self-signed pair; the file has key and certificate."""
    kind = ["rsa", "-pkeyopt", f"rsa_keygen_bits:{bits}"] if algorithm == "RSA" else ["ec", "-pkeyopt", f"ec_paramgen_curve:{bits}"]
    key, cert, both = (folder / f"{name}.{end}" for end in ("key", "crt", "pem"))
    openssl("req", "-x509", "-newkey", *kind, "-nodes", "-days", "30", "-subj", f"/CN={name}",
            "-addext", f"subjectAltName=DNS:{name}", "-keyout", key, "-out", cert)
    both.write_text(key.read_text() + cert.read_text())
    return both


@contextlib.contextmanager
def server(**main):
    with Instance(start=False) as mta:
        mta.pair = make_pair(mta.etc, "mx.example.test")
        mta.write_main(**{"smtpd_tls_chain_files": mta.pair, "smtpd_tls_security_level": "may", "smtpd_tls_loglevel": "1",
                          "smtpd_client_connection_count_limit": "0", **main})
        mta.start()
        yield mta


def context(version=None, ciphers=None):
    made = ssl.create_default_context()
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    if version:
        made.minimum_version = made.maximum_version = version
    if ciphers:
        made.set_ciphers(ciphers)
    return made


def starttls(mta, made=None, name="mx.example.test", session=None):
    """A socket in TLS, after EHLO."""
    sock = socket.create_connection(("127.0.0.1", mta.port), 30)
    assert sock.recv(500).startswith(b"220 ")
    sock.sendall(b"STARTTLS\r\n")
    assert sock.recv(500).startswith(b"220 2.0.0"), "no STARTTLS"
    sock = (made or context()).wrap_socket(sock, server_hostname=name, session=session)
    sock.sendall(b"EHLO client.test\r\n")
    assert sock.recv(2000).startswith(b"250-")
    return sock


def subject(sock):
    der = sock.getpeercert(True)
    text = subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-subject", "-nameopt", "RFC2253"], input=der,
                          capture_output=True, check=True).stdout.decode()
    return text.strip().rsplit("CN=", 1)[1]


def test_openssl_client():
    with server() as mta:
        for words in (["-tls1_2"], ["-tls1_3"]):
            done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{mta.port}", "-starttls", "smtp",
                                   "-brief", *words], input=b"QUIT\r\n", capture_output=True, timeout=30)
            assert b"CONNECTION ESTABLISHED" in done.stderr, done.stderr
        mta.wait_log(r"Anonymous TLS connection established from \S+: TLSv1\.2 with cipher")
        mta.wait_log(r"Anonymous TLS connection established from \S+: TLSv1\.3 with cipher \S+ \(256/256 bits\) "
                     r"key-exchange X25519 server-signature ECDSA \(prime256v1\) server-digest SHA256$")


def test_gnutls_client():
    need("gnutls-cli")
    with server() as mta:
        for priority in ("NORMAL:-VERS-ALL:+VERS-TLS1.2", "NORMAL:-VERS-ALL:+VERS-TLS1.3"):
            done = subprocess.run(["gnutls-cli", "--insecure", "--starttls-proto=smtp", "--priority", priority,
                                   f"127.0.0.1:{mta.port}"], input=b"QUIT\r\n", capture_output=True, timeout=30)
            assert b"Handshake was completed" in done.stdout, done.stdout + done.stderr


def test_rsa_beside_ecdsa():
    """The older parameters, a pair of each kind; what the client can do decides."""
    with server() as mta:
        rsa = make_pair(mta.etc, "rsa.example.test", "RSA", 2048)
        mta.configure(smtpd_tls_chain_files=None, smtpd_tls_cert_file=mta.etc / "rsa.example.test.crt",
                      smtpd_tls_key_file=mta.etc / "rsa.example.test.key", smtpd_tls_eccert_file=mta.pair)
        assert rsa.exists()
        old = ssl.TLSVersion.TLSv1_2
        with starttls(mta, context(old, "ECDHE-RSA-AES128-GCM-SHA256")) as sock:
            assert subject(sock) == "rsa.example.test"
        with starttls(mta, context(old, "ECDHE-ECDSA-AES128-GCM-SHA256")) as sock:
            assert subject(sock) == "mx.example.test"
        # The key exchange that decrypts with the private key.
        with starttls(mta, context(old, "AES128-GCM-SHA256")) as sock:
            assert sock.cipher()[0] == "AES128-GCM-SHA256"


def test_sni():
    with server() as mta:
        other = make_pair(mta.etc, "sni.test")
        mta.write("sni", f"sni.test {other}\n.wild.test {other}\n")
        mta.run("postmap", "-F", f"lmdb:{mta.etc}/sni", check=True)
        mta.configure(tls_server_sni_maps=f"lmdb:{mta.etc}/sni")
        for name, expected in (("sni.test", "sni.test"), ("a.wild.test", "sni.test"), ("else.test", "mx.example.test")):
            with starttls(mta, name=name) as sock:
                assert subject(sock) == expected, name
        # A pair replaced in the table counts at once.
        newer = make_pair(mta.etc, "newer.test")
        mta.write("sni", f"sni.test {newer}\n")
        mta.run("postmap", "-F", f"lmdb:{mta.etc}/sni", check=True)

        def is_newer():
            with starttls(mta, name="sni.test") as sock:
                return subject(sock) == "newer.test"
        wait_for(is_newer, what="the new pair")


def test_resumption():
    """Tickets of one process are good in the next one, and over a reload."""
    with server(smtpd_sessions_per_process="1", sessions_per_process="1") as mta:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            made = context(version)
            with starttls(mta, made) as sock:
                kept = sock.session
                held = [starttls(mta, made) for _ in range(2)]
                for _ in range(3):
                    with starttls(mta, made, session=kept) as again:
                        assert again.session_reused
            for one in held:
                one.close()
            mta.configure()
            with starttls(mta, made, session=kept) as again:
                assert again.session_reused, "after reload"


def test_session_cache():
    """Clients without tickets: the cache that tlsmgr keeps."""
    with server(smtpd_tls_session_cache_database="btree:$data_directory/smtpd_scache", tls_session_ticket_cipher="") as mta:
        made = context(ssl.TLSVersion.TLSv1_2)
        with starttls(mta, made) as sock:
            kept = sock.session

        def is_reused():
            with starttls(mta, made, session=kept) as again:
                return again.session_reused
        wait_for(is_reused, what="resumption")
        mta.configure()
        assert is_reused(), "after reload"


def test_pair_replaced_under_load():
    with server() as mta:
        failures, seen, stop = [], set(), threading.Event()

        def client():
            while not stop.is_set():
                try:
                    with starttls(mta) as sock:
                        seen.add(subject(sock))
                        sock.sendall(b"QUIT\r\n")
                        sock.recv(100)
                except Exception as error:
                    failures.append(repr(error))
        threads = [threading.Thread(target=client) for _ in range(4)]
        for thread in threads:
            thread.start()
        wait_for(lambda: seen, what="the first pair")
        for name in ("second.test", "third.test"):
            os.rename(make_pair(mta.etc, name), mta.pair)
            wait_for(lambda: name in seen, what=name)
        # A pair that is no good leaves the last one in use.
        (mta.etc / "broken").write_text("nonsense\n")
        os.rename(mta.etc / "broken", mta.pair)
        mta.wait_log(r"tlskey\[\d+\]: error: .*mx\.example\.test\.pem: .*; the old key pair stays in use")
        seen.clear()
        wait_for(lambda: seen, what="a session after that")
        os.rename(make_pair(mta.etc, "fourth.test"), mta.pair)
        wait_for(lambda: "fourth.test" in seen, what="fourth.test")
        stop.set()
        for thread in threads:
            thread.join()
        assert not failures, failures[:3]
        assert "third.test" in seen


def secrets_of(pair):
    """What a memory with the key would hold: its number, in either byte order, and its file."""
    text = subprocess.run(["openssl", "pkey", "-in", str(pair), "-noout", "-text"], capture_output=True, check=True).stdout.decode()
    number = bytes.fromhex("".join(re.search(r"priv(?:ateExponent)?:\s*((?:[0-9a-f]{2}:?\s*)+)", text).group(1).replace(":", "").split()))
    number = number.lstrip(b"\0")
    primes = [bytes.fromhex("".join(m.replace(":", "").split())).lstrip(b"\0")
              for m in re.findall(r"prime\d:\s*((?:[0-9a-f]{2}:?\s*)+)", text)]
    pem = re.search(r"PRIVATE KEY-----\n(\S{40})", pair.read_text()).group(1).encode()
    return [pem] + [v for n in [number, *primes] for v in (n[:24], n[-24:], n[::-1][:24], n[::-1][-24:])]


def memory_of(pid):
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            span, access = line.split()[:2]
            if not access.startswith("r") or "[v" in line:
                continue
            start, end = (int(n, 16) for n in span.split("-"))
            if end - start > 1 << 30:
                continue
            with contextlib.suppress(OSError, ValueError, OverflowError):
                memory.seek(start)
                yield memory.read(end - start)


def test_no_private_key_in_smtpd():
    with server() as mta:
        rsa = make_pair(mta.etc, "rsa.example.test", "RSA", 2048)
        sni = make_pair(mta.etc, "sni.test")
        mta.write("sni", f"sni.test {sni}\n")
        mta.run("postmap", "-F", f"lmdb:{mta.etc}/sni", check=True)
        mta.configure(smtpd_tls_chain_files=f"{mta.pair}, {rsa}", tls_server_sni_maps=f"lmdb:{mta.etc}/sni")
        open_sessions = [starttls(mta, name=name) for name in ("a.test", "sni.test") * 10]
        open_sessions += [starttls(mta, context(ssl.TLSVersion.TLSv1_2, "ECDHE-RSA-AES128-GCM-SHA256"))]
        secrets = [s for pair in (mta.pair, rsa, sni) for s in secrets_of(pair)]
        assert len(secrets) > 10
        smtpds = mta.processes("smtpd")
        assert smtpds
        for pid in smtpds:
            certificate = False
            for block in memory_of(pid):
                certificate = certificate or b"mx.example.test" in block
                for secret in secrets:
                    assert secret not in block, f"a private key in smtpd {pid}"
            assert certificate, "nothing was read"
        # The search does find a key where there is one.
        program = ("import ssl, sys; c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER); c.load_cert_chain(sys.argv[1]); "
                   "print('ready', flush=True); sys.stdin.read()")
        with subprocess.Popen(["/usr/bin/python3", "-c", program, mta.pair], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
            assert holder.stdout.readline() == b"ready\n"
            assert any(s in block for block in memory_of(holder.pid) for s in secrets), "the search finds nothing"
            holder.stdin.close()
        for sock in open_sessions:
            sock.close()


def test_no_dh_parameters():
    """A file of DH parameters that is missing or nonsense costs a warning, not TLS."""
    for text, complaint in ((None, r'error opening DH parameter file ".*/dh\.pem": No such file or directory'),
                            ("nonsense\n", r'error decoding DH parameters from file ".*/dh\.pem"')):
        with server() as mta:
            if text:
                mta.write("dh.pem", text)
            mta.configure(smtpd_tls_dh1024_param_file=mta.etc / "dh.pem")
            with starttls(mta, context(ssl.TLSVersion.TLSv1_2, "ALL")):
                mta.wait_log(rf"smtpd\[\d+\]: warning: {complaint} -- using compiled-in defaults$")


def test_injection():
    """What comes in the open behind STARTTLS is not answered in TLS."""
    with server() as mta:
        sock = socket.create_connection(("127.0.0.1", mta.port), 30)
        sock.recv(500)
        sock.sendall(b"STARTTLS\r\nEHLO injected.test\r\nMAIL FROM:<evil@injected.test>\r\n")
        assert sock.recv(500).startswith(b"220 2.0.0")
        sock = context().wrap_socket(sock, server_hostname="mx.example.test")
        sock.settimeout(1)
        try:
            assert not sock.recv(100), "an answer to injected commands"
        except socket.timeout:
            pass
        sock.settimeout(30)
        sock.sendall(b"RCPT TO:<alice@example.test>\r\n")
        assert sock.recv(500).startswith(b"503 5.5.1")


def test_no_stall():
    """A round trip takes no 40 ms: nobody waits for a delayed acknowledgement."""
    with server() as mta:
        with starttls(mta) as sock:
            times = []
            for _ in range(20):
                began = time.monotonic()
                sock.sendall(b"NOOP\r\n")
                assert sock.recv(100).startswith(b"250")
                times.append(time.monotonic() - began)
            assert sorted(times)[10] < 0.03, times


def test_message_over_tls():
    with server(smtpd_tls_received_header="yes") as mta:
        with smtplib.SMTP("127.0.0.1", mta.port, timeout=30) as client:
            client.starttls(context=context())
            client.sendmail("a@client.test", ["alice@example.test"], "Subject: big\n\n" + "x" * 70 + "\n" + ("y" * 76 + "\n") * 20000)
        assert "with ESMTPS id" in mta.mail("alice")
