/* What PostgreSQL alone would decide for itself, in the executor: sequences and random numbers are
 * the same whether a transaction ran early, at its turn, or both. */
#include "tests/system/exec/bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define IDS_SQL "SELECT string_agg(id || ':' || note, ' ' ORDER BY id) FROM ticket"
#define INSERT_SQL "INSERT INTO ticket (note) VALUES ('a') RETURNING id"

static struct bench *started(void)
{
    struct bench *b = bench_new(NULL);
    bench_sql(b, "SET ROLE byz_app; CREATE TABLE ticket (id serial PRIMARY KEY, note text)");
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

static void assert_confirmed(struct outcome outcome)
{
    assert_int_equal(outcome.kind, OUTCOME_COMMITTED);
    assert_int_equal(outcome.verdict, VERDICT_CONFIRMED);
}

static void assert_draws(struct bench *b, struct bench_transaction *t, const char *id)
{
    const struct bench_answer *a = bench_operation(b, t, INSERT_SQL);
    assert_false(a->failed);
    assert_string_equal(a->first, id);
}

/* One after another: no gap, and nothing of an aborted transaction's. */
static void values_follow_each_other(void **state)
{
    struct bench *b = started();
    for (int i = 1; i <= 20; i++) {
        char id[12];
        snprintf(id, sizeof id, "%d", i);
        struct bench_transaction t = bench_begun(b);
        assert_draws(b, &t, id);
        assert_confirmed(committed(b, &t));
        t = bench_begun(b);
        bench_operation(b, &t, INSERT_SQL);
        bench_rollback(b, &t, i % 2 == 0);
        assert_int_equal(bench_execute(b).kind, OUTCOME_ROLLED_BACK);
        bench_transaction_free(&t);
    }
    assert_string_equal(bench_value(b, "SELECT count(*) || ' ' || max(id) FROM ticket"), "20 20");
    bench_free(b);
}

static void give_lanes_blocks(struct bench *b)
{
    struct bench_transaction first, second;
    bench_begin(b, &first);
    bench_begin(b, &second);
    bench_execute(b);
    assert_draws(b, &first, "1");
    assert_confirmed(committed(b, &first));
    assert_draws(b, &second, "18");
    assert_confirmed(committed(b, &second));
}

/* Each draws from its lane's block, and sees what it will have at its turn. */
static void open_transactions_draw_different_values(void **state)
{
    struct bench *b = started();
    give_lanes_blocks(b);
    struct bench_transaction first, second;
    bench_begin(b, &first);
    bench_begin(b, &second);
    bench_execute(b);
    assert_draws(b, &second, "19");
    assert_draws(b, &first, "2");
    assert_draws(b, &second, "20");
    assert_draws(b, &first, "3");
    assert_confirmed(committed(b, &second));
    assert_confirmed(committed(b, &first));
    assert_string_equal(bench_value(b, IDS_SQL), "1:a 2:a 3:a 18:a 19:a 20:a");
    bench_free(b);
}

/* Without blocks both guess. Who comes second must try again; who saw no value need not. */
static void a_wrong_guess_is_a_conflict(void **state)
{
    struct bench *b = started();
    struct bench_transaction first, second, blind;
    bench_begin(b, &first);
    bench_begin(b, &second);
    bench_begin(b, &blind);
    bench_execute(b);
    assert_draws(b, &first, "1");
    assert_draws(b, &second, "1025");
    assert_false(bench_operation(b, &blind, "INSERT INTO ticket (note) VALUES ('blind')")->failed);
    assert_confirmed(committed(b, &first));
    struct outcome outcome = committed(b, &second);
    assert_int_equal(outcome.kind, OUTCOME_ABORTED);
    assert_int_equal(outcome.verdict, VERDICT_UNCONFIRMED);
    assert_memory_equal(outcome.sqlstate, "40001", 5);
    assert_confirmed(committed(b, &blind));
    assert_string_equal(bench_value(b, IDS_SQL), "1:a 18:blind");
    bench_free(b);
}

/* What the other three replicas do. */
static void a_verifier_draws_the_same(void **state)
{
    struct bench *b = started();
    give_lanes_blocks(b);
    struct bench_transaction t = bench_begun(b);
    bench_entry_like(b, &t, "SELECT nextval('ticket_id_seq')", "SELECT 2::bigint AS nextval");
    bench_entry_like(b, &t, "SELECT currval('ticket_id_seq')", "SELECT 2::bigint AS currval");
    bench_entry_like(b, &t, "SELECT nextval('ticket_id_seq')", "SELECT 3::bigint AS nextval");
    assert_confirmed(committed(b, &t));
    t = bench_begun(b);
    bench_entry_like(b, &t, "SELECT nextval('ticket_id_seq')", "SELECT 9::bigint AS nextval");
    struct outcome outcome = committed(b, &t);
    assert_int_equal(outcome.verdict, VERDICT_LIED); /* from its lane's block: no excuse */
    t = bench_begun(b);
    assert_draws(b, &t, "4");
    assert_confirmed(committed(b, &t));
    bench_free(b);
}

/* A list that differs from what the session executed runs again from byz_init. */
static void running_again_draws_again(void **state)
{
    struct bench *b = started();
    give_lanes_blocks(b);
    struct bench_transaction t = bench_begun(b);
    bench_entry_like(b, &t, "SELECT nextval('ticket_id_seq')", "SELECT 2::bigint AS nextval");
    bench_send(b, &t, 0, INSERT_SQL);
    assert_string_equal(bench_wait_answer(b)->first, "2");
    assert_confirmed(committed(b, &t));
    assert_string_equal(bench_value(b, IDS_SQL), "1:a 18:a");
    bench_free(b);
}

static void setval_bars_who_drew_before(void **state)
{
    struct bench *b = started();
    give_lanes_blocks(b);
    struct bench_transaction old, setter;
    bench_begin(b, &setter);
    bench_begin(b, &old);
    bench_execute(b);
    assert_draws(b, &old, "19");
    assert_false(bench_operation(b, &setter, "SELECT setval('ticket_id_seq', 500)")->failed);
    struct outcome outcome = committed(b, &setter);
    assert_confirmed(outcome);
    assert_true(outcome.barrier);
    assert_memory_equal(committed(b, &old).sqlstate, "40001", 5);
    struct bench_transaction t = bench_begun(b);
    assert_draws(b, &t, "501");
    assert_confirmed(committed(b, &t));
    bench_free(b);
}

static void restart_finds_the_position(void **state)
{
    struct bench *b = started();
    give_lanes_blocks(b);
    bench_restart_proxy(b, true);
    struct bench_transaction t = bench_begun(b);
    assert_draws(b, &t, "2");
    assert_confirmed(committed(b, &t));
    bench_crash(b);
    bench_start(b);
    bench_restart_proxy(b, true);
    t = bench_begun(b);
    assert_draws(b, &t, "3");
    assert_confirmed(committed(b, &t));
    bench_free(b);
}

/* What an administrator sees of it goes on from there, too. */
static void postgres_own_relation_is_ahead(void **state)
{
    struct bench *b = started();
    give_lanes_blocks(b);
    assert_string_equal(bench_value(b, "SELECT last_value FROM ticket_id_seq"), "34");
    assert_string_equal(bench_value(b, "SELECT string_agg(concat_ws(' ', sequence, lane, next,"
                                       " remaining), ', ' ORDER BY lane)"
                                       " FROM byzantium.sequence_positions"),
        "ticket_id_seq -1 35 1, ticket_id_seq 0 2 16, ticket_id_seq 1 19 16");
    bench_free(b);
}

/* The list runs twice where what it met is uncertain: early, and at its turn. */
static void random_numbers_are_the_same_again(void **state)
{
    struct bench *b = started();
    struct bench_transaction t = bench_begun(b);
    const struct bench_answer *a = bench_operation(b, &t, "SELECT random(), gen_random_uuid()");
    assert_false(a->failed);
    char first[64];
    snprintf(first, sizeof first, "%s", a->first);
    bench_operation(b, &t, "SELECT count(*) FROM account LIMIT 1");
    bench_operation(b, &t, "INSERT INTO ticket (note) VALUES (gen_random_uuid())");
    bench_operation(b, &t, "SELECT to_regclass('ticket') IS NULL"); /* uncertain */
    assert_confirmed(committed(b, &t));
    t = bench_begun(b);
    assert_string_not_equal(bench_operation(b, &t, "SELECT random()")->first, first);
    assert_confirmed(committed(b, &t));
    bench_free(b);
}

static struct outcome verified(struct bench *b, const char *sql, const char *like)
{
    struct bench_transaction t = bench_begun(b);
    bench_entry_like(b, &t, sql, like);
    return committed(b, &t);
}

/* A coordinator cannot permute what ORDER BY asked for; without it any order is right. */
static void rows_in_another_order_are_a_lie(void **state)
{
    struct bench *b = started();
    assert_confirmed(
        verified(b, "SELECT id FROM account ORDER BY id", "SELECT id FROM account ORDER BY 1 ASC"));
    struct outcome outcome = verified(
        b, "SELECT id FROM account ORDER BY id", "SELECT id FROM account ORDER BY id DESC");
    assert_int_equal(outcome.kind, OUTCOME_ABORTED);
    assert_int_equal(outcome.verdict, VERDICT_LIED);
    assert_confirmed(verified(
        b, "SELECT id FROM account", "SELECT * FROM (SELECT id FROM account ORDER BY id DESC) x"));
    bench_free(b);
}

/* Rows that tie come by their other columns: every replica has the same order. */
static void ties_have_one_order(void **state)
{
    struct bench *b = started();
    bench_sql(b, "UPDATE account SET money = 5; UPDATE account SET money = 5 WHERE id = 1");
    assert_confirmed(verified(b, "SELECT money, id FROM account ORDER BY money",
        "SELECT money, id FROM account ORDER BY money, id"));
    struct bench_transaction t = bench_begun(b);
    assert_string_equal(
        bench_operation(b, &t, "SELECT id FROM account ORDER BY money LIMIT 1")->first, "1");
    assert_confirmed(committed(b, &t));
    bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_follow_each_other),
        cmocka_unit_test(open_transactions_draw_different_values),
        cmocka_unit_test(a_wrong_guess_is_a_conflict),
        cmocka_unit_test(a_verifier_draws_the_same),
        cmocka_unit_test(running_again_draws_again),
        cmocka_unit_test(setval_bars_who_drew_before),
        cmocka_unit_test(restart_finds_the_position),
        cmocka_unit_test(postgres_own_relation_is_ahead),
        cmocka_unit_test(random_numbers_are_the_same_again),
        cmocka_unit_test(rows_in_another_order_are_a_lie),
        cmocka_unit_test(ties_have_one_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
