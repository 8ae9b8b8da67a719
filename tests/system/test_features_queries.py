"""PostgreSQL's queries and types through the library: right results, and four equal databases
(the fixture `cluster` compares them at the end)."""
from features import stage_fixture  # noqa: F401 pylint: disable=unused-import

PEOPLE = """INSERT INTO person (name, boss, pay) VALUES
            ('Ada', NULL, 900), ('Bob', 1, 500), ('Cyd', 1, 500), ('Dan', 2, 300), ('Eve', 4, 100)"""


def people(stage):
    stage.act("CREATE TABLE person (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text"
              " UNIQUE,"
              " boss int REFERENCES person, pay numeric(8,2), hired date DEFAULT CURRENT_DATE)")
    stage.act(PEOPLE)


# -- DML


def test_returning(stage):
    people(stage)
    assert stage.rows("INSERT INTO person (name, pay) VALUES ('Fay', 1), ('Gus', 2)"
                      " RETURNING name, pay * 2") == [("Fay", "2.00"), ("Gus", "4.00")]
    assert stage.rows("UPDATE person p SET pay = p.pay + b.pay FROM person b WHERE p.boss = b.id"
                      " AND p.name = 'Dan' RETURNING p.name, p.pay, b.name"
                      ) == [("Dan", "800.00", "Bob")]
    assert stage.rows("DELETE FROM person WHERE name IN ('Fay', 'Gus') RETURNING name"
                      ) == [("Fay",), ("Gus",)]
    assert stage.value("INSERT INTO person DEFAULT VALUES RETURNING hired = CURRENT_DATE") == "t"
    assert stage.act("UPDATE person SET (name, pay) = (SELECT 'Hal', 7) WHERE name IS NULL").affected == 1


def test_common_table_expressions(stage):
    people(stage)
    assert stage.rows("WITH rich AS MATERIALIZED (SELECT * FROM person WHERE pay >= 500)"
                      " SELECT count(*), sum(pay) FROM rich") == [("3", "1900.00")]
    chain = """WITH RECURSIVE chain AS (
                 SELECT id, name, 0 AS depth, name AS path FROM person WHERE boss IS NULL
                 UNION ALL SELECT p.id, p.name, depth + 1, path || '/' || p.name
                 FROM person p JOIN chain c ON p.boss = c.id)
               SELECT depth, path FROM chain ORDER BY path"""
    assert stage.rows(chain) == [("0", "Ada"), ("1", "Ada/Bob"), ("2", "Ada/Bob/Dan"),
                                 ("3", "Ada/Bob/Dan/Eve"), ("1", "Ada/Cyd")]
    assert stage.rows("""WITH RECURSIVE t(a, b) AS (VALUES (1, 2) UNION SELECT b, a FROM t)
                         CYCLE a, b SET looped USING trail SELECT a, b, looped FROM t
                         ORDER BY 1, 2, 3""") == [("1", "2", "f"), ("1", "2", "t"), ("2", "1", "f")]
    assert stage.rows("""WITH RECURSIVE s AS (SELECT id, boss FROM person WHERE id = 1 UNION ALL
                         SELECT p.id, p.boss FROM person p JOIN s ON p.boss = s.id)
                         SEARCH DEPTH FIRST BY id SET place SELECT id FROM s ORDER BY place"""
                      ) == [("1",), ("2",), ("4",), ("5",), ("3",)]


def test_data_modifying_ctes(stage):
    people(stage)
    stage.act("CREATE TABLE gone (LIKE person INCLUDING ALL)", "CREATE TABLE tally (n int)")
    assert stage.rows("""WITH moved AS (DELETE FROM person WHERE name IN ('Eve', 'Cyd') RETURNING *),
                         kept AS (INSERT INTO gone OVERRIDING SYSTEM VALUE SELECT * FROM moved RETURNING id),
                         counted AS (INSERT INTO tally SELECT count(*) FROM kept)
                         SELECT count(*) FROM person""") == [("5",)]  # the snapshot of before
    assert stage.rows("SELECT (SELECT count(*) FROM person), (SELECT string_agg(name, ',' ORDER"
                      " BY name)"
                      " FROM gone), (SELECT n FROM tally)") == [("3", "Cyd,Eve", "2")]


def test_windows(stage):
    people(stage)
    assert stage.rows("""SELECT name, rank() OVER w, dense_rank() OVER w, row_number() OVER w,
                         lag(name) OVER w, sum(pay) OVER (ORDER BY pay DESC), ntile(2) OVER w
                         FROM person WINDOW w AS (ORDER BY pay DESC, name) ORDER BY 4""") == [
        ("Ada", "1", "1", "1", None, "900.00", "1"), ("Bob", "2", "2", "2", "Ada", "1900.00", "1"),
        ("Cyd", "3", "3", "3", "Bob", "1900.00", "1"), ("Dan", "4", "4", "4", "Cyd", "2200.00",
                                                        "2"),
        ("Eve", "5", "5", "5", "Dan", "2300.00", "2")]
    assert stage.rows("""SELECT name, first_value(name) OVER (PARTITION BY boss ORDER BY name),
                         avg(pay) OVER (PARTITION BY boss ORDER BY name GROUPS BETWEEN 1 PRECEDING
                         AND CURRENT ROW EXCLUDE CURRENT ROW)::int,
                         count(*) FILTER (WHERE pay > 200) OVER ()
                         FROM person WHERE boss = 1 ORDER BY name""") == [
        ("Bob", "Bob", None, "2"), ("Cyd", "Bob", "500", "2")]
    assert stage.rows("""SELECT name, percent_rank() OVER (ORDER BY pay), cume_dist() OVER (ORDER BY pay),
                         sum(pay) OVER (ORDER BY pay RANGE BETWEEN 200 PRECEDING AND CURRENT ROW)
                         FROM person ORDER BY name LIMIT 2""") == [
        ("Ada", "1", "1", "900.00"), ("Bob", "0.5", "0.8", "1300.00")]


def test_merge(stage):
    stage.act("CREATE TABLE stock (item text PRIMARY KEY, n int)",
              "CREATE TABLE moves (item text, d int)",
              "INSERT INTO stock VALUES ('nut', 5), ('cog', 2), ('pin', 1)",
              "INSERT INTO moves VALUES ('nut', -5), ('cog', 3), ('rod', 4), ('pin', 0)")
    merged = stage.act("""MERGE INTO stock s USING moves m ON s.item = m.item
        WHEN MATCHED AND s.n + m.d = 0 THEN DELETE
        WHEN MATCHED AND m.d = 0 THEN DO NOTHING
        WHEN MATCHED THEN UPDATE SET n = s.n + m.d
        WHEN NOT MATCHED AND m.d > 0 THEN INSERT VALUES (m.item, m.d)
        WHEN NOT MATCHED THEN DO NOTHING""")
    assert (merged.tag, merged.affected) == ("MERGE 3", 3)
    assert stage.rows("SELECT * FROM stock ORDER BY item") == [
        ("cog", "5"), ("pin", "1"), ("rod", "4")]
    stage.fails("21000", "INSERT INTO moves VALUES ('cog', 1)",
                "MERGE INTO stock s USING moves m ON s.item = m.item WHEN MATCHED THEN UPDATE SET"
                " n = 0")


def test_on_conflict(stage):
    stage.act("CREATE TABLE hits (page text PRIMARY KEY, n int DEFAULT 1, CHECK (n < 100))",
              "INSERT INTO hits VALUES ('a'), ('b')")
    assert stage.rows("INSERT INTO hits AS h VALUES ('a'), ('c') ON CONFLICT (page) DO UPDATE"
                      " SET n = h.n + excluded.n WHERE h.n < 50 RETURNING page, n") == [("a", "2"),
                          ("c", "1")]
    assert stage.act("INSERT INTO hits VALUES ('a'), ('d') ON CONFLICT DO NOTHING").affected == 1
    assert stage.act("INSERT INTO hits VALUES ('b') ON CONFLICT ON CONSTRAINT hits_pkey DO UPDATE"
                     " SET n = 99"
                     ).affected == 1
    stage.fails("21000", "INSERT INTO hits VALUES ('z'), ('z') ON CONFLICT (page) DO UPDATE SET n"
                         " = 3")
    stage.fails("23514", "INSERT INTO hits VALUES ('b') ON CONFLICT (page) DO UPDATE SET n ="
                         " hits.n + 1")
    assert stage.value("SELECT string_agg(page || n, ',' ORDER BY page) FROM hits") == "a2,b99,c1,d1"


def test_savepoints(stage):
    stage.act("CREATE TABLE steps (n serial, what text)",
              "INSERT INTO steps (what) VALUES ('before')", "SAVEPOINT a",
              "INSERT INTO steps (what) VALUES ('lost')", "SAVEPOINT b",
              "CREATE TABLE lost_too (a int)",
              "ROLLBACK TO a", "INSERT INTO steps (what) VALUES ('kept')", "SAVEPOINT a",
              "INSERT INTO steps (what) VALUES ('inner')", "RELEASE a", "RELEASE a")
    assert stage.value("SELECT string_agg(what, ',' ORDER BY n) FROM steps") == "before,kept,inner"
    stage.fails("42P01", "SELECT * FROM lost_too")
    stage.fails("3B001", "ROLLBACK TO nothing")
    stage.fails("3B001", "SAVEPOINT x", "RELEASE x", "ROLLBACK TO x")


# -- SELECT


def test_grouping_and_sets(stage):
    people(stage)
    assert stage.rows("""SELECT boss, hired IS NULL, count(*), grouping(boss), sum(pay)
                         FROM person GROUP BY ROLLUP (boss, hired IS NULL) HAVING count(*) > 1
                         ORDER BY boss, 2, 4, 3""") == [
        ("1", "f", "2", "0", "1000.00"), ("1", None, "2", "0", "1000.00"),
        (None, None, "5", "1", "2300.00")]
    assert stage.rows("""SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY pay), mode() WITHIN GROUP
                         (ORDER BY pay), array_agg(name ORDER BY name DESC) FROM person
                         WHERE boss IS NOT NULL""") == [("400", "500.00", "{Eve,Dan,Cyd,Bob}")]
    assert stage.rows("SELECT 1 UNION SELECT 2 EXCEPT SELECT 2 UNION ALL SELECT 1 INTERSECT"
                      " SELECT 1"
                      ) == [("1",), ("1",)]
    assert stage.rows("VALUES (1, 'x'), (2, 'y') ORDER BY 1 DESC") == [("2", "y"), ("1", "x")]
    assert stage.rows("TABLE person ORDER BY id FETCH FIRST 1 ROW ONLY")[0][1] == "Ada"
    assert stage.rows("SELECT DISTINCT ON (boss) boss, name FROM person ORDER BY boss, name") == [
        ("1", "Bob"), ("2", "Dan"), ("4", "Eve"), (None, "Ada")]


def test_joins_and_subqueries(stage):
    people(stage)
    assert stage.rows("""SELECT p.name, t.name FROM person p LEFT JOIN LATERAL (SELECT name FROM person s
                         WHERE s.boss = p.id ORDER BY pay DESC, name LIMIT 1) t ON true ORDER BY 1""") == [
        ("Ada", "Bob"), ("Bob", "Dan"), ("Cyd", None), ("Dan", "Eve"), ("Eve", None)]
    assert stage.rows("SELECT a.name FROM person a FULL JOIN person b ON a.boss = b.id WHERE a.id"
                      " IS NOT NULL"
                      " AND EXISTS (SELECT FROM person c WHERE c.boss = a.id) AND a.pay > ANY"
                      " (SELECT pay"
                      " FROM person) AND a.id NOT IN (SELECT 4) ORDER BY 1") == [("Ada",), ("Bob",)]
    assert stage.rows("SELECT * FROM ROWS FROM (generate_series(1, 2), unnest('{a,b,c}'::text[]))"
                      " WITH ORDINALITY") == [("1", "a", "1"), ("2", "b", "2"), (None, "c", "3")]
    assert stage.rows("SELECT id FROM person WHERE pay > 400 ORDER BY id FOR UPDATE") == [
        ("1",), ("2",), ("3",)]
    assert stage.rows("SELECT name FROM person ORDER BY pay FETCH FIRST 2 ROWS WITH TIES") == [
        ("Eve",), ("Dan",)]
    stage.fails("0A000", "SELECT * FROM person TABLESAMPLE SYSTEM (50)", words="TABLESAMPLE")


def test_cursors(stage):
    people(stage)
    stage.conn.begin()
    stage.conn.execute("SET LOCAL search_path = s_cursors")
    stage.conn.execute("DECLARE c SCROLL CURSOR FOR SELECT name FROM person ORDER BY id")
    fetch = lambda how: [row[0] for row in stage.conn.execute(f"FETCH {how} FROM c").rows]
    assert fetch("2") == ["Ada", "Bob"]
    assert fetch("LAST") == ["Eve"]
    assert fetch("PRIOR") == ["Dan"]
    assert fetch("ABSOLUTE 1") == ["Ada"]
    stage.conn.execute("MOVE FORWARD 2 IN c")
    assert fetch("ALL") == ["Dan", "Eve"]
    stage.conn.execute("CLOSE c")
    stage.conn.execute("DECLARE u CURSOR FOR SELECT * FROM person ORDER BY id FOR UPDATE")
    stage.conn.execute("FETCH u")
    assert stage.conn.execute("UPDATE person SET pay = 1000 WHERE CURRENT OF u").affected == 1
    stage.conn.execute("FETCH RELATIVE 4 FROM u")
    assert stage.conn.execute("DELETE FROM person WHERE CURRENT OF u RETURNING name").rows == [
        ("Eve",)]
    stage.conn.commit()
    assert stage.conn.suspect is None
    assert stage.rows("SELECT count(*), max(pay) FROM person") == [("4", "1000.00")]
    stage.fails("0A000", "DECLARE h CURSOR WITH HOLD FOR SELECT 1",
                words="before the transaction ends")


# -- types


def test_domains_enums_composites(stage):
    stage.act("CREATE DOMAIN positive AS int DEFAULT 1 CONSTRAINT above CHECK (VALUE > 0)",
              "CREATE TYPE mood AS ENUM ('sad', 'ok')", "ALTER TYPE mood ADD VALUE 'glad' AFTER"
                                                        " 'ok'",
              "CREATE TYPE point3 AS (x int, y int, z positive)",
              "CREATE TABLE t (id positive PRIMARY KEY, m mood DEFAULT 'ok', p point3, ps"
              " point3[])")
    stage.act("INSERT INTO t (id, m, p, ps) VALUES (1, 'glad', (1, 2, 3), ARRAY[(4, 5,"
              " 6)::point3]),"
              " (2, 'sad', ROW(7, 8, 9), NULL)", "INSERT INTO t (id) VALUES (3)")
    assert stage.rows("SELECT m, (p).z, (ps[1]).x, p FROM t ORDER BY m, id") == [
        ("sad", "9", None, "(7,8,9)"), ("ok", None, None, None), ("glad", "3", "4", "(1,2,3)")]
    stage.fails("23514", "INSERT INTO t (id) VALUES (0)")
    stage.fails("22P02", "INSERT INTO t VALUES (9, 'angry')")
    stage.act("ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'",
              "ALTER TYPE point3 ADD ATTRIBUTE w text")
    # PostgreSQL's own limit: a domain inside an array's composite type
    stage.fails("0A000", "ALTER DOMAIN positive ADD CONSTRAINT small CHECK (VALUE < 1000)",
                words="because column")
    stage.act("CREATE DOMAIN word text", "CREATE TABLE words (w word)",
              "INSERT INTO words VALUES ('x')",
              "ALTER DOMAIN word ADD CONSTRAINT short CHECK (length(VALUE) < 5)",
              "ALTER DOMAIN word SET DEFAULT 'd'")
    stage.fails("23514", "ALTER DOMAIN word ADD CHECK (VALUE <> 'x')")
    assert stage.rows("SELECT enum_range(NULL::mood), (SELECT p FROM t WHERE id = 2), max(m) FROM t"
                      ) == [("{blue,ok,glad}", "(7,8,9,)", "glad")]
    stage.act("UPDATE t SET p.w = 'v', ps[2] = p WHERE id = 1")
    assert stage.value("SELECT ps FROM t WHERE id = 1") == '{"(4,5,6,)","(1,2,3,)"}'


def test_arrays_and_json(stage):
    stage.act("CREATE TABLE doc (id int PRIMARY KEY, tags text[], body jsonb, raw json)",
              "CREATE INDEX ON doc USING gin (body jsonb_path_ops)",
              "CREATE INDEX ON doc USING gin (tags)",
              """INSERT INTO doc VALUES (1, '{a,b}', '{"k": [1, 2.50, {"x": null}], "n": "v"}', '{"b":1, "a":2}'),
                 (2, ARRAY['b', NULL], '{"k": 7}', '[]')""")
    assert stage.rows("""SELECT id, body->'k'->>1, body #>> '{k,2}', jsonb_typeof(body->'k'), raw->>'a',
                         array_length(tags, 1), tags @> '{a}', array_position(tags, 'b') FROM doc
                         ORDER BY id""") == [
        ("1", "2.50", '{"x": null}', "array", "2", "2", "t", "2"),
        ("2", None, None, "number", None, "2", "f", "1")]
    assert stage.rows("SELECT id FROM doc WHERE body @@ '$.k[*] > 2' ORDER BY id") == [
        ("1",), ("2",)]
    assert stage.rows("SELECT jsonb_path_query(body, '$.k.size()') FROM doc ORDER BY id") == [
        ("3",), ("1",)]
    stage.act("UPDATE doc SET body = jsonb_set(body, '{k}', to_jsonb(tags)), tags[1] = 'z' WHERE"
              " id = 1",
              "UPDATE doc SET body['m'] = '{\"q\": 1}'")
    assert stage.rows("SELECT jsonb_object_agg(id, body ORDER BY id), json_agg(raw ORDER BY id)"
                      " FROM doc") == [
        ('{"1": {"k": ["a", "b"], "m": {"q": 1}, "n": "v"}, "2": {"k": 7, "m": {"q": 1}}}',
         '[{"b":1, "a":2}, []]')]
    assert stage.rows("SELECT key, value FROM doc, jsonb_each_text(body) WHERE id = 2 ORDER BY key") == [
        ("k", "7"), ("m", '{"q": 1}')]
    assert stage.rows("SELECT unnest(tags) AS t, count(*) FROM doc GROUP BY t ORDER BY t") == [
        ("b", "2"), ("z", "1"), (None, "1")]
    assert stage.rows("""SELECT * FROM jsonb_to_recordset('[{"a":1,"b":"x"},{"a":2}]') AS r(a int, b text)
                         ORDER BY a""") == [("1", "x"), ("2", None)]


def test_ranges(stage):
    stage.act("CREATE TABLE booking (room int, during tstzrange, PRIMARY KEY (room, during))",
              "CREATE TYPE floatrange AS RANGE (subtype = float8, subtype_diff = float8mi)",
              "CREATE TABLE span (id int, s int4range, m int4multirange, f floatrange)",
              "CREATE INDEX ON span USING gist (s)", "CREATE INDEX ON span USING spgist (s)",
              "INSERT INTO span VALUES (1, '[1,5]', '{[1,2],[5,9)}', '[1.5,2)'), (2, '(4,9)',"
              " '{}', 'empty')",
              "INSERT INTO booking VALUES (1, '[2030-01-01 10:00+00,2030-01-01 11:00+00)')")
    assert stage.rows("SELECT id, s, upper(s), m, f FROM span WHERE s && '[5,6)' ORDER BY id") == [
        ("1", "[1,6)", "6", "{[1,3),[5,9)}", "[1.5,2)"), ("2", "[5,9)", "9", "{}", "empty")]
    assert stage.rows("SELECT range_agg(s), range_intersect_agg(s), multirange(int4range(1, 3)) +"
                      " range_agg(m)"
                      " FROM span") == [("{[1,9)}", "[5,6)", "{[1,3),[5,9)}")]
    assert stage.value("SELECT upper(during) - lower(during) FROM booking") == "01:00:00"
    assert stage.rows("SELECT unnest(m) FROM span") == [("[1,3)",), ("[5,9)",)]


def test_text_search(stage):
    stage.act("CREATE TABLE page (id int PRIMARY KEY, body text, words tsvector GENERATED ALWAYS AS"
              " (to_tsvector('english', body)) STORED)", "CREATE INDEX ON page USING gin (words)",
              "INSERT INTO page VALUES (1, 'The quick brown foxes jumped'), (2, 'A lazy dog;"
              " quickly!')")
    assert stage.rows("SELECT id, ts_rank(words, q)::numeric(6,4) FROM page,"
                      " websearch_to_tsquery('fox or quick') q"
                      " WHERE words @@ q ORDER BY 2 DESC, 1") == [("1", "0.0608"), ("2", "0.0304")]
    assert stage.value("SELECT ts_headline(body, to_tsquery('jump')) FROM page WHERE id = 1"
                       ) == "The quick brown foxes <b>jumped</b>"
    assert stage.rows("SELECT id FROM page WHERE words @@ phraseto_tsquery('brown fox')") == [
        ("1",)]
    stage.act("CREATE TRIGGER t BEFORE INSERT ON page FOR EACH ROW EXECUTE FUNCTION"
              " tsvector_update_trigger(words, 'pg_catalog.simple', body)")


def test_other_types(stage):
    stage.act("""CREATE TABLE mixed (id int PRIMARY KEY, a bit(4), b varbit, c cidr, d inet, e macaddr,
                 f money, g uuid, h bytea, i point, j polygon, k interval, l timetz, m char(4), n "char",
                 o xml, p numeric, q real, r double precision, s timestamp, u tsquery, v pg_lsn, w circle)""",
              """INSERT INTO mixed VALUES (1, B'1010', B'11', '10.0.0.0/8', '10.1.2.3', '08:00:2b:01:02:03',
                 12.34, gen_random_uuid(), '\\x00ff', '(1,2)', '((0,0),(1,0),(1,1))', '1 day 02:00',
                 '12:00+02', 'ab', 'x', '<a>b</a>', 1.10, 0.1, 1e300, '2020-02-29', 'a & b', '0/1', '((0,0),2)')""",
              "INSERT INTO mixed (id, p, q, r, s, k) VALUES (2, 'NaN', 'Infinity', '-0',"
              " 'infinity', '-1 mon')")
    assert stage.rows("SELECT a & B'0110', b || B'0', c >> d, d + 1, f * 2, h, i, area(path(j)),"
                      " k, m || '|', n, o, p,"
                      " q, r, v, diameter(w) FROM mixed WHERE id = 1") == [
        ("0010", "110", "t", "10.1.2.4", "$24.68", "\\x00ff", "(1,2)", "0.5", "1 day 02:00:00",
         "ab|", "x",
         "<a>b</a>", "1.10", "0.1", "1e+300", "0/1", "4")]
    assert stage.rows("SELECT p, q, r, s, k FROM mixed WHERE id = 2") == [
        ("NaN", "Infinity", "-0", "infinity", "-1 mons")]
    assert stage.rows("SELECT (xpath('/a/text()', o))[1], xmlelement(name b, xmlattributes(id AS"
                      " i), m),"
                      " md5('x'), sha256('x') = decode(encode(sha256('x'), 'base64'), 'base64'),"
                      " to_char(s, 'Day DD Mon YYYY') FROM mixed WHERE id = 1") == [
        ("b", '<b i="1">ab  </b>', "9dd4e461268c8034f5c8564e155c67a6", "t",
         "Saturday  29 Feb 2020")]
    assert stage.rows("SELECT extract(dow FROM s), age(s, '2000-01-01'), s AT TIME ZONE"
                      " 'Europe/Zurich',"
                      " date_trunc('month', s), s + k FROM mixed WHERE id = 1") == [
        ("6", "20 years 1 mon 28 days", "2020-02-28 23:00:00+00", "2020-02-01 00:00:00",
         "2020-03-01 02:00:00")]
    stage.act("UPDATE mixed SET k = k * 2, i = i + point '(1,1)', h = h || '\\x01'")
    assert stage.rows("SELECT 'Straße' ILIKE '%SSE', 'abc' ~ '^a.c$', regexp_replace('a1b2',"
                      " '\\d', '#', 'g'),"
                      " format('%I=%L', 'a b', 'it''s'), split_part('a,b', ',', 2), 'ä' < 'z'"
                      " COLLATE \"C\"") == [
        ("f", "t", "a#b#", "\"a b\"='it''s'", "b", "f")]
