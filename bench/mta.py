"""What every MTA adapter has in common."""

import os
import pwd
import subprocess
from dataclasses import dataclass, field

from tree import Tree


@dataclass
class Setup:
    """How a scenario wants the MTA configured."""
    port: int                      # where the MTA listens
    host: str = "127.0.0.1"        # on which address
    dest: str = "discard"          # discard, relay, fanout, maildir, virtual or routes
    relay_host: str = "127.0.0.1"  # smtp-sink for relay
    relay_port: int = 0            # smtp-sink for relay, fanout
    probe_port: int = 0            # smtp-sink for mail to probe.test
    domains: int = 0               # fanout: domain dN.fan.test goes to 127.0.1.N
    user: str = ""                 # maildir: the system user that gets mail
    mailboxes: int = 0             # virtual: users at virtual.test, see mailbox_names()
    max_sessions: int = 100        # SMTP server sessions at once
    tls_cert: str = ""
    tls_key: str = ""
    routes: dict = field(default_factory=dict)  # domain: (address, port); the rest goes by DNS
    files: dict = field(default_factory=dict)   # path: text; what the instance sees there
    options: dict = field(default_factory=dict)  # more main.cf parameters
    slow_fsync_ms: int = 0         # each fsync takes so much longer


class Unsupported(Exception):
    """This MTA cannot do this scenario; the text says why."""


class MTA:
    """One private instance in a scratch directory."""

    def __init__(self, label, scratch, options):
        self.label, self.scratch, self.options = label, scratch, options
        self.tree = Tree(f"bench-{os.path.basename(scratch)}")
        self.setup = None
        self.prefix = []               # of every command: what makes the disk slow, or changes a file

    # Adapters implement these.

    def configure(self, setup):
        raise NotImplementedError

    def start(self):
        raise NotImplementedError

    def stop(self):
        raise NotImplementedError

    def queued(self):
        """Messages in the queue."""
        raise NotImplementedError

    def discarded(self):
        """Messages given to the discard destination so far, from the log."""
        raise Unsupported("no discard count")

    def sendmail_command(self):
        """argv of the sendmail command, recipients to be appended."""
        raise Unsupported("no private sendmail command")

    def mailq_command(self):
        raise Unsupported("no queue listing")

    def json_command(self):
        raise Unsupported("no queue listing as JSON")

    def queue_directory(self):
        raise Unsupported("no queue that others can fill")

    def flush_command(self):
        raise Unsupported("no flush command")

    # Shared by the adapters.

    def path(self, *parts):
        return os.path.join(self.scratch, *parts)

    def write(self, name, text, mode=0o644):
        with open(self.path(name), "w") as f:
            f.write(text)
        os.chmod(self.path(name), mode)
        return self.path(name)

    def make_dir(self, name, owner=None, mode=0o755):
        os.makedirs(self.path(name), exist_ok=True)
        os.chmod(self.path(name), mode)
        if owner:
            entry = pwd.getpwnam(owner)
            os.chown(self.path(name), entry.pw_uid, entry.pw_gid)
        return self.path(name)

    def surround(self, setup):
        """Prepare what every command of the instance shall run under."""
        if setup.files:
            mounts = [f"mount --bind {self.write(os.path.basename(path), text)} {path}"
                      for path, text in setup.files.items()]
            self.prefix += ["unshare", "-m", "sh", "-c", " && ".join([*mounts, 'exec "$@"']), "sh"]
        if setup.slow_fsync_ms:
            self.prefix += [compile_tool("slow_fsync.c", self.scratch), str(setup.slow_fsync_ms)]

    def spawn(self, argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **kw):
        """Start a command inside the accounted process tree."""
        return subprocess.Popen(self.prefix + argv, preexec_fn=self.tree.join, stdin=subprocess.DEVNULL,
                                stdout=stdout, stderr=stderr, **kw)

    def delivered_files(self):
        """Messages in the Maildirs below scratch/mail."""
        total = 0
        for box in os.scandir(self.path("mail")):
            new = f"{box.path}/new"
            if os.path.isdir(new):
                total += sum(1 for _ in os.scandir(new))
        return total


def compile_tool(source, folder, *flags):
    """Build one of the C programs beside this file; its path."""
    binary = os.path.join(folder, source.removesuffix(".c"))
    subprocess.run([os.environ.get("CC", "cc"), "-O2", "-D_GNU_SOURCE", *flags, "-o", binary,
                    os.path.join(os.path.dirname(os.path.abspath(__file__)), source)], check=True)
    return binary


class LogCounter:
    """Counts the lines with a given text in a growing log file."""

    def __init__(self, path, needle):
        self.path, self.needle = path, needle.encode()
        self.offset = self.total = 0

    def count(self):
        try:
            with open(self.path, "rb") as f:
                f.seek(self.offset)
                data = f.read()
        except OSError:
            return self.total
        end = data.rfind(b"\n") + 1
        self.total += data[:end].count(self.needle)
        self.offset += end
        return self.total


def mailbox_names(count):
    """(user, directory) for the virtual mailboxes.  Depending on its version
    smtp-source -N puts the number before or behind the user name."""
    for n in range(1, count + 1):
        yield f"u{n}", f"u{n}"
        yield f"{n}u", f"u{n}"


def count_files(top, suffix=""):
    return sum(1 for _, _, files in os.walk(top) for f in files if f.endswith(suffix))
