/* Votes: f+1 equal ones decide, and at most f liars never decide anything else. */
#include "proxy/exec/votes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct outcome outcome_numbered(uint32_t statement)
{
    return (struct outcome){.kind = OUTCOME_ABORTED,
        .verdict = VERDICT_UNCONFIRMED,
        .sqlstate = {'4', '0', '0', '0', '1'},
        .statement = statement};
}

static enum votes_add add(
    struct votes *votes, unsigned replica, uint64_t seq, uint32_t index, uint32_t statement)
{
    struct vote vote = {.seq = seq, .index = index, .outcome = outcome_numbered(statement)};
    return votes_add(votes, replica, &vote);
}

static void f_plus_1_equal_votes_decide(void **state)
{
    (void)state;
    struct votes *votes = votes_new(1, 4);
    assert_int_equal(add(votes, 0, 1, 0, 9), VOTES_COUNTED);
    assert_null(votes_decided(votes, 1, 0));
    assert_int_equal(add(votes, 1, 1, 0, 5), VOTES_COUNTED);
    assert_null(votes_decided(votes, 1, 0));
    assert_int_equal(add(votes, 2, 1, 0, 5), VOTES_COUNTED);
    assert_int_equal(votes_decided(votes, 1, 0)->statement, 5);
    assert_int_equal(votes_count(votes, 1, 0), 3);
    assert_int_equal(votes_dissenters(votes, 1, 0, votes_decided(votes, 1, 0)), 1u << 0);
    votes_free(votes);
}

static void without_faults_one_vote_decides(void **state)
{
    (void)state;
    struct votes *votes = votes_new(0, 1);
    assert_int_equal(add(votes, 0, 1, 0, 5), VOTES_COUNTED);
    assert_int_equal(votes_decided(votes, 1, 0)->statement, 5);
    votes_free(votes);
}

static void a_second_vote_of_a_replica_is_not_counted(void **state)
{
    (void)state;
    struct votes *votes = votes_new(1, 4);
    assert_int_equal(add(votes, 0, 1, 0, 9), VOTES_COUNTED);
    assert_int_equal(add(votes, 0, 1, 0, 9), VOTES_REPEATED);
    assert_int_equal(add(votes, 0, 1, 0, 5), VOTES_CONTRADICTED);
    assert_null(votes_decided(votes, 1, 0));
    assert_int_equal(votes_count(votes, 1, 0), 1);
    assert_int_equal(add(votes, 1, 1, 0, 5), VOTES_COUNTED);
    assert_null(votes_decided(votes, 1, 0)); /* replica 0 stays with its first vote */
    votes_free(votes);
}

static void requests_and_batches_are_apart(void **state)
{
    (void)state;
    struct votes *votes = votes_new(1, 4);
    add(votes, 0, 1, 0, 5);
    add(votes, 1, 1, 1, 5);
    add(votes, 2, 2, 0, 5);
    for (uint64_t seq = 1; seq <= 2; seq++) {
        for (uint32_t index = 0; index <= 1; index++)
            assert_null(votes_decided(votes, seq, index));
    }
    votes_free(votes);
}

static void votes_outside_the_window_are_dropped(void **state)
{
    (void)state;
    struct votes *votes = votes_new(1, 4);
    assert_int_equal(add(votes, 0, 0, 0, 5), VOTES_OUT_OF_WINDOW);
    assert_int_equal(add(votes, 0, 4, 0, 5), VOTES_COUNTED);
    assert_int_equal(add(votes, 0, 5, 0, 5), VOTES_OUT_OF_WINDOW);
    assert_int_equal(add(votes, 0, UINT64_MAX, 0, 5), VOTES_OUT_OF_WINDOW);
    assert_int_equal(add(votes, 0, 1, BATCH_REQUESTS_MAX - 1, 5), VOTES_COUNTED);
    assert_int_equal(add(votes, 0, 1, BATCH_REQUESTS_MAX, 5), VOTES_OUT_OF_WINDOW);
    assert_int_equal(add(votes, 0, 1, UINT32_MAX, 5), VOTES_OUT_OF_WINDOW);
    assert_null(votes_decided(votes, 5, 0));
    assert_int_equal(votes_count(votes, 1, UINT32_MAX), 0);
    struct outcome any = outcome_numbered(5);
    assert_int_equal(votes_dissenters(votes, UINT64_MAX, 0, &any), 0);
    votes_free(votes);
}

static void a_place_is_reused_without_its_old_votes(void **state)
{
    (void)state;
    struct votes *votes = votes_new(1, 4);
    add(votes, 0, 1, 3, 5);
    add(votes, 1, 1, 3, 5);
    assert_non_null(votes_decided(votes, 1, 3));
    votes_forget(votes, 1);
    assert_null(votes_decided(votes, 1, 3));
    assert_int_equal(add(votes, 0, 1, 3, 5), VOTES_OUT_OF_WINDOW);
    assert_int_equal(votes_count(votes, 5, 3), 0);
    assert_int_equal(add(votes, 0, 5, 3, 6), VOTES_COUNTED);
    assert_null(votes_decided(votes, 5, 3));
    votes_free(votes);
}

static void a_jump_forgets_the_whole_ring(void **state)
{
    (void)state;
    struct votes *votes = votes_new(1, 4);
    for (uint64_t seq = 1; seq <= 4; seq++)
        add(votes, 0, seq, 2, 5);
    votes_forget(votes, UINT64_C(1) << 40);
    votes_forget(votes, 3); /* never backwards */
    for (uint64_t seq = 1; seq <= 4; seq++) {
        assert_int_equal(votes_count(votes, (UINT64_C(1) << 40) + seq, 2), 0);
        assert_int_equal(add(votes, 0, (UINT64_C(1) << 40) + seq, 2, 5), VOTES_COUNTED);
    }
    votes_free(votes);
}

/* ---- property: at most f liars, any order, any votes ---- */

struct trial {
    unsigned faults;
    unsigned replica_count;
    uint32_t liars; /* mask of at most f */
    uint32_t right; /* what every correct replica's execution comes to */
    uint32_t voted; /* correct replicas that have voted so far */
};

static uint64_t random_next(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static struct trial trial_new(uint64_t *seed)
{
    struct trial trial = {.faults = (unsigned)(random_next(seed) % (FAULTS_MAX + 1))};
    trial.replica_count = 3 * trial.faults + 1;
    trial.right = (uint32_t)(random_next(seed) % 3);
    for (unsigned i = 0; i < trial.faults; i++)
        trial.liars |= 1u << (random_next(seed) % trial.replica_count);
    return trial;
}

/* Whatever was said so far: if anything is decided, it is the right thing. */
static void check_trial(const struct trial *trial, const struct votes *votes)
{
    const struct outcome *decided = votes_decided(votes, 1, 0);
    if (decided != NULL) {
        struct outcome expected = outcome_numbered(trial->right);
        assert_true(outcome_equal(decided, &expected));
    }
    if ((unsigned)__builtin_popcount(trial->voted) > trial->faults)
        assert_non_null(decided);
    struct outcome right = outcome_numbered(trial->right);
    assert_int_equal(votes_dissenters(votes, 1, 0, &right) & ~trial->liars, 0);
    assert_true(
        votes_quorum(votes, 1, 0) == NULL || outcome_equal(votes_quorum(votes, 1, 0), &right));
}

static void run_trial(struct trial trial, uint64_t *seed)
{
    struct votes *votes = votes_new(trial.faults, 2);
    for (unsigned step = 0; step < 8 * trial.replica_count; step++) {
        unsigned replica = (unsigned)(random_next(seed) % trial.replica_count);
        uint32_t statement = trial.right;
        if ((trial.liars & (1u << replica)) != 0)
            statement = (uint32_t)(random_next(seed) % 3); /* liars collude on few values */
        else
            trial.voted |= 1u << replica;
        add(votes, replica, 1, 0, statement);
        check_trial(&trial, votes);
    }
    votes_free(votes);
}

static void f_liars_never_decide(void **state)
{
    (void)state;
    uint64_t seed = 20240229;
    for (unsigned i = 0; i < 5000; i++)
        run_trial(trial_new(&seed), &seed);
}

/* Correct replicas differ, and the liar tells each side what it wants to hear. */
static void a_split_has_no_quorum(void **state)
{
    (void)state;
    for (uint32_t side = 5; side <= 6; side++) {
        struct votes *votes = votes_new(1, 2);
        add(votes, 0, 1, 0, side); /* the liar */
        add(votes, 1, 1, 0, 5);
        add(votes, 2, 1, 0, 6);
        assert_int_equal(votes_decided(votes, 1, 0)->statement, side); /* why f+1 will not do */
        assert_null(votes_quorum(votes, 1, 0));
        add(votes, 3, 1, 0, 5);
        assert_int_equal(votes_quorum(votes, 1, 0) != NULL, side == 5);
        votes_free(votes);
    }
}

/* The property's own test: with f+1 liars it fails, so it can fail. */
static void f_plus_1_liars_could(void **state)
{
    (void)state;
    struct votes *votes = votes_new(1, 2);
    add(votes, 0, 1, 0, 666);
    add(votes, 1, 1, 0, 666);
    add(votes, 2, 1, 0, 5);
    add(votes, 3, 1, 0, 5);
    assert_int_equal(votes_decided(votes, 1, 0)->statement, 666);
    assert_int_equal(votes_dissenters(votes, 1, 0, votes_decided(votes, 1, 0)), 1u << 2 | 1u << 3);
    votes_free(votes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(f_plus_1_equal_votes_decide),
        cmocka_unit_test(without_faults_one_vote_decides),
        cmocka_unit_test(a_second_vote_of_a_replica_is_not_counted),
        cmocka_unit_test(requests_and_batches_are_apart),
        cmocka_unit_test(votes_outside_the_window_are_dropped),
        cmocka_unit_test(a_place_is_reused_without_its_old_votes),
        cmocka_unit_test(a_jump_forgets_the_whole_ring),
        cmocka_unit_test(f_liars_never_decide),
        cmocka_unit_test(a_split_has_no_quorum),
        cmocka_unit_test(f_plus_1_liars_could),
    };
    return cmocka_run_group_tests_name("votes", tests, NULL, NULL);
}
