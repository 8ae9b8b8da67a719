-- Schema byzantium is the proxy's: it writes there in the client's session, the client cannot.
\set VERBOSITY terse
INSERT INTO byzantium.applied VALUES (1, 0, 1, 0, 1, 1);
/*byz*/INSERT INTO byzantium.applied VALUES (2, 0, 1, 0, 1, 1);
\echo :LAST_ERROR_SQLSTATE
/*byz*/DELETE FROM byzantium.applied;
/*byz*/UPDATE byzantium.applied SET seq = 5;
/*byz*/SELECT * FROM byzantium.applied;
/*byz*/SELECT * FROM byzantium.identity;
/*byz*/TRUNCATE byzantium.applied;
/*byz*/DROP TABLE byzantium.applied;
/*byz*/ALTER TABLE byzantium.applied ADD COLUMN x int;
/*byz*/CREATE TRIGGER x BEFORE INSERT ON byzantium.applied EXECUTE FUNCTION suppress_redundant_updates_trigger();
/*byz*/CREATE TABLE byzantium.mine (i int);
/*byz*/CREATE FUNCTION byzantium.mine() RETURNS int LANGUAGE sql AS 'SELECT 1';
/*byz*/CREATE RULE x AS ON INSERT TO byzantium.applied DO INSTEAD NOTHING;
BEGIN; /*byz*/LOCK TABLE byzantium.applied IN ACCESS EXCLUSIVE MODE; ROLLBACK;
/*byz*/CREATE VIEW v AS SELECT * FROM byzantium.applied;
/*byz*/SELECT * FROM v;
/*byz*/INSERT INTO v VALUES (2, 0, 1, 0, 1, 1);
BEGIN; /*byz*/LOCK TABLE v IN ACCESS EXCLUSIVE MODE; ROLLBACK;
/*byz*/DO 'BEGIN DELETE FROM byzantium.applied; END';
BEGIN; /*byz*/SET LOCAL search_path = byzantium; /*byz*/DELETE FROM applied; ROLLBACK;
/*byz*/CREATE FUNCTION f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'DELETE FROM byzantium.applied; SELECT 1';
/*byz*/SELECT f();
/*byz*/CREATE TABLE r (seq bigint, index int, FOREIGN KEY (seq, index) REFERENCES byzantium.applied);
SELECT seq FROM byzantium.applied;

-- The proxy's own statements run no client code, whatever the client's search_path says.
/*byz*/CREATE FUNCTION less(bigint, bigint) RETURNS boolean LANGUAGE sql AS 'SELECT true';
/*byz*/CREATE OPERATOR < (FUNCTION = less, LEFTARG = bigint, RIGHTARG = bigint);
BEGIN; /*byz*/SET LOCAL search_path = public, pg_catalog; SELECT 1::bigint < 2::bigint; ROLLBACK;
BEGIN; /*byz*/SET LOCAL search_path = public, pg_catalog; SELECT byzantium.flags(); ROLLBACK;
DELETE FROM byzantium.applied;

-- The agreed time.
BEGIN;
SELECT byzantium.transaction_start(1700000000123456);
/*byz*/SELECT now(), CURRENT_TIMESTAMP, transaction_timestamp(), LOCALTIMESTAMP, CURRENT_DATE, 'now'::timestamptz;
SAVEPOINT byz_init;
/*byz*/CREATE TABLE tt (id int, at timestamptz DEFAULT now(), d date DEFAULT CURRENT_DATE, s timestamptz DEFAULT 'now'::text::timestamptz);
/*byz*/INSERT INTO tt (id) VALUES (1) RETURNING *;
/*byz*/DO $$BEGIN RAISE INFO '%', now(); END$$;
ROLLBACK TO byz_init;
/*byz*/SELECT now(), 'today'::date, 'yesterday'::timestamp, age('2023-11-13'::timestamptz);
ROLLBACK;
BEGIN; SELECT byzantium.transaction_start(0); /*byz*/SELECT now(); ROLLBACK;
BEGIN; SELECT byzantium.transaction_start(-1); ROLLBACK;
BEGIN; SELECT byzantium.transaction_start(NULL); ROLLBACK;
SELECT now() > '2024-01-01';

-- The extended protocol, with prepared statements that outlive their transaction.
\! $BIN/pgbench -n -t 2 -M prepared -f $HERE/extended.pgbench 2>&1 | grep -o 'ERROR:.*'
\! $BIN/pgbench -n -t 3 -M prepared -f $HERE/flags.pgbench 2>&1 | grep -E 'ERROR|processed'

-- The administrator's role writes nothing.
\c - byz_dba
CREATE TABLE x (i int);
SET default_transaction_read_only = off;
CREATE TABLE x (i int);
CREATE TEMP TABLE x (i int);
DELETE FROM byzantium.applied;
SELECT byzantium.transaction_start(1);
SELECT byzantium.flags();
SELECT count(*) FROM byzantium.identity;
