/* The verdict rules: docs/architecture.md, "Who is called a liar". */
#include "proxy/exec/judge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct entry claim(bool failed, uint8_t hash)
{
    struct entry entry = {.failed = failed};
    memset(entry.result_hash, hash, DIGEST_BYTES);
    return entry;
}

static struct answer_end met(const char *sqlstate, uint8_t hash)
{
    struct answer_end end = {.failed = strcmp(sqlstate, "00000") != 0};
    end.too_large = strcmp(sqlstate, "54000") == 0;
    memcpy(end.sqlstate, sqlstate, 5);
    memset(end.hash, hash, DIGEST_BYTES);
    return end;
}

/* One agreeing entry, then this one. */
static struct judge second(struct entry claimed, struct answer_end actual)
{
    struct judge judge;
    struct entry good = claim(false, 1);
    struct answer_end same = met("00000", 1);
    judge_start(&judge);
    assert_true(judge_entry(&judge, &good, &same));
    judge_entry(&judge, &claimed, &actual);
    return judge;
}

static void check(struct outcome o, enum outcome_kind kind, enum verdict verdict,
    const char *sqlstate, uint32_t statement)
{
    assert_int_equal(o.kind, kind);
    assert_int_equal(o.verdict, verdict);
    assert_memory_equal(o.sqlstate, sqlstate, 5);
    assert_int_equal(o.statement, statement);
    assert_int_equal(o.epoch, 0);
}

static const struct judge_flags plain;
static const struct judge_flags uncertain = {.uncertain = true};
static const struct judge_flags barrier = {.barrier = true};

static void equal_results_commit(void **state)
{
    struct judge j = second(claim(false, 2), met("00000", 2));
    check(judge_outcome(&j, true, plain), OUTCOME_COMMITTED, VERDICT_CONFIRMED, "00000", 0);
    check(judge_outcome(&j, false, plain), OUTCOME_ROLLED_BACK, VERDICT_CONFIRMED, "00000", 0);
    assert_true(judge_outcome(&j, true, barrier).barrier);
    assert_false(judge_outcome(&j, false, barrier).barrier);
    judge_start(&j);
    check(judge_outcome(&j, true, plain), OUTCOME_COMMITTED, VERDICT_NONE, "00000", 0);
    judge_trust(&j, 3);
    check(judge_outcome(&j, true, plain), OUTCOME_COMMITTED, VERDICT_CONFIRMED, "00000", 0);
}

static void equal_errors_agree(void **state)
{
    struct judge j = second(claim(true, 2), met("23505", 2));
    check(judge_outcome(&j, true, plain), OUTCOME_COMMITTED, VERDICT_CONFIRMED, "00000", 0);
}

static void different_rows_are_a_lie_unless_uncertain(void **state)
{
    struct judge j = second(claim(false, 2), met("00000", 3));
    assert_true(judge_needs_flags(&j));
    check(judge_outcome(&j, true, plain), OUTCOME_ABORTED, VERDICT_LIED, "BZ001", 1);
    check(judge_outcome(&j, true, uncertain), OUTCOME_ABORTED, VERDICT_UNCONFIRMED, "40001", 1);
}

static void error_where_success_was_claimed_accuses_nobody(void **state)
{
    struct judge j = second(claim(false, 2), met("23505", 3));
    assert_false(judge_needs_flags(&j));
    check(judge_outcome(&j, true, plain), OUTCOME_ABORTED, VERDICT_NONE, "40001", 1);
}

static void anything_else_is_unconfirmed(void **state)
{
    struct judge j = second(claim(true, 2), met("00000", 3));
    check(judge_outcome(&j, true, plain), OUTCOME_ABORTED, VERDICT_UNCONFIRMED, "40001", 1);
    j = second(claim(true, 2), met("23505", 3));
    check(judge_outcome(&j, true, plain), OUTCOME_ABORTED, VERDICT_UNCONFIRMED, "40001", 1);
}

static void too_large_never_commits(void **state)
{
    struct judge j = second(claim(true, 2), met("54000", 2));
    check(judge_outcome(&j, true, plain), OUTCOME_ABORTED, VERDICT_NONE, "54000", 1);
}

static void first_difference_decides(void **state)
{
    struct judge j = second(claim(false, 2), met("00000", 3));
    struct entry claimed = claim(false, 4);
    struct answer_end actual = met("23505", 5);
    assert_false(judge_entry(&j, &claimed, &actual));
    judge_finish_failed(&j, "53100");
    check(judge_outcome(&j, true, plain), OUTCOME_ABORTED, VERDICT_LIED, "BZ001", 1);
}

static void local_failures_are_no_outcome(void **state)
{
    static const char *const local[] = {
        "53100", "57014", "58030", "XX000", "40P01", "55P03", "54001"};
    for (size_t i = 0; i < sizeof local / sizeof local[0]; i++) {
        assert_true(judge_is_local(local[i]));
        assert_int_equal(second(claim(false, 2), met(local[i], 3)).state, JUDGE_UNABLE);
    }
    assert_false(judge_is_local("40001"));
    assert_false(judge_is_local("54000"));
    /* but the same one at the coordinator is the statement's own doing */
    assert_int_equal(second(claim(true, 2), met("53100", 2)).state, JUDGE_AGREES);
}

static void failure_behind_the_list(void **state)
{
    struct judge j = second(claim(false, 2), met("00000", 2));
    judge_finish_failed(&j, "23503");
    check(judge_outcome(&j, true, plain), OUTCOME_ABORTED, VERDICT_CONFIRMED, "23503", 0);
    j = second(claim(false, 2), met("00000", 2));
    judge_finish_failed(&j, "XX000");
    assert_int_equal(j.state, JUDGE_UNABLE);
}

static void abstention_is_no_execution(void **state)
{
    struct outcome abstention = judge_abstention();
    assert_true(judge_is_abstention(&abstention));
    struct judge j = second(claim(false, 2), met("23505", 3));
    struct outcome conflict = judge_outcome(&j, true, plain);
    assert_false(judge_is_abstention(&conflict));
    /* no execution can come to it: its SQLSTATE is a local failure */
    assert_true(judge_is_local(abstention.sqlstate));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_results_commit),
        cmocka_unit_test(equal_errors_agree),
        cmocka_unit_test(different_rows_are_a_lie_unless_uncertain),
        cmocka_unit_test(error_where_success_was_claimed_accuses_nobody),
        cmocka_unit_test(anything_else_is_unconfirmed),
        cmocka_unit_test(too_large_never_commits),
        cmocka_unit_test(first_difference_decides),
        cmocka_unit_test(local_failures_are_no_outcome),
        cmocka_unit_test(failure_behind_the_list),
        cmocka_unit_test(abstention_is_no_execution),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
