"""Database servers for the tests of tables: each started in a folder of its own, on a Unix socket there
and on a free loopback port."""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile

from harness import Listener, free_port, wait_for


class Server:
    """A real server. prepare() makes its files, words() is its command line, is_up() asks it."""

    needs = None

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tassis-db-", dir="/tmp"))
        self.folder.chmod(0o755)
        self.port = free_port()
        self.process = None
        self.output = open(self.folder / "output", "ab")
        self.environment = {**os.environ, "LC_ALL": "C", "HOME": str(self.folder)}
        self.prepare()

    def prepare(self):
        pass

    def run(self, *words, input=None, check=True):
        done = subprocess.run([str(w) for w in words], input=input, env=self.environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.output.write((done.stdout + done.stderr).encode())
        self.output.flush()
        if check and done.returncode:
            raise subprocess.CalledProcessError(done.returncode, " ".join(done.args), done.stdout, done.stderr)
        return done.stdout

    def start(self):
        self.process = subprocess.Popen([str(w) for w in self.words()], stdin=subprocess.DEVNULL, stdout=self.output,
                                        stderr=self.output, env=self.environment, cwd=self.folder,
                                        start_new_session=True)
        wait_for(self.is_up, 60, f"{type(self).__name__} (see {self.folder}/output)")
        return self

    def answers_at_port(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    is_up = answers_at_port

    def kill(self):
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGKILL)
        self.process.wait()

    def signal(self, number):
        """To the server and the processes it made: they are a group."""
        os.killpg(self.process.pid, number)

    def freeze(self):
        self.signal(signal.SIGSTOP)
        wait_for(self.is_frozen, what="a stopped server")

    def is_frozen(self):
        """The signal takes a moment to reach every thread."""
        tasks = pathlib.Path(f"/proc/{self.process.pid}/task").glob("*/stat")
        return all(task.read_text().rsplit(")", 1)[1].split()[0] == "T" for task in tasks)

    def thaw(self):
        self.signal(signal.SIGCONT)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.kill()
        self.output.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class PostgreSQL(Server):
    needs = "psql"

    def prepare(self):
        self.bin = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: float(p.parent.name))
        self.run(self.bin / "initdb", "-D", self.folder / "db", "-U", "mail", "-A", "trust", "-N", "-E", "UTF8")

    def words(self):
        return [self.bin / "postgres", "-D", self.folder / "db", "-k", self.folder, "-p", self.port, "-F",
                "-c", "listen_addresses=127.0.0.1"]

    def is_up(self):
        return "accepting" in self.run(self.bin / "pg_isready", "-h", self.folder, "-p", self.port, check=False)

    def sql(self, text):
        return self.run(self.bin / "psql", "-h", self.folder, "-p", self.port, "-U", "mail", "-d", "postgres", "-qAt",
                        input=text)

    def signal(self, number):  # its children lead groups of their own
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for pid in [self.process.pid, *map(int, children)]:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def settings(self, query):
        return f"hosts = inet:127.0.0.1:{self.port}\nuser = mail\ndbname = postgres\nquery = {query}\n"


class MariaDB(Server):
    needs = "mariadbd"
    # Several at once on a small machine: without these each takes 110 MB of disk and an asynchronous I/O queue.
    SMALL = ["--innodb-use-native-aio=0", "--innodb-log-file-size=4M", "--innodb-buffer-pool-size=16M",
             "--innodb-flush-log-at-trx-commit=0"]

    def prepare(self):
        self.as_user = ["--user=nobody"] if os.geteuid() == 0 else []  # root it refuses to be
        if self.as_user:
            shutil.chown(self.folder, "nobody")
        self.run("mariadb-install-db", "--no-defaults", f"--datadir={self.folder}/db", "--auth-root-authentication-method=normal",
                 "--skip-test-db", "--skip-name-resolve", *self.SMALL, *self.as_user)

    def words(self):
        return ["mariadbd", "--no-defaults", f"--datadir={self.folder}/db", f"--socket={self.folder}/socket",
                f"--port={self.port}", "--bind-address=127.0.0.1", f"--pid-file={self.folder}/pid", "--skip-name-resolve",
                *self.SMALL, *self.as_user]

    def is_up(self):
        try:
            return self.sql("select 1;")
        except subprocess.CalledProcessError:
            return False

    def sql(self, text, database=""):
        return self.run("mariadb", "--no-defaults", "--default-character-set=utf8mb4", f"--socket={self.folder}/socket", "-u", "root", "-N", "-B", *filter(None, [database]),
                        input=text)

    def settings(self, query):
        return f"hosts = inet:127.0.0.1:{self.port}\nuser = mail\npassword = secret\ndbname = mail\nquery = {query}\n"


class Redis(Server):
    needs = "redis-server"

    def words(self):
        return ["redis-server", "--port", self.port, "--bind", "127.0.0.1", "--unixsocket", self.folder / "socket",
                "--dir", self.folder, "--save", "", "--appendonly", "no"]

    def set(self, *command):
        assert self.run("redis-cli", "-p", self.port, *command).strip() != "", command


class Memcached(Server):
    needs = "memcached"

    def words(self):
        return ["memcached", "-l", "127.0.0.1", "-p", self.port, "-U", "0", "-m", "16"]

    def ask(self, text):
        with socket.create_connection(("127.0.0.1", self.port), 10) as client:
            client.sendall(text.encode() + b"quit\r\n")
            return b"".join(iter(lambda: client.recv(65536), b"")).decode()


class Slapd(Server):
    needs = "slapd"
    SUFFIX = "dc=example,dc=test"

    def prepare(self):
        (self.folder / "db").mkdir()
        (self.folder / "slapd.conf").write_text(f"""\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {self.folder}/pid
attributetype ( 1.3.6.1.4.1.99999.1 NAME 'memberURL' SUP labeledURI )
objectclass ( 1.3.6.1.4.1.99999.2 NAME 'mailGroup' SUP top AUXILIARY MAY ( mail $ member $ memberURL $ description ) )
database mdb
suffix "{self.SUFFIX}"
rootdn "cn=admin,{self.SUFFIX}"
rootpw secret
directory {self.folder}/db
""")

    def words(self):
        return ["slapd", "-d", "0", "-f", self.folder / "slapd.conf", "-h", f"ldap://127.0.0.1:{self.port}"]

    def add(self, ldif):
        self.run("ldapadd", "-x", "-H", f"ldap://127.0.0.1:{self.port}", "-D", f"cn=admin,{self.SUFFIX}", "-w", "secret", input=ldif)


class Nonsense(Listener):
    """A server that answers whatever it is asked with the same bytes."""

    def __init__(self, answer, greeting=b""):
        self.answer, self.greeting = answer, greeting
        super().__init__()

    def serve(self, client, _):
        client.sendall(self.greeting)
        while client.recv(65536):
            client.sendall(self.answer)


class Line(Listener):
    """A server that knows the answer to one question, to the byte."""

    def __init__(self, question, answer):
        self.question, self.answer = question.encode(), answer.encode()
        super().__init__()

    def serve(self, client, _):
        if client.recv(65536) == self.question:
            client.sendall(self.answer)
            client.recv(1)  # until it goes
