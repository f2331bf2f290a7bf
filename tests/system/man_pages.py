"""Examples of the manual pages, and ways to run them.

An example is what stands in a literal display (.Bd -literal, .Dl); a line with .Ar in it shows a form. A
transcript starts with a prompt, "$ " or "# ", and a command: what follows up to the next is what it prints."""
import contextlib
import os
import pathlib
import re
import subprocess

import harness
from harness import Instance

FOLDER = pathlib.Path(__file__).resolve().parent.parent.parent / "man"
PROMPT = re.compile(r"[$#] (?:post[a-z-]+|(?:smtp|qmqp)-(?:sink|source)|tassis|sendmail|mailq|newaliases|qshape|printf|echo)\b")


def pages():
    return sorted(path.name for path in FOLDER.glob("*.[158]"))


def plain(line):
    """The text of a line of mdoc."""
    return line.replace("\\(dq", '"').replace("\\&", "").replace("\\e", "\\")


def examples(page):
    found, block = [], None
    for line in (FOLDER / page).read_text().splitlines():
        if block is not None and line == ".Ed":
            found.append("".join(plain(part) + "\n" for part in block))
            block = None
        elif block is not None:
            block.append(line)
        elif re.match(r"\.Bd -(literal|unfilled)\b", line):
            block = []
        elif re.match(r"\.D[l1] (?!.*\bAr\b)", line):
            found.append(plain(line[4:]) + "\n")
    return found


def commands(text):
    """Pairs of a command and what the page shows that it prints."""
    pairs = []
    for line in text.splitlines():
        if PROMPT.match(line):
            pairs.append([line[2:], ""])
        elif pairs[-1][0].endswith("|"):
            pairs[-1][0] += "\n" + line
        else:
            pairs[-1][1] += line + "\n"
    return pairs


class Places:
    """Names of files and servers in the pages, and what they are in the test."""

    def __init__(self, mta, **more):
        self.names = {"/etc/postfix": str(mta.etc), "/etc/aliases": str(mta.etc / "aliases"),
                      "/var/mail": str(mta.folder / "var-mail"), **more}

    def here(self, text):
        for name, place in self.names.items():
            text = text.replace(name, place)
        return text

    def there(self, text):
        for name, place in self.names.items():
            text = text.replace(place, name)
        return text


def run_transcript(mta, text, places=None, environment=None, passed_over="(?!)"):
    """Run its commands one by one; what the page shows must come, and nothing on standard error but lines
    with the expression passed_over. Returns all output."""
    places = places or Places(mta)
    work = mta.folder / "work"
    work.mkdir(exist_ok=True)
    folders = f"{harness.PREFIX}/sbin:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": folders, "MAIL_CONFIG": str(mta.etc), "LC_ALL": "C", **(environment or {})}
    environment = {name: value for name, value in environment.items() if value is not None}
    said = ""
    assert PROMPT.match(text), text
    for command, shown in commands(text):
        result = subprocess.run(["bash", "-o", "pipefail", "-c", places.here(command)], capture_output=True, check=False,
                                stdin=subprocess.DEVNULL, cwd=work, env=environment, timeout=60)
        out, err = (places.there(stream.decode()) for stream in (result.stdout, result.stderr))
        err = re.sub(f"(?m)^.*(?:{passed_over}).*\n", "", err)
        assert result.returncode == 0, (command, result.returncode, out, err)
        if shown:
            assert out + err == shown, f"{command}\nthe page shows:\n{shown}\nthere came:\n{out}{err}"
        else:
            assert not err, (command, err)
        said += out
    return said


def transcript(main=None, files=None, start=False, prepare=None, after=None, master=""):
    """What runs a transcript in an instance; after(mta, output) looks at the result."""
    def run(texts):
        with Instance(main=main, files=files, start=start, master=master) as mta:
            if prepare:
                prepare(mta)
            said = "".join(run_transcript(mta, text) for text in texts)
            if after:
                after(mta, said)
    return run


def table(kind, **answers):
    """What loads the text as a table of this kind and asks it: answers of keys, None where there is none."""
    def run(texts):
        with Instance(start=False) as mta:
            path = mta.write("table", "".join(texts))
            if kind in ("lmdb", "cdb"):
                assert mta.run("postmap", f"{kind}:{path}", check=True).err == ""
            asks(mta, f"{kind}:{path}", answers["keys"])
    return run


def asks(mta, spec, answers):
    for key, answer in answers.items():
        result = mta.run("postmap", "-q", key, spec)
        assert result.err == "" and result.out == (f"{answer}\n" if answer else ""), (spec, key, result.out, result.err)


def explained(main, questions, kind="lmdb"):
    """What puts the text into /etc/postfix/table and looks at what becomes of mail then. questions: arguments of
    "tassis explain", and expressions that its answer must hold in this order."""
    def run(texts):
        with Instance(start=False) as mta:
            path = mta.write("table", "".join(texts))
            if kind == "lmdb":
                assert mta.run("postmap", f"lmdb:{path}", check=True).err == ""
            if kind == "alias":
                assert mta.run("postalias", f"lmdb:{path}", check=True).err == ""
            mta.write_main(**{name: value.replace("TABLE", f"lmdb:{path}") for name, value in main.items()})
            mta.start()
            for words, *patterns in questions:
                result = mta.run("tassis", "explain", *words.split())
                at = 0
                for pattern in patterns:
                    found = re.compile(pattern, re.M).search(result.out, at)
                    assert not result.err and found, (words, pattern, result.out, result.err)
                    at = found.end()
    return run


def findings(mta):
    return set(re.findall(r'"text": ?"(.*?)"[,}]', mta.run("tassis", "check", "-j").out))


def loaded(mta, texts, what, known):
    """The text at the end of a file leads to no complaint but the known ones."""
    before = findings(mta)
    path = mta.etc / what
    path.write_text(path.read_text() + Places(mta).here("".join(texts)))
    new = {text for text in findings(mta) - before if not any(re.search(pattern, text) for pattern in known)}
    assert not new, new


def main_cf(known=(), files=None, **settings):
    """What loads the text as part of main.cf. settings: what postconf says of them then."""
    def run(texts):
        with Instance(start=False, files=files) as mta:
            loaded(mta, texts, "main.cf", known)
            for name, value in settings.items():
                result = mta.run("postconf", "-nh", name)
                assert result.err == "" and result.out == Places(mta).here(value) + "\n", (name, result.out, result.err)
    return run


def master_cf(known=(), **services):
    """What loads the text as part of master.cf. services: what postconf -M says of "name/type" then."""
    def run(texts):
        with Instance(start=False) as mta:
            loaded(mta, texts, "master.cf", known)
            for name, line in services["lines"].items():
                result = mta.run("postconf", "-M", name)
                assert result.err == "" and result.out.split() == line.split(), (name, result.out, result.err)
    return run


@contextlib.contextmanager
def parameters_file(kind, text, changes, files=None):
    """An instance with the text in a file; gives a function that asks the table it describes."""
    with Instance(start=False, files=files) as mta:
        places = Places(mta)
        for old, new in changes.items():
            assert old in text, (old, text)
            text = text.replace(old, new)
        path = mta.write("parameters", places.here(text))
        yield lambda answers: asks(mta, f"{kind}:{path}", answers)


def add_tests(names, run, not_run):
    """A test for each page of run, a function that is given all examples of the page but those of not_run."""
    def test_of(page, function):
        return lambda: function([text for text in examples(page) if (page, text.partition("\n")[0]) not in not_run])
    for page, function in run.items():
        names["test_" + re.sub(r"\W", "_", page)] = test_of(page, function)
