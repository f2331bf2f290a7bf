"""A name server that /etc/resolv.conf names later is asked by workers that run already, in a chroot with a copy of
that file of its own, too."""
import subprocess
import time

from harness import Instance, Sink
from names import Names

NEEDS_ROOT = True


def check(chroot):
    with Instance(start=False) as mta:
        mta.write("master.cf", mta.merge((mta.etc / "master.cf").read_text(), f"smtp unix - - {chroot} - - smtp\n"))
        (mta.queue / "etc").mkdir(exist_ok=True)
        for copy in (mta.folder / "resolv.conf", mta.queue / "etc/resolv.conf", mta.queue / "etc/hosts"):
            copy.write_text("nameserver 127.0.0.2\noptions timeout:1 attempts:1\n")
        resolver = mta.folder / "resolv.conf"
        subprocess.run(["mount", "--bind", resolver, "/etc/resolv.conf"], check=True)
        mta.start()
        queue_id = mta.send("x@far.test", "Subject: x\n\nx\n")
        mta.wait_log(rf"{queue_id}: .*status=deferred \(Host or domain name not found")
        resolver.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        mta.run("postqueue", "-f", check=True)
        mta.wait_log(r"/smtp\[\d+\]: /etc/resolv\.conf has changed -- restarting$")
        mta.run("postqueue", "-f", check=True)
        mta.wait_log(rf"{queue_id}: .*status=sent")
        # Who has read the new one does not take the copy for a newer one.
        told = mta.log().count("has changed -- restarting")
        for n in range(3):
            mta.wait_log(rf"{mta.send(f'y{n}@far.test', 'Subject: x')}: .*status=sent")
            time.sleep(0.6)  # files are looked at once a second
        assert mta.log().count("has changed -- restarting") == told, mta.log()
        subprocess.run(["umount", "-l", "/etc/resolv.conf"], check=True)


def test_new_name_server_is_asked():
    Names({"far.test MX": ["10 mx.far.test"], "mx.far.test A": ["127.0.0.9"]})
    Sink("127.0.0.9", 25)
    for chroot in ("n", "y"):
        check(chroot)
