"""As test_crashes, for the workers that a session asks something: the private keys, TLS tickets, a login,
an address, a policy; and for postscreen in front of it."""
import os
import shutil
import smtplib
import subprocess

import test_crashes
from harness import free_port
from test_tls_server import context, make_pair

TIMEOUT = test_crashes.TIMEOUT
NEEDS_PROGRAM = "/usr/sbin/saslpasswd2"
NEEDS_ROOT = True  # who has private keys does not let others of its user look where it works
run = test_crashes.run

TLS = {"smtpd_tls_chain_files": "$config_directory/mx.example.test.pem", "smtpd_tls_security_level": "encrypt"}
PASSWORD = "secret"


def client_of(mta, port=None):
    return smtplib.SMTP("127.0.0.1", port or mta.port, local_hostname="client.test", timeout=30)


def submit_with(begin, port=None):
    """begin(client): what comes before the message."""
    def submit(mta, token, sender, recipient):
        try:
            with client_of(mta, port) as client:
                begin(client)
                client.sendmail(sender, [recipient], test_crashes.text_of(token))
                return True
        except (OSError, smtplib.SMTPException):
            return False
    return submit


def starttls(client):
    client.starttls(context=context())


def make_certificate(mta):
    make_pair(mta.etc, "mx.example.test")


def test_tlskey():
    run("tlskey", 0, main=TLS, prepare=make_certificate, submit=submit_with(starttls))


def test_tlsmgr():
    """Without tickets a handshake is a full one, and mail flows."""
    run("tlsmgr", 0, main=TLS, prepare=make_certificate, submit=submit_with(starttls))


def test_sasl():
    def make_users(mta):
        database = mta.etc / "sasldb2"
        mta.write("sasl/smtpd.conf", f"pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {database}\nmech_list: PLAIN\n")
        subprocess.run(["saslpasswd2", "-c", "-p", "-f", str(database), "-u", "realm.test", "ada"], input=PASSWORD.encode(), check=True)
        shutil.chown(database, mta.user())

    main = {
        "smtpd_sasl_auth_enable": "yes", "smtpd_sasl_type": "cyrus", "smtpd_sasl_path": "smtpd", "smtpd_sasl_local_domain": "realm.test",
        "cyrus_sasl_config_path": "$config_directory/sasl", "smtpd_client_restrictions": "permit_sasl_authenticated, reject",
        "smtpd_error_sleep_time": "0",
    }  # fmt: skip
    run("sasl", 0, main=main, prepare=make_users, submit=submit_with(lambda client: client.login("ada", PASSWORD)))


def test_verify():
    """Nothing is remembered beyond a process, so that each new one asks anew."""
    run("verify", 0, pauses=(0.3, 1), main={"smtpd_recipient_restrictions": "reject_unverified_recipient", "address_verify_map": "",
                           "address_verify_poll_delay": "1s", "unverified_recipient_tempfail_action": "defer"})


POLICY = "while read -r line; do if [ -z \"$line\" ]; then printf 'action=dunno\\n\\n'; fi; done\n"


def test_spawn():
    main = {"smtpd_recipient_restrictions": "check_policy_service unix:private/policy"}
    run("spawn", 0, main=main, prepare=lambda mta: mta.write("policy", POLICY),
        master=lambda mta: f"policy unix - n n - - spawn user={mta.user() if os.geteuid() else 'nobody'} argv=/bin/sh {mta.etc}/policy\n")


def test_postscreen():
    """Who was passed on to smtpd does not miss it."""
    port = free_port()
    main = {"postscreen_access_list": "permit_mynetworks", "smtpd_client_connection_count_limit": "0"}
    run("postscreen", 0, main=main, submit=submit_with(lambda client: None, port),
        master=lambda mta: f"127.0.0.1:{port} inet n - n - 1 postscreen\nsmtpd pass - - n - - smtpd\n")
