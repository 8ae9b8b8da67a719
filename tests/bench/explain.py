"""The explaining run: where the time of one system goes, as far as an ordinary user can see it.

A run of its own behind the measured ones, because looking costs time: wait events are sampled in
PostgreSQL, perf samples processors (user space only, unless the machine allows more), and the
proxies run with counters preloaded (count.c). Its throughput is in no figure.
"""
import os
import shutil
import signal
import struct
import subprocess
import threading

from processes import with_children

SAMPLE_SECONDS = 0.1
PERF_HERTZ = 499
PERF_LINES = 14
WAITS = """SELECT CASE WHEN state = 'idle' THEN 'idle'
 WHEN state LIKE 'idle in%' THEN 'in a transaction, for the next statement'
 WHEN wait_event IS NULL THEN 'for nothing: runs, or waits for a processor'
 ELSE wait_event_type || ': ' || wait_event END, count(*)
 FROM pg_stat_activity WHERE backend_type = 'client backend' AND datname = '{database}'
 GROUP BY 1"""


class WaitSampler:
    """How many sessions of the measured database wait for what, on average."""

    def __init__(self, system, consoles):
        self.servers = list(zip(system.servers, consoles))
        self.sums, self.samples = {}, 0
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.loop)
        self.thread.start()

    def loop(self):
        while not self.stop.wait(SAMPLE_SECONDS):
            for server, console in self.servers:
                for what, count in console.ask(WAITS.format(database=server.database)):
                    self.sums[what] = self.sums.get(what, 0) + int(count)
            self.samples += 1

    def end(self):
        self.stop.set()
        self.thread.join()
        return {what: total / max(self.samples, 1) for what, total in self.sums.items()}


class Perf:
    """perf on all processes of the system; says so if the machine has none or forbids it."""

    def __init__(self, folder, system, client):
        self.file = os.path.join(folder, "perf.data")
        pids = with_children(client)
        for _, _, pid in system.processes():
            pids += with_children(pid)
        self.process = None
        if shutil.which("perf"):
            self.process = subprocess.Popen(
                ["perf", "record", "-q", "-e", "cpu-clock", "-F", str(PERF_HERTZ), "-o", self.file,
                 "-p", ",".join(map(str, pids))],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def end(self):
        if self.process:
            self.process.send_signal(signal.SIGINT)
            self.process.wait()

    def lines(self, sort):
        """The report's top by these keys, or one line that says why there is none."""
        if not self.process:
            return ["(perf is not installed)"]
        result = subprocess.run(
            ["perf", "report", "--stdio", "-q", "-i", self.file, "--sort", sort],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        lines = [line.rstrip(" -") for line in result.stdout.splitlines()  # columns without figures
                 if line.strip() and not line.startswith("#")]
        return lines[:PERF_LINES] or ["(perf recorded nothing; kernel.perf_event_paranoid?)"]


class Explanation:
    """A watcher for measure.Load.run; afterwards it has what it saw."""

    def __init__(self, folder):
        self.folder = folder
        self.counts = os.path.join(folder, "counts")
        self.perf = self.sampler = None
        self.waits, self.proxies, self.pids, self.before = {}, {}, [], []

    def environment(self, build):
        """What the proxies need to be started with, so that they count."""
        os.makedirs(self.counts, exist_ok=True)
        return {"LD_PRELOAD": os.path.join(build, "tests/bench/byz-bench-count.so"),
                "BYZ_BENCH_COUNTS": self.counts}

    def read_counts(self):
        """round trips, messages, bytes of all proxies."""
        sums = [0, 0, 0]
        for pid in self.pids:
            path = os.path.join(self.counts, str(pid))
            if os.path.exists(path):
                with open(path, "rb") as file:
                    sums = [a + b for a, b in zip(sums, struct.unpack("=3Q", file.read(24)))]
        return sums

    def begin(self, system, consoles, client):
        self.pids = [pid for group, _, pid in system.processes() if group == "proxies"]
        self.perf = Perf(self.folder, system, client)
        self.sampler = WaitSampler(system, consoles)
        self.before = self.read_counts()

    def end(self):
        after = self.read_counts()
        self.waits = self.sampler.end()
        self.perf.end()
        names = ("round_trips", "messages", "bytes")
        self.proxies = {n: b - a for n, a, b in zip(names, self.before, after)}
