"""What processes use: processors' time, waiting for a processor, context switches."""
import os

TICK = os.sysconf("SC_CLK_TCK")


class Usage:
    """Sums over processes and their threads; a difference of two is what happened in between."""
    FIELDS = ("user", "system", "queued", "switches")  # seconds, seconds, seconds, number

    def __init__(self, user=0.0, system=0.0, queued=0.0, switches=0):
        self.user, self.system, self.queued, self.switches = user, system, queued, switches

    def __add__(self, other):
        return Usage(*(getattr(self, f) + getattr(other, f) for f in self.FIELDS))

    def __sub__(self, other):
        return Usage(*(getattr(self, f) - getattr(other, f) for f in self.FIELDS))

    @property
    def cpu(self):
        return self.user + self.system


def stat_fields(pid):
    """Fields of /proc/PID/stat behind the name, or None when the process is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return None


def is_alive(pid):
    fields = stat_fields(pid)
    return bool(fields) and fields[0] not in "ZX"


def with_children(root):
    """The process and all below it."""
    pids, queue = [], [root]
    while queue:
        pid = queue.pop()
        pids.append(pid)
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
                    queue += map(int, file.read().split())
        except OSError:
            pass  # it ended meanwhile
    return pids


def threads_usage(pid):
    """Time spent waiting for a processor, and switches, of the threads that live."""
    queued, switches = 0.0, 0
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
                queued += int(file.read().split()[1]) / 1e9
            with open(f"/proc/{pid}/task/{task}/status", encoding="ascii") as file:
                switches += sum(int(line.split()[1]) for line in file if "ctxt_switches" in line)
    except OSError:
        pass
    return queued, switches


def tree_usage(root):
    """The process and its children, the time of dead ones too."""
    total = Usage()
    for pid in with_children(root):
        fields = stat_fields(pid)
        if not fields:
            continue
        total += Usage(int(fields[11]) / TICK, int(fields[12]) / TICK, *threads_usage(pid))
        if pid == root:
            total += Usage(int(fields[13]) / TICK, int(fields[14]) / TICK)
    return total


def machine_seconds():
    """Busy time of all processors since boot."""
    with open("/proc/stat", encoding="ascii") as file:
        user, nice, system, _, _, irq, softirq = map(int, file.readline().split()[1:8])
    return (user + nice + system + irq + softirq) / TICK
