"""PostgreSQL's contrib extensions: those on the list (sql/extensions.c) work through the order, and
what is random in them is refused."""
import uuid

import pytest

from features import stage_fixture  # noqa: F401 pylint: disable=unused-import


@pytest.fixture(scope="module", autouse=True, name="extensions")
def extensions_fixture(cluster):
    with cluster.connect() as conn:
        for name in ("btree_gin", "btree_gist", "citext", "cube", "fuzzystrmatch", "hstore",
                     "intarray", "isn",
                     "ltree", "pg_trgm", "pgcrypto", "seg", "tablefunc", "unaccent", "uuid-ossp"):
            conn.execute(f'CREATE EXTENSION "{name}"')
    cluster.wait_same("SELECT count(*) FROM pg_extension", "16")


@pytest.mark.parametrize("name", ["dblink", "postgres_fdw", "file_fdw", "adminpack", "lo", "tcn",
                                  "tsm_system_rows", "dict_int",
                                  "pg_stat_statements", "pageinspect", "xml2", "plperlu",
                                  "byzantium", "nothing"])
def test_others_are_refused(stage, name):
    stage.fails("0A000", f"CREATE EXTENSION {name}", words="Allowed: btree_gin")


def test_what_create_extension_may_not(stage):
    stage.fails("42710", "CREATE EXTENSION citext")
    stage.act("CREATE EXTENSION IF NOT EXISTS citext")
    stage.act("DROP EXTENSION seg")
    stage.fails("42501", "CREATE EXTENSION seg SCHEMA byzantium")
    stage.fails("42501", "CREATE EXTENSION seg SCHEMA pg_catalog")
    stage.fails("42501", "SET LOCAL search_path = byzantium", "CREATE EXTENSION seg")
    stage.fails("3F000", "CREATE EXTENSION seg SCHEMA nowhere")
    stage.fails("0A000", "CREATE EXTENSION seg VERSION '1.1'", words="Leave VERSION out")
    stage.fails("0A000", "ALTER EXTENSION citext ADD SCHEMA public")
    stage.fails("0A000", "ALTER EXTENSION citext UPDATE")
    stage.fails("42501", "DROP EXTENSION plpgsql")
    stage.act("CREATE EXTENSION seg WITH SCHEMA s_what_create_extension_may_not",
              "COMMENT ON EXTENSION seg IS 'x'")
    stage.fails("42501", "ALTER EXTENSION seg SET SCHEMA public")
    assert stage.value("SELECT '1.5 .. 2.5'::seg && '2 .. 3'::seg") == "t"


def test_a_script_takes_no_clients_function(stage):
    """The script runs as the superuser; what stands in its way makes it fail."""
    stage.act("DROP EXTENSION fuzzystrmatch")
    mine = "CREATE FUNCTION soundex(text) RETURNS text LANGUAGE sql RETURN 'mine'"
    stage.fails("42723", mine, "CREATE EXTENSION fuzzystrmatch")
    stage.act("CREATE EXTENSION fuzzystrmatch SCHEMA public")
    assert stage.value(mine, "SELECT soundex('x')") == "mine"
    stage.act("DROP FUNCTION soundex(text)")


def test_citext(stage):
    stage.act("CREATE TABLE account (name citext PRIMARY KEY, n int)",
              "INSERT INTO account VALUES ('Ada', 1), ('bob', 2)")
    assert stage.rows("SELECT n FROM account WHERE name = 'ADA'") == [("1",)]
    stage.fails("23505", "INSERT INTO account VALUES ('BOB', 3)")
    assert stage.act("INSERT INTO account VALUES ('BOB', 3) ON CONFLICT (name) DO UPDATE SET n = 9").affected == 1
    assert stage.rows("SELECT * FROM account ORDER BY name") == [("Ada", "1"), ("bob", "9")]


def test_hstore(stage):
    stage.act("CREATE TABLE h (id int PRIMARY KEY, a hstore)", "CREATE INDEX ON h USING gin (a)",
              "CREATE INDEX ON h USING gist (a)",
              "INSERT INTO h VALUES (1, 'k=>1, b=>NULL'), (2, hstore(ARRAY['k', '2', 'z', 'w']))",
              "UPDATE h SET a = a || 'new=>yes' WHERE a ? 'z'",
              "UPDATE h SET a['k'] = '7' WHERE id = 1")
    assert stage.rows("SELECT id, a->'k', a, akeys(a), hstore_to_jsonb(a) FROM h WHERE a ? 'k'"
                      " ORDER BY id") == [
        ("1", "7", '"b"=>NULL, "k"=>"7"', "{b,k}", '{"b": null, "k": "7"}'),
        ("2", "2", '"k"=>"2", "z"=>"w", "new"=>"yes"', "{k,z,new}",
         '{"k": "2", "z": "w", "new": "yes"}')]
    assert stage.rows("SELECT (each(a)).key FROM h WHERE id = 1") == [("b",), ("k",)]
    assert stage.value("SELECT hstore(h) -> 'id' FROM h WHERE id = 2") == "2"


def test_pg_trgm(stage):
    stage.act("CREATE TABLE w (id int PRIMARY KEY, t text)",
              "CREATE INDEX ON w USING gin (t gin_trgm_ops)",
              "CREATE INDEX ON w USING gist (t gist_trgm_ops)",
              "INSERT INTO w VALUES (1, 'replication'), (2, 'repetition'), (3, 'agreement')")
    assert stage.rows("SELECT id FROM w WHERE t % 'replicatoin' ORDER BY similarity(t,"
                      " 'replicatoin') DESC") == [("1",)]
    assert stage.rows("SELECT id FROM w WHERE t ILIKE '%PET%'") == [("2",)]
    assert stage.rows("SELECT id FROM w ORDER BY t <-> 'agree', id LIMIT 1") == [("3",)]
    stage.fails("0A000", "SELECT set_limit(0.1)")


def test_gist_and_gin_over_scalars(stage):
    stage.act("CREATE TABLE room (no int, during tsrange, EXCLUDE USING gist (no WITH =, during"
              " WITH &&))",
              "INSERT INTO room VALUES (1, '[2024-01-01,2024-01-05)'), (2,"
              " '[2024-01-01,2024-01-05)')",
              "CREATE TABLE g (a int, tags int[])", "CREATE INDEX ON g USING gin (a, tags"
                                                    " gin__int_ops)",
              "INSERT INTO g SELECT n % 5, ARRAY[n, n + 1] FROM generate_series(1, 50) n")
    stage.fails("23P01", "INSERT INTO room VALUES (2, '[2024-01-04,2024-01-06)')")
    assert stage.rows("SELECT a, tags FROM g WHERE a = 3 AND tags && '{7,8,9}' ORDER BY tags") == [
        ("3", "{8,9}")]
    assert stage.rows("SELECT '{1,2,3}'::int[] & '{2,3,4}', sort('{3,1,2}'::int[]),"
                      " '{1,5}'::int[] @@ '1&(5|6)'") == [
        ("{2,3}", "{1,2,3}", "t")]


def test_ltree_cube_isn(stage):
    stage.act("CREATE TABLE tree (path ltree PRIMARY KEY)", "CREATE INDEX ON tree USING gist"
                                                            " (path)",
              "INSERT INTO tree VALUES ('top'), ('top.a'), ('top.a.x'), ('top.b')")
    assert stage.rows("SELECT path, nlevel(path) FROM tree WHERE path <@ 'top.a' ORDER BY path") == [("top.a", "2"), ("top.a.x", "3")]
    assert stage.rows("SELECT count(*) FROM tree WHERE path ~ '*.a|b.*'") == [("3",)]
    assert stage.rows("SELECT cube_distance('(0,0)', '(3,4)'), '978-0-393-04002-9'::isbn13,"
                      " isbn('0-393-04002-X')") == [
        ("5", "978-0-393-04002-9", "0-393-04002-X")]


def test_words_and_crosstab(stage):
    stage.act("CREATE TABLE s (who text, q int, v int)", "INSERT INTO s VALUES ('a', 1, 10),"
                                                         " ('a', 2, 20), ('b', 2, 5)")
    assert stage.rows("SELECT levenshtein('kitten', 'sitting'), soundex('Robert'),"
                      " dmetaphone('Thompson'), unaccent('Hôtel')") == [
        ("3", "R163", "TMPS", "Hotel")]
    assert stage.rows("""SELECT * FROM crosstab('SELECT who, q, v FROM s_words_and_crosstab.s ORDER BY 1, 2', 'VALUES (1), (2)')
                         AS c (who text, q1 int, q2 int) ORDER BY who""") == [("a", "10", "20"),
                             ("b", None, "5")]
    stage.fails("0A000", "SELECT * FROM normal_rand(3, 0, 1)")
    stage.fails("0A000", "SELECT * FROM crosstab('SELECT pg_backend_pid()::text, 1, 1') AS c (a"
                         " text, b int)")


def test_pgcrypto(stage):
    stage.act("CREATE TABLE secret (id int PRIMARY KEY, d bytea, p text, c bytea)",
              "INSERT INTO secret VALUES (1, digest('x', 'sha1'), crypt('pw', '$1$saltsalt$'),"
              " encrypt('data', 'key', 'aes')),"
              " (2, hmac('x', 'k', 'sha256'), crypt('pw', '$2a$04$abcdefghijklmnopqrstuu'), NULL)")
    assert stage.rows("SELECT encode(d, 'hex'), p = crypt('pw', p), convert_from(decrypt(c,"
                      " 'key', 'aes'), 'UTF8') FROM secret"
                      " WHERE id = 1") == [("11f6ad8ec52a2984abaafd7c3b516503785c2072", "t",
                                            "data")]
    for call, words in (("gen_random_bytes(8)", "gen_random_uuid() or random()"),
                        ("gen_salt('bf')", "pass it as a parameter"),
                        ("pgp_sym_encrypt('x', 'y')", "pass it as a parameter"),
                        ("public.gen_random_uuid()", "")):
        stage.fails("0A000", f"SELECT {call}", words="not deterministic across replicas")
        stage.fails("0A000", f"SELECT {call}", words=words)
        stage.fails("0A000", f"INSERT INTO secret (id, p) SELECT 3, {call}::text")
    assert stage.value("SELECT gen_random_uuid() IS NOT NULL") == "t"


def test_uuid_ossp(stage):
    stage.act("CREATE TABLE u (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), n int)",
              "INSERT INTO u (n) VALUES (1), (2)",
              "INSERT INTO u VALUES (uuid_generate_v5(uuid_ns_url(), 'http://x'), 3)")
    assert stage.rows("SELECT id, uuid_generate_v3(uuid_ns_dns(), 'x') FROM u WHERE n = 3") == [
        (str(uuid.uuid5(uuid.NAMESPACE_URL, "http://x")), str(uuid.uuid3(uuid.NAMESPACE_DNS, "x")))]
    for version in ("v1", "v1mc", "v4"):
        stage.fails("0A000", f"SELECT uuid_generate_{version}()", words="Use gen_random_uuid()")
    stage.act("CREATE TABLE d (id uuid DEFAULT uuid_generate_v4(), n int)")
    stage.fails("0A000", "INSERT INTO d (n) VALUES (1)", words="Use gen_random_uuid()")


def test_equal_values_that_look_different(cluster, stage):
    """Which of 'A' and 'a' stands for its group follows from no physical order."""
    stage.act("CREATE TABLE c (id int PRIMARY KEY, v citext)",
              "CREATE TABLE kept (id serial, v citext, n bigint)",
              "INSERT INTO c SELECT g, CASE g % 4 WHEN 0 THEN 'A' WHEN 1 THEN 'a' WHEN 2 THEN 'b'"
              " ELSE 'B' END"
              " FROM generate_series(1, 40) g")
    cluster.wait_same("SELECT count(*) FROM s_equal_values_that_look_different.c", "40")
    for replica in (1, 3):
        cluster.psql(replica, "SET search_path = s_equal_values_that_look_different, public;"
                              " CREATE TABLE moved AS SELECT * FROM c"
                     " ORDER BY md5(id::text || 'x'); TRUNCATE c; INSERT INTO c SELECT * FROM"
                     " moved; DROP TABLE moved",
                     role="byzantium")
    for _ in range(4):
        stage.act("INSERT INTO kept (v) SELECT v FROM c LIMIT 5")
        stage.act("INSERT INTO kept (v) SELECT DISTINCT ON (v) v FROM c")
        stage.act("INSERT INTO kept (v) SELECT min(v) FROM c")
        stage.act("INSERT INTO kept (v) SELECT string_agg(v, ',') FROM c")
        stage.act("INSERT INTO kept (v) SELECT v FROM c ORDER BY v LIMIT 15 OFFSET 3")
    for statement in ("INSERT INTO kept (v, n) SELECT v, count(*) FROM c GROUP BY v",
                      "INSERT INTO kept (v) SELECT DISTINCT v FROM c",
                      "INSERT INTO kept (v) SELECT v FROM c UNION SELECT 'z'"):
        stage.fails("0A000", statement)
