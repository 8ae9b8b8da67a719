"""PostgreSQL servers without Byzantium: four independent ones, and a primary with three standbys.

All are copies of one server that was filled once, so they begin alike. They listen on unix sockets
only, in a folder that is deleted at the end; autovacuum is off everywhere, because one system's
vacuum must not run while another is measured: every point begins with VACUUM and CHECKPOINT.
"""
import os
import shutil
import subprocess

BINDIR = os.environ.get("BYZPGBIN") or subprocess.check_output(
    ["pg_config", "--bindir"], text=True).strip()
STANDBYS = 3
DATABASE = "postgres"  # a database of its own would be 300 files more in each copy
ASKING_DATABASE = "template1"  # so that who asks for counters is not in them

# Beside shared_buffers and max_wal_size these are what byzctl gives a replica's server, as far as
# speed depends on it.
SETTINGS = """
listen_addresses = ''
autovacuum = off
shared_buffers = 128MB
max_wal_size = 1GB
jit = off
max_parallel_workers_per_gather = 0
effective_cache_size = '4GB'
wal_level = replica
wal_keep_size = 512MB
max_connections = {connections}
"""


class Console:
    """One psql that stays: asking costs no connection while something is measured."""

    def __init__(self, socket, user, database):
        self.process = subprocess.Popen(
            [os.path.join(BINDIR, "psql"), "-XAtq", "-F", "|", "-h", socket, "-U", user,
             "-d", database], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, sql):
        """Rows as lists of texts."""
        self.process.stdin.write(sql + ";\n\\echo .\n")
        self.process.stdin.flush()
        rows = []
        for line in self.process.stdout:
            if line == ".\n":
                return rows
            rows.append(line.rstrip("\n").split("|"))
        raise OSError("psql ended")

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class Server:
    """One PostgreSQL server: where it is, how it starts, how it ends. It may belong to others."""

    def __init__(self, data, socket, user="bench", database=DATABASE, standby=False):
        self.data, self.socket, self.user = data, socket, user
        self.database, self.standby = database, standby

    def conninfo(self, settings=()):
        options = " ".join("-c " + s for s in ("default_transaction_isolation=repeatable\\\\ read",
                                               *settings))
        return (f"host={self.socket} user={self.user} dbname={self.database} "
                f"options='{options}' application_name=byz-bench")

    def pid(self):
        with open(os.path.join(self.data, "postmaster.pid"), encoding="ascii") as file:
            return int(file.readline())

    def console(self):
        return Console(self.socket, self.user, ASKING_DATABASE)

    def psql(self, *arguments):
        return subprocess.check_output(
            [os.path.join(BINDIR, "psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", self.socket,
             "-U", self.user, "-d", self.database, *arguments], text=True).strip()

    def tidy(self):
        """Before a point: every one begins alike, and nothing falls due in its middle."""
        vacuum = () if self.standby else ("-c", "VACUUM")
        self.psql(*vacuum, "-c", "CHECKPOINT")

    def pg_ctl(self, *arguments):
        subprocess.run([os.path.join(BINDIR, "pg_ctl"), "-s", "-w", "-t", "60", "-D", self.data,
                        *arguments], check=True, stdout=subprocess.DEVNULL)

    def configure(self, text):
        with open(os.path.join(self.data, "postgresql.conf"), "a", encoding="utf-8") as file:
            file.write(text)

    def start(self):
        os.makedirs(self.socket, exist_ok=True)
        self.configure(f"\nunix_socket_directories = '{self.socket}'\n")
        self.pg_ctl("-l", self.data + ".log", "start")

    def stop(self, mode="immediate"):
        if os.path.exists(os.path.join(self.data, "postmaster.pid")):
            self.pg_ctl("-m", mode, "stop")

    def copy(self, name, standby=False):
        """This one, stopped, a second time, beside it."""
        folder = os.path.dirname(self.data)
        shutil.copytree(self.data, os.path.join(folder, name))
        return Server(os.path.join(folder, name), os.path.join(folder, "s-" + name), self.user,
                      self.database, standby)


def make_template(folder, connections, schema):
    """A stopped server with the tables in it."""
    server = Server(os.path.join(folder, "template"), os.path.join(folder, "s-template"))
    subprocess.run([os.path.join(BINDIR, "initdb"), "-D", server.data, "-U", server.user, "-E",
                    "UTF8", "--locale=C", "--auth=trust", "--no-sync"], check=True,
                   stdout=subprocess.DEVNULL)
    server.configure(SETTINGS.format(connections=connections))
    try:
        server.start()
        server.psql("-c", schema)
        server.psql("-c", "VACUUM ANALYZE")
        server.stop("fast")
    except BaseException:
        server.stop()
        raise
    return server


class Independent:
    """Four servers that know nothing of each other."""
    same = False

    def __init__(self, template):
        self.servers = [template.copy(f"alone{i}") for i in range(4)]

    def start(self):
        for server in self.servers:
            server.start()

    def stop(self):
        for server in self.servers:
            server.stop()


class Replicated:
    """A primary that waits until two of three standbys have applied each commit."""
    same = True  # all servers come to hold the same

    def __init__(self, template):
        self.primary = template.copy("primary")
        self.primary.configure("synchronous_commit = remote_apply\nsynchronous_standby_names = "
                               "'ANY 2 (standby0, standby1, standby2)'\n")
        self.standbys = [template.copy(f"standby{i}", standby=True) for i in range(STANDBYS)]
        self.servers = [self.primary, *self.standbys]

    def start(self):
        self.primary.start()
        for i, standby in enumerate(self.standbys):
            with open(os.path.join(standby.data, "standby.signal"), "w", encoding="ascii"):
                pass
            standby.configure(f"primary_conninfo = 'host={self.primary.socket} "
                              f"user={self.primary.user} application_name=standby{i}'\n")
            standby.start()

    def stop(self):
        for server in reversed(self.servers):
            server.stop()
