"""A cluster of real processes in a temporary folder, for one module of tests."""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from ports import free_ports

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, os.environ.get("BYZ_BUILD", "build"))
os.environ["BYZ_LIBRARY"] = os.path.join(BUILD, "client", "libbyzclient.so.0")
sys.path.insert(0, os.path.join(TOP, "client", "python"))
import byz  # noqa: E402 pylint: disable=wrong-import-position

BINDIR = os.environ.get("BYZPGBIN") or subprocess.check_output(
    ["pg_config", "--bindir"], text=True).strip()


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


class Cluster:
    """byzctl does the work; this knows where things are."""

    def __init__(self, faults=1, limits=()):
        self.folder = tempfile.mkdtemp(prefix="byz-test.", dir="/tmp")
        self.data = os.path.join(self.folder, "c")
        self.faults = faults
        self.count = 3 * faults + 1
        self.base_port = free_ports(self.count)
        options = [part for limit in limits for part in ("--set", limit)]
        try:
            self.ctl("init", "--faults", str(faults), "--base-port", str(self.base_port),
                     "--client", "demo", "--client", "evil", *options)
        except BaseException:
            self.remove()
            raise

    def path(self, *names):
        return os.path.join(self.data, *names)

    def replica_path(self, replica, *names):
        return self.path(f"replica{replica}", *names)

    # -- byzctl

    def ctl_result(self, *arguments):
        return subprocess.run([os.path.join(BUILD, "client/ctl/byzctl"), "-D", self.data, *arguments],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              stdin=subprocess.DEVNULL, timeout=180, check=False)

    def ctl(self, *arguments):
        result = self.ctl_result(*arguments)
        assert result.returncode == 0, f"byzctl {arguments}: {result.returncode}\n{result.stdout}"
        return result.stdout

    def up(self, *arguments):
        return self.ctl("up", *map(str, arguments))

    def remove(self):
        try:
            if os.path.exists(self.path("cluster.conf")):
                self.ctl("down")
        finally:
            shutil.rmtree(self.folder)

    def assert_equal(self):
        result = self.ctl_result("compare", "--wait", "30")
        assert result.returncode == 0, result.stdout + self.log_tails()

    def log_tails(self):
        texts = []
        for replica in range(self.count):
            path = self.replica_path(replica, "log/proxy.log")
            if os.path.exists(path):
                with open(path, encoding="utf-8", errors="replace") as file:
                    texts.append(f"\n-- replica {replica}\n" + "".join(file.readlines()[-15:]))
        return "".join(texts)

    def log(self, replica):
        with open(self.replica_path(replica, "log/proxy.log"), encoding="utf-8",
                  errors="replace") as file:
            return file.read()

    # -- processes

    def proxy_pid(self, replica):
        with open(self.replica_path(replica, "proxy.pid"), encoding="ascii") as file:
            return int(file.read().split()[0])

    def postmaster_pid(self, replica):
        with open(self.replica_path(replica, "postgres/postmaster.pid"), encoding="ascii") as file:
            return int(file.readline())

    def signal_proxy(self, replica, number):
        os.kill(self.proxy_pid(replica), number)

    def kill(self, replica):
        """kill -9 of the proxy and of PostgreSQL with its children."""
        postmaster = self.postmaster_pid(replica)
        with open(f"/proc/{postmaster}/task/{postmaster}/children", encoding="ascii") as file:
            children = [int(pid) for pid in file.read().split()]
        for pid in [self.proxy_pid(replica), postmaster, *children]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    # -- sessions

    def conninfo(self, client="demo", **more):
        words = {"config": self.path("cluster.conf"), "client": client,
                 "key": self.path("clients", client + ".key"), **more}
        return " ".join(f"{name}='{value}'" for name, value in words.items())

    def connect(self, client="demo", **more):
        return byz.connect(self.conninfo(client, **more))

    def psql(self, replica, sql, role="byz_dba"):
        """Straight to one PostgreSQL: what it answers, as psql -At prints it."""
        return subprocess.check_output(
            [os.path.join(BINDIR, "psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-h",
             self.replica_path(replica, "run"), "-U", role, "-d", "byz", "-c", sql],
            text=True, stderr=subprocess.STDOUT).strip()

    def psql_all(self, sql):
        return [self.psql(replica, sql) for replica in range(self.count)]

    def wait_same(self, sql, expected, seconds=20):
        """Every replica comes to answer this."""
        def same():
            try:
                return self.psql_all(sql) == [expected] * self.count
            except subprocess.CalledProcessError:  # a table that is not there yet
                return False

        wait_until(same, seconds, f"{sql} = {expected} everywhere")

    def status(self, replica):
        """The replica's own words, as a dictionary; {} if it does not answer."""
        text = self.ctl_result("status", "--full").stdout
        section = text.split(f"\nreplica {replica}\n", 1)
        lines = section[1].split("\n\n")[0].splitlines() if len(section) == 2 else []
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def evil(self, deed, *statement):
        """The Byzantine client's deed; its report."""
        return subprocess.check_output(
            [os.path.join(BUILD, "tests/system/evil"), self.path("cluster.conf"), "evil",
             self.path("clients/evil.key"), deed, *statement], text=True, timeout=60)
