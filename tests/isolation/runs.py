"""Whole runs: clients make a history on a database, faults happen meanwhile, the checker judges."""
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "system"))
from cluster import BINDIR, Cluster, wait_until  # noqa: E402 pylint: disable=wrong-import-position

import checker  # noqa: E402 pylint: disable=wrong-import-position
import workload  # noqa: E402 pylint: disable=wrong-import-position
from history import read_files  # noqa: E402 pylint: disable=wrong-import-position

CLIENTS = 6
ABANDON = 0.005
COMMITTED_MIN = 300  # fewer show nothing
SLACK_S = 300  # clients end by themselves so long after the run should be over
# Short, so that an abandoned transaction or a silent coordinator costs the run little.
TRANSACTION_S = 3  # then it is expired, wherever its client is
LIMITS = ("statement_timeout_ms=2000", f"transaction_timeout_ms={TRANSACTION_S * 1000}")
TIMEOUTS = {"operation_timeout": "2", "request_timeout": "10", "connect_timeout": "5"}


class Clients:
    """Processes of client.py, each with a history file of its own."""

    def __init__(self, folder, target, conninfo, seconds_max, seed, *options):
        self.folder, self.seconds_max, self.seed = folder, seconds_max, seed
        self.begun = time.monotonic()
        self.options = ["--target", target, "--conninfo", conninfo, *options]
        self.running = []
        self.files = []
        self.counts = Counter()
        self.errors = {}

    def start(self, *more):
        name = f"c{len(self.files)}"
        path = os.path.join(self.folder, name)
        self.files.append(path)
        open(path, "wb").close()  # a client that is killed at once leaves an empty history
        command = [sys.executable, "-B", os.path.join(HERE, "client.py"), "--history", path,
                   "--name", name, "--begun", repr(self.begun), "--seconds", str(self.seconds_max),
                   "--seed", str(self.seed * 1000 + len(self.files)), *self.options, *more]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.running.append(process)
        return process

    def kill(self, rng):
        """kill -9 of one of them, wherever it is; another one takes its place."""
        process = self.running.pop(rng.randrange(len(self.running)))
        process.kill()
        process.communicate()
        self.counts["killed"] += 1
        self.start()

    def committed(self):
        """Transactions so far."""
        count = 0
        for path in self.files:
            with open(path, "rb") as file:
                count += file.read().count(b'"outcome":"committed"')
        return count

    def work(self, seconds):
        """Lets them work for that long, and longer on a machine that is busy with other things."""
        time.sleep(max(0, self.begun + seconds - time.monotonic()))
        wait_until(lambda: self.committed() >= COMMITTED_MIN, 120, "transactions to commit")

    def finish(self):
        """Ends all; then one more reads every key."""
        for process in self.running:
            process.terminate()
        while self.running:
            self._reap(self.running[0])
        self._reap(self.start("--final"))

    def _reap(self, process):
        output, _ = process.communicate(timeout=60)
        self.running.remove(process)
        assert process.returncode == 0, f"client failed with {process.returncode}: {output}"
        for name, count in json.loads(output).items():
            if isinstance(count, int):
                self.counts[name] += count
            else:
                self.errors[name] = count

    def stop(self):
        """What is left behind a failure."""
        for process in self.running:
            process.kill()
            process.communicate()
        self.running = []


# -- faults: one replica at a time (f = 1), and clients as they please

class Faults:
    def __init__(self, cluster, clients, seed):
        self.cluster, self.clients = cluster, clients
        self.random = random.Random(seed)
        self.done = Counter()

    def wait_all_speak(self):
        """A replica that was set up anew is silent in agreement for a while; until it speaks it is
        the one that may fail."""
        for replica in range(self.cluster.count):
            wait_until(lambda r=replica: self.cluster.status(r).get("silent") == "0", 120,
                       f"replica {replica} to take part in agreement")

    def victim(self):
        """The primary every other time."""
        self.wait_all_speak()
        primary = int(self.cluster.status(0)["primary"])
        others = [replica for replica in range(self.cluster.count) if replica != primary]
        return self.random.choice([primary, self.random.choice(others)])

    def executed(self, replica):
        return int(self.cluster.status(replica).get("executed", 0))

    def wait_back(self, replica):
        """Until it has executed what the others have by now. A replica that was killed under open
        transactions may have lost a snapshot that one of them needs; then it stops, and is set up
        anew from the others' logs (docs/operations.md)."""
        target = max(self.executed(other) for other in range(self.cluster.count))

        def settled():
            status = self.cluster.status(replica)
            state = status.get("state")
            return state == "stopped" or (state == "ready" and int(status["executed"]) >= target)

        wait_until(settled, 120, f"replica {replica} to come back")
        if self.cluster.status(replica)["state"] == "stopped":
            self.done["set_up_anew"] += 1
            self.set_up_anew(replica)
            self.wait_back(replica)

    def set_up_anew(self, replica):
        self.cluster.ctl("down", str(replica))
        for name in ("postgres", "store"):
            shutil.rmtree(self.cluster.replica_path(replica, name))
        self.cluster.ctl("init", "--server", str(replica), "--lost-log")
        self.cluster.up(replica)

    def kill_replica(self):
        """kill -9 of a proxy and its PostgreSQL; both come back."""
        replica = self.victim()
        open_until = time.monotonic() + TRANSACTION_S
        self.cluster.kill(replica)
        time.sleep(1)
        self.cluster.up(replica)
        time.sleep(max(0, open_until - time.monotonic()))
        self.wait_back(replica)

    def stop_replica(self):
        """A coordinator that is silent for longer than its clients wait."""
        replica = self.victim()
        self.cluster.signal_proxy(replica, signal.SIGSTOP)
        try:
            time.sleep(float(TIMEOUTS["operation_timeout"]) + 0.5)
        finally:
            self.cluster.signal_proxy(replica, signal.SIGCONT)
        self.wait_back(replica)

    def kill_clients(self):
        for _ in range(3):
            self.clients.kill(self.random)
            time.sleep(0.1)

    def run(self, until):
        """Every fault once, and then on and on until that time (None: only once)."""
        while True:
            for fault in (self.kill_clients, self.stop_replica, self.kill_clients,
                          self.kill_replica):
                time.sleep(0.5)
                fault()
                self.done[fault.__name__] += 1
                if self.done["kill_replica"] and until and time.monotonic() > until:
                    return
            if not until:
                return


class Outcome:
    """A run's verdict, and what its clients and faults counted."""

    def __init__(self, clients, faults=None):
        self.transactions = read_files(clients.files)
        self.verdict = checker.check(self.transactions)
        self.counts, self.errors = clients.counts, clients.errors
        self.coordinated = Counter(t.coordinator for t in self.transactions)
        self.faults = faults.done if faults else Counter()

    def text(self):
        examples = [anomaly.text() for anomaly in self.verdict.anomalies[:10]]
        counts = " ".join(f"{name}={count}" for name, count in sorted(self.counts.items()))
        faults = " ".join(f"{name}={count}" for name, count in sorted(self.faults.items()))
        return "\n".join(examples + [f"clients: {counts}", f"faults: {faults or 'none'}",
                                     *(f"{n}: {t}" for n, t in sorted(self.errors.items())),
                                     self.verdict.text()])


def make_folder():
    return tempfile.mkdtemp(prefix="byz-isolation.", dir="/tmp")


def run_byzantium(folder, seconds, seed, kind="mixed", once=False):
    """A history of four replicas with faults (once: each only once); at its end all are equal."""
    cluster = Cluster(limits=LIMITS)
    clients = None
    try:
        cluster.up()
        cluster.ctl("run", "--quiet", "-c", "; ".join(workload.TABLES))
        clients = Clients(folder, "byzantium", cluster.conninfo(**TIMEOUTS), seconds + SLACK_S,
                          seed, "--abandon", str(ABANDON), "--workload", kind)
        for _ in range(CLIENTS):
            clients.start()
        faults = Faults(cluster, clients, seed)
        faults.run(None if once else clients.begun + seconds)
        clients.work(seconds)
        clients.finish()
        cluster.assert_equal()
        return Outcome(clients, faults)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{cluster.log_tails()}") from error
    finally:
        if clients:
            clients.stop()
        cluster.remove()


class Server:
    """One plain PostgreSQL in a temporary folder."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="byz-plain.", dir="/tmp")
        self.data = os.path.join(self.folder, "data")
        self.conninfo = f"host={self.folder} dbname=postgres"

    def command(self, name, *arguments):
        subprocess.run([os.path.join(BINDIR, name), "-D", self.data, *arguments], check=True,
                       stdout=subprocess.DEVNULL, timeout=60)

    def create(self):
        self.command("initdb", "-A", "trust", "-N", "--no-instructions")

    def __enter__(self):
        try:
            self.create()
            self.command("pg_ctl", "-w", "-l", os.path.join(self.folder, "log"), "-o",
                         f"-c listen_addresses='' -c fsync=off -c deadlock_timeout=50ms "
                         f"-k {self.folder}", "start")
            return self
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        try:
            if os.path.exists(os.path.join(self.data, "postmaster.pid")):
                self.command("pg_ctl", "-w", "-m", "immediate", "stop")
        finally:
            shutil.rmtree(self.folder)

    def sql(self, *statements):
        options = [word for statement in statements for word in ("-c", statement)]
        subprocess.run([os.path.join(BINDIR, "psql"), "-Xq", "-v", "ON_ERROR_STOP=1", "-d",
                        self.conninfo, *options], check=True, timeout=60)


def run_postgresql(folder, server, seconds, seed, isolation, kind="mixed"):
    """A history of one plain PostgreSQL at that isolation level, without faults."""
    server.sql("DROP TABLE IF EXISTS list, register", *workload.TABLES)
    clients = Clients(folder, "postgresql", server.conninfo, seconds + SLACK_S, seed,
                      "--isolation", isolation, "--workload", kind)
    try:
        for _ in range(CLIENTS):
            clients.start()
        clients.work(seconds)
        clients.finish()
        return Outcome(clients)
    finally:
        clients.stop()
