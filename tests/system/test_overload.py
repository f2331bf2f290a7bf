"""Trouble with some destinations is theirs alone, and mail that cannot leave slows those who send it."""
import socket
import time

from harness import Instance, Sink, wait_for

TEXT = "Subject: x\n\nx\n"


def silent_server():
    """On every loopback address: takes connections, and says nothing."""
    return socket.create_server(("0.0.0.0", 0), backlog=1000)


def test_silent_destinations_leave_room_for_others():
    """A destination that took mail before gets more although forty others hold what they may."""
    with silent_server() as silent:
        sink = Sink()
        port = silent.getsockname()[1]
        routes = "".join(f"s{n}.test smtp:[127.0.1.{n}]:{port}\n" for n in range(1, 41))
        main = {"transport_maps": "inline:{healthy.test=smtp:[127.0.0.1]:%d}, texthash:$config_directory/routes"
                % sink.port, "default_process_limit": "20"}
        with Instance(main=main, files={"routes": routes}) as mta:
            mta.send("first@healthy.test", TEXT)
            mta.wait_log("to=<first@healthy.test>.*status=sent")
            for _ in range(2):
                mta.send([f"x@s{n}.test" for n in range(1, 41)], TEXT)
            began = time.monotonic()
            for n in range(50):
                mta.send(f"h{n}@healthy.test", TEXT)
            wait_for(lambda: len(sink.messages) == 51, what="mail at the healthy server")
            assert time.monotonic() - began < 15


def test_clients_wait_while_the_active_queue_is_full():
    with silent_server() as silent:
        main = {"relayhost": f"[127.0.0.1]:{silent.getsockname()[1]}", "in_flow_delay": "1s",
                "qmgr_message_active_limit": "10", "qmgr_message_recipient_limit": "10"}
        with Instance(main=main) as mta, mta.smtp() as client:
            slow = 0
            for n in range(1000):
                began = time.monotonic()
                client.sendmail("a@client.test", f"x{n}@far.test", TEXT)
                slow = slow + 1 if time.monotonic() - began > 0.9 else 0
                if slow == 3:
                    break
            assert slow == 3, "a thousand messages went in at once"
            assert n < 400, n
