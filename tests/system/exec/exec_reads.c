/* What the executor shows to reads without ordering: whole batches only, and nothing older than
 * what it showed before. */
#include "tests/system/exec/bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT_SQL "SELECT count(*) FROM byzantium.applied"

static struct bench *started(void)
{
    struct bench *b = bench_new(NULL);
    bench_wait_ready(b);
    return b;
}

static bool answers(struct bench *b)
{
    struct epoch_answer ignored;
    return exec_epoch(bench_exec(b), &ignored);
}

static bool answers_nothing(struct bench *b)
{
    return !answers(b);
}

static void assert_shown(struct bench *b, uint64_t epoch, uint64_t barrier_epoch)
{
    struct epoch_answer shown;
    assert_true(exec_epoch(bench_exec(b), &shown));
    assert_int_equal(shown.epoch, epoch);
    assert_int_equal(shown.barrier_epoch, barrier_epoch);
}

static void commit_one(struct bench *b, const char *sql)
{
    struct bench_transaction t = bench_begun(b);
    bench_entry(b, &t, sql);
    bench_commit(b, &t);
    assert_int_equal(bench_execute(b).kind, OUTCOME_COMMITTED);
    bench_transaction_free(&t);
}

static void update_one(struct bench *b)
{
    commit_one(b, "UPDATE account SET money = money + 1 WHERE id = 1");
}

static void every_commit_is_an_epoch(void **state)
{
    struct bench *b = started();
    assert_shown(b, 0, 0);
    update_one(b);
    assert_shown(b, 1, 0);
    commit_one(b, "CREATE TABLE extra (id int)");
    assert_shown(b, 2, 2);
    update_one(b);
    assert_shown(b, 3, 2);
    bench_execute(b); /* an empty batch */
    assert_shown(b, 3, 2);
    bench_free(b);
}

static bool one_is_applied(struct bench *b)
{
    return strcmp(bench_value(b, COUNT_SQL), "1") == 0;
}

/* PostgreSQL has the first commit of two; which replicas have it is a matter of luck. */
static void nothing_of_half_a_batch_is_shown(void **state)
{
    struct bench *b = started();
    struct bench_transaction t[2];
    bench_begin(b, &t[0]);
    bench_begin(b, &t[1]);
    assert_int_equal(bench_execute(b).kind, OUTCOME_BEGUN);
    bench_entry(b, &t[0], "UPDATE account SET money = 1 WHERE id = 1");
    bench_entry(b, &t[1], "UPDATE account SET money = 2 WHERE id = 2");
    bench_peers(b, PEERS_SILENT);
    bench_commit(b, &t[0]);
    bench_commit(b, &t[1]);
    uint64_t seq = bench_deliver(b, 1000);
    struct outcome good = {.kind = OUTCOME_COMMITTED,
        .verdict = VERDICT_CONFIRMED,
        .sqlstate = {'0', '0', '0', '0', '0'}};
    bench_peers_vote(b, 2, seq, 0, good);
    bench_until(b, one_is_applied);
    bench_run(b, 0.2); /* the executor has heard of it */
    assert_shown(b, 0, 0);
    bench_peers_vote(b, 2, seq, 1, good);
    bench_wait_executed(b, seq);
    assert_shown(b, 2, 0);
    bench_transaction_free(&t[0]);
    bench_transaction_free(&t[1]);
    bench_free(b);
}

/* The log may have lost what is lazy in it: it is PostgreSQL that knows how far this replica was.
 */
static void restart(struct bench *b, bool with_log)
{
    bench_restart_proxy(b, with_log);
    assert_true(answers_nothing(b)); /* it knows epoch 0 so far */
    bench_until(b, answers);
    assert_shown(b, 2, 0);
}

static void a_restarted_replica_does_not_go_back(void **state)
{
    struct bench *b = started();
    update_one(b);
    update_one(b);
    restart(b, true);
    restart(b, false);
    update_one(b);
    assert_shown(b, 3, 0);
    bench_free(b);
}

static void without_postgresql_nothing_is_shown(void **state)
{
    struct bench *b = started();
    update_one(b);
    bench_crash(b);
    bench_until(b, answers_nothing);
    bench_start(b);
    bench_until(b, answers);
    assert_shown(b, 1, 0);
    bench_free(b);
}

static void a_stopped_replica_shows_nothing(void **state)
{
    struct bench *b = started();
    update_one(b);
    struct bench_transaction t = bench_begun(b);
    bench_entry_lie(b, &t, "SELECT money FROM account WHERE id = 1");
    bench_peers(b, PEERS_SILENT);
    bench_commit(b, &t);
    uint64_t seq = bench_deliver(b, 1000);
    struct outcome good = {.kind = OUTCOME_COMMITTED,
        .verdict = VERDICT_CONFIRMED,
        .sqlstate = {'0', '0', '0', '0', '0'}};
    bench_peers_vote(b, 3, seq, 0, good);
    bench_until(b, bench_is_stopped);
    assert_true(answers_nothing(b));
    bench_transaction_free(&t);
    bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_commit_is_an_epoch),
        cmocka_unit_test(nothing_of_half_a_batch_is_shown),
        cmocka_unit_test(a_restarted_replica_does_not_go_back),
        cmocka_unit_test(without_postgresql_nothing_is_shown),
        cmocka_unit_test(a_stopped_replica_shows_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
