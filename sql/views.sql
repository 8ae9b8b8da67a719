-- What this replica knows, for psql: tables that its proxy writes (they differ between replicas by
-- nature) and views that make them readable. Included by byzantium.sql.

-- Rewritten every second: one row, on a page with room for its next versions, so that PostgreSQL
-- prunes them there and no index grows. Unlogged: after a crash it is empty, and old news is none.
CREATE UNLOGGED TABLE IF NOT EXISTS byzantium.report (
    one_row boolean PRIMARY KEY DEFAULT true CHECK (one_row),
    reported_at timestamptz NOT NULL,
    report jsonb NOT NULL,
    configuration jsonb NOT NULL,
    settings jsonb NOT NULL
) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
-- The report stays within the row; what seldom changes lies elsewhere and is not rewritten with it.
ALTER TABLE byzantium.report ALTER COLUMN report SET STORAGE MAIN,
    ALTER COLUMN configuration SET STORAGE EXTERNAL, ALTER COLUMN settings SET STORAGE EXTERNAL;
REVOKE ALL ON byzantium.report FROM PUBLIC;
GRANT SELECT ON byzantium.report TO byz_dba;
COMMENT ON TABLE byzantium.report IS
    'what the proxy of this replica says of itself, written by it every second; read the views instead';
COMMENT ON COLUMN byzantium.report.one_row IS 'always true: there is one row';
COMMENT ON COLUMN byzantium.report.reported_at IS 'when it was written, by this server''s clock';
COMMENT ON COLUMN byzantium.report.report IS 'what changes';
COMMENT ON COLUMN byzantium.report.configuration IS 'what cluster.conf says, without keys';
COMMENT ON COLUMN byzantium.report.settings IS
    'values of the settings that must be equal on all replicas, as the proxy''s sessions have them';

CREATE TABLE IF NOT EXISTS byzantium.suspicions (
    id bigint PRIMARY KEY,
    seen_at timestamptz NOT NULL,
    what text NOT NULL,
    replica int NOT NULL,
    batch bigint,
    request int,
    transaction text,
    client text,
    statement_index int,
    statement text,
    decided text,
    detail text
);
REVOKE ALL ON byzantium.suspicions FROM PUBLIC;
GRANT SELECT ON byzantium.suspicions TO byz_dba;
COMMENT ON TABLE byzantium.suspicions IS
    'what this replica saw that a correct replica does not do, the latest 10000. It is what this replica saw, not proof: ask several replicas; a lying client can make an honest replica look bad, and this replica may itself be the faulty one';
COMMENT ON COLUMN byzantium.suspicions.id IS 'counts up on this replica';
COMMENT ON COLUMN byzantium.suspicions.seen_at IS 'when this replica saw it, by its own clock';
COMMENT ON COLUMN byzantium.suspicions.what IS
    'wrong_result: f+1 replicas got other rows than the client says it had from this one. unconfirmed: the same, but honest replicas may differ there. dissent: it voted otherwise than was decided. contradiction: it voted twice, differently. mismatch: this replica''s own execution is not what was decided. invalid_message: it sent what no correct replica sends. silent: it cannot be reached. diverged: 2f+1 others hold another state than this replica. proven: it signed a contradiction, and byzctl evidence has the proof';
COMMENT ON COLUMN byzantium.suspicions.replica IS
    'whom it is about: a suspicion, not proof, unless it is proven. Another replica, or a client that lies, may be behind it';
COMMENT ON COLUMN byzantium.suspicions.batch IS 'batch of the COMMIT, if it is about one';
COMMENT ON COLUMN byzantium.suspicions.request IS 'place of the COMMIT in the batch, from 0';
COMMENT ON COLUMN byzantium.suspicions.transaction IS 'the transaction''s uid: client/session/number';
COMMENT ON COLUMN byzantium.suspicions.client IS 'whose transaction it was: it says which replica gave it which result';
COMMENT ON COLUMN byzantium.suspicions.statement_index IS 'place of the statement in the transaction, from 0';
COMMENT ON COLUMN byzantium.suspicions.statement IS 'the statement''s text, the first 500 bytes';
COMMENT ON COLUMN byzantium.suspicions.decided IS 'what the replicas decided on the transaction';
COMMENT ON COLUMN byzantium.suspicions.detail IS 'the same in words, with what is known beyond it';

-- ---- the views ----

CREATE OR REPLACE VIEW byzantium.reported AS
    SELECT i.cluster AS identity, i.replica, r.reported_at, r.report, r.configuration, r.settings,
        coalesce(abs(extract(epoch FROM clock_timestamp() - r.reported_at)) < 5, false) AS fresh
    FROM (VALUES (true)) AS always (one_row)
        LEFT JOIN byzantium.report r ON r.one_row
        LEFT JOIN byzantium.identity i ON true;
COMMENT ON VIEW byzantium.reported IS 'the report and whether it is fresh: what the other views are made of';
COMMENT ON COLUMN byzantium.reported.identity IS 'whose database this is: digest of the cluster''s identity';
COMMENT ON COLUMN byzantium.reported.replica IS 'index of this replica';
COMMENT ON COLUMN byzantium.reported.reported_at IS 'when the proxy reported last; null: not since PostgreSQL''s last crash';
COMMENT ON COLUMN byzantium.reported.report IS 'as in byzantium.report';
COMMENT ON COLUMN byzantium.reported.configuration IS 'as in byzantium.report';
COMMENT ON COLUMN byzantium.reported.settings IS 'as in byzantium.report';
COMMENT ON COLUMN byzantium.reported.fresh IS 'the report is less than 5 seconds old; else the proxy has stopped or hangs';

CREATE OR REPLACE VIEW byzantium.status AS
    SELECT r.replica,
        configuration ->> 'cluster' AS cluster,
        CASE WHEN fresh THEN report ->> 'state' ELSE 'proxy stopped' END AS state,
        CASE WHEN fresh THEN nullif(report ->> 'reason', '')
            WHEN reported_at IS NULL THEN 'no report yet'
            ELSE format('no report for %s', date_trunc('second', clock_timestamp() - reported_at))
            END AS reason,
        CASE WHEN fresh THEN to_timestamp((report ->> 'state_since_us')::bigint / 1e6)
            ELSE reported_at END AS since,
        (report ->> 'view')::bigint AS view,
        (report ->> 'primary')::int AS primary_replica,
        (report ->> 'delivered')::bigint AS delivered,
        (report ->> 'executed')::bigint AS executed,
        (report ->> 'stable')::bigint AS stable,
        CASE WHEN fresh
            THEN (report ->> 'reached')::bigint - (report ->> 'executed')::bigint END AS lag,
        (report ->> 'epoch')::bigint AS epoch,
        CASE WHEN fresh THEN 1 + (SELECT count(*)
            FROM jsonb_array_elements(report -> 'replicas') AS p
            WHERE (p ->> 'connected')::boolean)::int END AS replicas_connected,
        2 * (configuration ->> 'faults')::int + 1 AS replicas_needed,
        (report ->> 'transactions_open')::int AS transactions_open,
        (report ->> 'requests_pending')::int AS requests_pending,
        (report ->> 'batches_waiting')::int AS batches_waiting,
        (report ->> 'committed')::bigint AS committed,
        (report ->> 'aborted')::bigint AS aborted,
        (report ->> 'mismatches')::bigint AS mismatches,
        (report ->> 'suspicions_lost')::bigint AS suspicions_lost,
        report ->> 'version' AS version,
        to_timestamp((report ->> 'started_us')::bigint / 1e6) AS started_at,
        reported_at,
        fresh
    FROM byzantium.reported r;
COMMENT ON VIEW byzantium.status IS
    'this replica, as its proxy says, in one row. If it is not fresh, the proxy has stopped and the numbers are its last ones';
COMMENT ON COLUMN byzantium.status.replica IS 'index of this replica';
COMMENT ON COLUMN byzantium.status.cluster IS 'name of the cluster';
COMMENT ON COLUMN byzantium.status.state IS
    'ready: takes part in everything. starting: waits for PostgreSQL. stopped, diverged: agrees on the order at most and executes no more, see reason. stopping: an orderly end. proxy stopped: no fresh report';
COMMENT ON COLUMN byzantium.status.reason IS 'why it is not ready; null: it is';
COMMENT ON COLUMN byzantium.status.since IS 'it has been in this state since then; proxy stopped: the time of its last report';
COMMENT ON COLUMN byzantium.status.view IS 'number of the view: views change when the primary is replaced';
COMMENT ON COLUMN byzantium.status.primary_replica IS 'replica that proposes the order in this view';
COMMENT ON COLUMN byzantium.status.delivered IS 'last batch whose place in the order is certain';
COMMENT ON COLUMN byzantium.status.executed IS 'last batch that is in this database';
COMMENT ON COLUMN byzantium.status.stable IS 'last checkpoint that 2f+1 replicas signed';
COMMENT ON COLUMN byzantium.status.lag IS
    'batches that f+1 replicas say they have executed and this one has not; null: no fresh report';
COMMENT ON COLUMN byzantium.status.epoch IS 'transactions committed so far: equal on replicas with equal databases';
COMMENT ON COLUMN byzantium.status.replicas_connected IS 'replicas that this one is linked with, itself included; null: no fresh report';
COMMENT ON COLUMN byzantium.status.replicas_needed IS '2f+1: with fewer nothing is ordered';
COMMENT ON COLUMN byzantium.status.transactions_open IS 'open transactions of all clients';
COMMENT ON COLUMN byzantium.status.requests_pending IS 'requests of clients that have no place in the order yet';
COMMENT ON COLUMN byzantium.status.batches_waiting IS 'batches with a place in the order that wait to be executed here';
COMMENT ON COLUMN byzantium.status.committed IS 'transactions committed here since the proxy started';
COMMENT ON COLUMN byzantium.status.aborted IS 'transactions aborted here since the proxy started';
COMMENT ON COLUMN byzantium.status.mismatches IS
    'decisions that this replica''s own execution did not confirm, since the proxy started: above 0 its data may differ';
COMMENT ON COLUMN byzantium.status.suspicions_lost IS 'suspicions that were dropped because they could not be written in time';
COMMENT ON COLUMN byzantium.status.version IS 'of byzproxy';
COMMENT ON COLUMN byzantium.status.started_at IS 'when the proxy started';
COMMENT ON COLUMN byzantium.status.reported_at IS 'when the proxy reported last; null: not since PostgreSQL''s last crash';
COMMENT ON COLUMN byzantium.status.fresh IS 'the report is less than 5 seconds old; else the proxy has stopped or hangs';

CREATE OR REPLACE VIEW byzantium.replicas AS
    SELECT (p ->> 'replica')::int AS replica,
        CASE WHEN fresh THEN (p ->> 'connected')::boolean END AS connected,
        to_timestamp((p ->> 'since_us')::bigint / 1e6) AS since,
        (p ->> 'delivered')::bigint AS delivered,
        (p ->> 'executed')::bigint AS executed,
        greatest((report ->> 'reached')::bigint - (p ->> 'executed')::bigint, 0) AS lag,
        (p ->> 'bytes_queued')::bigint AS bytes_queued,
        (SELECT count(*) FROM byzantium.suspicions s
            WHERE s.replica = (p ->> 'replica')::int) AS suspicions,
        reported_at,
        fresh
    FROM byzantium.reported, jsonb_array_elements(report -> 'replicas') AS p;
COMMENT ON VIEW byzantium.replicas IS 'the other replicas, as they told this one; a liar may have lied';
COMMENT ON COLUMN byzantium.replicas.replica IS 'index of the other replica';
COMMENT ON COLUMN byzantium.replicas.connected IS 'is there a link between its proxy and this one''s? null: no fresh report';
COMMENT ON COLUMN byzantium.replicas.since IS 'it has been connected, or not, since then';
COMMENT ON COLUMN byzantium.replicas.delivered IS 'last batch whose place in the order it says it knows, 0: it said nothing yet';
COMMENT ON COLUMN byzantium.replicas.executed IS 'last batch that it says it has executed, 0: it said nothing yet';
COMMENT ON COLUMN byzantium.replicas.lag IS
    'batches that this replica has executed, or f+1 replicas say they have, and that one has not';
COMMENT ON COLUMN byzantium.replicas.bytes_queued IS 'bytes that wait here to be sent to it';
COMMENT ON COLUMN byzantium.replicas.suspicions IS 'rows about it in byzantium.suspicions';
COMMENT ON COLUMN byzantium.replicas.reported_at IS 'when this replica''s proxy reported last';
COMMENT ON COLUMN byzantium.replicas.fresh IS 'the report is less than 5 seconds old; else this replica''s proxy has stopped or hangs';

CREATE OR REPLACE VIEW byzantium.transactions AS
    SELECT t ->> 'uid' AS uid,
        t ->> 'client' AS client,
        (t ->> 'coordinator')::int AS coordinator,
        to_timestamp((t ->> 'begun_us')::bigint / 1e6) AS begun_at,
        clock_timestamp() - to_timestamp((t ->> 'begun_us')::bigint / 1e6) AS age,
        (t ->> 'epoch')::bigint AS epoch,
        (t ->> 'batch')::bigint AS begun_batch,
        (t ->> 'operations')::int AS operations,
        CASE WHEN NOT fresh THEN 'unknown: the proxy has stopped'
            ELSE coalesce('a lock of ' || blocked.by, t ->> 'waiting_for') END AS waiting_for,
        (t ->> 'pid')::int AS pid,
        regexp_replace(a.query, '^/\*byz\*/', '') AS statement,
        reported_at,
        fresh
    FROM byzantium.reported
        CROSS JOIN jsonb_array_elements(report -> 'transactions') AS t
        LEFT JOIN pg_stat_activity a ON a.pid = (t ->> 'pid')::int
            AND a.application_name = 'byzproxy'
        CROSS JOIN LATERAL (
            SELECT string_agg(coalesce('transaction ' || (o ->> 'uid'),
                format('process %s (%s, %s)', pid, b.usename, b.application_name)), ', ') AS by
            FROM unnest(CASE WHEN (t ->> 'running')::boolean
                    THEN pg_blocking_pids((t ->> 'pid')::int) END) AS pid
                LEFT JOIN jsonb_array_elements(report -> 'transactions') AS o
                    ON (o ->> 'pid')::int = pid
                LEFT JOIN pg_stat_activity b USING (pid)) AS blocked;
COMMENT ON VIEW byzantium.transactions IS
    'open transactions, the 256 oldest (status.transactions_open counts all). Every replica knows them; what runs, only the coordinator';
COMMENT ON COLUMN byzantium.transactions.uid IS 'the transaction''s name: client/session/number of its BEGIN';
COMMENT ON COLUMN byzantium.transactions.client IS 'name of the client''s key in cluster.conf';
COMMENT ON COLUMN byzantium.transactions.coordinator IS
    'replica that was to execute its statements; after that one fell silent it may be another one: where operations counts up';
COMMENT ON COLUMN byzantium.transactions.begun_at IS 'agreed time of its BEGIN';
COMMENT ON COLUMN byzantium.transactions.age IS
    'since its BEGIN; beyond transaction_timeout_ms of cluster.conf it is rolled back';
COMMENT ON COLUMN byzantium.transactions.epoch IS 'it sees the database as it was after so many commits';
COMMENT ON COLUMN byzantium.transactions.begun_batch IS 'batch of its BEGIN';
COMMENT ON COLUMN byzantium.transactions.operations IS 'its statements that this replica has executed so far';
COMMENT ON COLUMN byzantium.transactions.waiting_for IS 'what it is waiting for here; locks are looked up at the time of the query';
COMMENT ON COLUMN byzantium.transactions.pid IS 'process of this PostgreSQL that works for it; null: none';
COMMENT ON COLUMN byzantium.transactions.statement IS 'the latest statement of that process (pg_stat_activity)';
COMMENT ON COLUMN byzantium.transactions.reported_at IS 'when the proxy reported last';
COMMENT ON COLUMN byzantium.transactions.fresh IS 'the report is less than 5 seconds old; else the proxy has stopped or hangs';

CREATE OR REPLACE VIEW byzantium.clients AS
    SELECT c.name,
        coalesce((r ->> 'links')::int, 0) AS links,
        (SELECT count(*) FROM jsonb_array_elements(report -> 'transactions') AS t
            WHERE t ->> 'client' = c.name) AS transactions_open,
        coalesce((r ->> 'requests')::bigint, 0) AS requests,
        coalesce((r ->> 'operations')::bigint, 0) AS operations,
        reported_at,
        fresh
    FROM byzantium.reported
        CROSS JOIN jsonb_array_elements_text(configuration -> 'clients') AS c (name)
        LEFT JOIN LATERAL jsonb_array_elements(report -> 'clients') AS r ON r ->> 'name' = c.name;
COMMENT ON VIEW byzantium.clients IS 'the clients of cluster.conf, as this replica sees them';
COMMENT ON COLUMN byzantium.clients.name IS 'name of the client''s key in cluster.conf';
COMMENT ON COLUMN byzantium.clients.links IS 'its open links to this replica: one a session';
COMMENT ON COLUMN byzantium.clients.transactions_open IS 'its transactions in byzantium.transactions';
COMMENT ON COLUMN byzantium.clients.requests IS
    'BEGIN, COMMIT and ROLLBACK that came over its own links, repetitions included, since the proxy started';
COMMENT ON COLUMN byzantium.clients.operations IS 'statements that it sent to this replica, since the proxy started';
COMMENT ON COLUMN byzantium.clients.reported_at IS 'when the proxy reported last';
COMMENT ON COLUMN byzantium.clients.fresh IS 'the report is less than 5 seconds old; else the proxy has stopped or hangs';

CREATE OR REPLACE VIEW byzantium.settings AS
    SELECT s ->> 'name' AS name,
        s ->> 'value' AS configured,
        here.value AS here,
        coalesce(CASE s ->> 'name' WHEN 'server_version_num'
            THEN left(s ->> 'value', -4) = left(here.value, -4)
            ELSE s ->> 'value' = here.value END, false) AS equal,
        reported_at,
        fresh
    FROM byzantium.reported
        CROSS JOIN jsonb_array_elements(configuration -> 'settings') AS s
        CROSS JOIN LATERAL (SELECT settings ->> (s ->> 'name') AS value) AS here;
COMMENT ON VIEW byzantium.settings IS
    'settings of PostgreSQL that must be equal on all replicas; read every 10 seconds in a session of the proxy, so your own SET does not show';
COMMENT ON COLUMN byzantium.settings.name IS 'as in SHOW';
COMMENT ON COLUMN byzantium.settings.configured IS 'value in cluster.conf';
COMMENT ON COLUMN byzantium.settings.here IS 'value in this server';
COMMENT ON COLUMN byzantium.settings.equal IS
    'are they equal? Of the version only the major one counts. If not, the proxy does not start again';
COMMENT ON COLUMN byzantium.settings.reported_at IS 'when the proxy reported last';
COMMENT ON COLUMN byzantium.settings.fresh IS 'the report is less than 5 seconds old; else the proxy has stopped or hangs';

CREATE OR REPLACE VIEW byzantium.commits AS
    SELECT a.seq AS batch,
        a.index AS request,
        a.epoch,
        coalesce(configuration -> 'clients' ->> a.client, a.client::text) AS client,
        format('%s/%s/%s', coalesce(configuration -> 'clients' ->> a.client, '?'),
            lpad(to_hex(a.session), 16, '0'), a.number) AS uid,
        a.barrier AS changed_catalogue
    FROM byzantium.applied a, byzantium.reported;
COMMENT ON VIEW byzantium.commits IS
    'byzantium.applied with names: the latest commits in the agreed order (older ones are forgotten after two checkpoints)';
COMMENT ON COLUMN byzantium.commits.batch IS 'batch that holds its COMMIT';
COMMENT ON COLUMN byzantium.commits.request IS 'place of the COMMIT in the batch, from 0';
COMMENT ON COLUMN byzantium.commits.epoch IS 'number of transactions committed, with this one';
COMMENT ON COLUMN byzantium.commits.client IS 'name of the client''s key in cluster.conf';
COMMENT ON COLUMN byzantium.commits.uid IS 'the transaction''s name: client/session/number of its BEGIN';
COMMENT ON COLUMN byzantium.commits.changed_catalogue IS 'transactions that began before it abort';

-- A sum needs no order of the rows. format() and not a cast: a cast may be a client's function.
CREATE OR REPLACE VIEW byzantium.digests AS
    SELECT n.nspname AS schema,
        c.relname AS "table",
        split_part(x.text, '/', 1)::bigint AS rows,
        md5(x.text) AS digest,
        (SELECT coalesce(max(epoch), 0) FROM byzantium.applied) AS epoch
    FROM pg_class c
        JOIN pg_namespace n ON n.oid = c.relnamespace
        CROSS JOIN LATERAL (SELECT (xpath('/row/text/text()', query_to_xml(format(
            'SELECT pg_catalog.concat(pg_catalog.count(*), ''/'', pg_catalog.sum('
            '(''x'' || pg_catalog.left(pg_catalog.md5(pg_catalog.format(''%%s'', t)), 16))'
            '::pg_catalog.bit(64)::pg_catalog.int8::pg_catalog.numeric)) AS text FROM %I.%I AS t',
            n.nspname, c.relname), true, true, '')))[1]::text AS text) AS x
    WHERE c.relkind IN ('r', 'm') AND c.relpersistence = 'p'
        AND n.nspname NOT IN ('byzantium', 'pg_catalog', 'information_schema', 'pg_toast');
COMMENT ON VIEW byzantium.digests IS
    'reads every table: two replicas with equal digests at the same epoch hold the same rows. Under traffic use it in BEGIN ISOLATION LEVEL REPEATABLE READ, and ask again until the epochs are equal. It is this server''s word: byzctl compare asks pg_dump, and looks at definitions too';
COMMENT ON COLUMN byzantium.digests.schema IS 'schema of the table';
COMMENT ON COLUMN byzantium.digests."table" IS 'name of the table or materialized view';
COMMENT ON COLUMN byzantium.digests.rows IS 'number of rows';
COMMENT ON COLUMN byzantium.digests.digest IS
    'of the rows in any order. Against mistakes, not against somebody who computes rows with equal sums';
COMMENT ON COLUMN byzantium.digests.epoch IS 'transactions committed, as this query sees it';

REVOKE ALL ON byzantium.reported, byzantium.status, byzantium.replicas, byzantium.transactions,
    byzantium.clients, byzantium.settings, byzantium.commits, byzantium.digests FROM PUBLIC;
GRANT SELECT ON byzantium.reported, byzantium.status, byzantium.replicas, byzantium.transactions,
    byzantium.clients, byzantium.settings, byzantium.commits, byzantium.digests TO byz_dba;
