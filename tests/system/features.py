"""For the tests of PostgreSQL's features: a schema of their own, and transactions that take turns
on the four coordinators."""
import itertools

import byz
import pytest

TRIES = 20


class Stage:
    """Statements run with this schema first in the search path."""

    def __init__(self, conn, name):
        self.conn = conn
        self.name = name
        self._coordinators = itertools.cycle(range(4))
        self.act(f"CREATE SCHEMA IF NOT EXISTS {name}")

    def begin(self):
        self.conn.begin(next(self._coordinators))
        self.conn.execute(f"SET LOCAL search_path = {self.name}, public")

    def end(self):
        if self.conn.transaction_status != "none":
            self.conn.rollback()

    def _once(self, statements):
        result = None
        self.begin()
        for statement in statements:
            result = self.conn.execute(statement)
        self.conn.commit()
        assert self.conn.suspect is None
        return result

    def act(self, *statements):
        """One transaction, tried again after a conflict, which the first draws from a sequence
        may be. Returns the last statement's result."""
        for _ in range(TRIES):
            try:
                return self._once(statements)
            except byz.Error as error:
                self.end()
                if error.sqlstate != "40001":
                    raise
        raise AssertionError(f"never committed: {statements}")

    def rows(self, *statements):
        return self.act(*statements).rows

    def value(self, *statements):
        return self.rows(*statements)[0][0]

    def fails(self, state, *statements, words=""):
        """The last statement fails with this SQLSTATE; the message and its hint hold `words`."""
        self.begin()
        for statement in statements[:-1]:
            self.conn.execute(statement)
        with pytest.raises(byz.Error) as error:
            self.conn.execute(statements[-1])
        self.end()
        assert error.value.sqlstate == state, error.value
        assert words in str(error.value)

    def fails_at_commit(self, state, *statements):
        self.begin()
        for statement in statements:
            self.conn.execute(statement)
        with pytest.raises(byz.Error) as error:
            self.conn.commit()
        self.end()
        assert error.value.sqlstate == state, error.value


@pytest.fixture(name="stage")
def stage_fixture(request, conn):
    return Stage(conn, "s_" + request.node.name.split("[")[0].removeprefix("test_"))
