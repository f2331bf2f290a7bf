"""Mail filters that people use: OpenDKIM, Rspamd, SpamAssassin through spamass-milter."""
import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from harness import Instance, free_port
from programs import GTUBE, listens, running

NEEDS_PROGRAM = "/usr/sbin/opendkim"
MESSAGE = "From: Ann <ann@client.test>\r\nTo: alice@example.test\r\nSubject: hello\r\n\r\nThe body.\r\n"
RSPAMD_SHARE = "/usr/share/rspamd"


@contextlib.contextmanager
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="tassis-milter-", dir="/tmp"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def write(path, text):
    path.write_text(text)
    return path


def dkim_key(home):
    """A key pair; the private key's file and the record for DNS."""
    key = home / "key.pem"
    subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
    key.chmod(0o600)
    public = subprocess.run(["openssl", "rsa", "-in", key, "-pubout", "-outform", "DER"], check=True, capture_output=True).stdout
    import base64
    return key, "v=DKIM1; k=rsa; p=" + base64.b64encode(public).decode()


@contextlib.contextmanager
def opendkim(home, mode, settings):
    sock = home / f"{mode}.sock"
    config = write(home / f"{mode}.conf", f"Mode {mode}\nSocket local:{sock}\nSyslog no\nUMask 000\n"
                   "Background no\nRequireSafeKeys no\n" + settings)
    with running("/usr/sbin/opendkim", "-f", "-x", config, ready=lambda: listens(sock), log=home / f"{mode}.log"):
        yield f"unix:{sock}"


def test_opendkim_signs_and_verifies():
    """Signed by the filter of one instance, verified by that of another, unchanged and changed on the way."""
    with folder() as home:
        key, record = dkim_key(home)
        keys = write(home / "public", f"s1._domainkey.client.test {record}\n")
        hosts = write(home / "hosts", "127.0.0.0/8\n")
        signing = f"Domain client.test\nSelector s1\nKeyFile {key}\nCanonicalization relaxed/simple\nInternalHosts {hosts}\n"
        verifying = f"TestPublicKeys {keys}\nAuthservID mx.example.test\nInternalHosts {write(home / 'none', '192.0.2.1')}\n"
        with opendkim(home, "s", signing) as signer, opendkim(home, "v", verifying) as verifier:
            with Instance(main={"smtpd_milters": verifier}) as second:
                route = {"relayhost": f"[127.0.0.1]:{second.port}", "virtual_mailbox_domains": ""}
                with Instance(main={"smtpd_milters": signer, "non_smtpd_milters": signer, **route}) as first:
                    first.send("alice@example.test", MESSAGE, sender="ann@client.test")
                    mail = second.mail("alice")
                    assert re.search(r"^DKIM-Signature: v=1;.* d=client\.test;", mail, re.M), mail
                    assert re.search(r"^Authentication-Results: mx\.example\.test;\s+dkim=pass", mail, re.M), mail
                    # Mail from a program of this host is signed as well.
                    first.run("sendmail", "-f", "ann@client.test", "bob@example.test",
                              input=MESSAGE.replace("\r\n", "\n"), check=True)
                    assert re.search(r"dkim=pass", second.mail("bob")), second.mail("bob")
                second.send("carol@example.test", mail.split("\n", 1)[1].replace("The body", "Another body"))
                assert re.search(r"dkim=fail", second.mail("carol")), second.mail("carol")


RSPAMD = """
options {{
    tempdir = "{home}"; pidfile = "{home}/pid"; hs_cache_dir = "{home}"; filters = "dkim";
    url_tld = "{home}/tld";
    dns {{ nameserver = ["127.0.0.1:{dns}:1"]; timeout = 0.1s; retransmits = 1; }}
    local_addrs = ["127.0.0.0/8"];
}}
logging {{ type = "file"; filename = "{home}/log"; level = "info"; }}
modules {{ path = "{share}/plugins/"; }}
redis {{ servers = "{home}/redis.sock"; }}
worker "rspamd_proxy" {{
    bind_socket = "{home}/milter.sock mode=0666"; count = 1; milter = yes; timeout = 20s;
    upstream "local" {{ default = yes; self_scan = yes; }}
}}
metric "default" {{
    actions {{ reject = 15; add_header = 6; greylist = 4; }}
}}
lua = "{home}/rules.lua";
greylist {{ timeout = 1d; check_local = true; }}
milter_headers {{ use = ["x-spamd-result"]; skip_local = false; skip_authenticated = false; }}
dkim_signing {{
    sign_local = true; sign_inbound = true; use_esld = false; check_pubkey = false;
    domain {{ client.test {{ path = "{key}"; selector = "s1"; }} }}
}}
"""

# Suspicious enough to be greylisted, not more.
RULE = """
rspamd_config:register_symbol {
    name = "GREY", score = 5.0,
    callback = function(task) return task:get_from("smtp")[1].addr == "grey@client.test" end
}
"""


@contextlib.contextmanager
def rspamd(home):
    key, _ = dkim_key(home)
    write(home / "rules.lua", RULE)
    write(home / "tld", "test\n")  # the real list takes minutes to compile
    config = write(home / "rspamd.conf", RSPAMD.format(home=home, share=RSPAMD_SHARE, key=key, dns=free_port()))
    redis = ("redis-server", "--port", "0", "--unixsocket", home / "redis.sock", "--save", "", "--dir", home)
    with running(*redis, ready=lambda: listens(home / "redis.sock"), log=home / "redis.log"):
        insecure = ["--insecure"] if os.geteuid() == 0 else []  # its own word for running as root
        with running("rspamd", "-f", *insecure, "-c", config, ready=lambda: listens(home / "milter.sock"), log=home / "rspamd.out"):
            yield f"unix:{home}/milter.sock"


def test_rspamd():
    """Header added, DKIM signature made, greylist answer, GTUBE rejected."""
    with folder() as home, rspamd(home) as address, Instance(main={"smtpd_milters": address}) as mta:
        mta.send("alice@example.test", MESSAGE, sender="ann@client.test")
        mail = mta.mail("alice")
        assert re.search(r"^X-Spamd-Result: default: False", mail, re.M), mail
        assert re.search(r"^DKIM-Signature: .*\bd=client\.test;", mail, re.M), mail
        with mta.smtp() as client:
            client.mail("grey@client.test")
            client.rcpt("alice@example.test")
            code, reply = client.data(MESSAGE.replace("ann@", "grey@"))
            assert code == 451 and reply.startswith(b"4.7.1"), (code, reply)
            mta.wait_log(r"milter-reject: END-OF-MESSAGE from .*: 4\.7\.1 .*; from=<grey@client\.test> to=<alice@example")
            client.mail("ann@client.test")
            client.rcpt("alice@example.test")
            code, reply = client.data(MESSAGE.replace("The body.", GTUBE))
            assert code == 554 and reply.startswith(b"5.7.1"), (code, reply)
            mta.wait_log(r"milter-reject: END-OF-MESSAGE from .*: 5\.7\.1 .*; from=<ann@client\.test>")
        assert len(mta.inbox("alice")) == 1


@contextlib.contextmanager
def spamass_milter(home):
    spamd = ("/usr/sbin/spamd", "--local", "--nouser-config", "--syslog", home / "spamd.log", "--max-children", "1",
             "--socketpath", home / "spamd.sock", "--helper-home-dir", home, "--pidfile", home / "spamd.pid")
    milter = ("/usr/sbin/spamass-milter", "-p", home / "milter.sock", "-r", "15", "--", "-U", home / "spamd.sock")
    with running(*spamd, ready=lambda: listens(home / "spamd.sock"), log=home / "spamd.out"):
        with running(*milter, ready=lambda: listens(home / "milter.sock"), log=home / "milter.out"):
            yield f"unix:{home}/milter.sock"


def test_spamassassin():
    """spamass-milter marks mail and refuses what SpamAssassin is sure about."""
    with folder() as home, spamass_milter(home) as address, Instance(main={"smtpd_milters": address}) as mta:
        mta.send("alice@example.test", MESSAGE, sender="ann@client.test")
        mail = mta.mail("alice")
        assert re.search(r"^X-Spam-Status: No, ", mail, re.M) and re.search(r"^X-Spam-Checker-Version: ", mail, re.M), mail
        with mta.smtp() as client:
            client.mail("ann@client.test")
            client.rcpt("alice@example.test")
            code, reply = client.data(MESSAGE.replace("The body.", GTUBE))
            assert code == 550 and b"SpamAssassin" in reply, (code, reply)
        assert len(mta.inbox("alice")) == 1
