-- Which roles a client's key may use; what an administrator's key may allow.
\set VERBOSITY terse
\set as 'SELECT byzantium.transaction_start(1700000000000000, 0, true, '''', '
\set flags 'SELECT byzantium.flags();'
/*byz*/CREATE TABLE t (id int);
/*byz*/INSERT INTO t VALUES (1);
-- Only an administrator's key may change it; byzctl makes one of the name admin.
BEGIN; :as 'demo'); /*byz*/SELECT byzantium.authorize('demo', 'byz_test_clerk'); ROLLBACK;
BEGIN; :as 'demo'); /*byz*/SELECT byzantium.authorize('demo', 'byz_admin', false); ROLLBACK;
BEGIN; :as 'demo'); /*byz*/SELECT byzantium.allow('pg_backend_pid()'); ROLLBACK;
BEGIN; /*byz*/SELECT byzantium.authorize('demo', 'byz_test_clerk'); ROLLBACK;
SELECT byzantium.authorize('demo', 'byz_test_clerk');
BEGIN; :as 'admin'); /*byz*/SELECT byzantium.authorize('demo', 'byz_test_clerk'); :flags COMMIT;
BEGIN; :as 'admin'); /*byz*/SELECT byzantium.authorize('demo', 'byz_test_chief', false); COMMIT;
BEGIN; :as 'admin'); /*byz*/SELECT byzantium.authorize('demo', 'byzantium'); ROLLBACK;
BEGIN; :as 'admin'); /*byz*/SELECT byzantium.authorize('demo', 'byz_app'); ROLLBACK;
BEGIN; :as 'admin'); /*byz*/SELECT byzantium.authorize('demo', 'pg_read_server_files'); ROLLBACK;
BEGIN; :as 'admin'); /*byz*/SELECT byzantium.authorize('demo', 'byz_admin'); ROLLBACK;
BEGIN; :as 'admin'); /*byz*/SELECT byzantium.authorize('demo', 'x"; DROP TABLE t; --'); /*byz*/SELECT count(*) FROM t; ROLLBACK;

-- The client's transactions run as its role, with that role's rights.
BEGIN; :as 'demo'); SAVEPOINT byz_init; /*byz*/SELECT current_user, session_user; /*byz*/SELECT * FROM t; ROLLBACK;
/*byz*/GRANT SELECT ON t TO byz_test_clerk;
BEGIN; :as 'demo'); /*byz*/SELECT * FROM t; /*byz*/SAVEPOINT s; /*byz*/INSERT INTO t VALUES (2); /*byz*/ROLLBACK TO s; INSERT INTO byzantium.applied VALUES (1, 0, 1, 0, 1, 1); :flags /*byz*/SELECT * FROM byzantium.applied; ROLLBACK;
BEGIN; :as 'other'); /*byz*/SELECT current_user; ROLLBACK;
/*byz*/SELECT current_user;
-- … and cannot shed it.
BEGIN; :as 'demo'); /*byz*/RESET ROLE; ROLLBACK;
BEGIN; :as 'demo'); /*byz*/SET LOCAL ROLE NONE; ROLLBACK;
BEGIN; :as 'demo'); /*byz*/SET LOCAL ROLE byz_app; ROLLBACK;
BEGIN; :as 'demo'); /*byz*/SET LOCAL ROLE byzantium; ROLLBACK;
BEGIN; :as 'demo'); /*byz*/SET LOCAL ROLE byz_admin; ROLLBACK;
BEGIN; :as 'demo'); /*byz*/SET ROLE byz_test_chief; ROLLBACK;
BEGIN; :as 'demo'); /*byz*/SELECT set_config('role', 'byz_app', true); ROLLBACK;
BEGIN; :as 'demo'); /*byz*/SET SESSION AUTHORIZATION byz_app; ROLLBACK;
BEGIN; :as 'demo'); /*byz*/DO 'BEGIN SET LOCAL ROLE byz_test_chief; END'; ROLLBACK;
BEGIN; :as 'demo'); SAVEPOINT byz_init; /*byz*/SELECT 1/0; ROLLBACK TO byz_init; :as 'demo'); /*byz*/SELECT current_user; ROLLBACK;
-- It may change to another of its own, until a savepoint is rolled back or the transaction ends.
BEGIN; :as 'demo'); /*byz*/SAVEPOINT s; /*byz*/SET LOCAL ROLE byz_test_chief; /*byz*/SELECT current_user; /*byz*/ROLLBACK TO s; /*byz*/SELECT current_user; COMMIT;
BEGIN; :as 'admin'); /*byz*/SELECT current_user; /*byz*/SET LOCAL ROLE byz_test_chief; ROLLBACK;
-- A role's rights are not those of all other clients: byz_app may become it, but does not inherit.
BEGIN; :as 'admin'); /*byz*/GRANT CREATE ON SCHEMA public TO byz_test_chief; COMMIT;
\c - byzantium
GRANT CREATE ON SCHEMA public TO byz_test_chief;
\c - byz_app
BEGIN; :as 'demo'); /*byz*/SET LOCAL ROLE byz_test_chief; /*byz*/CREATE TABLE secret (id serial, x text); /*byz*/INSERT INTO secret (x) VALUES ('s') RETURNING id; COMMIT;
/*byz*/SELECT * FROM secret;
BEGIN; :as 'demo'); /*byz*/SELECT * FROM secret; ROLLBACK;
-- Row security sees the role.
BEGIN; :as 'demo'); /*byz*/SET LOCAL ROLE byz_test_chief; /*byz*/ALTER TABLE secret ENABLE ROW LEVEL SECURITY; /*byz*/CREATE POLICY p ON secret USING (x = current_user); /*byz*/GRANT SELECT ON secret TO byz_test_clerk; COMMIT;
BEGIN; :as 'demo'); /*byz*/SELECT count(*) FROM secret; ROLLBACK;
-- What PostgreSQL maintains for such a table is guarded, too.
BEGIN; :as 'demo'); /*byz*/SET LOCAL ROLE byz_test_chief; /*byz*/CREATE FUNCTION f(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1; END'; /*byz*/CREATE INDEX ON secret (f(x)); /*byz*/CREATE OR REPLACE FUNCTION f(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN public.behind(); END'; /*byz*/CREATE FUNCTION behind() RETURNS text LANGUAGE plpgsql AS 'BEGIN DELETE FROM public.secret; RETURN ''''; END'; COMMIT;
\c - byzantium
ANALYZE secret;
\c - byz_app
BEGIN; :as 'demo'); /*byz*/SET LOCAL ROLE byz_test_chief; /*byz*/CREATE OR REPLACE FUNCTION behind() RETURNS text LANGUAGE plpgsql AS 'BEGIN PERFORM byzantium.authorize(''demo'', ''byz_admin'', false); RETURN ''''; END'; COMMIT;
\c - byzantium
ANALYZE secret;
\c - byz_app
-- Nor does a client's trigger behind the vote.
/*byz*/CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM byzantium.authorize(''demo'', ''byz_admin'', false); RETURN NULL; END';
/*byz*/CREATE CONSTRAINT TRIGGER late AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION late();
BEGIN; :as 'other'); /*byz*/INSERT INTO t VALUES (3); COMMIT;
BEGIN; :as 'other'); /*byz*/INSERT INTO t VALUES (3); /*byz*/SET CONSTRAINTS ALL IMMEDIATE; COMMIT;

-- Nor what another client made for the administrator to use.
/*byz*/CREATE VIEW trap AS SELECT 1 WHERE byzantium.authorize('demo', 'byz_admin', false) IS NOT NULL;
/*byz*/CREATE FUNCTION trap() RETURNS void LANGUAGE sql AS $$SELECT byzantium.authorize('demo', 'byz_admin', false)$$;
BEGIN; :as 'admin'); /*byz*/SELECT * FROM trap; ROLLBACK;
BEGIN; :as 'admin'); /*byz*/SELECT trap(); ROLLBACK;
BEGIN; :as 'admin'); /*byz*/INSERT INTO t VALUES (4); /*byz*/SET CONSTRAINTS ALL IMMEDIATE; ROLLBACK;
BEGIN; :as 'admin'); /*byz*/DO $$BEGIN PERFORM byzantium.authorize('demo', 'byz_admin', false); END$$; ROLLBACK;
BEGIN; :as 'admin'); /*byz*/  select BYZANTIUM.authorize('demo', 'byz_admin', false); ROLLBACK;

-- Functions that an administrator answers for.
/*byz*/SELECT pg_backend_pid() > 0;
BEGIN; :as 'admin'); /*byz*/SELECT byzantium.allow('pg_backend_pid()'); :flags COMMIT;
BEGIN; :as 'demo'); /*byz*/SELECT pg_backend_pid() > 0; :flags ROLLBACK;
BEGIN; :as 'admin'); /*byz*/SELECT byzantium.allow('byzantium.flags()'); ROLLBACK;
BEGIN; :as 'admin'); /*byz*/SELECT byzantium.disallow('pg_backend_pid()'); COMMIT;
/*byz*/SELECT pg_backend_pid() > 0;
-- Taken back.
BEGIN; :as 'admin'); /*byz*/SELECT byzantium.deauthorize('demo', 'byz_test_clerk'); COMMIT;
BEGIN; :as 'demo'); /*byz*/SELECT current_user; ROLLBACK;
/*byz*/INSERT INTO byzantium.authority VALUES ('demo', 'byz_admin', false);
/*byz*/DELETE FROM byzantium.allowed_functions;
\c - byzantium
SELECT client, role, is_default FROM byzantium.authority ORDER BY client, role;
DROP OWNED BY byz_test_clerk, byz_test_chief;
DROP ROLE byz_test_clerk, byz_test_chief;
