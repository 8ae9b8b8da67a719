-- A function whose result differs between replicas is refused, however it is reached.
\set VERBOSITY default
/*byz*/CREATE TABLE t (id int PRIMARY KEY, v float8);
/*byz*/INSERT INTO t VALUES (1, 1), (2, 2);

-- The message, the hint and the SQLSTATE.
/*byz*/SELECT pg_backend_pid();
\echo :LAST_ERROR_SQLSTATE
/*byz*/SELECT pg_try_advisory_xact_lock(1);

-- Only client statements are guarded: these are the proxy's own.
SELECT pg_backend_pid() > 2;
SELECT clock_timestamp() IS NOT NULL;
/* byz */SELECT pg_backend_pid() > 2;
-- Case and place of the prefix matter; a prefix inside the text is nothing.
SELECT /*byz*/ pg_backend_pid() > 2;

\set VERBOSITY terse
-- One of each kind.
/*byz*/SELECT pg_catalog.pg_backend_pid();
/*byz*/SELECT pg_backend_pid();
/*byz*/SELECT inet_client_addr(), inet_server_port();
/*byz*/SELECT pg_postmaster_start_time();
/*byz*/SELECT pg_conf_load_time();
/*byz*/SELECT txid_current();
/*byz*/SELECT pg_current_xact_id(), txid_current_snapshot();
/*byz*/SELECT age('3'::xid);
/*byz*/SELECT pg_current_wal_lsn();
/*byz*/SELECT pg_relation_size('t');
/*byz*/SELECT pg_total_relation_size('t'), pg_column_size(1), pg_database_size('bank');
/*byz*/SELECT pg_relation_filenode('t');
/*byz*/SELECT pg_sleep(0);
/*byz*/SELECT pg_sleep_for('0 s');
/*byz*/SELECT pg_notify('a', 'b');
/*byz*/SELECT set_config('work_mem', '1MB', false);
/*byz*/SELECT current_setting('port');
/*byz*/SELECT current_query();
/*byz*/SELECT lo_create(0);
/*byz*/SELECT pg_export_snapshot();
/*byz*/SELECT pg_cancel_backend(1);
/*byz*/SELECT query_to_xml('SELECT 1', true, true, '');
/*byz*/SELECT * FROM ts_stat('SELECT to_tsvector(''a'')');
/*byz*/SELECT * FROM pg_stat_activity;
/*byz*/SELECT * FROM pg_stat_user_tables;
/*byz*/SELECT * FROM pg_locks;
/*byz*/SELECT * FROM pg_settings;
/*byz*/SELECT * FROM pg_cursors;
/*byz*/SELECT byzantium.flags();
/*byz*/SELECT byzantium.transaction_start(1);

-- Every place in a query.
/*byz*/SELECT id FROM t WHERE v > pg_backend_pid();
/*byz*/SELECT id FROM t ORDER BY pg_backend_pid();
/*byz*/SELECT count(*) FROM t GROUP BY pg_backend_pid();
/*byz*/SELECT max(id) FROM t HAVING pg_backend_pid() < 2;
/*byz*/SELECT max(pg_backend_pid()) FROM t;
/*byz*/SELECT count(*) FILTER (WHERE pg_backend_pid() < 2) FROM t;
/*byz*/SELECT sum(id) OVER (ORDER BY pg_backend_pid()) FROM t;
/*byz*/SELECT id FROM t LIMIT (pg_backend_pid() * 2)::int;
/*byz*/SELECT (SELECT pg_backend_pid());
/*byz*/SELECT id FROM t WHERE EXISTS (SELECT 1 WHERE pg_backend_pid() < 2);
/*byz*/WITH w AS (SELECT pg_backend_pid() AS r) SELECT r FROM w;
/*byz*/SELECT * FROM pg_backend_pid();
/*byz*/SELECT * FROM t, LATERAL (SELECT pg_backend_pid() + t.v) x;
/*byz*/SELECT * FROM ROWS FROM (pg_backend_pid(), generate_series(1, 2));
/*byz*/VALUES (pg_backend_pid());
/*byz*/SELECT 1 UNION SELECT pg_backend_pid();
/*byz*/SELECT CASE WHEN true THEN pg_backend_pid() END;
/*byz*/SELECT COALESCE(NULL, pg_backend_pid());
/*byz*/SELECT ARRAY[pg_backend_pid()], ROW(pg_backend_pid());
/*byz*/SELECT pg_backend_pid()::text::int::text;
/*byz*/SELECT format('%s', pg_backend_pid());
/*byz*/SELECT to_json(pg_backend_pid());
/*byz*/INSERT INTO t VALUES (3, pg_backend_pid());
/*byz*/INSERT INTO t VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET v = pg_backend_pid();
/*byz*/INSERT INTO t VALUES (4, 4) RETURNING pg_backend_pid();
/*byz*/UPDATE t SET v = pg_backend_pid();
/*byz*/DELETE FROM t WHERE v < pg_backend_pid();
/*byz*/MERGE INTO t USING (VALUES (1)) s (id) ON t.id = s.id WHEN MATCHED THEN UPDATE SET v = pg_backend_pid();
/*byz*/CREATE TABLE c AS SELECT pg_backend_pid() AS r;
/*byz*/SELECT pg_backend_pid() AS r INTO c;
BEGIN; /*byz*/DECLARE c CURSOR FOR SELECT pg_backend_pid(); ROLLBACK;

-- Dead code is not run, and so not refused.
/*byz*/SELECT CASE WHEN false THEN pg_backend_pid() ELSE 1 END;

-- Defaults, checks, generated columns, indexes.
/*byz*/CREATE TABLE d (id int, v float8 DEFAULT pg_backend_pid(), u uuid DEFAULT pg_current_xact_id()::text::uuid);
/*byz*/INSERT INTO d (id) VALUES (1);
/*byz*/INSERT INTO d VALUES (1, 1, DEFAULT);
/*byz*/INSERT INTO d VALUES (1, 1, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11');
/*byz*/ALTER TABLE d ADD COLUMN w float8 DEFAULT pg_backend_pid();
/*byz*/ALTER TABLE d ALTER COLUMN v TYPE float4 USING pg_backend_pid();
/*byz*/ALTER TABLE t ADD CHECK (v < pg_backend_pid());
/*byz*/CREATE TABLE k (v float8 CHECK (v < pg_backend_pid()));
/*byz*/INSERT INTO k VALUES (1);
/*byz*/CREATE DOMAIN dom AS float8 CHECK (VALUE < pg_backend_pid());
/*byz*/SELECT 1::dom;
/*byz*/SELECT '1'::dom;
/*byz*/CREATE TABLE dt (v dom);
/*byz*/INSERT INTO dt VALUES (1);
/*byz*/CREATE FUNCTION liar(float8) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN pg_backend_pid(); END';
/*byz*/CREATE INDEX ON t (liar(v));
/*byz*/ALTER TABLE t ADD COLUMN g float8 GENERATED ALWAYS AS (liar(v)) STORED;
/*byz*/SELECT liar(1);

-- Views, rules, row security.
/*byz*/CREATE VIEW v AS SELECT pg_backend_pid() AS r;
/*byz*/SELECT * FROM v;
/*byz*/CREATE MATERIALIZED VIEW mv AS SELECT pg_backend_pid() AS r;
/*byz*/CREATE MATERIALIZED VIEW mv AS SELECT pg_backend_pid() AS r WITH NO DATA;
/*byz*/REFRESH MATERIALIZED VIEW mv;
/*byz*/CREATE RULE r AS ON DELETE TO t DO ALSO INSERT INTO d VALUES (9, pg_backend_pid());
/*byz*/DELETE FROM t WHERE id = 99;
/*byz*/DROP RULE r ON t;

-- Triggers.
/*byz*/CREATE FUNCTION tf() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.v := pg_backend_pid(); RETURN NEW; END';
/*byz*/CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION tf();
/*byz*/INSERT INTO t VALUES (5, 5);
/*byz*/DROP TRIGGER tr ON t;
/*byz*/CREATE TRIGGER tw BEFORE INSERT ON t FOR EACH ROW WHEN (NEW.v < pg_backend_pid()) EXECUTE FUNCTION tf();
/*byz*/INSERT INTO t VALUES (5, 5);
/*byz*/DROP TRIGGER tw ON t;
/*byz*/CREATE FUNCTION deferred() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_backend_pid(); RETURN NULL; END';
/*byz*/CREATE CONSTRAINT TRIGGER td AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION deferred();
BEGIN; /*byz*/INSERT INTO t VALUES (6, 6); /*byz*/SET CONSTRAINTS ALL IMMEDIATE; ROLLBACK;
-- A deferred trigger that is still there at COMMIT does not run behind the vote.
BEGIN; /*byz*/INSERT INTO t VALUES (6, 6); COMMIT;
/*byz*/DROP TRIGGER td ON t;
/*byz*/SELECT id FROM t WHERE id = 6;

-- Behind the vote nothing may be left that could fail at COMMIT.
/*byz*/CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN SET CONSTRAINTS ALL DEFERRED; RETURN NULL; END';
/*byz*/CREATE CONSTRAINT TRIGGER td AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION again();
BEGIN; /*byz*/INSERT INTO t VALUES (6, 6); /*byz*/SET CONSTRAINTS ALL IMMEDIATE; ROLLBACK;
BEGIN; /*byz*/SET CONSTRAINTS ALL DEFERRED; /*byz*/DO 'BEGIN SET CONSTRAINTS ALL IMMEDIATE; END'; ROLLBACK;
/*byz*/DROP TRIGGER td ON t;

-- System columns by ways that no query shows, and hashes of OIDs.
/*byz*/CREATE FUNCTION place() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.v := length(OLD.ctid::text); RETURN NEW; END';
/*byz*/CREATE TRIGGER place BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION place();
/*byz*/UPDATE t SET v = 1 WHERE id = 1;
/*byz*/CREATE OR REPLACE FUNCTION place() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.v := length(OLD.xmin::text); RETURN NEW; END';
/*byz*/UPDATE t SET v = 1 WHERE id = 1;
/*byz*/DROP TRIGGER place ON t;
/*byz*/ALTER TABLE t ALTER COLUMN v TYPE text USING ctid::text;
/*byz*/ALTER TABLE t ALTER COLUMN v TYPE text USING concat('x', t.xmin);
/*byz*/CREATE TYPE mood AS ENUM ('sad', 'ok');
/*byz*/SELECT hashenum('ok'::mood);
/*byz*/SELECT hash_array(ARRAY['ok'::mood]);
/*byz*/SELECT hash_record(ROW('ok'::mood));

-- PL/pgSQL and SQL functions, procedures, DO.
/*byz*/DO 'BEGIN PERFORM pg_backend_pid(); END';
/*byz*/DO 'DECLARE x float8 := pg_backend_pid(); BEGIN END';
/*byz*/DO 'DECLARE x float8; BEGIN x := pg_backend_pid(); END';
/*byz*/DO 'BEGIN IF pg_backend_pid() < 2 THEN RETURN; END IF; END';
/*byz*/DO $$BEGIN EXECUTE 'SELECT pg_backend_pid()'; END$$;
/*byz*/DO $$BEGIN EXECUTE 'SELECT ' || quote_ident('pg_backend_pid') || '()'; END$$;
/*byz*/DO $$BEGIN EXECUTE 'SELECT $1' USING pg_backend_pid(); END$$;
/*byz*/DO $$BEGIN FOR i IN 1..pg_backend_pid() LOOP END LOOP; END$$;
/*byz*/DO $$BEGIN RAISE NOTICE '%', pg_backend_pid(); END$$;
/*byz*/DO $$BEGIN BEGIN PERFORM pg_backend_pid(); EXCEPTION WHEN feature_not_supported THEN RAISE NOTICE 'caught'; END; END$$;
/*byz*/CREATE FUNCTION one_line() RETURNS float8 LANGUAGE sql AS 'SELECT pg_backend_pid()';
/*byz*/SELECT one_line();
/*byz*/CREATE FUNCTION atomic() RETURNS float8 LANGUAGE sql RETURN pg_backend_pid();
/*byz*/SELECT atomic();
/*byz*/CREATE FUNCTION rows() RETURNS SETOF float8 LANGUAGE sql STABLE AS 'SELECT pg_backend_pid() FROM generate_series(1, 2)';
/*byz*/SELECT * FROM rows();
/*byz*/CREATE FUNCTION arg(x float8 DEFAULT pg_backend_pid()) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
/*byz*/SELECT arg();
/*byz*/SELECT arg(1);
/*byz*/CREATE PROCEDURE proc(x float8) LANGUAGE plpgsql AS 'BEGIN PERFORM pg_backend_pid(); END';
/*byz*/CALL proc(pg_backend_pid());
/*byz*/CALL proc(1);
/*byz*/CREATE FUNCTION definer() RETURNS float8 LANGUAGE sql SECURITY DEFINER SET search_path = public AS 'SELECT pg_backend_pid()';
/*byz*/SELECT definer();

-- Operators, casts, aggregates, ranges that hide it.
/*byz*/CREATE FUNCTION plus(int, int) RETURNS float8 LANGUAGE sql AS 'SELECT pg_backend_pid()';
/*byz*/CREATE OPERATOR @@@@ (FUNCTION = plus, LEFTARG = int, RIGHTARG = int);
/*byz*/SELECT 1 @@@@ 1;
/*byz*/CREATE TYPE pair AS (a int, b int);
/*byz*/CREATE FUNCTION to_pair(int) RETURNS pair LANGUAGE sql AS 'SELECT (pg_backend_pid(), 1)::pair';
/*byz*/CREATE CAST (int AS pair) WITH FUNCTION to_pair(int);
/*byz*/SELECT 1::pair;
/*byz*/CREATE FUNCTION step(float8, int) RETURNS float8 LANGUAGE sql AS 'SELECT pg_backend_pid()';
/*byz*/CREATE AGGREGATE noise (int) (SFUNC = step, STYPE = float8, INITCOND = '0');
/*byz*/SELECT noise(id) FROM t;
/*byz*/CREATE AGGREGATE noise2 (float8) (SFUNC = float8_accum, STYPE = float8[], FINALFUNC = float8_avg, INITCOND = '{0,0,0}');
/*byz*/SELECT noise2(v) FROM t;

-- System columns: places of rows and numbers of transactions.
/*byz*/SELECT ctid FROM t;
/*byz*/SELECT id FROM t WHERE xmin = '1';
/*byz*/SELECT x.xmax FROM (SELECT * FROM t) y, t x;
/*byz*/SELECT cmin, cmax FROM t;
/*byz*/CREATE VIEW cv AS SELECT ctid AS place, id FROM t;
/*byz*/SELECT id FROM cv WHERE place IS NOT NULL;
/*byz*/DELETE FROM t WHERE ctid = '(0,1)';
/*byz*/SELECT id FROM t WHERE id = 1 FOR UPDATE;
/*byz*/SELECT id FROM t TABLESAMPLE SYSTEM (100);
/*byz*/SELECT id FROM t TABLESAMPLE BERNOULLI (100) REPEATABLE (1);
/*byz*/CREATE FUNCTION places() RETURNS SETOF tid LANGUAGE sql STABLE AS 'SELECT ctid FROM t';
/*byz*/SELECT * FROM places();
/*byz*/SELECT id FROM t, places() p;

-- What is fine.
/*byz*/SELECT upper('a'), 1 + 1, now() IS NOT NULL, CURRENT_TIMESTAMP = now(), current_user;
/*byz*/SELECT to_char(1.5, '9.9'), 'a' || 1, ARRAY[1]::text, to_json(ARRAY[1]), date_trunc('day', now()) <= now();
/*byz*/SELECT '[1,2)'::int4range, md5('a'), sha256('a'), to_tsvector('a b'), age(now(), now());
/*byz*/CREATE TABLE w (d text, v tsvector, r int REFERENCES t);
/*byz*/CREATE TRIGGER a BEFORE UPDATE ON w FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
/*byz*/CREATE TRIGGER b BEFORE INSERT ON w FOR EACH ROW EXECUTE FUNCTION tsvector_update_trigger(v, 'pg_catalog.english', d);
/*byz*/INSERT INTO w VALUES ('big dogs', NULL, 1) RETURNING v;
/*byz*/UPDATE w SET d = d;
/*byz*/SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_name = 'w' ORDER BY ordinal_position;
/*byz*/SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = 'public' AND table_name = 'w';
/*byz*/SELECT indexdef FROM pg_indexes WHERE tablename = 't';

-- What a superuser installed: functions in C by their declared volatility, aliases by what they name.
\c - byzantium
CREATE EXTENSION pgcrypto SCHEMA public;
CREATE EXTENSION dblink SCHEMA public;
CREATE EXTENSION pg_trgm SCHEMA public;
CREATE FUNCTION public.alias() RETURNS int LANGUAGE internal IMMUTABLE AS 'pg_backend_pid';
CREATE FUNCTION public.alias2(int) RETURNS int LANGUAGE internal VOLATILE AS 'int4abs';
-- an administrator's session is not guarded
SELECT public.alias() > 2;
\c - byz_app
BEGIN; /*byz*/SELECT encode(digest('a', 'md5'), 'hex'); SELECT byzantium.flags(); ROLLBACK;
BEGIN; /*byz*/SELECT show_limit(); SELECT byzantium.flags(); ROLLBACK;
/*byz*/SELECT gen_random_bytes(4);
/*byz*/SELECT dblink_connect('dbname=bank');
/*byz*/SELECT * FROM dblink('dbname=bank', 'SELECT 1') AS x (i int);
/*byz*/SELECT alias();
BEGIN; /*byz*/SELECT alias2(-1); SELECT byzantium.flags(); ROLLBACK;
