"""Partitions: every node in a network namespace of its own, packets that vanish, real TCP."""
import time

import pytest

from networks import CLIENT_NODE, Namespaces
from null_cluster import Cluster, wait_until

PORT = 7400


@pytest.fixture(name="net")
def net_fixture():
    with Namespaces(4) as net:
        yield net


@pytest.fixture(name="cluster")
def cluster_fixture(net):
    with Cluster(hosts=net.hosts(PORT)) as cluster:
        cluster.prefix = net.prefix(CLIENT_NODE)
        yield cluster.up({replica: net.prefix(replica) for replica in range(cluster.count)})


def load_of(cluster, net, **options):
    return cluster.load(prefix=net.prefix(CLIENT_NODE), patience=40, **options)


def test_a_minority_returns_without_forcing_a_view_change(cluster, net):
    """A backup alone hears nobody, suspects the primary, and comes back: the others have not
    missed it, and it does not make them change the view."""
    load = load_of(cluster, net)
    net.isolate(3)
    time.sleep(3)
    net.rejoin(3)
    time.sleep(1)
    figures = load.end()
    cluster.check(load)
    assert cluster.views() == {0: 0, 1: 0, 2: 0, 3: 0}
    assert figures["gap_us"] < 5_000_000


def test_the_primary_cut_off_is_replaced(cluster, net):
    load = load_of(cluster, net)
    net.isolate(0)
    time.sleep(2)
    assert min(int(cluster.status(replica)["view"]) for replica in (1, 2, 3)) >= 1
    before = load.count()
    time.sleep(1)
    assert load.count() > before
    net.rejoin(0)
    time.sleep(0.5)
    load.end()
    cluster.check(load)
    wait_until(lambda: len(set(cluster.views().values())) == 1, 10, "one view")


def test_the_majority_lost_and_healed(cluster, net):
    """Two and two: nothing is ordered, nothing is lost, and all goes on when they meet again."""
    load = load_of(cluster, net)
    net.isolate(2)
    net.isolate(3)
    time.sleep(1.5)  # status files are renewed every second
    executed = cluster.status(0)["null_count"]
    time.sleep(1.5)
    assert cluster.status(0)["null_count"] == cluster.status(1)["null_count"] == executed
    net.rejoin(2)
    net.rejoin(3)
    healed = time.monotonic()
    time.sleep(1)
    load.end()
    cluster.check(load)
    assert load.acks[-1].time > healed


def test_a_primary_that_is_heard_and_does_not_hear(cluster, net):
    """One backup no longer reaches the primary: 2f+1 others do, so the view stays."""
    load = load_of(cluster, net)
    net.deafen(3, 0)
    time.sleep(2)
    net.hear(3, 0)
    time.sleep(1)
    load.end()
    cluster.check(load)
    assert cluster.views()[1] == 0


def test_a_primary_that_two_backups_do_not_hear(cluster, net):
    """The primary hears everybody, but only one backup hears it: it is replaced."""
    load = load_of(cluster, net)
    net.deafen(0, 2)
    net.deafen(0, 3)
    time.sleep(3)
    assert int(cluster.status(2)["view"]) >= 1
    net.hear(0, 2)
    net.hear(0, 3)
    time.sleep(1)
    load.end()
    cluster.check(load)
