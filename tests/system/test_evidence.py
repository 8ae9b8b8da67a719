"""A replica that contradicts itself is convicted by its own signatures, by every replica it talks to."""
import os
import shutil
import subprocess

import pytest

from cluster import BUILD, Cluster, wait_until

LIAR = 3
KINDS = ("prepare", "checkpoint", "contribution", "view_change")


@pytest.fixture(name="cluster", scope="module")
def cluster_fixture():
    cluster = Cluster()
    try:
        cluster.up()
        cluster.ctl("run", "-c", "CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1)")
        yield cluster
    finally:
        cluster.remove()


def files(cluster, replica):
    folder = cluster.replica_path(replica, "store", "evidence")
    return sorted(os.path.join(folder, name) for name in os.listdir(folder))


def test_an_honest_cluster_has_no_evidence(cluster):
    assert "none" in cluster.ctl("evidence", "list")
    for replica in range(4):
        assert cluster.status(replica)["evidence"] == "0"


def test_a_liar_is_convicted(cluster):
    os.kill(cluster.proxy_pid(LIAR), 15)
    wait_until(lambda: cluster.status(LIAR) == {}, 15, "the proxy to end")
    seq = int(cluster.status(0)["delivered"]) + 20
    subprocess.run([os.path.join(BUILD, "tests/system/liar"), cluster.path("cluster.conf"), str(LIAR),
                    cluster.replica_path(LIAR, "replica.key"), str(seq), "64"],
                   check=True, timeout=60)
    for replica in range(3):
        wait_until(lambda: cluster.status(replica)["evidence"] == "4", 10,  # pylint: disable=W0640
                   "four proofs")
        names = [os.path.basename(path) for path in files(cluster, replica)]
        for kind in KINDS:
            assert sum(name.startswith(f"replica{LIAR}-{kind}-") for name in names) == 1, names
        assert cluster.log(replica).count("lies, and that can be proved") == 4


def test_anybody_can_verify_it(cluster):
    result = cluster.ctl_result("evidence", "verify", *files(cluster, 0), *files(cluster, 1))
    assert result.returncode == 0, result.stdout
    assert result.stdout.count(": proven: replica 3") == 8
    listed = cluster.ctl("evidence", "list")
    assert listed.count(" yes ") == 12 and " no " not in listed
    # with the configuration alone, somewhere else
    elsewhere = os.path.join(cluster.folder, "court")
    os.mkdir(elsewhere)
    shutil.copy(cluster.path("cluster.conf"), elsewhere)
    shutil.copy(files(cluster, 2)[0], os.path.join(elsewhere, "proof"))
    result = subprocess.run([os.path.join(BUILD, "client/ctl/byzctl"), "-D", "/nowhere", "evidence",
                             "verify", "-c", "cluster.conf", "proof"], cwd=elsewhere,
                            stdout=subprocess.PIPE, text=True, check=False)
    assert result.returncode == 0, result.stdout
    with open(os.path.join(elsewhere, "proof"), encoding="ascii") as file:
        text = file.read()
    with open(os.path.join(elsewhere, "proof"), "w", encoding="ascii") as file:
        file.write(text.replace("replica = 3", "replica = 1"))
    result = cluster.ctl_result("evidence", "verify", os.path.join(elsewhere, "proof"))
    assert result.returncode == 1 and "not proven" in result.stdout


def test_the_database_has_it(cluster):
    query = "SELECT count(*) FROM byzantium.suspicions WHERE what = 'proven' AND replica = 3"
    for replica in range(3):
        wait_until(lambda: cluster.psql(replica, query) == "4", 10, "the suspicions")  # pylint: disable=W0640


def test_it_outlives_the_process_and_the_rest_goes_on(cluster):
    os.kill(cluster.proxy_pid(1), 15)
    wait_until(lambda: cluster.status(1) == {}, 15, "the proxy to end")
    cluster.up(1)
    assert cluster.status(1)["evidence"] == "4"
    cluster.up(LIAR)
    cluster.ctl("run", "-c", "INSERT INTO t VALUES (2)")
    cluster.assert_equal()
