"""Transactions as an application sees them, on four healthy replicas."""
import threading

import byz
import pytest

from cluster import wait_until

# Operations whose result must not reach the application as if it were good.
NOT_COMMITTED = "SELECT count(*) FROM account WHERE balance < 0"


def balance(conn, account):
    return int(conn.execute("SELECT balance FROM account WHERE id = $1", account).rows[0][0])


def refused(conn, sql, *states):
    """The statement fails with one of these SQLSTATEs, and the transaction can be rolled back."""
    conn.begin()
    with pytest.raises(byz.Error) as error:
        conn.execute(sql)
    assert error.value.sqlstate in states
    assert conn.transaction_status == "failed"
    conn.rollback()
    assert conn.transaction_status == "none"
    return error.value


def test_commit_reaches_every_replica(cluster, conn):
    conn.begin()
    assert conn.transaction_status == "open"
    result = conn.execute("UPDATE account SET balance = balance - $1 WHERE id = $2", 30, 1)
    assert (result.tag, result.affected) == ("UPDATE 1", 1)
    conn.execute("UPDATE account SET balance = balance + $1 WHERE id = $2", 30, 2)
    conn.commit()
    assert conn.suspect is None
    cluster.wait_same("SELECT balance FROM account WHERE id IN (1, 2) ORDER BY id", "970\n1030")


def test_rollback_leaves_nothing(cluster, conn):
    conn.begin()
    conn.execute("DELETE FROM account")
    conn.rollback()
    conn.begin()
    conn.execute("DELETE FROM account WHERE id = 3")
    conn.rollback(verified=True)
    cluster.wait_same("SELECT count(*) FROM account", "20")


def test_statement_without_begin_commits_by_itself(cluster, conn):
    conn.execute("UPDATE account SET balance = 5 WHERE id = 4")
    assert conn.transaction_status == "none"
    cluster.wait_same("SELECT balance FROM account WHERE id = 4", "5")


def test_rows_without_columns_accuse_nobody(conn):
    conn.begin()
    assert len(conn.execute("SELECT FROM account").rows) == 20
    conn.commit()
    assert conn.suspect is None


@pytest.mark.parametrize("coordinator", range(4))
def test_every_replica_can_coordinate(conn, coordinator):
    conn.begin(coordinator)
    assert conn.coordinator == coordinator
    before = balance(conn, 5)
    conn.execute("UPDATE account SET balance = balance + 1 WHERE id = 5")
    assert balance(conn, 5) == before + 1
    conn.commit()


def test_values_come_back_as_they_went(conn):
    row = conn.execute(
        "SELECT $1::text AS a, $2::int AS b, $3::numeric AS c, NULL::text AS d, $4::bytea AS e",
        "Zürich\n'quoted' \\ ☃", None, "1.50", "\\x00ff")
    assert row.columns == ["a", "b", "c", "d", "e"]
    assert row.types == [25, 23, 1700, 25, 17]
    assert row.rows == [("Zürich\n'quoted' \\ ☃", None, "1.50", None, "\\x00ff")]


def test_many_rows_in_order(conn):
    rows = conn.execute("SELECT n, repeat('x', 100) FROM generate_series(1, 20000) n ORDER BY n").rows
    assert [int(row[0]) for row in rows] == list(range(1, 20001))


def test_reads_come_from_one_snapshot(conn, other):
    conn.begin()
    before = balance(conn, 6)
    other.execute("UPDATE account SET balance = balance + 7 WHERE id = 6")
    assert balance(conn, 6) == before
    conn.commit()
    assert balance(conn, 6) == before + 7


def test_snapshot_is_that_of_begin_not_of_the_first_read(conn, other):
    before = balance(conn, 6)
    conn.begin()
    other.execute("UPDATE account SET balance = balance + 7 WHERE id = 6")
    assert balance(conn, 6) == before
    conn.rollback()


@pytest.mark.parametrize("first, second", [(1, 2), (0, 3), (2, 2)])
def test_first_committer_wins(conn, other, first, second):
    conn.begin(first)
    other.begin(second)
    before = balance(conn, 7)
    balance(other, 7)
    conn.execute("UPDATE account SET balance = balance + 1 WHERE id = 7")
    failure = []

    def lose():
        try:
            other.execute("UPDATE account SET balance = balance + 100 WHERE id = 7")
            other.commit()
        except byz.Error as error:
            failure.append(error.sqlstate)

    # On the same coordinator the second update waits for the first one's lock.
    loser = threading.Thread(target=lose)
    if first != second:
        other.execute("UPDATE account SET balance = balance + 100 WHERE id = 7")
        conn.commit()
        with pytest.raises(byz.Error) as error:
            other.commit()
        assert error.value.sqlstate == "40001"
    else:
        loser.start()
        conn.commit()
        loser.join(30)
        assert failure == ["40001"]
        if other.transaction_status != "none":
            other.rollback()
    assert balance(conn, 7) == before + 1


def test_a_speculative_lock_does_not_stop_a_commit(conn, other):
    """The holder of the lock may never end; who commits takes the lock away."""
    conn.begin(1)
    conn.execute("UPDATE account SET balance = balance + 1000 WHERE id = 8")
    other.begin(2)
    other.execute("UPDATE account SET balance = balance + 1 WHERE id = 8")
    other.commit()
    with pytest.raises(byz.Error) as error:
        conn.commit()
    assert error.value.sqlstate == "40001"
    assert balance(conn, 8) == 1001


def test_savepoints(conn):
    before = balance(conn, 9)
    conn.begin()
    conn.execute("UPDATE account SET balance = balance + 1 WHERE id = 9")
    conn.execute("SAVEPOINT a")
    conn.execute("UPDATE account SET balance = balance + 10 WHERE id = 9")
    conn.execute("ROLLBACK TO SAVEPOINT a")
    with pytest.raises(byz.Error) as error:
        conn.execute("SELECT 1 / 0")
    assert error.value.sqlstate == "22012"
    with pytest.raises(byz.Error) as error:
        conn.execute("SELECT 1")
    assert error.value.sqlstate == "25P02"
    conn.execute("ROLLBACK TO SAVEPOINT a")
    conn.execute("UPDATE account SET balance = balance + 100 WHERE id = 9")
    conn.execute("RELEASE SAVEPOINT a")
    conn.commit()
    assert balance(conn, 9) == before + 101


def test_errors_have_postgresqls_sqlstates(conn):
    refused(conn, "SELEC 1", "42601")
    refused(conn, "SELECT * FROM nothing", "42P01")
    refused(conn, "INSERT INTO account VALUES (1, 1)", "23505")
    refused(conn, "INSERT INTO account VALUES (99, NULL)", "23502")
    refused(conn, "SELECT 1 / 0", "22012")
    refused(conn, "SELECT 'x'::int", "22P02")


def test_a_failed_transaction_cannot_commit(cluster, conn):
    conn.begin()
    conn.execute("UPDATE account SET balance = -1 WHERE id = 10")
    with pytest.raises(byz.Error):
        conn.execute("SELECT 1 / 0")
    with pytest.raises(byz.Error):
        conn.commit()
    if conn.transaction_status != "none":
        conn.rollback()
    assert cluster.psql_all(NOT_COMMITTED) == ["0"] * 4


def test_one_statement_each(cluster, conn):
    refused(conn, "UPDATE account SET balance = -1 WHERE id = 1; SELECT 1", "42601")
    assert cluster.psql_all(NOT_COMMITTED) == ["0"] * 4


@pytest.mark.parametrize("sql", [
    "COMMIT", "ROLLBACK", "BEGIN", "END", "ABORT", "START TRANSACTION", "PREPARE TRANSACTION 'x'",
    "COMMIT AND CHAIN", "SET TRANSACTION ISOLATION LEVEL READ COMMITTED", "SET ROLE byzantium",
    "SET SESSION AUTHORIZATION byzantium", "RESET ROLE", "DISCARD ALL", "LISTEN x", "LOAD 'x'",
    "SAVEPOINT byz_init", "ROLLBACK TO SAVEPOINT byz_init", "RELEASE SAVEPOINT byz_init",
    "COPY account TO '/tmp/x'", "COPY account FROM PROGRAM 'true'", "VACUUM", "CHECKPOINT",
    "ALTER SYSTEM SET work_mem = '1MB'", "CREATE ROLE x", "DROP SCHEMA byzantium CASCADE",
    "DELETE FROM byzantium.applied", "SELECT byzantium.transaction_start(0)",
    "SELECT byzantium.flags()", "DO $$ BEGIN COMMIT; END $$", "CREATE TEMPORARY TABLE x (a int)",
])
def test_what_leaves_the_transaction_is_refused(cluster, conn, sql):
    conn.begin()
    conn.execute("UPDATE account SET balance = -1 WHERE id = 11")
    with pytest.raises(byz.Error) as error:
        conn.execute(sql)
    assert error.value.sqlstate[:2] in ("0A", "25", "2D", "3B", "42", "55")
    conn.rollback()
    assert cluster.psql_all(NOT_COMMITTED) == ["0"] * 4


@pytest.mark.parametrize("expression", [
    "pg_backend_pid()", "txid_current()", "pg_sleep(0)", "pg_advisory_lock(1)",
    "inet_server_port()", "pg_postmaster_start_time()", "pg_current_wal_lsn()",
])
def test_volatile_functions_are_refused(conn, expression):
    error = refused(conn, f"SELECT {expression}", "0A000", "42501")
    assert "not deterministic across replicas" in str(error)


def test_time_is_the_agreed_one(cluster, conn):
    conn.execute("CREATE TABLE moment (at timestamptz DEFAULT now(), again timestamptz)")
    conn.begin()
    conn.execute("INSERT INTO moment (again) VALUES (CURRENT_TIMESTAMP)")
    conn.commit()
    times = cluster.psql_all("SELECT at, again FROM moment")
    wait_until(lambda: len(set(cluster.psql_all("SELECT at, again FROM moment"))) == 1)
    assert times[0].split("|")[0] == times[0].split("|")[1]


def test_ddl_is_replicated_and_bars_older_transactions(cluster, conn, other):
    other.begin()
    balance(other, 12)
    conn.execute("CREATE TABLE extra (id int PRIMARY KEY, note text)")
    conn.execute("INSERT INTO extra VALUES (1, 'x')")
    with pytest.raises(byz.Error) as error:
        other.execute("UPDATE account SET balance = 0 WHERE id = 12")
        other.commit()
    assert error.value.sqlstate == "40001"
    if other.transaction_status != "none":
        other.rollback()
    cluster.wait_same("SELECT note FROM extra", "x")


@pytest.mark.parametrize("sql", [
    "SELECT repeat('x', 1000000) FROM generate_series(1, 100)",  # 100 MB in rows
    "SELECT repeat('x', 100000000)",  # in one value
    "SELECT n FROM generate_series(1, 1500000) n",  # small ones
])
def test_a_result_that_is_too_large(cluster, conn, sql):
    pids = [cluster.proxy_pid(replica) for replica in range(4)]
    refused(conn, sql, "54000")
    conn.execute("UPDATE account SET balance = balance WHERE id = 13")
    assert [cluster.proxy_pid(replica) for replica in range(4)] == pids
    assert [cluster.status(replica)["state"] for replica in range(4)] == ["ready"] * 4


def test_a_statement_that_is_too_large(conn):
    """The library does not even send it, so the transaction goes on."""
    conn.begin()
    with pytest.raises(byz.Error) as error:
        conn.execute("SELECT '" + "x" * 600000 + "'")
    assert error.value.sqlstate == "54000"
    assert conn.transaction_status == "open"
    assert balance(conn, 13) == 1000
    conn.commit()


def test_a_transaction_that_is_too_large(conn):
    """A COMMIT carries the whole list, and has a ceiling."""
    conn.begin()
    with pytest.raises(byz.Error) as error:
        for _ in range(5):
            conn.execute("SELECT '" + "x" * 400000 + "'")
    assert error.value.sqlstate == "54000"
    conn.rollback()
    assert balance(conn, 13) == 1000


def test_deep_nesting_kills_nobody(conn):
    refused(conn, "SELECT " + "1+" * 40000 + "1", "54001", "54000", "42601")
    assert balance(conn, 13) == 1000


def test_money_stays_the_same_under_load(cluster):
    before = cluster.psql(0, "SELECT sum(balance) FROM account")
    failures = []

    def work(number):
        with cluster.connect() as conn:
            for turn in range(15):
                source, target = (number * 7 + turn) % 20 + 1, (number * 3 + turn * 5) % 20 + 1
                while True:
                    try:
                        conn.begin()
                        conn.execute("UPDATE account SET balance = balance - 1 WHERE id = $1", source)
                        conn.execute("UPDATE account SET balance = balance + 1 WHERE id = $1", target)
                        conn.commit()
                        break
                    except byz.Error as error:
                        if conn.transaction_status != "none":
                            conn.rollback()
                        if error.sqlstate not in ("40001", "40P01"):
                            failures.append(str(error))
                            return

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    cluster.wait_same("SELECT sum(balance) FROM account", before)
