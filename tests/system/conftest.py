"""Fixtures: a cluster a module; at the end of the module all replicas must be equal."""
import pytest

from cluster import Cluster

ACCOUNTS = 20
BALANCE = 1000


def make_accounts(cluster):
    cluster.ctl("run", "--quiet", "-c", f"""
        CREATE TABLE account (id int PRIMARY KEY, balance bigint NOT NULL);
        INSERT INTO account SELECT n, {BALANCE} FROM generate_series(1, {ACCOUNTS}) n""")


def cluster_of(request):
    """A module says what it needs: FAULTS, LIMITS."""
    cluster = Cluster(getattr(request.module, "FAULTS", 1), getattr(request.module, "LIMITS", ()))
    try:
        cluster.up()
        make_accounts(cluster)
        yield cluster
        cluster.assert_equal()
    finally:
        cluster.remove()


@pytest.fixture(scope="module", name="cluster")
def cluster_fixture(request):
    yield from cluster_of(request)


@pytest.fixture(name="conn")
def conn_fixture(cluster):
    with cluster.connect() as connection:
        yield connection


@pytest.fixture(name="other")
def other_fixture(cluster):
    with cluster.connect() as connection:
        yield connection
