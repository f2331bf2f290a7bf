"""What the levels of smtpd_tls_loglevel and smtp_tls_loglevel show, and chains that are put together."""
import re
import ssl

from harness import Instance
from test_tls_server import server, starttls
from tls_peers import Authority, TlsServer

BYTES = r": [0-9a-f]{4} ([0-9a-f]{2}[ |]){1,16}  "
STEP = r"postfix/smtpd\[\d+\]: SSL_accept:SSLv3/TLS write server hello$"


def talk(mta):
    """A conversation; what smtpd said of it."""
    start = len(mta.log())
    with starttls(mta) as client:
        client.sendall(b"VRFY nobody-in-the-clear\r\nQUIT\r\n")
        while client.recv(2000):
            pass
    mta.wait_log(r"disconnect from .* starttls=1 vrfy")
    return mta.log()[start:]


def test_levels():
    for level, steps, data in (("1", 0, False), ("2", 1, False), ("3", 1, True), ("4", 1, True)):
        with server(smtpd_tls_loglevel=level, tls_trace_rate_limit="0") as mta:
            said = talk(mta)
            assert len(re.findall(STEP, said, re.M)) == steps, said
            assert (': TLS cipher list "' in said) == bool(steps), said
            assert bool(re.search(BYTES, said)) == data, said
            behind = said[said.index("TLS connection established"):]
            assert bool(re.search(BYTES, behind)) == (level == "4"), behind
            if data:
                assert re.search(r"read from [0-9A-F]+ \[[0-9A-F]+\] \(5 bytes => 5 \(0x5\)\)$", said, re.M), said


def test_limits():
    with server(smtpd_tls_loglevel="4", smtpd_tls_trace_size_limit="800", tls_trace_rate_limit="0") as mta:
        said = talk(mta)
        assert "TLS trace size limit reached" in said, said
        assert len(re.findall(BYTES, said)) <= 60, said
    with server(smtpd_tls_loglevel="3", tls_trace_rate_limit="1") as mta:
        shown = [bool(re.search(BYTES, talk(mta))) for _ in range(12)]
        assert shown[0] and not all(shown), shown  # twelve take less than twelve seconds


def test_client():
    authority = Authority()
    peer = TlsServer("127.0.0.1", authority.issue("remote.test"), port=0)
    main = {"relayhost": f"[127.0.0.1]:{peer.listener.getsockname()[1]}", "relay_domains": "remote.test",
            "smtp_tls_security_level": "encrypt", "smtp_tls_loglevel": "3"}
    with Instance(main=main) as mta:
        mta.wait_log(rf"{mta.send('x@remote.test', 'Subject: x')}: to=<.*status=")
        for line in ("initializing the client-side TLS engine", r"setting up TLS connection to 127\.0\.0\.1",
                     "SSL_connect:SSLv3/TLS write client hello", r"write to [0-9A-F]+ \[[0-9A-F]+\] \(\d+ bytes => ",
                     "SSL_connect:SSLv3/TLS read server hello", r"127\.0\.0\.1\S+: depth=\d verify=0 subject=/CN=",
                     r"127\.0\.0\.1\S+: subject_CN=remote\.test, issuer_CN=Test CA, fingerprint="):
            mta.wait_log(r"postfix/smtp\[\d+\]: " + line)


def test_intermediate_authority_from_cafile():
    """Old configurations have the leaf in smtpd_tls_cert_file, the one in between in smtpd_tls_CAfile."""
    root = Authority()
    between = Authority(above=root)
    between.issue("mx.example.test")
    made = ssl.create_default_context(cafile=root.ca)
    with server(smtpd_tls_chain_files="", smtpd_tls_cert_file=between.folder / "mx.example.test.crt",
                smtpd_tls_key_file=between.folder / "mx.example.test.key", smtpd_tls_CAfile=between.ca) as mta:
        with starttls(mta, made) as client:
            assert client.getpeercert()["subject"] == ((("commonName", "mx.example.test"),),)
