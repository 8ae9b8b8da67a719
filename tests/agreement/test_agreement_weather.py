"""Delay, loss and one-way silence between replicas, by a relay in user space."""
import itertools
import time

import pytest

from networks import CLIENT_NODE, Relay
from null_cluster import Cluster


@pytest.fixture(name="cluster")
def cluster_fixture():
    with Cluster() as cluster:
        yield cluster


@pytest.fixture(name="relay")
def relay_fixture(cluster):
    with Relay(cluster) as relay:
        cluster.up(environments=relay.environments())
        yield relay


def load_of(cluster, relay, **options):
    return cluster.load(environment=relay.environment(CLIENT_NODE), patience=40, **options)


def between_replicas(relay, what):
    for a, b in itertools.permutations(range(4), 2):
        relay.do(what.format(a=a, b=b))


def test_everything_passes_through_the_relay(cluster, relay):
    """The relay is really between them: otherwise the tests below would test nothing."""
    load = load_of(cluster, relay, seconds=1)
    load.end(stop=False)
    cluster.check(load)
    for a, b in itertools.permutations(range(4), 2):
        assert int(relay.do(f"bytes {a} {b}")) > 10000
    assert int(relay.do("bytes c 1")) > 10000


def test_a_slow_network(cluster, relay):
    """20 to 30 ms each way: slower, but no view change."""
    relay.do("delay * * 20 10")
    load = load_of(cluster, relay, sessions=16, seconds=2)
    figures = load.end(stop=False)
    cluster.check(load)
    assert figures["p50_us"] > 100_000  # request, pre-prepare, prepare, commit, reply
    assert cluster.views()[0] == 0


def test_a_lossy_network(cluster, relay):
    load = load_of(cluster, relay, sessions=16)
    between_replicas(relay, "loss {a} {b} 20")
    time.sleep(2)
    between_replicas(relay, "loss {a} {b} 0")
    time.sleep(1)
    load.end()
    cluster.check(load)


def test_connections_that_break(cluster, relay):
    load = load_of(cluster, relay, sessions=8)
    for _ in range(6):
        relay.do("reset * *")
        time.sleep(0.3)
    load.end()
    assert load.figures["links_lost"] >= 16
    cluster.check(load)


def test_a_backup_behind_a_thin_line(cluster, relay):
    """It falls behind, holds nobody up, and catches up."""
    load = load_of(cluster, relay, sessions=16)
    for other in (0, 1, 2):
        relay.do(f"rate {other} 3 5000")
    time.sleep(2)
    for other in (0, 1, 2):
        relay.do(f"rate {other} 3 0")
    time.sleep(1)
    figures = load.end()
    cluster.check(load)
    assert cluster.views()[0] == 0 and figures["gap_us"] < 3_000_000


def test_a_primary_that_is_not_heard_by_its_backups(cluster, relay):
    """Only one way, and TCP tells nobody: it is acknowledged what never arrives."""
    load = load_of(cluster, relay)
    for backup in (1, 2, 3):
        relay.do(f"hold 0 {backup}")
    time.sleep(2)
    views = cluster.views()
    assert min(views[replica] for replica in (1, 2, 3)) >= 1
    relay.do("flow * *")
    time.sleep(1)
    load.end()
    cluster.check(load)


def test_clients_that_the_primary_does_not_hear(cluster, relay):
    """Backups must see to it that the primary learns of their requests, or that it is replaced."""
    relay.do("hold c 0")
    load = load_of(cluster, relay)
    time.sleep(2)
    relay.do("flow c 0")
    figures = load.end()
    cluster.check(load)
    assert figures["gap_us"] < 5_000_000


def test_partitions_that_come_and_go(cluster, relay):
    """Each replica in turn is cut off for a while, the primary too."""
    load = load_of(cluster, relay)
    for replica in (3, 0, 1, 2):
        relay.do(f"cut {replica} *")
        time.sleep(0.9)
        relay.do(f"join {replica} *")
        time.sleep(0.4)
    load.end()
    cluster.check(load)
