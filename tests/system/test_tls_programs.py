"""TLS with the programs of OpenSSL and GnuTLS at the other end, both ways: versions, kinds of keys behind an
intermediate authority, names, resumption across processes and a reload."""
import itertools
import queue
import re
import subprocess
import threading

from harness import Instance, free_port, wait_for
from programs import listens, need, running
from tls_peers import Authority

TIMEOUT = 180
RSA = ("rsa:2048",)
EC = ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")
KINDS = {"ECDSA": EC, "RSA": RSA}
VERSIONS = ("1.2", "1.3")


def said_by(*words, said=b"QUIT\n"):
    done = subprocess.run([str(word) for word in words], input=said, capture_output=True, timeout=60)
    return (done.stdout + done.stderr).decode(errors="replace")


# -- they are the clients


def server_main(root, kind):
    authority = Authority(root)
    return {
        "smtpd_tls_security_level": "may", "smtpd_tls_loglevel": "1",
        "smtpd_tls_chain_files": authority.issue("mx.example.test", key=KINDS[kind]),
        "tls_server_sni_maps": f"inline:{{{{other.test = {authority.issue('other.test', key=KINDS[kind])}}}}}",
        # Whoever comes next is served by another process.
        "smtpd_sessions_per_process": "1", "max_use": "1",
    }


def test_openssl_client():
    """Each version, each kind of key and each name; then the session again, and once more after a reload."""
    root = Authority()
    for kind in KINDS:
        with Instance(main=server_main(root, kind)) as mta:
            for version, name in itertools.product(VERSIONS, ("mx.example.test", "other.test")):
                kept = mta.folder / "session"
                words = ("openssl", "s_client", "-connect", f"127.0.0.1:{mta.port}", "-starttls", "smtp", "-CAfile", root.ca, "-servername",
                         name, "-verify_hostname", name, "-verify_return_error", "-crlf", "-ign_eof", "-tls" + version.replace(".", "_"))
                said = said_by(*words, "-sess_out", kept, said=b"quit\n")
                assert re.search(rf"New, TLSv{version}, Cipher", said) and "Verify return code: 0 (ok)" in said, said
                assert "221 2.0.0 Bye" in said, said
                assert f"Server public key is {2048 if kind == 'RSA' else 256} bit" in said.replace("(s)", ""), said
                assert "Reused, TLS" in said_by(*words, "-sess_in", kept, said=b"quit\n")
                mta.configure()
                assert "Reused, TLS" in said_by(*words, "-sess_in", kept, said=b"quit\n")


def test_gnutls_client():
    need("gnutls-cli")
    root = Authority()
    for kind in KINDS:
        with Instance(main=server_main(root, kind)) as mta:
            for version, name in itertools.product(VERSIONS, ("mx.example.test", "other.test")):
                said = said_by("gnutls-cli", "--starttls-proto=smtp", f"--x509cafile={root.ca}", f"--sni-hostname={name}",
                               f"--verify-hostname={name}", "--resume", "--crlf", f"--priority=NORMAL:-VERS-ALL:+VERS-TLS{version}",
                               "-p", mta.port, "127.0.0.1")
                assert said.count("- Handshake was completed") == 1 and "The certificate is trusted" in said, said
                assert re.search(rf"Description: \(TLS{version}.*-\(?{kind}", said), said
                assert "*** This is a resumed session" in said and "221 2.0.0 Bye" in said, said


# -- they are the servers


class Speaker(threading.Thread):
    """openssl s_server, which knows no SMTP: it is told what to say and tells what it hears. No command of the
    dialogue looks like what it prints by itself. To QUIT it says nothing: that would greet the next client."""

    def __init__(self, *words):
        super().__init__(daemon=True)
        self.port, self.messages, self.printed = free_port(), queue.Queue(), []
        self.process = subprocess.Popen([str(word) for word in ("openssl", "s_server", "-accept", f"127.0.0.1:{self.port}", "-crlf", *words)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.start()
        wait_for(lambda: any("ACCEPT" in line for line in self.printed), what="openssl s_server")

    def say(self, text):
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()

    def run(self):
        replies = {"EHLO": "250 speaker", "MAIL": "250 ok", "RCPT": "250 ok", "DATA": "354 go", ".": "250 2.0.0 stored"}
        text = None
        for line in self.process.stdout:
            line = line.decode(errors="replace").strip("\r\n")
            self.printed.append(line)
            word = line.split(" ")[0]
            if line.startswith("Secure Renegotiation IS"):
                self.say("220 speaker ESMTP")
            elif text is None and word in replies and word != ".":
                self.say(replies[word])
                text = [] if word == "DATA" else None
            elif text is not None and line == ".":
                self.messages.put("\n".join(text))
                text = None
                self.say(replies["."])
            elif text is not None:
                text.append(line)

    def count(self, words):
        return sum(words in line for line in self.printed)

    def close(self):
        self.process.kill()
        self.process.wait()


def client_main(root, version):
    return {
        "relay_domains": "peer.test", "virtual_mailbox_domains": "", "smtp_tls_security_level": "encrypt", "smtp_tls_wrappermode": "yes",
        "smtp_tls_CAfile": root.ca, "smtp_tls_loglevel": "1", "smtp_tls_mandatory_protocols": f">=TLSv{version}, <=TLSv{version}",
        "smtp_tls_session_cache_database": "btree:$data_directory/smtp_scache",
        "smtp_sessions_per_process": "1", "max_use": "1", "smtp_helo_timeout": "5s",
    }


def goes_to(port):
    return {"transport_maps": f"inline:{{{{peer.test = smtp:[127.0.0.1]:{port}}}}}",
            "smtp_tls_policy_maps": f"inline:{{{{[127.0.0.1]:{port} = secure match=mx.peer.test servername=mx.peer.test}}}}"}


def split(bundle):
    """The files of key and certificates."""
    text = bundle.read_text()
    start = text.index("-----BEGIN CERT")
    key, chain = bundle.with_suffix(".k"), bundle.with_suffix(".c")
    key.write_text(text[:start])
    chain.write_text(text[start:])
    return key, chain


def test_openssl_server():
    root = Authority()
    for kind, version in itertools.product(KINDS, VERSIONS):
        authority = Authority(root)
        other, pair = authority.issue("other.test", key=KINDS[kind]), authority.issue("mx.peer.test", key=KINDS[kind])
        speaker = Speaker("-cert", pair, "-key", pair, "-cert_chain", authority.ca, "-cert2", other, "-key2", other, "-servername", "other.test")
        try:
            with Instance(main={**client_main(root, version), **goes_to(speaker.port)}) as mta:
                for number in range(3):
                    mta.send("a@peer.test", f"Subject: n{number}\n\nhello\n")
                    assert f"Subject: n{number}" in speaker.messages.get(timeout=30)
                    wait_for(lambda: not mta.queued(), what="an empty queue")
                    if number == 1:
                        mta.configure()
                assert speaker.count("Reused session-id") == 2 and speaker.count('Hostname in TLS extension: "mx.peer.test"'), speaker.printed
                trusted = rf"Verified TLS connection established to 127\.0\.0\.1\[127\.0\.0\.1\]:{speaker.port}: TLSv{version} with cipher"
                assert len(re.findall(trusted, mta.log())) == 3
                mta.wait_log(rf"{trusted} .*{kind}")
        finally:
            speaker.close()


def test_gnutls_server():
    """It says nothing by itself, so no mail gets through; that it is the right one is known before."""
    need("gnutls-serv")
    root = Authority()
    for kind, version in itertools.product(KINDS, VERSIONS):
        key, chain = split(Authority(root).issue("mx.peer.test", key=KINDS[kind]))
        port = free_port()
        log = chain.with_suffix(".log")
        words = ("gnutls-serv", "--echo", "--disable-client-cert", f"--port={port}", f"--x509keyfile={key}", f"--x509certfile={chain}",
                 f"--priority=NORMAL:-VERS-ALL:+VERS-TLS{version}", "--sni-hostname=mx.peer.test", "--sni-hostname-fatal")
        with running(*words, ready=lambda: listens("127.0.0.1", port), log=log):
            main = {**client_main(root, version), **goes_to(port), "smtp_helo_timeout": "1s"}
            with Instance(main=main) as mta:
                for count in (1, 2):
                    queue_id = mta.send("a@peer.test", "Subject: x\n\nhello\n")
                    mta.wait_log(rf"{queue_id}: to=.* .*timed out while receiving the initial server greeting\)$")
                    trusted = rf"Verified TLS connection established to 127\.0\.0\.1\[127\.0\.0\.1\]:{port}: TLSv{version} with cipher"
                    assert len(re.findall(trusted, mta.log())) == count
                    mta.configure()
                wait_for(lambda: "This is a resumed session" in log.read_text(errors="replace"), 5, f"resumption: {log.read_text()}")
