"""PostgreSQL's own replicas show a long fork: two readers see two commits in opposite orders.

A commit that waits for a synchronous standby is in the log already, so other standbys show it; on
the primary nobody sees it yet. A second commit that does not wait is visible on the primary at once.
Kept from being applied for a moment on the standby, it makes the fork.
"""
import threading
import time

import psycopg

from history import COMMITTED, Transaction
from runs import Server, wait_until


class Standby(Server):
    """A streaming standby of a Server."""

    def __init__(self, primary):
        super().__init__()
        self.primary = primary

    def create(self):
        self.command("pg_basebackup", "-R", "-c", "fast", "-d", self.primary.conninfo)


class _Session:
    """A connection that notes its transactions, with the clock that all share."""

    def __init__(self, server, name):
        self.connection = psycopg.connect(server.conninfo, autocommit=True)
        self.name, self.history = name, []

    def run(self, *ops):
        transaction = Transaction(self.name, len(self.history))
        self.history.append(transaction)
        transaction.begin_from = time.monotonic_ns()
        self.connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        self.connection.execute("SELECT")
        transaction.begin_to = time.monotonic_ns()
        for op, key, value in ops:
            if op == "read":
                value = self.connection.execute("SELECT value FROM register WHERE key = %s",
                                                (key,)).fetchone()
                transaction.ops.append((op, key, value[0] if value else None))
            else:
                self.connection.execute("INSERT INTO register VALUES (%s, %s)", (key, value))
                transaction.ops.append((op, key, value))
        transaction.commit_from = time.monotonic_ns()
        self.connection.execute("COMMIT")
        transaction.commit_to = time.monotonic_ns()
        transaction.set_outcome(COMMITTED)


def _shows(server, key):
    with psycopg.connect(server.conninfo) as connection:
        return connection.execute("SELECT FROM register WHERE key = %s", (key,)).rowcount == 1


def make_long_fork(primary, standby):
    """The history of two writers and two readers."""
    primary.sql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'",
                "SELECT pg_reload_conf()")
    first, second = _Session(primary, "first"), _Session(primary, "second")
    on_primary, on_standby = _Session(primary, "primary"), _Session(standby, "standby")
    second.connection.execute("SET synchronous_commit = local")
    waiting = threading.Thread(target=first.run, args=(("write", "x", "1"),))
    waiting.start()
    try:
        wait_until(lambda: _shows(standby, "x"), 20, "the standby to show the first commit")
        standby.sql("SELECT pg_wal_replay_pause()")
        second.run(("write", "y", "2"))
        for reader in (on_primary, on_standby):
            reader.run(("read", "x", None), ("read", "y", None))
        standby.sql("SELECT pg_wal_replay_resume()")
    finally:
        primary.sql("ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()")
        waiting.join()
    return [t for session in (first, second, on_primary, on_standby) for t in session.history]
