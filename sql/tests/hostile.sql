-- SQL that tries to break the server or its guard: an error at most, and the session lives.
\set VERBOSITY terse
\set terms `printf '1%.0s+' $(seq 40000); echo 1`
/*byz*/SELECT :terms;
\set parens `head -c 40000 /dev/zero | tr '\0' '('; echo 1; head -c 40000 /dev/zero | tr '\0' ')'`
/*byz*/SELECT :parens;
\set nots `yes NOT | head -30000 | tr '\n' ' '`
/*byz*/SELECT :nots true;
\set unions `yes 'SELECT 1 UNION ALL' | head -8000`
/*byz*/SELECT count(*) FROM (:unions SELECT 1) x;
\set subqueries `yes '(SELECT' | head -20000 | tr '\n' ' '; echo 1; head -c 20000 /dev/zero | tr '\0' ')'`
/*byz*/SELECT :subqueries;
\set list `seq -s, 40000`
/*byz*/SELECT count(*) FROM generate_series(1, 10) g WHERE g IN (:list);
\set case `yes 'CASE WHEN true THEN' | head -20000 | tr '\n' ' '; echo 1; yes END | head -20000 | tr '\n' ' '`
/*byz*/SELECT :case;
\set json `head -c 100000 /dev/zero | tr '\0' '['`
/*byz*/SELECT :'json'::json;
\set bytes `head -c 3000 /dev/urandom | od -An -tx1 | tr -d ' \n'`
/*byz*/SELECT length(:'bytes') = 6000;
/*byz*/;
/*byz*/
;
/*byz*/*/SELECT 1;
/*byz*/-- SELECT pg_backend_pid()
;
/*byz*/SELECT $byz$ /*byz*/ $byz$;
/*byz*/SELEKT pg_backend_pid();
/*byz*/SELECT E'\xff';
/*byz*/SELECT * FROM nowhere;
/*byz*/CREATE FUNCTION down(int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN down($1 + 1); END';
/*byz*/SELECT down(1);
/*byz*/CREATE FUNCTION catcher() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN down(1); EXCEPTION WHEN statement_too_complex THEN RETURN 1; END';
BEGIN; /*byz*/SELECT catcher(); SELECT byzantium.flags(); ROLLBACK;
/*byz*/CREATE VIEW v AS SELECT 1 AS a;
/*byz*/CREATE OR REPLACE VIEW v AS SELECT a FROM v;
/*byz*/SELECT * FROM v;
/*byz*/WITH RECURSIVE r AS (SELECT 1 UNION ALL SELECT * FROM r WHERE false) SELECT * FROM r;

-- A function that swallows a cancel: it goes on, and its transaction is uncertain.
/*byz*/CREATE FUNCTION spin() RETURNS int LANGUAGE plpgsql AS 'BEGIN LOOP NULL; END LOOP; END';
/*byz*/CREATE FUNCTION stubborn() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN spin(); EXCEPTION WHEN query_canceled THEN RETURN 1; END';
BEGIN;
SET LOCAL statement_timeout = '300ms';
/*byz*/SELECT stubborn();
SELECT byzantium.flags();
/*byz*/SELECT spin();
ROLLBACK;

-- Errors while a stored query is planned leave the guard as it was.
BEGIN; /*byz*/SAVEPOINT a; /*byz*/CREATE TABLE x AS SELECT 1/0; /*byz*/ROLLBACK TO a; /*byz*/SELECT 1 LIMIT 1; ROLLBACK;
/*byz*/SELECT 1;

-- PostgreSQL runs the functions of indexes when it likes and commits: they only read there.
/*byz*/CREATE TABLE indexed (id int);
/*byz*/CREATE TABLE log (x text);
/*byz*/INSERT INTO indexed VALUES (1), (2);
/*byz*/CREATE FUNCTION behind() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 0; END';
/*byz*/CREATE FUNCTION key(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN public.behind() + $1; END';
/*byz*/CREATE INDEX by_key ON indexed (key(id));
\c - byzantium
ANALYZE indexed;
REINDEX TABLE indexed;
\c - byz_app
/*byz*/CREATE OR REPLACE FUNCTION behind() RETURNS int LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.log VALUES (1); RETURN 0; END';
\c - byzantium
ANALYZE indexed;
REINDEX TABLE indexed;
\c - byz_app
/*byz*/CREATE OR REPLACE FUNCTION behind() RETURNS int LANGUAGE plpgsql AS 'BEGIN DELETE FROM byzantium.applied; RETURN 0; END';
\c - byzantium
ANALYZE indexed;
\c - byz_app
/*byz*/CREATE OR REPLACE FUNCTION behind() RETURNS int LANGUAGE plpgsql AS 'BEGIN PERFORM id FROM public.indexed FOR UPDATE; RETURN 0; END';
\c - byzantium
ANALYZE indexed;
\c - byz_app
/*byz*/CREATE OR REPLACE FUNCTION behind() RETURNS int LANGUAGE plpgsql AS 'BEGIN EXECUTE ''CREATE TABLE public.evil ()''; RETURN 0; END';
\c - byzantium
ANALYZE indexed;
\c - byz_app
/*byz*/CREATE OR REPLACE FUNCTION behind() RETURNS int LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_lock(1); RETURN 0; END';
\c - byzantium
ANALYZE indexed;
\c - byz_app
/*byz*/SELECT * FROM log;
