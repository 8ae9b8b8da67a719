"""Seven replicas tolerate two faulty ones."""
import byz
import pytest

FAULTS = 2


def test_two_of_seven_may_fail(cluster):
    with cluster.connect() as conn:
        conn.begin(6)
        conn.execute("UPDATE account SET balance = balance + 1 WHERE id = 1")
        conn.commit()
    cluster.wait_same("SELECT balance FROM account WHERE id = 1", "1001")
    cluster.ctl("down", "5")
    cluster.psql(6, "UPDATE account SET balance = 5 WHERE id = 2", role="byzantium")
    try:
        with cluster.connect() as conn:
            conn.begin(6)
            conn.execute("SELECT balance FROM account WHERE id = 2")
            with pytest.raises(byz.Error) as error:
                conn.commit()
            assert (error.value.sqlstate, error.value.suspect) == ("BZ001", 6)
    finally:
        cluster.psql(6, "UPDATE account SET balance = 1000 WHERE id = 2", role="byzantium")
    with cluster.connect() as conn:
        conn.execute("UPDATE account SET balance = balance + 1 WHERE id = 1")
    cluster.up(5)
    cluster.wait_same("SELECT balance FROM account WHERE id = 1", "1002")
