/* The executor against a real PostgreSQL: the rules of docs/architecture.md, one test each. */
#include "tests/system/exec/bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define assert_sqlstate(outcome, state) assert_memory_equal((outcome).sqlstate, state, 5)
#define MONEY_SQL "SELECT string_agg(id || ':' || money, ' ' ORDER BY id) FROM account"

static struct bench *started(void)
{
    struct bench *b = bench_new(NULL);
    bench_wait_ready(b);
    return b;
}

static struct outcome committed(struct bench *b, struct bench_transaction *t)
{
    bench_commit(b, t);
    struct outcome outcome = bench_execute(b);
    bench_transaction_free(t);
    return outcome;
}

/* ---- as coordinator ---- */

static void coordinator_commits_its_own_work(void **state)
{
    struct bench *b = started();
    struct bench_transaction t = bench_begun(b);
    const struct bench_answer *a =
        bench_operation(b, &t, "UPDATE account SET money = money - 10 WHERE id = 1");
    assert_false(a->failed);
    assert_string_equal(a->text, "UPDATE 1");
    a = bench_operation(b, &t, "SELECT money FROM account WHERE id = 1");
    assert_string_equal(a->first, "90");
    struct outcome outcome = committed(b, &t);
    assert_int_equal(outcome.kind, OUTCOME_COMMITTED);
    assert_int_equal(outcome.verdict, VERDICT_CONFIRMED);
    assert_int_equal(outcome.epoch, 1);
    assert_string_equal(bench_value(b, MONEY_SQL), "1:90 2:200 3:300");
    assert_string_equal(
        bench_value(b, "SELECT concat_ws(' ', seq, index, epoch, client, session, number)"
                       " FROM byzantium.applied"),
        "2 0 1 0 77 1");
    bench_free(b);
}

static void different_list_is_run_instead(void **state)
{
    struct bench *b = started();
    struct bench_transaction t = bench_begun(b);
    bench_entry(b, &t, "UPDATE account SET money = money + 1 WHERE id = 2");
    bench_send(b, &t, 0, "UPDATE account SET money = 0");
    assert_false(bench_wait_answer(b)->failed);
    assert_int_equal(committed(b, &t).kind, OUTCOME_COMMITTED);
    assert_string_equal(bench_value(b, MONEY_SQL), "1:100 2:201 3:300");
    bench_free(b);
}

static void operations_before_their_begin_are_held(void **state)
{
    struct bench *b = started();
    struct bench_transaction t;
    bench_begin(b, &t);
    bench_send(b, &t, 0, "SELECT 5");
    bench_run(b, 0.05);
    assert_false(bench_answer_now(b)->ended);
    bench_execute(b);
    assert_string_equal(bench_wait_answer(b)->first, "5");
    bench_transaction_free(&t);
    bench_free(b);
}

static void operation_out_of_turn_is_refused(void **state)
{
    struct bench *b = started();
    struct bench_transaction t = bench_begun(b);
    bench_send(b, &t, 3, "SELECT 1");
    assert_string_equal(bench_wait_answer(b)->sqlstate, "55000");
    struct bench_transaction unknown = {.number = 999};
    bench_send(b, &unknown, 0, "SELECT 1");
    assert_string_equal(bench_wait_answer(b)->sqlstate, "57P03");
    bench_transaction_free(&t);
    bench_free(b);
}

static void errors_and_savepoints(void **state)
{
    struct bench *b = started();
    struct bench_transaction t = bench_begun(b);
    bench_operation(b, &t, "SAVEPOINT s");
    assert_string_equal(bench_operation(b, &t, "SELECT 1/0")->sqlstate, "22012");
    assert_string_equal(bench_operation(b, &t, "SELECT 1")->sqlstate, "25P02");
    assert_false(bench_operation(b, &t, "ROLLBACK TO s")->failed);
    bench_operation(b, &t, "UPDATE account SET money = 7 WHERE id = 3");
    struct outcome outcome = committed(b, &t);
    assert_int_equal(outcome.kind, OUTCOME_COMMITTED);
    assert_int_equal(outcome.verdict, VERDICT_CONFIRMED);
    assert_string_equal(bench_value(b, MONEY_SQL), "1:100 2:200 3:7");
    bench_free(b);
}

static void failed_transaction_cannot_commit(void **state)
{
    struct bench *b = started();
    struct bench_transaction t = bench_begun(b);
    bench_operation(b, &t, "UPDATE account SET money = 7 WHERE id = 3");
    bench_operation(b, &t, "SELECT 1/0");
    struct outcome outcome = committed(b, &t);
    assert_int_equal(outcome.kind, OUTCOME_ABORTED);
    assert_int_equal(outcome.verdict, VERDICT_CONFIRMED);
    assert_sqlstate(outcome, "25P02");
    t = bench_begun(b);
    bench_operation(b, &t, "SELECT 1/0");
    bench_rollback(b, &t, true);
    outcome = bench_execute(b);
    assert_int_equal(outcome.kind, OUTCOME_ROLLED_BACK);
    assert_int_equal(outcome.verdict, VERDICT_CONFIRMED);
    bench_transaction_free(&t);
    bench_free(b);
}

static void rows_without_columns_are_announced(void **state)
{
    struct bench *b = started();
    struct bench_transaction t = bench_begun(b);
    const struct bench_answer *a = bench_operation(b, &t, "SELECT FROM account");
    assert_int_equal(a->rows, 3);
    assert_true(a->has_columns);
    assert_int_equal(committed(b, &t).kind, OUTCOME_COMMITTED);
    bench_free(b);
}

static void transaction_control_is_refused(void **state)
{
    static const char *const statements[] = {"COMMIT", "ROLLBACK", "BEGIN",
        "ROLLBACK TO SAVEPOINT byz_init", "SELECT 1; SELECT 2", "SET ROLE byzantium", "SELECT",
        "COPY account TO STDOUT", "SELECT byzantium.flags()", "nonsense", ""};
    struct bench *b = started();
    for (unsigned i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        struct bench_transaction t = bench_begun(b);
        const struct bench_answer *a = bench_operation(b, &t, statements[i]);
        if (strcmp(statements[i], "SELECT") != 0 && statements[i][0] != '\0')
            assert_true(a->failed);
        bench_rollback(b, &t, false);
        assert_int_equal(bench_execute(b).kind, OUTCOME_ROLLED_BACK);
        bench_transaction_free(&t);
    }
    assert_string_equal(bench_value(b, MONEY_SQL), "1:100 2:200 3:300");
    bench_free(b);
}

static void given_up_execution_starts_again(void **state)
{
    struct bench *b = started();
    struct bench_transaction t = bench_begun(b);
    bench_send(b, &t, 0, "UPDATE account SET money = 0");
    bench_wait_answer(b);
    bench_cancel(b, &t);
    assert_string_equal(
        bench_operation(b, &t, "SELECT money FROM account WHERE id = 2")->first, "200");
    assert_int_equal(committed(b, &t).kind, OUTCOME_COMMITTED);
    bench_free(b);
}

static void short_statements(struct config *config)
{
    config->statement_timeout_ms = 200;
}

static void statement_times_out(void **state)
{
    struct bench *b = bench_new(short_statements);
    bench_wait_ready(b);
    struct bench_transaction t = bench_begun(b);
    const struct bench_answer *a = bench_operation(
        b, &t, "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b");
    assert_string_equal(a->sqlstate, "57014");
    bench_rollback(b, &t, false);
    bench_execute(b);
    bench_transaction_free(&t);
    bench_free(b);
}

/* ---- large results ---- */

static void rows_reach_a_slow_client(void **state)
{
    struct bench *b = started();
    struct bench_transaction t = bench_begun(b);
    bench_stall_client(b, 0.3);
    const struct bench_answer *a =
        bench_operation(b, &t, "SELECT i, repeat('x', 100) FROM generate_series(1, 50000) i");
    assert_false(a->failed);
    assert_int_equal(a->rows, 50000);
    assert_int_equal(committed(b, &t).kind, OUTCOME_COMMITTED);
    bench_free(b);
}

static void too_large(struct bench *b, const char *sql)
{
    struct bench_transaction t = bench_begun(b);
    const struct bench_answer *a = bench_operation(b, &t, sql);
    assert_string_equal(a->sqlstate, "54000");
    assert_true(a->bytes < (32 << 20));
    struct outcome outcome = committed(b, &t);
    assert_int_equal(outcome.kind, OUTCOME_ABORTED);
    assert_sqlstate(outcome, "54000");
}

static void result_of_100_megabytes(void **state)
{
    struct bench *b = started();
    too_large(b, "SELECT i, repeat('x', 1000) FROM generate_series(1, 100000) i");
    too_large(b, "SELECT repeat('x', 100000000)");
    too_large(b, "SELECT repeat('x', 5000000)"); /* a row that fits into no frame */
    too_large(b, "DO 'BEGIN RAISE EXCEPTION ''%'', repeat(''x'', 50000000); END'");
    /* what is sent but not shown */
    too_large(b, "DO 'BEGIN RAISE EXCEPTION ''x'' USING COLUMN = repeat(''x'', 17000000); END'");
    too_large(b, "DO 'BEGIN RAISE NOTICE ''x'' USING COLUMN = repeat(''x'', 17000000); END'");
    struct bench_transaction t = bench_begun(b);
    bench_operation(b, &t, "SELECT 1");
    assert_int_equal(committed(b, &t).kind, OUTCOME_COMMITTED);
    bench_free(b);
}

/* ---- as verifying replica ---- */

static void verifier_runs_the_list(void **state)
{
    struct bench *b = started();
    struct bench_transaction t = bench_begun(b);
    bench_entry(b, &t, "UPDATE account SET money = money + 5 WHERE id = 1");
    bench_entry(b, &t, "SELECT * FROM account WHERE id = 2");
    bench_entry_failed(b, &t, "SELECT 1/0", "22012");
    struct outcome outcome = committed(b, &t);
    assert_int_equal(outcome.kind, OUTCOME_ABORTED);
    assert_sqlstate(outcome, "25P02");
    t = bench_begun(b);
    bench_entry(b, &t, "UPDATE account SET money = money + 5 WHERE id = 1");
    bench_entry(b, &t, "SELECT * FROM account WHERE id = 2");
    assert_int_equal(committed(b, &t).kind, OUTCOME_COMMITTED);
    assert_string_equal(bench_value(b, MONEY_SQL), "1:105 2:200 3:300");
    bench_free(b);
}

static void lie_is_named(void **state)
{
    struct bench *b = started();
    struct bench_transaction t = bench_begun(b);
    bench_entry(b, &t, "UPDATE account SET money = 0 WHERE id = 1");
    bench_entry_lie(b, &t, "SELECT money FROM account WHERE id = 2");
    struct outcome outcome = committed(b, &t);
    assert_int_equal(outcome.kind, OUTCOME_ABORTED);
    assert_int_equal(outcome.verdict, VERDICT_LIED);
    assert_int_equal(outcome.statement, 1);
    assert_string_equal(bench_value(b, MONEY_SQL), "1:100 2:200 3:300");
    bench_free(b);
}

static void lie_before_an_error_is_named(void **state)
{
    struct bench *b = started();
    struct bench_transaction t = bench_begun(b);
    bench_entry_lie(b, &t, "SELECT money FROM account WHERE id = 2");
    bench_entry_lie(b, &t, "SELECT 1/0");
    struct outcome outcome = committed(b, &t);
    assert_int_equal(outcome.verdict, VERDICT_LIED);
    assert_int_equal(outcome.statement, 0);
    bench_free(b);
}

static void uncertain_difference_accuses_nobody(void **state)
{
    struct bench *b = started();
    struct bench_transaction t = bench_begun(b);
    bench_entry_lie(b, &t, "INSERT INTO account VALUES (1, 1) ON CONFLICT DO NOTHING");
    struct outcome outcome = committed(b, &t);
    assert_int_equal(outcome.kind, OUTCOME_ABORTED);
    assert_int_equal(outcome.verdict, VERDICT_UNCONFIRMED);
    assert_sqlstate(outcome, "40001");
    bench_free(b);
}

static void success_where_the_list_says_failure(void **state)
{
    struct bench *b = started();
    struct bench_transaction t = bench_begun(b);
    bench_entry_failed(b, &t, "SELECT 1", "22012");
    struct outcome outcome = committed(b, &t);
    assert_int_equal(outcome.verdict, VERDICT_UNCONFIRMED);
    assert_sqlstate(outcome, "40001");
    bench_free(b);
}

static void verified_rollback(void **state)
{
    struct bench *b = started();
    struct bench_transaction t = bench_begun(b);
    bench_entry(b, &t, "UPDATE account SET money = 0 WHERE id = 1");
    bench_rollback(b, &t, true);
    struct outcome outcome = bench_execute(b);
    assert_int_equal(outcome.kind, OUTCOME_ROLLED_BACK);
    assert_int_equal(outcome.verdict, VERDICT_CONFIRMED);
    bench_transaction_free(&t);

    t = bench_begun(b);
    bench_entry_lie(b, &t, "SELECT money FROM account WHERE id = 1");
    bench_rollback(b, &t, true);
    outcome = bench_execute(b);
    assert_int_equal(outcome.kind, OUTCOME_ABORTED);
    assert_int_equal(outcome.verdict, VERDICT_LIED);
    bench_transaction_free(&t);
    assert_string_equal(bench_value(b, MONEY_SQL), "1:100 2:200 3:300");
    assert_string_equal(bench_value(b, "SELECT count(*) FROM byzantium.applied"), "0");
    bench_free(b);
}

/* ---- snapshot isolation and locks ---- */

static void first_committer_wins(void **state)
{
    struct bench *b = started();
    struct bench_transaction first, second;
    bench_begin(b, &first);
    bench_begin(b, &second);
    bench_execute(b);
    bench_entry(b, &first, "UPDATE account SET money = money + 1 WHERE id = 1");
    bench_entry(b, &second, "UPDATE account SET money = money + 1 WHERE id = 1");
    bench_commit(b, &first);
    bench_commit(b, &second);
    uint64_t seq = bench_deliver(b, 1000);
    bench_wait_executed(b, seq);
    assert_int_equal(bench_outcome(b, seq, 0).kind, OUTCOME_COMMITTED);
    struct outcome lost = bench_outcome(b, seq, 1);
    assert_int_equal(lost.kind, OUTCOME_ABORTED);
    assert_int_equal(lost.verdict, VERDICT_NONE);
    assert_sqlstate(lost, "40001");
    assert_string_equal(bench_value(b, MONEY_SQL), "1:101 2:200 3:300");
    bench_transaction_free(&first);
    bench_transaction_free(&second);
    bench_free(b);
}

static void conflict_is_seen_by_the_client(void **state)
{
    struct bench *b = started();
    struct bench_transaction old = bench_begun(b);
    struct bench_transaction t = bench_begun(b);
    bench_entry(b, &t, "UPDATE account SET money = 1 WHERE id = 1");
    assert_int_equal(committed(b, &t).kind, OUTCOME_COMMITTED);
    bench_operation(b, &old, "SAVEPOINT s");
    const struct bench_answer *a =
        bench_operation(b, &old, "UPDATE account SET money = 2 WHERE id = 1");
    assert_string_equal(a->sqlstate, "40001");
    bench_operation(b, &old, "ROLLBACK TO s");
    bench_operation(b, &old, "UPDATE account SET money = 2 WHERE id = 2");
    assert_int_equal(committed(b, &old).kind, OUTCOME_COMMITTED);
    assert_string_equal(bench_value(b, MONEY_SQL), "1:1 2:2 3:300");
    bench_free(b);
}

static void snapshot_is_of_the_begin(void **state)
{
    struct bench *b = started();
    struct bench_transaction old = bench_begun(b);
    struct bench_transaction t = bench_begun(b);
    bench_entry(b, &t, "UPDATE account SET money = 1 WHERE id = 1");
    assert_int_equal(committed(b, &t).kind, OUTCOME_COMMITTED);
    t = bench_begun(b);
    assert_string_equal(
        bench_operation(b, &old, "SELECT money FROM account WHERE id = 1")->first, "100");
    assert_string_equal(
        bench_operation(b, &t, "SELECT money FROM account WHERE id = 1")->first, "1");
    assert_int_equal(committed(b, &old).kind, OUTCOME_COMMITTED);
    assert_int_equal(committed(b, &t).kind, OUTCOME_COMMITTED);
    bench_free(b);
}

static void idle_speculation_gives_its_lock_back(void **state)
{
    struct bench *b = started();
    struct bench_transaction holder, t;
    bench_begin(b, &holder);
    bench_begin(b, &t);
    bench_execute(b);
    bench_entry(b, &t, "UPDATE account SET money = money + 1 WHERE id = 1");
    bench_operation(b, &holder, "UPDATE account SET money = 0 WHERE id = 1");
    assert_int_equal(committed(b, &t).kind, OUTCOME_COMMITTED);
    struct exec_info info;
    exec_info(bench_exec(b), &info);
    assert_int_equal(info.locks_taken_back, 1);
    bench_send(b, &holder, 1, "SELECT 1");
    assert_string_equal(bench_wait_answer(b)->sqlstate, "40001");
    struct outcome outcome = committed(b, &holder);
    assert_int_equal(outcome.kind, OUTCOME_ABORTED);
    assert_sqlstate(outcome, "40001");
    assert_string_equal(bench_value(b, MONEY_SQL), "1:101 2:200 3:300");
    bench_free(b);
}

static void busy_speculation_gives_its_lock_back(void **state)
{
    struct bench *b = started();
    struct bench_transaction holder, t;
    bench_begin(b, &holder);
    bench_begin(b, &t);
    bench_execute(b);
    bench_entry(b, &t, "UPDATE account SET money = money + 1 WHERE id = 1");
    bench_operation(b, &holder, "UPDATE account SET money = 0 WHERE id = 1");
    bench_send(b, &holder, 1,
        "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b");
    bench_run(b, 0.05);
    assert_int_equal(committed(b, &t).kind, OUTCOME_COMMITTED);
    assert_string_equal(bench_wait_answer(b)->sqlstate, "40001");
    bench_transaction_free(&holder);
    bench_free(b);
}

static void stranger_loses_its_lock(void **state)
{
    struct bench *b = started();
    struct bench_transaction t = bench_begun(b);
    bench_entry(b, &t, "UPDATE account SET money = money + 1 WHERE id = 1");
    bench_dba_hold(b, "LOCK TABLE account IN ACCESS EXCLUSIVE MODE");
    assert_int_equal(committed(b, &t).kind, OUTCOME_COMMITTED);
    assert_string_equal(bench_value(b, MONEY_SQL), "1:101 2:200 3:300");
    bench_free(b);
}

static void few_sessions(struct config *config)
{
    config->sessions_max = 4; /* one for administration, a keeper, the order's, one to speculate */
    config->statement_timeout_ms = 500;
}

static void speculation_never_exhausts_the_order(void **state)
{
    struct bench *b = bench_new(few_sessions);
    bench_wait_ready(b);
    struct bench_transaction first, second, t;
    bench_begin(b, &first);
    bench_begin(b, &second);
    bench_begin(b, &t);
    bench_execute(b);
    assert_false(bench_operation(b, &first, "SELECT 1")->failed);
    bench_send(b, &second, 0, "SELECT 1");
    bench_entry(b, &t, "UPDATE account SET money = money + 1 WHERE id = 1");
    assert_int_equal(committed(b, &t).kind, OUTCOME_COMMITTED);
    assert_string_equal(bench_wait_answer(b)->sqlstate, "53300");
    assert_int_equal(committed(b, &first).kind, OUTCOME_COMMITTED);
    bench_send(b, &second, 0, "SELECT 1");
    assert_false(bench_wait_answer(b)->failed);
    bench_transaction_free(&second);
    bench_free(b);
}

/* ---- the order's own rules ---- */

static void requests_that_are_refused(void **state)
{
    struct bench *b = started();
    bench_raw_request(b, slice_text("\x09nonsense"));
    struct outcome outcome = bench_execute(b);
    assert_int_equal(outcome.kind, OUTCOME_REFUSED);
    assert_sqlstate(outcome, "22023");

    struct bench_transaction unknown = {.number = 12345};
    bench_commit(b, &unknown);
    outcome = bench_execute(b);
    assert_int_equal(outcome.kind, OUTCOME_REFUSED);
    assert_sqlstate(outcome, "25P01");

    struct bench_transaction t;
    bench_begin(b, &t);
    bench_commit(b, &t); /* before its BEGIN, by the rule of the batch */
    uint64_t seq = bench_deliver(b, 1000);
    bench_wait_executed(b, seq);
    assert_int_equal(bench_outcome(b, seq, 0).kind, OUTCOME_BEGUN);
    assert_sqlstate(bench_outcome(b, seq, 1), "25P01");
    assert_int_equal(bench_vote_count(b), 0);
    bench_transaction_free(&t);
    bench_free(b);
}

static void abandoned_transaction_expires(void **state)
{
    struct bench *b = started();
    struct bench_transaction t = bench_begun(b);
    bench_operation(b, &t, "UPDATE account SET money = 0");
    bench_wait_executed(b, bench_deliver(b, 61 * 1000000ull));
    struct exec_info info;
    exec_info(bench_exec(b), &info);
    assert_int_equal(info.transactions_open, 0);
    assert_sqlstate(committed(b, &t), "25P01");
    bench_run(b, 0.1);
    exec_info(bench_exec(b), &info);
    assert_int_equal(info.sessions_busy, 0);
    assert_string_equal(
        bench_value(b, "SELECT count(*) FROM pg_stat_activity WHERE backend_xmin IS NOT NULL"
                       " AND application_name = 'byzproxy'"),
        "0");
    bench_free(b);
}

static void barrier_aborts_what_began_before(void **state)
{
    struct bench *b = started();
    struct bench_transaction old = bench_begun(b);
    struct bench_transaction t = bench_begun(b);
    bench_operation(b, &t, "CREATE TABLE other (id int)");
    struct outcome outcome = committed(b, &t);
    assert_int_equal(outcome.kind, OUTCOME_COMMITTED);
    assert_true(outcome.barrier);
    assert_string_equal(bench_value(b, "SELECT barrier FROM byzantium.applied"), "t");
    bench_entry(b, &old, "SELECT 1");
    outcome = committed(b, &old);
    assert_int_equal(outcome.kind, OUTCOME_ABORTED);
    assert_sqlstate(outcome, "40001");
    bench_free(b);
}

static void agreed_time_is_the_begins(void **state)
{
    struct bench *b = started();
    struct bench_transaction t = bench_begun(b);
    bench_run(b, 0.02);
    assert_string_equal(bench_operation(b, &t, "SELECT now() AT TIME ZONE 'UTC'")->first,
        "2023-11-14 22:13:20.001");
    assert_int_equal(committed(b, &t).kind, OUTCOME_COMMITTED);
    bench_free(b);
}

static void deferred_constraint_fails_before_the_vote(void **state)
{
    struct bench *b = started();
    bench_sql(b, "SET ROLE byz_app; CREATE TABLE child (id int REFERENCES account DEFERRABLE "
                 "INITIALLY DEFERRED)");
    struct bench_transaction t = bench_begun(b);
    bench_operation(b, &t, "INSERT INTO child VALUES (99)");
    struct outcome outcome = committed(b, &t);
    assert_int_equal(outcome.kind, OUTCOME_ABORTED);
    assert_int_equal(outcome.verdict, VERDICT_CONFIRMED);
    assert_sqlstate(outcome, "23503");
    bench_free(b);
}

static void short_checkpoints(struct config *config)
{
    config->checkpoint_interval = 2;
}

/* A constraint that a trigger defers again while the vote's SET CONSTRAINTS runs would fail at
 * PostgreSQL's COMMIT, on all replicas alike, when everybody has voted for the commit. */
static void constraint_deferred_again_is_refused(void **state)
{
    struct bench *b = started();
    bench_sql(b, "SET ROLE byz_app;"
                 "CREATE TABLE parent (id int PRIMARY KEY);"
                 "CREATE TABLE child (id int REFERENCES parent DEFERRABLE INITIALLY DEFERRED);"
                 "CREATE TABLE bait (id int);"
                 "CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS"
                 " 'BEGIN SET CONSTRAINTS ALL DEFERRED; INSERT INTO child VALUES (1);"
                 " RETURN NULL; END';"
                 "CREATE CONSTRAINT TRIGGER again AFTER INSERT ON bait DEFERRABLE"
                 " INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION again()");
    struct bench_transaction t = bench_begun(b);
    bench_operation(b, &t, "INSERT INTO bait VALUES (1)");
    struct outcome outcome = committed(b, &t);
    assert_int_equal(outcome.kind, OUTCOME_ABORTED);
    assert_sqlstate(outcome, "0A000");
    t = bench_begun(b);
    bench_entry(b, &t, "UPDATE account SET money = 1 WHERE id = 1");
    assert_int_equal(committed(b, &t).kind, OUTCOME_COMMITTED);
    bench_free(b);
}

static void applied_is_pruned(void **state)
{
    struct bench *b = bench_new(short_checkpoints);
    bench_wait_ready(b);
    bench_checkpoints(b, true);
    for (unsigned i = 0; i < 6; i++) {
        struct bench_transaction t = bench_begun(b);
        bench_entry(b, &t, "UPDATE account SET money = money + 1 WHERE id = 1");
        assert_int_equal(committed(b, &t).epoch, i + 1);
    }
    assert_string_equal(
        bench_value(b, "SELECT string_agg(seq::text, ' ' ORDER BY seq) FROM byzantium.applied"),
        "8 10 12");
    for (unsigned i = 0; i < 6; i++)
        bench_execute(b); /* empty batches: the latest place must stay */
    assert_string_equal(
        bench_value(b, "SELECT string_agg(seq::text, ' ' ORDER BY seq) FROM byzantium.applied"),
        "12");
    bench_free(b);
}

/* ---- votes ---- */

static uint64_t put_to_the_vote(struct bench *b, struct bench_transaction *t)
{
    bench_peers(b, PEERS_SILENT);
    bench_commit(b, t);
    uint64_t seq = bench_deliver(b, 1000);
    bench_run(b, 0.5);
    assert_false(bench_executed(b, seq));
    assert_true(bench_vote_count(b) >= 2); /* said again while nobody answers */
    return seq;
}

static void waits_for_votes(void **state)
{
    struct bench *b = started();
    struct bench_transaction t = bench_begun(b);
    bench_entry(b, &t, "UPDATE account SET money = 1 WHERE id = 1");
    uint64_t seq = put_to_the_vote(b, &t);
    assert_string_equal(bench_value(b, MONEY_SQL), "1:100 2:200 3:300");
    bench_peers_vote(b, 1, seq, 0, bench_latest_vote(b)->outcome);
    bench_wait_executed(b, seq);
    assert_string_equal(bench_value(b, MONEY_SQL), "1:1 2:200 3:300");
    bench_transaction_free(&t);
    bench_free(b);
}

static void votes_that_cannot_agree_abort(void **state)
{
    struct bench *b = started();
    struct bench_transaction t = bench_begun(b);
    bench_entry(b, &t, "UPDATE account SET money = 1 WHERE id = 1");
    uint64_t seq = put_to_the_vote(b, &t);
    for (unsigned i = 1; i <= 3; i++) {
        struct outcome conflict = {.kind = OUTCOME_ABORTED,
            .verdict = VERDICT_NONE,
            .sqlstate = {'4', '0', '0', '0', '1'},
            .statement = i};
        bench_peer_votes(b, i, seq, 0, conflict);
    }
    bench_wait_executed(b, seq);
    assert_int_equal(bench_outcome(b, seq, 0).kind, OUTCOME_ABORTED);
    assert_sqlstate(bench_outcome(b, seq, 0), "58000");
    assert_string_equal(bench_value(b, MONEY_SQL), "1:100 2:200 3:300");
    bench_transaction_free(&t);
    bench_free(b);
}

static void tampered_replica_follows_an_abort(void **state)
{
    struct bench *b = started();
    struct bench_transaction t = bench_begun(b);
    bench_operation(b, &t, "SELECT money FROM account WHERE id = 1");
    uint64_t seq = put_to_the_vote(b, &t);
    assert_int_equal(bench_latest_vote(b)->outcome.kind, OUTCOME_COMMITTED);
    struct outcome lied = {
        .kind = OUTCOME_ABORTED, .verdict = VERDICT_LIED, .sqlstate = {'B', 'Z', '0', '0', '1'}};
    bench_peers_vote(b, 2, seq, 0, lied);
    bench_wait_executed(b, seq);
    assert_int_equal(bench_outcome(b, seq, 0).verdict, VERDICT_LIED);
    struct exec_info info;
    exec_info(bench_exec(b), &info);
    assert_int_equal(info.mismatches, 1);
    assert_null(info.stopped);
    bench_transaction_free(&t);
    bench_free(b);
}

static void commit_that_cannot_be_reproduced_stops(void **state)
{
    struct bench *b = started();
    struct bench_transaction t = bench_begun(b);
    bench_entry_lie(b, &t, "SELECT money FROM account WHERE id = 1");
    uint64_t seq = put_to_the_vote(b, &t);
    struct outcome good = {.kind = OUTCOME_COMMITTED,
        .verdict = VERDICT_CONFIRMED,
        .sqlstate = {'0', '0', '0', '0', '0'}};
    bench_peers_vote(b, 2, seq, 0, good);
    bench_until(b, bench_is_stopped);
    struct exec_info info;
    exec_info(bench_exec(b), &info);
    assert_non_null(info.stopped);
    bench_send(b, &t, 0, "SELECT 1");
    assert_string_equal(bench_wait_answer(b)->sqlstate, "57P03");
    assert_string_equal(bench_value(b, "SELECT count(*) FROM byzantium.applied"), "0");
    bench_transaction_free(&t);
    bench_free(b);
}

static void short_transactions(struct config *config)
{
    config->statement_timeout_ms = 50;
    config->transaction_timeout_ms = 50;
}

static void commit_that_takes_too_long_here_stops(void **state)
{
    struct bench *b = bench_new(short_transactions);
    bench_wait_ready(b);
    struct bench_transaction t = bench_begun(b);
    bench_entry_lie(b, &t, "SELECT count(*) FROM generate_series(1, 1000000000)");
    bench_peers(b, PEERS_SILENT);
    bench_commit(b, &t);
    uint64_t seq = bench_deliver(b, 1000);
    struct outcome good = {.kind = OUTCOME_COMMITTED,
        .verdict = VERDICT_CONFIRMED,
        .sqlstate = {'0', '0', '0', '0', '0'}};
    bench_peers_vote(b, 3, seq, 0, good);
    bench_run(b, 9.);
    bench_until(b, bench_is_stopped);
    bench_transaction_free(&t);
    bench_free(b);
}

static void transactions_of_a_second(struct config *config)
{
    config->statement_timeout_ms = 1000;
    config->transaction_timeout_ms = 1000;
}

/* 2 + 1 + 0.5 … seconds, not 6 times 2 */
static void endless_lists_hardly_stop_the_order(void **state)
{
    struct bench *b = bench_new(transactions_of_a_second);
    bench_wait_ready(b);
    struct bench_transaction t[6];
    for (unsigned i = 0; i < 6; i++)
        bench_begin(b, &t[i]);
    bench_execute(b);
    for (unsigned i = 0; i < 6; i++) {
        bench_entry_failed(b, &t[i], "DO 'BEGIN LOOP NULL; END LOOP; END'", "22012");
        bench_commit(b, &t[i]);
    }
    uint64_t seq = bench_deliver(b, 1000);
    bench_run(b, 7.);
    assert_true(bench_executed(b, seq));
    for (unsigned i = 0; i < 6; i++) {
        assert_sqlstate(bench_outcome(b, seq, i), "58000");
        bench_transaction_free(&t[i]);
    }
    bench_free(b);
}

static void local_failure_is_no_outcome(void **state)
{
    struct bench *b = started();
    struct bench_transaction t = bench_begun(b);
    bench_entry_lie(b, &t, "DO 'BEGIN RAISE EXCEPTION USING ERRCODE = ''53100''; END'");
    bench_peers(b, PEERS_SILENT);
    bench_commit(b, &t);
    uint64_t seq = bench_deliver(b, 1000);
    bench_run(b, 1.5);
    assert_true(bench_vote_count(b) > 0);
    struct outcome abstention = bench_abstention();
    assert_true(outcome_equal(&bench_latest_vote(b)->outcome, &abstention));
    bench_peers_vote(b, 1, seq, 0, abstention);
    bench_run(b, 0.2);
    assert_false(bench_executed(b, seq)); /* two abstentions say nothing */
    bench_peers_vote(b, 2, seq, 0, abstention);
    bench_wait_executed(b, seq);
    assert_sqlstate(bench_outcome(b, seq, 0), "58000");
    bench_transaction_free(&t);
    bench_free(b);
}

static void repeated_vote_is_answered(void **state)
{
    struct bench *b = started();
    struct bench_transaction t = bench_begun(b);
    bench_entry(b, &t, "SELECT 1");
    struct outcome outcome = committed(b, &t);
    unsigned count = bench_vote_count(b);
    bench_peers(b, PEERS_SILENT);
    for (unsigned i = 0; i < 100; i++)
        bench_peers_vote(b, 1, 2, 0, outcome);
    /* enough to be heard, too few for two replicas to answer each other for ever */
    assert_in_range(bench_vote_count(b) - count, 1, 8);
    assert_int_equal(bench_latest_vote(b)->seq, 2);
    assert_int_equal(bench_latest_vote(b)->outcome.epoch, 0);
    bench_free(b);
}

/* ---- PostgreSQL dies ---- */

static bool is_ready(struct bench *b)
{
    struct exec_info info;
    exec_info(bench_exec(b), &info);
    return info.ready;
}

static bool is_not_ready(struct bench *b)
{
    return !is_ready(b);
}

static void crash_and_start(struct bench *b)
{
    bench_crash(b);
    bench_until(b, is_not_ready);
    bench_start(b);
    bench_until(b, is_ready);
}

static void postgres_dies_between_transactions(void **state)
{
    struct bench *b = started();
    struct bench_transaction t = bench_begun(b);
    bench_entry(b, &t, "UPDATE account SET money = 1 WHERE id = 1");
    assert_int_equal(committed(b, &t).kind, OUTCOME_COMMITTED);
    t = bench_begun(b);
    crash_and_start(b);
    assert_string_equal(bench_value(b, MONEY_SQL), "1:1 2:200 3:300");
    /* nothing was committed since its BEGIN: its snapshot can be taken again */
    bench_operation(b, &t, "UPDATE account SET money = 2 WHERE id = 1");
    assert_int_equal(committed(b, &t).kind, OUTCOME_COMMITTED);
    assert_string_equal(bench_value(b, MONEY_SQL), "1:2 2:200 3:300");
    bench_free(b);
}

static void postgres_dies_while_the_vote_is_open(void **state)
{
    struct bench *b = started();
    struct bench_transaction t = bench_begun(b);
    bench_entry(b, &t, "UPDATE account SET money = 1 WHERE id = 1");
    uint64_t seq = put_to_the_vote(b, &t);
    struct outcome own = bench_latest_vote(b)->outcome;
    crash_and_start(b);
    bench_peers_vote(b, 1, seq, 0, own);
    bench_wait_executed(b, seq);
    assert_int_equal(bench_outcome(b, seq, 0).kind, OUTCOME_COMMITTED);
    assert_string_equal(bench_value(b, MONEY_SQL), "1:1 2:200 3:300");
    bench_transaction_free(&t);
    bench_free(b);
}

static void postgres_dies_while_the_list_runs(void **state)
{
    struct bench *b = started();
    struct bench_transaction t = bench_begun(b);
    bench_entry(b, &t, "UPDATE account SET money = 1 WHERE id = 1");
    bench_entry(
        b, &t, "SELECT count(*) FROM generate_series(1, 10000) a, generate_series(1, 500) b");
    bench_peers(b, PEERS_SILENT);
    bench_commit(b, &t);
    uint64_t seq = bench_deliver(b, 1000);
    bench_run(b, 0.1);
    assert_int_equal(bench_vote_count(b), 0);
    crash_and_start(b);
    bench_run(b, 0.2);
    /* it may have been the statement that killed it: not again, unless the others can */
    struct outcome abstention = bench_abstention();
    assert_true(outcome_equal(&bench_latest_vote(b)->outcome, &abstention));
    struct outcome good = {.kind = OUTCOME_COMMITTED,
        .verdict = VERDICT_CONFIRMED,
        .sqlstate = {'0', '0', '0', '0', '0'}};
    bench_peers_vote(b, 3, seq, 0, good);
    bench_wait_executed(b, seq);
    assert_int_equal(bench_outcome(b, seq, 0).kind, OUTCOME_COMMITTED);
    assert_string_equal(bench_value(b, MONEY_SQL), "1:1 2:200 3:300");
    bench_transaction_free(&t);
    bench_free(b);
}

static void batch_starts_again_behind_what_was_applied(void **state)
{
    struct bench *b = started();
    struct bench_transaction first, second;
    bench_begin(b, &first);
    bench_begin(b, &second);
    bench_execute(b);
    bench_entry(b, &first, "UPDATE account SET money = 1 WHERE id = 1");
    bench_entry(b, &second, "UPDATE account SET money = 2 WHERE id = 2");
    bench_peers(b, PEERS_SILENT);
    bench_commit(b, &first);
    bench_commit(b, &second);
    uint64_t seq = bench_deliver(b, 1000);
    bench_run(b, 0.1);
    bench_peers_vote(b, 1, seq, 0, bench_latest_vote(b)->outcome);
    bench_run(b, 0.1);
    /* the first is committed, the second is at the vote; make the first durable */
    bench_sql(b, "CHECKPOINT");
    crash_and_start(b);
    bench_run(b, 0.1);
    assert_false(bench_executed(b, seq));
    /* it was committed on the old epoch, whose snapshot is gone: the others must decide, and they
     * do so by abstaining too */
    struct outcome abort = {.kind = OUTCOME_ABORTED, .sqlstate = {'4', '0', '0', '0', '1'}};
    bench_peers_vote(b, 3, seq, 1, abort);
    bench_wait_executed(b, seq);
    assert_int_equal(bench_outcome(b, seq, 0).kind, OUTCOME_COMMITTED);
    assert_int_equal(bench_outcome(b, seq, 0).epoch, 1);
    assert_int_equal(bench_outcome(b, seq, 1).kind, OUTCOME_ABORTED);
    assert_string_equal(bench_value(b, MONEY_SQL), "1:1 2:200 3:300");
    bench_transaction_free(&first);
    bench_transaction_free(&second);
    bench_free(b);
}

static void snapshot_lost_and_committed_by_the_others_stops(void **state)
{
    struct bench *b = started();
    struct bench_transaction old = bench_begun(b);
    struct bench_transaction t = bench_begun(b);
    bench_entry(b, &t, "UPDATE account SET money = 1 WHERE id = 1");
    assert_int_equal(committed(b, &t).kind, OUTCOME_COMMITTED);
    crash_and_start(b);
    bench_entry(b, &old, "UPDATE account SET money = 2 WHERE id = 2");
    bench_peers(b, PEERS_SILENT);
    bench_commit(b, &old);
    uint64_t seq = bench_deliver(b, 1000);
    bench_run(b, 0.1);
    struct outcome good = {.kind = OUTCOME_COMMITTED,
        .verdict = VERDICT_CONFIRMED,
        .sqlstate = {'0', '0', '0', '0', '0'}};
    bench_peers_vote(b, 3, seq, 0, good);
    bench_until(b, bench_is_stopped);
    bench_transaction_free(&old);
    bench_free(b);
}

static void keeper_that_was_ended_is_replaced(void **state)
{
    struct bench *b = started();
    struct bench_transaction t = bench_begun(b);
    bench_run(b, 0.1);
    bench_sql(b, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                 " WHERE query LIKE '%pg_export_snapshot%' AND pid <> pg_backend_pid()");
    bench_run(b, 0.5);
    assert_false(bench_operation(b, &t, "UPDATE account SET money = 1 WHERE id = 1")->failed);
    assert_int_equal(committed(b, &t).kind, OUTCOME_COMMITTED);
    bench_free(b);
}

static void all_sessions_ended_by_a_dba(void **state)
{
    struct bench *b = started();
    struct bench_transaction t = bench_begun(b);
    bench_entry(b, &t, "UPDATE account SET money = 1 WHERE id = 1");
    uint64_t seq = put_to_the_vote(b, &t);
    struct outcome own = bench_latest_vote(b)->outcome;
    bench_sql(b, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                 " WHERE application_name = 'byzproxy'");
    bench_until(b, is_not_ready);
    bench_until(b, is_ready);
    bench_peers_vote(b, 1, seq, 0, own);
    bench_wait_executed(b, seq);
    assert_int_equal(bench_outcome(b, seq, 0).kind, OUTCOME_COMMITTED);
    assert_string_equal(bench_value(b, MONEY_SQL), "1:1 2:200 3:300");
    bench_transaction_free(&t);
    bench_free(b);
}

/* ---- the proxy dies ---- */

static void replay(struct bench *b, bool with_log)
{
    struct bench_transaction t = bench_begun(b);
    bench_entry(b, &t, "UPDATE account SET money = 1 WHERE id = 1");
    assert_int_equal(committed(b, &t).kind, OUTCOME_COMMITTED);
    t = bench_begun(b);
    bench_operation(b, &t, "CREATE TABLE other (id int)");
    assert_true(committed(b, &t).barrier);
    t = bench_begun(b);
    bench_entry(b, &t, "UPDATE account SET money = 3 WHERE id = 3");

    bench_restart_proxy(b, with_log);
    bench_wait_executed(b, 5);
    assert_int_equal(bench_outcome(b, 2, 0).kind, OUTCOME_COMMITTED);
    assert_int_equal(bench_outcome(b, 4, 0).epoch, 2);
    assert_true(bench_outcome(b, 4, 0).barrier);
    /* open, and of the current epoch */
    assert_int_equal(committed(b, &t).kind, OUTCOME_COMMITTED);
    assert_string_equal(bench_value(b, MONEY_SQL), "1:1 2:200 3:3");
}

static void proxy_starts_again_with_its_log(void **state)
{
    struct bench *b = started();
    replay(b, true);
    bench_free(b);
}

static void proxy_starts_again_without_outcomes(void **state)
{
    struct bench *b = started();
    replay(b, false);
    bench_free(b);
}

static void aborted_without_record_is_asked_for(void **state)
{
    struct bench *b = started();
    struct bench_transaction t = bench_begun(b);
    bench_entry_lie(b, &t, "SELECT 1");
    struct outcome lied = committed(b, &t);
    t = bench_begun(b);
    bench_entry(b, &t, "UPDATE account SET money = 1 WHERE id = 1");
    committed(b, &t);
    bench_peers(b, PEERS_SILENT);
    bench_restart_proxy(b, false);
    bench_run(b, 0.1);
    assert_false(bench_executed(b, 2));
    bench_peers_vote(b, 2, 2, 0, lied);
    bench_wait_executed(b, 4);
    assert_int_equal(bench_outcome(b, 2, 0).verdict, VERDICT_LIED);
    assert_int_equal(bench_outcome(b, 4, 0).epoch, 1);
    bench_free(b);
}

/* ---- start ---- */

static void other_settings(struct config *config)
{
    config->setting_count = 2;
    config->settings[0] = (struct config_setting){"server_version_num", "150000"};
    config->settings[1] = (struct config_setting){"work_mem", "8MB"};
}

static bool has_fatal(struct bench *b)
{
    return bench_fatal(b)[0] != '\0';
}

static void other_setting_is_fatal(void **state)
{
    struct bench *b = bench_new(other_settings);
    bench_until(b, has_fatal);
    assert_string_equal(
        bench_fatal(b), "setting work_mem is '4MB' here but '8MB' in the configuration");
    bench_free(b);
}

static void other_cluster_is_fatal(void **state)
{
    struct bench *b = started();
    bench_sql(b, "UPDATE byzantium.identity SET replica = 3");
    bench_crash(b);
    bench_start(b);
    bench_until(b, has_fatal);
    assert_non_null(strstr(bench_fatal(b), "belongs to replica 3"));
    bench_free(b);
}

static void database_without_schema_is_fatal(void **state)
{
    struct bench *b = started();
    bench_sql(b, "DROP SCHEMA byzantium CASCADE");
    bench_crash(b);
    bench_start(b);
    bench_until(b, has_fatal);
    assert_non_null(strstr(bench_fatal(b), "no schema byzantium"));
    bench_free(b);
}

static void lost_commits_stop(void **state)
{
    struct bench *b = started();
    struct bench_transaction t = bench_begun(b);
    bench_entry(b, &t, "UPDATE account SET money = 1 WHERE id = 1");
    committed(b, &t);
    bench_sql(b, "DELETE FROM byzantium.applied");
    bench_restart_proxy(b, true);
    bench_until(b, bench_is_stopped);
    bench_free(b);
}

/* exec_harness [PATTERN]: the tests whose names match */
int main(int argc, char **argv)
{
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(coordinator_commits_its_own_work),
        cmocka_unit_test(different_list_is_run_instead),
        cmocka_unit_test(operations_before_their_begin_are_held),
        cmocka_unit_test(operation_out_of_turn_is_refused),
        cmocka_unit_test(errors_and_savepoints),
        cmocka_unit_test(failed_transaction_cannot_commit),
        cmocka_unit_test(rows_without_columns_are_announced),
        cmocka_unit_test(transaction_control_is_refused),
        cmocka_unit_test(given_up_execution_starts_again),
        cmocka_unit_test(statement_times_out),
        cmocka_unit_test(rows_reach_a_slow_client),
        cmocka_unit_test(result_of_100_megabytes),
        cmocka_unit_test(verifier_runs_the_list),
        cmocka_unit_test(lie_is_named),
        cmocka_unit_test(lie_before_an_error_is_named),
        cmocka_unit_test(uncertain_difference_accuses_nobody),
        cmocka_unit_test(success_where_the_list_says_failure),
        cmocka_unit_test(verified_rollback),
        cmocka_unit_test(first_committer_wins),
        cmocka_unit_test(conflict_is_seen_by_the_client),
        cmocka_unit_test(snapshot_is_of_the_begin),
        cmocka_unit_test(idle_speculation_gives_its_lock_back),
        cmocka_unit_test(busy_speculation_gives_its_lock_back),
        cmocka_unit_test(stranger_loses_its_lock),
        cmocka_unit_test(speculation_never_exhausts_the_order),
        cmocka_unit_test(requests_that_are_refused),
        cmocka_unit_test(abandoned_transaction_expires),
        cmocka_unit_test(barrier_aborts_what_began_before),
        cmocka_unit_test(agreed_time_is_the_begins),
        cmocka_unit_test(deferred_constraint_fails_before_the_vote),
        cmocka_unit_test(constraint_deferred_again_is_refused),
        cmocka_unit_test(applied_is_pruned),
        cmocka_unit_test(waits_for_votes),
        cmocka_unit_test(votes_that_cannot_agree_abort),
        cmocka_unit_test(tampered_replica_follows_an_abort),
        cmocka_unit_test(commit_that_cannot_be_reproduced_stops),
        cmocka_unit_test(commit_that_takes_too_long_here_stops),
        cmocka_unit_test(endless_lists_hardly_stop_the_order),
        cmocka_unit_test(local_failure_is_no_outcome),
        cmocka_unit_test(repeated_vote_is_answered),
        cmocka_unit_test(postgres_dies_between_transactions),
        cmocka_unit_test(postgres_dies_while_the_vote_is_open),
        cmocka_unit_test(postgres_dies_while_the_list_runs),
        cmocka_unit_test(batch_starts_again_behind_what_was_applied),
        cmocka_unit_test(snapshot_lost_and_committed_by_the_others_stops),
        cmocka_unit_test(keeper_that_was_ended_is_replaced),
        cmocka_unit_test(all_sessions_ended_by_a_dba),
        cmocka_unit_test(proxy_starts_again_with_its_log),
        cmocka_unit_test(proxy_starts_again_without_outcomes),
        cmocka_unit_test(aborted_without_record_is_asked_for),
        cmocka_unit_test(other_setting_is_fatal),
        cmocka_unit_test(other_cluster_is_fatal),
        cmocka_unit_test(database_without_schema_is_fatal),
        cmocka_unit_test(lost_commits_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
