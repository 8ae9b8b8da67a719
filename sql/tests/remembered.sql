-- What is looked up once and remembered follows the catalogue, whoever changes it.
\set VERBOSITY terse
-- A relation's schema.
/*byz*/CREATE TABLE t (id int);
/*byz*/GRANT ALL ON t TO byzantium;
\c - byzantium
/*byz*/SELECT count(*) FROM t;
ALTER TABLE t SET SCHEMA byzantium;
/*byz*/SELECT count(*) FROM byzantium.t;
BEGIN;
ALTER TABLE byzantium.t SET SCHEMA public;
/*byz*/SELECT count(*) FROM t;
ROLLBACK;
/*byz*/SELECT count(*) FROM byzantium.t;
\! $BIN/psql -X -q -U byzantium -d bank -c 'ALTER TABLE byzantium.t SET SCHEMA public'
/*byz*/SELECT count(*) FROM t;
\! $BIN/psql -X -q -U byzantium -d bank -c 'ALTER TABLE t SET SCHEMA byzantium'
/*byz*/SELECT count(*) FROM byzantium.t;
-- The schema's name.
\! $BIN/psql -X -q -U byzantium -d bank -c 'ALTER SCHEMA byzantium RENAME TO renamed'
/*byz*/SELECT count(*) FROM renamed.t;
\! $BIN/psql -X -q -U byzantium -d bank -c 'ALTER SCHEMA renamed RENAME TO byzantium'
/*byz*/SELECT count(*) FROM byzantium.t;
-- What PostgreSQL's own function is declared to be.
/*byz*/SELECT upper(id::text) FROM generate_series(1, 1) id;
\! $BIN/psql -X -q -U byzantium -d bank -c 'ALTER FUNCTION pg_catalog.upper(text) VOLATILE'
/*byz*/SELECT upper(id::text) FROM generate_series(1, 1) id;
BEGIN;
ALTER FUNCTION pg_catalog.upper(text) IMMUTABLE;
/*byz*/SELECT upper(id::text) FROM generate_series(1, 1) id;
ROLLBACK;
/*byz*/SELECT upper(id::text) FROM generate_series(1, 1) id;
\! $BIN/psql -X -q -U byzantium -d bank -c 'ALTER FUNCTION pg_catalog.upper(text) IMMUTABLE'
/*byz*/SELECT upper(id::text) FROM generate_series(1, 1) id;
-- The role whose sessions run client SQL.
\c - byz_app
/*byz*/CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
SELECT f();
\! $BIN/psql -X -q -U byzantium -d bank -c 'ALTER ROLE byz_app RENAME TO byz_renamed'
SELECT f();
\! $BIN/psql -X -q -U byzantium -d bank -c 'ALTER ROLE byz_renamed RENAME TO byz_app'
SELECT f();

-- Values of an identity column come from the lane wherever a rule shows them, too.
/*byz*/CREATE TABLE i (id int GENERATED ALWAYS AS IDENTITY, v int);
/*byz*/CREATE TABLE kept (id int, v int);
/*byz*/CREATE VIEW shown AS SELECT * FROM i;
/*byz*/CREATE RULE keep AS ON INSERT TO i DO ALSO INSERT INTO kept VALUES (NEW.id, NEW.v);
/*byz*/CREATE RULE show AS ON INSERT TO i DO ALSO SELECT NEW.id, NEW.v;
BEGIN;
SELECT byzantium.transaction_start(1700000000000000, 0, true, '\x');
/*byz*/INSERT INTO i (v) VALUES (10);
/*byz*/INSERT INTO i (v) VALUES (11), (12);
/*byz*/INSERT INTO shown (v) SELECT 13;
/*byz*/UPDATE i SET id = DEFAULT WHERE v = 13;
/*byz*/DROP RULE show ON i;
/*byz*/DROP RULE keep ON i;
/*byz*/WITH w AS (INSERT INTO i (v) VALUES (14) RETURNING id) SELECT id FROM w;
/*byz*/MERGE INTO i USING (VALUES (1)) s (x) ON false WHEN NOT MATCHED THEN INSERT (v) VALUES (15);
COMMIT;
/*byz*/SELECT id, v FROM i ORDER BY v, id;
/*byz*/SELECT id, v FROM kept ORDER BY v, id;

-- Triggers of a partition run, though the statement names the parent: then the order shows.
/*byz*/CREATE TABLE parts (k int, f float8) PARTITION BY LIST (k);
/*byz*/CREATE TABLE part1 PARTITION OF parts FOR VALUES IN (1);
/*byz*/CREATE TABLE parent (k int, f float8);
/*byz*/CREATE TABLE child () INHERITS (parent);
/*byz*/CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO kept (v) VALUES (NEW.k); RETURN NEW; END';
/*byz*/INSERT INTO parts SELECT 1, 1::float8 UNION ALL SELECT 1, 2::float8;
/*byz*/CREATE TRIGGER noted BEFORE INSERT ON part1 FOR EACH ROW EXECUTE FUNCTION noted();
/*byz*/INSERT INTO parts SELECT 1, 1::float8 UNION ALL SELECT 1, 2::float8;
/*byz*/DROP TRIGGER noted ON part1;
/*byz*/INSERT INTO parts SELECT 1, 1::float8 UNION ALL SELECT 1, 2::float8;
/*byz*/INSERT INTO child VALUES (1, 1), (2, 2);
/*byz*/CREATE TRIGGER noted BEFORE UPDATE ON child FOR EACH ROW EXECUTE FUNCTION noted();
/*byz*/UPDATE parent SET k = -k WHERE k < 5;
/*byz*/SELECT v FROM kept WHERE id IS NULL;
