"""COPY in and out through the library, on four replicas that must stay equal."""
import os
import threading

import byz
import pytest

BYTES_MAX = 786432  # BYZ_COPY_BYTES_MAX


@pytest.fixture(scope="module", name="tables")
def tables_fixture(cluster):
    cluster.ctl("run", "--quiet", "-c", """
        CREATE TABLE item (id int PRIMARY KEY, name text, price numeric(8,2) DEFAULT 1);
        CREATE TABLE drawn (i bigint GENERATED ALWAYS AS IDENTITY, s serial, v text,
            r float8 DEFAULT random(), u uuid DEFAULT gen_random_uuid(),
            t timestamptz DEFAULT clock_timestamp(), l int GENERATED ALWAYS AS (length(v)) STORED);
        CREATE TABLE audit (id serial, what text);
        CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
            INSERT INTO audit (what) VALUES (NEW.v); RETURN NEW; END$$;
        CREATE TABLE watched (v text);
        CREATE TRIGGER note AFTER INSERT ON watched FOR EACH ROW EXECUTE FUNCTION note();
        CREATE TABLE line (n int, v text)""")


def same(cluster, table):
    """The rows are the same on all replicas; how many."""
    digest = f"SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} t"
    cluster.wait_same(digest, cluster.psql(0, digest))
    return int(cluster.psql(0, f"SELECT count(*) FROM {table}"))


def real_copy(cluster, command, replica=0):
    """What PostgreSQL's own COPY writes."""
    return cluster.psql(replica, command) + "\n"


# -- in


def test_text_and_csv(cluster, conn, tables):
    assert conn.copy_in("COPY item FROM STDIN", "1\ta\\tb\t2.5\n2\t\\N\t3\n") == 2
    assert conn.copy_in("COPY item (name, id) FROM STDIN (FORMAT csv, HEADER)",
                        'name,id\n"a ""quoted""\nname, äöü",3\n,4\n') == 2
    assert conn.copy_in("COPY item FROM STDIN", "") == 0
    assert conn.execute("SELECT * FROM item ORDER BY id").rows == [
        ("1", "a\tb", "2.50"), ("2", None, "3.00"), ("3", 'a "quoted"\nname, äöü', "1.00"),
        ("4", None, "1.00")]
    assert same(cluster, "item") == 4


def test_defaults_are_the_agreed_ones(cluster, conn, tables):
    for coordinator in range(4):
        conn.begin(coordinator)
        assert conn.copy_in("COPY drawn (v) FROM STDIN", "zz\na\nyyy\n") == 3
        conn.execute("INSERT INTO drawn (v) VALUES ('by hand')")
        conn.commit()
        assert conn.suspect is None
    assert conn.copy_in("COPY drawn (i, v) FROM STDIN", "1000000\tgiven\n") == 1
    assert same(cluster, "drawn") == 17
    cluster.wait_same("SELECT count(DISTINCT r), count(DISTINCT u), max(l), count(t) FROM drawn", "17|17|7|17")
    cluster.wait_same("SELECT string_agg(v, ' ' ORDER BY s) FROM drawn WHERE s <= 4", "zz a yyy by hand")
    positions = "SELECT count(*), sum(next), sum(remaining) FROM byzantium.sequence_positions"
    cluster.wait_same(positions, cluster.psql(0, positions))


def test_triggers_run_in_the_order_of_the_lines(cluster, conn, tables):
    conn.copy_in("COPY watched FROM STDIN", "".join(f"{n * 7919 % 100}\n" for n in range(100)))
    same(cluster, "watched")
    assert same(cluster, "audit") == 100
    order = "SELECT string_agg(what, ' ' ORDER BY id) FROM audit"
    cluster.wait_same(order, " ".join(str(n * 7919 % 100) for n in range(100)))


def test_a_transaction_holds_it_or_not(cluster, conn, tables):
    conn.begin()
    conn.copy_in("COPY item FROM STDIN", "100\tgone\t1\n")
    assert conn.execute("SELECT name FROM item WHERE id = 100").rows == [("gone",)]
    conn.rollback()
    conn.begin()
    conn.copy_in("COPY item FROM STDIN", "101\tkept\t1\n")
    conn.commit()
    cluster.wait_same("SELECT string_agg(name, ',') FROM item WHERE id BETWEEN 100 AND 101", "kept")


@pytest.mark.parametrize("options, newline", [("", "\\n"), ("(FORMAT csv, HEADER)", "\n")])
def test_a_long_load_is_several_transactions(cluster, conn, tables, options, newline):
    conn.execute("TRUNCATE line")
    rows = 9000
    separator = "," if options else "\t"
    value = f'"a{newline}{"x" * 200}"'
    data = "".join(f"{n}{separator}{value}\n" for n in range(rows))
    assert len(data) > 2 * BYTES_MAX
    before = conn.epoch()
    assert conn.copy_in(f"COPY line FROM STDIN {options}", ("n,v\n" if options else "") + data) == rows
    assert conn.epoch() - before == -(-len(data) // BYTES_MAX)
    assert same(cluster, "line") == rows
    cluster.wait_same("SELECT count(DISTINCT n), sum(n), count(*) FILTER (WHERE v LIKE E'%a\\n%') FROM line",
                      f"{rows}|{rows * (rows - 1) // 2}|{rows}")


def test_many_at_once(cluster, tables):
    conns, failures = [cluster.connect() for _ in range(4)], []

    def work(number):
        try:
            for _ in range(5):
                assert conns[number].copy_in("COPY drawn (v) FROM STDIN", f"c{number}\n" * 50) == 50
        except Exception as error:  # pylint: disable=broad-except
            failures.append(repr(error))

    before = same(cluster, "drawn")
    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for conn in conns:
        assert conn.suspect is None
        conn.close()
    assert not failures
    assert same(cluster, "drawn") == before + 4 * 5 * 50
    cluster.wait_same("SELECT count(*) - count(DISTINCT s), count(*) - count(DISTINCT i) FROM drawn", "0|0")


# -- out


OUT = ["COPY item TO STDOUT", "COPY item TO STDOUT (FORMAT csv, HEADER, FORCE_QUOTE *)",
       "COPY item (name, id) TO STDOUT (NULL 'none', DELIMITER '|')",
       "COPY (SELECT id, name FROM item ORDER BY price, id) TO STDOUT CSV"]


@pytest.mark.parametrize("command", OUT)
def test_out_is_what_postgresql_writes(cluster, conn, tables, command):
    same(cluster, "item")
    assert conn.copy_out(command) == real_copy(cluster, command)


def test_out_does_not_depend_on_the_replica(cluster, conn, tables):
    """One replica stores the rows in another order."""
    conn.execute("CREATE TABLE pile (k int, f float8)")
    conn.execute("INSERT INTO pile SELECT g % 7, g / 3.0 FROM generate_series(1, 100) g")
    cluster.wait_same("SELECT count(*) FROM pile", "100")
    cluster.psql(2, "CREATE TABLE moved AS SELECT * FROM pile ORDER BY md5(f::text); TRUNCATE pile;"
                 "INSERT INTO pile SELECT * FROM moved; DROP TABLE moved", role="byzantium")
    for command in ("COPY pile TO STDOUT", "COPY (SELECT f FROM pile ORDER BY k) TO STDOUT CSV HEADER",
                    "COPY (SELECT f FROM pile LIMIT 5) TO STDOUT"):
        texts = set()
        for coordinator in range(4):
            conn.begin(coordinator)
            texts.add(conn.copy_out(command))
            conn.commit()
            assert conn.suspect is None
        assert len(texts) == 1


def test_round_trip(cluster, conn, tables):
    conn.execute("CREATE TABLE item_again (LIKE item)")
    for options in ("", "CSV", "CSV HEADER QUOTE '''' ESCAPE '\\'"):
        text = conn.copy_out(f"COPY item TO STDOUT {options}")
        conn.execute("TRUNCATE item_again")
        conn.copy_in(f"COPY item_again FROM STDIN {options}", text)
        assert conn.execute("TABLE item EXCEPT TABLE item_again").rows == []
    assert same(cluster, "item_again") == same(cluster, "item")


# -- bad input


@pytest.mark.parametrize("command, data, sqlstate", [
    ("COPY item FROM STDIN", "1\ttwice\t1\n", "23505"),
    ("COPY item FROM STDIN", "x\ta\t1\n", "22P02"),
    ("COPY item FROM STDIN", "500\ta\n", "22P04"),
    ("COPY item FROM STDIN", b"500\ta\xff\t1\n", "22021"),
    ("COPY item FROM STDIN", "500\ta\\000\t1\n", "22021"),
    ("COPY item FROM STDIN", b"500\ta\0\t1\n", "22023"),
    ("COPY item (id, name) FROM STDIN", "500\t" + "x" * (1 << 20), "54000"),
    ("COPY item FROM STDIN CSV", '500,"open' + ',1\n' * 300000, "54000"),
    ("COPY item FROM STDIN BINARY", "", "0A000"),
    ("COPY item FROM STDIN (ENCODING 'latin1')", "500\ta\t1\n", "0A000"),
    ("COPY item FROM PROGRAM 'id'", "", "0A000"),
    ("COPY item FROM '/etc/passwd'", "", "0A000"),
    ("COPY item TO STDOUT", "", "0A000"),
    ("COPY item FROM STDIN; DROP TABLE item", "", "42601"),
    ("DROP TABLE item", "", "42601"),
    ("", "", "42601"),
    ("COPY byzantium.applied FROM STDIN", "", "42501"),
    ("COPY missing FROM STDIN", "", "42P01"),
], ids=range(18))
def test_bad_input(cluster, conn, tables, command, data, sqlstate):
    with pytest.raises(byz.Error) as error:
        conn.copy_in(command, data)
    assert error.value.sqlstate == sqlstate, error.value
    assert error.value.suspect is None
    cluster.wait_same("SELECT count(*) FROM item WHERE id BETWEEN 200 AND 999", "0")


def test_a_line_of_a_megabyte_leaves_the_transaction_open(conn, tables):
    conn.begin()
    with pytest.raises(byz.Error) as error:
        conn.copy_in("COPY item (id, name) FROM STDIN", "\n".join(f"{n}\t{'x' * 1000}" for n in range(1000, 1900)))
    assert error.value.sqlstate == "54000"
    assert conn.copy_in("COPY item (id, name) FROM STDIN", f"600\t{'x' * 700000}") == 1
    assert conn.execute("SELECT length(name) FROM item WHERE id = 600").rows == [("700000",)]
    conn.rollback()


def test_the_error_names_the_line(conn, tables):
    with pytest.raises(byz.Error, match="COPY item, line 2, column price"):
        conn.copy_in("COPY item FROM STDIN", "700\ta\t1\n701\tb\tcheap\n")


@pytest.mark.parametrize("command, sqlstate", [
    ("COPY item TO PROGRAM 'cat >/tmp/byz-copy-out'", "0A000"),
    ("COPY item TO '/tmp/byz-copy-out'", "0A000"),
    ("COPY item TO STDOUT BINARY", "0A000"),
    ("COPY (DELETE FROM item RETURNING *) TO STDOUT", "0A000"),
    ("COPY (SELECT ctid FROM item) TO STDOUT", "0A000"),
    ("COPY (SELECT repeat('x', 1000000) FROM generate_series(1, 20)) TO STDOUT", "54000"),
    ("COPY byzantium.applied TO STDOUT", "42501"),
    ("SELECT 1", "42601"),
])
def test_bad_command_out(conn, tables, command, sqlstate):
    with pytest.raises(byz.Error) as error:
        conn.copy_out(command)
    assert error.value.sqlstate == sqlstate, error.value
    assert not os.path.exists("/tmp/byz-copy-out")


@pytest.mark.parametrize("command", ["COPY item FROM STDIN", "COPY item TO STDOUT"])
def test_copy_itself_is_refused(conn, tables, command):
    with pytest.raises(byz.Error, match="byz_copy_in") as error:
        conn.execute(command)
    assert error.value.sqlstate == "0A000"


# -- byzctl run


def test_scripts(cluster, tables):
    path = os.path.join(cluster.folder, "copy.sql")
    with open(path, "w", encoding="utf-8") as file:
        file.write("CREATE TABLE script (id int, v text);\nCOPY script FROM STDIN;\n1\tit's; here\n2\t\\N\n\\.\n"
                   "BEGIN;\nCOPY script FROM STDIN CSV;\n3,\"x\ny\"\n\\.\nDELETE FROM script WHERE id = 2;\nCOMMIT;\n"
                   "COPY script TO STDOUT CSV;\n")
    assert cluster.ctl("run", "--quiet", path) == "1,it's; here\n3,\"x\ny\"\n"
    assert same(cluster, "script") == 2
    with open(path, "w", encoding="utf-8") as file:
        file.write("SELECT 1;\nCOPY script FROM STDIN;\n1\ta\nx\tb\n\\.\nSELECT 2;\n")
    result = cluster.ctl_result("run", "--quiet", path)
    assert result.returncode != 0 and "copy.sql:2: " in result.stdout and "22P02" in result.stdout
    assert same(cluster, "script") == 2
