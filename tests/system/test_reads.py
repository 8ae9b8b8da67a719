"""Reads without ordering, on four real replicas. A lying one is the unit tests' (client/)."""
import os
import signal
import threading

import byz
import pytest

from cluster import wait_until


def executed(cluster, replica):
    """The epoch that this replica's own database is at."""
    return int(cluster.psql(replica, "SELECT max(epoch) FROM byzantium.applied"))


def batches(cluster):
    """The last batch that any replica has executed. Empty ones are ordered only while transactions
    are open."""
    numbers = [status.get("executed") for status in map(cluster.status, range(4))]
    return max(int(number) for number in numbers if number is not None)


def answers_without_order(cluster, conn, expected):
    """This is the epoch, and no batch was needed to learn it."""
    before = batches(cluster)
    assert conn.epoch() == expected
    return batches(cluster) == before


def test_the_epoch_grows_with_commits(cluster):
    with cluster.connect(reads="on") as conn:
        before = conn.epoch()
        for number in range(1, 4):
            conn.execute("UPDATE account SET balance = balance + 1 WHERE id = 1")
            assert conn.epoch() == before + number
        conn.begin()
        conn.execute("UPDATE account SET balance = 0 WHERE id = 1")
        conn.rollback()
        assert conn.epoch() == before + 3
        wait_until(lambda: [executed(cluster, replica) for replica in range(4)] == [before + 3] * 4)


def test_it_orders_nothing(cluster, conn):
    conn.epoch()
    before = wait_until(lambda: batches(cluster))
    epochs = {conn.epoch() for _ in range(200)}
    assert len(epochs) == 1
    assert batches(cluster) == before


def test_every_connection_sees_the_others_commits(cluster, other):
    """reads=on makes the writer wait until no liar could hide the commit from a reader."""
    with cluster.connect(reads="on") as writer:
        for _ in range(30):
            before = other.epoch()
            writer.execute("UPDATE account SET balance = balance + 1 WHERE id = 2")
            assert other.epoch() == before + 1


def test_a_connection_sees_its_own_commits(conn):
    before = conn.epoch()
    for number in range(1, 31):
        conn.execute("UPDATE account SET balance = balance + 1 WHERE id = 3")
        assert conn.epoch() == before + number


def test_not_within_a_transaction(conn):
    conn.begin()
    with pytest.raises(byz.Error) as error:
        conn.epoch()
    assert error.value.sqlstate == "25001"
    conn.rollback()


def test_under_load_epochs_only_grow(cluster):
    """The replicas differ most of the time here; what cannot be answered is ordered."""
    done, failures = threading.Event(), []

    def write(account):
        try:
            with cluster.connect(reads="on") as conn:
                while not done.is_set():
                    conn.execute("UPDATE account SET balance = balance + 1 WHERE id = $1", account)
        except byz.Error as error:
            failures.append(str(error))

    writers = [threading.Thread(target=write, args=(account,)) for account in (11, 12, 13)]
    for writer in writers:
        writer.start()
    try:
        with cluster.connect() as one, cluster.connect() as two:
            last = 0
            for turn in range(40):
                epoch = (one, two)[turn % 2].epoch()
                assert epoch >= last
                last = epoch
            assert last > 0
    finally:
        done.set()
        for writer in writers:
            writer.join()
    assert not failures


def test_one_replica_killed(cluster):
    """Three of four are 2f+1. The one that comes back is needed when the next one dies."""
    with cluster.connect(reads="on", coordinator=0) as conn:
        before = conn.epoch()
        os.kill(cluster.proxy_pid(3), signal.SIGKILL)
        for number in range(1, 11):
            conn.execute("UPDATE account SET balance = balance + 1 WHERE id = 4")
            assert conn.epoch() == before + number
    cluster.up(3)
    wait_until(lambda: executed(cluster, 3) == before + 10)
    os.kill(cluster.proxy_pid(1), signal.SIGKILL)
    with cluster.connect() as conn:
        wait_until(lambda: answers_without_order(cluster, conn, before + 10))
    cluster.up(1)


def test_the_whole_cluster_killed(cluster):
    """Without an order in between: every replica knows from PostgreSQL what it had told."""
    with cluster.connect(reads="on") as conn:
        conn.execute("UPDATE account SET balance = balance + 1 WHERE id = 5")
        before = conn.epoch()
    for replica in range(4):
        cluster.kill(replica)
    cluster.up()
    with cluster.connect() as conn:
        wait_until(lambda: answers_without_order(cluster, conn, before))
        conn.execute("UPDATE account SET balance = balance + 1 WHERE id = 5")
        assert conn.epoch() == before + 1
