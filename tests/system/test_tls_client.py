"""TLS to other servers: what DNSSEC vouches for, what a policy forbids, and what happens when TLS fails."""
import os
import re
import subprocess

from harness import Instance, wait_for
from tls_peers import Authority, SignedDns, TlsServer

NEEDS_ROOT = True
NEEDS_PROGRAM = "/usr/sbin/unbound"

MAIN = {
    "smtp_tls_security_level": "dane",
    "smtp_dns_support_level": "dnssec",
    "smtp_tls_loglevel": "1",
    "dnssec_probe": "ns:signed.test",
    "relay_domains": "signed.test, insecure.test, expired.test, .signed.test, .insecure.test",
    "parent_domain_matches_subdomains": "",
}


def settle(mta, recipient):
    """Send and wait for the log line of the attempt; its status, text and tls=."""
    queue_id = mta.send(recipient, "Subject: x\n\nx\n")
    line = mta.wait_log(rf"{queue_id}: to=<.*status=(\S+) \((.*)\)$")
    return line[1], line[2], (re.search(r"tls=([^,]*)", line[0]) or [None, ""])[1]


def zones(authority, bundle):
    good, wrong = authority.key_digest(bundle), "00" * 32
    hosts = {
        "": f"3 1 1 {good}",
        "bad": f"3 1 1 {wrong}",
        "both": f"3 1 1 {wrong}\n_25._tcp.mx.both TLSA 3 1 1 {good}",
        "anchor": f"2 0 1 {authority.digest(authority.ca)}",
        "pkix": f"1 1 1 {wrong}",
    }
    records = "".join(
        f"{name or '@'} MX 10 mx{'.' * bool(name)}{name}\nmx{'.' * bool(name)}{name} A 127.0.0.3\n"
        f"_25._tcp.mx{'.' * bool(name)}{name} TLSA {data}\n" for name, data in hosts.items())
    records += "none MX 10 mx.none\nmx.none A 127.0.0.3\nalias MX 10 mx.alias\nmx.alias CNAME mx\n"
    unsigned = f"@ MX 10 mx\nmx A 127.0.0.3\n_25._tcp.mx TLSA 3 1 1 {wrong}\nhalf MX 10 mx.signed.test.\n"
    return {"signed.test": (records, 20), "insecure.test": (unsigned, None),
            "expired.test": ("@ MX 10 mx\nmx A 127.0.0.3\n", -1)}


def test_dane():
    authority = Authority()
    bundle = authority.issue("mx.anchor.signed.test")
    SignedDns(zones(authority, bundle))
    server = TlsServer("127.0.0.3", bundle)
    with Instance(main=MAIN) as mta:
        assert settle(mta, "a@signed.test") == ("sent", "250 2.0.0 stored", "dane")
        mta.wait_log(r"Verified TLS connection established to mx\.signed\.test\[127\.0\.0\.3\]:25: TLSv1\.3")
        assert "mx.signed.test" in server.names  # SNI is the name that the records were found under
        assert settle(mta, "a@both.signed.test")[0] == "sent"
        assert settle(mta, "a@anchor.signed.test")[::2] == ("sent", "dane")
        assert settle(mta, "a@alias.signed.test")[::2] == ("sent", "dane")
        assert "mx.signed.test" in server.names
        # Another key than the one that is published: nothing is sent.
        seen = len(server.messages)
        status, text, tls = settle(mta, "a@bad.signed.test")
        assert (status, text, tls) == ("deferred", "Server certificate not verified", "!dane"), (status, text, tls)
        mta.wait_log(r"certificate verification failed for mx\.bad\.signed\.test\[127\.0\.0\.3\]:25: num=65:no"
                     r" matching DANE TLSA records$")
        assert len(server.messages) == seen
        # Records that mean nothing here: TLS all the same. None, or none that count: as at the level may.
        assert settle(mta, "a@pkix.signed.test")[::2] == ("sent", "dane:encrypt")
        assert settle(mta, "a@none.signed.test")[::2] == ("sent", "dane:may")
        assert settle(mta, "a@insecure.test")[::2] == ("sent", "dane:may")
        assert settle(mta, "a@half.insecure.test")[::2] == ("sent", "dane:half-dane")
        # Signatures that are over: nothing is known, so the mail waits.
        status, text, _ = settle(mta, "a@expired.test")
        assert status == "deferred" and "try again" in text, (status, text)
        assert "DNSSEC validation may be unavailable" not in mta.log()
        said = mta.run("tassis", "check")
        assert "DNSSEC" not in said.err + said.out
        mta.configure(smtp_tls_security_level="dane-only")
        assert settle(mta, "b@signed.test")[0] == "sent"
        assert settle(mta, "b@none.signed.test")[:2] == ("deferred", "no TLSA records found")
        assert settle(mta, "b@half.insecure.test")[:2] == ("deferred", "non DNSSEC destination")
        # What smtp_dns_reply_filter drops cannot be believed, and is no proof that there is nothing.
        mta.write("records", "/ IN TLSA 3 1 1 0+$/ IGNORE\n/^_25\\._tcp\\.mx\\.anchor\\..* IN TLSA / IGNORE\n")
        mta.configure(smtp_dns_reply_filter="pcre:$config_directory/records")
        assert settle(mta, "c@both.signed.test")[::2] == ("sent", "dane-only")
        mta.wait_log(r"ignoring DNS RR: _25\._tcp\.mx\.both\.signed\.test\. \d+ IN TLSA 3 1 1 0+$")
        assert settle(mta, "c@anchor.signed.test")[:2] == ("deferred", "TLSA lookup error for mx.anchor.signed.test:25")
        assert all(is_tls for is_tls, _ in server.messages)


def test_resolver_does_not_validate():
    """The protection is gone, and that is said."""
    authority = Authority()
    bundle = authority.issue("mx.signed.test")
    SignedDns(zones(authority, bundle), validates=False)
    TlsServer("127.0.0.3", bundle)
    with Instance(main=MAIN) as mta:
        assert settle(mta, "a@signed.test")[::2] == ("sent", "dane:may")
        mta.wait_log(r"warning: DNSSEC validation may be unavailable")
        mta.wait_log(r"warning: reason: dnssec_probe 'ns:signed\.test' received a response that is not DNSSEC valid")
        said = mta.run("tassis", "check")
        said = said.err + said.out + mta.log().split("status=sent")[-1]
        assert "DNSSEC validation may be unavailable" in said, said


def test_bytes_behind_starttls_are_dropped():
    """A greeting that somebody slipped in before the handshake is not believed."""
    authority = Authority()
    server = TlsServer("127.0.0.4", authority.issue("peer.test"), behind=b"250-evil\r\n250 STARTTLS\r\n")
    with Instance(main={"smtp_tls_security_level": "encrypt", "relay_domains": "peer.test",
                        "transport_maps": "inline:{peer.test=smtp:[127.0.0.4]}"}) as mta:
        status, _, _ = settle(mta, "a@peer.test")
        # What follows the reply in the same packet is dropped; if the handshake reads it, it fails.
        assert status in ("sent", "deferred")
        assert all(is_tls for is_tls, _ in server.messages)
        assert ("EHLO", True) in server.verbs or status == "deferred"


def test_no_plaintext_where_a_policy_forbids_it():
    authority = Authority()
    broken = TlsServer("127.0.0.5", authority.issue("peer.test"), trouble=b"this is no handshake\r\n")
    main = {"smtp_tls_security_level": "may", "relay_domains": "peer.test", "minimal_backoff_time": "1s",
            "maximal_backoff_time": "1s", "queue_run_delay": "1s", "smtp_tls_loglevel": "1",
            "transport_maps": "inline:{peer.test=smtp:[127.0.0.5]}",
            "smtp_tls_policy_maps": "inline:{{[127.0.0.5]=encrypt}}"}
    with Instance(main=main) as mta:
        queue_id = mta.send("a@peer.test", "Subject: x\n\nx\n")
        wait_for(lambda: len(re.findall(rf"{queue_id}: to=.*status=deferred \(Cannot start TLS: handshake failure\)",
                                        mta.log())) >= 3, what="three attempts")
        assert not broken.messages and ("MAIL", False) not in broken.verbs
        mta.wait_log(r"SSL_connect error to 127\.0\.0\.5\[127\.0\.0\.5\]:25: -1")
        # Where TLS is optional, mail that has waited goes without.
        mta.configure(smtp_tls_policy_maps="")
        mta.run("postqueue", "-f", check=True)
        mta.wait_log(rf"{queue_id}: to=.*tls=may:none, .*status=sent")
        assert [is_tls for is_tls, _ in broken.messages] == [False]


def test_connection_is_kept_under_its_policy():
    """With smtp_tls_connection_reuse a connection serves the next message, but not that of another policy."""
    authority = Authority()
    server = TlsServer("127.0.0.6", authority.issue("peer.test"))
    main = {"smtp_tls_security_level": "encrypt", "relay_domains": "peer.test",
            "transport_maps": "inline:{peer.test=smtp:[127.0.0.6]}", "smtp_tls_connection_reuse": "yes",
            "smtp_connection_cache_destinations": "[127.0.0.6]"}
    with Instance(main=main) as mta:
        for _ in range(3):
            assert settle(mta, "a@peer.test")[0] == "sent"
        assert server.connections == 1, server.connections
        queue_id = mta.send("a@peer.test", "Subject: x\nTLS-Required: no\n\nx\n")
        mta.wait_log(rf"{queue_id}: to=.*tls=encrypt:may, .*status=sent")
        assert server.connections == 2, server.connections


def test_wrapper_mode():
    authority = Authority()
    server = TlsServer("127.0.0.7", authority.issue("peer.test"), port=465, wrapped=True)
    main = {"smtp_tls_security_level": "verify", "smtp_tls_wrappermode": "yes", "relay_domains": "peer.test",
            "transport_maps": "inline:{peer.test=smtp:[127.0.0.7]:465}", "smtp_tls_CAfile": authority.ca,
            "smtp_tls_verify_cert_match": "peer.test", "smtp_tls_loglevel": "1"}
    with Instance(main=main) as mta:
        assert settle(mta, "a@peer.test") == ("sent", "250 2.0.0 stored", "verify")
        mta.wait_log(r"Verified TLS connection established to 127\.0\.0\.7\[127\.0\.0\.7\]:465")
        assert [is_tls for is_tls, _ in server.messages] == [True]


def test_posttls_finger():
    """The probe sees what the client would."""
    authority = Authority()
    bundle = authority.issue("mx.anchor.signed.test")
    SignedDns(zones(authority, bundle))
    TlsServer("127.0.0.3", bundle)
    with Instance(main=MAIN, start=False) as mta:
        def finger(*words):
            return subprocess.run([mta.command("posttls-finger"), *words], capture_output=True, text=True, timeout=60,
                                  env={**os.environ, "MAIL_CONFIG": str(mta.etc)})

        for name, trust in (("signed.test", "Verified"), ("anchor.signed.test", "Verified"),
                            ("bad.signed.test", "Untrusted"), ("none.signed.test", "Untrusted")):
            said = finger("-T", "20", name)
            host = "mx." + name
            assert said.returncode == 0, said.stdout + said.stderr
            assert f"posttls-finger: {trust} TLS connection established to {host}[127.0.0.3]:25" in said.stdout, said
        assert "using DANE RR: _25._tcp.mx.bad.signed.test IN TLSA 3 1 1 00:00:" in finger("bad.signed.test").stdout
        said = finger("-c", "-l", "dane-only", "none.signed.test")
        assert said.returncode == 1 and "no TLSA records found" in said.stdout, said
        assert finger("[127.0.0.9]").returncode == 1
