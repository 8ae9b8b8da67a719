#!/usr/bin/python3
"""Checks a history for snapshot isolation. Usage: checker.py FILE…

Reads histories (history.py has the format), prints each anomaly with the cycle that shows it, and
ends with a verdict. Exit code: 0 snapshot isolation, 1 not, 2 not a history.

It knows nothing of the database: no code of the product, only what clients did and saw. README.md
has the theory.
"""
import sys
from collections import Counter

from cycles import Graph, find_anomalies
from dependencies import Dependencies
from history import UNKNOWN, HistoryError, read_files


class Verdict:
    """anomalies, worst first; counts of what was looked at."""

    def __init__(self, transactions, anomalies):
        self.anomalies = anomalies
        self.committed = sum(t.committed for t in transactions)
        self.unknown = sum(t.outcome == UNKNOWN for t in transactions)
        self.unknown_seen = sum(t.outcome == UNKNOWN and t.committed for t in transactions)
        self.aborted = len(transactions) - self.committed - self.unknown + self.unknown_seen
        operations = Counter(op for t in transactions if t.committed for op, _, _ in t.ops)
        self.reads = operations["list"] + operations["read"]
        self.writes = operations["append"] + operations["write"]

    @property
    def kinds(self):
        return Counter(anomaly.kind for anomaly in self.anomalies)

    def text(self):
        summary = (f"{self.committed} committed transactions, {self.aborted} aborted, "
                   f"{self.unknown} of unknown outcome ({self.unknown_seen} of them seen); "
                   f"{self.writes} writes, {self.reads} reads")
        if not self.anomalies:
            return f"{summary}\nno anomaly: snapshot isolation"
        counts = ", ".join(f"{kind} {count}" for kind, count in sorted(self.kinds.items()))
        return f"{summary}\nNOT SNAPSHOT ISOLATION: {counts}"


def check(transactions, with_time=True):
    """The verdict on a history. Settles the unknown outcomes in it."""
    dependencies = Dependencies(transactions)
    graph = Graph(transactions, dependencies.edges, with_time)
    return Verdict(transactions,
                   dependencies.anomalies + find_anomalies(graph, dependencies.lost_updates))


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    try:
        verdict = check(read_files(sys.argv[1:]))
    except (OSError, HistoryError) as error:
        print(f"checker: {error}", file=sys.stderr)
        return 2
    for anomaly in verdict.anomalies:
        print(anomaly.text() + "\n")
    print(verdict.text())
    return 1 if verdict.anomalies else 0


if __name__ == "__main__":
    sys.exit(main())
