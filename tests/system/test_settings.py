"""Lesser settings, each by what it is for."""
import os
import socket
import subprocess
import threading

from harness import Instance, Sink, free_port
from tls_peers import Authority, TlsServer

NEEDS_ROOT = True


def test_debug_peer_list():
    """What is said with these peers is in the log, and nothing of what is said with others."""
    with Instance(main={"debug_peer_list": "127.0.0.2", "relay_domains": "remote.test"}, start=False) as mta:
        sinks = [Sink(f"127.0.0.{n}", 0) for n in (2, 3)]
        mta.write_main(transport_maps=f"inline:{{ a.remote.test=smtp:[127.0.0.2]:{sinks[0].port},"
                                      f" b.remote.test=smtp:[127.0.0.3]:{sinks[1].port} }}",
                       relay_domains="a.remote.test, b.remote.test")
        mta.start()
        for domain in "ab":
            queue_id = mta.send(f"x@{domain}.remote.test", "Subject: x\n\nx\n")
            mta.wait_log(rf"{queue_id}: to=<.*status=sent")
        mta.wait_log(r"postfix/smtp\[\d+\]: > 127\.0\.0\.2\[127\.0\.0\.2\].*: MAIL FROM:")
        mta.wait_log(r"postfix/smtp\[\d+\]: < 127\.0\.0\.2\[127\.0\.0\.2\].*: 250")
        assert "< 127.0.0.3" not in mta.log() and "> 127.0.0.3" not in mta.log()


class EarlyServer(TlsServer):
    """Once TLS is on, it answers a MAIL that nobody has sent."""

    def serve(self, client, _):
        lines, is_tls = client.makefile("rb"), False
        client.sendall(b"220 peer ESMTP\r\n")
        while line := lines.readline():
            verb = line.split()[0].upper().decode()
            self.verbs.append((verb, is_tls))
            if verb == "EHLO":
                client.sendall(b"250-peer\r\n250 STARTTLS\r\n" if not is_tls else b"250 peer\r\n250 early\r\n")
            elif verb == "STARTTLS":
                client.sendall(b"220 ready\r\n")
                client = self.context.wrap_socket(client, server_side=True)
                lines, is_tls = client.makefile("rb"), True
            else:
                client.sendall(b"250 ok\r\n")


def test_early_mail_reply():
    server = EarlyServer("127.0.0.1", Authority().issue("mx.example.test"), port=0)
    main = {"relayhost": f"[127.0.0.1]:{server.port}", "smtp_tls_security_level": "encrypt",
            "smtp_tls_block_early_mail_reply": "yes", "relay_domains": "remote.test"}
    with Instance(main=main) as mta:
        queue_id = mta.send("x@remote.test", "Subject: x\n\nx\n")
        mta.wait_log(rf"{queue_id}: to=<.* dsn=4\.7\.0, status=deferred \(unexpected server message\)$")
        mta.wait_log(r"warning: server 127\.0\.0\.1\[127\.0\.0\.1\] violates smtp_tls_block_early_mail_reply policy$")


def test_tcp_windowsize():
    port = free_port()
    seen = []
    listener = socket.create_server(("127.0.0.1", port))

    def serve():
        client, _ = listener.accept()
        seen.append(subprocess.run(["ss", "-tnmH", "state", "established", "dport", "=", f":{port}"],
                                   capture_output=True, text=True, check=True).stdout)
        client.sendall(b"421 4.3.2 not now\r\n")
        client.close()

    threading.Thread(target=serve, daemon=True).start()
    with Instance(main={"tcp_windowsize": "20000", "relayhost": f"[127.0.0.1]:{port}", "relay_domains": "remote.test"}) as mta:
        queue_id = mta.send("x@remote.test", "Subject: x\n\nx\n")
        mta.wait_log(rf"{queue_id}: to=<.*status=deferred")
        assert "rb40000," in seen[0] and "tb40000," in seen[0], seen[0]  # the kernel doubles it
        listening = subprocess.run(["ss", "-tlnmH", "sport", "=", f":{mta.port}"], capture_output=True, text=True).stdout
        assert "rb40000," in listening, listening


def test_command_execution_directory():
    main = {"mydestination": "local.test", "mailbox_command": "pwd >$HOME/where-$EXTENSION", "recipient_delimiter": "+",
            "command_execution_directory": "/${extension?tmp}", "local_recipient_maps": ""}
    with Instance(main=main, start=False) as mta:
        mta.write("master.cf", mta.merge((mta.etc / "master.cf").read_text(), "local unix - n n - - local\n"))
        home = mta.folder / "home"
        home.mkdir()
        os.chown(home, 65534, 65534)
        passwd = mta.folder / "passwd"  # in a mount namespace of our own
        with open("/etc/passwd", encoding="ascii") as known:
            passwd.write_text(known.read() + f"ada:x:65534:65534::{home}:/bin/sh\n")
        passwd.chmod(0o644)
        subprocess.run(["mount", "--bind", str(passwd), "/etc/passwd"], check=True)
        mta.start()
        for name, folder in (("ada", "/"), ("ada+x", "/tmp")):
            queue_id = mta.send(f"{name}@local.test", "Subject: x\n\nx\n")
            mta.wait_log(rf"{queue_id}: to=<.*status=sent \(delivered to command: pwd")
            assert (home / f"where-{name[4:]}").read_text().strip() == folder
        mta.configure(command_execution_directory="/nowhere/$user")
        queue_id = mta.send("ada@local.test", "Subject: x\n\nx\n")
        mta.wait_log(rf"{queue_id}: to=<.*dsn=4\.3\.0, status=deferred \(.*/nowhere/ada: No such file or directory")
        subprocess.run(["umount", "/etc/passwd"], check=True)


def test_fast_flush_domains():
    """flush is bothered with what it keeps lists for, and with nothing else."""
    main = {"relay_domains": "one.test, two.test", "fast_flush_domains": "two.test", "relayhost": "[127.0.0.1]:1"}
    with Instance(main=main) as mta:
        queue_id = mta.send(["a@one.test", "b@one.test"], "Subject: x\n\nx\n")
        mta.wait_log(rf"{queue_id}: to=<b@one\.test>.*status=deferred")
        assert not mta.processes("flush")
        queue_id = mta.send(["a@two.test", "b@two.test"], "Subject: x\n\nx\n")
        mta.wait_log(rf"{queue_id}: to=<b@two\.test>.*status=deferred")
        (known,) = (mta.queue / "flush").rglob("two_test")
        assert known.read_text().split() == [queue_id]


def test_origin_in_a_file():
    """Debian's main.cf says myorigin = /etc/mailname."""
    with Instance(files={"mailname": "example.test \nother.test\n"}, main={"myorigin": "$config_directory/mailname"}) as mta:
        mta.run("sendmail", "-f", "bob", "alice", input="Subject: x\n\nbody\n", check=True)
        assert "Return-Path: <bob@example.test>" in mta.mail("alice")
        for text, complaint in (("\nexample.test\n", "there is no name in the first line of {file}"),
                                (None, "open {file}: No such file or directory")):
            if text is None:
                (mta.etc / "mailname").unlink()
            else:
                mta.write("mailname", text)
            line = 1 + (mta.etc / "main.cf").read_text().splitlines().index("myorigin = $config_directory/mailname")
            said = mta.run("tassis", "check").err
            wanted = f"{mta.etc}/main.cf, line {line}: myorigin: {complaint.format(file=mta.etc / 'mailname')}"
            assert wanted in said, (wanted, said)
