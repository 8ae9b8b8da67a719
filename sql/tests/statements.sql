-- Statements that are not queries: an allow-list; flag 2 (barrier) for what changes the catalogue.
\set VERBOSITY default
\set flags 'SELECT byzantium.flags(); ROLLBACK;'
/*byz*/CREATE TABLE t (id int PRIMARY KEY, v int);
/*byz*/COMMIT;
\echo :LAST_ERROR_SQLSTATE
/*byz*/COPY t FROM '/dev/null';
/*byz*/VACUUM t;
/*byz*/CREATE EXTENSION dblink;
\set VERBOSITY terse
-- transaction control
/*byz*/ROLLBACK;
/*byz*/BEGIN;
/*byz*/START TRANSACTION;
/*byz*/END;
/*byz*/ABORT;
/*byz*/COMMIT AND CHAIN;
/*byz*/PREPARE TRANSACTION 'a';
BEGIN; SAVEPOINT byz_init; /*byz*/ROLLBACK TO byz_init; ROLLBACK;
BEGIN; /*byz*/SAVEPOINT byz_mine; ROLLBACK;
BEGIN; SAVEPOINT byz_init; /*byz*/RELEASE byz_init; ROLLBACK;
BEGIN; SAVEPOINT byz_init; /*byz*/SAVEPOINT a; /*byz*/SELECT 1/0; /*byz*/ROLLBACK TO a; /*byz*/SELECT 1; ROLLBACK TO byz_init; SELECT 2; ROLLBACK;
BEGIN; /*byz*/SELECT 1/0; /*byz*/COMMIT; /*byz*/SELECT 1; ROLLBACK;
/*byz*/SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
/*byz*/SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY;
-- settings
/*byz*/SET work_mem = '1MB';
/*byz*/SET LOCAL work_mem = '1MB';
/*byz*/SET search_path = public;
/*byz*/RESET search_path;
/*byz*/RESET ALL;
/*byz*/SET ROLE byz_app;
/*byz*/SET LOCAL ROLE byz_app;
/*byz*/SET SESSION AUTHORIZATION byz_app;
/*byz*/SET LOCAL TIME ZONE 'Europe/Vienna';
/*byz*/SHOW work_mem;
/*byz*/SHOW ALL;
/*byz*/SHOW TimeZone;
BEGIN; /*byz*/SET LOCAL search_path = pg_catalog; /*byz*/SET LOCAL search_path TO DEFAULT; ROLLBACK;
-- what lives in the session or outside the transaction
/*byz*/COPY t TO stdout;
/*byz*/COPY (SELECT 1) TO PROGRAM 'true';
/*byz*/LISTEN a;
/*byz*/UNLISTEN *;
/*byz*/NOTIFY a;
/*byz*/LOAD 'plpgsql';
/*byz*/PREPARE p AS SELECT 1;
PREPARE p AS SELECT 1;
/*byz*/EXECUTE p;
/*byz*/DEALLOCATE p;
/*byz*/CREATE TABLE x AS EXECUTE p;
/*byz*/DISCARD ALL;
/*byz*/CREATE TEMP TABLE x (i int);
/*byz*/CREATE TABLE pg_temp.x (i int);
/*byz*/CREATE TEMP TABLE x AS SELECT 1;
/*byz*/SELECT 1 AS i INTO TEMP x;
/*byz*/CREATE TEMP VIEW x AS SELECT 1;
/*byz*/CREATE TEMP SEQUENCE x;
/*byz*/CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
/*byz*/CREATE DOMAIN pg_temp.x AS int;
/*byz*/CREATE UNLOGGED TABLE x (i int);
/*byz*/ALTER TABLE t SET UNLOGGED;
BEGIN; /*byz*/DECLARE c CURSOR WITH HOLD FOR SELECT 1; ROLLBACK;
/*byz*/EXPLAIN SELECT 1;
/*byz*/EXPLAIN ANALYZE SELECT 1;
-- maintenance and administration
/*byz*/ANALYZE t;
/*byz*/CLUSTER t;
/*byz*/REINDEX TABLE t;
/*byz*/REINDEX TABLE CONCURRENTLY t;
/*byz*/CHECKPOINT;
/*byz*/ALTER SYSTEM SET work_mem = '1MB';
/*byz*/CREATE DATABASE x;
/*byz*/ALTER DATABASE bank SET work_mem = '1MB';
/*byz*/DROP DATABASE bank;
/*byz*/CREATE TABLESPACE x LOCATION '/tmp';
/*byz*/CREATE ROLE x;
/*byz*/ALTER ROLE byz_app SET work_mem = '1MB';
/*byz*/ALTER ROLE byz_app PASSWORD 'x';
/*byz*/DROP ROLE byz_app;
/*byz*/GRANT byz_app TO byz_dba;
/*byz*/DROP EXTENSION plpgsql;
/*byz*/CREATE LANGUAGE x HANDLER plpgsql_call_handler;
/*byz*/CREATE PUBLICATION x;
/*byz*/CREATE SUBSCRIPTION x CONNECTION '' PUBLICATION x;
/*byz*/CREATE EVENT TRIGGER x ON ddl_command_start EXECUTE FUNCTION f();
/*byz*/CREATE FOREIGN DATA WRAPPER x;
/*byz*/CREATE SERVER x FOREIGN DATA WRAPPER x;
/*byz*/CREATE USER MAPPING FOR byz_app SERVER x;
/*byz*/CREATE FOREIGN TABLE x (i int) SERVER x;
/*byz*/CREATE ACCESS METHOD x TYPE TABLE HANDLER heap_tableam_handler;
/*byz*/REASSIGN OWNED BY byz_app TO byz_dba;
/*byz*/DROP OWNED BY byz_app;
/*byz*/ALTER TABLE t OWNER TO byz_dba;
/*byz*/ALTER SCHEMA public OWNER TO byz_app;
/*byz*/ALTER TABLE t SET TABLESPACE pg_default;
/*byz*/ALTER TABLE ALL IN TABLESPACE pg_default SET TABLESPACE pg_default;
/*byz*/ALTER DATABASE bank RENAME TO x;
/*byz*/COMMENT ON DATABASE bank IS 'x';
/*byz*/SECURITY LABEL ON TABLE t IS 'x';
/*byz*/CREATE COLLATION x (locale = 'C');
/*byz*/CREATE TEXT SEARCH CONFIGURATION x (PARSER = default);
/*byz*/CREATE INDEX CONCURRENTLY ON t (v);
/*byz*/DROP INDEX CONCURRENTLY t_pkey;
-- functions
/*byz*/CREATE FUNCTION f() RETURNS int LANGUAGE internal AS 'pg_backend_pid';
/*byz*/CREATE FUNCTION f() RETURNS int LANGUAGE c AS 'x';
/*byz*/CREATE FUNCTION f() RETURNS int LANGUAGE sql SET role = byz_app AS 'SELECT 1';
/*byz*/CREATE FUNCTION f() RETURNS int LANGUAGE sql SET work_mem = '1MB' AS 'SELECT 1';
/*byz*/CREATE FUNCTION f() RETURNS int LANGUAGE sql SET timezone FROM CURRENT AS 'SELECT 1';
/*byz*/CREATE FUNCTION f() RETURNS int LANGUAGE sql SET search_path = public AS 'SELECT 1';
/*byz*/ALTER FUNCTION f() SET timezone = 'UTC';
/*byz*/ALTER FUNCTION f() RESET ALL;
/*byz*/DO LANGUAGE x 'BEGIN END';
-- nested: the same list at every depth
/*byz*/DO $$BEGIN EXECUTE 'SET work_mem = ''1MB'''; END$$;
/*byz*/DO $$BEGIN SET LOCAL timezone = 'UTC'; END$$;
/*byz*/DO $$BEGIN RESET ROLE; END$$;
/*byz*/DO $$BEGIN NOTIFY a; END$$;
/*byz*/DO $$BEGIN EXECUTE 'COPY t TO PROGRAM ''true'''; END$$;
/*byz*/DO $$BEGIN EXECUTE 'CREATE TEMP TABLE x (i int)'; END$$;
/*byz*/DO $$BEGIN EXECUTE 'EXPLAIN SELECT 1'; END$$;
BEGIN; /*byz*/DO $$BEGIN COMMIT; END$$; ROLLBACK;
BEGIN; /*byz*/DO $$BEGIN EXECUTE 'COMMIT'; END$$; ROLLBACK;
BEGIN; /*byz*/DO $$BEGIN EXECUTE 'ROLLBACK TO byz_init'; END$$; ROLLBACK;
/*byz*/CREATE FUNCTION nested() RETURNS void LANGUAGE sql AS 'CREATE TEMP TABLE x (i int)';
/*byz*/SELECT nested();
/*byz*/CREATE RULE r AS ON UPDATE TO t DO ALSO NOTIFY a;
/*byz*/UPDATE t SET v = 1;
/*byz*/DROP RULE r ON t;
/*byz*/CREATE SCHEMA sch CREATE TEMP TABLE x (i int);

-- allowed, and barriers
BEGIN; /*byz*/CREATE TABLE x (i int DEFAULT 1 CHECK (i > 0), s serial, d int GENERATED ALWAYS AS IDENTITY, FOREIGN KEY (i) REFERENCES t); :flags
BEGIN; /*byz*/CREATE TABLE x AS SELECT * FROM t; :flags
BEGIN; /*byz*/CREATE VIEW x AS SELECT * FROM t; :flags
BEGIN; /*byz*/CREATE INDEX ON t (v); :flags
BEGIN; /*byz*/CREATE SEQUENCE x; :flags
BEGIN; /*byz*/CREATE SCHEMA sch CREATE TABLE x (i int); :flags
BEGIN; /*byz*/CREATE TYPE x AS ENUM ('a'); /*byz*/ALTER TYPE x ADD VALUE 'b'; :flags
BEGIN; /*byz*/CREATE TYPE x AS RANGE (SUBTYPE = int4); :flags
BEGIN; /*byz*/CREATE DOMAIN x AS int; :flags
BEGIN; /*byz*/CREATE FUNCTION g() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'; /*byz*/ALTER FUNCTION g() STABLE; :flags
BEGIN; /*byz*/ALTER TABLE t ADD COLUMN w timestamptz DEFAULT now(); :flags
BEGIN; /*byz*/ALTER TABLE t ALTER COLUMN v TYPE bigint USING v + 1; :flags
BEGIN; /*byz*/ALTER TABLE t RENAME TO u; :flags
BEGIN; /*byz*/ALTER TABLE t ENABLE ROW LEVEL SECURITY; /*byz*/CREATE POLICY p ON t USING (true); :flags
BEGIN; /*byz*/TRUNCATE t; :flags
BEGIN; /*byz*/DROP TABLE t; :flags
BEGIN; /*byz*/GRANT SELECT ON t TO byz_dba; :flags
BEGIN; /*byz*/REVOKE ALL ON t FROM byz_dba; :flags
BEGIN; /*byz*/COMMENT ON TABLE t IS 'x'; :flags
BEGIN; /*byz*/DROP FUNCTION f(); :flags
BEGIN; /*byz*/DO $$BEGIN CREATE TABLE x (i int); END$$; :flags
BEGIN; /*byz*/INSERT INTO t VALUES (1, 1); :flags
BEGIN; /*byz*/DECLARE c CURSOR FOR SELECT 1; /*byz*/FETCH c; /*byz*/MOVE c; /*byz*/CLOSE c; :flags
