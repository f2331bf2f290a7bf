"""What settings of the TLS client that mean nothing, and files that are no good, cost: never protection that a
policy demands."""
import re

from harness import Instance
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


def check(cases):
    """Each case is a transport of its own; what it logs is between its message and the next."""
    server = TlsServer("127.0.0.8", Authority().issue("peer.test"))
    main = {"smtp_tls_loglevel": "1", "relay_domains": "static:x",
            "transport_maps": "inline:{" + " ".join(f"{{{name}.test=s-{name}:[127.0.0.8]}}" for name in cases) + "}"}
    master = "".join(f"s-{name} unix - - n - - smtp " + " ".join(
        f"-o {{smtp_tls_{option}}}" for option in (f"security_level={level}", *others.split(","))) + "\n"
        for name, (level, others, *_) in cases.items())
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
