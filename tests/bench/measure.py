"""One point: one system, one workload, a number of clients, some seconds."""
import concurrent.futures
import os
import subprocess
import sys

from processes import Usage, machine_seconds, tree_usage

# Commits are counted in the measured database only, not those of who asks here.
SERVER_COUNTERS = """SELECT (SELECT xact_commit FROM pg_stat_database WHERE datname = '{database}'),
 wal_fpi, wal_bytes, wal_sync FROM pg_stat_wal"""
SERVER_NAMES = ("commits", "full_pages", "wal_bytes", "flushes")


class Snapshot:
    """Everything that counts by itself, read at one point of time."""

    def __init__(self, system, consoles, client):
        self.machine = machine_seconds()
        self.groups = {"client": tree_usage(client), "postgres": Usage(), "proxies": Usage()}
        self.places = {}
        for group, place, pid in system.processes():
            usage = tree_usage(pid)
            self.groups[group] += usage
            self.places[place] = self.places.get(place, Usage()) + usage
        self.server = dict.fromkeys(SERVER_NAMES, 0)
        for server, console in zip(system.servers, consoles):
            row = console.ask(SERVER_COUNTERS.format(database=server.database))[0]
            for name, value in zip(SERVER_NAMES, row):
                self.server[name] += int(value)


def derive(figures, before, after, counters):
    """Per transaction, in the units of the report."""
    count = figures["transactions"]
    result = {"tps": count / figures["seconds"], "count": count,
              "suspicions": figures["suspicions"] / count}
    for name in ("p50_us", "p95_us", "p99_us"):
        result[name] = figures[name]
    for name in ("retries", "round_trips", "begin_us", "statements_us", "commit_us"):
        result[name] = figures[name] / count
    ours = Usage()
    for group, usage in after.groups.items():
        used = usage - before.groups[group]
        ours += used
        result[group + "_user_us"] = used.user * 1e6 / count
        result[group + "_system_us"] = used.system * 1e6 / count
        result[group + "_us"] = used.cpu * 1e6 / count
        result[group + "_switches"] = used.switches / count
        result[group + "_queued_us"] = used.queued * 1e6 / count
    for field in ("cpu", "queued"):
        result[f"all_{field}_us"] = getattr(ours, field) * 1e6 / count
    result["all_switches"] = ours.switches / count
    result["place_us"] = max((after.places[p] - before.places[p]).cpu
                             for p in after.places) * 1e6 / count
    busy = after.machine - before.machine
    result["others_percent"] = 100 * max(busy - ours.cpu, 0) / (
        figures["seconds"] * (os.cpu_count() or 1))
    for name in SERVER_NAMES:
        result[name] = (after.server[name] - before.server[name]) / count
    result["counters"] = {name: n / figures["done"] for name, n in counters.items() if n > 0}
    return result


class Load:
    """A run of byz-bench. `watch`, if there is one, is told when the measured time begins (with the
    client's pid) and when it ends."""

    def __init__(self, build, scale):
        self.program = os.path.join(build, "tests/bench/byz-bench")
        self.scale = scale

    def run(self, system, workload, clients, seconds, seed, watch=None):
        with concurrent.futures.ThreadPoolExecutor() as pool:
            list(pool.map(lambda server: server.tidy(), system.servers))
        counted = system.replicas.counters() if system.replicas else {}
        consoles = [server.console() for server in system.servers]
        process = subprocess.Popen(
            [self.program, system.kind, workload, str(clients), str(seconds), str(self.scale),
             str(seed), *system.conninfos()],
            env=dict(os.environ, **system.environment()), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        try:
            figures, before, after = self.follow(process, system, consoles, watch)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            process.stdout.close()
            for console in consoles:
                console.close()
        if process.returncode or not after or not figures:
            sys.exit(f"bench: {system.name}, {workload}, {clients} clients: byz-bench failed with "
                     f"{process.returncode}")
        if system.replicas:
            now = system.replicas.counters()
            counted = {name: now[name] - counted.get(name, 0) for name in now}
        return derive(figures, before, after, counted)

    @staticmethod
    def follow(process, system, consoles, watch):
        before = after = None
        figures = {}
        for line in process.stdout:
            line = line.strip()
            if line == "measuring":
                before = Snapshot(system, consoles, process.pid)
                if watch:
                    watch.begin(system, consoles, process.pid)
            elif line == "measured":
                if watch:
                    watch.end()
                after = Snapshot(system, consoles, process.pid)
                process.stdin.close()  # its sessions may end now
            else:
                figures.update((k, float(v)) for k, v in (p.split("=") for p in line.split()))
        process.wait()
        return figures, before, after
