"""What settings of the TLS client that mean nothing, and files that are no good, cost: never protection that a
policy demands."""
import re

from harness import Instance, wait_for
from tls_peers import Authority, TlsServer

NEEDS_ROOT = True

HANDSHAKE = ("deferred", "Cannot start TLS: handshake failure")
NO_ENGINE = ("deferred", "TLS is required, but our TLS engine is unavailable")
SENT = ("sent", "250 2.0.0 stored")
PEER = r"127\.0\.0\.8\[127\.0\.0\.8\]:25"
NO_GRADE = rf'warning: {PEER}: invalid cipher grade: "nosuch"\n'
NO_VERSION = rf'warning: {PEER}: Invalid TLS protocol list "nosuch": aborting TLS session\n'
NO_DIGEST = r'warning: Digest algorithm "nosuch" not found\n.*warning: disabling TLS support\n'
NO_AUTHORITIES = (r'\]: cannot load Certification Authority data, CAfile="/nonexistent/ca"(, CApath="/etc")?: disabling TLS'
                  r" support\n.*warning: TLS library problem: .*:calling fopen\(/nonexistent/ca, r\):\n")

# name: (security level, other options; outcome, over TLS, log)
TERMS = {
    "grade": ("may", "ciphers=nosuch", HANDSHAKE, None, NO_GRADE),
    "grade-demanded": ("encrypt", "mandatory_ciphers=nosuch", HANDSHAKE, None, NO_GRADE),
    "grade-elsewhere": ("may", "mandatory_ciphers=nosuch", SENT, True, ""),
    "grade-of-policy": ("may", "policy_maps=static:{may ciphers=nosuch}", HANDSHAKE, None, NO_GRADE),
    "version": ("may", "protocols=nosuch", HANDSHAKE, None, NO_VERSION),
    "version-demanded": ("encrypt", "mandatory_protocols=nosuch", HANDSHAKE, None, NO_VERSION),
    "version-elsewhere": ("encrypt", "protocols=nosuch", SENT, True, ""),
    "version-of-policy": ("may", "policy_maps=static:{encrypt protocols=nosuch}", HANDSHAKE, None, NO_VERSION),
    "no-cipher-left": ("may", "exclude_ciphers=ALL", HANDSHAKE, None, rf'warning: {PEER}: error setting cipher grade: "medium"\n'),
    "digest": ("may", "fingerprint_digest=nosuch", SENT, False, NO_DIGEST),
    "digest-demanded": ("encrypt", "fingerprint_digest=nosuch", NO_ENGINE, None, NO_DIGEST),
    "authorities": ("may", "CAfile=/nonexistent/ca", SENT, False, NO_AUTHORITIES),
    "authorities-demanded": ("secure", "CAfile=/nonexistent/ca,CApath=/etc", NO_ENGINE, None, NO_AUTHORITIES),
    "directory": ("may", "CApath=/nonexistent", SENT, True, ""),
}

MISSING = "warning: error opening chain file: /nonexistent/c: No such file or directory\n"
UNREADY = 'warning: cannot get {} from file "{}": disabling TLS support\n'
NO_PEM = ("warning: No PEM data in /etc/hosts\n.*warning: error loading private keys and certificates from: /etc/hosts:"
          " disabling TLS support\n")
NO_KEY = "warning: No private key found in .*ca.pem\n.*warning: error loading private keys .*ca.pem: disabling TLS support\n"

FILES = {
    "cert": ("may", "cert_file=/nonexistent/c", SENT, False, MISSING),
    "cert-demanded": ("encrypt", "cert_file=/nonexistent/c", NO_ENGINE, None, MISSING),
    "cert-with-key": ("may", "cert_file=/nonexistent/c,key_file=/nonexistent/k", SENT, False,
                      UNREADY.format("RSA certificate", "/nonexistent/c")),
    "no-cert": ("may", "cert_file=/etc/hosts,key_file=/nonexistent/k", SENT, False,
                UNREADY.format("RSA certificate", "/etc/hosts")),
    "no-cert-demanded": ("secure", "cert_file=/etc/hosts", NO_ENGINE, None, NO_PEM),
    "no-key": ("may", "cert_file={ca}", SENT, False, NO_KEY),
    "key": ("may", "eccert_file={ca},eckey_file=/nonexistent/k", SENT, False,
            UNREADY.format("ECDSA private key", "/nonexistent/k")),
    "other-key": ("may", "cert_file={ca},key_file={key}", SENT, False, "warning: cannot get RSA private key from file .*other.key"),
    "dsa": ("may", "dcert_file=/nonexistent/c,dkey_file=/nonexistent/k", SENT, False,
            UNREADY.format("DSA certificate", "/nonexistent/c")),
    "second": ("may", "cert_file={pair},eccert_file=/nonexistent/c", SENT, False, MISSING),
    "chains": ("may", "chain_files=/nonexistent/c", SENT, True, MISSING),
    "chains-demanded": ("encrypt", "chain_files={pair} /nonexistent/c", SENT, True, MISSING),
    "no-chains": ("may", "chain_files=/etc/hosts", SENT, False, NO_PEM),
    "folder": ("may", "chain_files=/etc", SENT, False, "warning: No PEM data in /etc\n.*: /etc: disabling TLS support\n"),
    "wrong-order": ("may", "chain_files={ca}", SENT, False, "warning: error loading chain from .*ca.pem: key not first\n"),
    "mismatch": ("encrypt", "chain_files={key} {ca}", NO_ENGINE, None, "warning: key at index 1 in .*other.key does not match next cert"),
    "good": ("encrypt", "cert_file={pair}", SENT, True, ""),
}


def check(cases):
    """Each case is a transport of its own; what it logs is between its message and the next."""
    authority = Authority()
    server = TlsServer("127.0.0.8", authority.issue("peer.test"))
    paths = {"ca": authority.ca, "pair": authority.issue("other"), "key": authority.folder / "other.key"}
    main = {"smtp_tls_loglevel": "1", "relay_domains": "static:x",
            "transport_maps": "inline:{" + " ".join(f"{{{name}.test=s-{name}:[127.0.0.8]}}" for name in cases) + "}"}
    master = "".join(f"s-{name} unix - - n - - smtp " + " ".join(
        f"-o {{smtp_tls_{option}}}" for option in (f"security_level={level}", *others.split(","))) + "\n"
        for name, (level, others, *_) in cases.items())
    for word, path in paths.items():
        master = master.replace(f"{{{word}}}", str(path))
    with Instance(main=main, master=master) as mta:
        for name, (_, _, outcome, is_tls, log) in cases.items():
            begin, n_messages = len(mta.log()), len(server.messages)
            queue_id = mta.send(f"a@{name}.test", "Subject: x\n\nx\n")
            line = mta.wait_log(rf"{queue_id}: to=<.*status=(\S+) \((.*)\)$")
            said = mta.log()[begin:]
            assert line.groups() == outcome, (name, line[0], said)
            assert [over for over, _ in server.messages[n_messages:]] == ([] if is_tls is None else [is_tls]), name
            assert re.search(log, said, re.S), (name, said)
            # One reason is enough.
            assert log == "" or "SSL_connect error" not in said, (name, said)


def test_terms():
    check(TERMS)


def test_files():
    check(FILES)


def test_certificate_that_comes_later():
    """What is mended counts at once."""
    authority = Authority()
    server = TlsServer("127.0.0.8", authority.issue("peer.test"))
    pair = authority.issue("other")
    main = {"smtp_tls_security_level": "may", "smtp_tls_cert_file": pair.with_suffix(".crt"),
            "smtp_tls_key_file": "$config_directory/key", "relay_domains": "static:x",
            "transport_maps": "static:smtp:[127.0.0.8]"}
    with Instance(main=main) as mta:
        def sends():
            n_messages = len(server.messages)
            queue_id = mta.send("a@peer.test", "Subject: x\n\nx\n")
            mta.wait_log(rf"{queue_id}: to=<.*status=sent")
            return [is_tls for is_tls, _ in server.messages[n_messages:]]

        assert [sends() for _ in range(6)] == [[False]] * 6
        mta.write("key", pair.with_suffix(".key").read_text())
        wait_for(lambda: sends() == [True], what="mail over TLS")
        said = re.findall(r"warning: cannot get .*", mta.log())
        assert said == [f'warning: cannot get RSA private key from file "{mta.etc}/key": disabling TLS support'], said


def test_unknown_level():
    """Nobody knows what was meant: nothing is sent."""
    main = {"smtp_tls_security_level": "nosuch", "relay_domains": "static:x", "transport_maps": "static:smtp:[127.0.0.8]"}
    with Instance(main=main) as mta:
        mta.send("a@peer.test", "Subject: x\n\nx\n")
        mta.wait_log(r'/smtp\[\d+\]: fatal: Invalid TLS level "nosuch"$')
