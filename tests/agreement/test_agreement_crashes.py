"""Processes that die, stop and come back, under load. Nothing that a client was told is lost."""
import os
import signal
import time

import pytest

from null_cluster import Cluster, wait_until

# Silences that clients may see. Generous: the machine is busy with other tests.
SILENCE_US_MAX = 8_000_000


@pytest.fixture(name="cluster")
def cluster_fixture():
    with Cluster() as cluster:
        yield cluster.up()


def restart(cluster, *replicas):
    for replica in replicas:
        cluster.start(replica)
    cluster.wait_connected()


def test_nothing_happens(cluster):
    """The checks themselves, where nothing goes wrong."""
    load = cluster.load(sessions=8, seconds=1)
    figures = load.end(stop=False)
    cluster.check(load)
    assert figures["requests"] > 50 and figures["resent"] == 0
    assert set(cluster.views().values()) == {0}


def test_the_primary_killed_under_load(cluster):
    load = cluster.load(sessions=8)
    moment = cluster.kill(0)
    time.sleep(2)
    figures = load.end()
    cluster.check(load)
    assert any(ack.time > moment + 0.1 for ack in load.acks)
    assert figures["gap_us"] < SILENCE_US_MAX
    views = cluster.views()
    assert views[1] >= 1 and views == {1: views[1], 2: views[1], 3: views[1]}
    restart(cluster, 0)
    cluster.check(load)
    wait_until(lambda: cluster.views()[0] == views[1], 10, "replica 0 to learn of the view")


def test_the_primary_stopped_and_resumed(cluster):
    """SIGSTOP: it wakes up in an old view, with an old clock, and believes to be the primary."""
    load = cluster.load(sessions=8)
    cluster.signal(0, signal.SIGSTOP)
    time.sleep(2)
    cluster.signal(0, signal.SIGCONT)
    time.sleep(1)
    figures = load.end()
    cluster.check(load)
    assert figures["gap_us"] < SILENCE_US_MAX
    assert cluster.views()[1] >= 1


def test_a_backup_stopped_and_resumed(cluster):
    """Nobody else notices: no view change."""
    load = cluster.load()
    cluster.signal(3, signal.SIGSTOP)
    time.sleep(2)
    cluster.signal(3, signal.SIGCONT)
    time.sleep(0.5)
    figures = load.end()
    cluster.check(load)
    assert cluster.views()[0] == 0
    assert figures["gap_us"] < SILENCE_US_MAX


def test_two_restarted_in_turn_during_view_changes(cluster):
    """The primary is killed; while the others change the view a second one is killed, and comes
    back, and the first, and again. Never are more than f down for good."""
    load = cluster.load(sessions=8, patience=40)
    for pause in (0.1, 0.4):
        primary = cluster.primary()
        other = (primary + 1) % cluster.count  # who would lead next
        cluster.kill(primary)
        time.sleep(pause)
        cluster.kill(other)
        time.sleep(pause)
        restart(cluster, other)
        time.sleep(1)
        restart(cluster, primary)
        time.sleep(0.5)
    load.end()
    cluster.check(load)
    assert cluster.views()[0] >= 1


def test_the_whole_cluster_killed_and_restarted(cluster):
    """Power fails for all at once, twice; sessions go on where they were."""
    load = cluster.load(sessions=8, patience=40)
    for _ in range(2):
        time.sleep(0.5)
        cluster.kill(*range(cluster.count))
        restart(cluster, *range(cluster.count))
        time.sleep(1)
    load.end()
    cluster.check(load)


def test_a_replica_killed_again_and_again(cluster):
    """Each time the log alone says what was promised; the database is made from it anew."""
    load = cluster.load(sessions=8)
    for _ in range(4):
        cluster.kill(1)
        cluster.start(1)
        time.sleep(0.4)
    load.end()
    cluster.wait_connected()
    cluster.check(load)
    assert cluster.views()[0] == 0


def test_all_stop_in_order_and_come_back(cluster):
    load = cluster.load(seconds=1)
    load.end(stop=False)
    before = cluster.wait_equal(range(cluster.count), len(load.acks))
    assert [cluster.down(replica) for replica in range(cluster.count)] == [0] * cluster.count
    assert not os.path.exists(cluster.replica_path(0, "status"))
    restart(cluster, *range(cluster.count))
    assert cluster.wait_equal(range(cluster.count), len(load.acks)) == before
    cluster.check(load)


def test_two_of_seven_killed():
    """f = 2: the primary and the one that would follow it, at the same moment."""
    with Cluster(faults=2) as cluster:
        cluster.up()
        load = cluster.load(sessions=8)
        moment = cluster.kill(0, 1)
        time.sleep(3)
        figures = load.end()
        cluster.check(load)
        assert any(ack.time > moment + 0.1 for ack in load.acks)
        assert figures["gap_us"] < 2 * SILENCE_US_MAX
        assert min(cluster.views().values()) >= 2
