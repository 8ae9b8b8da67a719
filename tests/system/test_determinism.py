"""What one PostgreSQL would decide for itself is the same on all four replicas."""
import threading

import byz
import pytest

POSITIONS = """SELECT string_agg(concat_ws(' ', sequence, lane, next, remaining), ','
               ORDER BY sequence::text, lane) FROM byzantium.sequence_positions"""


def retried(conn, work, coordinator=None, tries=20):
    """A correct application's loop; what `work` returned in the transaction that committed."""
    for _ in range(tries):
        try:
            conn.begin(coordinator) if coordinator is not None else conn.begin()
            value = work(conn)
            conn.commit()
            return value
        except byz.Error as error:
            if conn.transaction_status != "none":
                conn.rollback()
            assert error.sqlstate in ("40001", "40P01"), error
    raise AssertionError("never committed")


def value(conn, sql, *parameters):
    return conn.execute(sql, *parameters).rows[0][0]


def same_positions(cluster):
    cluster.wait_same(POSITIONS, cluster.psql(0, POSITIONS))


# -- sequences


@pytest.fixture(scope="module", name="tickets")
def tickets_fixture(cluster):
    cluster.ctl("run", "--quiet", "-c", """
        CREATE TABLE ticket (id serial PRIMARY KEY, number bigint GENERATED ALWAYS AS IDENTITY,
                             note text);
        CREATE TABLE seen (id int)""")


def insert(conn):
    return int(value(conn, "INSERT INTO ticket (note) VALUES ('x') RETURNING id"))


def test_one_client_after_another_leaves_no_gap(cluster, conn, tickets):
    assert [retried(conn, insert, number % 4) for number in range(40)] == list(range(1, 41))
    cluster.wait_same("SELECT count(*), max(id), max(number) FROM ticket", "40|40|40")
    same_positions(cluster)


def test_open_transactions_draw_different_values(cluster, conn, other, tickets):
    retried(conn, insert)
    for first, second in ((0, 0), (0, 1), (2, 3)):
        while True:  # once: the second lane has no values of its own yet
            conn.begin(first)
            other.begin(second)
            drawn = [insert(conn), insert(other), insert(conn), insert(other)]
            assert len(set(drawn)) == 4
            conn.commit()
            try:
                other.commit()
                break
            except byz.Error as error:
                assert error.sqlstate == "40001"
    same_positions(cluster)


def test_currval_and_lastval_in_the_transaction(conn, tickets):
    conn.begin()
    drawn = insert(conn)
    assert int(value(conn, "SELECT currval('ticket_id_seq')")) == drawn
    assert value(conn, "SELECT lastval()") == value(conn, "SELECT currval('ticket_number_seq')")
    conn.commit()
    conn.begin()
    with pytest.raises(byz.Error) as error:
        conn.execute("SELECT lastval()")
    assert error.value.sqlstate == "55000"
    conn.rollback()


def test_setval_restart_and_truncate(cluster, conn, tickets):
    conn.execute("SELECT setval('ticket_id_seq', 5000)")
    assert retried(conn, insert) == 5001
    conn.execute("ALTER SEQUENCE ticket_id_seq RESTART WITH 7000")
    assert retried(conn, insert) == 7000
    conn.execute("TRUNCATE ticket RESTART IDENTITY")
    assert retried(conn, insert) == 1
    same_positions(cluster)
    cluster.wait_same("SELECT id, number FROM ticket", "1|1")


def test_a_coordinator_that_dies_is_replaced_with_the_same_values(cluster, conn, tickets):
    conn.begin(2)
    drawn = [insert(conn), insert(conn)]
    cluster.kill(2)
    drawn.append(insert(conn))  # elsewhere, after the list was run again and compared
    conn.commit()
    assert drawn == sorted(set(drawn))
    cluster.up(2)
    ids = cluster.psql(0, "SELECT string_agg(id::text, ',' ORDER BY id) FROM ticket")
    assert set(map(str, drawn)) <= set(ids.split(","))
    cluster.wait_same("SELECT string_agg(id::text, ',' ORDER BY id) FROM ticket", ids)
    same_positions(cluster)


def test_many_at_once(cluster, tickets):
    """No value twice, none lost to a false error, and few wasted."""
    clients, rounds = 8, 12
    cluster.ctl("run", "--quiet", "-c", "TRUNCATE ticket RESTART IDENTITY")
    failures, drawn = [], []

    def work(number):
        try:
            with cluster.connect() as conn:
                for turn in range(rounds):
                    drawn.append(retried(conn, insert, (number + turn) % 4, tries=100))
        except Exception as error:  # pylint: disable=broad-except
            failures.append(repr(error))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(set(drawn)) == len(drawn) == clients * rounds
    assert max(drawn) <= clients * (rounds + 2 * 16)
    cluster.wait_same("SELECT count(*), max(id) FROM ticket", f"{len(drawn)}|{max(drawn)}")
    same_positions(cluster)


# -- time and random numbers


def test_random_defaults_are_equal(cluster, conn):
    conn.execute("""CREATE TABLE noise (id int, r float8 DEFAULT random(),
        u uuid DEFAULT gen_random_uuid(), c timestamptz DEFAULT clock_timestamp(),
        s timestamptz DEFAULT statement_timestamp(), t text DEFAULT timeofday())""")
    for coordinator in range(4):
        conn.begin(coordinator)
        conn.execute("INSERT INTO noise (id) SELECT * FROM generate_series(1, 5)")
        row = conn.execute("SELECT random(), gen_random_uuid(), clock_timestamp() = now()").rows[0]
        assert row[2] == "t"
        conn.commit()
        assert conn.suspect is None
    digest = "SELECT md5(string_agg(noise::text, '|' ORDER BY id, r)) FROM noise"
    cluster.wait_same(digest, cluster.psql(0, digest))
    cluster.wait_same("SELECT count(DISTINCT r), count(DISTINCT u) FROM noise", "20|20")


# -- the order of rows


def test_physical_order_does_not_show(cluster, conn):
    """One replica stores the rows in another order and has an index of its own. Nobody is accused,
    nothing aborts, and what is stored stays equal."""
    conn.execute("CREATE TABLE pile (id int PRIMARY KEY, k int, f float8, s text)")
    conn.execute("""INSERT INTO pile SELECT g, g % 5, (g % 3 - 1) * 1e16 + g / 7.0, 's' || g % 11
                    FROM generate_series(1, 200) g""")
    conn.execute("CREATE TABLE copy (id serial, k int, s text)")
    cluster.wait_same("SELECT count(*) FROM pile", "200")
    for replica in (1, 3):
        cluster.psql(replica, "CREATE TABLE moved AS SELECT * FROM pile ORDER BY md5(id::text);"
                     "TRUNCATE pile; INSERT INTO pile SELECT * FROM moved; DROP TABLE moved",
                     role="byzantium")
    cluster.psql(3, "ANALYZE pile; SET enable_sort = off; CREATE INDEX only_here ON pile (k)",
                 role="byzantium")
    for coordinator, statement in enumerate([
            "SELECT * FROM pile LIMIT 10", "SELECT id FROM pile ORDER BY k LIMIT 7",
            "SELECT k, s FROM pile ORDER BY k", "SELECT DISTINCT ON (k) k, s FROM pile",
            "SELECT string_agg(s, ','), sum(f), avg(f) FROM pile",
            "SELECT id, row_number() OVER (ORDER BY k) FROM pile",
            "INSERT INTO copy (k, s) SELECT k, s FROM pile RETURNING id",
            "INSERT INTO copy (k, s) SELECT k, s FROM pile ORDER BY s LIMIT 20",
            "UPDATE pile SET s = gen_random_uuid() WHERE k = 1",
            "DELETE FROM pile WHERE id IN (SELECT id FROM pile WHERE k = 2 LIMIT 9)"]):
        conn.begin(coordinator % 4)
        conn.execute(statement)
        conn.commit()
        assert conn.suspect is None
    for table in ("pile", "copy"):
        digest = f"SELECT md5(string_agg(t::text, '|' ORDER BY id)) FROM {table} t"
        cluster.wait_same(digest, cluster.psql(0, digest))
    cluster.psql(3, "DROP INDEX only_here", role="byzantium")
