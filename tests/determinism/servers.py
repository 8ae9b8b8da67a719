"""Four PostgreSQL servers with the library, whose physical state differs on purpose."""
import os
import shutil
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SQL = os.path.join(HERE, "..", "..", "sql")

# How each server gets its rows, which plans it may use, and what happens to its tables. These
# settings are not pinned (sql/postgresql.byzantium.conf): they may differ between honest replicas.
KINDS = [
    {"ordinal": "g", "settings": "", "before": "",
     "after": "ANALYZE;"},
    {"ordinal": "md5(g::text)",
     "settings": "enable_hashjoin = off\nenable_hashagg = off\nenable_memoize = off",
     "before": "CREATE TABLE spare AS SELECT 1; CREATE TYPE spare_type AS ENUM ('x');",
     "after": """CREATE INDEX ON wide (k); CREATE INDEX ON wide (s, e); CREATE INDEX ON nokey (k DESC);
        CREATE INDEX ON child (p); CREATE INDEX ON part (k); CREATE INDEX ON parent (k, s); CREATE INDEX ON lists (s);
        CREATE INDEX ON wide USING gin (jb); CREATE INDEX ON wide (f8); CREATE INDEX ON wide (n);"""},
    {"ordinal": "-g",
     "settings": "enable_nestloop = off\nenable_seqscan = off\nenable_sort = off\nenable_incremental_sort = off",
     "before": "",
     "after": """BEGIN; INSERT INTO nokey SELECT * FROM nokey; INSERT INTO wide (id, k) SELECT g, 0 FROM generate_series(100, 2000) g;
        ROLLBACK; CREATE INDEX ON wide USING hash (k); CREATE INDEX ON nokey (s); CREATE INDEX ON nokey (n); CREATE INDEX ON child (k, s);
        VACUUM; ALTER TABLE wide ALTER k SET STATISTICS 1; ANALYZE;"""},
    {"ordinal": "g % 7, md5(g::text)",
     "settings": "enable_mergejoin = off\nenable_material = off\nenable_indexscan = off\nenable_partition_pruning = off\n"
                 "enable_partitionwise_join = on\nenable_partitionwise_aggregate = on",
     "before": "CREATE TABLE spare2 (id serial); CREATE TABLE spare3 (id serial); CREATE TYPE spare_type AS (x int);",
     "after": """SET session_replication_role = replica; ANALYZE wide, nokey; UPDATE wide SET k = k WHERE id % 3 = 1; UPDATE nokey SET k = k WHERE s = 's3';
        UPDATE parent SET s = s WHERE id > 7; DELETE FROM child WHERE id % 4 = 0;
        INSERT INTO child SELECT 10000 + g, 1 + g % 40, g % 5, 's' || g % 7 FROM generate_series(1, 60) g WHERE g % 4 = 0;
        UPDATE lists SET k = k; VACUUM nokey; ALTER TABLE nokey ALTER k SET STATISTICS 1000; ANALYZE nokey;
        CREATE INDEX ON wide USING brin (k); CREATE INDEX ON nokey (e);"""},
]

TABLES = ("wide nokey parent child grandchild part lists uniq made spans later audit out sums").split()


def digest_query():
    """All stored rows of a database, as a multiset, in one value; with the catalogue's hands off."""
    parts = [f"SELECT '{t}' AS t, count(*) AS n, sum(hashtextextended({t}::text, 0)) AS h FROM {t}" for t in TABLES]
    return f"SELECT md5(string_agg(concat_ws(' ', t, n, h), ',' ORDER BY t)) FROM ({' UNION ALL '.join(parts)}) x"


class Folder:
    """Where servers live, and how to start and ask them. Number: that of a server."""

    def __init__(self, library, bindir):
        self.bindir = bindir
        self.dir = tempfile.mkdtemp(prefix="byz-determinism.", dir="/tmp")
        os.chmod(self.dir, 0o755)
        self.as_postgres = []
        if os.getuid() == 0:  # PostgreSQL refuses root
            self.as_postgres = ["runuser", "-u", "postgres", "--"]
            shutil.chown(self.dir, "postgres")
        # a build folder may be closed to postgres
        self.library = shutil.copyfile(library, os.path.join(self.dir, "byzantium.so"))
        os.chmod(self.library, 0o644)
        # as they are now: the tree may change while this runs
        self.sql = os.path.join(self.dir, "sql")
        shutil.copytree(SQL, self.sql, ignore=shutil.ignore_patterns("*.c", "*.h", "tests"))
        self.run(f"{bindir}/initdb", "-D", f"{self.dir}/pristine", "-U", "byzantium", "-A", "trust",
                 "-E", "UTF8", "--locale=C", "-N")
        self.started = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for number in self.started:
            stop = [f"{self.bindir}/pg_ctl", "-D", f"{self.dir}/{number}", "-m", "immediate", "stop"]
            subprocess.run(self.as_postgres + stop, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(self.dir, ignore_errors=True)

    def run(self, *command):
        subprocess.run(self.as_postgres + list(command), stdout=subprocess.DEVNULL, check=True, cwd="/")

    def start(self, number, settings):
        data = f"{self.dir}/{number}"
        self.run("cp", "-r", f"{self.dir}/pristine", data)
        with open(f"{self.sql}/postgresql.byzantium.conf", encoding="utf-8") as pinned:
            text = pinned.read()
        text += (f"\nlisten_addresses = ''\nunix_socket_directories = '{self.dir}'\n"
                 f"port = {5500 + number}\nfsync = off\nautovacuum = off\n"
                 f"synchronous_commit = off\nshared_buffers = '64MB'\n{settings}\n")
        with open(f"{data}/postgresql.conf", "a", encoding="utf-8") as file:
            file.write(text)
        self.started.append(number)
        self.run(f"{self.bindir}/pg_ctl", "-D", data, "-l", f"{data}/log", "-w", "start")

    def locate(self, number, role, database):
        return ["-h", self.dir, "-p", str(5500 + number), "-U", role, "-d", database]

    def psql(self, number, database, sql, file=None, **variables):
        """Run by the superuser; returns what psql -At prints."""
        command = [f"{self.bindir}/psql", "-XAtq", "-v", "ON_ERROR_STOP=1"]
        command += self.locate(number, "byzantium", database)
        for name, value in variables.items():
            command += ["-v", f"{name}={value}"]
        if file:
            command += (["-c", sql] if sql else []) + ["-f", file]
        done = subprocess.run(command, input=None if file else sql, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"server {number}: {done.stderr}")
        return done.stdout

    def crashed(self):
        """The lines of the logs that say so."""
        found = []
        for number in self.started:
            with open(f"{self.dir}/{number}/log", encoding="utf-8", errors="replace") as log:
                found += [line.strip() for line in log
                          if "PANIC" in line or "terminated by signal" in line or "TRAP" in line]
        return "; ".join(found)


class Servers(Folder):
    """Started and filled, each in its way; use as a context."""

    def __enter__(self):
        try:
            for number, kind in enumerate(KINDS):
                self.start(number, f"shared_preload_libraries = '{self.library}'\n{kind['settings']}")
                self.fill(number, kind)
        except BaseException:
            self.__exit__()
            raise
        return self

    def fill(self, number, kind):
        self.psql(number, "postgres", "CREATE DATABASE seeded")
        self.psql(number, "seeded", None, f"{self.sql}/byzantium.sql")
        self.psql(number, "seeded", kind["before"])
        self.psql(number, "seeded", "SET ROLE byz_app", f"{HERE}/schema.sql", ordinal=kind["ordinal"])
        self.psql(number, "seeded", kind["after"])

    def fresh_database(self, name):
        """A copy of the filled database, page by page, on every server."""
        for number in range(len(KINDS)):
            self.psql(number, "postgres", f"CREATE DATABASE {name} TEMPLATE seeded")
            # privileges on a database are not copied
            self.psql(number, name, None, f"{self.sql}/byzantium.sql")

    def drop_database(self, name):
        for number in range(len(KINDS)):
            self.psql(number, "postgres", f"DROP DATABASE {name}")

    def locator(self, number, database):
        return f"host={self.dir} port={5500 + number} user=byz_app dbname={database}"

    def explain(self, number, database, script):
        """What psql says when a client's transaction runs by hand, errors included."""
        command = [f"{self.bindir}/psql", "-XAt"] + self.locate(number, "byz_app", database)
        return subprocess.run(command, input=script, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False).stdout
