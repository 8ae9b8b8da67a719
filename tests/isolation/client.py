#!/usr/bin/python3
"""One client that makes a history: transactions after transactions until told to stop.

It may be killed at any time: what it had noted so far is true (history.py). SIGTERM lets it finish
its transaction. It ends with one line of JSON that counts what it did.
"""
import argparse
import json
import random
import signal
import sys
import time
from collections import Counter

import targets
import workload
from history import ABORTED, COMMITTED, UNKNOWN, Writer

FINAL_KEYS = 20  # read in one final transaction
FINAL_TRIES = 30


class Client:
    """A session at a time on one target; a connection that fails is replaced by a new session."""

    def __init__(self, arguments):
        self.arguments = arguments
        self.random = random.Random(arguments.seed)
        self.file = open(arguments.history, "ab", buffering=0)
        self.counts = Counter()
        self.sessions = self.values = 0
        self.abandoned = []  # connections left behind with their transactions open
        self.target = self.writer = None
        self.stopping = False

    def connect(self):
        """A new session; False if that failed for now."""
        try:
            self.target = targets.connect(self.arguments, self.random)
        except targets.Failed as error:
            self.failed(error)
            self.target = None
            time.sleep(0.2)
            return False
        self.writer = Writer(self.file, f"{self.arguments.name}.{self.sessions}")
        self.sessions += 1
        return True

    def failed(self, error):
        self.counts["state " + error.state] += 1
        self.counts["last error " + error.state] = str(error).strip()[:200]

    # -- one transaction

    def run(self, operations, read_only):
        """Runs and notes one transaction; True if it committed."""
        begun = time.monotonic_ns()
        try:
            ordered, coordinator = self.target.begin(read_only)
        except targets.Failed as error:
            self.failed(error)
            self.leave()
            return False
        self.writer.begin(begun, time.monotonic_ns(), ordered, coordinator)
        try:
            self.perform(operations)
        except targets.Failed as error:
            self.failed(error)
            self.end(ABORTED, error.state)
            self.roll_back()
            return False
        if self.random.random() < self.arguments.abandon:
            self.abandon()
            return False
        return self.commit()

    def perform(self, operations):
        for op, key in operations:
            value = None
            if op in ("append", "write"):
                self.values += 1
                value = f"{self.arguments.name}-{self.values}"
                self.writer.operation(op, key, value)
                self.target.execute(workload.STATEMENTS[op], key, value)
            else:
                rows = self.target.execute(workload.STATEMENTS[op], key)
                value = rows[0][0] if rows else "" if op == "list" else None
                self.writer.operation(op, key, value)

    def commit(self):
        self.writer.commit(time.monotonic_ns())
        try:
            self.target.commit()
        except targets.Failed as error:
            self.failed(error)
            self.end(UNKNOWN if error.unknown else ABORTED, error.state)
            if error.unknown:
                self.leave()
            return False
        self.end(COMMITTED, "00000")
        return True

    def end(self, outcome, state):
        self.writer.end(outcome, time.monotonic_ns(), state)
        self.counts[outcome] += 1

    def roll_back(self):
        try:
            self.target.rollback()
        except targets.Failed as error:
            self.failed(error)
            self.leave()

    def leave(self):
        """Ends the session; the next transaction has a new one."""
        self.target.close()
        self.target = None

    def abandon(self):
        """Walks away from an open transaction: no ROLLBACK, and the connection stays."""
        self.abandoned.append(self.target)
        self.counts["abandoned"] += 1
        self.target = None

    # -- what it is for

    def work(self):
        kinds = workload.KINDS[self.arguments.workload]
        until = self.arguments.begun + self.arguments.seconds
        while not self.stopping and time.monotonic() < until:
            if self.target is None and not self.connect():
                continue
            elapsed = time.monotonic() - self.arguments.begun
            read_only, operations = workload.plan(self.random, elapsed, kinds)
            self.run(operations, read_only)

    def read_finally(self):
        """Reads all keys; False if that cannot be done."""
        keys = workload.keys_until(time.monotonic() - self.arguments.begun,
                                   workload.KINDS[self.arguments.workload])
        for first in range(0, len(keys), FINAL_KEYS):
            operations = [workload.read_of(key) for key in keys[first:first + FINAL_KEYS]]
            for _ in range(FINAL_TRIES):
                if (self.target or self.connect()) and self.run(operations, True):
                    break
            else:
                return False
        return True


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", choices=("byzantium", "postgresql"), required=True)
    parser.add_argument("--conninfo", required=True)
    parser.add_argument("--isolation", default="REPEATABLE READ", help="of plain PostgreSQL")
    parser.add_argument("--history", required=True, help="file to append to")
    parser.add_argument("--name", required=True, help="unlike every other client's")
    parser.add_argument("--workload", choices=tuple(workload.KINDS), default="mixed")
    parser.add_argument("--begun", type=float, required=True, help="when the run began, monotonic")
    parser.add_argument("--seconds", type=float, required=True, help="end at the latest")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--abandon", type=float, default=0, help="chance to leave a transaction")
    parser.add_argument("--final", action="store_true", help="read all keys, and nothing else")
    return parser.parse_args()


def main():
    client = Client(parse())
    signal.signal(signal.SIGTERM, lambda *_: setattr(client, "stopping", True))
    good = client.read_finally() if client.arguments.final else client.work() is None
    print(json.dumps(client.counts))
    # No orderly end: the connections that were abandoned stay so.
    sys.stdout.flush()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
