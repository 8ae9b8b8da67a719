-- COPY as ordinary statements: byzantium.copy_in and copy_out.
\set VERBOSITY terse
\set start 'SELECT byzantium.transaction_start(1700000000000000, 0, true, ''\\\\xfeed'');'
\set flags 'SELECT byzantium.flags();'
/*byz*/CREATE TABLE t (id int PRIMARY KEY, v text, n numeric(6,2) DEFAULT 1.5);

-- In.
BEGIN; /*byz*/SELECT byzantium.copy_in('COPY t FROM STDIN', E'1\ta\\tb\t2.5\n2\t\\N\t3\n'); :flags COMMIT;
/*byz*/SELECT byzantium.copy_in('copy public.t (v, id) from stdin with (format csv, header, null ''-'')', E'v,id\n"x, ""y""\nz",3\n-,4\n');
/*byz*/SELECT byzantium.copy_in('COPY t (id) FROM STDIN;', E'5\r\n6\r\n');
/*byz*/SELECT byzantium.copy_in('COPY t FROM STDIN DELIMITER ''|'' CSV QUOTE '''''''' ESCAPE ''\'' FORCE NOT NULL v', E'7||0\n8|''a\\''b''|0\n');
/*byz*/SELECT byzantium.copy_in('COPY t FROM STDIN (FORMAT csv, FORCE_NULL (v))', E'9,"",0\n');
/*byz*/SELECT byzantium.copy_in('COPY t FROM STDIN', E'10\tafter this nothing\t0\n\\.\n11\tx\t0\n');
/*byz*/SELECT byzantium.copy_in('COPY t FROM STDIN', '');
/*byz*/SELECT byzantium.copy_in('COPY t FROM STDIN (FORMAT csv, HEADER)', E'12,no header here,0\n', true);
/*byz*/SELECT id, v, n, v IS NULL FROM t ORDER BY id;

-- Out.
/*byz*/SELECT line FROM byzantium.copy_out('COPY t TO STDOUT');
/*byz*/SELECT * FROM byzantium.copy_out('COPY t (v, id) TO STDOUT (FORMAT csv, HEADER, FORCE_QUOTE (v))') WHERE number < 4;
/*byz*/SELECT line FROM byzantium.copy_out('COPY (SELECT v, id FROM t WHERE id < 4 ORDER BY id DESC) TO STDOUT (DELIMITER '';'', NULL ''nothing'')');
/*byz*/SELECT line FROM byzantium.copy_out('COPY (VALUES (1, 2), (3, NULL)) TO STDOUT CSV');
/*byz*/SELECT count(*) FROM byzantium.copy_out('COPY (SELECT 1 WHERE false) TO STDOUT');
-- … as PostgreSQL's own COPY, byte by byte, and back again.
\! "$HERE/copied"

-- The order does not depend on how the rows are stored; a primary key is an order of its own.
/*byz*/CREATE TABLE heap (a float8, b text);
/*byz*/INSERT INTO heap VALUES (2, 'b'), (1, 'z'), (1, 'a'), (NULL, 'n'), (-0.0, 'm'), (0, 'p');
BEGIN; /*byz*/SELECT line FROM byzantium.copy_out('COPY heap TO STDOUT CSV'); :flags ROLLBACK;
/*byz*/UPDATE heap SET b = b WHERE b IN ('m', 'a');
/*byz*/SELECT line FROM byzantium.copy_out('COPY heap TO STDOUT CSV');
/*byz*/SELECT line FROM byzantium.copy_out('COPY (SELECT b FROM heap LIMIT 2) TO STDOUT CSV');

-- Defaults, identity, generated columns: the agreed values, drawn in the order of the lines.
/*byz*/CREATE TABLE d (i int GENERATED ALWAYS AS IDENTITY, s serial, v text, r float8 DEFAULT random(), u uuid DEFAULT gen_random_uuid(), w timestamptz DEFAULT clock_timestamp(), l int GENERATED ALWAYS AS (length(v)) STORED);
BEGIN; :start /*byz*/SELECT byzantium.copy_in('COPY d (v) FROM STDIN', E'zz\na\nyyy\na\n'); /*byz*/SELECT i, s, v, r, u, w, l FROM d ORDER BY i; :flags ROLLBACK;
BEGIN; :start /*byz*/INSERT INTO d (v) VALUES ('zz'), ('a'), ('yyy'), ('a'); /*byz*/SELECT i, s, v, r, u, w, l FROM d ORDER BY i; ROLLBACK;
/*byz*/SELECT byzantium.copy_in('COPY d (i, v) FROM STDIN', E'77\tgiven\n');
/*byz*/SELECT byzantium.copy_in('COPY d (i, l) FROM STDIN', E'77\t1\n');
/*byz*/SELECT i, s, v, l FROM d;
/*byz*/SELECT line FROM byzantium.copy_out('COPY d (i, s, v) TO STDOUT');

-- Triggers, partitions, views.
/*byz*/CREATE TABLE log (id serial, what text);
/*byz*/CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN IF TG_LEVEL = 'ROW' THEN NEW.v := upper(NEW.v); IF NEW.v = 'SKIP' THEN RETURN NULL; END IF; END IF; INSERT INTO log (what) VALUES (concat_ws(' ', TG_LEVEL, TG_WHEN, CASE TG_LEVEL WHEN 'ROW' THEN NEW.v END)); RETURN NEW; END$$;
/*byz*/CREATE TABLE p (id int, v text) PARTITION BY RANGE (id);
/*byz*/CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
/*byz*/CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20);
/*byz*/CREATE TRIGGER r BEFORE INSERT ON p FOR EACH ROW EXECUTE FUNCTION note();
/*byz*/CREATE TRIGGER s AFTER INSERT ON p FOR EACH STATEMENT EXECUTE FUNCTION note();
BEGIN; /*byz*/SELECT byzantium.copy_in('COPY p FROM STDIN', E'15\tlast\n1\tskip\n3\tfirst\n'); :flags COMMIT;
/*byz*/SELECT what FROM log ORDER BY id;
/*byz*/SELECT 'p1', * FROM p1 UNION ALL SELECT 'p2', * FROM p2;
/*byz*/SELECT byzantium.copy_in('COPY p FROM STDIN', E'99\tx\n');
/*byz*/SELECT byzantium.copy_out('COPY p TO STDOUT');
/*byz*/CREATE VIEW pv AS SELECT id, v FROM p;
/*byz*/SELECT byzantium.copy_in('COPY pv FROM STDIN', E'1\tx\n');
/*byz*/CREATE FUNCTION instead() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO t (id, v) VALUES (NEW.id + 100, NEW.v); RETURN NEW; END$$;
/*byz*/CREATE TRIGGER i INSTEAD OF INSERT ON pv FOR EACH ROW EXECUTE FUNCTION instead();
/*byz*/SELECT byzantium.copy_in('COPY pv FROM STDIN', E'1\tby way of a view\n');
/*byz*/SELECT id, v FROM t WHERE id > 100;
/*byz*/CREATE TABLE ruled (id int);
/*byz*/CREATE RULE away AS ON INSERT TO ruled DO INSTEAD NOTHING;
/*byz*/SELECT byzantium.copy_in('COPY ruled FROM STDIN', E'1\n');
/*byz*/CREATE TABLE nothing ();
/*byz*/SELECT byzantium.copy_in('COPY nothing FROM STDIN', E'\n\n');
/*byz*/SELECT count(*) FROM byzantium.copy_out('COPY nothing TO STDOUT');

-- Errors have PostgreSQL's SQLSTATE and the line, and leave nothing.
\set VERBOSITY default
/*byz*/SELECT byzantium.copy_in('COPY t FROM STDIN', E'50\ta\t1\nx\tb\t1\n');
/*byz*/SELECT byzantium.copy_in('COPY t FROM STDIN (FROMAT csv)', '');
\set VERBOSITY sqlstate
/*byz*/SELECT byzantium.copy_in('COPY t FROM STDIN', E'50\ta\n');
/*byz*/SELECT byzantium.copy_in('COPY t FROM STDIN', E'50\ta\t1\t1\n');
/*byz*/SELECT byzantium.copy_in('COPY t FROM STDIN', E'50\ta\t12345678\n');
/*byz*/SELECT byzantium.copy_in('COPY t FROM STDIN', E'50\ta\t1\n1\ttwice\t1\n');
/*byz*/SELECT byzantium.copy_in('COPY t FROM STDIN', E'\\N\ta\t1\n');
/*byz*/SELECT byzantium.copy_in('COPY t FROM STDIN', E'50\ta\\x00b\t1\n');
/*byz*/SELECT byzantium.copy_in('COPY t FROM STDIN', E'50\ta\\xff\t1\n');
/*byz*/SELECT byzantium.copy_in('COPY t FROM STDIN', E'50\ta\xff\t1\n');
/*byz*/SELECT byzantium.copy_in('COPY t FROM STDIN', E'50\ta\t1\n51\ta\t1\r\n');
/*byz*/SELECT byzantium.copy_in('COPY t FROM STDIN CSV', E'50,"a,1\n51,b,1\n');
/*byz*/SELECT byzantium.copy_in('COPY t FROM STDIN (FORMAT csv, HEADER match)', E'id,w,n\n50,a,1\n');
/*byz*/SELECT byzantium.copy_in('COPY missing FROM STDIN', '');
/*byz*/SELECT byzantium.copy_in('COPY t (missing) FROM STDIN', '');
/*byz*/SELECT byzantium.copy_in('COPY t (id, id) FROM STDIN', '');
/*byz*/SELECT byzantium.copy_out('COPY t (missing) TO STDOUT');
/*byz*/SELECT byzantium.copy_out('COPY t (id) TO STDOUT CSV FORCE QUOTE v');
/*byz*/SELECT byzantium.copy_out('COPY (SELECT 1/0) TO STDOUT');
/*byz*/SELECT count(*) FROM t WHERE id BETWEEN 50 AND 99;

-- Nothing but rows to and from the client.
\set VERBOSITY terse
\! "$BIN/psql" -Xc "/*byz*/COPY t FROM STDIN" </dev/null
\! "$BIN/psql" -Xc "/*byz*/COPY t TO STDOUT"
/*byz*/DO $$BEGIN EXECUTE 'COPY t TO STDOUT'; END$$;
/*byz*/SELECT byzantium.copy_in('COPY t FROM ''/etc/passwd''', '');
/*byz*/SELECT byzantium.copy_in('COPY t FROM PROGRAM ''id''', '');
/*byz*/SELECT byzantium.copy_out('COPY t TO ''/tmp/byz-copied''');
/*byz*/SELECT byzantium.copy_out('COPY t TO PROGRAM ''cat >/tmp/byz-copied''');
/*byz*/SELECT byzantium.copy_in('COPY t FROM STDIN BINARY', '');
/*byz*/SELECT byzantium.copy_out('COPY t TO STDOUT (FORMAT binary)');
/*byz*/SELECT byzantium.copy_in('COPY t FROM STDIN (ENCODING ''latin1'')', '');
/*byz*/SELECT byzantium.copy_out('COPY t TO STDOUT (ENCODING ''utf-8'')') LIMIT 1;
/*byz*/SELECT byzantium.copy_in('COPY t FROM STDIN (FREEZE)', '');
/*byz*/SELECT byzantium.copy_in('COPY t FROM STDIN WHERE id > 1', '');
/*byz*/SELECT byzantium.copy_in('COPY t TO STDOUT', '');
/*byz*/SELECT byzantium.copy_out('COPY t FROM STDIN');
/*byz*/SELECT byzantium.copy_in('COPY t FROM STDIN; DROP TABLE t', '');
/*byz*/SELECT byzantium.copy_in('DROP TABLE t', '');
/*byz*/SELECT byzantium.copy_in('', '');
/*byz*/SELECT byzantium.copy_in('COPY t FROM', '');
/*byz*/SELECT byzantium.copy_out('COPY (DELETE FROM t RETURNING *) TO STDOUT');
/*byz*/SELECT byzantium.copy_out('COPY (WITH x AS (DELETE FROM t RETURNING *) TABLE x) TO STDOUT');
/*byz*/SELECT byzantium.copy_out('COPY (SELECT * INTO x FROM t) TO STDOUT');
/*byz*/SELECT byzantium.copy_out('COPY (SELECT pg_backend_pid()) TO STDOUT');
/*byz*/SELECT byzantium.copy_out('COPY (SELECT ctid FROM t) TO STDOUT');
/*byz*/SELECT byzantium.copy_out('COPY (SELECT $1) TO STDOUT');
/*byz*/SELECT byzantium.copy_out('COPY byzantium.applied TO STDOUT');
/*byz*/SELECT byzantium.copy_in('COPY byzantium.applied FROM STDIN', E'1\t1\t1\t1\t1\t1\tf\n');
/*byz*/SELECT byzantium.copy_in('COPY pg_class FROM STDIN', '');
/*byz*/SELECT byzantium.copy_in('COPY d_s_seq FROM STDIN', '');
/*byz*/INSERT INTO t (id, v) SELECT 60, line FROM byzantium.copy_out('COPY (SELECT ''t''::regclass::oid) TO STDOUT');
/*byz*/CREATE TABLE kept AS SELECT byzantium.copy_in('COPY t FROM STDIN', '60');
/*byz*/SELECT sum(byzantium.copy_in('COPY t (id) FROM STDIN', g::text)) FROM generate_series(60, 62) g;
/*byz*/DO $$BEGIN PERFORM byzantium.copy_in('COPY t (id) FROM STDIN', '70'); END$$;
BEGIN; /*byz*/DECLARE c CURSOR FOR SELECT byzantium.copy_in('COPY t (id) FROM STDIN', '71'); /*byz*/FETCH c; ROLLBACK;
/*byz*/SELECT byzantium.copy_in('COPY t (v, id) FROM STDIN', repeat('x', 1000000) || E'\t63'), (SELECT length(v) FROM t WHERE id = 63);
/*byz*/SELECT length(v) FROM t WHERE id = 63;
/*byz*/SELECT count(*) FROM byzantium.copy_out('COPY (SELECT repeat(''x'', 1000000) FROM generate_series(1, 20)) TO STDOUT');
/*byz*/CREATE TABLE many (n int);
/*byz*/SELECT byzantium.copy_in('COPY many FROM STDIN', string_agg((g % 10)::text, E'\n')) FROM generate_series(1, 200000) g;
/*byz*/SELECT sum(n) FROM many;

-- Privileges and row security.
\c - byzantium
CREATE ROLE byz_test_copier NOLOGIN;
GRANT byz_test_copier TO byz_app;
CREATE SCHEMA theirs AUTHORIZATION byz_test_copier;
GRANT USAGE ON SCHEMA byzantium, public TO byz_test_copier;
GRANT EXECUTE ON FUNCTION byzantium.copy_in(text, text, boolean), byzantium.copy_out(text) TO byz_test_copier;
GRANT SELECT (id), INSERT (id, v) ON t TO byz_test_copier;
CREATE TABLE theirs.secret (id int, who text DEFAULT current_user);
INSERT INTO theirs.secret VALUES (1, 'byz_app'), (2, 'other');
GRANT SELECT, INSERT ON theirs.secret TO byz_app;
GRANT USAGE ON SCHEMA theirs TO byz_app;
ALTER TABLE theirs.secret ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON theirs.secret USING (who = current_user);
\c - byz_app
BEGIN; SET LOCAL ROLE byz_test_copier; /*byz*/SELECT byzantium.copy_in('COPY t FROM STDIN', ''); ROLLBACK;
BEGIN; SET LOCAL ROLE byz_test_copier; /*byz*/SELECT byzantium.copy_in('COPY t (id, v) FROM STDIN', E'80\tx'); ROLLBACK;
BEGIN; SET LOCAL ROLE byz_test_copier; /*byz*/SELECT byzantium.copy_out('COPY t TO STDOUT'); ROLLBACK;
BEGIN; SET LOCAL ROLE byz_test_copier; /*byz*/SELECT min(line) FROM byzantium.copy_out('COPY t (id) TO STDOUT'); ROLLBACK;
/*byz*/SELECT line FROM byzantium.copy_out('COPY theirs.secret TO STDOUT');
/*byz*/SELECT byzantium.copy_in('COPY theirs.secret FROM STDIN', '');
\c - byzantium
DROP SCHEMA theirs CASCADE;
REVOKE ALL ON t FROM byz_test_copier;
DROP OWNED BY byz_test_copier;
DROP ROLE byz_test_copier;
