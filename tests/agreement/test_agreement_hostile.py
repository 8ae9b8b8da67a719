"""Clocks that are wrong, peers that flood, files that belong to somebody else."""
import os
import re
import shutil
import subprocess
import time

import pytest

from null_cluster import CLIENT, CLIENT_NUMBER, Cluster, program

GIGABYTE = 1024  # in megabytes
# Beside what a replica needs anyway. Queues to and from a peer have ceilings of tens of megabytes.
GROWTH_BYTES_MAX = 256 << 20


@pytest.fixture(name="cluster")
def cluster_fixture():
    with Cluster() as cluster:
        yield cluster


# ---- clocks ----

def ahead(hours):
    return {"LD_PRELOAD": program("libbyzworld.so"), "BYZ_WORLD_CLOCK_S": str(3600 * hours)}


def seconds_from_now(cluster, replica):
    """How far the agreed time is from this machine's clock."""
    return abs(int(cluster.statuses()[replica]["agreed_time_us"]) / 1e6 - time.time())


@pytest.mark.parametrize("hours", [1, -1])
def test_a_backups_clock_is_an_hour_off(cluster, hours):
    """It must refuse every first proposal; the three others agree without it."""
    cluster.up(environments={3: ahead(hours)})
    load = cluster.load(sessions=8)
    time.sleep(1.5)
    figures = load.end()
    cluster.check(load, honest=False)
    views = cluster.views()
    assert [views[replica] for replica in (0, 1, 2)] == [0, 0, 0]
    assert figures["gap_us"] < 3_000_000
    assert seconds_from_now(cluster, 0) < 30


@pytest.mark.parametrize("hours", [1, -1])
def test_the_primarys_clock_is_an_hour_off(cluster, hours):
    """The backups refuse its timestamps and replace it."""
    cluster.up(environments={0: ahead(hours)})
    load = cluster.load(sessions=8)
    time.sleep(1)
    load.end()
    cluster.check(load, honest=False)
    assert min(cluster.views().values()) >= 1
    assert seconds_from_now(cluster, 1) < 30


# ---- floods ----

def flood(cluster, key, role, number, megabytes):
    """A process that sends so much in this node's name."""
    return subprocess.Popen([program("flood"), cluster.path("cluster.conf"), key, role, str(number),
                             str(megabytes), "40"], stdout=subprocess.PIPE, text=True)


def check_flood(cluster, flooder, load, victims):
    before = load.count()
    said, _ = flooder.communicate(timeout=60)
    during = load.count() - before
    assert flooder.returncode == 0, said
    assert during > 20, f"{during} requests during the flood; {said}"
    figures = load.end()
    assert figures["gap_us"] < 8_000_000, said
    cluster.check(load, honest=False)
    statuses = cluster.statuses()
    for replica in victims:
        assert statuses[replica]["state"] == "ready"


def peaks(cluster):
    return {replica: cluster.memory_peak(replica) for replica in cluster.alive()}


def test_a_peer_sends_a_gigabyte(cluster):
    cluster.up()
    cluster.kill(3)
    load = cluster.load(sessions=4)
    before = peaks(cluster)
    flooder = flood(cluster, cluster.replica_path(3, "replica.key"), "replica", 3, GIGABYTE)
    check_flood(cluster, flooder, load, (0, 1, 2))
    after = peaks(cluster)
    assert all(after[replica] - before[replica] < GROWTH_BYTES_MAX for replica in after), after
    cluster.start(3)
    cluster.wait_connected()
    cluster.check(load, honest=False)


def test_a_client_sends_without_end(cluster):
    """Of requests that nobody signed, in sessions of its own."""
    cluster.up()
    load = cluster.load(sessions=4)
    before = peaks(cluster)
    flooder = flood(cluster, cluster.path("clients", CLIENT + ".key"), "client", CLIENT_NUMBER,
                    GIGABYTE // 4)
    check_flood(cluster, flooder, load, range(4))
    after = peaks(cluster)
    assert all(after[replica] - before[replica] < GROWTH_BYTES_MAX for replica in after), after


# ---- files ----

def test_a_lost_log(cluster):
    """Without its log a replica does not start, unless it is told that the log is lost: then it is
    silent until checkpoints have passed whatever it may have promised, and catches up."""
    cluster.up()
    load = cluster.load(sessions=8)
    cluster.kill(3)
    shutil.rmtree(cluster.replica_path(3, "store"))
    os.mkdir(cluster.replica_path(3, "store"))
    code, said = cluster.run(3)
    assert code == 1
    assert "--lost-log" in said
    cluster.start(3, lost_log=True)
    cluster.wait_connected()
    time.sleep(2)
    load.end()
    cluster.check(load)


def test_a_store_of_another_cluster(cluster):
    with Cluster() as other:
        other.up()
        other.load(seconds=1).end(stop=False)
        assert other.down(0) == 0
        code, said = cluster.run(0, store=other.replica_path(0, "store"))
        assert code == 1
        assert "another cluster" in said and other.replica_path(0, "store") in said
        other.start(0)  # and it was not touched
        other.wait_connected()


def test_a_store_of_another_replica(cluster):
    cluster.up()
    cluster.load(seconds=1).end(stop=False)
    cluster.down(2)
    cluster.down(3)
    code, said = cluster.run(3, store=cluster.replica_path(2, "store"))
    assert code == 1
    assert "replica 2" in said


def rewrite(cluster, pattern, replacement):
    """A changed copy of the configuration."""
    copy = os.path.join(cluster.folder, "changed.conf")
    with open(cluster.path("cluster.conf"), encoding="utf-8") as file:
        text = file.read()
    changed = re.sub(pattern, replacement, text, count=1, flags=re.S)
    assert changed != text
    with open(copy, "w", encoding="utf-8") as file:
        file.write(changed)
    return copy, changed


def test_two_replicas_that_share_a_key(cluster):
    """Refused at start, with file and line of the second."""
    config, text = rewrite(
        cluster, r'(replica "0".*?public_key = )("\w+")(.*?replica "1".*?public_key = )"\w+"',
        r"\1\2\3\2")
    code, said = cluster.run(0, config=config)
    assert code == 2
    assert "replicas 0 and 1 have the same public key" in said
    line = int(re.search(re.escape(config) + r":(\d+): ", said).group(1))
    lines = text.splitlines()
    section = next(i for i, words in enumerate(lines, 1) if words.startswith('replica "1"'))
    assert section <= line <= section + 4, (line, section)


def test_another_replicas_key(cluster):
    code, said = cluster.run(1, key=cluster.replica_path(2, "replica.key"))
    assert code == 2
    assert "replica 2" in said


def test_a_node_with_another_configuration_is_turned_away(cluster):
    """A limit that differs on one node: it is told so, and the three others work."""
    cluster.up()
    cluster.kill(3)
    changed, _ = rewrite(cluster, r"operations_max = \d+", "operations_max = 7")
    cluster.start(3, config=changed)
    load = cluster.load(seconds=1)
    load.end(stop=False)
    cluster.check(load, replicas=(0, 1, 2))
    assert "the configurations differ" in cluster.log(3)
    assert cluster.statuses()[0]["replica3_connected"] == "0"
