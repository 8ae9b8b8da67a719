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
    NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'byz_client') AS client_missing,
    NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'byz_dba') AS dba_missing \gset
\if :app_missing
CREATE ROLE byz_app;
\endif
\if :client_missing
CREATE ROLE byz_client;
\endif
\if :dba_missing
CREATE ROLE byz_dba;
\endif

ALTER ROLE byz_app LOGIN NOINHERIT NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS;
COMMENT ON ROLE byz_app IS 'runs all client SQL and owns what it creates';

ALTER ROLE byz_client NOLOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS;
COMMENT ON ROLE byz_client IS 'what the proxy''s own statements need, whatever role a client''s transaction runs as';

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
GRANT USAGE ON SCHEMA byzantium TO byz_app, byz_client, byz_dba;
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
GRANT SELECT, INSERT, DELETE ON byzantium.applied TO byz_app, byz_client;
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

CREATE TABLE IF NOT EXISTS byzantium.sequence_positions (
    sequence regclass NOT NULL,
    lane int NOT NULL,
    next bigint NOT NULL,
    remaining bigint NOT NULL,
    PRIMARY KEY (sequence, lane)
);
REVOKE ALL ON byzantium.sequence_positions FROM PUBLIC;
COMMENT ON TABLE byzantium.sequence_positions IS
    'where sequences stand, equal on all replicas; written by the transactions that draw from them';
COMMENT ON COLUMN byzantium.sequence_positions.sequence IS 'the sequence';
COMMENT ON COLUMN byzantium.sequence_positions.lane IS
    'whose block of values this is: no two open transactions share a lane; -1: what no lane has yet';
COMMENT ON COLUMN byzantium.sequence_positions.next IS 'the value that is drawn next';
COMMENT ON COLUMN byzantium.sequence_positions.remaining IS
    'values left in the block; of lane -1: 0 if the sequence has reached its limit';

CREATE TABLE IF NOT EXISTS byzantium.authority (
    client text NOT NULL,
    role text NOT NULL,
    is_default boolean NOT NULL,
    PRIMARY KEY (client, role)
);
CREATE UNIQUE INDEX IF NOT EXISTS authority_one_default ON byzantium.authority (client) WHERE is_default;
REVOKE ALL ON byzantium.authority FROM PUBLIC;
COMMENT ON TABLE byzantium.authority IS
    'which roles a client''s key may use, equal on all replicas; byz_admin: it may change this table';
COMMENT ON COLUMN byzantium.authority.client IS 'name of the client in the configuration';
COMMENT ON COLUMN byzantium.authority.role IS
    'a role that its transactions may run as, or byz_admin';
COMMENT ON COLUMN byzantium.authority.is_default IS
    'they run as this one; without any they run as byz_app';
INSERT INTO byzantium.authority SELECT 'admin', 'byz_admin', false
    WHERE NOT EXISTS (SELECT FROM byzantium.authority);

CREATE TABLE IF NOT EXISTS byzantium.allowed_functions (function regprocedure PRIMARY KEY);
REVOKE ALL ON byzantium.allowed_functions FROM PUBLIC;
COMMENT ON TABLE byzantium.allowed_functions IS
    'functions that an administrator allowed to clients, equal on all replicas';
COMMENT ON COLUMN byzantium.allowed_functions.function IS
    'would be refused; the administrator answers for that it is equal on all replicas';

CREATE OR REPLACE FUNCTION byzantium.authorize(client text, role text, is_default boolean DEFAULT true)
    RETURNS void AS :'module', 'byzantium_authorize' LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION byzantium.authorize(text, text, boolean) IS
    'a client''s key may use the role; as a client''s statement, for administrators';
CREATE OR REPLACE FUNCTION byzantium.deauthorize(client text, role text)
    RETURNS void AS :'module', 'byzantium_deauthorize' LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION byzantium.deauthorize(text, text) IS 'takes it back';
CREATE OR REPLACE FUNCTION byzantium.allow(function regprocedure)
    RETURNS void AS :'module', 'byzantium_allow' LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION byzantium.allow(regprocedure) IS
    'clients may call the function; as a client''s statement, for administrators';
CREATE OR REPLACE FUNCTION byzantium.disallow(function regprocedure)
    RETURNS void AS :'module', 'byzantium_disallow' LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION byzantium.disallow(regprocedure) IS 'takes it back';
REVOKE ALL ON FUNCTION byzantium.authorize(text, text, boolean), byzantium.deauthorize(text, text),
    byzantium.allow(regprocedure), byzantium.disallow(regprocedure) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION byzantium.authorize(text, text, boolean), byzantium.deauthorize(text, text),
    byzantium.allow(regprocedure), byzantium.disallow(regprocedure) TO byz_app, byz_client;

CREATE OR REPLACE FUNCTION byzantium.copy_in(command text, data text, continued boolean DEFAULT false)
    RETURNS bigint AS :'module', 'byzantium_copy_in' LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION byzantium.copy_in(text, text, boolean) IS
    'COPY … FROM STDIN with this data; the number of rows; continued: not the first part, so without a header';
CREATE OR REPLACE FUNCTION byzantium.copy_out(command text)
    RETURNS TABLE (number bigint, line text) AS :'module', 'byzantium_copy_out'
    LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION byzantium.copy_out(text) IS 'the lines of COPY … TO STDOUT';
REVOKE ALL ON FUNCTION byzantium.copy_in(text, text, boolean), byzantium.copy_out(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION byzantium.copy_in(text, text, boolean), byzantium.copy_out(text) TO byz_app, byz_client;

CREATE OR REPLACE FUNCTION byzantium.transaction_start(agreed_us bigint, lane int DEFAULT 0,
        turn boolean DEFAULT true, seed bytea DEFAULT '', client text DEFAULT '') RETURNS void
    AS :'module', 'byzantium_transaction_start'
    LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION byzantium.transaction_start(bigint, int, boolean, bytea, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION byzantium.transaction_start(bigint, int, boolean, bytea, text) TO byz_app, byz_client;
COMMENT ON FUNCTION byzantium.transaction_start(bigint, int, boolean, bytea, text) IS
    'sets the transaction''s time (microseconds since 1970, UTC), its lane for sequences, whether it is at its turn, the seed of its random numbers, the client whose role it takes; clears its flags; for the proxy';

CREATE OR REPLACE FUNCTION byzantium.flags() RETURNS int
    AS :'module', 'byzantium_flags'
    LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION byzantium.flags() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION byzantium.flags() TO byz_app, byz_client;
COMMENT ON FUNCTION byzantium.flags() IS
    'what the transaction used so far: 1 uncertain, 2 barrier; for the proxy';

CREATE OR REPLACE FUNCTION byzantium.judgement(function regprocedure) RETURNS text
    AS :'module', 'byzantium_judgement'
    LANGUAGE C STRICT STABLE PARALLEL SAFE;
COMMENT ON FUNCTION byzantium.judgement(regprocedure) IS
    'what a client''s call of this function comes to: certain, uncertain (flag 1), replaced, refused';

\ir views.sql

COMMIT;
