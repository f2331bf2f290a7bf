"""Master: starts on demand, limits, reload without a lost session, back-off, order of ending."""
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

from harness import Instance, free_port, wait_for


def connect(port):
    client = socket.create_connection(("127.0.0.1", port), 10)
    client.settimeout(10)
    return client


def greeting(client):
    return client.recv(200).decode()


def is_refused(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return True
    return False


def master_pid(mta):
    return int((mta.queue / "pid/master.pid").read_text())


def reload(mta, check=True):
    seen = len(mta.log())
    result = mta.run("tassis", "reload", check=check)
    wait_for(lambda: re.search(r"master\[\d+\]: reload", mta.log()[seen:]), what="reload")
    return result


def test_reload_keeps_sessions():
    """Sessions go on under the old configuration while new ones get the new one."""
    with Instance() as mta:
        with mta.smtp() as old:
            old.mail("sender@client.test")
            mta.configure(smtpd_banner="$myhostname ESMTP anew")
            wait_for(lambda: greeting(connect(mta.port)).endswith("anew\r\n"), what="the new banner")
            old.rcpt("alice@example.test")
            assert old.data("Subject: x\n\nover the reload\n")[0] == 250
        assert "over the reload" in mta.mail("alice")


def test_reload_under_load_refuses_nobody():
    with Instance() as mta:
        for round in range(5):
            mta.run("tassis", "reload", check=True)
            for n in range(20):
                with mta.smtp() as client:
                    assert client.noop()[0] == 250
            # A signal that comes before the last one was read is the same signal.
            wait_for(lambda: len(re.findall(r"master\[\d+\]: reload", mta.log())) == round + 1, what=f"reload {round + 1}")
        assert "warning" not in mta.log(), mta.log()


def test_reload_opens_and_closes_ports():
    port = free_port()
    with Instance() as mta:
        text = (mta.etc / "master.cf").read_text()
        mta.write("master.cf", text + f"127.0.0.1:{port} inet n - n - - smtpd\n")
        reload(mta)
        with connect(port) as client:
            assert greeting(client).startswith("220 ")
            mta.write("master.cf", text)
            reload(mta)
            wait_for(lambda: is_refused(port), what="the port to close")
            client.sendall(b"NOOP\r\n")
            assert client.recv(100).startswith(b"250 "), "a session of a removed service goes on to its end"


def test_bad_configuration_at_reload_changes_nothing():
    with Instance() as mta:
        good = (mta.etc / "master.cf").read_text()
        mta.write("master.cf", good + "\nnonsense here\n")
        result = mta.run("tassis", "reload")
        assert result.returncode != 0
        os.kill(master_pid(mta), signal.SIGHUP)
        mta.wait_log(r"error: \S+/master.cf: line \d+: .* -- the old configuration stays in use")
        mta.send("alice@example.test", "Subject: x\n\nstill here\n")
        assert "still here" in mta.mail("alice")
        mta.write("master.cf", good)
        mta.write_main(message_size_limit="many")
        os.kill(master_pid(mta), signal.SIGHUP)
        mta.wait_log(r"error: \S+/main.cf, line \d+: .*message_size_limit.* -- the old configuration stays")
        mta.send("bob@example.test", "Subject: x\n\nstill here\n")
        assert "still here" in mta.mail("bob")


def test_bad_configuration_at_start():
    with Instance(start=False) as mta:
        mta.write("master.cf", "smtp inet n - n\n")
        result = mta.run("tassis", "start")
        assert result.returncode != 0
        assert re.search(r"master\.cf: line 1", result.err + result.out + mta.log())
        assert not mta.processes("master")


def hears_nothing(client):
    client.settimeout(0.5)
    try:
        return not client.recv(100)
    except socket.timeout:
        return True
    finally:
        client.settimeout(10)


def test_sessions_are_limited():
    port = free_port()
    with Instance(master=f"127.0.0.1:{port} inet n - n - 2 smtpd\n") as mta:
        first, second, third = (connect(port) for _ in range(3))
        assert greeting(first).startswith("220 ") and greeting(second).startswith("220 ")
        assert hears_nothing(third), "a third session with a limit of two"
        second.close()
        assert greeting(third).startswith("220 ")


def test_limit_holds_over_a_reload():
    """Sessions of the processes that drain count."""
    port = free_port()
    with Instance(master=f"127.0.0.1:{port} inet n - n - 1 smtpd\n") as mta:
        first = connect(port)
        assert greeting(first).startswith("220 ")
        reload(mta)
        second = connect(port)
        assert hears_nothing(second), "a second session with a limit of one"
        first.close()
        assert greeting(second).startswith("220 ")


def test_stress():
    """While all sessions are taken the parameters of stress=yes apply."""
    port = free_port()
    with Instance(main={"smtpd_banner": "$myhostname ESMTP ${stress?{hurried}:{calm}}"},
                  master=f"127.0.0.1:{port} inet n - n - 2 smtpd\n") as mta:
        with connect(port) as first:
            assert greeting(first).endswith("calm\r\n")
            with connect(port) as second:
                assert greeting(second).endswith("hurried\r\n")
        wait_for(lambda: greeting(connect(port)).endswith("calm\r\n"), what="calm")


def test_one_session_a_process():
    port = free_port()
    with Instance(main={"sessions_per_process": "1"}, master=f"127.0.0.1:{port} inet n - n - 3 smtpd\n") as mta:
        clients = [connect(port) for _ in range(3)]
        for client in clients:
            assert greeting(client).startswith("220 ")
        assert len(mta.processes("smtpd")) == 3
        mta.send("alice@example.test", "Subject: x\n\none each\n")
        assert "one each" in mta.mail("alice")


def test_process_ends_after_max_use_and_max_idle():
    port = free_port()
    main = {"max_use": "3", "max_idle": "1s"}
    with Instance(main=main, master=f"127.0.0.1:{port} inet n - n - 1 smtpd\n") as mta:
        for _ in range(7):
            with connect(port) as client:
                assert greeting(client).startswith("220 ")
                client.sendall(b"QUIT\r\n")
                assert client.recv(100).startswith(b"221 ")
        def pids_of_all():
            pids = re.findall(r"smtpd\[(\d+)\]: connect from", mta.log())
            return len(pids) >= 7 and pids
        pids = wait_for(pids_of_all, what="seven connections in the log")
        assert len(set(pids)) == 3, pids
        wait_for(lambda: not mta.processes("smtpd"), what="idle processes to end")
        with connect(port) as client:
            assert greeting(client).startswith("220 ")


def test_missing_program_is_throttled():
    with Instance(main={"service_throttle_time": "1s"}, master="crash unix - - n - - no-such-program\n") as mta:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(mta.queue / "private/crash"))
            path = r"\S+/libexec/tassis/no-such-program"
            mta.wait_log(rf"master\[\d+\]: fatal: master_spawn: exec {path}: No such file or directory")
            mta.wait_log(rf"master\[\d+\]: warning: process {path} pid \d+ exit status 1")
            mta.wait_log(rf"master\[\d+\]: warning: {path}: bad command startup -- throttling")
            time.sleep(1.2)
        assert mta.log().count("throttling") <= 3


def test_killed_process_is_replaced():
    with Instance() as mta:
        for name in ("qmgr", "pickup", "cleanup"):
            mta.send("alice@example.test", "Subject: x\n\nx\n")
            pid = wait_for(lambda: mta.processes(name), what=name)[0]
            os.kill(pid, signal.SIGKILL)
            mta.wait_log(rf"warning: process \S+/{name} pid {pid} killed by signal 9")
        mta.send("bob@example.test", "Subject: x\n\nafter all that\n")
        assert "after all that" in mta.mail("bob")


def test_workers_are_jailed():
    """All but those that become users: what these run must not inherit it."""
    if "ASAN_OPTIONS" in os.environ:
        return  # sanitizers do what the jail forbids
    signs = ("NoNewPrivs:\t1", "Seccomp:\t2")
    ours = pathlib.Path("/proc/self/status").read_text()
    with Instance() as mta:
        mta.send("alice@example.test", "Subject: x\n\nx\n")
        for name in ("smtpd", "cleanup", "qmgr", "virtual"):
            pid = wait_for(lambda: mta.processes(name), what=name)[0]
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            for sign in signs:
                assert (sign in status) == (name != "virtual" or sign in ours), (name, status)


def test_killed_master_leaves_nobody_behind():
    with Instance() as mta:
        with mta.smtp() as client:
            client.noop()
            os.kill(master_pid(mta), signal.SIGKILL)
            wait_for(lambda: not mta.processes(), what="the workers to end without their master")
            assert mta.run("tassis", "status").returncode != 0
        mta.start()
        mta.send("alice@example.test", "Subject: x\n\nback\n")
        assert "back" in mta.mail("alice")


def test_second_master_is_refused():
    with Instance() as mta:
        result = mta.run("tassis", "start")
        assert result.returncode != 0
        result = mta.run("master")
        assert result.returncode != 0
        assert "unable to set exclusive lock" in result.err


def test_stop_lets_jobs_end():
    """A message that is being accepted when stop comes is accepted."""
    with Instance() as mta:
        with mta.smtp() as client:
            client.mail("sender@client.test")
            client.rcpt("alice@example.test")
            assert client.docmd("DATA")[0] == 354
            process = subprocess.Popen([mta.command("tassis"), "-c", str(mta.etc), "stop"])
            mta.wait_log("terminating on signal 15")
            client.send("Subject: x\r\n\r\njust in time\r\n.\r\n")
            assert client.getreply()[0] == 250
            client.close()
            assert process.wait(30) == 0
        assert not mta.processes()
        mta.start()
        assert "just in time" in mta.mail("alice")


def test_abort_ends_at_once():
    with Instance() as mta:
        with mta.smtp() as client:
            client.noop()
            start = time.monotonic()
            mta.run("tassis", "abort", check=True)
            assert time.monotonic() - start < 2
            assert not mta.processes()


def test_drain_waits_for_sessions():
    with Instance() as mta:
        with mta.smtp() as client:
            mta.run("tassis", "drain", check=True)
            wait_for(lambda: is_refused(mta.port), what="the port to close")
            assert client.noop()[0] == 250
            client.quit()
        wait_for(lambda: not mta.processes(), what="the end")


def test_changed_table_is_taken_over():
    with Instance(main={"smtpd_sender_restrictions": "check_sender_access texthash:$config_directory/senders"},
                  files={"senders": "a@client.test REJECT first\n"}) as mta:
        def answer():
            with mta.smtp() as client:
                client.mail("a@client.test")
                return client.rcpt("alice@example.test")[1].decode()

        assert "first" in answer()
        mta.write("senders", "a@client.test REJECT second\n")
        wait_for(lambda: "second" in answer(), 5, "the new table")
        mta.wait_log(r"smtpd\[\d+\]: table texthash:\S+/senders has changed -- restarting")


def test_start_fg_tells_the_service_manager():
    with Instance(start=False, main={"maillog_file": "/dev/stdout"}) as mta:
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        manager.bind(str(mta.folder / "notify"))
        manager.settimeout(20)
        process = subprocess.Popen([mta.command("tassis"), "-c", str(mta.etc), "start-fg"], stdout=subprocess.PIPE,
                                   env={**os.environ, "NOTIFY_SOCKET": str(mta.folder / "notify")}, text=True)
        assert manager.recv(1000).startswith(b"READY=1")
        assert process.pid == master_pid(mta)
        mta.send("alice@example.test", "Subject: x\n\nin front\n")
        assert "in front" in mta.mail("alice")
        process.send_signal(signal.SIGHUP)
        assert manager.recv(1000).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
        assert manager.recv(1000) == b"READY=1"
        process.send_signal(signal.SIGINT)
        assert manager.recv(1000) == b"STOPPING=1"
        output, _ = process.communicate(timeout=30)
        assert process.returncode == 0
        assert "daemon started -- version" in output and "status=sent" in output, output


def test_wakeup_starts_a_service():
    with Instance(master="pickup unix n - n 2 1 pickup\n", main={"max_idle": "1s"}) as mta:
        first = wait_for(lambda: mta.processes("pickup"), what="pickup")
        wait_for(lambda: set(mta.processes("pickup")) - set(first), what="another pickup after max_idle")


def test_log_is_rotated():
    with Instance(main={"maillog_file_compressor": "gzip"}) as mta:
        mta.send("alice@example.test", "Subject: x\n\nx\n")
        mta.mail("alice")
        mta.run("tassis", "logrotate", check=True)
        wait_for(lambda: list(mta.folder.glob("maillog.*.gz")), what="the compressed log")
        mta.send("bob@example.test", "Subject: x\n\nx\n")
        mta.wait_log("to=<bob@example.test>")
        assert "alice" not in mta.log()


def test_stale_socket_of_a_service_is_replaced_and_others_stay():
    with Instance(start=False) as mta:
        mta.run("tassis", "check", check=True)
        foreign = socket.socket(socket.AF_UNIX)
        foreign.bind(str(mta.queue / "private/auth"))
        foreign.listen()
        stale = socket.socket(socket.AF_UNIX)
        stale.bind(str(mta.queue / "public/cleanup"))
        stale.close()
        mta.start()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(mta.queue / "private/auth"))
        mta.send("alice@example.test", "Subject: x\n\nx\n")
        mta.mail("alice")


def test_service_disable():
    port = free_port()
    with Instance(main={"master_service_disable": f"127.0.0.1:{port}/inet"},
                  master=f"127.0.0.1:{port} inet n - n - - smtpd\n") as mta:
        assert is_refused(port)
        assert not is_refused(mta.port)


def test_moved_services_are_mentioned():
    with Instance(master="scache unix - - n - 1 scache\n") as mta:
        mta.wait_log(r"master\[\d+\]: service scache \(scache\): ")
        assert "warning" not in mta.log()


def test_killed_queue_manager_is_back_at_once():
    """Nobody knocks at its door before the next wakeup, and mail must not wait for that."""
    with Instance() as mta:
        first = wait_for(lambda: mta.processes("qmgr"), what="qmgr")
        mta.send("alice@example.test", "Subject: x\n\nx\n")
        mta.mail("alice")
        for pid in first:
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: set(mta.processes("qmgr")) - set(first), 10, "another qmgr")


def test_watchdog():
    """A pattern that takes for ever stops a process that serves many: it ends itself, and another takes over."""
    endless = "/^(.*)(.*)(.*)(.*)(.*)(.*)\\1\\2\\3\\4\\5\\6x$/ NOOP\n"
    main = {"smtpd_command_filter": "regexp:$config_directory/words", "daemon_timeout": "3s"}
    with Instance(main=main, files={"words": endless}) as mta:
        with connect(mta.port) as client:
            assert greeting(client).startswith("220")
            client.sendall(b"EHLO " + b"a" * 400 + b"\r\n")
            mta.wait_log(r"smtpd\[\d+\]: fatal: watchdog timeout$")
            mta.wait_log(r"master\[\d+\]: warning: process \S+/smtpd pid \d+ exit status 1$")
        # Who only has nothing to do is left alone.
        with connect(mta.port) as client:
            assert greeting(client).startswith("220")
            client.settimeout(5)
            try:
                raise AssertionError(f"the idle session ended: {client.recv(100)}")
            except socket.timeout:
                pass
            client.settimeout(10)
            client.sendall(b"QUIT\r\n")
            assert client.recv(200).startswith(b"221")
        assert mta.log().count("watchdog timeout") == 1


def test_watchdog_of_one_job_at_a_time():
    """A delivery that hangs for too long ends with its process; the mail stays, and goes when it can."""
    flag = "/tmp/hang-%d" % os.getpid()
    script = f"argv=/bin/sh -c {{cat >/dev/null; test -e {flag} && exec sleep 30; exit 0}}"
    master = f"slow unix - n n - - pipe -o daemon_timeout=3s -o slow_time_limit=300s flags= user=nobody {script}\n"
    pathlib.Path(flag).touch()
    try:
        with Instance(main={"transport_maps": "inline:{ slow.test=slow }", "relay_domains": "slow.test",
                            "minimal_backoff_time": "1s", "maximal_backoff_time": "1s", "queue_run_delay": "1s",
                            "transport_retry_time": "1s"}, master=master) as mta:
            queue_id = mta.send("x@slow.test", "Subject: x\n\nx\n")
            mta.wait_log(r"pipe\[\d+\]: fatal: watchdog timeout$")
            assert not re.search(rf"{queue_id}: removed", mta.log())
            os.unlink(flag)
            mta.wait_log(rf"{queue_id}: to=<x@slow\.test>.*status=sent", 90)
    finally:
        pathlib.Path(flag).unlink(missing_ok=True)


def test_mistake_in_one_service():
    """A bad value behind -o concerns its service alone: that one fails, the others work."""
    port, other = free_port(), free_port()
    master = (f"127.0.0.1:{port} inet n - n - - smtpd -o smtpd_timeout=soon\n"
              f"127.0.0.1:{other} inet n - n - - smtpd -o smtpd_banner=other\n")
    with Instance(master=master, start=False) as mta:
        found = mta.run("tassis", "check")
        assert found.returncode and "smtpd_timeout" in found.out + found.err, found
        mta.start()
        mta.wait_log(r"master\[\d+\]: error: \S+/master\.cf: line \d+: service 127\.0\.0\.1:\d+ inet: .*smtpd_timeout")
        mta.send("alice@example.test", "Subject: x\n\nx\n")
        mta.mail("alice")
        with connect(other) as client:
            assert greeting(client) == "220 other\r\n"
        with connect(port):
            mta.wait_log(r"smtpd\[\d+\]: fatal: .*smtpd_timeout")
            mta.wait_log(r"master\[\d+\]: warning: \S+/smtpd: bad command startup -- throttling$")
        with connect(other) as client:
            assert greeting(client) == "220 other\r\n"
