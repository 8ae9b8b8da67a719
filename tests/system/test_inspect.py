"""The views of schema byzantium: what each replica says of itself, of the others, of liars."""
import os
import signal
import subprocess
import threading
import time

import byz
import pytest

from cluster import BINDIR, wait_until

LIMITS = ("statement_timeout_ms=8000", "transaction_timeout_ms=20000")
RELATIONS = ("allowed_functions", "applied", "authority", "clients", "commits", "digests",
             "identity", "replicas", "report", "reported", "sequence_positions", "settings",
             "status", "suspicions", "transactions")
EVERYBODY = range(4)


def until(cluster, replica, sql, expected, seconds=15):
    """The replica's answer becomes this."""
    wait_until(lambda: cluster.psql(replica, sql) == expected, seconds,
               f"replica {replica}: {sql} = {expected}")


def until_all(cluster, sql, expected, seconds=15, replicas=EVERYBODY):
    for replica in replicas:
        until(cluster, replica, sql, expected, seconds)


def until_well(cluster):
    until_all(cluster, "SELECT state, fresh, lag, replicas_connected FROM byzantium.status",
              "ready|t|0|4", 30)


def add(conn, account, amount):
    conn.execute("UPDATE account SET balance = balance + $1 WHERE id = $2", amount, account)


def lie_about(cluster, conn, account, statement):
    """Replica 2's row is changed behind its back; a transaction that it coordinates reads it."""
    cluster.psql(2, f"UPDATE account SET balance = 5 WHERE id = {account}", role="byzantium")
    try:
        conn.begin(2)
        conn.execute(statement)
        with pytest.raises(byz.Error) as error:
            conn.commit()
        assert (error.value.sqlstate, error.value.suspect) == ("BZ001", 2)
    finally:
        cluster.psql(2, f"UPDATE account SET balance = 1000 WHERE id = {account}", role="byzantium")


# -- form

def test_everything_is_explained(cluster):
    bare = cluster.psql(0, """
        SELECT c.relname, a.attname
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
            AND NOT a.attisdropped
        WHERE c.relnamespace = 'byzantium'::regnamespace AND c.relkind IN ('r', 'v')
            AND (obj_description(c.oid) IS NULL OR col_description(c.oid, a.attnum) IS NULL)""")
    assert bare == ""
    relations = cluster.psql(0, """
        SELECT relname FROM pg_class WHERE relnamespace = 'byzantium'::regnamespace
            AND relkind IN ('r', 'v') ORDER BY relname""")
    assert relations.splitlines() == list(RELATIONS)
    shown = cluster.psql(1, r"\d+ byzantium.suspicions")
    assert "not proof" in shown and "wrong_result: f+1 replicas" in shown


def test_the_reader_writes_nothing(cluster):
    for relation in RELATIONS:
        for sql in (f"DELETE FROM byzantium.{relation}", f"INSERT INTO byzantium.{relation} SELECT",
                    f"TRUNCATE byzantium.{relation}", f"DROP TABLE byzantium.{relation}",
                    f"BEGIN; LOCK TABLE byzantium.{relation} IN ROW EXCLUSIVE MODE"):
            with pytest.raises(subprocess.CalledProcessError) as error:
                cluster.psql(0, f"SET default_transaction_read_only = off; {sql}")
            said = error.value.output
            assert ("permission denied" in said or "must be owner" in said
                    or "is not a table" in said or "cannot " in said), (sql, said)
    with pytest.raises(subprocess.CalledProcessError, match="") as error:
        cluster.psql(0, "DELETE FROM byzantium.suspicions")
    assert "read-only transaction" in error.value.output
    cluster.psql(0, "SELECT count(*) FROM byzantium.report")


def test_clients_read_none_of_it(conn):
    for relation in RELATIONS:
        with pytest.raises(byz.Error) as error:
            conn.execute(f"SELECT count(*) FROM byzantium.{relation}")
        assert error.value.sqlstate == "42501", relation


# -- who, where, how far

def test_a_healthy_cluster_says_so(cluster, conn):
    add(conn, 1, 1)
    until_well(cluster)
    epoch = cluster.psql(0, "SELECT max(epoch) FROM byzantium.applied")
    until_all(cluster, "SELECT primary_replica, view, replicas_needed, epoch, reason IS NULL"
                       " FROM byzantium.status", f"0|0|3|{epoch}|t")
    for replica in EVERYBODY:
        assert cluster.psql(replica, "SELECT replica FROM byzantium.status") == str(replica)
        others = [str(i) for i in EVERYBODY if i != replica]
        assert cluster.psql(replica, "SELECT replica FROM byzantium.replicas"
                                     " WHERE connected AND fresh ORDER BY 1").split() == others
    until_all(cluster, "SELECT max(lag) FROM byzantium.replicas", "0")
    until_all(cluster, "SELECT count(*) FROM byzantium.replicas WHERE executed = delivered", "3")


def test_commits_have_names(cluster, conn):
    add(conn, 2, 1)
    newest = "ORDER BY epoch DESC LIMIT 1"
    epoch = cluster.psql(0, f"SELECT epoch FROM byzantium.applied {newest}")
    cluster.wait_same(f"SELECT client, epoch FROM byzantium.commits {newest}", f"demo|{epoch}")
    assert len(set(cluster.psql_all(f"SELECT uid FROM byzantium.commits {newest}"))) == 1


def test_clients_are_counted(cluster, conn):
    add(conn, 1, 1)
    until_all(cluster, "SELECT links > 0, requests > 0 FROM byzantium.clients WHERE name = 'demo'",
              "t|t")
    until_all(cluster, "SELECT links FROM byzantium.clients WHERE name = 'evil'", "0")


def test_settings_that_drift_are_seen(cluster):
    until_all(cluster, "SELECT count(*) > 50, bool_and(equal) FROM byzantium.settings", "t|t")
    cluster.psql(2, "ALTER SYSTEM SET work_mem = '5MB'", role="byzantium")
    cluster.psql(2, "SELECT pg_reload_conf()", role="byzantium")
    try:
        until(cluster, 2, "SELECT name, configured, here FROM byzantium.settings WHERE NOT equal",
              "work_mem|4MB|5MB", 30)
    finally:
        cluster.psql(2, "ALTER SYSTEM RESET work_mem", role="byzantium")
        cluster.psql(2, "SELECT pg_reload_conf()", role="byzantium")
    until(cluster, 2, "SELECT bool_and(equal) FROM byzantium.settings", "t", 30)


# -- transactions

def test_an_open_transaction_is_known_to_all(cluster, conn):
    conn.begin(1)
    add(conn, 3, 1)
    add(conn, 4, 1)
    until_all(cluster, "SELECT client, coordinator FROM byzantium.transactions", "demo|1")
    assert len(set(cluster.psql_all("SELECT uid, epoch FROM byzantium.transactions"))) == 1
    until(cluster, 1, "SELECT operations, waiting_for FROM byzantium.transactions",
          "2|its client: the next statement, or the end")
    until(cluster, 1, "SELECT statement FROM byzantium.transactions",
          "UPDATE account SET balance = balance + $1 WHERE id = $2")
    until(cluster, 3, "SELECT operations, waiting_for FROM byzantium.transactions",
          "0|its client, who works with replica 1")
    assert cluster.psql(0, "SELECT age BETWEEN '0' AND '60 s' FROM byzantium.transactions") == "t"
    conn.rollback()
    until_all(cluster, "SELECT count(*) FROM byzantium.transactions", "0")


def test_who_waits_for_whose_lock(cluster, conn, other):
    conn.begin(1)
    add(conn, 3, 1)
    until(cluster, 1, "SELECT count(*) FROM byzantium.transactions", "1")
    holder = cluster.psql(1, "SELECT uid FROM byzantium.transactions")
    other.begin(1)
    failed = []

    def wait():
        try:
            add(other, 3, 1)
        except byz.Error as error:
            failed.append(error.sqlstate)

    waiter = threading.Thread(target=wait)
    waiter.start()
    try:
        until(cluster, 1, f"SELECT waiting_for FROM byzantium.transactions WHERE uid <> '{holder}'",
              f"a lock of transaction {holder}")
    finally:
        conn.rollback()
        waiter.join()
    assert not failed
    other.rollback()


# -- liars

def test_a_lie_is_on_record_everywhere(cluster, conn):
    statement = "SELECT balance, 'é' FROM account WHERE id = 5"
    lie_about(cluster, conn, 5, statement)
    until_all(cluster, """
        SELECT replica, client, statement_index, statement, decided FROM byzantium.suspicions
        WHERE what = 'wrong_result'""", f"2|demo|0|{statement}|aborted, SQLSTATE BZ001")
    assert len(set(cluster.psql_all(
        "SELECT batch, request, transaction FROM byzantium.suspicions"
        " WHERE what = 'wrong_result'"))) == 1
    until_all(cluster, "SELECT replica FROM byzantium.suspicions WHERE what = 'dissent'", "2",
              replicas=(0, 1, 3))
    until(cluster, 2, "SELECT replica, statement FROM byzantium.suspicions WHERE what = 'mismatch'",
          f"2|{statement}")
    until(cluster, 0, "SELECT replica FROM byzantium.replicas WHERE suspicions > 0", "2")
    until_well(cluster)


def test_digests_tell_who_differs(cluster):
    ask = "SELECT epoch, rows, digest FROM byzantium.digests WHERE \"table\" = 'account'"
    wait_until(lambda: len(set(cluster.psql_all(ask))) == 1, 15, "equal digests")
    cluster.psql(2, "UPDATE account SET balance = 5 WHERE id = 6", role="byzantium")
    answers = cluster.psql_all(ask)
    assert answers[0] == answers[1] == answers[3] != answers[2]
    cluster.psql(2, "UPDATE account SET balance = 1000 WHERE id = 6", role="byzantium")
    answers = cluster.psql_all(ask)
    assert len(set(answers)) == 1 and answers[0].split("|")[1] == "20"


def test_suspicions_are_bounded(cluster, conn):
    cluster.psql(0, """
        INSERT INTO byzantium.suspicions (id, seen_at, what, replica)
        SELECT (SELECT coalesce(max(id), 0) FROM byzantium.suspicions) + n, now(), 'made up', 3
        FROM generate_series(1, 10100) n""", role="byzantium")
    statement = "SELECT balance /* " + "é" * 400 + " */ FROM account WHERE id = 7"
    lie_about(cluster, conn, 7, statement)
    until(cluster, 0, "SELECT count(*) FROM byzantium.suspicions", "10000")
    kept = cluster.psql(0, "SELECT statement FROM byzantium.suspicions"
                           " WHERE what = 'wrong_result' ORDER BY id DESC LIMIT 1")
    assert len(kept.encode()) in (499, 500) and statement.startswith(kept)
    cluster.psql(0, "DELETE FROM byzantium.suspicions WHERE what = 'made up'", role="byzantium")


def test_a_replica_that_stepped_back_says_why(cluster, conn):
    cluster.psql(3, "UPDATE account SET balance = 77 WHERE id = 8", role="byzantium")
    conn.begin(1)
    conn.execute("SELECT balance FROM account WHERE id = 8")
    add(conn, 8, 1)
    conn.commit()
    until(cluster, 3, "SELECT state, fresh, mismatches FROM byzantium.status", "stopped|t|1")
    assert "cannot" in cluster.psql(3, "SELECT reason FROM byzantium.status")
    until(cluster, 3, "SELECT decided FROM byzantium.suspicions"
                      " WHERE what = 'mismatch' AND replica = 3", "committed")
    add(conn, 8, 1)
    until_all(cluster, "SELECT lag > 0 FROM byzantium.replicas WHERE replica = 3", "t",
              replicas=(0, 1, 2))
    until(cluster, 3, "SELECT lag > 0 FROM byzantium.status", "t")
    cluster.psql(3, "UPDATE account SET balance = 1000 WHERE id = 8", role="byzantium")
    cluster.ctl("down", "3")
    cluster.up(3)
    until_well(cluster)


# -- stopped and dead

def test_a_frozen_proxy_is_visible(cluster):
    until_well(cluster)
    silent = "SELECT count(*) FROM byzantium.suspicions WHERE what = 'silent'"
    before = cluster.psql(1, silent)
    cluster.signal_proxy(1, signal.SIGSTOP)
    try:
        until(cluster, 1, "SELECT state, fresh, lag IS NULL FROM byzantium.status",
              "proxy stopped|f|t")
        assert cluster.psql(1, "SELECT reason FROM byzantium.status").startswith("no report for 00:")
        assert cluster.psql(1, "SELECT bool_or(fresh) FROM byzantium.replicas") == "f"
        until_all(cluster, "SELECT connected FROM byzantium.replicas WHERE replica = 1", "f",
                  replicas=(0, 2, 3))
        until_all(cluster, silent + " AND replica = 1", "1", replicas=(0, 2, 3))
        cluster.psql(1, "TRUNCATE byzantium.report", role="byzantium")  # as a crash would
        assert cluster.psql(1, "SELECT replica, state, reason, fresh FROM byzantium.status") == \
            "1|proxy stopped|no report yet|f"
    finally:
        cluster.signal_proxy(1, signal.SIGCONT)
    until_well(cluster)
    until(cluster, 1, "SELECT count(*) FROM byzantium.settings WHERE equal AND fresh",
          cluster.psql(0, "SELECT count(*) FROM byzantium.settings"))
    assert cluster.psql(1, silent) == before  # it stood still itself, nobody else was silent


def test_a_killed_proxy_is_visible(cluster):
    cluster.signal_proxy(1, signal.SIGKILL)
    until(cluster, 1, "SELECT state, fresh FROM byzantium.status", "proxy stopped|f")
    cluster.up(1)
    until_well(cluster)


def test_one_replica_down(cluster, conn):
    wait_until(lambda: cluster.psql(0, "SELECT transactions_open FROM byzantium.status") == "0", 30,
               "a quiet moment")
    cluster.kill(3)
    for _ in range(5):
        add(conn, 9, 1)
    three = (0, 1, 2)
    until_all(cluster, "SELECT state, fresh, lag, replicas_connected FROM byzantium.status",
              "ready|t|0|3", replicas=three)
    until_all(cluster, "SELECT replica, connected FROM byzantium.replicas WHERE lag > 0", "3|f",
              replicas=three)
    until_all(cluster, "SELECT count(*) > 0 FROM byzantium.suspicions"
                       " WHERE what = 'silent' AND replica = 3", "t", replicas=three)
    with pytest.raises(subprocess.CalledProcessError):
        cluster.psql(3, "SELECT 1")
    lie_about(cluster, conn, 10, "SELECT balance + 1 FROM account WHERE id = 10")
    until_all(cluster, "SELECT replica FROM byzantium.suspicions WHERE what = 'wrong_result'"
                       " AND statement LIKE '%balance + 1%'", "2", replicas=three)
    cluster.up(3)
    until_well(cluster)


# -- it costs nobody anything

def test_a_locked_report_delays_nothing(cluster, conn):
    command = [os.path.join(BINDIR, "psql"), "-XAtq", "-h", cluster.replica_path(0, "run"), "-U",
               "byzantium", "-d", "byz", "-c",
               "BEGIN; LOCK TABLE byzantium.report, byzantium.suspicions; SELECT pg_sleep(4)"]
    with subprocess.Popen(command) as locker:
        until(cluster, 0, "SELECT count(*) FROM pg_locks WHERE granted AND mode ="
                          " 'AccessExclusiveLock' AND relation = 'byzantium.report'::regclass", "1")
        slowest = 0
        while locker.poll() is None:
            began = time.monotonic()
            add(conn, 11, 1)
            slowest = max(slowest, time.monotonic() - began)
    assert slowest < 2
    assert "cannot write byzantium.report" in cluster.log(0)
    until_well(cluster)


def test_the_report_stays_small(cluster):
    """One row that is rewritten in place: no index grows, no page is left behind."""
    numbers = "FROM pg_stat_user_tables WHERE relid = 'byzantium.report'::regclass"
    for replica in EVERYBODY:
        until(cluster, replica, f"SELECT n_tup_upd > 20 {numbers}", "t", 40)
        size, updates, in_place = map(int, cluster.psql(
            replica, "SELECT pg_total_relation_size(relid), n_tup_upd, n_tup_hot_upd "
            + numbers).split("|"))
        assert size < 256 << 10, size
        assert in_place > updates * 0.7, (updates, in_place)


def test_reports_are_no_difference(cluster):
    cluster.assert_equal()
    dump = cluster.ctl("dump", "0")
    assert "CREATE TABLE byzantium.suspicions" in dump
    assert "COPY byzantium.suspicions" not in dump and "COPY byzantium.report" not in dump
