-- Flag 1 (uncertain) for what depends on the order of rows or on the moment; refused where stored.
\set VERBOSITY terse
\set flags 'SELECT byzantium.flags(); ROLLBACK;'
/*byz*/CREATE TABLE t (id int PRIMARY KEY, k int, f float8, n numeric, m numeric(9,2), s text, c char(3), i interval, b bool);
/*byz*/INSERT INTO t VALUES (1, 1, 1, 1, 1, 'a', 'a', '1 day', true);
/*byz*/CREATE TABLE log (x text);
/*byz*/CREATE TABLE copy (k int, x text);

-- certain: 0
BEGIN; /*byz*/SELECT * FROM t; :flags
BEGIN; /*byz*/SELECT id FROM t WHERE k = 1 ORDER BY s; :flags
BEGIN; /*byz*/SELECT count(*), count(s), sum(k), avg(k), sum(n), avg(n), bool_and(b), bool_or(b), every(b), bit_and(k) FROM t; :flags
BEGIN; /*byz*/SELECT min(id), max(s), min(m), max(c) FROM t; :flags
BEGIN; /*byz*/SELECT k, s, m, count(*) FROM t GROUP BY k, s, m; :flags
BEGIN; /*byz*/SELECT DISTINCT k, s FROM t; :flags
BEGIN; /*byz*/SELECT k FROM t UNION SELECT id FROM t; :flags
BEGIN; /*byz*/SELECT f FROM t UNION ALL SELECT n FROM t; :flags
BEGIN; /*byz*/SELECT id FROM t WHERE id = 1 FOR UPDATE; :flags
BEGIN; /*byz*/INSERT INTO t (id) VALUES (2); :flags
BEGIN; /*byz*/INSERT INTO t (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET k = 2; :flags
BEGIN; /*byz*/UPDATE t SET k = k + 1 WHERE id = 1; :flags
BEGIN; /*byz*/DELETE FROM t; :flags
BEGIN; /*byz*/INSERT INTO copy SELECT k, s FROM t; :flags
BEGIN; /*byz*/SELECT now() IS NULL; :flags
BEGIN; /*byz*/DELETE FROM t USING t x WHERE x.id = t.id; :flags
BEGIN; /*byz*/SELECT 'pg_class'::regclass, to_tsvector('english', s) FROM t; :flags
BEGIN; /*byz*/SAVEPOINT a; /*byz*/UPDATE t SET k = 0; /*byz*/ROLLBACK TO a; /*byz*/RELEASE a; :flags
BEGIN; /*byz*/SET LOCAL search_path = public; /*byz*/SHOW search_path; :flags
BEGIN; /*byz*/LOCK TABLE t; :flags
BEGIN; /*byz*/SET CONSTRAINTS ALL IMMEDIATE; :flags

-- Ordered by the values (0), or uncertain (1); physical.sql has the proof of the first.
BEGIN; /*byz*/SELECT * FROM t LIMIT 1; :flags
BEGIN; /*byz*/SELECT * FROM t ORDER BY id FETCH FIRST 1 ROW ONLY; :flags
BEGIN; /*byz*/SELECT * FROM t OFFSET 1; :flags
BEGIN; /*byz*/SELECT 1 WHERE EXISTS (SELECT 1 FROM t LIMIT 1); :flags
BEGIN; /*byz*/WITH w AS (SELECT id FROM t LIMIT 1) SELECT * FROM w; :flags
BEGIN; /*byz*/SELECT DISTINCT ON (k) id FROM t; :flags
BEGIN; /*byz*/SELECT row_number() OVER () FROM t; :flags
BEGIN; /*byz*/SELECT rank() OVER (ORDER BY id) FROM t; :flags
BEGIN; /*byz*/SELECT array_agg(id) FROM t; :flags
BEGIN; /*byz*/SELECT string_agg(s, ',' ORDER BY id) FROM t; :flags
BEGIN; /*byz*/SELECT json_agg(id) FROM t; :flags
BEGIN; /*byz*/SELECT sum(f) FROM t; :flags
BEGIN; /*byz*/SELECT avg(f) FROM t; :flags
BEGIN; /*byz*/SELECT stddev(f) FROM t; :flags
BEGIN; /*byz*/SELECT (SELECT max(x.f) FROM t x); :flags
BEGIN; /*byz*/SELECT max(n) FROM t; :flags
BEGIN; /*byz*/SELECT min(i) FROM t; :flags
BEGIN; /*byz*/SELECT n FROM t GROUP BY n; :flags
BEGIN; /*byz*/SELECT DISTINCT f FROM t; :flags
BEGIN; /*byz*/SELECT n FROM t UNION SELECT n FROM t; :flags
BEGIN; /*byz*/SELECT n FROM t INTERSECT ALL SELECT n FROM t; :flags
BEGIN; /*byz*/(SELECT n FROM t UNION SELECT n FROM t) UNION ALL SELECT n FROM t; :flags
BEGIN; /*byz*/SELECT id FROM t FOR UPDATE SKIP LOCKED; :flags
BEGIN; /*byz*/SELECT id FROM t FOR SHARE NOWAIT; :flags
BEGIN; /*byz*/LOCK TABLE t NOWAIT; :flags
BEGIN; /*byz*/INSERT INTO t (id) VALUES (1) ON CONFLICT DO NOTHING; :flags
BEGIN; /*byz*/DECLARE c CURSOR FOR SELECT id FROM t; :flags
BEGIN; /*byz*/SELECT last_value(s) OVER (ORDER BY k) FROM t; :flags
BEGIN; /*byz*/SELECT sum(f) OVER (PARTITION BY k) FROM t; :flags
BEGIN; /*byz*/SELECT sum(k) OVER (ORDER BY k ROWS 2 PRECEDING) FROM t; :flags
BEGIN; /*byz*/SELECT sum(k) OVER (ORDER BY k), row_number() OVER (ORDER BY k) FROM t; :flags
BEGIN; /*byz*/SELECT id FROM t WHERE random() < 2; :flags
BEGIN; /*byz*/SELECT n FROM t UNION SELECT n FROM t LIMIT 1; :flags
BEGIN; /*byz*/SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY n) FROM t; :flags
BEGIN; /*byz*/DO 'BEGIN END'; :flags
BEGIN; /*byz*/SELECT tableoid IS NULL FROM t; :flags
BEGIN; /*byz*/SELECT count(*) > 0 FROM pg_class; :flags
BEGIN; /*byz*/SELECT count(*) > 0 FROM information_schema.tables; :flags
BEGIN; /*byz*/SELECT to_regclass('t') IS NULL; :flags
BEGIN; /*byz*/SELECT has_table_privilege('t', 'SELECT'); :flags
BEGIN; /*byz*/SELECT pg_get_viewdef(0); :flags
BEGIN; /*byz*/SELECT ARRAY(SELECT id FROM t); :flags
BEGIN; /*byz*/SELECT ARRAY(SELECT id FROM t ORDER BY id); :flags
BEGIN; /*byz*/UPDATE t SET k = x.k FROM t x WHERE x.id = t.id RETURNING x.id; :flags
BEGIN; /*byz*/DELETE FROM t USING t x WHERE x.id = t.id RETURNING x.id; :flags
BEGIN; /*byz*/SELECT 't'::regclass::oid > 0; :flags

-- A flag stays for the rest of the transaction, and not longer; the proxy clears it.
BEGIN; /*byz*/SELECT * FROM t FOR UPDATE NOWAIT; /*byz*/SELECT 1; :flags
BEGIN; /*byz*/SELECT 1; :flags
BEGIN; /*byz*/SELECT id FROM t FOR UPDATE NOWAIT; SELECT byzantium.transaction_start(1700000000000000); :flags
BEGIN; /*byz*/SAVEPOINT a; /*byz*/SELECT id FROM t FOR UPDATE NOWAIT; /*byz*/ROLLBACK TO a; :flags

-- User functions, triggers, caught errors.
/*byz*/CREATE FUNCTION twice(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN 2 * $1; END';
BEGIN; /*byz*/SELECT twice(id) FROM t; :flags
/*byz*/CREATE FUNCTION first_id() RETURNS int LANGUAGE sql AS 'SELECT id FROM t LIMIT 1';
BEGIN; /*byz*/SELECT first_id(); :flags
BEGIN; /*byz*/SELECT first_id(); :flags
/*byz*/CREATE FUNCTION ids() RETURNS SETOF int LANGUAGE sql STABLE AS 'SELECT id FROM t LIMIT 1';
BEGIN; /*byz*/SELECT * FROM ids(); :flags
BEGIN; /*byz*/DO 'BEGIN BEGIN INSERT INTO t (id) VALUES (1); EXCEPTION WHEN unique_violation THEN NULL; END; END'; :flags
/*byz*/CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO log VALUES (NEW.id); RETURN NULL; END';
/*byz*/CREATE TRIGGER note AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION note();
BEGIN; /*byz*/INSERT INTO t (id) VALUES (3); :flags
-- again in the same session: plans are cached now
BEGIN; /*byz*/INSERT INTO t (id) VALUES (3); :flags
BEGIN; /*byz*/UPDATE t SET k = 5 WHERE id = 1; :flags
/*byz*/CREATE TABLE parent (id int) PARTITION BY RANGE (id);
/*byz*/CREATE TABLE leaf PARTITION OF parent FOR VALUES FROM (0) TO (10);
/*byz*/CREATE TRIGGER note AFTER INSERT ON leaf FOR EACH ROW EXECUTE FUNCTION note();
BEGIN; /*byz*/INSERT INTO parent VALUES (1); :flags

-- Foreign keys are certain, with a cached plan, too.
/*byz*/CREATE TABLE child (id int REFERENCES t ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED);
BEGIN; /*byz*/INSERT INTO child VALUES (1); /*byz*/SET CONSTRAINTS ALL IMMEDIATE; :flags
BEGIN; /*byz*/INSERT INTO child VALUES (1); /*byz*/SET CONSTRAINTS ALL IMMEDIATE; :flags
BEGIN; /*byz*/DELETE FROM t WHERE id = 1; /*byz*/SET CONSTRAINTS ALL IMMEDIATE; :flags
BEGIN; /*byz*/INSERT INTO child VALUES (77); /*byz*/SET CONSTRAINTS ALL IMMEDIATE; ROLLBACK;

-- Stored: what cannot be ordered is refused.
\set VERBOSITY default
BEGIN; /*byz*/INSERT INTO copy SELECT k, s FROM t LIMIT 1; :flags
\set VERBOSITY terse
/*byz*/INSERT INTO copy SELECT DISTINCT ON (k) k, s FROM t;
/*byz*/INSERT INTO copy SELECT row_number() OVER (), s FROM t;
/*byz*/INSERT INTO copy SELECT 1, string_agg(s, ',') FROM t;
/*byz*/INSERT INTO copy SELECT 1, sum(f) FROM t;
/*byz*/UPDATE t SET s = (SELECT array_agg(x.id)::text FROM t x);
/*byz*/DELETE FROM t WHERE id IN (SELECT id FROM t LIMIT 1);
/*byz*/WITH w AS (DELETE FROM log RETURNING x) SELECT string_agg(x, '') FROM w;
BEGIN; /*byz*/CREATE TABLE x AS SELECT id FROM t LIMIT 1; :flags
BEGIN; /*byz*/SELECT id INTO x FROM t LIMIT 1; :flags
BEGIN; /*byz*/CREATE MATERIALIZED VIEW x AS SELECT array_agg(id) FROM t; :flags
/*byz*/CREATE MATERIALIZED VIEW x AS SELECT array_agg(id) FROM t WITH NO DATA;
/*byz*/REFRESH MATERIALIZED VIEW x;
/*byz*/INSERT INTO copy SELECT relpages, relname FROM pg_class;
/*byz*/INSERT INTO copy SELECT tableoid::int, s FROM t;
/*byz*/INSERT INTO copy SELECT 1, ARRAY(SELECT id FROM t)::text;
BEGIN; /*byz*/INSERT INTO copy SELECT 1, ARRAY(SELECT id FROM t ORDER BY id)::text; :flags
BEGIN; /*byz*/INSERT INTO copy SELECT k, s FROM t ORDER BY id LIMIT 1; :flags
BEGIN; /*byz*/INSERT INTO copy SELECT 1, string_agg(s, ',' ORDER BY id) FROM t; :flags
BEGIN; /*byz*/UPDATE t SET k = 1 WHERE id = (SELECT id FROM t ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED); :flags
/*byz*/INSERT INTO copy SELECT k, last_value(s) OVER (ORDER BY k) FROM t;
/*byz*/INSERT INTO copy SELECT 1, n FROM t GROUP BY n;
/*byz*/INSERT INTO copy SELECT 1, max(i) FROM t;
/*byz*/DELETE FROM t WHERE random() < 0.5;
/*byz*/CREATE TABLE y AS SELECT DISTINCT f FROM t LIMIT 1;
-- and the guard is itself again after such an error
BEGIN; /*byz*/SELECT id FROM t LIMIT 1; :flags
