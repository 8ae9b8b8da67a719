"""A replica whose durable log is gone: never taken for a new one, silent until that is safe."""
import os
import shutil

import pytest

from cluster import Cluster, wait_until

WINDOW = 32


@pytest.fixture(name="cluster", scope="module")
def cluster_fixture():
    cluster = Cluster(limits=(f"window={WINDOW}", "checkpoint_interval=8"))
    try:
        cluster.up()
        cluster.ctl("run", "-c", "CREATE TABLE t (a int PRIMARY KEY)")
        yield cluster
    finally:
        cluster.remove()


def lose(cluster, replica, *names):
    """What a broken disk does."""
    cluster.ctl("down", str(replica))
    for name in names:
        shutil.rmtree(cluster.replica_path(replica, name))


def insert(cluster, first, count):
    statements = ";".join(f"INSERT INTO t VALUES ({n})" for n in range(first, first + count))
    cluster.ctl("run", "-c", statements)


def test_a_replica_that_lost_everything_comes_back_silently(cluster):
    insert(cluster, 0, 20)
    lose(cluster, 2, "store", "postgres")
    insert(cluster, 20, 20)

    result = cluster.ctl_result("init", "--server", "2")
    assert result.returncode == 1
    assert "no durable log" in result.stdout and "--lost-log" in result.stdout
    assert not os.path.exists(cluster.replica_path(2, "postgres", "PG_VERSION"))

    cluster.ctl("init", "--server", "2", "--lost-log")
    cluster.up(2)
    status = cluster.status(2)
    assert status["silent"] == "1", status
    assert "log was lost" in status["reason"]
    wait_until(lambda: int(cluster.status(2)["executed"]) >= int(cluster.status(0)["stable"]), 30,
               "replica 2 to catch up")
    assert "the durable log was lost" in cluster.log(2)

    # It still remembers after a restart, without being told again.
    cluster.ctl("down", "2")
    cluster.up(2)
    assert cluster.status(2)["silent"] == "1"

    wait_until(lambda: int(cluster.status(2)["silent_until"]) > 0, 30, "an end of the silence")
    until = int(cluster.status(2)["silent_until"])
    assert until >= 2 * WINDOW
    for n in range(100, 2000, 20):
        if cluster.status(2)["silent"] == "0":
            break
        insert(cluster, n, 20)
    wait_until(lambda: cluster.status(2)["silent"] == "0", 30, "the end of the silence")
    assert int(cluster.status(2)["stable"]) >= until
    assert "takes part in agreement again" in cluster.log(2)

    # Now it is needed: with another replica down the other three go on.
    cluster.kill(3)
    insert(cluster, 5000, 5)
    cluster.up(3)
    cluster.assert_equal()


def test_an_empty_store_is_refused_by_the_proxy(cluster):
    lose(cluster, 1, "store")
    result = cluster.ctl_result("up", "1")
    assert result.returncode == 1
    assert "there is no durable log" in result.stdout and "--lost-log" in result.stdout
    assert not os.path.exists(cluster.replica_path(1, "store"))
    result = cluster.ctl_result("init", "--server", "1", "--new-log")
    assert result.returncode == 1 and "has a server" in result.stdout


def test_only_the_log_is_lost(cluster):
    """PostgreSQL is ahead of the new log, which learns from the others what that came to."""
    cluster.ctl("init", "--server", "1", "--lost-log")
    cluster.up(1)
    assert cluster.status(1)["silent"] == "1"
    insert(cluster, 6000, 10)
    cluster.assert_equal()
    cluster.ctl("down", "1")
    result = cluster.ctl_result("init", "--server", "1", "--lost-log")
    assert result.returncode == 1  # neither the log nor the server is missing
    cluster.up(1)


def test_options_that_contradict_each_other(cluster):
    for options in (["--lost-log"], ["--new-log"], ["--server", "2", "--new-log", "--lost-log"],
                    ["--server", "2", "--lost-log", "--name", "x"]):
        assert cluster.ctl_result("init", *options).returncode == 2, options
    result = cluster.ctl_result("init", "--server", "0", "--new-log")
    assert result.returncode == 1
