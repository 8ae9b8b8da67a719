"""A cluster of byzproxy-null processes: agreement, log and links without PostgreSQL."""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, os.environ.get("BYZ_BUILD", "build"))
sys.path.insert(0, os.path.join(TOP, "tests", "system"))
from ports import free_ports  # noqa: E402 pylint: disable=wrong-import-position

CLIENT = "demo"
CLIENT_NUMBER = 1  # byzctl init puts "admin" first


def program(name):
    return os.path.join(BUILD, "tests", "agreement", name)


def wait_until(condition, seconds=20, what="a condition"):
    """Polls; returns the condition's value once it is true."""
    until = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > until:
            raise AssertionError(f"waited {seconds} s in vain for {what}")
        time.sleep(0.05)


class Ack:
    """What a client was told by f+1 replicas."""

    def __init__(self, line):
        session, number, self.outcome, epoch, time_us = line.split()
        self.session, self.number, self.epoch = int(session), int(number), int(epoch)
        self.time = int(time_us) / 1e6  # of time.monotonic()


class Load:
    """A running byz-load."""

    def __init__(self, cluster, sessions=4, prefix=(), environment=None, patience=20, **options):
        self.log = os.path.join(cluster.folder, f"acks{cluster.loads}")
        cluster.loads += 1
        self.figures = {}
        self.acks = []
        self.patience = patience
        arguments = {"config": cluster.path("cluster.conf"), "client": CLIENT,
                     "key": cluster.path("clients", CLIENT + ".key"), "log": self.log,
                     "sessions": sessions, "patience": patience, **options}
        command = [*prefix, program("byz-load")]
        for name, value in arguments.items():
            command += ["--" + name.replace("_", "-"), str(value)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, **(environment or {})})

    def wait_measuring(self):
        line = self.process.stdout.readline()
        assert line == "measuring\n", f"byz-load said {line!r}"
        return self

    def count(self):
        """Acknowledged so far, as far as the log was written."""
        with open(self.log, encoding="ascii") as file:
            return sum(1 for _ in file)

    def end(self, stop=True):
        """Brings open transactions to an end; returns the figures."""
        if stop:
            self.process.send_signal(signal.SIGTERM)
        try:
            text, _ = self.process.communicate(timeout=self.patience + 60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        words = text.split()
        self.figures = {name: float(value) for name, value in
                        (word.split("=") for word in words if "=" in word)}
        with open(self.log, encoding="ascii") as file:
            self.acks = [Ack(line) for line in file]
        return self.figures

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def first_after(self, moment, until=float("inf")):
        """Seconds from `moment` to the end of the longest silence behind it: replies that were on
        their way already do not count as the service's return."""
        times = [moment] + [ack.time for ack in self.acks if moment < ack.time < until]
        gaps = [(later - earlier, later) for earlier, later in zip(times, times[1:])]
        return max(gaps)[1] - moment

    def assert_sound(self):
        """What clients saw is one history: nothing contradicted, every commit an epoch of its own."""
        assert self.process.returncode == 0, self.figures
        assert self.figures["unfinished"] == 0 and self.figures["mismatches"] == 0
        assert self.figures["refused"] == 0, self.figures
        assert self.acks
        last = {}
        epochs = [ack.epoch for ack in self.acks if ack.outcome == "committed"]
        assert len(epochs) == len(set(epochs))
        for ack in self.acks:
            number, epoch = last.get(ack.session, (0, 0))
            assert ack.number == number + 1 and ack.epoch >= epoch
            last[ack.session] = ack.number, ack.epoch


class Cluster:
    """Four (or 3f+1) daemons in a folder of their own."""

    def __init__(self, faults=1, limits=(), hosts=None):
        self.folder = tempfile.mkdtemp(prefix="byz-null.", dir="/tmp")
        self.data = os.path.join(self.folder, "c")
        self.count = 3 * faults + 1
        self.faults = faults
        self.loads = 0
        self.running = []
        self.processes = {}
        self.base_port = free_ports(self.count + self.count * self.count)
        self.relay_port = self.base_port + self.count  # the first of count * count
        self.prefix = ()  # before commands that ask replicas: see networks.py
        self.hosts = hosts or [f"127.0.0.1:{self.base_port + i}" for i in range(self.count)]
        options = [part for limit in limits for part in ("--set", limit)]
        made = subprocess.run([os.path.join(BUILD, "client/ctl/byzctl"), "-D", self.data, "init",
                               "--keys-only", "--hosts", ",".join(self.hosts), "--client", CLIENT,
                               *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, check=False, timeout=60)
        if made.returncode:
            shutil.rmtree(self.folder)
            raise AssertionError(f"byzctl init: {made.stdout}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for load in self.running:
            load.kill()
        for replica in list(self.processes):
            self.signal(replica, signal.SIGKILL)
            self.processes[replica].wait()
        shutil.rmtree(self.folder)

    def path(self, *names):
        return os.path.join(self.data, *names)

    def replica_path(self, replica, *names):
        return self.path(f"replica{replica}", *names)

    # -- processes

    def command(self, replica, **other):
        """The daemon's command line; `other` replaces options (config, key, store …)."""
        options = {"config": self.path("cluster.conf"), "replica": replica,
                   "key": self.replica_path(replica, "replica.key"),
                   "store": self.replica_path(replica, "store"), "postgres": "none",
                   "status_file": self.replica_path(replica, "status"), **other}
        command = [program("byzproxy-null")]
        for name, value in options.items():
            command.append("--" + name.replace("_", "-"))
            if value is not True:
                command.append(str(value))
        return command

    def run(self, replica, **other):
        """Runs a daemon that is expected to end by itself: (exit code, what it said)."""
        result = subprocess.run(self.command(replica, **other), stdout=subprocess.PIPE, text=True,
                                stderr=subprocess.STDOUT, timeout=30, check=False)
        return result.returncode, result.stdout

    def start(self, replica, prefix=(), environment=None, **other):
        status = self.replica_path(replica, "status")
        if os.path.exists(status):
            os.unlink(status)  # of a process that was killed
        with open(self.replica_path(replica, "log", "proxy.log"), "ab") as log:
            self.processes[replica] = subprocess.Popen(
                [*prefix, *self.command(replica, **other)], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                env={**os.environ, **(environment or {})})

    def up(self, prefixes=None, environments=None):
        """Starts all and waits until they see each other."""
        for replica in range(self.count):
            self.start(replica, (prefixes or {}).get(replica, ()),
                       (environments or {}).get(replica))

        def all_connected():
            assert len(self.alive()) == self.count, "a replica ended"
            return all(self.log(replica).count("connected to replica") >= self.count - 1
                       for replica in range(self.count))
        self.wait(all_connected, 20, "replicas to connect")
        return self

    def signal(self, replica, number):
        self.processes[replica].send_signal(number)

    def kill(self, *replicas):
        """kill -9 of all of them, before the first is waited for."""
        for replica in replicas:
            self.signal(replica, signal.SIGKILL)
        moment = time.monotonic()
        for replica in replicas:
            self.processes[replica].wait()
        return moment

    def down(self, replica):
        """An orderly stop; the exit code."""
        self.signal(replica, signal.SIGTERM)
        return self.processes[replica].wait(timeout=20)

    def alive(self):
        return [replica for replica in self.processes if self.processes[replica].poll() is None]

    def memory_peak(self, replica):
        """Bytes: the most that the process ever had in memory, without the log's mapped file."""
        with open(f"/proc/{self.processes[replica].pid}/status", encoding="ascii") as file:
            fields = dict(line.split(":", 1) for line in file)
        anonymous = int(fields["RssAnon"].split()[0]) * 1024
        return max(anonymous, int(fields["VmHWM"].split()[0]) * 1024 -
                   int(fields["RssFile"].split()[0]) * 1024)

    def load(self, sessions=4, **options):
        """Starts a load and waits until requests are answered."""
        load = Load(self, sessions, **options)
        self.running.append(load)
        return load.wait_measuring()

    # -- what they say

    def log(self, replica):
        with open(self.replica_path(replica, "log", "proxy.log"), encoding="utf-8") as file:
            return file.read()

    def log_tails(self):
        return "".join(f"\n-- replica {replica}\n" + "".join(
            line + "\n" for line in self.log(replica).splitlines()[-25:])
            for replica in range(self.count)
            if os.path.exists(self.replica_path(replica, "log", "proxy.log")))

    def wait(self, condition, seconds, what):
        try:
            return wait_until(condition, seconds, what)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log_tails()}") from None

    def status(self, replica):
        """The status file as a dictionary, up to a second old, whoever can be reached. {}: none."""
        try:
            with open(self.replica_path(replica, "status"), encoding="utf-8") as file:
                return dict(line.rstrip("\n").split("=", 1) for line in file)
        except FileNotFoundError:
            return {}

    def statuses(self):
        """What those say who answer now: {replica: dictionary}. Not for times when replicas are
        cut off: they would be waited for."""
        text = subprocess.run([*self.prefix, os.path.join(BUILD, "client/ctl/byzctl"), "-D",
                               self.data, "status", "--full"], stdout=subprocess.PIPE, text=True,
                              stdin=subprocess.DEVNULL, timeout=60, check=False).stdout
        sections = [section.splitlines() for section in text.split("\nreplica ")[1:]]
        found = {int(lines[0]): dict(line.split("=", 1) for line in lines[1:] if "=" in line)
                 for lines in sections if lines[0].isdigit()}
        return {replica: status for replica, status in found.items() if status}

    def views(self):
        return {replica: int(status["view"]) for replica, status in self.statuses().items()}

    def primary(self):
        """As most replicas see it."""
        seen = [int(status["primary"]) for status in self.statuses().values()]
        return max(set(seen), key=seen.count)

    def wait_connected(self, replicas=None, seconds=20):
        replicas = self.alive() if replicas is None else replicas

        def all_connected():
            assert set(replicas) <= set(self.alive()), "a replica ended"
            statuses = self.statuses()
            return all(statuses.get(a, {}).get(f"replica{b}_connected") == "1"
                       for a in replicas for b in replicas if a != b)
        self.wait(all_connected, seconds, f"replicas {replicas} to see each other")

    # -- what must hold after the faults

    def wait_equal(self, replicas, at_least, seconds=30):
        """Waits until these replicas have one state, with so many requests executed."""
        def equal():
            statuses = self.statuses()
            states = [{name: value for name, value in statuses.get(replica, {}).items()
                       if name.startswith("null_")} for replica in replicas]
            counts = [int(state.get("null_count", "-1")) for state in states]
            return states[0] if min(counts) >= at_least and all(
                state == states[0] for state in states) else None
        try:
            return wait_until(equal, seconds, "one state")
        except AssertionError:
            facts = {replica: [status.get(name) for name in ("state", "view", "view_entered",
                               "executed", "null_count", "null_digest")]
                     for replica, status in self.statuses().items()}
            raise AssertionError(f"states differ: {facts}; {at_least} wanted\n" +
                                 self.log_tails()) from None

    def check(self, *loads, replicas=None, honest=True):
        """Every acknowledged request is in the state of every correct replica, exactly once, the
        states are equal, and nobody holds evidence. Where all are honest, nobody was called a liar
        either."""
        replicas = self.alive() if replicas is None else replicas
        for load in loads:
            load.assert_sound()
        state = self.wait_equal(replicas, sum(len(load.acks) for load in loads))
        for load in loads:
            last = {ack.session: ack.number for ack in load.acks}
            for session, number in last.items():
                words = state[f"null_session_{CLIENT_NUMBER}_{session}"].split()
                executed, count = int(words[1]), int(words[3])
                assert executed == count >= number, f"session {session}: {words}, told {number}"
        for replica in range(self.count):  # of builds with sanitizers
            assert not re.search(r"runtime error:|Sanitizer:", self.log(replica))
        statuses = self.statuses()
        assert [statuses[replica]["evidence"] for replica in replicas] == ["0"] * len(replicas)
        dropped = {name: status[name] for status in statuses.values() for name in status
                   if name in ("dropped_agreement", "dropped_malformed") and status[name] != "0"}
        assert not honest or not dropped, f"called liars: {dropped}"
