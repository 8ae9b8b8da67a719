"""What byzctl and byzproxy refuse, and how clearly."""
import os
import shutil
import subprocess

import byz
import pytest

from cluster import BUILD, Cluster, wait_until


def proxy(cluster, replica, *, database_of=None, key_of=None, config=None, number=None,
          mark="NEW"):
    """Runs a proxy in the foreground until it ends: (exit code, what it said)."""
    database_of = replica if database_of is None else database_of
    key_of = replica if key_of is None else key_of
    store = os.path.join(cluster.folder, "store")
    shutil.rmtree(store, ignore_errors=True)
    os.mkdir(store)
    if mark:
        with open(os.path.join(store, mark), "w", encoding="ascii"):
            pass
    command = [os.path.join(BUILD, "proxy/byzproxy"),
               "--config", config or cluster.path("cluster.conf"),
               "--replica", str(replica if number is None else number),
               "--key", cluster.replica_path(key_of, "replica.key"), "--store", store,
               "--postgres", f"host={cluster.replica_path(database_of, 'run')} port=5432 "
                             "user=byzantium dbname=byz"]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            timeout=30, check=False)
    return result.returncode, result.stdout


@pytest.fixture(name="without_proxy")
def without_proxy_fixture(cluster):
    """Replica 3's PostgreSQL runs, its proxy does not; everything is put right afterwards."""
    os.kill(cluster.proxy_pid(3), 15)
    wait_until(lambda: cluster.status(3) == {}, 15, "the proxy to end")
    yield
    cluster.up()
    wait_until(lambda: cluster.status(3).get("state") == "ready", 30, "replica 3")


@pytest.mark.usefixtures("without_proxy")
def test_a_differing_setting_is_named(cluster):
    cluster.psql(3, "ALTER SYSTEM SET work_mem = '5MB'", role="byzantium")
    cluster.psql(3, "SELECT pg_reload_conf()", role="byzantium")
    try:
        wait_until(lambda: cluster.psql(3, "SHOW work_mem") == "5MB")
        code, text = proxy(cluster, 3)
        assert code == 3
        assert "work_mem" in text and "5MB" in text and "4MB" in text
    finally:
        cluster.psql(3, "ALTER SYSTEM RESET work_mem", role="byzantium")
        cluster.psql(3, "SELECT pg_reload_conf()", role="byzantium")
        wait_until(lambda: cluster.psql(3, "SHOW work_mem") == "4MB")


@pytest.mark.usefixtures("without_proxy")
def test_another_replicas_database_is_refused(cluster):
    code, text = proxy(cluster, 3, database_of=2)
    assert code == 3
    assert "replica" in text


@pytest.mark.usefixtures("without_proxy")
def test_another_clusters_database_is_refused(cluster):
    identity = cluster.psql(3, "SELECT cluster FROM byzantium.identity", role="byzantium")
    cluster.psql(3, f"UPDATE byzantium.identity SET cluster = '{'0' * 64}'", role="byzantium")
    try:
        code, text = proxy(cluster, 3)
        assert code == 3
        assert "cluster" in text
    finally:
        cluster.psql(3, f"UPDATE byzantium.identity SET cluster = '{identity}'", role="byzantium")


@pytest.mark.usefixtures("without_proxy")
def test_another_replicas_key_is_refused(cluster):
    assert proxy(cluster, 3, key_of=2)[0] == 2


@pytest.mark.usefixtures("without_proxy")
def test_a_broken_configuration_is_refused(cluster):
    assert proxy(cluster, 3, number=4)[0] == 2
    with open(cluster.path("cluster.conf"), encoding="utf-8") as file:
        text = file.read()
    broken = os.path.join(cluster.folder, "broken.conf")
    with open(broken, "w", encoding="utf-8") as file:
        file.write(text.replace("faults = 1", "faults = 2"))
    code, said = proxy(cluster, 3, config=broken)
    assert code == 2
    assert "broken.conf" in said


@pytest.mark.usefixtures("without_proxy")
def test_a_missing_log_is_not_taken_for_a_new_one(cluster):
    code, text = proxy(cluster, 3, mark=None)
    assert code == 1
    assert "there is no durable log" in text and "--lost-log" in text


def test_a_second_proxy_on_the_same_replica_is_refused(cluster):
    """The first one holds the store, the port and the database."""
    command = [os.path.join(BUILD, "proxy/byzproxy"), "--config", cluster.path("cluster.conf"),
               "--replica", "3", "--key", cluster.replica_path(3, "replica.key"),
               "--store", cluster.replica_path(3, "store"), "--postgres",
               f"host={cluster.replica_path(3, 'run')} port=5432 user=byzantium dbname=byz"]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30,
                            check=False)
    assert result.returncode in (1, 2)
    assert cluster.status(3)["state"] == "ready"


def test_up_twice_changes_nothing(cluster):
    pids = [cluster.proxy_pid(replica) for replica in range(4)]
    cluster.up()
    assert [cluster.proxy_pid(replica) for replica in range(4)] == pids


def test_init_refuses_a_folder_in_use(cluster):
    result = cluster.ctl_result("init")
    assert result.returncode == 1
    assert "not empty" in result.stdout
    assert os.path.exists(cluster.path("cluster.conf"))


def test_init_that_fails_leaves_nothing(cluster):
    folder = os.path.join(cluster.folder, "other")
    result = subprocess.run([os.path.join(BUILD, "client/ctl/byzctl"), "-D", folder, "init"],
                            env=dict(os.environ, BYZPGBIN="/nowhere"), stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, check=False)
    assert result.returncode == 1
    assert "BYZPGBIN" in result.stdout
    assert not os.path.exists(folder)


def test_compare_finds_a_difference(cluster):
    cluster.psql(1, "UPDATE account SET balance = 1 WHERE id = 1", role="byzantium")
    try:
        result = cluster.ctl_result("compare")
        assert result.returncode == 1
        assert "replica 1: differs from replica 0 in account; Type: TABLE DATA" in result.stdout
    finally:
        cluster.psql(1, "UPDATE account SET balance = 1000 WHERE id = 1", role="byzantium")
    assert cluster.ctl("dump", "0") == cluster.ctl("dump", "1")


def test_the_administrator_reads_and_does_not_write(cluster):
    assert cluster.ctl("psql", "2", "-Atc", "SELECT count(*) FROM account").strip() == "20"
    result = cluster.ctl_result("psql", "2", "-c", "DELETE FROM account")
    assert result.returncode != 0


def test_run_names_file_line_and_sqlstate(cluster):
    script = os.path.join(cluster.folder, "script.sql")
    with open(script, "w", encoding="utf-8") as file:
        file.write("-- a comment\nSELECT 'a;b';\nBEGIN;\nUPDATE account SET balance = -1 WHERE id = 1;\n"
                   "\nSELECT * FROM nothing;\nCOMMIT;\n")
    result = cluster.ctl_result("run", script)
    assert result.returncode == 1
    assert "a;b" in result.stdout
    assert f"{script}:6:" in result.stdout and "42P01" in result.stdout
    cluster.wait_same("SELECT balance FROM account WHERE id = 1", "1000")


def test_run_groups_statements(cluster):
    def epoch():
        return int(cluster.psql(0, "SELECT max(epoch) FROM byzantium.applied"))

    statements = ";".join(f"UPDATE account SET balance = balance + 1 WHERE id = {n}"
                          for n in range(1, 11))
    for option, transactions in (["--batch", "4"], 3), (["--single-transaction"], 1), ([], 10):
        before = epoch()
        cluster.ctl("run", *option, "-c", statements)
        wait_until(lambda: epoch() == before + transactions, 10, "the commits")  # pylint: disable=W0640
    cluster.ctl("run", "-c", "BEGIN; DELETE FROM account; ROLLBACK")
    cluster.wait_same("SELECT sum(balance) FROM account", "20030")


def test_wrong_usage_of_byzctl(cluster):
    for arguments in (["up", "4"], ["up", "x"], ["run"], ["dump"], ["psql"], ["nonsense"],
                      ["init", "--replicas", "5"], ["init", "--set", "x=1"]):
        assert cluster.ctl_result(*arguments).returncode == 2, arguments


def test_an_unknown_client_is_refused(cluster):
    key = os.path.join(cluster.folder, "unknown.key")
    subprocess.check_call(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key])
    os.chmod(key, 0o600)
    for conninfo in (cluster.conninfo(key=key), cluster.conninfo("nobody", key=key)):
        with pytest.raises(byz.Error):
            byz.connect(conninfo)


def test_a_cluster_of_another_configuration_is_refused(cluster):
    """Same addresses and keys, another limit: not the same cluster."""
    with open(cluster.path("cluster.conf"), encoding="utf-8") as file:
        text = file.read()
    other = os.path.join(cluster.folder, "other.conf")
    with open(other, "w", encoding="utf-8") as file:
        file.write(text.replace("operations_max = 10000", "operations_max = 9999"))
    with pytest.raises(byz.Error):
        byz.connect(cluster.conninfo(config=other, connect_timeout=2))


def test_too_long_a_folder():
    with pytest.raises(AssertionError, match="107 bytes"):
        cluster = Cluster.__new__(Cluster)
        cluster.data = "/tmp/" + "x" * 100
        cluster.ctl("init")
