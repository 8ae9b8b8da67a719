"""Real histories: one PostgreSQL, where the checker must find what READ COMMITTED allows, and four
replicas under faults, where it must find nothing."""
import shutil

import pytest

import checker
import forked
import runs
import workload

SECONDS_PLAIN = 2
SECONDS_REPLICAS = 20


@pytest.fixture(name="folder")
def folder_fixture():
    folder = runs.make_folder()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module", name="server")
def server_fixture():
    with runs.Server() as server:
        yield server


@pytest.mark.parametrize("kind", ["append", "register"])
def test_postgresql_at_read_committed_is_found_out(server, folder, kind):
    outcome = runs.run_postgresql(folder, server, SECONDS_PLAIN, 1, "READ COMMITTED", kind)
    found = outcome.verdict.kinds
    assert found["lost-update"] and found["G-single"], outcome.text()
    # What it does promise.
    assert not found["G1a"] + found["G1b"] + found["G0"] + found["garbage"], outcome.text()


def test_postgresql_at_repeatable_read_passes(server, folder):
    outcome = runs.run_postgresql(folder, server, SECONDS_PLAIN, 1, "REPEATABLE READ")
    assert not outcome.verdict.anomalies, outcome.text()


def test_postgresql_replicas_show_a_long_fork(server):
    server.sql("DROP TABLE IF EXISTS list, register", *workload.TABLES)
    with forked.Standby(server) as standby:
        history = forked.make_long_fork(server, standby)
    # Nobody claims that a standby is up to date: a fork is wrong without any clock.
    assert set(checker.check(history, with_time=False).kinds) == {"long-fork"}


def test_four_replicas_under_faults_are_snapshot_isolation(folder):
    outcome = runs.run_byzantium(folder, SECONDS_REPLICAS, 1, once=True)
    assert not outcome.verdict.anomalies, outcome.text()
    # It was no idle run: every fault happened, and everybody coordinated.
    assert all(outcome.faults[fault] for fault in ("kill_clients", "kill_replica", "stop_replica"))
    assert outcome.verdict.unknown > 0, outcome.text()
    assert all(outcome.coordinated[replica] > 20 for replica in range(4)), outcome.text()
