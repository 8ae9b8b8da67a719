/* Votes, abstentions, and telling others what was decided here. */
#include "proxy/exec/ballot.h"

#include "proxy/exec/abstentions.h"
#include "proxy/exec/judge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static unsigned said_count;
static struct vote said;
static struct buffer log_record;

static void on_vote(void *context, const struct vote *vote)
{
    said = *vote;
    said_count++;
}

static int on_recorded(void *context, uint64_t seq, struct slice *ret_results)
{
    if (seq != 3)
        return 0;
    *ret_results = buffer_slice(&log_record);
    return 1;
}

static const struct exec_ops ops = {.vote = on_vote, .recorded = on_recorded};
static struct config config;

static struct ballot *new_ballot(void)
{
    config_defaults(&config);
    config.faults = 1;
    config.replica_count = 4;
    config.window = 8;
    config.checkpoint_interval = 4;
    said_count = 0;
    struct ballot *b = ballot_new(&config, 0, &ops);
    assert_non_null(b);
    return b;
}

static struct outcome committed(void)
{
    return judge_make(OUTCOME_COMMITTED, VERDICT_CONFIRMED, "00000", 0);
}

static struct outcome conflict(void)
{
    return judge_make(OUTCOME_ABORTED, VERDICT_NONE, "40001", 1);
}

static void hear(struct ballot *b, unsigned replica, uint64_t seq, struct outcome outcome)
{
    struct vote vote = {.seq = seq, .index = 0, .outcome = outcome};
    ballot_receive(b, replica, &vote, 1.0);
}

static void equal_votes_decide(void **state)
{
    struct ballot *b = new_ballot();
    struct outcome own = committed();
    assert_true(ballot_open(b, 1, 2));
    ballot_say(b, 0, &own);
    assert_int_equal(said_count, 1);
    assert_null(ballot_decided(b, 0, BALLOT_CERTAIN));
    hear(b, 1, 1, conflict());
    assert_null(ballot_decided(b, 0, BALLOT_CERTAIN));
    struct outcome with_epoch = committed();
    with_epoch.epoch = 7; /* as logs have it */
    hear(b, 2, 1, with_epoch);
    assert_true(outcome_equal(ballot_decided(b, 0, BALLOT_CERTAIN), &own));
    assert_int_equal(ballot_dissenters(b, 0, &own), 1u << 1);
    assert_null(ballot_decided(b, 1, BALLOT_CERTAIN));
    ballot_free(b);
}

static void what_was_said_stands(void **state)
{
    struct ballot *b = new_ballot();
    struct outcome own = conflict(), other = committed();
    assert_true(ballot_open(b, 1, 1));
    ballot_say(b, 0, &own);
    assert_true(ballot_open(b, 1, 1)); /* the batch starts again */
    ballot_say(b, 0, &other);
    assert_int_equal(said_count, 1);
    assert_true(outcome_equal(ballot_said(b, 0), &own));
    ballot_repeat(b, 0);
    assert_int_equal(said_count, 2);
    assert_true(outcome_equal(&said.outcome, &own));
    ballot_free(b);
}

static void votes_come_before_their_batch(void **state)
{
    struct ballot *b = new_ballot();
    assert_true(ballot_open(b, 1, 0));
    hear(b, 1, 2, committed());
    hear(b, 2, 2, committed());
    ballot_close(b, 1);
    assert_true(ballot_open(b, 2, 1));
    assert_non_null(ballot_decided(b, 0, BALLOT_CERTAIN));
    ballot_free(b);
}

static void two_abstentions_say_nothing(void **state)
{
    struct ballot *b = new_ballot();
    struct outcome abstention = judge_abstention();
    assert_true(ballot_open(b, 1, 1));
    ballot_say(b, 0, &abstention);
    hear(b, 1, 1, abstention);
    hear(b, 1, 1, abstention);
    assert_null(ballot_decided(b, 0, BALLOT_CERTAIN));
    hear(b, 3, 1, abstention);
    assert_true(outcome_equal(ballot_decided(b, 0, BALLOT_CERTAIN), &abstention));
    ballot_free(b);
}

static void votes_outweigh_abstentions(void **state)
{
    struct ballot *b = new_ballot();
    struct outcome abstention = judge_abstention(), good = committed();
    assert_true(ballot_open(b, 1, 1));
    ballot_say(b, 0, &abstention);
    hear(b, 1, 1, good);
    hear(b, 2, 1, good);
    assert_true(outcome_equal(ballot_decided(b, 0, BALLOT_CERTAIN), &good));
    ballot_free(b);
}

static struct outcome conflict_at(uint32_t statement)
{
    return judge_make(OUTCOME_ABORTED, VERDICT_NONE, "40001", statement);
}

static void votes_that_cannot_agree_abort(void **state)
{
    struct ballot *b = new_ballot();
    struct outcome own = conflict_at(0), abstention = judge_abstention();
    assert_true(ballot_open(b, 1, 1));
    ballot_say(b, 0, &own);
    hear(b, 1, 1, conflict_at(1));
    hear(b, 2, 1, committed());
    assert_null(
        ballot_decided(b, 0, BALLOT_CERTAIN)); /* the fourth may still vote as one of them did */
    hear(b, 3, 1, conflict_at(3));
    assert_true(outcome_equal(ballot_decided(b, 0, BALLOT_CERTAIN), &abstention));
    ballot_free(b);
}

static void votes_and_abstentions_that_cannot_agree_abort(void **state)
{
    struct ballot *b = new_ballot();
    struct outcome own = conflict(), abstention = judge_abstention();
    assert_true(ballot_open(b, 1, 1));
    ballot_say(b, 0, &own);
    hear(b, 1, 1, abstention);
    hear(b, 2, 1, abstention);
    assert_null(ballot_decided(b, 0, BALLOT_CERTAIN));
    hear(b, 3, 1, committed());
    assert_true(outcome_equal(ballot_decided(b, 0, BALLOT_CERTAIN), &abstention));
    ballot_free(b);
}

/* Where correct replicas may differ, two halves must not decide differently. */
static void what_is_uncertain_needs_a_quorum(void **state)
{
    struct ballot *b = new_ballot();
    struct outcome own = committed(), abstention = judge_abstention();
    assert_true(ballot_open(b, 1, 2));
    ballot_say(b, 0, &own);
    hear(b, 1, 1, committed());
    assert_non_null(ballot_decided(b, 0, BALLOT_CERTAIN));
    assert_null(ballot_decided(b, 0, BALLOT_UNCERTAIN));
    hear(b, 2, 1, conflict());
    assert_null(ballot_decided(b, 0, BALLOT_UNCERTAIN)); /* the fourth may make either */
    hear(b, 3, 1, conflict());
    assert_true(outcome_equal(ballot_decided(b, 0, BALLOT_UNCERTAIN), &abstention));
    ballot_free(b);
}

static void a_quorum_decides_what_is_uncertain(void **state)
{
    struct ballot *b = new_ballot();
    struct outcome own = conflict(), good = committed();
    assert_true(ballot_open(b, 1, 1));
    ballot_say(b, 0, &own);
    for (unsigned replica = 1; replica <= 3; replica++)
        hear(b, replica, 1, good);
    assert_true(outcome_equal(ballot_decided(b, 0, BALLOT_UNCERTAIN), &good));
    assert_int_equal(ballot_dissenters(b, 0, &good), 1u << 0);
    ballot_free(b);
}

/* It may have voted before it was restarted, and others may have counted that. */
static void who_abstained_does_not_conclude_a_split(void **state)
{
    struct ballot *b = new_ballot();
    struct outcome abstention = judge_abstention();
    assert_true(ballot_open(b, 1, 1));
    ballot_say(b, 0, &abstention);
    hear(b, 1, 1, committed());
    hear(b, 2, 1, committed());
    hear(b, 3, 1, abstention);
    assert_null(ballot_decided(b, 0, BALLOT_UNCERTAIN));
    hear(b, 1, 1, abstention); /* replica 1 gave it up, and says so */
    assert_true(outcome_equal(ballot_decided(b, 0, BALLOT_UNCERTAIN), &abstention));
    ballot_free(b);
}

static void nonsense_is_dropped(void **state)
{
    struct ballot *b = new_ballot();
    assert_true(ballot_open(b, 1, 1));
    struct vote far = {.seq = 1000, .outcome = committed()};
    struct vote wide = {.seq = 1, .index = BATCH_REQUESTS_MAX, .outcome = committed()};
    struct vote begun = {.seq = 1, .outcome = judge_make(OUTCOME_BEGUN, VERDICT_NONE, "00000", 0)};
    struct vote zero = {.seq = 0, .outcome = committed()};
    struct vote *const votes[] = {&far, &wide, &begun, &zero};
    for (unsigned i = 0; i < 4; i++)
        for (unsigned replica = 0; replica < 40; replica++)
            ballot_receive(b, replica, votes[i], 1.0);
    hear(b, 0, 1, committed()); /* ourselves */
    hear(b, 4, 1, committed()); /* nobody */
    assert_null(ballot_decided(b, 0, BALLOT_CERTAIN));
    hear(b, 1, 1, committed());
    hear(b, 1, 1, conflict());
    assert_int_equal(ballot_contradictions(b, 1), 1);
    assert_int_equal(said_count, 0);
    ballot_free(b);
}

static void repeated_votes_are_answered_ever_more_rarely(void **state)
{
    struct ballot *b = new_ballot();
    struct outcome own = committed();
    assert_true(ballot_open(b, 1, 1));
    ballot_say(b, 0, &own);
    hear(b, 1, 1, own);
    ballot_settle(b, 0, &own);
    ballot_close(b, 1);
    said_count = 0;
    for (unsigned i = 0; i < 1000; i++)
        hear(b, 1, 1, own);
    assert_in_range(said_count, 5, 12);
    assert_int_equal(said.seq, 1);
    ballot_free(b);
}

static void answers_come_from_the_log_after_a_restart(void **state)
{
    struct outcome own = committed();
    own.epoch = 9;
    struct buffer one = BUFFER_INIT(64);
    outcome_put(&one, &own);
    buffer_init(&log_record, 256);
    put_u32(&log_record, 1);
    put_bytes(&log_record, buffer_slice(&one));
    struct ballot *b = new_ballot();
    assert_true(ballot_open(b, 5, 1));
    hear(b, 2, 3, committed());
    hear(b, 2, 3, committed());
    assert_int_equal(said_count, 1);
    assert_int_equal(said.seq, 3);
    assert_int_equal(said.outcome.epoch, 0);
    hear(b, 2, 4, committed());
    hear(b, 2, 4, committed());
    assert_int_equal(said_count, 1); /* the log has nothing */
    buffer_free(&one);
    buffer_free(&log_record);
    ballot_free(b);
}

static void abstentions_are_bounded_and_forgotten(void **state)
{
    struct abstentions *a = abstentions_new(2, 4);
    assert_false(abstentions_add(a, 0, 5, 0));
    assert_false(abstentions_add(a, 0, 1, BATCH_REQUESTS_MAX));
    for (unsigned i = 0; i < 4; i++)
        assert_true(abstentions_add(a, i, 1, 3));
    assert_false(abstentions_add(a, 3, 1, 3));
    assert_false(abstentions_decide(a, 1, 3));
    assert_true(abstentions_add(a, 6, 1, 3));
    assert_true(abstentions_decide(a, 1, 3)); /* 2f+1 */
    abstentions_forget(a, 1);
    assert_false(abstentions_decide(a, 1, 3));
    assert_false(abstentions_decide(a, 5, 3)); /* the same place in the ring */
    assert_true(abstentions_add(a, 0, 5, 3));
    abstentions_forget(a, 100000);
    assert_false(abstentions_add(a, 0, 100000, 0));
    abstentions_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_votes_decide),
        cmocka_unit_test(what_was_said_stands),
        cmocka_unit_test(votes_come_before_their_batch),
        cmocka_unit_test(two_abstentions_say_nothing),
        cmocka_unit_test(votes_outweigh_abstentions),
        cmocka_unit_test(votes_that_cannot_agree_abort),
        cmocka_unit_test(votes_and_abstentions_that_cannot_agree_abort),
        cmocka_unit_test(what_is_uncertain_needs_a_quorum),
        cmocka_unit_test(a_quorum_decides_what_is_uncertain),
        cmocka_unit_test(who_abstained_does_not_conclude_a_split),
        cmocka_unit_test(nonsense_is_dropped),
        cmocka_unit_test(repeated_votes_are_answered_ever_more_rarely),
        cmocka_unit_test(answers_come_from_the_log_after_a_restart),
        cmocka_unit_test(abstentions_are_bounded_and_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
