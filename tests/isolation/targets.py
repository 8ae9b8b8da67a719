"""The databases that histories are made of: a Byzantium cluster, and plain PostgreSQL.

A target has begin, execute, commit, rollback and abandon; failures raise Failed. The snapshot must be
fixed when begin returns, because the checker takes BEGIN's time for it.
"""
import os
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Failed(Exception):
    """unknown: the transaction may have committed."""

    def __init__(self, message, state, unknown=False):
        super().__init__(f"{state}: {message}")
        self.state, self.unknown = state, unknown


class Byzantium:
    """Four replicas through libbyzclient."""

    # 08007: the outcome is unknown; BZ003: more than f replicas seem faulty, which leaves it open
    UNKNOWN = ("08007", "BZ003")

    def __init__(self, conninfo, rng):
        sys.path.insert(0, os.path.join(TOP, "client", "python"))
        import byz  # pylint: disable=import-outside-toplevel
        self._error = byz.Error
        self._random = rng
        self._connection = self._call(byz.connect, conninfo)

    def _call(self, function, *arguments):
        try:
            return function(*arguments)
        except self._error as error:
            raise Failed(str(error), error.sqlstate, error.sqlstate in self.UNKNOWN) from error

    def begin(self, read_only):
        """(ordered?, coordinator). Read-only transactions have the ordered BEGIN of all others; one
        whose snapshot only follows its own session's last commit would return False here, and
        would then be checked for session order and not for real time."""
        del read_only
        coordinator = self._random.randrange(self._connection.replica_count)
        # Naming it insists on it even while it is silent; the library's own choice does not.
        choice = (coordinator,) if self._random.random() < 0.5 else ()
        self._call(self._connection.begin, *choice)
        return True, self._connection.coordinator

    def execute(self, sql, *parameters):
        return self._call(self._connection.execute, sql, *parameters).rows

    def commit(self):
        self._call(self._connection.commit)

    def rollback(self):
        self._call(self._connection.rollback)

    def close(self):
        self._connection.close()


class PostgreSQL:
    """One server through psycopg."""

    def __init__(self, conninfo, isolation):
        import psycopg  # pylint: disable=import-outside-toplevel
        self._errors = psycopg.Error
        self._begin = f"BEGIN ISOLATION LEVEL {isolation}"
        self._connection = self._call(lambda: psycopg.connect(conninfo, autocommit=True))

    def _call(self, function, *arguments):
        try:
            return function(*arguments)
        except self._errors as error:
            # Without a SQLSTATE the connection was lost, and nobody said what came of it.
            raise Failed(str(error), error.sqlstate or "08006", error.sqlstate is None) from error

    def begin(self, read_only):
        del read_only
        self._call(self._connection.execute, self._begin)
        self._call(self._connection.execute, "SELECT")  # BEGIN alone takes no snapshot
        return True, None

    def execute(self, sql, *parameters):
        for number in range(len(parameters)):
            sql = sql.replace(f"${number + 1}", "%s")
        cursor = self._call(self._connection.execute, sql, parameters)
        return cursor.fetchall() if cursor.description else []

    def commit(self):
        self._call(self._connection.execute, "COMMIT")

    def rollback(self):
        self._call(self._connection.execute, "ROLLBACK")

    def close(self):
        self._connection.close()


def connect(arguments, rng):
    if arguments.target == "byzantium":
        return Byzantium(arguments.conninfo, rng)
    return PostgreSQL(arguments.conninfo, arguments.isolation)
