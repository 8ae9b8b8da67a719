"""Which database roles a client's key may use: ordered state, checked by every replica."""
import byz
import pytest

TABLE = "SELECT string_agg(concat_ws(' ', client, role, is_default), ',' ORDER BY client, role)" \
        " FROM byzantium.authority"


def fails(conn, sql, state):
    conn.begin()
    with pytest.raises(byz.Error) as error:
        conn.execute(sql)
    assert error.value.sqlstate == state
    conn.rollback()


def value(conn, sql):
    return conn.execute(sql).rows[0][0]


@pytest.fixture(name="admin")
def admin_fixture(cluster):
    with cluster.connect("admin") as connection:
        yield connection


def test_only_an_administrator_changes_it(cluster, conn):
    fails(conn, "SELECT byzantium.authorize('demo', 'byz_admin', false)", "42501")
    fails(conn, "SELECT byzantium.authorize('demo', 'clerk')", "42501")
    fails(conn, "SELECT byzantium.allow('pg_backend_pid()')", "42501")
    fails(conn, "INSERT INTO byzantium.authority VALUES ('demo', 'byz_admin', false)", "42501")
    cluster.wait_same(TABLE, "admin byz_admin f")


def test_transactions_run_as_the_clients_role(cluster, conn, admin):
    admin.execute("CREATE TABLE ledger (id serial, amount int)")
    assert value(conn, "SELECT current_user") == "byz_app"
    admin.execute("SELECT byzantium.authorize('demo', 'clerk')")
    admin.execute("SELECT byzantium.authorize('demo', 'auditor', false)")
    cluster.wait_same(TABLE, "admin byz_admin f,demo auditor f,demo clerk t")
    for coordinator in range(4):
        conn.begin(coordinator)
        assert value(conn, "SELECT current_user") == "clerk"
        conn.commit()
        assert conn.suspect is None
    fails(conn, "INSERT INTO ledger (amount) VALUES (1)", "42501")
    admin.execute("GRANT INSERT ON ledger TO clerk")
    admin.execute("GRANT USAGE ON SEQUENCE ledger_id_seq TO clerk")
    admin.execute("GRANT SELECT ON ledger TO auditor")
    conn.execute("INSERT INTO ledger (amount) VALUES (1)")
    fails(conn, "SELECT * FROM ledger", "42501")
    conn.begin()
    conn.execute("SET LOCAL ROLE auditor")
    assert value(conn, "SELECT amount FROM ledger") == "1"
    conn.commit()
    assert value(conn, "SELECT current_user") == "clerk"


@pytest.mark.parametrize("sql", [
    "RESET ROLE", "SET LOCAL ROLE NONE", "SET LOCAL ROLE byz_app", "SET LOCAL ROLE byzantium",
    "SET LOCAL ROLE byz_admin", "SET ROLE auditor", "SET SESSION AUTHORIZATION byz_app",
    "DO $$BEGIN SET LOCAL ROLE auditor; END$$", "SELECT set_config('role', 'byz_app', true)",
    "ROLLBACK TO SAVEPOINT byz_init",
])
def test_a_client_cannot_shed_its_role(conn, sql):
    assert value(conn, "SELECT current_user") == "clerk"
    fails(conn, sql, "0A000")
    assert value(conn, "SELECT current_user") == "clerk"


def test_a_change_bars_transactions_that_began_before(conn, admin):
    conn.begin()
    assert value(conn, "SELECT current_user") == "clerk"
    admin.execute("SELECT byzantium.deauthorize('demo', 'clerk')")
    with pytest.raises(byz.Error) as error:
        conn.commit()
    assert error.value.sqlstate == "40001"
    assert value(conn, "SELECT current_user") == "byz_app"


def test_an_administrator_allows_a_function(cluster, conn, admin):
    fails(conn, "SELECT pg_size_pretty(pg_relation_size('account')) <> ''", "0A000")
    admin.execute("SELECT byzantium.allow('pg_relation_size(regclass, text)')")
    admin.execute("SELECT byzantium.allow('pg_relation_size(regclass)')")
    assert value(conn, "SELECT pg_relation_size('account') > 0") == "t"
    cluster.wait_same("SELECT count(*) FROM byzantium.allowed_functions", "2")
    admin.execute("SELECT byzantium.disallow('pg_relation_size(regclass)')")
    admin.execute("SELECT byzantium.disallow('pg_relation_size(regclass, text)')")
    fails(conn, "SELECT pg_relation_size('account')", "0A000")
