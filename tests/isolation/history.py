"""Histories: what clients of a database did and saw, as JSON lines.

One line an operation, in the order in which its session performed it. Several files (one a client)
make one history. Every line has

    session   text    a connection: its transactions follow one another
    txn       int     the transaction's number in its session, growing
    op        text    what was done:

    begin     from, to: when the call began and returned; ordered: true if the snapshot must hold
              whatever was acknowledged before `from` (a BEGIN that went through the agreed order),
              false if only the session's own past; coordinator: optional, for readers
    append    key, value: the value was appended to the list `key`; values are unique in a list and
              have no comma
    list      key, value: the list was read: its values with commas between them, "" if empty
    write     key, value: the register `key` was set; values are unique in a register
    read      key, value: the register was read; null if it was never written
    commit    from: COMMIT is about to be called
    end       outcome: committed, aborted or unknown; to: when that was known; state: SQLSTATE,
              optional

Writes are noted before they are called and reads behind their answer, so that a client killed at
any time leaves a true history: a transaction without a `commit` line did not commit, one with
`commit` and no `end` may have. A last line without a newline is a killed client's and is left out.
Times are nanoseconds of one clock that all clients share (CLOCK_MONOTONIC of one machine); without
them the checks that need real time are left out.
"""
import json

COMMITTED, ABORTED, UNKNOWN = "committed", "aborted", "unknown"
OPERATIONS = ("append", "list", "write", "read")


class HistoryError(Exception):
    """The file is no history: says nothing about the database."""


class Transaction:
    """ops: (op, key, value) in order. Times are None where nobody noted them.

    `committed`: it counts as committed. At first that is what its client knew; the checker sets it
    for an unknown outcome when a committed transaction saw the writes.
    """

    __slots__ = ("session", "number", "ops", "outcome", "committed", "ordered", "coordinator",
                 "begin_from", "begin_to", "commit_from", "commit_to", "state")

    def __init__(self, session, number, ops=(), outcome=ABORTED, ordered=True):
        self.session, self.number = session, number
        self.ops = list(ops)
        self.ordered = ordered
        self.coordinator = self.state = None
        self.begin_from = self.begin_to = self.commit_from = self.commit_to = None
        self.set_outcome(outcome)

    def set_outcome(self, outcome):
        self.outcome = outcome
        self.committed = outcome == COMMITTED

    @property
    def name(self):
        return f"{self.session}/{self.number}"

    def writes(self):
        """(key, value) of every append and write."""
        return [(key, value) for op, key, value in self.ops if op in ("append", "write")]


class Writer:
    """Notes one session's operations, each at once: nothing is lost with the process."""

    def __init__(self, file, session):
        self._file = file  # unbuffered, binary
        self._session = session
        self._number = 0

    def _note(self, op, **more):
        line = {"session": self._session, "txn": self._number, "op": op, **more}
        self._file.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")

    def begin(self, begun, ended, ordered=True, coordinator=None):
        self._number += 1
        self._note("begin", **{"from": begun, "to": ended}, ordered=ordered,
                   coordinator=coordinator)

    def operation(self, op, key, value):
        self._note(op, key=key, value=value)

    def commit(self, begun):
        self._note("commit", **{"from": begun})

    def end(self, outcome, ended, state=None):
        self._note("end", outcome=outcome, to=ended, state=state)


def _add_line(transaction, line):
    op = line["op"]
    if op in OPERATIONS:
        transaction.ops.append((op, line["key"], line["value"]))
    elif op == "begin":
        transaction.begin_from, transaction.begin_to = line.get("from"), line.get("to")
        transaction.ordered = line.get("ordered", True)
        transaction.coordinator = line.get("coordinator")
    elif op == "commit":
        transaction.commit_from = line.get("from")
        transaction.set_outcome(UNKNOWN)
    elif op == "end":
        if line["outcome"] not in (COMMITTED, ABORTED, UNKNOWN):
            raise HistoryError(f"outcome {line['outcome']}")
        transaction.set_outcome(line["outcome"])
        transaction.state = line.get("state")
        if transaction.outcome == COMMITTED:
            transaction.commit_to = line.get("to")
    else:
        raise HistoryError(f"operation {op}")


def _check_times(transaction):
    t = transaction
    times = [x for x in (t.begin_from, t.begin_to, t.commit_from, t.commit_to) if x is not None]
    if times != sorted(times):
        raise HistoryError(f"{t.name}: its calls are not in the order of their times")


def _lines(path):
    """(number, line) of a file's whole lines."""
    with open(path, encoding="utf-8") as file:
        for number, text in enumerate(file, 1):
            if text.endswith("\n") and text.strip():
                yield number, text


def read_files(paths):
    """The history in these files: its transactions, each session's in order."""
    transactions = {}
    for path in paths:
        for number, text in _lines(path):
            try:
                line = json.loads(text)
                name = line["session"], line["txn"]
                if name not in transactions:
                    transactions[name] = Transaction(*name)
                _add_line(transactions[name], line)
            except (ValueError, KeyError, TypeError, HistoryError) as error:
                raise HistoryError(f"{path}:{number}: {error!r}") from error
    for transaction in transactions.values():
        _check_times(transaction)
    return list(transactions.values())
