-- Sets up one database of a replica: roles, schema byzantium, privileges. Run by a superuser with
-- psql; running it again changes nothing.
--
-- The library's path is the psql variable "module" if there is one, else the entry of
-- shared_preload_libraries that names it: both must be the same file.

\set ON_ERROR_STOP on
SET client_min_messages = warning;

\if :{?module}
\else
SELECT trim(both ' "' from path) AS module
    FROM unnest(string_to_array(current_setting('shared_preload_libraries'), ',')) AS path
    WHERE path ~ 'byzantium(\.so)?[" ]*$' \gset
\endif

BEGIN;

-- Roles belong to the server, not to the database: they may be there already.
SELECT NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'byz_app') AS app_missing,
    NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'byz_dba') AS dba_missing \gset
\if :app_missing
CREATE ROLE byz_app;
\endif
\if :dba_missing
CREATE ROLE byz_dba;
\endif

ALTER ROLE byz_app LOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS;
COMMENT ON ROLE byz_app IS 'runs all client SQL and owns what it creates';

ALTER ROLE byz_dba LOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS;
ALTER ROLE byz_dba SET default_transaction_read_only = on;
GRANT pg_read_all_data, pg_monitor TO byz_dba;
COMMENT ON ROLE byz_dba IS 'reads everything on this replica and writes nothing';

-- Temporary objects would outlive their transaction in the proxy's pooled sessions.
SELECT format('REVOKE CREATE, TEMPORARY ON DATABASE %I FROM PUBLIC', current_database()) \gexec
SELECT format('GRANT CREATE, CONNECT ON DATABASE %I TO byz_app', current_database()) \gexec
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT CREATE, USAGE ON SCHEMA public TO byz_app;

CREATE SCHEMA IF NOT EXISTS byzantium;
REVOKE ALL ON SCHEMA byzantium FROM PUBLIC;
GRANT USAGE ON SCHEMA byzantium TO byz_app, byz_dba;
COMMENT ON SCHEMA byzantium IS 'what the replica''s proxy keeps inside its database';

CREATE TABLE IF NOT EXISTS byzantium.applied (
    seq bigint NOT NULL,
    index int NOT NULL,
    epoch bigint NOT NULL,
    client int NOT NULL,
    session bigint NOT NULL,
    number bigint NOT NULL,
    barrier boolean NOT NULL DEFAULT false,
    PRIMARY KEY (seq, index)
);
REVOKE ALL ON byzantium.applied FROM PUBLIC;
GRANT SELECT, INSERT, DELETE ON byzantium.applied TO byz_app;
COMMENT ON TABLE byzantium.applied IS
    'the place in the agreed order of each replicated transaction, written by the transaction itself';
COMMENT ON COLUMN byzantium.applied.seq IS 'sequence number of the batch that holds its COMMIT';
COMMENT ON COLUMN byzantium.applied.index IS 'place of the COMMIT in the batch, from 0';
COMMENT ON COLUMN byzantium.applied.epoch IS 'number of transactions committed, with this one';
COMMENT ON COLUMN byzantium.applied.client IS 'index of the client''s key in the configuration';
COMMENT ON COLUMN byzantium.applied.session IS 'the client''s session';
COMMENT ON COLUMN byzantium.applied.number IS 'number of the BEGIN in the session';
COMMENT ON COLUMN byzantium.applied.barrier IS
    'it changed the catalogue, so transactions that began before it abort';

CREATE TABLE IF NOT EXISTS byzantium.identity (
    cluster text NOT NULL,
    replica int NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS identity_one_row ON byzantium.identity ((true));
REVOKE ALL ON byzantium.identity FROM PUBLIC;
COMMENT ON TABLE byzantium.identity IS
    'whose database this is; a proxy refuses that of another cluster or replica';
COMMENT ON COLUMN byzantium.identity.cluster IS
    'digest of the cluster''s configuration, hexadecimal';
COMMENT ON COLUMN byzantium.identity.replica IS 'index of the replica';

CREATE OR REPLACE FUNCTION byzantium.transaction_start(agreed_us bigint) RETURNS void
    AS :'module', 'byzantium_transaction_start'
    LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION byzantium.transaction_start(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION byzantium.transaction_start(bigint) TO byz_app;
COMMENT ON FUNCTION byzantium.transaction_start(bigint) IS
    'sets the transaction''s time (microseconds since 1970, UTC) and clears its flags; for the proxy';

CREATE OR REPLACE FUNCTION byzantium.flags() RETURNS int
    AS :'module', 'byzantium_flags'
    LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION byzantium.flags() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION byzantium.flags() TO byz_app;
COMMENT ON FUNCTION byzantium.flags() IS
    'what the transaction used so far: 1 uncertain, 2 barrier; for the proxy';

\ir views.sql

COMMIT;
