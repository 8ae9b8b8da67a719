"""A Byzantium cluster of four replicas on this machine: byzctl does the work."""
import os
import re
import signal
import subprocess
import sys
import time

from processes import is_alive
from servers import Server

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "system"))
from ports import free_ports  # noqa: E402 pylint: disable=wrong-import-position

REPLICAS = 4
# Lines of a replica's status that are no counters of work.
NO_COUNTERS = re.compile(r"^(replica\d*|view|primary|uptime_s|agreed_time_us|delivered|stable|"
                         r"epoch|replica\d+_.*|pending|in_flight|waiting|sessions.*|"
                         r"transactions_open|client_links|links)$")


class Replicas:
    """Made by make(), which may fail half way; ended by stop() in any case."""
    same = True

    def __init__(self, build, folder):
        self.build, self.data = build, os.path.join(folder, "replicas")
        self.servers = [
            Server(self.path(i, "postgres"), self.path(i, "run"), "byzantium", "byz")
            for i in range(REPLICAS)]

    def path(self, replica, name):
        return os.path.join(self.data, f"replica{replica}", name)

    def ctl(self, *arguments, environment=None):
        command = [os.path.join(self.build, "client/ctl/byzctl"), "-D", self.data, *arguments]
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                stdin=subprocess.DEVNULL, check=False,
                                env=dict(os.environ, **(environment or {})))
        if result.returncode:
            sys.exit(f"bench: byzctl {' '.join(arguments)[:80]}: {result.stderr}")
        return result.stdout

    def make(self, schema):
        self.ctl("init", "--client", "demo", "--base-port", str(free_ports(REPLICAS)),
                 "--set", "statement_timeout_ms=300000", "--set", "transaction_timeout_ms=600000")
        for server in self.servers:
            server.configure("\nautovacuum = off\n")
        self.ctl("up")
        self.ctl("run", "--quiet", "-c", schema)
        for server in self.servers:
            server.psql("-c", "VACUUM ANALYZE")

    def stop(self):
        if os.path.exists(os.path.join(self.data, "cluster.conf")):
            self.ctl("down")

    def restart_proxies(self, environment=None):
        """With other variables in their environment; the servers stay, warm."""
        pids = self.proxy_pids()
        for pid in pids:
            os.kill(pid, signal.SIGTERM)
        until = time.monotonic() + 20
        while any(map(is_alive, pids)):
            if time.monotonic() > until:
                sys.exit("bench: the proxies do not stop")
            time.sleep(0.05)
        self.ctl("up", environment=environment)

    def proxy_pid(self, replica):
        with open(self.path(replica, "proxy.pid"), encoding="ascii") as file:
            return int(file.readline().split()[0])

    def proxy_pids(self):
        return [self.proxy_pid(i) for i in range(REPLICAS)]

    def client_environment(self):
        return {"BYZCONFIG": os.path.join(self.data, "cluster.conf"), "BYZCLIENT": "demo",
                "BYZKEY": os.path.join(self.data, "clients/demo.key"),
                "BYZCOORDINATOR": "round-robin"}

    def counters(self):
        """What the proxies count themselves (their STATUS), summed over all four."""
        sums = {}
        for line in self.ctl("status", "--full").splitlines():
            name, equals, value = line.partition("=")
            if equals and value.isdigit() and not NO_COUNTERS.match(name):
                sums[name] = sums.get(name, 0) + int(value)
        return sums
