"""tassis tls: keys, certificates, requests and DNS records, and what is written to main.cf."""
import hashlib
import re
import ssl
import stat
import subprocess

from harness import Instance


def openssl(*words, input=None):
    return subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, input=input).stdout


def key_digest(path):
    return hashlib.sha256(openssl("pkey", "-in", path, "-pubout", "-outform", "DER")).hexdigest()


def tls(mta, *words, status=0):
    seen = len(mta.log())
    result = mta.run("tassis", "tls", *words)
    result.err += mta.log()[seen:]
    assert result.returncode == status, (words, result.returncode, result.err)
    return result


def postconf(mta, name):
    return mta.run("postconf", "-h", name, check=True).out.strip()


def test_client():
    with Instance(start=False) as mta:
        tls(mta, "all-default-client")
        tls(mta, "enable-client", "-r", "dev:/dev/random")
        assert postconf(mta, "smtp_tls_security_level") == "may"
        assert postconf(mta, "smtp_tls_loglevel") == "1"
        assert postconf(mta, "tls_random_source") == "dev:/dev/random"
        assert postconf(mta, "smtp_tls_session_cache_database") == f"lmdb:{mta.data}/smtp_scache"
        tls(mta, "all-default-client", status=1)
        before = (mta.etc / "main.cf").read_text()
        assert "nothing was changed" in tls(mta, "enable-client").err
        assert (mta.etc / "main.cf").read_text() == before


def test_server_from_nothing():
    with Instance(main={"myhostname": "mx.example.test"}, start=False) as mta:
        tls(mta, "all-default-server")
        tls(mta, "output-server-tlsa", status=1)
        tls(mta, "enable-server", "-a", "ecdsa", "a.example.test", "b.example.test")
        tls(mta, "all-default-server", status=1)
        certificate, key = (postconf(mta, f"smtpd_tls_ec{kind}_file") for kind in ("cert", "key"))
        assert re.fullmatch(rf"{mta.etc}/eckey-\d{{8}}-\d{{6}}\.pem", key)
        assert stat.S_IMODE((mta.etc / key).stat().st_mode) == 0o600
        text = openssl("x509", "-in", certificate, "-noout", "-text").decode()
        assert "Subject: CN = a.example.test" in text and "DNS:a.example.test, DNS:b.example.test" in text
        assert "CA:FALSE" in text and "NIST CURVE: P-256" in text
        openssl("verify", "-CAfile", certificate, "-purpose", "sslserver", certificate)
        found = tls(mta, "output-server-tlsa").out
        assert found == f"; {key}\n_25._tcp.mx.example.test. IN TLSA 3 1 1 {key_digest(key)}\n"
        mta.start()
        with mta.smtp() as client:
            context = ssl.create_default_context(cafile=certificate)
            context.check_hostname = False
            client.starttls(context=context)
        assert "nothing was changed" in tls(mta, "enable-server").err


def test_new_pairs():
    with Instance(main={"myhostname": "mx.example.test"}, start=False) as mta:
        tls(mta, "new-server-key", "-b", "3072")
        (key,), (certificate,) = (list(mta.etc.glob(f"{kind}-*.pem")) for kind in ("key", "cert"))
        assert "3072 bit" in openssl("pkey", "-in", key, "-noout", "-text").decode()
        assert postconf(mta, "smtpd_tls_cert_file") == ""
        tls(mta, "deploy-server-cert", certificate.name, key.name)  # relative to the configuration's folder
        assert postconf(mta, "smtpd_tls_cert_file") == str(certificate)
        assert postconf(mta, "smtpd_tls_key_file") == str(key)
        found = tls(mta, "output-server-tlsa", "-h", "other.example.test", "rsa").out
        assert f"_25._tcp.other.example.test. IN TLSA 3 1 1 {key_digest(key)}\n" in found
        request = tls(mta, "output-server-csr", "-k", "rsa", "x.example.test").out
        text = openssl("req", "-noout", "-text", "-verify", input=request.encode()).decode()
        assert "DNS:x.example.test" in text and "TLS Web Server Authentication" in text
        key, certificate = key.rename(mta.etc / "old.pem"), certificate.rename(mta.etc / "oldcert.pem")
        tls(mta, "deploy-server-cert", certificate, key)
        tls(mta, "new-server-cert", "new.example.test")  # the same key
        (copy,) = mta.etc.glob("key-*.pem")
        assert key_digest(copy) == key_digest(key)


def test_mistakes():
    with Instance(start=False) as mta:
        assert "unknown tls command: 'bogus'" in tls(mta, "bogus", status=1).err
        assert "usage: tassis tls" in tls(mta, status=1).err
        assert "foo: unsupported public key algorithm" in tls(mta, "new-server-key", "-a", "foo", status=1).err
        tls(mta, "new-server-key", "-a", "ecdsa", "-b", "no-curve", status=1)
        tls(mta, "new-server-key", "-b", "7", status=1)
        assert "not a host name: a,b" in tls(mta, "new-server-key", "a,b", status=1).err
        assert not list(mta.etc.glob("*.pem"))
        tls(mta, "new-server-key", "-a", "ecdsa")
        tls(mta, "new-server-key")
        (certificate,), (key,) = (list(mta.etc.glob(f"{name}-*.pem")) for name in ("cert", "eckey"))
        assert "is not that of the key" in tls(mta, "deploy-server-cert", certificate, key, status=1).err
        assert "usage" in tls(mta, "deploy-server-cert", certificate, status=1).err
        assert "no private key found" in tls(mta, "deploy-server-cert", certificate, certificate, status=1).err
        assert postconf(mta, "smtpd_tls_cert_file") == ""
