"""Networks to break: namespaces of the kernel's, and a relay in user space.

Namespaces need no root: they belong to a user namespace of ours. They show what real TCP does when
packets vanish. The kernel of the test machines has no netem, so delay and loss are the relay's."""
import shutil
import subprocess

from null_cluster import program

IP = shutil.which("ip", path="/usr/sbin:/sbin:/usr/bin:/bin")
CLIENT_NODE = "c"


class Namespaces:
    """A network namespace a node, all on one bridge. A node's number is a replica's, or "c"."""

    def __init__(self, count):
        self.nodes = [*range(count), CLIENT_NODE]
        self.holders = {}
        self._hold("bridge", ["unshare", "--user", "--map-root-user", "--net"])
        self._ip("bridge", "link add bridge0 type bridge")
        self._ip("bridge", "link set bridge0 up")
        for index, node in enumerate(self.nodes):
            self._hold(node, [*self.prefix("bridge"), "unshare", "--net"])
            pid = self.holders[node].pid
            self._ip("bridge", f"link add port{node} type veth peer name eth0 netns {pid}")
            self._ip("bridge", f"link set port{node} master bridge0 up")
            self._ip(node, f"address add 10.77.0.{index + 1}/24 dev eth0")
            self._ip(node, "link set lo up")
            self._ip(node, "link set eth0 up")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """A namespace ends with the last process in it."""
        for holder in self.holders.values():
            holder.kill()
            holder.wait()
            holder.stdin.close()
            holder.stdout.close()

    def _hold(self, name, command):
        """A process that keeps the namespace; it ends when we do."""
        holder = subprocess.Popen([*command, "sh", "-c", "echo ready; exec cat"], text=True,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.holders[name] = holder
        assert holder.stdout.readline() == "ready\n", f"no network namespace: {command}"

    def _ip(self, name, words):
        subprocess.run([*self.prefix(name), IP, *words.split()], check=True, timeout=20)

    def prefix(self, node):
        """What to put before a command, so that it runs at this node."""
        return ["nsenter", "--target", str(self.holders[node].pid), "--user", "--net",
                "--preserve-credentials"]

    def hosts(self, port):
        return [f"10.77.0.{index + 1}:{port}" for index in range(len(self.nodes) - 1)]

    def isolate(self, node):
        """Nothing reaches the node or comes from it."""
        self._ip("bridge", f"link set port{node} down")

    def rejoin(self, node):
        self._ip("bridge", f"link set port{node} up")

    def deafen(self, speaker, listener):
        """What `speaker` says no longer reaches `listener`, not even acknowledgements; the other
        direction works."""
        self._ip(speaker, f"route add blackhole 10.77.0.{self.nodes.index(listener) + 1}/32")

    def hear(self, speaker, listener):
        self._ip(speaker, f"route del blackhole 10.77.0.{self.nodes.index(listener) + 1}/32")


class Relay:
    """byz-relay between all nodes of a cluster on loopback. Processes learn of it through their
    environment; the cluster's configuration does not name it."""

    def __init__(self, cluster):
        self.cluster = cluster
        nodes = [*range(cluster.count), CLIENT_NODE]
        self.ports = {}
        routes = [(a, b) for a in nodes for b in range(cluster.count) if a != b]
        for index, route in enumerate(routes):
            self.ports[route] = cluster.relay_port + index
        self.process = subprocess.Popen(
            [program("byz-relay"), *(f"{a}-{b}:{port}:{cluster.base_port + b}"
                                     for (a, b), port in self.ports.items())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def environment(self, node):
        """For a process at this node."""
        base = self.cluster.base_port
        return {"LD_PRELOAD": program("libbyzworld.so"),
                "BYZ_WORLD_CONNECT": ",".join(f"{base + b}={port}" for (a, b), port
                                              in self.ports.items() if a == node)}

    def environments(self):
        return {replica: self.environment(replica) for replica in range(self.cluster.count)}

    def do(self, command):
        """See relay.c."""
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer.startswith("ok"), f"{command}: {answer}"
        return answer[2:].strip()
