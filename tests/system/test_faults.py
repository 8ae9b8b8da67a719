"""Replicas and clients that stop, lie, vanish."""
import os
import signal
import subprocess
import sys
import time

import byz
import pytest

from cluster import TOP, wait_until

LIMITS = ("statement_timeout_ms=2000", "transaction_timeout_ms=3000")


def balance(conn, account):
    return int(conn.execute("SELECT balance FROM account WHERE id = $1", account).rows[0][0])


def add(conn, account, amount):
    conn.execute("UPDATE account SET balance = balance + $1 WHERE id = $2", amount, account)


def wait_ready(cluster, replica):
    wait_until(lambda: cluster.status(replica).get("state") == "ready", 30, f"replica {replica}")


def test_a_client_that_vanishes_blocks_nobody(cluster, conn):
    script = f"""
import sys, time
sys.path.insert(0, {os.path.join(TOP, 'client/python')!r})
import byz
conn = byz.connect({cluster.conninfo('demo')!r})
conn.begin(1)
conn.execute("UPDATE account SET balance = -1 WHERE id = 1")
print("open", flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as gone:
        assert gone.stdout.readline() == "open\n"
        gone.kill()
    conn.begin(2)  # on replica 1 the row's lock is held until the vanished transaction expires
    add(conn, 1, 1)
    conn.commit()
    assert balance(conn, 1) == 1001
    wait_until(lambda: cluster.status(0)["transactions_open"] == "0", 15, "expiry")


def test_a_transaction_expires_by_agreed_time(cluster, conn):
    conn.begin()
    add(conn, 2, 1)
    time.sleep(4.5)
    with pytest.raises(byz.Error) as error:
        conn.commit()
    assert error.value.sqlstate != "00000"
    assert cluster.psql_all("SELECT balance FROM account WHERE id = 2") == ["1000"] * 4


def test_a_silent_coordinator_is_replaced(cluster):
    with cluster.connect(operation_timeout=1) as conn:
        conn.begin(2)
        add(conn, 3, 1)
        cluster.signal_proxy(2, signal.SIGSTOP)
        try:
            assert balance(conn, 3) == 1001
            assert conn.coordinator != 2
            conn.commit()
            replica, kind, _ = conn.suspect
            assert (replica, kind) == (2, "silent")
        finally:
            cluster.signal_proxy(2, signal.SIGCONT)
    wait_ready(cluster, 2)
    cluster.wait_same("SELECT balance FROM account WHERE id = 3", "1001")


def primary_of(cluster, replica):
    return int(cluster.status(replica)["primary"])


def test_a_silent_primary_is_replaced(cluster, conn):
    first = primary_of(cluster, 3)
    others = [replica for replica in range(4) if replica != first]
    cluster.signal_proxy(first, signal.SIGSTOP)
    try:
        add(conn, 18, 1)
        assert primary_of(cluster, others[0]) != first
    finally:
        cluster.signal_proxy(first, signal.SIGCONT)
    add(conn, 18, 1)
    cluster.wait_same("SELECT balance FROM account WHERE id = 18", "1002")
    wait_until(lambda: len({primary_of(cluster, replica) for replica in range(4)}) == 1, 20,
               "one primary for all")


def test_a_killed_primary_is_replaced_and_returns(cluster, conn):
    first = primary_of(cluster, 3)
    conn.begin((first + 1) % 4)
    add(conn, 19, 1)
    cluster.kill(first)
    try:
        conn.commit()
        for _ in range(5):
            add(conn, 19, 1)
    finally:
        cluster.up()
    wait_ready(cluster, first)
    cluster.wait_same("SELECT balance FROM account WHERE id = 19", "1006")


def test_a_lie_is_detected_and_named(cluster, conn):
    epochs = cluster.psql_all("SELECT max(epoch) FROM byzantium.applied")
    cluster.psql(2, "UPDATE account SET balance = 1000000 WHERE id = 5", role="byzantium")
    try:
        conn.begin(2)
        assert balance(conn, 5) == 1000000  # what the liar says
        add(conn, 5, -1000000)
        add(conn, 6, 1000000)
        with pytest.raises(byz.Error) as error:
            conn.commit()
        assert (error.value.sqlstate, error.value.suspect) == ("BZ001", 2)
        assert error.value.suspicion == "wrong result"
        assert conn.transaction_status == "none"
        assert cluster.psql_all("SELECT max(epoch) FROM byzantium.applied") == epochs
        assert cluster.psql_all("SELECT balance FROM account WHERE id = 6") == ["1000"] * 4
    finally:
        cluster.psql(2, "UPDATE account SET balance = 1000 WHERE id = 5", role="byzantium")
    conn.begin(2)
    assert balance(conn, 5) == 1000
    conn.commit()
    wait_ready(cluster, 2)


def move_row(cluster, replica):
    """The same data in another physical order, as vacuum and timing make it."""
    cluster.psql(replica, "UPDATE pile SET id = id WHERE id = 1", role="byzantium")


def read_first_and_add(conn, account):
    conn.begin(0)
    conn.execute("SELECT last_value(id) OVER () FROM pile")  # which row is last depends on the disk
    add(conn, account, 1)
    conn.commit()


def test_honest_replicas_that_read_differently_stay_together(cluster, conn):
    """Three read one row, the fourth another: the three decide, the fourth follows. Two and two:
    nothing is committed. Nobody lied, nobody stops."""
    conn.execute("CREATE TABLE pile (id integer)")
    conn.execute("INSERT INTO pile VALUES (1), (2)")
    cluster.wait_same("SELECT id FROM pile LIMIT 1", "1")
    move_row(cluster, 3)
    read_first_and_add(conn, 8)
    cluster.wait_same("SELECT balance FROM account WHERE id = 8", "1001")
    move_row(cluster, 2)
    with pytest.raises(byz.Error) as error:
        read_first_and_add(conn, 8)
    assert error.value.sqlstate in ("40001", "58000")
    cluster.wait_same("SELECT balance FROM account WHERE id = 8", "1001")
    for replica in range(4):
        wait_ready(cluster, replica)
    add(conn, 8, -1)
    cluster.wait_same("SELECT balance FROM account WHERE id = 8", "1000")


def test_a_replica_that_cannot_confirm_steps_back(cluster, conn):
    """Its copy of a row is wrong and it is not the coordinator: the others commit, it does not."""
    cluster.psql(3, "UPDATE account SET balance = 77 WHERE id = 7", role="byzantium")
    conn.begin(1)
    assert balance(conn, 7) == 1000
    add(conn, 7, 1)
    conn.commit()
    wait_until(lambda: cluster.status(3).get("state") == "stopped", 15, "replica 3 to stop")
    assert cluster.status(3)["reason"]
    add(conn, 7, 1)
    cluster.psql(3, "UPDATE account SET balance = 1000 WHERE id = 7", role="byzantium")
    cluster.ctl("down", "3")
    cluster.up(3)
    cluster.wait_same("SELECT balance FROM account WHERE id = 7", "1002")


def test_a_killed_replica_replays_what_it_missed(cluster, conn):
    wait_until(lambda: cluster.status(3)["transactions_open"] == "0", 15, "a quiet moment")
    cluster.kill(3)
    for _ in range(100):
        add(conn, 8, 1)
    assert cluster.ctl_result("status").returncode == 0  # three of four suffice
    cluster.up(3)
    cluster.wait_same("SELECT balance FROM account WHERE id = 8", "1100", 30)


def test_a_replica_is_stopped_and_started_in_order(cluster, conn):
    cluster.ctl("down", "1")
    assert not os.path.exists(cluster.replica_path(1, "postgres/postmaster.pid"))
    add(conn, 9, 1)
    cluster.up(1)
    cluster.wait_same("SELECT balance FROM account WHERE id = 9", "1001")


def test_the_whole_cluster_stops_and_starts(cluster):
    with cluster.connect() as conn:
        add(conn, 10, 1)
    cluster.ctl("down")
    result = cluster.ctl_result("status")
    assert result.returncode == 1 and result.stdout.count("down") == 4
    cluster.up()
    with cluster.connect() as conn:
        add(conn, 10, 1)
    cluster.wait_same("SELECT balance FROM account WHERE id = 10", "1002")


def test_the_whole_cluster_loses_power(cluster):
    """Nothing is lost that was acknowledged, although PostgreSQL commits asynchronously."""
    wait_until(lambda: cluster.status(0)["transactions_open"] == "0", 15, "a quiet moment")
    with cluster.connect() as conn:
        for _ in range(20):
            add(conn, 11, 1)
    for replica in range(4):
        cluster.kill(replica)
    cluster.up()
    with cluster.connect() as conn:
        assert balance(conn, 11) == 1020
        add(conn, 11, 1)
    cluster.wait_same("SELECT balance FROM account WHERE id = 11", "1021")
