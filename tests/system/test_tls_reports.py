"""TLSRPT (RFC 8460): what a collector is told of handshakes with domains that ask for reports."""
import json
import os
import re
import socket

from harness import Instance, Sink
from tls_peers import Authority, SignedDns, TlsServer

NEEDS_ROOT = True
NEEDS_PROGRAM = "/usr/sbin/unbound"

RECORD = "v=TLSRPTv1; rua=mailto:reports@{}"


class Collector:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        os.chmod(path, 0o666)
        self.socket.settimeout(15)

    def next(self):
        return json.loads(self.socket.recv(65536))

    def is_quiet(self):
        self.socket.setblocking(False)
        try:
            self.socket.recv(65536)
        except BlockingIOError:
            return True
        finally:
            self.socket.settimeout(15)
        return False


def txt(name):
    return f'_smtp._tls{"." * bool(name)}{name} TXT "{RECORD.format(name)}"\n'


def zones(authority, bundle):
    good, wrong = authority.key_digest(bundle), "00" * 32
    hosts = {"": good, "bad": wrong}
    signed = "".join(
        f"{name or '@'} MX 10 mx{'.' * bool(name)}{name}\nmx{'.' * bool(name)}{name} A 127.0.0.3\n"
        f"_25._tcp.mx{'.' * bool(name)}{name} TLSA 3 1 1 {data}\n" + txt(name) for name, data in hosts.items())
    signed += "none MX 10 mx.none\nmx.none A 127.0.0.3\n" + txt("none")
    plain = "".join(f"{name} MX 10 mx.{name}\nmx.{name} A {address}\n" + txt(name)
                    for name, address in (("may", "127.0.0.3"), ("sts", "127.0.0.3"), ("open", "127.0.0.4")))
    plain += "quiet MX 10 mx.may\ntwo MX 10 mx.may\n" + txt("two") + txt("two").replace("reports", "others")
    return {"signed.test": (signed, 20), "insecure.test": (plain, None)}


STS = ("secure match=mx.sts.insecure.test:other.test servername=hostname policy_type=sts policy_domain=sts.insecure.test"
       " { policy_string = version: STSv1 } { policy_string = mode: enforce } mx_host_pattern=*.sts.insecure.test")


def send(mta, recipient):
    queue_id = mta.send(recipient, "Subject: x\n\nx\n")
    return mta.wait_log(rf"{queue_id}: to=<.*status=(\S+) \((.*)\)$")


def check_dane(mta, collector, authority, bundle):
    assert send(mta, "a@signed.test")[1] == "sent"
    assert collector.next() == {"d": "signed.test", "pr": RECORD.format(""), "policies": [{
        "policy-type": 1, "policy-domain": "mx.signed.test", "t": 0, "f": 0,
        "policy-string": [f"3 1 1 {authority.key_digest(bundle).upper()}"]}]}
    mta.wait_log(r"TLSRPT: status=success, domain=signed\.test, receiving_mx=mx\.signed\.test\[127\.0\.0\.3\]$")
    assert send(mta, "a@bad.signed.test")[1] == "deferred"
    told = collector.next()
    (policy,) = told["policies"]
    (failure,) = policy["failure-details"]
    assert (policy["t"], policy["f"], failure["c"]) == (1, 1, 205)
    assert failure["s"].startswith("127.") and failure["r"] == "127.0.0.3" and failure["n"] == "mx.bad.signed.test"
    assert failure["h"].startswith("250-peer\r\n") and failure["h"].endswith("250 8BITMIME"), failure
    mta.configure(smtp_tls_security_level="dane-only")
    assert send(mta, "b@none.signed.test")[1] == "deferred"
    (policy,) = collector.next()["policies"]
    assert policy["policy-type"] == 9 and policy["failure-details"][0]["c"] == 306
    mta.wait_log(r"TLSRPT: status=failure, domain=none\.signed\.test, receiving_mx=mx\.none\.signed\.test"
                 r"\[127\.0\.0\.3\], failure_type=dane_required, failure_reason=no TLSA records found$")


def check_without_policy(mta, collector):
    mta.configure(smtp_tls_security_level="may")
    assert send(mta, "a@may.insecure.test")[1] == "sent"
    assert collector.next()["policies"] == [{"policy-type": 9, "t": 0, "f": 0}]
    assert send(mta, "a@open.insecure.test")[1] == "sent"
    (policy,) = collector.next()["policies"]
    assert policy["failure-details"][0]["c"] == 201, policy
    mta.wait_log(r"TLSRPT: status=failure, domain=open\.insecure\.test, receiving_mx=mx\.open\.insecure\.test"
                 r"\[127\.0\.0\.4\], failure_type=starttls_not_supported$")
    for domain in ("quiet", "two"):
        assert send(mta, f"a@{domain}.insecure.test")[1] == "sent"
    mta.wait_log(r"warning: TLSRPT support: Too many TLSRPT policies for two\.insecure\.test")
    assert collector.is_quiet()


def check_sts(mta, collector):
    mta.write("policy", f"sts.insecure.test {STS}\n")
    mta.configure(smtp_tls_policy_maps=f"texthash:{mta.etc}/policy")
    line = send(mta, "a@sts.insecure.test")
    assert line.groups() == ("deferred", "Server certificate not verified"), line[0]
    (policy,) = collector.next()["policies"]
    assert policy["policy-type"] == 2 and policy["policy-domain"] == "sts.insecure.test"
    assert policy["policy-string"] == ["version: STSv1", "mode: enforce"]
    assert policy["mx-host"] == ["*.sts.insecure.test"]
    assert policy["failure-details"][0]["c"] == 203, policy  # nobody trusts its authority


def check_sts_failure(mta, collector, authority):
    mta.write("policy", f"sts.insecure.test {STS} policy_failure=sts-webpki-invalid\n")
    mta.configure(smtp_tls_CAfile=authority.ca)
    assert send(mta, "b@sts.insecure.test")[2] == "Server certificate not verified"
    assert collector.next()["policies"][0]["failure-details"][0]["c"] == 303
    mta.write("policy", f"sts.insecure.test {STS}\n")
    mta.configure()
    assert send(mta, "c@sts.insecure.test")[1] == "sent"
    assert collector.next()["policies"][0]["f"] == 0


MAIN = {
    "relay_domains": "signed.test, insecure.test",
    "parent_domain_matches_subdomains": "relay_domains",
    "smtp_tlsrpt_enable": "yes",
    "smtp_tlsrpt_socket_name": "private/tlsrpt",
    "smtp_connection_cache_on_demand": "no",
}


def start_servers(host):
    """Servers of all those domains; the one with TLS has that name. Its authority and certificate."""
    authority = Authority()
    bundle = authority.issue(host)
    SignedDns(zones(authority, bundle))
    TlsServer("127.0.0.3", bundle)
    Sink("127.0.0.4", 25)
    return authority, bundle


def test_reports():
    authority, bundle = start_servers("mx.sts.insecure.test")
    main = {**MAIN, "smtp_tls_security_level": "dane", "smtp_dns_support_level": "dnssec", "dnssec_probe": "ns:signed.test"}
    with Instance(main=main) as mta:
        collector = Collector(mta.queue / "private/tlsrpt")
        check_dane(mta, collector, authority, bundle)
        check_without_policy(mta, collector)
        check_sts(mta, collector)
        check_sts_failure(mta, collector, authority)
        # Nobody listens: the mail goes all the same.
        (mta.queue / "private/tlsrpt").unlink()
        assert send(mta, "d@sts.insecure.test")[1] == "sent"
        mta.wait_log(r"warning: Could not report TLS handshake result to tlsrpt library: No such file or directory")


def test_resumed_sessions():
    start_servers("mx.may.insecure.test")
    main = {
        **MAIN,
        "smtp_tls_security_level": "may",
        "smtp_tls_session_cache_database": "lmdb:$data_directory/smtp_scache",
        "smtp_tlsrpt_socket_name": "$queue_directory/private/tlsrpt",
        "smtp_tlsrpt_skip_reused_handshakes": "yes",
    }
    with Instance(main=main) as mta:
        collector = Collector(mta.queue / "private/tlsrpt")
        assert send(mta, "a@may.insecure.test")[1] == "sent"
        assert collector.next()["d"] == "may.insecure.test"
        assert send(mta, "b@may.insecure.test")[1] == "sent"
        assert collector.is_quiet()
        assert len(re.findall("TLSRPT: status=success", mta.log())) == 1
