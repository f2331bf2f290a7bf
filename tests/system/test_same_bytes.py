"""A message comes out of Tassis as it comes out of Postfix, byte for byte but for the values of the
trace headers: by SMTP from swaks, smtplib and a bare socket, and from sendmail; into a Maildir of
virtual, and a Maildir and an mbox of local."""
import difflib
import os
import re
import smtplib
import socket
import subprocess
import tempfile

from harness import Instance, wait_for
from postfix import Postfix
from programs import need

NEEDS_ROOT = True
NEEDS_PROGRAM = "/usr/sbin/postfix"
TIMEOUT = 280

HEAD = b"From: Sender <sender@client.test>\r\nTo: you@example.test\r\nSubject: x\r\nDate: Sat, 1 Jan 2022 10:00:00 +0000\r\nMessage-ID: <1@client.test>\r\n"


def mime(kind, body):
    return HEAD + b"MIME-Version: 1.0\r\nContent-Type: " + kind + b"\r\n\r\n" + body


# What a client sends between DATA and its end, before dots are doubled.
BY_SMTP = {
    "plain": HEAD + b"\r\nhello\r\n",
    "no end of line": HEAD + b"\r\nhello",
    "empty body": HEAD + b"\r\n",
    "headers alone": HEAD,
    "nothing": b"",
    "one empty line": b"\r\n",
    "empty lines at the end": HEAD + b"\r\nx\r\n\r\n\r\n",
    "empty line first": b"\r\nSubject: no header\r\n\r\nbody\r\n",
    "no headers": b"This is no header\r\nnor this\r\n",
    "no header but one": HEAD + b"this line is none\r\nX-Late: y\r\n\r\nbody\r\n",
    "no From": b"Subject: x\r\n\r\nx\r\n",
    "no Date": b"From: a@b.test\r\nSubject: x\r\n\r\nx\r\n",
    "no Message-ID": b"From: a@b.test\r\nDate: Sat, 1 Jan 2022 10:00:00 +0000\r\n\r\nx\r\n",
    "empty headers": b"From:\r\nTo:\r\nDate:\r\nMessage-Id:\r\nSubject:\r\n\r\nx\r\n",
    "8 bits": HEAD + b"\r\nj\xc3\xbcrgen \xff\xfe\x80\r\n",
    "8 bits in headers": HEAD + b"X-Name: J\xc3\xbcrgen \xfc\r\n\r\nx\r\n",
    "8 bits, MIME": mime(b"text/plain; charset=utf-8", b"j\xc3\xbcrgen\r\n"),
    "NUL": HEAD + b"X-Nul: a\0b\r\n\r\na\0b\0\r\n\0\r\n",
    "control characters": HEAD + b"X-Ctl: a\x01\x7f\x1b[0m\r\n\r\n\x01\x02\x07\x08\x0b\x0c\x1b\x7f\r\n",
    "dots": HEAD + b"\r\n.\r\n..\r\n...\r\n.x\r\n. \r\nx.\r\n",
    "dot in the headers": b".\r\n..Subject: x\r\n\r\nx\r\n",
    "line of 998": HEAD + b"\r\n" + b"a" * 998 + b"\r\nend\r\n",
    "line of 2048": HEAD + b"\r\n" + b"b" * 2048 + b"\r\nend\r\n",
    "line of 2049": HEAD + b"\r\n" + b"c" * 2049 + b"\r\nend\r\n",
    "line of 4096": HEAD + b"\r\n" + b"d" * 4096 + b"\r\nend\r\n",
    "line of 100,000": HEAD + b"\r\n" + b"0123456789" * 10000 + b"\r\nend\r\n",
    "long line with dots": HEAD + b"\r\n" + b"x" * 2047 + b".y" * 3000 + b"\r\n.end\r\n",
    "long line without end": HEAD + b"\r\n" + b"e" * 5000,
    "long header": HEAD + b"X-Long: " + b"f" * 3000 + b"\r\n\r\nx\r\n",
    "folded header over the limit": HEAD + b"X-Long: a\r\n" + b"".join(b" %05d %s\r\n" % (n, b"x" * 80) for n in range(1500)) + b"X-After: y\r\n\r\nx\r\n",
    "folded header, its end over the limit": HEAD + b"X-Long: a\r\n" + (b" " + b"x" * 999 + b"\r\n") * 102 + b" " + b"y" * 2000 + b"\r\nX-After: y\r\n\r\nx\r\n",
    "folded header, at the limit": HEAD + b"X-Long: " + b"a" * 391 + b"\r\n" + (b" " + b"x" * 998 + b"\r\n") * 102 + b" b\r\nX-After: y\r\n\r\nx\r\n",
    "NUL in a folded header": HEAD + b"X-Nul: a\r\n b\0c\r\n d\r\nX-Other: e\r\n\r\nx\r\n",
    "folded headers": HEAD + b"X-Folded: a\r\n b\r\n\tc\r\n   d\r\nTo: a@b.test,\r\n c@d.test\r\n\r\nx\r\n",
    "folded to nothing": HEAD + b"X-Folded: a\r\n \r\n\t\r\n b\r\n\r\nx\r\n",
    "space before the colon": HEAD + b"X-Space : a\r\nX-Tab\t: b\r\n\r\nx\r\n",
    "no name": HEAD + b": a\r\n\r\nx\r\n",
    "header starts with space": b" X-First: a\r\nSubject: x\r\n\r\nx\r\n",
    "From_ line": b"From sender@client.test Sat Jan  1 10:00:00 2022\r\n" + HEAD + b"\r\nx\r\n",
    "quoted From_ line": b">From sender@client.test Sat Jan  1 10:00:00 2022\r\n" + HEAD + b"\r\nx\r\n",
    "From_ in the body": HEAD + b"\r\nFrom here\r\n>From there\r\nfrom\r\n\r\nFrom after an empty line\r\n",
    "CR inside": HEAD + b"X-Cr: a\rb\r\n\r\na\rb\r\n\rc\r\n",
    "CRs before the end of a line": HEAD + b"X-Crcr: a\r\r\nX-Two: b\r\n\r\na\r\r\nb\r\r\r\nc\r\n\r\r\nd\re\r\r\n",
    "CRs for an empty line": HEAD + b"\r\r\nbody\r\n",
    "CRs around a full record": HEAD + b"\r\n" + b"".join(b"a" * n + b"\r\r\nb\r\n" for n in range(2044, 2050)),
    "LF inside": HEAD + b"\r\na\nb\n\nc\r\n",
    "LF alone throughout": HEAD.replace(b"\r\n", b"\n") + b"\nbody\n",
    "trace headers": b"Return-Path: <old@client.test>\r\nReceived: from a by b; Sat, 1 Jan 2022 10:00:00 +0000\r\nX-Original-To: o@client.test\r\nDelivered-To: other@client.test\r\nErrors-To: e@client.test\r\n" + HEAD + b"\r\nx\r\n",
    "Bcc and length": HEAD + b"Bcc: hidden@example.test\r\nContent-Length: 5\r\nResent-Bcc: r@example.test\r\nStatus: RO\r\n\r\nx\r\n",
    "addresses": b"From: alice\r\nTo: bob, \"Q u\" <carol>, group: a, b@c.test;, (note) dave@[127.0.0.1], x%y@z.test, <@route.test:u@v.test>\r\nCc: undisclosed-recipients:;\r\nReply-To: a b c\r\nSender: <>\r\n\r\nx\r\n",
    "resent": HEAD + b"Resent-From: carol\r\nResent-To: dave\r\n\r\nx\r\n",
    "encoded words": HEAD + b"X-Word: =?utf-8?Q?J=C3=BCrgen?= =?utf-8?B?w6Q=?=\r\n\r\nx\r\n",
    "multipart": mime(b"multipart/mixed; boundary=b1", b"preamble\r\n--b1\r\nContent-Type: text/plain\r\n\r\none\r\n--b1\r\nContent-Type: message/rfc822\r\n\r\nFrom: alice\r\nSubject: inner\r\n\r\n\xc3\xa4\r\n--b1--\r\nepilogue\r\n"),
    "multipart without end": mime(b"multipart/mixed; boundary=\"b 2\"", b"--b 2\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n"),
    "wrong encoding": mime(b"message/rfc822", b"Content-Transfer-Encoding: quoted-printable\r\n\r\n=41\r\n"),
}

# What a user's program hands to sendmail: options, text.
BY_SENDMAIL = {
    "plain": (["-t"], b"To: {to}\nSubject: x\n\nhello\n"),
    "one header": (["-t"], b"To: {to}\n\nhello\n"),
    "headers alone": (["-t"], b"To: {to}\n"),
    "no end of line": (["-t"], b"To: {to}\n\nhello"),
    "CRLF": (["-t"], b"To: {to}\r\nSubject: x\r\n\r\nhello\r\n.x\r\n"),
    "CRLF later": (["-t"], b"To: {to}\nSubject: x\r\n\r\nhello\r\n"),
    "dots, -i": (["-t", "-i"], b"To: {to}\n\n.\n..\nafter\n"),
    "dot": (["-t"], b"To: {to}\n\nbefore\n.\nafter\n"),
    "dots": (["-t"], b"To: {to}\n\n..\n.x\n"),
    "8 bits": (["-t"], b"To: {to}\nSubject: j\xc3\xbc\xff\n\n\xc3\xa4\xff\n"),
    "NUL": (["-t"], b"To: {to}\nX: a\0b\n\na\0b\n"),
    "long lines": (["-t"], b"To: {to}\nX-Long: " + b"h" * 3000 + b"\n\n" + b"k" * 2049 + b"\n" + b"l" * 70000 + b"\n"),
    "From_ line": (["-t"], b"From me Sat Jan  1 10:00:00 2022\nTo: {to}\n\nx\n"),
    "several From_ lines": (["-t"], b"From me\n>From you\nTo: {to}\n\nFrom x\n"),
    "Bcc": (["-t"], b"To: alice\nBcc: {to}\nSubject: x\n\nx\n"),
    "Cc": (["-t"], b"Cc: \"A l\" <{to}>,\n nobody+none@example.test\nSubject: x\n\nx\n"),
    "resent": (["-t"], b"From: old@client.test\nTo: unused@example.test\nResent-To: {to}\n\nx\n"),
    "comments": (["-t"], b"To: (c) {to} (d)\n\nx\n"),
    "arguments": ([], b"Subject: x\n\nx\n"),
    "no headers": ([], b"hello there\nsecond\n"),
    "empty": ([], b""),
    "empty line first": ([], b"\nTo: nobody\n"),
    "full name": (["-F", "Some One"], b"Subject: x\n\nx\n"),
    "full name with quotes": (["-F", "Some \"One\" (x)"], b"Subject: x\n\nx\n"),
    "own From": (["-t"], b"From: alice\nTo: {to}, bob\n\nx\n"),
    "8 bits declared": (["-B8BITMIME", "-t"], b"To: {to}\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n\xc3\xa4\n"),
    "broken header": (["-t"], b"To: {to}\nthis is none\n\nx\n"),
    "CR inside": (["-t"], b"To: {to}\n\na\rb\r\n\r\rc\n"),
}


def instance(start):
    names = [f"m{n:02d}" for n in range(len(BY_SMTP))]
    mta = Instance(main={"compatibility_level": "3.6", "mail_name": "Postfix", "mydestination": "local.test", "local_recipient_maps": "", "recipient_delimiter": "+",
                         "alias_maps": "texthash:$config_directory/aliases", "default_database_type": "lmdb",
                         "allow_mail_to_files": "alias", "default_privs": "nobody", "smtpd_forbid_bare_newline": "no",
                         "line_length_limit": "2048", "virtual_alias_maps": "",
                         "local_header_rewrite_clients": "permit_inet_interfaces",
                         "virtual_mailbox_maps": "static:alice/", "append_dot_mydomain": "no"},
                   start=False)
    mta.write("aliases", "".join(f"{name} {mta.boxes}/{name}/\nbox{name} {mta.boxes}/{name}.mbox\n" for name in names))
    if start:
        mta.start()
    return mta


def send_raw(port, recipients, text):
    """Exactly these bytes, only with dots doubled behind an end of line."""
    with socket.create_connection(("127.0.0.1", port), 30) as connection, connection.makefile("rwb") as io:
        def say(line, code):
            io.write(line + b"\r\n")
            io.flush()
            expect(code)

        def expect(code):
            while (line := io.readline())[3:4] == b"-":
                pass
            assert line.startswith(code), line
        expect(b"220")
        say(b"EHLO client.test", b"250")
        say(b"MAIL FROM:<sender@client.test>", b"250")
        for recipient in recipients:
            say(b"RCPT TO:<%s>" % recipient.encode(), b"250")
        say(b"DATA", b"354")
        text = re.sub(rb"(^|\n)\.", rb"\1..", text)
        say(text + (b"" if text.endswith(b"\r\n") or not text else b"\r\n") + b".", b"250")
        say(b"QUIT", b"221")


def plain(text):
    """Without the values of the trace headers."""
    text = re.sub(rb"\b(id |ID |Message-I[dD]: <\d{14}\.)[0-9A-Za-z]+", rb"\1QUEUEID", text)
    text = re.sub(rb"Message-I[dD]: <\d{14}\.", b"Message-Id: <TIME.", text)
    text = re.sub(rb"[A-Z][a-z][a-z], +\d+ [A-Z][a-z][a-z] 20(2[3-9]|[3-9]\d) \d\d:\d\d:\d\d [-+]\d{4} \([^)]*\)", b"DATE", text)
    return re.sub(rb"(?m)^From (\S*) +[A-Z][a-z][a-z] [A-Z][a-z][a-z] [ \d]\d \d\d:\d\d:\d\d 20(2[3-9]|[3-9]\d)$", rb"From \1 DATE", text)


def by_recipient(mta, count):
    """Each delivered message by the recipient that it had; several for one in the order of their text."""
    found = {}
    for path in wait_for(lambda: len(m := mta.inbox("alice")) >= count and m, 60, f"{count} messages"):
        text = path.read_bytes()
        found.setdefault(re.search(rb"^X-Original-To: (.*)\n", text, re.M).group(1).decode(), []).append(plain(text))
    return {name: b"".join(sorted(texts)) for name, texts in found.items()}


def compare(what, names, ours, theirs):
    bad = 0
    for tag in sorted(set(ours) | set(theirs)):
        one, other = ours.get(tag), theirs.get(tag)
        if one != other:
            bad += 1
            number = re.match(r"(?:alice\+t|m)(\d+)", tag)
            name = names[int(number.group(1))] if number else tag
            lines = [repr(t)[1:-1].replace("\\n", "\n").splitlines() if t is not None else ["-- nothing --"] for t in (other, one)]
            difference = [line[:160] for line in difflib.unified_diff(*lines, "Postfix", "Tassis", lineterm="", n=1)]
            print(f"{what}, {name}:", *difference[:12], sep="\n  ")
    return bad


def files_of(mta):
    """What local wrote: Maildirs and mboxes."""
    found = {}
    for path in mta.boxes.glob("m*"):
        if path.is_dir():
            found[path.name] = b"".join(plain(p.read_bytes()) for p in sorted((path / "new").iterdir()))
        else:
            found[path.name] = plain(path.read_bytes())
    return found


def both(send, count):
    """The same done to both; what each has delivered then."""
    ours, theirs = instance(True), instance(False)
    with ours, theirs:
        with Postfix(theirs) as postfix:
            send(ours, lambda *words, **options: ours.run(*words, **options))
            send(theirs, lambda *words, **options: postfix.run(*words, text=False, **options))
            by_recipient(ours, count), by_recipient(theirs, count)
            wait_for(lambda: not ours.queued() and not postfix.run("postqueue", "-j").stdout, 60, "empty queues")
            return (by_recipient(ours, count), files_of(ours)), (by_recipient(theirs, count), files_of(theirs))


def test_smtp():
    def send(mta, _):
        for n, text in enumerate(BY_SMTP.values()):
            send_raw(mta.port, [f"alice+t{n}@example.test", f"m{n:02d}@local.test", f"boxm{n:02d}@local.test"], text)
    (ours, our_files), (theirs, their_files) = both(send, len(BY_SMTP))
    assert len(our_files) == 2 * len(BY_SMTP)
    assert not compare("virtual", list(BY_SMTP), ours, theirs) + compare("local", list(BY_SMTP), our_files, their_files)


def test_sendmail():
    def send(_, run):
        for n, (options, text) in enumerate(BY_SENDMAIL.values()):
            to = f"alice+t{n}@example.test"
            words = options if "-t" in options else [*options, to]
            result = run("sendmail", "-f", "sender@client.test", *words, input=text.replace(b"{to}", to.encode()))
            assert result.returncode == 0, (words, result.stderr)
    (ours, _), (theirs, _) = both(send, len(BY_SENDMAIL))
    assert not compare("sendmail", list(BY_SENDMAIL), ours, theirs)


def test_smtplib_and_swaks():
    """Python's own client and swaks, as an administrator tries them."""
    def send(mta, _):
        with smtplib.SMTP("127.0.0.1", mta.port, local_hostname="client.test", timeout=30) as client:
            client.sendmail("sender@client.test", ["alice+t0@example.test"], HEAD + b"\r\n.dot\r\nj\xc3\xbcrgen\r\n", ["BODY=8BITMIME"])
        with tempfile.NamedTemporaryFile() as file:
            file.write(HEAD + b"\r\nfrom swaks\r\n.\r\n..\r\n")
            file.flush()
            os.chmod(file.name, 0o644)
            for n, options in enumerate(([], ["--pipeline"], ["--protocol", "SMTP"]), 1):
                subprocess.run(["swaks", "--server", "127.0.0.1", "--port", str(mta.port), "--ehlo", "client.test", "--from", "sender@client.test",
                                "--to", f"alice+t{n}@example.test", "--data", f"@{file.name}", *options], check=True, capture_output=True, timeout=60)

    need("swaks")
    (ours, _), (theirs, _) = both(send, 4)
    assert len(ours) == 4 and not compare("client", ["smtplib", "swaks", "swaks -pipeline", "swaks HELO"], ours, theirs)
