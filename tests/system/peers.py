"""Other mail servers as peers: Postfix, Exim and OpenSMTPD for the domain peer.test on 127.0.0.2 port 25,
which send mail for example.test to an instance of ours. Only in namespaces of one's own.

Exim and OpenSMTPD are not installed, for no two mail servers can be, but unpacked (make deps-peers).
"""
import contextlib
import os
import pathlib
import pwd
import re
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import tempfile
import threading

from harness import Listener, Skipped, wait_for
from programs import listens

UNPACKED = pathlib.Path(os.environ.get("TASSIS_PEERS", "/var/cache/tassis-peers"))
BOXES = ("bob", "carol")


def own_folder(path):
    """In our own mount namespace: the folder holds what it held, but what is made in it or replaced
    there is nobody else's."""
    path = pathlib.Path(path)
    new = pathlib.Path(tempfile.mkdtemp(prefix="tassis-test-"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "none", new], check=True)
    (new / ".below").mkdir()
    subprocess.run(["mount", "--rbind", path, new / ".below"], check=True)
    for entry in (new / ".below").iterdir():
        target = os.readlink(entry) if entry.is_symlink() else f".below/{entry.name}"
        (new / entry.name).symlink_to(target)
    subprocess.run(["mount", "--move", new, path], check=True)
    new.rmdir()


def add_users(*names):
    """In a folder /etc of our own: users and groups for daemons."""
    known = {entry.pw_name for entry in pwd.getpwall()}
    for kind, rest in (("passwd", "/nonexistent:/usr/sbin/nologin"), ("group", None)):
        path = pathlib.Path("/etc", kind)
        text = path.read_text()
        path.unlink()
        for number, name in enumerate(names, 7200):
            if name not in known:
                text += f"{name}:x:{number}:{number}::{rest}\n" if rest else f"{name}:x:{number}:\n"
        path.write_text(text)
        path.chmod(0o644)


class Tap(Listener):
    """Takes connections at the address, port 25, and passes them on, without STARTTLS; keeps what the
    clients said, in the pieces that came."""

    def __init__(self, address, target):
        self.target, self.pieces = target, []
        super().__init__(address, 25)

    def serve(self, client, _):
        with socket.create_connection(self.target) as server:
            back = threading.Thread(target=self.copy, args=(server, client, False), daemon=True)
            back.start()
            self.copy(client, server, True)
            back.join()

    def copy(self, source, sink, keep):
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                if keep:
                    self.pieces.append(piece)
                sink.sendall(re.sub(rb"(?m)^250([- ])STARTTLS", rb"250\1X-NONE", piece))
            sink.shutdown(socket.SHUT_WR)

    def pipelines(self):
        return any(re.search(rb"MAIL FROM.*\nRCPT TO", piece, re.S) for piece in self.pieces)


class Peer:
    """for_us: where mail for example.test goes (by TLS); mail for tap.example.test goes to 127.0.0.4 port
    25, as it comes. bundle: key and certificate of peer.test."""

    address, port = "127.0.0.2", 25
    needs = None

    def __init__(self, for_us, bundle):
        if not os.path.exists(self.needs):
            raise Skipped(f"needs {self.needs} (make deps-peers)")
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="tassis-peer-", dir="/tmp"))
        self.home.chmod(0o755)
        (self.home / "mail").mkdir()
        self.for_us, self.bundle = for_us, bundle
        self.configure()

    def __enter__(self):
        with open(self.home / "out", "ab") as out:
            self.process = subprocess.Popen(list(map(str, self.command())), stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=out, start_new_session=True)
        wait_for(lambda: listens(self.address, self.port) or self.process.poll() is not None, 30, str(self.needs))
        assert self.process.poll() is None, self.log()
        return self

    def serves_tls(self):
        return True

    def __exit__(self, kind, *_):
        self.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        if kind:
            print("-- peer:", *self.log().splitlines()[-40:], sep="\n  ")
        shutil.rmtree(self.home, ignore_errors=True)

    def write(self, name, text, mode=0o644):
        path = self.home / name
        path.write_text(text)
        path.chmod(mode)
        return path

    def log(self):
        return "".join(p.read_text(errors="replace") for p in sorted(self.home.glob("*log")) + [self.home / "out"]
                       if p.exists())

    def inbox(self, box):
        return [p.read_text(errors="surrogateescape") for p in sorted((self.home / "mail" / box / "new").glob("*"))]

    def mail(self, box, pattern, seconds=30):
        """Wait for the message with the pattern in it."""
        return wait_for(lambda: next((m for m in self.inbox(box) if re.search(pattern, m)), None), seconds,
                        f"{pattern} in the peer's {box}")


class PostfixPeer(Peer):
    name, needs = "Postfix", "/usr/sbin/postfix"

    def configure(self):
        for pattern in ("dynamicmaps.cf*", "postfix-files*"):
            for source in pathlib.Path("/etc/postfix").glob(pattern):
                (shutil.copytree if source.is_dir() else shutil.copy)(source, self.home / source.name)
        shutil.chown(self.home / "mail", "nobody")
        (self.home / "queue").mkdir()
        (self.home / "data").mkdir()
        shutil.chown(self.home / "data", "postfix")
        boxes = "".join(f"{box}@{domain} {box}/\n" for box in BOXES for domain in ("peer.test", "tap.peer.test"))
        self.write("boxes", boxes + "j\u00f6rg@peer.test j\u00f6rg/\n")
        us = "[%s]:%d" % self.for_us
        settings = {
            "compatibility_level": "3.6", "myhostname": "mx.peer.test", "mydestination": "",
            "inet_interfaces": "all", "inet_protocols": "ipv4", "smtp_bind_address": self.address,
            "mynetworks": "127.0.0.0/8", "alias_maps": "", "queue_directory": self.home / "queue",
            "data_directory": self.home / "data", "maillog_file": self.home / "maillog",
            "maillog_file_prefixes": "/tmp", "smtpd_peername_lookup": "no", "in_flow_delay": "0",
            "virtual_mailbox_domains": "peer.test, tap.peer.test", "virtual_mailbox_base": self.home / "mail",
            "virtual_mailbox_maps": f"texthash:{self.home}/boxes", "virtual_uid_maps": "static:65534",
            "virtual_gid_maps": "static:65534", "smtpd_tls_security_level": "may",
            "smtpd_tls_chain_files": self.bundle, "smtp_tls_security_level": "may", "smtputf8_enable": "yes",
            "transport_maps": f"inline:{{ {{example.test=smtp:{us}}}, {{tap.example.test=smtp:[127.0.0.4]:25}} }}",
            "smtp_tls_policy_maps": f"inline:{{ {{{us}=encrypt}} }}",
        }
        self.write("main.cf", "".join(f"{k} = {v}\n" for k, v in settings.items()))
        services = (f"{self.address}:25 inet n - n - - smtpd", "cleanup unix n - n - 0 cleanup", "qmgr unix n - n 300 1 qmgr",
                    "rewrite unix - - n - - trivial-rewrite", "bounce unix - - n - 0 bounce",
                    "defer unix - - n - 0 bounce", "trace unix - - n - 0 bounce", "smtp unix - - n - - smtp",
                    "error unix - - n - - error", "retry unix - - n - - error", "virtual unix - n n - - virtual",
                    "anvil unix - - n - 1 anvil", "proxymap unix - - n - - proxymap", "tlsmgr unix - - n 1000? 1 tlsmgr",
                    "postlog unix-dgram n - n - 1 postlogd", "pickup unix n - n 60 1 pickup")
        self.write("master.cf", "\n".join(services) + "\n")

    def command(self):
        return ["/usr/sbin/postfix", "-c", self.home, "start-fg"]


EXIM = """\
exim_path = {bin}
spool_directory = {home}/spool
log_file_path = {home}/%slog
log_selector = +pipelining +tls_cipher +incoming_port +deliver_time
pid_file_path =
primary_hostname = mx.peer.test
local_interfaces = {address}
daemon_smtp_ports = 25
host_lookup =
rfc1413_query_timeout = 0s
tls_certificate = {bundle}
tls_privatekey = {key}
tls_advertise_hosts = *
dsn_advertise_hosts = *
smtputf8_advertise_hosts = *
acl_smtp_rcpt = check_rcpt
acl_smtp_data = accept
begin acl
check_rcpt:
  require verify = recipient
  accept
begin routers
us:
  driver = manualroute
  domains = example.test
  transport = smtp_out
  route_data = {us}
  self = send
tap:
  driver = manualroute
  domains = tap.example.test
  transport = smtp_plain
  route_data = 127.0.0.4
  self = send
box:
  driver = accept
  domains = peer.test : tap.peer.test
  local_parts = bob : carol : j\u00f6rg
  transport = maildir
begin transports
smtp_out:
  driver = smtp
  port = {port}
  allow_localhost
  hosts_require_tls = *
  dnssec_request_domains =
smtp_plain:
  driver = smtp
  allow_localhost
maildir:
  driver = appendfile
  maildir_format
  directory = {home}/mail/$local_part_data
  user = nobody
  create_directory
  message_suffix =
begin retry
* * F,2h,1s
"""


class EximPeer(Peer):
    name, needs = "Exim", str(UNPACKED / "usr/sbin/exim4")

    def configure(self):
        own_folder("/etc")
        add_users("Debian-exim")
        pathlib.Path("/etc/exim4").mkdir()
        (self.home / "spool").mkdir()
        key = self.home / "key.pem"
        shutil.copy(self.bundle, key)
        for path in (key, self.home, self.home / "spool"):
            shutil.chown(path, "Debian-exim")
        shutil.chown(self.home / "mail", "nobody")
        pathlib.Path("/etc/exim4/exim4.conf").write_text(EXIM.format(
            bin=self.needs, home=self.home, address=self.address, bundle=key, key=key, us=self.for_us[0],
            port=self.for_us[1]))

    def command(self):
        return [self.needs, "-bdf", "-q1m"]


OPENSMTPD = """\
pki mx.peer.test cert "{bundle}"
pki mx.peer.test key "{key}"
table boxes {{ {boxes} }}
listen on {address} port 25 tls pki mx.peer.test hostname mx.peer.test
action box maildir "{home}/mail/%{{rcpt.user}}" virtual <boxes>
action us relay host "smtp+tls://{us}:{port}" tls no-verify helo mx.peer.test
action tap relay host "smtp://127.0.0.4" helo mx.peer.test
match from any for domain {{ "peer.test", "tap.peer.test" }} action box
match from any for domain example.test action us
match from any for domain tap.example.test action tap
"""


class OpenSmtpdPeer(Peer):
    name, needs = "OpenSMTPD", str(UNPACKED / "usr/sbin/smtpd")

    def configure(self):
        for folder in ("/etc", "/usr/libexec", "/var/lib", "/var/spool"):
            own_folder(folder)
        add_users("opensmtpd", "opensmtpq")
        pathlib.Path("/usr/libexec/opensmtpd").symlink_to(UNPACKED / "usr/libexec/opensmtpd")
        pathlib.Path("/var/lib/opensmtpd/empty").mkdir(parents=True)
        spool = pathlib.Path("/var/spool/smtpd")
        spool.mkdir(0o711)
        for name, user, mode in (("queue", "opensmtpq", 0o700), ("corrupt", "opensmtpq", 0o700),
                                 ("incoming", "opensmtpq", 0o700), ("purge", "opensmtpq", 0o700),
                                 ("temporary", "opensmtpq", 0o700), ("offline", "root", 0o770)):
            (spool / name).mkdir()
            shutil.chown(spool / name, user, "opensmtpq" if name == "offline" else "root")
            (spool / name).chmod(mode)
        shutil.chown(self.home / "mail", "nobody")
        key = self.home / "key.pem"
        shutil.copy(self.bundle, key)
        key.chmod(0o600)
        boxes = ", ".join(f'"{box}@{domain}" = nobody' for box in BOXES for domain in ("peer.test", "tap.peer.test"))
        pathlib.Path("/etc/smtpd.conf").write_text(OPENSMTPD.format(
            bundle=self.bundle, key=key, boxes=boxes, address=self.address, home=self.home, us=self.for_us[0],
            port=self.for_us[1]))

    def serves_tls(self):
        """Built with OpenSSL 3, version 6.8 fails in each handshake as a server."""
        with smtplib.SMTP(self.address, self.port) as client:
            try:
                client.starttls(context=ssl._create_unverified_context())
            except ssl.SSLError:
                client.close()
                return False
        return True

    def command(self):
        return [self.needs, "-d", "-f", "/etc/smtpd.conf"]
