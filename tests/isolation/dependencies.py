"""From what transactions did and saw to who depends on whom.

The dependencies are Adya's: a write dependency (WW: b replaced what a wrote), a read dependency
(WR: b saw what a wrote), an anti-dependency (RW: a saw what b replaced). They need the order of each
key's versions. As in Elle (Kingsbury and Alvaro, 2020), the workload makes that order visible:

  - A list shows it: whoever reads "4,9,2" knows in which order three appends were installed. All
    reads of one list must be prefixes of its longest one.
  - A register shows less: a transaction that reads v and then writes w makes w the version behind
    v. Where two writers' commits did not overlap in time, their order is known, too. Two blind
    writes at the same time remain unordered, and what would follow from their order is not checked.

Anomalies that need no graph (G1a, G1b, lost updates, …) are found on the way.
"""
from collections import defaultdict

from anomaly import Anomaly
from history import UNKNOWN, HistoryError

WW, WR, RW, SO, TIME, SELF = 1, 2, 4, 8, 16, 32


class Dependencies:
    """edges: (kind, a, b, key, value); a and b are transactions' numbers in `transactions`.

    The value is for explanations: what b wrote (WW, RW), or what a wrote and b saw (WR).
    """

    def __init__(self, transactions):
        self.transactions = transactions
        self.edges = []
        self.anomalies = []
        self.lost_updates = set()  # (transaction, key)
        self._writers = _find_writers(transactions)
        self._last = _last_values(transactions)
        _settle_unknown(transactions)
        self._reads = defaultdict(list)    # key: [(transaction, text or value of its snapshot)]
        self._evidence = defaultdict(list)  # key: [(transaction, text read)], lists only
        self._lists = set()
        for number, transaction in enumerate(transactions):
            if transaction.committed:
                self._read_transaction(number, transaction)
        writes = self._committed_writes()
        for key in self._lists:
            self._read_list(key, writes.get(key, []))
        for key in set(self._reads) | set(writes):
            if key not in self._lists:
                self._read_register(key, writes.get(key, []))
        self._session_order()

    # -- one transaction

    def _report(self, kind, transactions, *lines):
        self.anomalies.append(Anomaly(kind, [self.transactions[t] for t in transactions], lines))

    def _read_transaction(self, number, transaction):
        """Finds what its snapshot held (the axiom INT), and what it disagrees with itself about."""
        own = defaultdict(list)
        snapshot = {}
        for op, key, value in transaction.ops:
            if op in ("append", "list"):
                self._lists.add(key)
            if op in ("append", "write"):
                own[key].append(value)
                continue
            if op == "list":
                self._evidence[key].append((number, value))
            known, value = _behind_own_writes(op, value, own[key])
            if not known:
                self._report("internal", [number], f"T1 does not see its own last write to {key}")
            elif op == "read" and own[key]:
                continue  # its own write: no word about the snapshot
            elif snapshot.setdefault(key, value) != value:
                self._report("internal", [number],
                             f"T1 read {key} twice and saw different versions that are not its own")
        for key, value in snapshot.items():
            self._reads[key].append((number, value))

    def _committed_writes(self):
        """key: [(transaction, value)] of the committed ones, in each transaction's order."""
        writes = defaultdict(list)
        for number, transaction in enumerate(self.transactions):
            if transaction.committed:
                for key, value in transaction.writes():
                    writes[key].append((number, value))
        return writes

    def _writer(self, reader, key, value):
        """Who wrote this value that a committed transaction read; None if that is an anomaly."""
        writer = self._writers.get((key, value))
        if writer is None:
            self._report("garbage", [reader], f"T1 read {value!r} in {key}, which nobody wrote")
        elif not self.transactions[writer].committed:
            self._report("G1a", [reader, writer],
                         f"T1 read {value!r} in {key}, which T2 wrote and which never committed")
            writer = None
        return writer

    # -- lists

    def _read_list(self, key, writes):
        reader, longest = max(self._evidence[key] or [(None, "")], key=lambda read: len(read[1]))
        values = longest.split(",") if longest else []
        self._check_duplicates(reader, key, values)
        installed = [self._writer(reader, key, value) for value in values]
        unseen = _without(writes, values)
        places = {0: 0}  # length of a prefix's text: number of its values
        length = -1
        for place, value in enumerate(values, 1):
            length += 1 + len(value)
            places[length] = place
        for number, text in self._evidence[key]:
            if not longest.startswith(text) or len(text) not in places:
                self._incompatible(key, number, text, reader, longest)
        self._list_versions(key, values, installed, unseen)
        seen = [(number, places[len(text)]) for number, text in self._reads[key]
                if longest.startswith(text) and len(text) in places]
        for number, place in seen:
            self._list_read(key, number, place, values, installed, unseen)
        self._lost_updates(key, seen, {number for number, _ in writes})

    def _check_duplicates(self, reader, key, values):
        if len(set(values)) < len(values):
            twice = sorted({value for value in values if values.count(value) > 1})
            self._report("duplicate", [reader], f"T1 read {key} with {twice} more than once")

    def _incompatible(self, key, number, text, reader, longest):
        mine, theirs = text.split(","), longest.split(",")
        for value in set(mine) - set(theirs):
            self._writer(number, key, value)
        self._check_duplicates(number, key, mine)
        place = next((i for i, pair in enumerate(zip(mine, theirs)) if pair[0] != pair[1]), None)
        if place is not None:
            self._report("incompatible-order", [number, reader],
                         f"value {place + 1} of {key} is {mine[place]} for T1, "
                         f"{theirs[place]} for T2")

    def _list_versions(self, key, values, installed, unseen):
        previous = None
        for value, writer in zip(values, installed):
            if writer is not None:
                self._depend(WW, previous, writer, key, value)
                previous = writer
        for writer, value in unseen:
            # Who committed an append that the longest read lacks comes behind it.
            self._depend(WW, previous, writer, key, value)

    def _list_read(self, key, number, place, values, installed, unseen):
        writer = installed[place - 1] if place else None
        if writer is not None:
            value = values[place - 1]
            self._depend(WR, writer, number, key, value)
            if writer == number:
                self._report("internal", [number], f"T1 read {value} in {key} before it wrote it")
            elif self._last[writer, key] != value:
                self._report("G1b", [number, writer],
                             f"T1 read {key} up to {value}, to which T2 appended again")
        missed = [(w, v) for w, v in zip(installed[place:], values[place:])
                  if w not in (None, writer)][:1]
        for later, value in missed or unseen:
            self._depend(RW, number, later, key, value)

    # -- registers

    def _read_register(self, key, writes):
        last = {writer: value for writer, value in writes}
        snapshot = dict(self._reads[key])
        following = defaultdict(dict)  # writer of a version (None: the first): {next writer: value}
        for reader, value in self._reads[key]:
            writer = self._register_read(key, reader, value)
            if reader in last and (writer is not None or value is None):
                following[writer][reader] = last[reader]
        for before, after in _commit_order(self.transactions, list(last)):
            following[before][after] = last[after]
        known = {after for afters in following.values() for after in afters}
        for writer in last:
            if writer not in known:
                following[None][writer] = last[writer]
        for before, afters in following.items():
            for after, value in afters.items():
                self._depend(WW, before, after, key, value)
        for reader, value in snapshot.items():
            writer = self._writers.get((key, value))
            if value is None or writer in last:
                for after, missed in following[writer].items():
                    self._depend(RW, reader, after, key, missed)
        self._lost_updates(key, snapshot.items(), set(last))

    def _register_read(self, key, reader, value):
        """The committed writer of what was read, or None."""
        if value is None:
            return None
        writer = self._writer(reader, key, value)
        self._depend(WR, writer, reader, key, value)
        if writer == reader:
            self._report("internal", [reader], f"T1 read {key} = {value} before it wrote it")
        elif writer is not None and self._last[writer, key] != value:
            self._report("G1b", [reader, writer], f"T1 read {key} = {value}, which T2 replaced")
        return writer

    # -- both

    def _lost_updates(self, key, seen, writers):
        """Two writers of a key whose snapshots held the same version of it."""
        groups = defaultdict(list)
        for number, version in seen:
            if number in writers:
                groups[version].append(number)
        for group in groups.values():
            if len(group) > 1:
                self.lost_updates.update((number, key) for number in group)
            for first, second in zip(group, group[1:]):
                self._report("lost-update", [first, second],
                             f"T1 and T2 read the same version of {key} and both wrote it")

    def _depend(self, kind, before, after, key, value):
        if before is not None and after is not None and before != after:
            self.edges.append((kind, before, after, key, value))

    def _session_order(self):
        """Behind a transaction whose outcome was known, its session sees it; an unknown one may
        have come into force later."""
        sessions = defaultdict(list)
        for number, transaction in enumerate(self.transactions):
            if transaction.committed:
                sessions[transaction.session].append((transaction.number, number))
        for session, members in sessions.items():
            previous = None
            for _, number in sorted(members):
                self._depend(SO, previous, number, session, None)
                if self.transactions[number].outcome != UNKNOWN:
                    previous = number


def _find_writers(transactions):
    """(key, value): who wrote it. Values are unique, or nothing can be said."""
    writers = {}
    for number, transaction in enumerate(transactions):
        for written in transaction.writes():
            if written in writers:
                other = transactions[writers[written]].name
                raise HistoryError(f"{transaction.name} and {other} both wrote {written}")
            writers[written] = number
    return writers


def _last_values(transactions):
    """(transaction, key): the last value that it wrote there."""
    return {(number, key): value for number, transaction in enumerate(transactions)
            for key, value in transaction.writes()}


def _settle_unknown(transactions):
    """An unknown outcome was a commit if a committed transaction saw it; then what that one saw
    counts as well. Others are left out: they may have committed unseen, or not at all."""
    open_writes = defaultdict(dict)
    for transaction in transactions:
        if transaction.outcome == UNKNOWN:
            for key, value in transaction.writes():
                open_writes[key][value] = transaction
    queue = [t for t in transactions if t.committed]
    while queue:
        for op, key, text in queue.pop().ops:
            if op not in ("list", "read") or not text or key not in open_writes:
                continue
            for value in text.split(",") if op == "list" else (text,):
                writer = open_writes[key].get(value)
                if writer and not writer.committed:
                    writer.committed = True
                    queue.append(writer)


def _behind_own_writes(op, value, own):
    """(True, what the snapshot holds behind the transaction's own writes), or (False, None) if they
    are not there. A register's own write hides its snapshot."""
    if not own:
        return True, value
    if op == "read":
        return value == own[-1], None
    suffix = ",".join(own)
    if value == suffix:
        return True, ""
    return (True, value[:-len(suffix) - 1]) if value.endswith("," + suffix) else (False, None)


def _without(writes, values):
    seen = set(values)
    return [(writer, value) for writer, value in writes if value not in seen]


def _commit_order(transactions, writers):
    """Pairs of writers whose COMMITs did not overlap in time: (earlier, later), without those that
    follow from others. Snapshot isolation installs versions in the order of commits."""
    timed = [w for w in writers if transactions[w].commit_from is not None]
    ended = sorted((transactions[w].commit_to, w) for w in timed
                   if transactions[w].commit_to is not None)
    frontier, done = [], 0  # those that ended, and that nobody ended is known to follow
    for writer in sorted(timed, key=lambda w: transactions[w].commit_from):
        while done < len(ended) and ended[done][0] < transactions[writer].commit_from:
            latest = ended[done][1]
            begun = transactions[latest].commit_from
            frontier = [w for w in frontier if transactions[w].commit_to >= begun] + [latest]
            done += 1
        for earlier in frontier:
            yield earlier, writer
