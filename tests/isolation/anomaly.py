"""What can be wrong with a history, and how it is told."""

# The names that the checker reports, with what each means. G… are Adya's (Weak Consistency, 1999,
# chapters 3 and 4); internal is the axiom INT, session-order the SO of Cerone and Gotsman
# (Analysing Snapshot Isolation, 2016); incompatible-order, duplicate and garbage follow Elle.
KINDS = {
    "garbage": "a value that nobody wrote was read",
    "duplicate": "one append stands in a list twice",
    "internal": "a transaction disagrees with its own earlier reads or writes",
    "G1a": "aborted read: a value that an aborted transaction wrote was read",
    "G1b": "intermediate read: a value that its writer replaced later was read",
    "incompatible-order": "two reads saw one list in different orders",
    "lost-update": "two transactions read one version and both replaced it",
    "G0": "dirty write: a cycle of write dependencies",
    "G1c": "circular information flow: a cycle of write and read dependencies",
    "G-single": "read skew: a cycle with one anti-dependency",
    "long-fork": "two readers saw two commits in opposite orders",
    "G-nonadjacent": "a cycle with anti-dependencies, no two of them adjacent",
    "session-order": "a transaction missed what its own session had done before",
    "start-order": "G-SIa: a transaction depends on one that had not committed when it started",
    "real-time": "an ordered BEGIN missed what was acknowledged before it was called",
}


class Anomaly:
    """kind: one of KINDS; lines: the explanation; transactions: those involved, in its order."""

    def __init__(self, kind, transactions, lines):
        assert kind in KINDS
        self.kind, self.transactions, self.lines = kind, transactions, lines

    def __repr__(self):
        return f"{self.kind}({', '.join(t.name for t in self.transactions)})"

    def text(self):
        names = [f"    T{n} = {describe(t)}" for n, t in enumerate(self.transactions, 1)]
        steps = [f"    {line}" for line in self.lines]
        return "\n".join([f"{self.kind}: {KINDS[self.kind]}", *steps, *names])


def _shorten(text, maximum=60):
    return text if len(text) <= maximum else f"…{text[-maximum:]}"


def describe(transaction):
    """One line: who, how it ended, what it did."""
    operations = [f"{op} {key} {'null' if value is None else _shorten(value) or '(empty)'}"
                  for op, key, value in transaction.ops]
    where = "" if transaction.coordinator is None else f", coordinator {transaction.coordinator}"
    state = "" if transaction.state in (None, "00000") else f" {transaction.state}"
    return f"{transaction.name} ({transaction.outcome}{state}{where}): {'; '.join(operations)}"
