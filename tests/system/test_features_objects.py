"""PostgreSQL's objects through the library: views, rules, triggers, functions, partitions,
constraints, DDL, privileges; and four equal databases at the end."""
import pytest

from cluster import wait_until
from features import stage_fixture  # noqa: F401 pylint: disable=unused-import


# -- views and rules


def test_views(stage):
    stage.act("CREATE TABLE item (id int PRIMARY KEY, price numeric(6,2), hidden boolean DEFAULT"
              " false)",
              "INSERT INTO item VALUES (1, 5), (2, 50), (3, 500)",
              "CREATE VIEW cheap AS SELECT id, price FROM item WHERE price < 100 WITH CASCADED"
              " CHECK OPTION",
              "CREATE RECURSIVE VIEW nums (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM nums"
              " WHERE n < 3",
              "CREATE VIEW guarded WITH (security_barrier, security_invoker) AS SELECT * FROM"
              " item WHERE NOT hidden")
    assert stage.act("UPDATE cheap SET price = price + 1 WHERE id = 1").affected == 1
    stage.fails("44000", "INSERT INTO cheap VALUES (4, 1000)")
    assert stage.rows("SELECT (SELECT sum(price) FROM cheap), (SELECT sum(n) FROM nums), count(*)"
                      " FROM guarded") == [
        ("56.00", "6", "3")]
    stage.act("CREATE OR REPLACE VIEW cheap AS SELECT id, price, hidden FROM item WHERE price < 10",
              "ALTER VIEW cheap ALTER COLUMN hidden SET DEFAULT true",
              "INSERT INTO cheap VALUES (5, 1)",
              "ALTER VIEW cheap RENAME TO very_cheap", "DROP VIEW guarded")
    assert stage.rows("SELECT id, hidden FROM very_cheap ORDER BY id") == [("1", "f"), ("5", "t")]


def test_materialised_views(stage):
    stage.act("CREATE TABLE sale (day date, amount int)",
              "INSERT INTO sale SELECT date '2024-01-01' + g % 3, g FROM generate_series(1, 30) g",
              "CREATE MATERIALIZED VIEW daily AS SELECT day, sum(amount) AS total FROM sale GROUP"
              " BY day",
              "CREATE UNIQUE INDEX ON daily (day)",
              "CREATE MATERIALIZED VIEW later AS SELECT * FROM sale WITH NO DATA")
    assert stage.rows("SELECT * FROM daily ORDER BY day LIMIT 1") == [("2024-01-01", "165")]
    stage.fails("55000", "SELECT * FROM later")
    stage.act("INSERT INTO sale VALUES ('2024-01-01', 1000)", "REFRESH MATERIALIZED VIEW daily",
              "REFRESH MATERIALIZED VIEW later")
    assert stage.value("SELECT total FROM daily ORDER BY day LIMIT 1") == "1165"
    stage.fails("0A000", "REFRESH MATERIALIZED VIEW CONCURRENTLY daily",
                words="Leave CONCURRENTLY out")
    stage.act("ALTER MATERIALIZED VIEW daily RENAME COLUMN total TO amount")


def test_rules(stage):
    stage.act("CREATE TABLE a (id int PRIMARY KEY, v text)", "CREATE TABLE log (what text, id int)",
              "CREATE VIEW va AS SELECT * FROM a",
              "CREATE RULE ins AS ON INSERT TO va DO INSTEAD INSERT INTO a VALUES (new.*)"
              " RETURNING a.*",
              "CREATE RULE del AS ON DELETE TO va DO INSTEAD (INSERT INTO log VALUES ('deleted',"
              " old.id);"
              " DELETE FROM a WHERE id = old.id)",
              "CREATE RULE upd AS ON UPDATE TO a WHERE new.v IS NULL DO ALSO INSERT INTO log"
              " VALUES ('emptied', old.id)",
              "CREATE RULE quiet AS ON INSERT TO log WHERE new.id > 100 DO INSTEAD NOTHING")
    assert stage.rows("INSERT INTO va VALUES (1, 'x'), (2, 'y') RETURNING id, v") == [
        ("1", "x"), ("2", "y")]
    stage.act("UPDATE a SET v = NULL WHERE id = 2", "DELETE FROM va WHERE id = 1",
              "INSERT INTO log VALUES ('no', 101)")
    assert stage.rows("SELECT what, id FROM log ORDER BY what") == [
        ("deleted", "1"), ("emptied", "2")]
    stage.act("ALTER RULE upd ON a RENAME TO upd2", "ALTER TABLE a DISABLE RULE upd2",
              "DROP RULE quiet ON log")


# -- triggers

NOTE = """CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
          BEGIN INSERT INTO log (what) VALUES (concat_ws(' ', TG_ARGV[0], TG_WHEN, TG_LEVEL, TG_OP));
                IF TG_OP = 'DELETE' THEN RETURN old; END IF; RETURN new; END $$"""
LOG = "CREATE TABLE log (n int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what text)"
TAKE_LOG = "WITH t AS (DELETE FROM log RETURNING n, what) SELECT what FROM t ORDER BY n"


def take_log(stage):
    return [row[0] for row in stage.rows(TAKE_LOG)]


def test_triggers_of_rows_and_statements(stage):
    stage.act(LOG, NOTE, "CREATE TABLE t (id int PRIMARY KEY, v int, w text)")
    for when in ("BEFORE", "AFTER"):
        for level in ("ROW", "STATEMENT"):
            stage.act(f"CREATE TRIGGER {when}_{level} {when} INSERT OR UPDATE OR DELETE ON t"
                      f" FOR EACH {level} EXECUTE FUNCTION note('t')")
    stage.act("CREATE TRIGGER cut AFTER TRUNCATE ON t FOR EACH STATEMENT EXECUTE FUNCTION"
              " note('t')")
    stage.act("INSERT INTO t VALUES (1, 1), (2, 2)")
    assert take_log(stage) == [
        "t BEFORE STATEMENT INSERT", "t BEFORE ROW INSERT", "t BEFORE ROW INSERT",
                               "t AFTER ROW INSERT", "t AFTER ROW INSERT",
                               "t AFTER STATEMENT INSERT"]
    stage.act("DELETE FROM t WHERE id = 1", "TRUNCATE t")
    assert take_log(stage) == [
        "t BEFORE STATEMENT DELETE", "t BEFORE ROW DELETE", "t AFTER ROW DELETE",
                               "t AFTER STATEMENT DELETE", "t AFTER STATEMENT TRUNCATE"]
    stage.act("ALTER TABLE t DISABLE TRIGGER USER", "INSERT INTO t VALUES (3, 3)",
              "ALTER TABLE t ENABLE TRIGGER cut",
              "ALTER TRIGGER cut ON t RENAME TO cut2", "DROP TRIGGER before_row ON t")
    assert take_log(stage) == []


def test_triggers_when_of_columns_and_instead(stage):
    stage.act(LOG, NOTE, "CREATE TABLE t (id int PRIMARY KEY, v int, w text)",
              "CREATE VIEW vt AS SELECT * FROM t",
              "CREATE TRIGGER a BEFORE UPDATE OF v ON t FOR EACH ROW EXECUTE FUNCTION note('of')",
              "CREATE TRIGGER b AFTER UPDATE ON t FOR EACH ROW WHEN (old.w IS DISTINCT FROM new.w)"
              " EXECUTE FUNCTION note('when')",
              """CREATE FUNCTION put() RETURNS trigger LANGUAGE plpgsql AS $$
                 BEGIN INSERT INTO t VALUES (new.id, new.v, 'by trigger'); RETURN new; END $$""",
              "CREATE TRIGGER i INSTEAD OF INSERT ON vt FOR EACH ROW EXECUTE FUNCTION put()",
              """CREATE FUNCTION double() RETURNS trigger LANGUAGE plpgsql AS $$
                 BEGIN new.v := new.v * 2; IF new.v = 0 THEN RETURN NULL; END IF; RETURN new; END $$""",
              "CREATE TRIGGER d BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION double()")
    assert stage.act("INSERT INTO vt VALUES (1, 10), (2, 0), (3, 30)").affected == 3
    assert stage.rows("SELECT * FROM t ORDER BY id") == [
        ("1", "20", "by trigger"), ("3", "60", "by trigger")]
    stage.act("UPDATE t SET w = 'x' WHERE id = 1", "UPDATE t SET v = 1 WHERE id = 3")
    assert take_log(stage) == ["when AFTER ROW UPDATE", "of BEFORE ROW UPDATE"]


def test_triggers_with_transition_tables(stage):
    stage.act("CREATE TABLE t (id int PRIMARY KEY, v int)", "CREATE TABLE totals (op text, n int,"
                                                            " was int, is_now int)",
              """CREATE FUNCTION sums() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 INSERT INTO totals SELECT TG_OP, count(*), (SELECT sum(v) FROM before), sum(v) FROM later;
                 RETURN NULL; END $$""",
              "CREATE TRIGGER u AFTER UPDATE ON t REFERENCING OLD TABLE AS before NEW TABLE AS"
              " later"
              " FOR EACH STATEMENT EXECUTE FUNCTION sums()",
              "INSERT INTO t SELECT g, g FROM generate_series(1, 10) g",
              "UPDATE t SET v = v * 2 WHERE id > 5")
    assert stage.rows("SELECT * FROM totals") == [("UPDATE", "5", "40", "80")]


def test_constraint_triggers_and_deferred(stage):
    stage.act("CREATE TABLE t (id int PRIMARY KEY, twin int REFERENCES t DEFERRABLE INITIALLY"
              " DEFERRED, v int)",
              "ALTER TABLE t ADD CONSTRAINT one_v UNIQUE (v) DEFERRABLE INITIALLY IMMEDIATE",
              """CREATE FUNCTION even() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 IF (SELECT count(*) FROM t) % 2 = 1 THEN RAISE EXCEPTION 'odd' USING ERRCODE = 'ZX001'; END IF;
                 RETURN NULL; END $$""",
              "CREATE CONSTRAINT TRIGGER c AFTER INSERT OR DELETE ON t DEFERRABLE INITIALLY"
              " DEFERRED"
              " FOR EACH ROW EXECUTE FUNCTION even()")
    stage.act("INSERT INTO t VALUES (1, 2, 1)", "INSERT INTO t VALUES (2, 1, 2)")
    stage.act("UPDATE t SET v = 3 - v")
    stage.act("SET CONSTRAINTS one_v DEFERRED", "UPDATE t SET v = 2", "UPDATE t SET v = id")
    stage.fails_at_commit("ZX001", "INSERT INTO t VALUES (3, 3, 3)")
    stage.fails_at_commit("23503", "INSERT INTO t VALUES (3, 99, 3)",
                          "INSERT INTO t VALUES (4, 98, 4)")
    stage.fails("ZX001", "DELETE FROM t WHERE id = 1", "SET CONSTRAINTS c IMMEDIATE")
    assert stage.value("SELECT string_agg(id || ':' || v, ',' ORDER BY id) FROM t") == "1:1,2:2"


def test_event_triggers_are_refused(stage):
    stage.act("CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'")
    stage.fails("0A000", "CREATE EVENT TRIGGER e ON ddl_command_start EXECUTE FUNCTION e()",
                words="administrator")


# -- functions


def test_functions(stage):
    stage.act("CREATE TABLE acc (id int PRIMARY KEY, n int)",
              "INSERT INTO acc SELECT g, g * 10 FROM generate_series(1, 5) g",
              "CREATE FUNCTION twice(n int, by int DEFAULT 2) RETURNS int IMMUTABLE LANGUAGE sql"
              " RETURN n * by",
              "CREATE FUNCTION total(VARIADIC ids int[]) RETURNS bigint STABLE LANGUAGE sql AS"
              " 'SELECT sum(n) FROM acc WHERE id = ANY (ids)'",
              """CREATE FUNCTION walk(OUT id int, OUT sofar int) RETURNS SETOF record LANGUAGE plpgsql AS $$
                 DECLARE r record; BEGIN sofar := 0;
                 FOR r IN SELECT * FROM acc ORDER BY acc.id LOOP id := r.id; sofar := sofar + r.n; RETURN NEXT;
                 END LOOP; END $$""",
              """CREATE FUNCTION pairs(lim int) RETURNS TABLE (a int, b text) LANGUAGE plpgsql AS $$
                 BEGIN RETURN QUERY EXECUTE 'SELECT id, repeat(''*'', n / 10) FROM acc WHERE id <= $1' USING lim;
                 END $$""",
              """CREATE FUNCTION safe_div(a numeric, b numeric) RETURNS text LANGUAGE plpgsql STRICT AS $$
                 DECLARE what text; BEGIN RETURN (a / b)::numeric(8,2); EXCEPTION WHEN division_by_zero THEN
                 GET STACKED DIAGNOSTICS what = MESSAGE_TEXT; RETURN what; END $$""",
              "CREATE FUNCTION any_max(anyarray) RETURNS anyelement LANGUAGE sql AS 'SELECT"
              " max(x) FROM unnest($1) x'",
              "CREATE AGGREGATE product (int) (SFUNC = int4mul, STYPE = int, INITCOND = 1)",
              "CREATE OPERATOR ** (LEFTARG = int, RIGHTARG = int, FUNCTION = twice)")
    assert stage.rows("SELECT twice(4), twice(by => 5, n => 4), total(1, 2, 3), 3 ** 4,"
                      " product(id), any_max('{3,9,4}'::int[])"
                      " FROM acc") == [("8", "20", "60", "12", "120", "9")]
    assert stage.rows("SELECT * FROM walk() WHERE id > 3 ORDER BY id") == [
        ("4", "100"), ("5", "150")]
    assert stage.rows("SELECT * FROM pairs(2) ORDER BY a") == [("1", "*"), ("2", "**")]
    assert stage.rows("SELECT safe_div(1, 3), safe_div(1, 0), safe_div(NULL, 1)") == [
        ("0.33", "division by zero", None)]
    stage.act("CREATE OR REPLACE FUNCTION twice(n int, by int DEFAULT 3) RETURNS int LANGUAGE"
              " plpgsql AS 'BEGIN RETURN n * by; END'",
              "ALTER FUNCTION twice(int, int) STRICT", "ALTER FUNCTION twice RENAME TO times")
    assert stage.rows("SELECT times(4), times(NULL)") == [("12", None)]


def test_procedures_and_do(stage):
    stage.act("CREATE TABLE acc (id serial PRIMARY KEY, n int)",
              """CREATE PROCEDURE fill(n int, INOUT last int DEFAULT 0) LANGUAGE plpgsql AS $$
                 BEGIN FOR i IN REVERSE n..1 LOOP INSERT INTO acc (n) VALUES (i) RETURNING id INTO last; END LOOP; END $$""",
              "CREATE PROCEDURE wipe(keep int) BEGIN ATOMIC DELETE FROM acc WHERE id > keep; END",
              "CREATE PROCEDURE ends() LANGUAGE plpgsql AS 'BEGIN INSERT INTO acc (n) VALUES"
              " (-1); COMMIT; END'")
    assert stage.rows("CALL fill(4)") == [("4",)]
    stage.act("CALL wipe(3)", """DO $$ DECLARE c CURSOR FOR SELECT * FROM acc ORDER BY id; BEGIN
        FOR r IN c LOOP UPDATE acc SET n = n * 100 WHERE id = r.id; CONTINUE WHEN r.id < 2; EXIT; END LOOP;
        PERFORM 1 FROM acc WHERE n = 0; IF FOUND THEN RAISE 'never'; END IF;
        ASSERT (SELECT count(*) FROM acc) = 3; END $$""")
    assert stage.value("SELECT string_agg(n::text, ',' ORDER BY id) FROM acc") == "400,300,2"
    stage.fails("2D000", "CALL ends()")
    stage.fails("P0004", "DO 'BEGIN ASSERT false; END'")
    stage.fails("0A000", "CREATE FUNCTION c() RETURNS int LANGUAGE c AS 'x', 'y'",
                words="SQL or PL/pgSQL")
    assert stage.value("SELECT count(*) FROM acc") == "3"


# -- tables


def test_partitions(stage):
    stage.act("CREATE TABLE m (id int, day date, kind text) PARTITION BY RANGE (day)",
              "CREATE TABLE m24 PARTITION OF m FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')",
              "CREATE TABLE m25 PARTITION OF m FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')"
              " PARTITION BY LIST (kind)",
              "CREATE TABLE m25_a PARTITION OF m25 FOR VALUES IN ('a', 'b')",
              "CREATE TABLE m25_rest PARTITION OF m25 DEFAULT", "CREATE INDEX ON m (kind)",
              "INSERT INTO m SELECT g, date '2024-06-01' + g * 30, chr(96 + g % 4) FROM"
              " generate_series(1, 18) g")
    stage.fails("23514", "INSERT INTO m VALUES (99, '2030-01-01', 'a')")
    assert stage.rows("SELECT (SELECT count(*) FROM m24), (SELECT count(*) FROM m25_a), (SELECT"
                      " count(*) FROM m25_rest),"
                      " (SELECT count(*) FROM m WHERE kind = 'a')") == [("7", "6", "5", "5")]
    assert stage.act("UPDATE m SET day = day + 365, kind = 'z' WHERE day < '2024-07-31'").affected == 1
    stage.act("CREATE TABLE m26 (LIKE m)", "INSERT INTO m26 VALUES (77, '2026-03-03', 'q')",
              "ALTER TABLE m ATTACH PARTITION m26 FOR VALUES FROM ('2026-01-01') TO (MAXVALUE)",
              "ALTER TABLE m DETACH PARTITION m24")
    stage.fails("0A000", "ALTER TABLE m DETACH PARTITION m26 CONCURRENTLY",
                words="Leave CONCURRENTLY out")
    assert stage.rows("SELECT count(*), max(id) FROM m") == [("13", "77")]
    stage.act("CREATE TABLE h (id int PRIMARY KEY, t text) PARTITION BY HASH (id)",
              *(f"CREATE TABLE h{n} PARTITION OF h FOR VALUES WITH (MODULUS 3, REMAINDER {n})" for n in range(3)),
              "INSERT INTO h SELECT g, 'x' FROM generate_series(1, 100) g ON CONFLICT (id) DO"
              " NOTHING",
              "DELETE FROM h WHERE id % 7 = 0", "CREATE TABLE kid (extra int) INHERITS (m24)",
              "INSERT INTO kid VALUES (500, '2024-02-02', 'k', 1)")
    assert stage.rows("SELECT (SELECT count(*) FROM h), (SELECT count(*) FROM h1) > 0, (SELECT"
                      " count(*) FROM ONLY m24),"
                      " (SELECT count(*) FROM m24)") == [("86", "t", "6", "7")]


def test_foreign_keys(stage):
    stage.act("CREATE TABLE p (id int PRIMARY KEY, alt text UNIQUE)",
              "CREATE TABLE c (id int PRIMARY KEY, a int REFERENCES p ON DELETE CASCADE ON UPDATE"
              " CASCADE,"
              " b int DEFAULT 1 REFERENCES p ON DELETE SET DEFAULT, d text REFERENCES p (alt) ON"
              " DELETE SET NULL)",
              "CREATE TABLE g (id int PRIMARY KEY, c int REFERENCES c ON DELETE CASCADE, p int"
              " REFERENCES p ON DELETE RESTRICT)",
              "INSERT INTO p VALUES (1, 'one'), (2, 'two'), (3, 'three'), (4, 'four'), (5, 'five')",
              "INSERT INTO c VALUES (10, 2, 3, 'four'), (11, 3, 2, NULL), (12, 5, 4, 'five')",
              "INSERT INTO g VALUES (100, 10, 5), (101, 12, NULL)")
    stage.fails("23503", "DELETE FROM p WHERE id = 5")
    stage.fails("23503", "INSERT INTO c VALUES (13, 9, 1)")
    stage.act("DELETE FROM p WHERE id IN (2, 4)", "UPDATE p SET id = 33 WHERE id = 3")
    assert stage.rows("SELECT id, a, b, d FROM c ORDER BY id") == [
        ("11", "33", "1", None), ("12", "5", "1", "five")]
    assert stage.rows("SELECT id FROM g") == [("101",)]
    stage.act("ALTER TABLE c ADD CONSTRAINT late FOREIGN KEY (id) REFERENCES p NOT VALID")
    stage.fails("23503", "ALTER TABLE c VALIDATE CONSTRAINT late")
    stage.fails("2BP01", "DROP TABLE p")
    stage.act("TRUNCATE p CASCADE")
    assert stage.value("SELECT count(*) FROM c") == "0"


def test_exclusion_constraints(stage):
    stage.act("CREATE TABLE r (id int PRIMARY KEY, during int4range, EXCLUDE USING gist (during"
              " WITH &&))",
              "CREATE TABLE l (id int, during int4range, CONSTRAINT apart EXCLUDE USING gist"
              " (during WITH &&)"
              " WHERE (id > 0) DEFERRABLE INITIALLY DEFERRED)",
              "INSERT INTO r VALUES (1, '[1,5)'), (2, '[5,9)')")
    stage.fails("23P01", "INSERT INTO r VALUES (3, '[4,6)')")
    assert stage.act("INSERT INTO r VALUES (3, '[4,6)') ON CONFLICT DO NOTHING").affected == 0
    stage.act("INSERT INTO l VALUES (1, '[1,9)')", "INSERT INTO l VALUES (2, '[5,7)')",
              "INSERT INTO l VALUES (0, '[5,7)')",
              "DELETE FROM l WHERE id = 1")
    stage.fails_at_commit("23P01", "INSERT INTO l VALUES (3, '[6,7)')")


def test_generated_and_identity(stage):
    stage.act("CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY (START 10 INCREMENT 5), b int"
              " GENERATED BY DEFAULT AS IDENTITY,"
              " c int, d int GENERATED ALWAYS AS (c * 2) STORED, e timestamptz DEFAULT now(), f"
              " float8 DEFAULT random())")
    assert stage.rows("INSERT INTO t (c) VALUES (1), (2) RETURNING a, b, d, e = now()") == [
        ("10", "1", "2", "t"), ("15", "2", "4", "t")]
    stage.fails("428C9", "INSERT INTO t (a) VALUES (1)")
    stage.fails("428C9", "UPDATE t SET d = 1")
    assert stage.rows("INSERT INTO t (a, b, c) OVERRIDING SYSTEM VALUE VALUES (1, 99, 3)"
                      " RETURNING a, b, d") == [("1", "99", "6")]
    stage.act("UPDATE t SET c = c + 1", "ALTER TABLE t ALTER COLUMN b RESTART WITH 200",
              "ALTER TABLE t ALTER COLUMN a DROP IDENTITY",
              "ALTER TABLE t ALTER d DROP EXPRESSION", "ALTER TABLE t ALTER a SET DEFAULT -1")
    assert stage.rows("INSERT INTO t (c) VALUES (0) RETURNING a, b, d") == [("-1", "200", None)]
    stage.fails("0A000", "ALTER TABLE t ADD COLUMN z int GENERATED ALWAYS AS IDENTITY",
                words="ADD GENERATED")


def test_alter_table(stage):
    stage.act("CREATE TABLE t (id int, a text, b text)", "INSERT INTO t SELECT g, g::text, NULL"
                                                         " FROM generate_series(1, 20) g",
              "ALTER TABLE t ADD PRIMARY KEY (id)", "ALTER TABLE t ADD COLUMN n int NOT NULL"
                                                    " DEFAULT 7, ADD COLUMN at date DEFAULT"
                                                    " CURRENT_DATE",
              "ALTER TABLE t ALTER COLUMN a TYPE int USING a::int * 2",
              "ALTER TABLE t RENAME COLUMN b TO bb",
              "UPDATE t SET bb = 'x'", "ALTER TABLE t ALTER bb SET NOT NULL, ALTER bb SET DEFAULT"
                                       " 'y', ALTER n DROP NOT NULL",
              "ALTER TABLE t ADD CONSTRAINT small CHECK (n < 100) NOT VALID",
              "ALTER TABLE t VALIDATE CONSTRAINT small",
              "ALTER TABLE t ADD CONSTRAINT uq UNIQUE NULLS NOT DISTINCT (n, a)",
              "ALTER TABLE t RENAME CONSTRAINT small TO tiny",
              "ALTER TABLE t SET (fillfactor = 70, autovacuum_enabled = off)",
              "ALTER TABLE t ALTER a SET STATISTICS 50",
              "ALTER TABLE t ALTER bb SET STORAGE EXTERNAL, ALTER bb SET COMPRESSION pglz",
              "ALTER TABLE t REPLICA IDENTITY FULL",
              "ALTER TABLE t DROP COLUMN at", "ALTER TABLE t CLUSTER ON t_pkey",
              "CREATE SCHEMA elsewhere",
              "CREATE TABLE like_t (LIKE t INCLUDING ALL)", "CREATE TABLE as_t AS SELECT id, a"
                                                            " FROM t WHERE id > 15",
              "SELECT id INTO into_t FROM t WHERE id < 3", "ALTER TABLE as_t RENAME TO renamed",
              "ALTER TABLE renamed SET SCHEMA elsewhere", "CREATE TYPE row_t AS (id int, a int)",
              "CREATE TABLE typed OF row_t (PRIMARY KEY (id))", "ALTER TABLE typed NOT OF")
    assert stage.rows("SELECT sum(a), min(n), max(bb) FROM t") == [("420", "7", "x")]
    assert stage.rows("SELECT (SELECT count(*) FROM elsewhere.renamed), (SELECT count(*) FROM"
                      " into_t)") == [("5", "2")]
    stage.fails("42701", "ALTER TABLE t ADD COLUMN n int")
    stage.fails("23502", "ALTER TABLE t ADD COLUMN must int NOT NULL")
    stage.fails("0A000", "ALTER TABLE t ADD COLUMN u uuid DEFAULT gen_random_uuid()",
                words="fill it with UPDATE")
    stage.fails("0A000", "ALTER TABLE t SET UNLOGGED")
    stage.fails("0A000", "CREATE UNLOGGED TABLE u (a int)", words="ordinary table")
    stage.fails("0A000", "CREATE TEMP TABLE u (a int)", words="ordinary table")
    stage.fails("0A000", "ALTER TABLE t OWNER TO byzantium", words="administrator")
    stage.act("DROP TABLE IF EXISTS nothing, elsewhere.renamed", "DROP SCHEMA elsewhere")


def test_indexes(stage):
    stage.act("CREATE TABLE t (id int PRIMARY KEY, s text, n numeric, d date, p point, r"
              " int4range, js jsonb)",
              "INSERT INTO t SELECT g, 's' || g % 7, g / 3.0, date '2024-01-01' + g, point(g, g),"
              " int4range(g, g + 2),"
              " jsonb_build_object('k', g % 5) FROM generate_series(1, 200) g",
              "CREATE INDEX ON t (s)", "CREATE UNIQUE INDEX ON t (s, id) INCLUDE (n)",
              "CREATE INDEX ON t USING hash (s)",
              "CREATE INDEX ON t USING gist (p)", "CREATE INDEX ON t USING spgist (p)",
              "CREATE INDEX ON t USING gin (js)",
              "CREATE INDEX ON t USING brin (d) WITH (pages_per_range = 4)",
              "CREATE INDEX up ON t (upper(s) text_pattern_ops) WHERE n > 5",
              "CREATE INDEX ON t (n DESC NULLS LAST, s COLLATE \"C\")",
              "ALTER INDEX up RENAME TO upper_s",
              "ALTER INDEX upper_s SET (fillfactor = 50)")
    assert stage.rows("SELECT (SELECT count(*) FROM t WHERE s = 's3'), (SELECT count(*) FROM t"
                      " WHERE p <@ box '(0,0),(9,9)'),"
                      " (SELECT count(*) FROM t WHERE js @> '{\"k\": 2}'), (SELECT count(*) FROM"
                      " t WHERE upper(s) LIKE 'S1%' AND n > 5)"
                      ) == [("29", "9", "40", "26")]
    assert stage.rows("SELECT id FROM t ORDER BY p <-> point '(50,50)', id LIMIT 2") == [
        ("50",), ("49",)]
    stage.fails("42P17", "CREATE INDEX ON t ((random() + id))")
    stage.act("DROP INDEX upper_s")


def test_other_ddl(stage):
    stage.act("CREATE TABLE t (a int, b int, c text)", "COMMENT ON TABLE t IS 'a table'",
              "COMMENT ON COLUMN t.a IS 'a column'",
              "COMMENT ON SCHEMA s_other_ddl IS 'a schema'",
              "CREATE TABLE \"Odd name\" (\"sélect\" int)",
              "CREATE SEQUENCE s AS smallint MINVALUE 5 MAXVALUE 7 CYCLE OWNED BY t.a",
              "ALTER SEQUENCE s RENAME TO s2")
    assert [stage.value("SELECT nextval('s2')") for _ in range(4)] == ["5", "6", "7", "5"]
    assert stage.rows("SELECT obj_description('t'::regclass), col_description('t'::regclass, 1)") == [("a table", "a column")]


@pytest.mark.parametrize("statements", [
    ("CREATE STATISTICS st (dependencies, ndistinct, mcv) ON a, b FROM t",
     "COMMENT ON STATISTICS st IS 'x'",
     "ALTER STATISTICS st SET STATISTICS 100", "ALTER STATISTICS st RENAME TO st2",
     "CREATE STATISTICS ex ON (a % 3) FROM t"),
    ("CREATE COLLATION german (provider = icu, locale = 'de')",
     "CREATE TABLE tc (x text COLLATE german)",
     "COMMENT ON COLLATION german IS 'x'", "INSERT INTO tc VALUES ('ä'), ('z'), ('a')"),
    ("CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
     "CREATE TABLE tn (x text COLLATE nocase PRIMARY KEY)", "INSERT INTO tn VALUES ('a'), ('A')"
                                                            " ON CONFLICT DO NOTHING"),
    ("CREATE TEXT SEARCH CONFIGURATION mine (COPY = english)",
     "ALTER TEXT SEARCH CONFIGURATION mine ALTER MAPPING FOR asciiword WITH simple",
     "CREATE TABLE ts (x text, w tsvector GENERATED ALWAYS AS (to_tsvector('s_more_ddl.mine', x))"
     " STORED)",
     "INSERT INTO ts VALUES ('The foxes')"),
    ("ALTER DEFAULT PRIVILEGES IN SCHEMA s_more_ddl GRANT SELECT ON TABLES TO PUBLIC",
     "CREATE TABLE tp (a int)"),
    ("COMMENT ON INDEX t_pkey IS 'x'", "COMMENT ON CONSTRAINT t_pkey ON t IS 'x'"),
    ("CREATE FUNCTION f() RETURNS int LANGUAGE sql RETURN 1", "COMMENT ON FUNCTION f IS 'x'",
     "REVOKE ALL ON FUNCTION f FROM PUBLIC", "CREATE CAST (s_more_ddl.t AS text) WITH INOUT AS"
                                             " ASSIGNMENT"),
    ("DROP STATISTICS st2", "DROP COLLATION german CASCADE", "DROP FUNCTION f"),
])
def test_more_ddl(stage, statements):
    stage.act("CREATE TABLE IF NOT EXISTS t (id int PRIMARY KEY, a int, b int)", *statements)


@pytest.mark.parametrize("sql, words", [
    ("CREATE COLLATION c (locale = 'C')", "provider = icu"),
    ("CREATE COLLATION c FROM \"C\"", "provider = icu"),
    ("CREATE TEXT SEARCH DICTIONARY d (TEMPLATE = ispell, DictFile = x)", "administrator"),
    ("CREATE OPERATOR FAMILY fam USING btree", "administrator"),
    ("ALTER TABLE t OWNER TO CURRENT_USER", "administrator"),
    ("ALTER SCHEMA s_not_for_clients OWNER TO CURRENT_USER", "administrator"),
    ("DROP OWNED BY byz_client", "administrator"),
    ("REASSIGN OWNED BY byz_app TO byz_client", "administrator"),
    ("CREATE PUBLICATION p FOR TABLE t", "administrator"),
    ("CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p", "administrator"),
    ("CREATE DATABASE x", "administrator"),
    ("CREATE TABLESPACE x LOCATION '/tmp'", "administrator"),
    ("CREATE LANGUAGE plpython3u", "Allowed: btree_gin"),
    ("CREATE FOREIGN DATA WRAPPER x", "administrator"),
    ("SECURITY LABEL ON TABLE t IS 'x'", "administrator"),
    ("CREATE CONVERSION c FOR 'UTF8' TO 'LATIN1' FROM utf8_to_iso8859_1", "administrator"),
    ("CREATE ACCESS METHOD m TYPE INDEX HANDLER bthandler", "administrator"),
    ("CREATE ROLE r", "byzantium.authorize"), ("ALTER ROLE byz_app SUPERUSER",
                                               "byzantium.authorize"),
    ("GRANT byz_dba TO byz_app", "byzantium.authorize"),
    ("ALTER ROLE byz_app SET work_mem = '1GB'", "administrator"),
    ("ALTER DATABASE byz SET work_mem = '1GB'", "administrator"), ("VACUUM t", "maintenance"),
    ("ANALYZE t", "maintenance"),
    ("REINDEX TABLE t", "maintenance"), ("CLUSTER t", "maintenance"), ("CHECKPOINT", "maintenance"),
    ("CREATE INDEX CONCURRENTLY ON t (a)", "CONCURRENTLY out"),
    ("DROP INDEX CONCURRENTLY t_pkey", "CONCURRENTLY out"),
    ("EXPLAIN SELECT 1", "byzctl psql"), ("PREPARE p AS SELECT 1", "with parameters"),
])
def test_not_for_clients(stage, sql, words):
    stage.act("CREATE TABLE IF NOT EXISTS t (id int PRIMARY KEY, a int)")
    stage.fails("0A000", sql, words=words)


# -- privileges


def test_privileges(cluster, stage):
    with cluster.connect("admin") as admin:
        admin.execute("SELECT byzantium.authorize('demo', 'clerk', false)")
        admin.execute("SELECT byzantium.authorize('demo', 'auditor', false)")
    as_clerk = ("SET LOCAL ROLE clerk",)
    stage.act("CREATE TABLE t (id serial PRIMARY KEY, a int, secret text)",
              "INSERT INTO t (a, secret) VALUES (1, 's')",
              "CREATE FUNCTION f() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT"
              " count(*) FROM s_privileges.t'",
              "REVOKE ALL ON FUNCTION f FROM PUBLIC")
    stage.fails("42501", *as_clerk, "SELECT * FROM s_privileges.t")
    stage.act("GRANT USAGE ON SCHEMA s_privileges TO clerk, auditor",
              "GRANT SELECT (id, a), UPDATE (a) ON t TO clerk",
              "GRANT INSERT ON t TO clerk", "GRANT USAGE ON ALL SEQUENCES IN SCHEMA s_privileges"
                                            " TO clerk",
              "GRANT EXECUTE ON FUNCTION f TO clerk", "GRANT SELECT ON ALL TABLES IN SCHEMA"
                                                      " s_privileges TO auditor WITH GRANT OPTION")
    assert stage.rows(*as_clerk, "INSERT INTO t (a) VALUES (5) RETURNING id") == [("2",)]
    assert stage.rows(*as_clerk, "SELECT a, f() FROM t WHERE id = 1") == [("1", "2")]
    stage.fails("42501", *as_clerk, "SELECT secret FROM t")
    stage.fails("42501", *as_clerk, "UPDATE t SET secret = ''")
    stage.fails("42501", *as_clerk, "DROP TABLE t")
    stage.fails("42501", *as_clerk, "CREATE TABLE x (a int)")
    stage.fails("42501", *as_clerk, "CREATE EXTENSION hstore")
    stage.act("SET LOCAL ROLE auditor", "GRANT SELECT ON t TO clerk")
    assert stage.value(*as_clerk, "SELECT count(secret) FROM t") == "1"
    stage.act("REVOKE SELECT ON t FROM auditor CASCADE")
    stage.fails("42501", *as_clerk, "SELECT secret FROM t")


def test_row_security(stage):
    stage.act("CREATE TABLE doc (id int PRIMARY KEY, owner text, body text)",
              "GRANT USAGE ON SCHEMA s_row_security TO clerk, auditor",
              "GRANT ALL ON doc TO clerk", "GRANT SELECT ON doc TO auditor",
              "ALTER TABLE doc ENABLE ROW LEVEL SECURITY",
              "CREATE POLICY own ON doc TO clerk USING (owner = current_user) WITH CHECK (owner ="
              " current_user AND id < 100)",
              "CREATE POLICY see ON doc FOR SELECT TO auditor USING (body <> 'private')",
              "CREATE POLICY even ON doc AS RESTRICTIVE FOR SELECT TO auditor USING (id % 2 = 0)",
              "INSERT INTO doc SELECT g, CASE g % 3 WHEN 0 THEN 'clerk' ELSE 'x' END, 'b' FROM"
              " generate_series(1, 9) g")
    assert stage.value("SET LOCAL ROLE clerk",
                       "SELECT string_agg(id::text, ',') FROM doc") == "3,6,9"
    assert stage.value("SET LOCAL ROLE auditor",
                       "SELECT string_agg(id::text, ',') FROM doc") == "2,4,6,8"
    stage.fails("42501", "SET LOCAL ROLE clerk", "INSERT INTO doc VALUES (50, 'x', '')")
    stage.fails("42501", "SET LOCAL ROLE clerk", "INSERT INTO doc VALUES (150, 'clerk', '')")
    assert stage.act("SET LOCAL ROLE clerk", "UPDATE doc SET body = 'mine'").affected == 3
    assert stage.act("SET LOCAL ROLE clerk", "DELETE FROM doc WHERE id < 7").affected == 2
    stage.act("ALTER TABLE doc FORCE ROW LEVEL SECURITY", "ALTER POLICY see ON doc RENAME TO seen",
              "DROP POLICY even ON doc")
    assert stage.value("SELECT count(*) FROM doc") == "0"


# -- what each replica's administrator does alone


def test_maintenance(cluster, stage):
    """Different on each replica: nothing of it shows."""
    stage.act("CREATE TABLE t (id int PRIMARY KEY, k int, s text)", "CREATE INDEX ti ON t (k)",
              "ALTER TABLE t CLUSTER ON ti", "INSERT INTO t SELECT g, g % 10, 's' || g FROM"
                                             " generate_series(1, 2000) g",
                                             "DELETE FROM t WHERE id % 3 = 0",
              "CREATE TABLE copied (n serial, k int, s text)")
    cluster.wait_same("SELECT count(*) FROM s_maintenance.t", "1334")
    for replica, commands in enumerate([
            ("VACUUM FULL s_maintenance.t", "ANALYZE s_maintenance.t"),
            ("REINDEX TABLE CONCURRENTLY s_maintenance.t",),
            ("VACUUM (FREEZE, ANALYZE) s_maintenance.t", "CHECKPOINT"),
            ("CLUSTER s_maintenance.t",)]):
        for command in commands:
            cluster.psql(replica, command, role="byzantium")
    for _ in range(2):
        stage.act("INSERT INTO t SELECT g, g % 10, 'again' FROM generate_series(3, 900, 3) g",
                  "INSERT INTO copied (k, s) SELECT k, s FROM t WHERE k < 5 LIMIT 100",
                  "UPDATE t SET s = s || '!' WHERE id IN (SELECT id FROM t WHERE k = 7 LIMIT 20)")
        assert len(stage.rows("SELECT k, string_agg(s, ',') FROM t GROUP BY k")) == 10
        stage.act("DELETE FROM t WHERE id % 3 = 0")
    for replica in range(4):
        cluster.psql(replica, "CREATE INDEX CONCURRENTLY by_s ON s_maintenance.t (s)",
                     role="byzantium")
    assert stage.value("SELECT count(*) FROM t WHERE s = 's1000!' OR s = 's1000'") == "1"


def test_autovacuum_works(cluster, stage):
    """It is on, and may work on clients' tables and their indexes' functions."""
    stage.act("CREATE FUNCTION key_of(t text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN"
              " RETURN upper(t); END'",
              "CREATE TABLE t (id int, s text)", "CREATE INDEX ON t (s_autovacuum_works.key_of(s))",
              "INSERT INTO t SELECT g, 'x' || g FROM generate_series(1, 500) g")
    assert cluster.psql_all("SHOW autovacuum") == ["on"] * 4
    cluster.wait_same("SELECT count(*) FROM s_autovacuum_works.t", "500")
    for replica in range(4):
        cluster.psql(replica, "ANALYZE s_autovacuum_works.t; REINDEX TABLE s_autovacuum_works.t",
                     role="byzantium")
    wait_until(lambda: cluster.psql_all("SELECT count(*) > 0 FROM pg_stats WHERE tablename = 't'"
                                        " AND schemaname = 's_autovacuum_works'") == ["t"] * 4)
    assert stage.value("SELECT id FROM t WHERE key_of(s) = 'X77'") == "77"
