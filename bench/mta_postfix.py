"""Postfix: the packaged one, or one installed elsewhere.

Options: sbin=DIR and daemons=DIR (default: what the `postconf` in sbin says),
owner=USER, group=GROUP, set.NAME=VALUE for any main.cf parameter.
"""

import os
import pwd
import subprocess

from mta import MTA, LogCounter, count_files, mailbox_names

QUEUES = ("maildrop", "hold", "incoming", "active", "deferred")

# service, type, private, unpriv, chroot, wakeup, maxproc, command
MASTER_CF = """\
{host}:{port} inet n - n - {sessions} smtpd
pickup     unix  n  -  n  60    1  pickup
cleanup    unix  n  -  n  -     0  cleanup
qmgr       unix  n  -  n  300   1  qmgr
tlsmgr     unix  -  -  n  1000? 1  tlsmgr
rewrite    unix  -  -  n  -     -  trivial-rewrite
bounce     unix  -  -  n  -     0  bounce
defer      unix  -  -  n  -     0  bounce
trace      unix  -  -  n  -     0  bounce
verify     unix  -  -  n  -     1  verify
flush      unix  n  -  n  1000? 0  flush
proxymap   unix  -  -  n  -     -  proxymap
proxywrite unix  -  -  n  -     1  proxymap
smtp       unix  -  -  n  -     -  smtp
relay      unix  -  -  n  -     -  smtp
showq      unix  n  -  n  -     -  showq
error      unix  -  -  n  -     -  error
retry      unix  -  -  n  -     -  error
discard    unix  -  -  n  -     -  discard
local      unix  -  n  n  -     -  local
virtual    unix  -  n  n  -     -  virtual
lmtp       unix  -  -  n  -     -  lmtp
anvil      unix  -  -  n  -     1  anvil
scache     unix  -  -  n  -     1  scache
postlog    unix-dgram n - n -   1  postlogd
"""


class Postfix(MTA):
    control = "postfix"

    def __init__(self, label, scratch, options):
        super().__init__(label, scratch, options)
        self.sbin = options.get("sbin", "/usr/sbin")
        self.daemons = options.get("daemons") or self.default_daemons()
        self.owner = options.get("owner", "postfix")
        self.group = options.get("group", "postdrop")
        self.etc = self.path("etc")

    def default_daemons(self):
        return subprocess.run([f"{self.sbin}/postconf", "-xhd", "daemon_directory"], check=True,
                              capture_output=True, text=True).stdout.strip()

    def configure(self, setup):
        self.setup = setup
        self.surround(setup)
        self.make_dir("etc")
        self.make_dir("log")
        self.make_dir("spool")
        self.make_dir("data", owner=self.owner, mode=0o700)
        params = {
            "compatibility_level": "3.6",
            "queue_directory": self.path("spool"),
            "data_directory": self.path("data"),
            "daemon_directory": self.daemons,
            "command_directory": self.sbin,
            "mail_owner": self.owner,
            "setgid_group": self.group,
            "maillog_file": self.path("log", "maillog"),
            "maillog_file_prefixes": self.scratch,
            "myhostname": "bench.test",
            "mydestination": "local.test",
            "inet_interfaces": ", ".join(sorted({"127.0.0.1", setup.host})),
            "inet_protocols": "ipv4",
            "mynetworks": "127.0.0.0/8, " + setup.relay_host,
            "alias_maps": "",
            "alias_database": "",
            "message_size_limit": "50000000",
            "smtpd_client_connection_count_limit": "0",
        }
        transport = ""
        if setup.dest == "discard":
            params["default_transport"] = "discard:"
        if setup.dest == "relay":
            params["relayhost"] = f"[{setup.relay_host}]:{setup.relay_port}"
        if setup.dest == "fanout":
            for n in range(1, setup.domains + 1):
                transport += f"d{n}.fan.test smtp:[127.0.1.{n}]:{setup.relay_port}\n"
        for domain, (address, port) in setup.routes.items():
            transport += f"{domain} smtp:[{address}]:{port}\n"
        if setup.probe_port:
            transport += f"probe.test smtp:[127.0.0.1]:{setup.probe_port}\n"
        if setup.dest == "maildir":
            self.make_dir("mail")
            self.make_dir(f"mail/{setup.user}", owner=setup.user, mode=0o700)
            params["mail_spool_directory"] = self.path("mail") + "/"
        if setup.dest == "virtual":
            self.make_dir("mail", owner="nobody", mode=0o700)
            boxes = "".join(f"{name}@virtual.test {box}/\n"
                            for name, box in mailbox_names(setup.mailboxes))
            params.update({
                "virtual_mailbox_domains": "virtual.test",
                "virtual_mailbox_base": self.path("mail"),
                "virtual_mailbox_maps": "texthash:" + self.write("etc/mailboxes", boxes),
                "virtual_uid_maps": f"static:{self.uid('nobody')[0]}",
                "virtual_gid_maps": f"static:{self.uid('nobody')[1]}",
            })
        if transport:
            params["transport_maps"] = "texthash:" + self.write("etc/transport", transport)
        if setup.tls_cert:
            params.update({
                "smtpd_tls_cert_file": setup.tls_cert,
                "smtpd_tls_key_file": setup.tls_key,
                "smtpd_tls_security_level": "may",
            })
        params.update(setup.options)
        for key, value in self.options.items():
            if key.startswith("set."):
                params[key[4:]] = value
        self.write("etc/main.cf", "".join(f"{k} = {v}\n" for k, v in params.items()))
        sessions = "-" if setup.max_sessions == 100 else str(setup.max_sessions)
        self.write("etc/master.cf", MASTER_CF.format(host=setup.host, port=setup.port, sessions=sessions))

    @staticmethod
    def uid(user):
        entry = pwd.getpwnam(user)
        return entry.pw_uid, entry.pw_gid

    def run_control(self, *args):
        with open(self.path("control.log"), "ab") as out:
            proc = self.spawn([f"{self.sbin}/{self.control}", "-c", self.etc, *args],
                              stdout=out, stderr=out)
            if proc.wait() != 0:
                raise RuntimeError(f"{self.control} {args}: see {self.path('control.log')}")

    def start(self):
        self.run_control("start")
        pid_file = self.path("spool", "pid", "master.pid")
        if os.path.exists(pid_file):
            with open(pid_file) as f:
                self.tree.root_pid = int(f.read())
        self.sent_log = LogCounter(self.path("log", "maillog"), "status=sent")

    def stop(self):
        self.run_control("stop")

    def queue_directory(self):
        return self.path("spool")

    def queued(self):
        return sum(count_files(self.path("spool", q)) for q in QUEUES)

    def discarded(self):
        return self.sent_log.count()

    def sendmail_command(self):
        return [f"{self.sbin}/sendmail", "-C", self.etc, "-i", "-f", "sender@client.test"]

    def mailq_command(self):
        return [f"{self.sbin}/postqueue", "-c", self.etc, "-p"]

    def json_command(self):
        return [f"{self.sbin}/postqueue", "-c", self.etc, "-j"]

    def flush_command(self):
        return [f"{self.sbin}/postqueue", "-c", self.etc, "-f"]
