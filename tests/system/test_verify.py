"""Address verification: probes that nobody gets, and what is remembered of them."""
import os
import signal

from harness import Instance, Sink, wait_for

TEXT = "Subject: x\n\nx\n"
VERIFIED = {
    "smtpd_recipient_restrictions": "reject_unverified_recipient, permit_mynetworks, reject",
    "unverified_recipient_reject_code": "550",
    "address_verify_poll_delay": "1s",
    "address_verify_poll_count": "10",
}


def ask(mta, recipient, sender="a@client.test"):
    with mta.smtp() as client:
        client.mail(sender)
        return client.rcpt(recipient)


def relayed(sink, **more):
    return {**VERIFIED, "relay_domains": "far.test", "relay_transport": f"smtp:[127.0.0.1]:{sink.port}", **more}


def test_probe_of_another_host_and_restart():
    """The answer outlives the daemons, in address_verify_map."""
    sink = Sink(replies={"RCPT": "550 5.1.1 nobody"})
    with Instance(main=relayed(sink)) as mta:
        code, text = ask(mta, "x@far.test")
        assert code == 550 and text.startswith(b"5.1.1 <x@far.test>: Recipient address rejected: "
                                               b"undeliverable address: host 127.0.0.1[127.0.0.1] said: 550 5.1.1 nobody"), text  # fmt: skip
        mta.wait_log(r"to=<x@far\.test>, .*status=undeliverable")
        mta.stop()
        sink.close()
        mta.start()
        assert ask(mta, "x@far.test")[0] == 550
        assert mta.log().count("status=undeliverable") == 1
        assert not mta.queued() and not sink.messages


def test_memory_alone_and_good_addresses():
    with Instance(main={**VERIFIED, "address_verify_map": ""}) as mta:
        mta.send("alice@example.test", TEXT)
        mta.mail("alice")
        mta.wait_log(r"to=<alice@example\.test>, .*status=deliverable")
        mta.send("alice@example.test", TEXT)
        mta.mail("alice", count=2)
        assert mta.log().count("status=deliverable") == 1


def test_good_address_stays_good_while_its_host_is_down():
    sink = Sink()
    main = relayed(sink, address_verify_positive_refresh_time="1s", smtpd_relay_restrictions="")
    with Instance(main=main) as mta:
        assert ask(mta, "x@far.test")[0] == 250
        sink.close()
        for _ in range(3):
            assert ask(mta, "x@far.test")[0] == 250


def test_address_too_long_for_the_cache():
    """It is remembered all the same, and not probed at each look."""
    address = "x" * 600 + "@far.test"
    with Instance(main=relayed(Sink(), smtpd_relay_restrictions="")) as mta:
        for _ in range(3):
            assert ask(mta, address)[0] == 250
        assert mta.log().count("status=deliverable") == 1


def test_service_down_is_temporary():
    with Instance(main={**VERIFIED, "address_verify_service_name": "nobody"}) as mta:
        code, text = ask(mta, "alice@example.test")
        assert code == 450 and text.endswith(b"address verification problem"), (code, text)
        mta.wait_log(r"warning: nobody service failure: ")


def test_verify_killed_costs_no_mail():
    with Instance(main=VERIFIED) as mta:
        mta.send("alice@example.test", TEXT)
        for pid in mta.processes("verify"):
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: ask(mta, "bob@example.test")[0] == 250, what="verify to be back")
