"""The checker itself: planted anomalies are found by name, clean histories pass, and what comes from
stores that are not quite snapshot isolation fails."""
import json
import os
import random
import subprocess
import sys

import pytest

import checker
from brute_force import is_snapshot_isolation
from history import (ABORTED, COMMITTED, UNKNOWN, HistoryError, Transaction, Writer, read_files)
from reference_store import FAULTY_STORES, Shape, SnapshotStore, make_history

HERE = os.path.dirname(os.path.abspath(__file__))


def txn(session, ops, outcome=COMMITTED, ordered=True, **times):
    """ops: "list x 1,2; append x 3; read r -; write r 4"; "-" is empty, or null."""
    transaction = Transaction(session, txn.number, outcome=outcome, ordered=ordered)
    txn.number += 1
    for text in ops.split(";"):
        op, key, value = text.split()
        empty = "" if op == "list" else None
        transaction.ops.append((op, key, empty if value == "-" else value))
    for name, value in times.items():
        setattr(transaction, name, value)
    return transaction


txn.number = 1


def kinds(*transactions):
    return set(checker.check(transactions).kinds)


# -- one planted anomaly each

def test_garbage():
    assert kinds(txn("a", "append x 1"), txn("b", "list x 1,7")) == {"garbage"}
    assert kinds(txn("a", "read r 7")) == {"garbage"}


def test_duplicate():
    assert kinds(txn("a", "append x 1"), txn("b", "list x 1,1")) == {"duplicate"}


def test_internal_nonrepeatable_read():
    writers = txn("a", "append x 1; write r 1"), txn("a", "append x 2; write r 2")
    assert "internal" in kinds(*writers, txn("b", "list x 1; list x 1,2"))
    assert "internal" in kinds(*writers, txn("b", "read r 1; read r 2"))


def test_internal_own_write_missing():
    assert kinds(txn("a", "append x 1; list x -")) == {"internal"}
    assert kinds(txn("a", "write r 1; read r -")) == {"internal"}


def test_internal_own_write_before_it_was_made():
    assert "internal" in kinds(txn("a", "list x 1; append x 1"))
    assert "internal" in kinds(txn("a", "read r 1; write r 1"))


def test_g1a_aborted_read():
    assert kinds(txn("a", "append x 1", ABORTED), txn("b", "list x 1")) == {"G1a"}
    assert kinds(txn("a", "write r 1", ABORTED), txn("b", "read r 1")) == {"G1a"}


def test_g1b_intermediate_read():
    assert kinds(txn("a", "append x 1; append x 2"), txn("b", "list x 1"),
                 txn("c", "list x 1,2")) == {"G1b"}
    assert kinds(txn("a", "write r 1; write r 2"), txn("b", "read r 1")) == {"G1b"}


def test_incompatible_order():
    assert "incompatible-order" in kinds(txn("a", "append x 1"), txn("b", "append x 2"),
                                         txn("c", "list x 1,2"), txn("d", "list x 2,1"))


def test_lost_update():
    assert kinds(txn("a", "list x -; append x 1"), txn("b", "list x -; append x 2"),
                 txn("c", "list x 1,2")) == {"lost-update"}
    assert kinds(txn("a", "read r -; write r 1"),
                 txn("b", "read r -; write r 2")) == {"lost-update"}


def test_lost_append():
    found = kinds(txn("a", "append x 1", begin_from=1, begin_to=2, commit_from=3, commit_to=4),
                  txn("b", "list x -", begin_from=5, begin_to=6, commit_from=7, commit_to=8))
    assert found == {"real-time"}


def test_g0_dirty_write():
    assert kinds(txn("a", "append x 1; append y 1"), txn("b", "append x 2; append y 2"),
                 txn("c", "list x 1,2"), txn("d", "list y 2,1")) == {"G0"}


def test_g1c_circular_information_flow():
    assert kinds(txn("a", "append x 1; list y 2"), txn("b", "append y 2; list x 1")) == {"G1c"}
    assert kinds(txn("a", "write r 1; read q 2"), txn("b", "write q 2; read r 1")) == {"G1c"}


def test_g_single_read_skew():
    assert kinds(txn("a", "append x 1; append y 1"), txn("b", "list x 1; list y -"),
                 txn("c", "list y 1")) == {"G-single"}
    assert kinds(txn("a", "write r 1; write q 1"), txn("b", "read r 1; read q -")) == {"G-single"}


def test_long_fork():
    assert kinds(txn("a", "append x 1"), txn("b", "append y 2"), txn("c", "list x 1; list y -"),
                 txn("d", "list x -; list y 2")) == {"long-fork"}
    assert kinds(txn("a", "write r 1"), txn("b", "write q 2"), txn("c", "read r 1; read q -"),
                 txn("d", "read r -; read q 2")) == {"long-fork"}


def test_long_fork_of_registers_written_before():
    assert kinds(txn("s", "write r 0; write q 0"), txn("a", "read r 0; write r 1"),
                 txn("b", "read q 0; write q 2"), txn("c", "read r 1; read q 0"),
                 txn("d", "read r 0; read q 2")) == {"long-fork"}


def test_g_nonadjacent():
    # a longer fork: the first reader's commit is what the second one's writer built on
    assert kinds(txn("a", "append x 1"), txn("b", "append y 2"), txn("e", "append z 3; list x 1"),
                 txn("c", "list z 3; list y -"), txn("d", "list x -; list y 2")) == {"G-nonadjacent"}


def test_session_order():
    assert kinds(txn("a", "append x 1"), txn("a", "list x -"), txn("b", "list x 1")) == {
        "session-order"}
    assert kinds(txn("a", "write r 1"), txn("a", "read r -")) == {"session-order"}


def test_session_order_of_reads():
    assert kinds(txn("a", "append x 1"), txn("b", "list x 1"), txn("b", "list x -")) == {
        "session-order"}


def test_start_order():
    found = kinds(txn("a", "append x 1", begin_from=1, begin_to=2, commit_from=7, commit_to=8),
                  txn("b", "list x 1", begin_from=3, begin_to=4, commit_from=9, commit_to=10))
    assert found == {"start-order"}


def test_start_order_of_two_writers():
    found = kinds(txn("a", "append x 1", begin_from=1, begin_to=2, commit_from=7, commit_to=8),
                  txn("b", "append x 2", begin_from=3, begin_to=4, commit_from=9, commit_to=10),
                  txn("c", "list x 1,2"))
    assert found == {"start-order"}


def stale_pair(ordered):
    return (txn("a", "append x 1", begin_from=1, begin_to=2, commit_from=3, commit_to=4),
            txn("b", "list x -", ordered=ordered, begin_from=5, begin_to=6, commit_from=7,
                commit_to=8), txn("c", "list x 1"))


def test_real_time():
    assert kinds(*stale_pair(ordered=True)) == {"real-time"}


def test_real_time_binds_only_ordered_begins():
    assert kinds(*stale_pair(ordered=False)) == set()


def test_real_time_through_others():
    """The first commit is known to be over only because a third transaction came in between."""
    found = kinds(txn("a", "write r 1", begin_from=1, begin_to=2, commit_from=3, commit_to=4),
                  txn("b", "read r 1; write q 1", begin_from=5, begin_to=6, commit_from=7,
                      commit_to=8),
                  txn("c", "read r -", begin_from=9, begin_to=10, commit_from=11, commit_to=12))
    assert found == {"real-time"}


def at(begun, committed, length=1):
    """Times of a transaction whose calls begin then."""
    return {"begin_from": begun, "begin_to": begun + 1, "commit_from": committed,
            "commit_to": committed + length}


def test_blind_writes_are_ordered_by_their_commits():
    """Nobody read what they replaced, and still the second one began before the first was there."""
    found = kinds(txn("a", "write r 1", **at(1, 3)), txn("b", "write r 2", **at(1, 7)))
    assert found == {"start-order"}
    assert not kinds(txn("a", "write r 1", **at(1, 3)), txn("b", "write r 2", **at(5, 7)))
    assert not kinds(txn("a", "write r 1", **at(1, 5, 3)), txn("b", "write r 2", **at(6, 8)))


@pytest.mark.parametrize("seen", ["1", "2"])
def test_real_time_of_blind_writes(seen):
    """Two writers overlap, a third follows both: afterwards neither can be seen."""
    found = kinds(txn("a", "write r 1", **at(1, 3, 4)), txn("b", "write r 2", **at(4, 6, 4)),
                  txn("c", "write r 3", **at(11, 13)), txn("d", f"read r {seen}", **at(15, 17)))
    assert "real-time" in found


def test_an_append_that_no_read_shows_comes_last():
    assert "G1c" in kinds(txn("a", "append x 1; list y 2"), txn("b", "append x 2; append y 2"),
                          txn("c", "list x 1"))


# -- what is allowed

def test_write_skew_is_snapshot_isolation():
    assert not kinds(txn("a", "list x -; append y 1"), txn("b", "list y -; append x 2"),
                     txn("c", "list x 2; list y 1"))


def test_concurrent_transactions_may_miss_each_other():
    assert not kinds(txn("a", "append x 1", begin_from=1, begin_to=2, commit_from=3, commit_to=6),
                     txn("b", "list x -", begin_from=4, begin_to=5, commit_from=7, commit_to=8),
                     txn("c", "list x 1"))


@pytest.mark.parametrize("seen", ["-", "1"])
def test_an_unknown_outcome_may_be_either(seen):
    history = [txn("a", "append x 1", UNKNOWN), txn("b", f"list x {seen}")]
    verdict = checker.check(history)
    assert not verdict.anomalies
    assert verdict.unknown == 1 and verdict.unknown_seen == (seen == "1")


def test_an_unknown_outcome_that_was_seen_is_bound_like_a_commit():
    assert kinds(txn("a", "append x 1; append y 1", UNKNOWN), txn("b", "list x 1; list y -"),
                 txn("c", "list y 1")) == {"G-single"}
    assert kinds(txn("a", "append x 1; list z 9", UNKNOWN), txn("b", "append z 9", ABORTED),
                 txn("c", "list x 1")) == {"G1a"}


def test_a_session_may_run_ahead_of_its_own_unknown_outcome():
    assert not kinds(txn("a", "append x 1", UNKNOWN), txn("a", "list x -"), txn("b", "list x 1"))


def test_reads_of_aborted_transactions_are_nobodys():
    assert not kinds(txn("a", "list x 7", ABORTED), txn("b", "list x -", UNKNOWN))


# -- explanations, the file format, the program

def test_an_explanation_names_transactions_and_keys():
    verdict = checker.check([txn("a", "append x 1; append y 5"), txn("b", "list x 1; list y -"),
                             txn("c", "list y 5")])
    text = verdict.anomalies[0].text()
    assert "did not see" in text and "5 in y" in text and "saw" in text and "1 in x" in text
    assert "a/" in text and "b/" in text and "list x 1; list y (empty)" in text
    assert "NOT SNAPSHOT ISOLATION: G-single 1" in verdict.text()


def write_history(path):
    with open(path, "wb", buffering=0) as file:
        writer = Writer(file, "c0")
        writer.begin(1, 2, coordinator=3)
        writer.operation("append", "x", "1")
        writer.commit(3)
        writer.end(COMMITTED, 4, "00000")
        writer.begin(5, 6, ordered=False)
        writer.operation("list", "x", "1")
        writer.operation("read", "r", None)
        writer.commit(7)


def test_a_history_comes_back_from_its_file(tmp_path):
    path = tmp_path / "h"
    write_history(path)
    first, second = read_files([path])
    assert (first.name, first.ops, first.outcome) == ("c0/1", [("append", "x", "1")], COMMITTED)
    assert (first.begin_from, first.begin_to, first.commit_from, first.commit_to) == (1, 2, 3, 4)
    assert first.coordinator == 3 and first.ordered and not second.ordered
    assert second.outcome == UNKNOWN and second.ops[1] == ("read", "r", None)


def test_an_unknown_outcome_has_no_end(tmp_path):
    """The error came at 4; the commit may come into force later."""
    with open(tmp_path / "h", "wb", buffering=0) as file:
        for session, ops in (("a", ("append", "1")), ("b", ("list", "")), ("c", ("list", "1"))):
            begun = 10 * ord(session)
            writer = Writer(file, session)
            writer.begin(begun, begun + 1)
            writer.operation(ops[0], "x", ops[1])
            writer.commit(begun + 2)
            writer.end(UNKNOWN if session == "a" else COMMITTED, begun + 3)
    verdict = checker.check(read_files([tmp_path / "h"]))
    assert not verdict.anomalies and verdict.unknown_seen == 1


def test_a_killed_client_leaves_half_a_line(tmp_path):
    path = tmp_path / "h"
    write_history(path)
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        for transaction in read_files([path]):
            assert transaction.number in (1, 2)
    path.write_bytes(whole[:whole.index(b'{"session":"c0","txn":1,"op":"commit"')])
    assert read_files([path])[0].outcome == ABORTED


def test_two_writers_of_one_value_are_no_history():
    with pytest.raises(HistoryError):
        checker.check([txn("a", "append x 1"), txn("b", "append x 1")])


@pytest.mark.parametrize("line", [
    "nonsense", "{}", "[]", '{"session":"a","txn":1,"op":"dance"}',
    '{"session":"a","txn":1,"op":"begin","from":5,"to":4}',
    '{"session":"a","txn":1,"op":"end","outcome":"perhaps","to":4}'])
def test_the_program_refuses_what_is_no_history(tmp_path, line):
    path = tmp_path / "h"
    path.write_text(line + "\n", encoding="utf-8")
    assert run_program(path).returncode == 2


def run_program(*paths):
    return subprocess.run([sys.executable, "-B", os.path.join(HERE, "checker.py"), *paths],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


def test_the_programs_exit_code(tmp_path):
    good, bad = tmp_path / "good", tmp_path / "bad"
    write_history(good)
    bad.write_text(json.dumps({"session": "b", "txn": 1, "op": "list", "key": "x", "value": "2"})
                   + "\n" + json.dumps({"session": "b", "txn": 1, "op": "end", "to": 5,
                                        "outcome": "committed"}) + "\n", encoding="utf-8")
    assert run_program(good).returncode == 0
    result = run_program(good, bad)
    assert result.returncode == 1 and "garbage" in result.stdout


# -- random histories

@pytest.mark.parametrize("serial", [True, False])
def test_histories_of_snapshot_isolation_pass(serial):
    for seed in range(60):
        verdict = checker.check(make_history(SnapshotStore, seed, serial=serial))
        assert not verdict.anomalies, f"seed {seed}\n{verdict.anomalies[0].text()}"
        assert verdict.reads > 20 and verdict.writes > 10


@pytest.mark.parametrize("store", FAULTY_STORES)
def test_histories_of_a_faulty_store_fail(store):
    for seed in range(30):
        verdict = checker.check(make_history(store, seed, Shape(transactions=300)))
        assert verdict.anomalies, f"seed {seed}"


@pytest.mark.parametrize("store", (SnapshotStore,) + FAULTY_STORES)
@pytest.mark.parametrize("kind", ["lists", "registers"])
def test_the_checker_agrees_with_brute_force(store, kind):
    """Where all versions' order is visible, the checker is exact."""
    shape = Shape(sessions=3, transactions=6, lists=2 * (kind == "lists"),
                  registers=2 * (kind == "registers"), operations=3, blind=0)
    verdicts = set()
    for seed in range(300):
        history = make_history(store, seed, shape)
        verdict = checker.check(history)
        expected = is_snapshot_isolation(history)
        assert expected == (not verdict.anomalies), f"seed {seed}: {verdict.anomalies}"
        verdicts.add(expected)
    assert True in verdicts and (store is SnapshotStore or False in verdicts)


def test_blind_writes_are_never_accused_wrongly():
    shape = Shape(sessions=3, transactions=6, lists=0, registers=2, operations=3, blind=0.7)
    for store in FAULTY_STORES:
        for seed in range(100):
            history = make_history(store, seed, shape)
            if checker.check(history).anomalies:
                assert not is_snapshot_isolation(history), f"{store.__name__}, seed {seed}"


# -- mutations: each makes a history of snapshot isolation one that is not

def settled(history):
    return [t for t in history if t.outcome == COMMITTED and t.commit_to is not None]


def replace_read(transaction, place, value):
    op, key, _ = transaction.ops[place]
    transaction.ops[place] = (op, key, value)


def list_reads(history, rng, minimum):
    """(transaction, place, values) of settled reads of lists, shuffled."""
    reads = [(t, place, value.split(",")) for t in settled(history)
             for place, (op, _, value) in enumerate(t.ops)
             if op == "list" and value.count(",") + 1 >= minimum and value]
    rng.shuffle(reads)
    return reads


def forget_a_value(history, rng):
    """A read misses a value from its middle that others read there."""
    transaction, place, values = list_reads(history, rng, 3)[0]
    del values[rng.randrange(len(values) - 1)]
    replace_read(transaction, place, ",".join(values))


def swap_two_values(history, rng):
    transaction, place, values = list_reads(history, rng, 3)[0]
    values[0], values[1] = values[1], values[0]
    replace_read(transaction, place, ",".join(values))


def repeat_a_value(history, rng):
    transaction, place, values = list_reads(history, rng, 1)[0]
    replace_read(transaction, place, ",".join([values[0]] + values))


def invent_a_value(history, rng):
    transaction, place, values = list_reads(history, rng, 1)[0]
    replace_read(transaction, place, ",".join(values + ["invented"]))


def read_nothing(history, rng):
    """A list that had been written before the reader began is empty."""
    writers = {written: t for t in history for written in t.writes()}
    for transaction, place, values in list_reads(history, rng, 1):
        writer = writers[transaction.ops[place][1], values[0]]
        if writer.commit_to is not None and writer.commit_to < transaction.begin_from:
            replace_read(transaction, place, "")
            return


def abort_a_writer(history, rng):
    """A transaction whose writes a committed one read turns out to have been aborted."""
    writers = {written: t for t in history for written in t.writes()}
    for transaction, place, values in list_reads(history, rng, 1):
        writer = writers[transaction.ops[place][1], values[0]]
        if writer is not transaction:
            writer.set_outcome(ABORTED)
            return


def read_an_overwritten_register(history, rng):
    """A register shows the value before the last one that was written before the reader began."""
    for transaction in rng.sample(settled(history), len(settled(history))):
        for place, (op, key, value) in enumerate(transaction.ops):
            if op == "read" and value is not None and (key, value) not in transaction.writes():
                writer = next(t for t in history if (key, value) in t.writes())
                if writer.commit_to is not None and writer.commit_to < transaction.begin_from:
                    replace_read(transaction, place, None)
                    return


@pytest.mark.parametrize("mutate", [
    forget_a_value, swap_two_values, repeat_a_value, invent_a_value, read_nothing, abort_a_writer,
    read_an_overwritten_register])
def test_mutated_histories_fail(mutate):
    for seed in range(40):
        history = make_history(SnapshotStore, seed, Shape(transactions=60, lists=2, registers=2))
        assert not checker.check(history).anomalies
        before = repr([(t.ops, t.outcome) for t in history])
        mutate(history, random.Random(seed))
        assert before != repr([(t.ops, t.outcome) for t in history]), f"seed {seed}: no mutation"
        assert checker.check(history).anomalies, f"seed {seed}"


def test_tens_of_thousands_of_transactions():
    """Time grows with the length of the history, not with its square."""
    shape = Shape(sessions=10, transactions=20000, lists=200, registers=200)
    verdict = checker.check(make_history(SnapshotStore, 1, shape))
    assert not verdict.anomalies and verdict.committed > 10000
