"""Peers for the tests of TLS as a client: certificates, a server with STARTTLS, a signed zone with nsd behind
a validating unbound."""
import atexit
import hashlib
import pathlib
import shutil
import ssl
import subprocess
import tempfile

from harness import Listener, wait_for


def openssl(*words, input=None):
    return subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, input=input).stdout


class Authority:
    """Certificates that one authority has signed. above: the one that has signed its own, if it is no root."""

    def __init__(self, above=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tassis-pki-", dir="/tmp"))
        self.folder.chmod(0o755)
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        self.ca = self.folder / "ca.pem"
        if above:
            above.sign(self.folder / "ca", "Intermediate CA", "basicConstraints=critical,CA:TRUE\n")
            (self.folder / "ca.crt").rename(self.ca)
            self.chain = [self.ca, *above.chain]
            return
        self.chain = [self.ca]
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", 30,
                "-subj", "/CN=Test CA", "-keyout", self.folder / "ca.key", "-out", self.ca)

    def sign(self, base, name, extensions, key=("ec", "-pkeyopt", "ec_paramgen_curve:P-256")):
        """BASE.key and BASE.crt."""
        base.with_name(base.name + ".ext").write_text(extensions)
        openssl("req", "-newkey", *key, "-nodes", "-subj", f"/CN={name}",
                "-keyout", f"{base}.key", "-out", f"{base}.csr")
        openssl("x509", "-req", "-in", f"{base}.csr", "-days", 30, "-CA", self.ca, "-CAkey", self.folder / "ca.key",
                "-CAcreateserial", "-extfile", f"{base}.ext", "-out", f"{base}.crt")

    def issue(self, name, *, key=("ec", "-pkeyopt", "ec_paramgen_curve:P-256")):
        """Key and certificates for the name in one file."""
        base = self.folder / name
        self.sign(base, name, f"subjectAltName=DNS:{name}\n", key)
        bundle = self.folder / f"{name}.pem"
        bundle.write_text("".join(pathlib.Path(p).read_text() for p in (f"{base}.key", f"{base}.crt", *self.chain)))
        return bundle

    @staticmethod
    def certificate(path):
        text = path.read_text()
        end = "-----END CERTIFICATE-----"
        return ssl.PEM_cert_to_DER_cert(text[text.index("-----BEGIN CERT"):text.index(end) + len(end)])

    @classmethod
    def key_digest(cls, path):
        """SHA2-256 of the public key, in hex."""
        pem = openssl("x509", "-inform", "DER", "-pubkey", "-noout", input=cls.certificate(path))
        return hashlib.sha256(openssl("pkey", "-pubin", "-outform", "DER", input=pem)).hexdigest()

    def digest(self, path):
        return hashlib.sha256(self.certificate(path)).hexdigest()


class TlsServer(Listener):
    """An SMTP server with STARTTLS. behind: bytes in the open behind its 220; trouble: no handshake, but this."""

    def __init__(self, address, bundle, port=25, behind=b"", trouble=None, wrapped=False):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(bundle)
        self.context.sni_callback = lambda _, name, __: self.names.append(name)
        self.names, self.verbs, self.messages = [], [], []
        self.behind, self.trouble, self.wrapped = behind, trouble, wrapped
        super().__init__(address, port)

    def serve(self, client, _):
        is_tls = self.wrapped
        if is_tls:
            client = self.context.wrap_socket(client, server_side=True)
        lines = client.makefile("rb")
        client.sendall(b"220 peer ESMTP\r\n")
        while line := lines.readline():
            words = line.decode("latin-1").split() or [""]
            verb = words[0].upper()
            self.verbs.append((verb, is_tls))
            if verb == "EHLO":
                client.sendall("".join(f"250-{offer}\r\n" for offer in ["peer", *self.offers(is_tls)]).encode() + b"250 8BITMIME\r\n")
            elif verb == "STARTTLS":
                client.sendall(b"220 ready\r\n" + self.behind)
                if self.trouble is not None:
                    client.sendall(self.trouble)
                    lines.read()  # who closes with unread bytes takes back what it has sent
                    return
                client = self.context.wrap_socket(client, server_side=True)
                lines, is_tls = client.makefile("rb"), True
            elif verb == "DATA":
                client.sendall(b"354 go\r\n")
                text = b""
                while (line := lines.readline()) not in (b".\r\n", b""):
                    text += line
                self.messages.append((is_tls, text))
                client.sendall(b"250 2.0.0 stored\r\n")
            elif verb == "QUIT":
                client.sendall(b"221 bye\r\n")
                return
            else:
                client.sendall(self.reply(client, lines, words))

    def offers(self, is_tls):
        return [] if is_tls else ["STARTTLS"]

    def reply(self, client, lines, words):
        """To a command that is nothing special; those who look closer can talk on before."""
        return b"250 ok\r\n"


class SignedDns:
    """nsd with zones, some of them signed, and in front of it an unbound that validates (or not) and is the
    machine's resolver. Needs a namespace of its own."""

    SOA = "$TTL 60\n@ SOA ns.{0}. root.{0}. 1 3600 600 86400 60\n@ NS ns.{0}.\nns A 127.0.0.1\n"

    def __init__(self, zones, validates=True):
        """zones: name -> (records, days that signatures still last; None: unsigned)."""
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tassis-dns-", dir="/tmp"))
        self.folder.chmod(0o777)
        anchors, listed, stubs = [], "", ""
        for name, (records, days) in zones.items():
            path = self.folder / f"{name}.zone"
            path.write_text(f"$ORIGIN {name}.\n" + self.SOA.format(name) + records)
            if days is not None:
                path = self.sign(name, path, days, anchors)
            listed += f'zone:\n  name: "{name}"\n  zonefile: "{path}"\n'
            stubs += f'stub-zone:\n  name: "{name}"\n  stub-addr: 127.0.0.1@5300\n'
        self.write("nsd.conf", 'server:\n  ip-address: 127.0.0.1@5300\n  username: ""\n  pidfile: ""\n'
                   f'  database: ""\n  zonelistfile: "{self.folder}/list"\n  xfrdfile: "{self.folder}/xfrd"\n'
                   'remote-control:\n  control-enable: no\n' + listed)
        self.write("anchors", "\n".join(anchors))
        self.write("unbound.conf", 'server:\n  interface: 127.0.0.1\n  do-daemonize: no\n  username: ""\n'
                   f'  chroot: ""\n  directory: "{self.folder}"\n  pidfile: ""\n  use-syslog: no\n'
                   '  do-not-query-localhost: no\n  local-zone: "test." nodefault\n  do-ip6: no\n'
                   f'  module-config: "{"validator " if validates else ""}iterator"\n'
                   + f'  trust-anchor-file: "{self.folder}/anchors"\n' * (validates and bool(anchors))
                   + 'remote-control:\n  control-enable: no\n' + stubs)
        resolv = self.write("resolv.conf", "nameserver 127.0.0.1\n")
        subprocess.run(["mount", "--bind", resolv, pathlib.Path("/etc/resolv.conf").resolve()], check=True)
        for words in (["nsd", "-d", "-c"], ["unbound", "-d", "-c"]):
            with open(self.folder / f"{words[0]}.log", "wb") as output:
                subprocess.Popen([f"/usr/sbin/{words[0]}", *words[1:], self.folder / f"{words[0]}.conf"],
                                 stdout=output, stderr=output, stdin=subprocess.DEVNULL)
        first = next(iter(zones))
        wait_for(lambda: "status: NOERROR" in self.ask(first, "SOA"), 30, f"the resolver (see {self.folder})")

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o644)
        return path

    def ask(self, name, kind):
        out = subprocess.run(["drill", "@127.0.0.1", name, kind], capture_output=True, text=True)
        return out.stdout.replace("rcode: ", "status: ")

    def sign(self, name, path, days, anchors):
        def run(*words):
            return subprocess.run(words, cwd=self.folder, check=True, capture_output=True, text=True).stdout.strip()

        key = run("ldns-keygen", "-a", "ECDSAP256SHA256", "-k", name)
        anchors.append((self.folder / f"{key}.key").read_text())
        dates = [run("date", "-u", "-d", f"{n} days", "+%Y%m%d%H%M%S") for n in (days - 30, days)]
        run("ldns-signzone", "-i", dates[0], "-e", dates[1], "-f", f"{name}.signed", path.name, key)
        return self.folder / f"{name}.signed"
