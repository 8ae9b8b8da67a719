"""Hostile SQL: PostgreSQL's SQLSTATEs, and four replicas that stay equal and alive."""
import os
import threading

import byz
import pytest

from features import stage_fixture  # noqa: F401 pylint: disable=unused-import

# An endless transaction holds up the order for twice the transaction's time at most, then less.
LIMITS = ("statement_timeout_ms=1000", "transaction_timeout_ms=3000")


@pytest.fixture(scope="module", autouse=True)
def everybody_lives(cluster):
    """No process was replaced, and all of them serve."""
    def pids():
        return [(cluster.proxy_pid(replica),
                 cluster.postmaster_pid(replica)) for replica in range(4)]
    before = pids()
    yield
    with cluster.connect() as conn:
        for coordinator in range(4):
            conn.begin(coordinator)
            conn.execute("UPDATE account SET balance = balance + 1 WHERE id = 1")
            conn.commit()
    cluster.wait_same("SELECT balance FROM account WHERE id = 1", "1004")
    assert pids() == before
    for proxy, postmaster in before:
        os.kill(proxy, 0)
        os.kill(postmaster, 0)
    assert [cluster.status(replica)["state"] for replica in range(4)] == ["ready"] * 4


def nested(before, inner, after, count):
    return before * count + inner + after * count


# -- deep and huge


@pytest.mark.parametrize("sql, states",
                         [  # 42601 where the parser's own stack is full ("memory exhausted")
    ("SELECT " + "1+" * 40000 + "1", ("54001",)),
    ("SELECT " + nested("(", "1", ")", 100000), ("54001", "42601")),
    ("SELECT " + "NOT " * 50000 + "true", ("42601",)),
    ("SELECT " + nested("(SELECT ", "1", ")", 20000), ("42601",)),
    ("SELECT " + nested("CASE WHEN true THEN ", "1", " END", 8000), ("42601",)),
    ("SELECT " + nested("abs(", "1", ")", 40000), ("42601",)),
    ("SELECT " + nested("ARRAY[", "1", "]", 20000), ("42601",)),
    ("SELECT " + "- " * 100000 + "1", ("42601",)),
    ("SELECT '" + "[" * 200000 + "'::json", ("54001",)),
    ("SELECT '" + "{" * 200000 + "'::int[]", ("22P02", "54000")),
    ("SELECT 1 WHERE 'a' ~ '" + nested("(", "a", ")", 30000) + "'", ("2201B",)),
    ("SELECT " + ", ".join("1" for _ in range(2000)), ("54011",)),
    ("SELECT '" + "&" * 1000 + "'::tsquery", ("42601",)),
    ("VALUES " + ", ".join(["(1)"] * 300) + ", (1, 2)", ("42601",)),
    ("SELECT 1" + " UNION SELECT 1" * 15000, ("54001",)),
    ("SELECT 1 AS \"" + "x" * 200000 + "\" FROM nothing", ("42P01",)),
    ("CREATE TABLE wide (" + ", ".join(f"c{n} int" for n in range(1700)) + ")", ("54011",)),
], ids=lambda value: value[:20] if isinstance(value, str) else "")
def test_too_deep_or_too_large(stage, sql, states):
    with pytest.raises(byz.Error) as error:
        stage.act(sql)
    assert error.value.sqlstate in states, error.value


def test_large_and_good(stage):
    """What PostgreSQL can do works: 200 KB in one expression, 40,000 terms in a list."""
    assert stage.value("SELECT " + "||".join(["'" + "x" * 400 + "'"] * 500) + " = repeat('x', 200000)") == "t"
    numbers = ",".join(map(str, range(40000)))
    assert stage.value(f"SELECT count(*) FROM generate_series(-5, 5) g WHERE g IN ({numbers})") == "6"
    stage.act("CREATE TABLE big (id int PRIMARY KEY, v text)",
              "INSERT INTO big VALUES " + ",".join(f"({n}, 'v')" for n in range(20000)))
    assert stage.rows("SELECT count(*), sum(id) FROM big") == [("20000", "199990000")]
    stage.fails("42601", "SELECT " + "1" * 1000 + "x y z")


# -- bytes


@pytest.mark.parametrize("sql, parameters, state", [
    ("SELECT chr(0)", (), "54000"), ("SELECT E'\\xff'", (), "22021"),
    ("SELECT E'a\\000b'", (), "22021"),
    ("SELECT convert_from('\\xc328', 'UTF8')", (), "22021"),
    ("SELECT convert_from('\\x00', 'UTF8')", (), "22021"),
    ("SELECT '\\x0'::bytea", (), "22023"), ("SELECT U&'\\D800'", (), "42601"),
    ("SELECT '\"\\u0000\"'::jsonb", (), "22P05"),
    ("SELECT $1::text", ("\udcff",), "22021"), ("SELECT '\udcff\udcfe'", (), "22021"),
    ("SELECT \"\udcc3(\"", (), "22021"),
    ("SELECT convert('\\xff'::bytea, 'UTF8', 'LATIN1')", (), "22021"), ("SELECT 'x", (), "42601"),
    ("SELECT $x$", (), "42601"),
    ("/* open", (), "42601"), ("SELECT 1; SELECT 2", (), "42601"), ("SELECT $2", ("a",), "42P18"),
], ids=lambda value: ascii(value)[:30] if isinstance(value, str) else "")
def test_bytes(stage, sql, parameters, state):
    conn = stage.conn
    conn.begin()
    with pytest.raises(byz.Error) as error:
        execute_raw(conn, sql, *parameters)
    assert error.value.sqlstate == state, error.value
    conn.rollback()


def execute_raw(conn, sql, *parameters):
    """As byz.Connection.execute, but for bytes that are no UTF-8 (Python's surrogate escapes)."""
    class Bytes(str):
        def encode(self, *_):
            return str.encode(self, "utf-8", "surrogateescape")

        def __str__(self):
            return self
    return conn.execute(Bytes(sql), *map(Bytes, parameters))


def test_a_zero_byte_ends_the_text(stage):
    """In C a string ends there, for PostgreSQL and the guard alike: nothing hides behind it."""
    stage.act("CREATE TABLE z (v text)")
    stage.act("INSERT INTO z VALUES ('seen')\0; DROP TABLE z")
    assert stage.value("SELECT count(*) FROM z") == "1"
    stage.fails("42601", "INSERT INTO z VALUES ('a\0b')")


# -- functions that do not end


def define(stage, name, body, result="int", declare=""):
    stage.act(f"CREATE OR REPLACE FUNCTION {name} RETURNS {result} LANGUAGE plpgsql AS $f$"
              f" {declare} BEGIN {body} END $f$")


def test_recursion(stage):
    define(stage, "down(n int)", "RETURN down(n + 1);")
    define(stage, "ping(n int)", "RETURN n;")
    define(stage, "pong(n int)", "RETURN ping(n);")
    define(stage, "ping(n int)", "RETURN pong(n + 1);")
    define(stage, "net(n int)", "RETURN down(n); EXCEPTION WHEN statement_too_complex THEN RETURN"
                                " -1;")
    stage.fails("54001", "SELECT down(0)")
    stage.fails("54001", "SELECT ping(0)")
    assert stage.value("SELECT net(0)") == "-1"
    stage.act("CREATE TABLE again (n int)")
    define(stage, "more()", "INSERT INTO again VALUES (new.n + 1); RETURN new;", "trigger")
    stage.act("CREATE TRIGGER more BEFORE INSERT ON again FOR EACH ROW EXECUTE FUNCTION more()")
    stage.fails("54001", "INSERT INTO again VALUES (1)")
    stage.act("CREATE VIEW loop AS SELECT 1 AS a", "CREATE OR REPLACE VIEW loop AS SELECT a FROM"
                                                   " loop")
    stage.fails("42P17", "SELECT * FROM loop")


def test_loops_end(stage):
    """The limit is the cluster's; a transaction is not committed, and its locks are free."""
    define(stage, "spin()", "LOOP NULL; END LOOP;")
    define(stage, "deaf()", "LOOP BEGIN LOOP NULL; END LOOP; EXCEPTION WHEN query_canceled THEN"
                            " NULL; END; END LOOP;")
    define(stage, "once()", "LOOP NULL; END LOOP; EXCEPTION WHEN query_canceled THEN RETURN 1;")
    forever = "(WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n FROM r) SELECT max(n) FROM r)"
    for call in ("spin()", "deaf()", forever):
        stage.fails("57014", "UPDATE account SET balance = 0 WHERE id = 2", f"SELECT {call}")
    # It swallows the cancel and returns; what it says then is no answer.
    stage.fails("57014", "UPDATE account SET balance = 0 WHERE id = 2", "SELECT once()")
    assert stage.value("UPDATE account SET balance = balance WHERE id = 2 RETURNING balance") == "1000"


def test_loops_on_all_coordinators_at_once(cluster, stage):
    stage.act("CREATE OR REPLACE FUNCTION public.deaf_spin() RETURNS int LANGUAGE plpgsql AS"
              " 'BEGIN LOOP BEGIN LOOP NULL; END LOOP; EXCEPTION WHEN query_canceled THEN NULL;"
              " END; END LOOP; END'")
    states = []

    def spin(coordinator):
        with cluster.connect() as conn:
            conn.begin(coordinator)
            try:
                conn.execute("SELECT deaf_spin()")
                conn.commit()
            except byz.Error as error:
                states.append(error.sqlstate)

    threads = [threading.Thread(target=spin, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    stage.act("UPDATE account SET balance = balance WHERE id = 3")
    for thread in threads:
        thread.join(60)
    assert states == ["57014"] * 4


def test_memory_is_bounded(stage):
    define(stage, "grow()", "FOR i IN 1..60 LOOP s := s || s || 'x'; IF length(s) > 10000000 THEN"
                            " s := repeat(s, 200); END IF;"
           " END LOOP; RETURN length(s);", declare="DECLARE s text := 'x';")
    stage.fails("54000", "SELECT grow()")
    stage.fails("54000", "SELECT repeat('x', 2000000000)")
    stage.fails("54000", "SELECT lpad('x', 1100000000)")
    stage.fails("54000", "SELECT array_fill(0, ARRAY[2000000000])")
    stage.fails("54000", "SELECT repeat(md5(g::text), 1000) FROM generate_series(1, 5000) g")
    stage.fails("54000", "SELECT '" + "x" * 600000 + "'")


# -- what is hidden


HIDDEN = [
    "SELECT pg_catalog.pg_backend_pid()", "SELECT \"pg_catalog\".\"pg_backend_pid\"()",
    "DO $$ BEGIN EXECUTE 'SELECT pg_back' || 'end_pid()'; END $$",
    "DO $$ BEGIN EXECUTE format('COMMIT'); END $$",
    "DO $$ BEGIN EXECUTE 'COPY account TO ''/tmp/byz-never'''; END $$",
    "DO $$ BEGIN EXECUTE 'SET ROLE byzantium'; END $$",
    "DO $$ BEGIN EXECUTE 'DISCARD ALL'; END $$", "DO $$ BEGIN EXECUTE 'ALTER SYSTEM SET work_mem"
                                                 " = 1'; END $$",
    "SELECT query_to_xml('SELECT pg_backend_pid()', true, true, '')",
    "SELECT ts_stat('SELECT pg_backend_pid()::text::tsvector')",
    "SELECT * FROM ts_stat('SELECT to_tsvector(pg_backend_pid()::text)')",
    "SELECT database_to_xml(true, true, '')",
    "SELECT 1 OPERATOR(s_hidden.%%%) 2", "SELECT CAST(ROW(1) AS s_hidden.one)::text",
    "SELECT 1::s_hidden.box1::text",
    "SELECT hides()", "SELECT hides_in_default()", "SELECT max(hides()) OVER () FROM account",
    "INSERT INTO s_hidden.t DEFAULT VALUES", "INSERT INTO s_hidden.checked VALUES (1)",
    "SELECT 5::s_hidden.dom",
    "INSERT INTO s_hidden.watched VALUES (1)", "SELECT * FROM s_hidden.v",
    "UPDATE s_hidden.ruled SET a = 2",
    "SELECT renamed()", "SELECT xmin FROM account", "SELECT ctid FROM account",
    "SELECT lo_create(0)",
    "SELECT pg_read_file('/etc/passwd')", "SELECT pg_ls_dir('.')", "SELECT pg_terminate_backend(1)",
    "SELECT pg_reload_conf()", "SELECT pg_logical_emit_message(false, 'a', 'b')",
    "SELECT set_config('role', 'byzantium', true)",
    "SELECT current_setting('data_directory')", "SELECT pg_advisory_xact_lock(1)",
    "SELECT dblink('', '')",
    "SELECT sum_of_pids(g) FROM generate_series(1, 3) g",
]


@pytest.fixture(scope="module", name="hidden")
def hidden_fixture(cluster):
    with cluster.connect() as conn:
        conn.begin()
        for sql in [
            "CREATE SCHEMA s_hidden", "SET LOCAL search_path = s_hidden, public",
            "CREATE FUNCTION hides() RETURNS int LANGUAGE plpgsql AS $$ DECLARE n int; BEGIN"
            " EXECUTE 'SELECT ' || 'pg_backend' || '_pid()' INTO n; RETURN n; END $$",
            "CREATE FUNCTION hides2(int, int) RETURNS int LANGUAGE sql AS 'SELECT"
            " pg_backend_pid()'",
            "CREATE FUNCTION hides_in_default(n int DEFAULT pg_backend_pid()) RETURNS int"
            " LANGUAGE sql RETURN n",
            "CREATE OPERATOR %%% (LEFTARG = int, RIGHTARG = int, FUNCTION = hides2)",
            "CREATE TYPE one AS (a int)", "CREATE FUNCTION one_text(one) RETURNS text LANGUAGE"
                                          " sql AS 'SELECT pg_backend_pid()::text'",
            "CREATE CAST (one AS text) WITH FUNCTION one_text(one)",
            "CREATE TYPE box1 AS (a int)", "CREATE FUNCTION box1_of(int) RETURNS box1 LANGUAGE"
                                           " sql AS 'SELECT ROW(pg_backend_pid())::box1'",
            "CREATE CAST (int AS box1) WITH FUNCTION box1_of(int)",
            "CREATE TABLE t (a int DEFAULT pg_backend_pid())",
            "CREATE TABLE checked (a int CHECK (a <> hides()))",
            "CREATE DOMAIN dom AS int CHECK (VALUE <> pg_backend_pid())",
            "CREATE TABLE watched (a int)",
            "CREATE FUNCTION same() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END'",
            "CREATE TRIGGER w BEFORE INSERT ON watched FOR EACH ROW WHEN (new.a <>"
            " pg_backend_pid()) EXECUTE FUNCTION same()",
            "CREATE VIEW v AS SELECT pg_backend_pid()", "CREATE TABLE ruled (a int)",
            "CREATE RULE r AS ON UPDATE TO ruled DO ALSO INSERT INTO t DEFAULT VALUES",
            "INSERT INTO ruled VALUES (1)",
            "CREATE FUNCTION sums(int, int) RETURNS int LANGUAGE sql AS 'SELECT $1 +"
            " pg_backend_pid()'",
            "CREATE AGGREGATE sum_of_pids (int) (SFUNC = sums, STYPE = int, INITCOND = 0)",
            "CREATE FUNCTION renamed() RETURNS int LANGUAGE sql AS 'SELECT hides()'",
        ]:
            conn.execute(sql)
        conn.commit()


@pytest.mark.parametrize("sql", HIDDEN)
def test_hidden_calls(hidden, stage, sql):
    stage.begin()
    stage.conn.execute("SET LOCAL search_path = s_hidden, public")
    with pytest.raises(byz.Error) as error:
        stage.conn.execute(sql)
    assert error.value.sqlstate in ("0A000", "42501", "42883", "2D000"), error.value
    stage.end()


def test_functions_named_like_builtins(stage):
    """A client's function is not PostgreSQL's, whatever its name; PostgreSQL's is found first."""
    stage.act("CREATE FUNCTION pg_backend_pid() RETURNS int LANGUAGE sql RETURN 7",
              "CREATE FUNCTION now() RETURNS text LANGUAGE sql RETURN 'x'",
              "CREATE FUNCTION nextval(regclass) RETURNS bigint LANGUAGE sql RETURN 1",
              "CREATE FUNCTION random() RETURNS float8 LANGUAGE sql RETURN 0.5")
    mine = stage.name
    assert stage.rows(f"SELECT {mine}.pg_backend_pid(), {mine}.now(), {mine}.random()") == [
        ("7", "x", "0.5")]
    stage.fails("0A000", "SELECT pg_backend_pid()")
    assert stage.value(f"SET LOCAL search_path = {mine}, pg_catalog",
                       "SELECT pg_backend_pid()") == "7"
    stage.act("CREATE OPERATOR = (LEFTARG = int, RIGHTARG = int, FUNCTION = int4ne)",
              "CREATE TABLE t (id serial PRIMARY KEY, a int)",
              "CREATE FUNCTION int4eq(int, int) RETURNS boolean LANGUAGE sql RETURN false")
    assert stage.rows(f"SET LOCAL search_path = {mine}, pg_catalog",
                      "INSERT INTO t (a) VALUES (1), (2) RETURNING id, a = 1") == [
        ("1", "f"), ("2", "t")]
    stage.act(f"SET LOCAL search_path = {mine}, pg_catalog", "UPDATE t SET a = 5 WHERE id = 1")
    assert stage.rows("SELECT id, a FROM t ORDER BY id") == [("1", "1"), ("2", "5")]
    stage.act("CREATE TABLE fake (LIKE t)", "CREATE FUNCTION flags() RETURNS int LANGUAGE sql"
                                            " RETURN 0")
    stage.fails("42501", "SELECT byzantium.flags()")


def test_aliases_of_builtins(stage):
    for sql in ("CREATE FUNCTION mine() RETURNS int LANGUAGE internal AS 'pg_backend_pid'",
                "CREATE FUNCTION mine() RETURNS int LANGUAGE c AS '$libdir/plpgsql', 'x'"):
        stage.fails("0A000", sql, words="SQL or PL/pgSQL")
