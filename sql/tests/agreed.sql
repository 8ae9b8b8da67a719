-- Time and random numbers: what a client gets is agreed, in every context.
\set VERBOSITY terse
\set start 'SELECT byzantium.transaction_start(1700000000123456, 0, true, ''\\x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f'');'
BEGIN; :start
/*byz*/SELECT now(), clock_timestamp(), statement_timestamp(), timeofday(), CURRENT_TIME;
/*byz*/SELECT random(), random(), gen_random_uuid();
/*byz*/SELECT clock_timestamp() = now(), pg_catalog.statement_timestamp() = now();
ROLLBACK;
-- The same seed gives the same; a new start begins again; another seed gives something else.
BEGIN; :start /*byz*/SELECT random(), random(), gen_random_uuid(); ROLLBACK;
BEGIN; :start SAVEPOINT byz_init; /*byz*/SELECT random(); ROLLBACK TO byz_init; :start /*byz*/SELECT random(); ROLLBACK;
BEGIN; SELECT byzantium.transaction_start(1700000000123456, 0, true, '\x01'); /*byz*/SELECT random(); ROLLBACK;
BEGIN; SELECT byzantium.transaction_start(1700000000123456); /*byz*/SELECT random(); ROLLBACK;
-- What one transaction leaves does not reach the next.
/*byz*/SELECT random();
/*byz*/SELECT random();
BEGIN; :start /*byz*/SELECT setseed(0.5); /*byz*/SELECT random(), random(); /*byz*/SELECT setseed(0.5); /*byz*/SELECT random(); /*byz*/SELECT setseed(2); ROLLBACK;
BEGIN; :start /*byz*/SELECT uuid_send(gen_random_uuid()) <> uuid_send(gen_random_uuid()), min(r) >= 0, max(r) < 1, count(DISTINCT r) FROM (SELECT random() r FROM generate_series(1, 10000)) x; ROLLBACK;

-- Defaults, checks, domains, generated columns, triggers' WHEN, functions, views, DO, CALL, EXECUTE.
/*byz*/CREATE TABLE d (id int, r float8 DEFAULT random(), u uuid DEFAULT gen_random_uuid(), at timestamptz DEFAULT clock_timestamp());
BEGIN; :start /*byz*/INSERT INTO d (id) VALUES (1), (2) RETURNING *; ROLLBACK;
/*byz*/CREATE TABLE k (v float8 CHECK (v < random()));
BEGIN; :start /*byz*/INSERT INTO k VALUES (0.0); /*byz*/INSERT INTO k VALUES (2); ROLLBACK;
/*byz*/CREATE DOMAIN dom AS float8 CHECK (VALUE < random());
BEGIN; :start /*byz*/SELECT 0::dom; /*byz*/SELECT '2'::dom; ROLLBACK;
/*byz*/CREATE FUNCTION tf() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.r := NEW.r + random(); RETURN NEW; END';
/*byz*/CREATE TRIGGER tr BEFORE INSERT ON d FOR EACH ROW WHEN (NEW.id > random()) EXECUTE FUNCTION tf();
BEGIN; :start /*byz*/INSERT INTO d VALUES (1, 1) RETURNING r; ROLLBACK;
/*byz*/CREATE VIEW v AS SELECT random() AS r, gen_random_uuid() AS u;
BEGIN; :start /*byz*/SELECT * FROM v; ROLLBACK;
/*byz*/CREATE FUNCTION one_line() RETURNS float8 LANGUAGE sql AS 'SELECT random()';
/*byz*/CREATE FUNCTION arg(x float8 DEFAULT random()) RETURNS float8 LANGUAGE sql AS 'SELECT $1';
/*byz*/CREATE PROCEDURE proc(x float8) LANGUAGE plpgsql AS 'BEGIN RAISE INFO ''% %'', x, random(); END';
BEGIN; :start /*byz*/SELECT one_line(), arg(); /*byz*/CALL proc(random()); ROLLBACK;
BEGIN; :start /*byz*/DO $$DECLARE x float8 := random(); BEGIN EXECUTE 'SELECT $1 + random()' INTO x USING x; RAISE INFO '%', x; RAISE INFO '%', clock_timestamp(); END$$; ROLLBACK;
BEGIN; :start /*byz*/SELECT id, random() FROM (VALUES (1), (2)) x (id); ROLLBACK;
\c - byzantium
CREATE FUNCTION public.alias() RETURNS float8 LANGUAGE internal AS 'drandom';
\c - byz_app
BEGIN; :start /*byz*/SELECT alias(); ROLLBACK;
\! $BIN/pgbench -n -t 2 -M prepared -f $HERE/agreed.pgbench 2>&1 | grep -E 'ERROR|processed'

-- Rows in their physical order.
/*byz*/INSERT INTO d (id) VALUES (1);
/*byz*/ALTER TABLE d ADD COLUMN w uuid DEFAULT gen_random_uuid();
/*byz*/ALTER TABLE d ALTER COLUMN r TYPE numeric USING random();
/*byz*/ALTER TABLE d ADD COLUMN w timestamptz DEFAULT clock_timestamp();
/*byz*/CREATE FUNCTION liar(int) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT random()';
/*byz*/CREATE INDEX ON d (liar(id));
-- An index that was made without rows gets its function called by ANALYZE, too.
/*byz*/CREATE TABLE late (id int);
/*byz*/CREATE INDEX ON late (liar(id));
\c - byzantium
INSERT INTO late VALUES (1);
ANALYZE late;
-- Who is no client has PostgreSQL's own.
SELECT random() <> random(), clock_timestamp() > '2024-01-01';
