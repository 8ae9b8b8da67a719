"""A small database in memory that is snapshot isolation, and ones that are not quite.

They make histories for the checker's tests: clients' calls interleave at random, and each call takes
effect somewhere between its beginning and its end.
"""
import random

from history import ABORTED, COMMITTED, UNKNOWN, Transaction


class Work:
    """One transaction inside a store: its snapshot (a number of commits) and its own writes."""

    def __init__(self, snapshot):
        self.snapshot = snapshot
        self.own = {}  # key: [value]


class SnapshotStore:
    """Snapshot isolation: reads from the snapshot, and the first committer wins."""

    def __init__(self, rng):
        self.random = rng
        self.commits = []   # {key: version} each; a list's version is a tuple
        self.open = []

    def begin(self):
        work = Work(len(self.commits))
        self.open.append(work)
        return work

    def version(self, key, snapshot):
        for commit in reversed(self.commits[:snapshot]):
            if key in commit:
                return commit[key]
        return () if key.startswith("l") else None

    def base(self, work, key):
        return self.version(key, work.snapshot)

    def read(self, work, key):
        return self._with_own(self.base(work, key), work, key)

    @staticmethod
    def _with_own(version, work, key):
        own = work.own.get(key)
        if not own:
            return version
        return version + tuple(own) if isinstance(version, tuple) else own[-1]

    def write(self, work, key, value):
        work.own.setdefault(key, []).append(value)

    def conflicts(self, work):
        return any(key in commit for commit in self.commits[work.snapshot:] for key in work.own)

    def commit(self, work):
        """False: aborted."""
        self.open.remove(work)
        if self.conflicts(work):
            return False
        if work.own:
            self.commits.append({key: self.read(work, key) for key in work.own})
        return True

    def rollback(self, work):
        self.open.remove(work)


class ReadCommitted(SnapshotStore):
    """Every statement sees the latest commits."""

    def base(self, work, key):
        return self.version(key, len(self.commits))

    def conflicts(self, work):
        return False


class LastCommitterWins(SnapshotStore):
    """Snapshots, but writers of one key do not notice each other."""

    def conflicts(self, work):
        return False


class DirtyRead(SnapshotStore):
    """What an open transaction wrote is seen by others now and then."""

    def base(self, work, key):
        others = [other for other in self.open if other is not work and other.own.get(key)]
        if others and self.random.random() < 0.3:
            return self.read(others[0], key) if others[0].snapshot <= work.snapshot else \
                self._with_own(super().base(work, key), others[0], key)
        return super().base(work, key)


class StaleSnapshot(SnapshotStore):
    """BEGIN may answer with an old snapshot, as an asynchronous replica would."""

    def begin(self):
        work = super().begin()
        if self.random.random() < 0.2:
            work.snapshot = max(0, work.snapshot - self.random.randint(1, 5))
        return work


class TornCommit(SnapshotStore):
    """A commit becomes visible key by key: a reader may see half of it."""

    def base(self, work, key):
        last = self.commits[work.snapshot - 1] if work.snapshot else {}
        if len(last) > 1 and key == min(last) and not work.own:
            return self.version(key, work.snapshot - 1)
        return super().base(work, key)


class Forked(SnapshotStore):
    """Two replicas that apply independent commits in different orders; each serves readers."""

    def begin(self):
        work = super().begin()
        work.replica = self.random.randrange(2)
        return work

    def base(self, work, key):
        last = self.commits[max(0, work.snapshot - 2):work.snapshot]
        if len(last) == 2 and not set(last[0]) & set(last[1]) and key in last[work.replica]:
            return self.version(key, work.snapshot - 2)
        return super().base(work, key)


FAULTY_STORES = (ReadCommitted, LastCommitterWins, DirtyRead, StaleSnapshot, TornCommit, Forked)


class Shape:
    """What a history looks like. blind: chance that a register is written without being read."""

    def __init__(self, sessions=5, transactions=40, lists=3, registers=3, operations=4, blind=0.3,
                 final_read=True):
        self.sessions, self.transactions, self.operations = sessions, transactions, operations
        self.keys = [f"l{n}" for n in range(lists)] + [f"r{n}" for n in range(registers)]
        self.blind, self.final_read = blind, final_read


class _Run:
    """The simulation: every yield is a point where other sessions may go on."""

    def __init__(self, store_class, seed, shape):
        self.random = random.Random(seed)
        self.store = store_class(self.random)
        self.shape = shape
        self.clock = 0
        self.values = 0
        self.history = []

    def tick(self):
        self.clock += 1
        return self.clock

    def operations(self, transaction, work):
        """Between 1 and shape.operations reads and writes."""
        for _ in range(self.random.randint(1, self.shape.operations)):
            key = self.random.choice(self.shape.keys)
            is_list = key.startswith("l")
            writes = self.random.random() < 0.5
            if not writes or (not is_list and self.random.random() >= self.shape.blind):
                self.note_read(transaction, work, key)
                yield
            if writes:
                self.values += 1
                value = str(self.values)
                transaction.ops.append(("append" if is_list else "write", key, value))
                self.store.write(work, key, value)
                yield

    def note_read(self, transaction, work, key):
        version = self.store.read(work, key)
        if isinstance(version, tuple):
            transaction.ops.append(("list", key, ",".join(version)))
        else:
            transaction.ops.append(("read", key, version))

    def transaction(self, session, number, body):
        transaction = Transaction(session, number)
        self.history.append(transaction)
        transaction.begin_from = self.tick()
        yield
        work = self.store.begin()
        yield
        transaction.begin_to = self.tick()
        yield from body(transaction, work)
        if self.random.random() < 0.1:
            self.store.rollback(work)
            return
        transaction.commit_from = self.tick()
        transaction.set_outcome(UNKNOWN)
        yield
        good = self.store.commit(work)
        yield
        if self.random.random() < 0.05:
            return  # the answer was lost
        transaction.set_outcome(COMMITTED if good else ABORTED)
        transaction.commit_to = self.tick()

    def session(self, name):
        for number in range(self.shape.transactions // self.shape.sessions):
            yield from self.transaction(name, number, self.operations)

    def read_all(self, transaction, work):
        for key in self.shape.keys:
            self.note_read(transaction, work, key)
        yield

    def run(self, serial):
        running = [self.session(f"s{n}") for n in range(self.shape.sessions)]
        while running:
            one = running[0] if serial else self.random.choice(running)
            try:
                next(one)
            except StopIteration:
                running.remove(one)
        while self.shape.final_read and not (self.history and self.history[-1].session == "final"
                                             and self.history[-1].outcome == COMMITTED):
            for _ in self.transaction("final", len(self.history), self.read_all):
                pass
        return self.history


def make_history(store_class, seed, shape=None, serial=False):
    return _Run(store_class, seed, shape or Shape()).run(serial)
