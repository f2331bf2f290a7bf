"""A Dovecot of one's own behind an instance: accounts, LMTP, IMAP, POP3, quota as a policy service."""
import contextlib
import imaplib
import poplib
import shutil

from harness import free_port, wait_for
from programs import running

CONFIG = """\
base_dir = {home}/run
state_dir = {home}/run
log_path = {home}/log
protocols = lmtp imap pop3{more_protocols}
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
auth_verbose = yes
mail_location = maildir:{home}/mail/%d/%n
mail_privileged_group = nogroup
first_valid_uid = 1
first_valid_gid = 1
default_internal_user = dovecot
recipient_delimiter = +
lmtp_save_to_detail_mailbox = yes
lda_mailbox_autocreate = yes
postmaster_address = postmaster@example.test
mail_plugins = quota
quota_full_tempfail = no
{accounts}
protocol lmtp {{
  mail_plugins = quota{sieve}
}}
protocol lda {{
  mail_plugins = quota{sieve}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
service auth {{
  unix_listener {queue}/private/auth {{
    mode = 0666
  }}
  unix_listener auth-userdb {{
    mode = 0666
  }}
  inet_listener {{
    port = {auth}
  }}
}}
service lmtp {{
  unix_listener {queue}/private/dovecot-lmtp {{
    mode = 0666
  }}
  inet_listener lmtp {{
    port = {lmtp}
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
service quota-status {{
  executable = quota-status -p postfix
  client_limit = 1
  inet_listener {{
    port = {quota}
  }}
}}
plugin {{
  quota = maildir:User quota
  quota_rule = *:storage=10M
  quota_grace = 0
  quota_status_success = DUNNO
  quota_status_nouser = DUNNO
  quota_status_overquota = "552 5.2.2 Mailbox is full"
  sieve_before = {home}/before.sieve
}}
{more}
"""

FROM_FILE = """\
passdb {{
  driver = passwd-file
  args = scheme=plain {home}/users
}}
userdb {{
  driver = passwd-file
  args = {home}/users
  default_fields = uid=nobody gid=nogroup home={home}/mail/%d/%n
}}
"""


LOGIN = """\
base_dir = {folder}/dovecot
state_dir = {folder}/dovecot
log_path = {folder}/dovecot.log
protocols =
ssl = no
disable_plaintext_auth = no
auth_mechanisms = {mechanisms}
auth_failure_delay = 0
passdb {{
{accounts}
}}
userdb {{
  driver = static
  args = uid=65534 gid=65534 home=/tmp
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service auth {{
  unix_listener {queue}/private/auth {{
    mode = 0666
  }}
}}
"""


def login_service(mta, mechanisms, accounts):
    """A Dovecot that answers the instance's questions about logins, and does nothing else."""
    config = mta.folder / "dovecot.conf"
    config.write_text(LOGIN.format(folder=mta.folder, queue=mta.queue, mechanisms=mechanisms, accounts=accounts))
    auth = mta.queue / "private/auth"
    auth.unlink(missing_ok=True)
    return running("dovecot", "-F", "-c", config, ready=auth.is_socket, log=mta.folder / "dovecot.out")


class Dovecot:
    """users: address -> (password, quota rule or ""). accounts: other passdb and userdb blocks than the file.
    more_protocols, more: for what else is wanted; sieve: a script that is run for each message."""

    def __init__(self, mta, users, accounts=None, more_protocols="", more="", sieve=None):
        self.home = mta.folder / "dovecot"
        (self.home / "mail").mkdir(parents=True)
        shutil.chown(self.home / "mail", "nobody", "nogroup")
        self.auth, self.lmtp, self.imap, self.pop3, self.quota = (free_port() for _ in range(5))
        self.queue = mta.queue
        (self.home / "users").write_text("".join(
            f"{name}:{{plain}}{password}::::::" + (f"userdb_quota_rule={rule}" if rule else "") + "\n"
            for name, (password, rule) in users.items()))
        self.passwords = {name: password for name, (password, _) in users.items()}
        (self.home / "before.sieve").write_text(sieve or "")
        self.config = self.home / "dovecot.conf"
        self.config.write_text(CONFIG.format(
            home=self.home, queue=mta.queue, accounts=(accounts or FROM_FILE).format(home=self.home), auth=self.auth,
            lmtp=self.lmtp, imap=self.imap, pop3=self.pop3, quota=self.quota, more_protocols=more_protocols,
            more=more.format(home=self.home), sieve=" sieve" if sieve else ""))

    def __enter__(self):
        sockets = [self.queue / "private" / name for name in ("auth", "dovecot-lmtp")]
        for path in sockets:
            path.unlink(missing_ok=True)
        self.process = running("dovecot", "-F", "-c", self.config, ready=lambda: all(path.is_socket() for path in sockets),
                               log=self.home / "out")
        self.process.__enter__()
        return self

    def __exit__(self, kind, *_):
        self.process.__exit__(None, None, None)
        if kind:
            print("-- Dovecot:", *(self.home / "log").read_text(errors="replace").splitlines()[-30:], sep="\n  ")

    @contextlib.contextmanager
    def imap_session(self, user):
        client = imaplib.IMAP4("127.0.0.1", self.imap, timeout=30)
        try:
            client.login(user, self.passwords[user])
            yield client
        finally:
            with contextlib.suppress(imaplib.IMAP4.error, OSError):
                client.logout()

    def over_imap(self, user, folder="INBOX"):
        """The texts in the user's folder."""
        with self.imap_session(user) as client:
            if client.select(folder, readonly=True)[0] != "OK":
                return []
            numbers = client.search(None, "ALL")[1][0].split()
            return [client.fetch(n, "(RFC822)")[1][0][1].decode("utf-8", "surrogateescape") for n in numbers]

    def over_pop3(self, user):
        client = poplib.POP3("127.0.0.1", self.pop3, timeout=30)
        try:
            client.user(user)
            client.pass_(self.passwords[user])
            count = client.stat()[0]
            return ["\r\n".join(line.decode("utf-8", "surrogateescape") for line in client.retr(n + 1)[1]) + "\r\n"
                    for n in range(count)]
        finally:
            client.quit()

    def mail(self, user, pattern, folder="INBOX", seconds=30):
        """Wait for a message with those words in it."""
        return wait_for(lambda: next((m for m in self.over_imap(user, folder) if pattern in m), None), seconds,
                        f"{pattern} for {user}")
