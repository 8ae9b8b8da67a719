/* Castro and Liskov, TOCS 2002, read-only operations: 2f+1 equal answers, else another round, else
 * an ordered request. */
#include "client/reads.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define START_US 1000000u

/* A script is the order in which answers come: replica's digit, epoch's digit. "05" is: replica 0
 * answers epoch 5. */
static enum reads_state play(struct reads *reads, const char *script, uint64_t now_us)
{
    for (const char *s = script; *s != '\0'; s += 2) {
        unsigned replica = (unsigned)(s[0] - '0');
        (void)reads_add(reads, replica, slice_of(s + 1, 1), (uint64_t)(s[1] - '0'), now_us);
    }
    return reads->state;
}

static enum reads_state first_round(
    struct reads *reads, unsigned faults, uint64_t epoch_min, const char *script)
{
    reads_start(reads, 3 * faults + 1, faults, epoch_min, START_US);
    assert_int_equal(reads_step(reads, START_US), READS_ASK);
    reads_asked(reads, START_US);
    assert_int_equal(reads_step(reads, START_US), READS_WAITING);
    return play(reads, script, START_US);
}

/* Past the pause, into the next round. */
static enum reads_state next_round(struct reads *reads, const char *script)
{
    assert_int_equal(reads->state, READS_PAUSING);
    uint64_t now_us = reads_deadline(reads);
    assert_int_equal(reads_step(reads, now_us - 1), READS_PAUSING);
    assert_int_equal(reads_step(reads, now_us), READS_ASK);
    reads_asked(reads, now_us);
    return play(reads, script, now_us);
}

static const struct {
    unsigned faults;
    const char *script;
    enum reads_state state;
    uint64_t epoch;
} cases[] = {
    {1, "", READS_WAITING, 0},
    {1, "0515", READS_WAITING, 0}, /* f+1 are not enough */
    {1, "051525", READS_DECIDED, 5},
    {1, "050505", READS_WAITING, 0},   /* a replica counts once */
    {1, "04051525", READS_WAITING, 0}, /* … with its first answer */
    {1, "05152535", READS_DECIDED, 5},
    {1, "39051525", READS_DECIDED, 5}, /* a liar, ahead */
    {1, "05391525", READS_DECIDED, 5},
    {1, "05153125", READS_DECIDED, 5}, /* behind */
    {1, "051539", READS_WAITING, 0},   /* the last one may still decide */
    {1, "05153425", READS_DECIDED, 5},
    {1, "05153424", READS_PAUSING, 0}, /* a liar and a slow one, against f+1 */
    {1, "051627", READS_PAUSING, 0},   /* no three of four can be equal any more */
    {1, "0516", READS_WAITING, 0},
    {2, "05152535", READS_WAITING, 0},
    {2, "0515253545", READS_DECIDED, 5},
    {2, "59690515253545", READS_DECIDED, 5}, /* two liars that agree */
    {2, "596905152535", READS_WAITING, 0},
    {2, "59690515253544", READS_PAUSING, 0},
    {2, "596847", READS_WAITING, 0},
    {2, "59684736", READS_PAUSING, 0},
};

static void answers_are_counted(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct reads reads;
        enum reads_state got = first_round(&reads, cases[i].faults, 0, cases[i].script);
        if (got != cases[i].state)
            fail_msg("f=%u %s: state %d", cases[i].faults, cases[i].script, (int)got);
        if (got == READS_DECIDED)
            assert_int_equal(reads.epoch, cases[i].epoch);
    }
}

/* Four replicas, every order of their answers, each of them the liar, every lie, every set of the
 * correct ones slow: nothing but what two correct replicas say is ever decided, and if all correct
 * ones are equal they are believed. */
static void a_liar_decides_nothing(void **state)
{
    (void)state;
    for (unsigned code = 0; code < 24 * 4 * 3 * 8; code++) {
        unsigned order = code % 24, liar = code / 24 % 4, lie = 4 + code / 96 % 3;
        unsigned slow = code / 288, left[4] = {0, 1, 2, 3};
        struct reads reads;
        first_round(&reads, 1, 0, "");
        unsigned said[8] = {0};
        for (unsigned n = 4, place = 0; n > 0; n--) {
            unsigned pick = order % n, replica = left[pick];
            order /= n;
            memmove(&left[pick], &left[pick + 1], (n - 1 - pick) * sizeof left[0]);
            unsigned epoch = replica == liar ? lie : 5 - (slow >> place & 1);
            if (replica != liar) {
                place++;
                said[epoch]++;
            }
            uint8_t bytes[1] = {(uint8_t)epoch};
            reads_add(&reads, replica, slice_of(bytes, 1), epoch, START_US);
        }
        if (reads.state == READS_DECIDED)
            assert_true(said[reads.epoch] >= 2);
        else
            assert_true(said[5] == 1 || said[5] == 2);
        if (said[5] == 3 || said[4] == 3)
            assert_int_equal(reads.state, READS_DECIDED);
    }
}

static void what_differs_is_asked_again(void **state)
{
    (void)state;
    struct reads reads;
    assert_int_equal(first_round(&reads, 1, 0, "05153424"), READS_PAUSING);
    assert_false(reads_add(&reads, 2, slice_text("5"), 5, START_US)); /* of a round that is over */
    assert_int_equal(next_round(&reads, "063525"), READS_WAITING);
    assert_int_equal(play(&reads, "15", START_US), READS_DECIDED);
    assert_int_equal(reads.epoch, 5);
    assert_int_equal(reads.rounds, 2);
    assert_false(reads_add(&reads, 0, slice_text("5"), 5, START_US));
    assert_int_equal(reads.epoch, 5);
}

/* f+1 replies let this client believe its commit; f slow replicas may not have it yet, and a liar
 * helps them to 2f+1. */
static void nothing_older_than_the_own_last_commit_is_taken(void **state)
{
    (void)state;
    struct reads reads;
    assert_int_equal(first_round(&reads, 1, 6, "152535"), READS_PAUSING);
    assert_int_equal(next_round(&reads, "152605"), READS_WAITING);
    assert_int_equal(play(&reads, "36", START_US), READS_PAUSING);
    assert_int_equal(next_round(&reads, "162606"), READS_DECIDED);
    assert_int_equal(reads.epoch, 6);
    assert_int_equal(first_round(&reads, 1, 6, "172737"), READS_DECIDED); /* newer is good */
}

/* The epoch is one field of what must be equal. */
static void answers_are_compared_whole(void **state)
{
    (void)state;
    struct reads reads;
    first_round(&reads, 1, 0, "");
    reads_add(&reads, 0, slice_text("5a"), 5, START_US);
    reads_add(&reads, 1, slice_text("5a"), 5, START_US);
    reads_add(&reads, 2, slice_text("5b"), 5, START_US);
    assert_int_equal(reads.state, READS_WAITING);
    reads_add(&reads, 3, slice_text("5a"), 5, START_US);
    assert_int_equal(reads.state, READS_DECIDED);
}

static void silence_ends_a_round(void **state)
{
    (void)state;
    struct reads reads;
    first_round(&reads, 1, 0, "0515");
    assert_int_equal(reads_deadline(&reads), START_US + READS_ROUND_US);
    assert_int_equal(reads_step(&reads, START_US + READS_ROUND_US - 1), READS_WAITING);
    assert_int_equal(reads_step(&reads, START_US + READS_ROUND_US), READS_PAUSING);
    /* Three that differ wait for the fourth, but not as long as for three. */
    first_round(&reads, 1, 0, "051526");
    assert_int_equal(reads_deadline(&reads), START_US + READS_GRACE_US);
    assert_int_equal(reads_step(&reads, START_US + READS_GRACE_US), READS_PAUSING);
    assert_int_equal(reads_deadline(&reads), START_US + READS_GRACE_US + READS_PAUSE_US);
}

/* A liar's answers do not draw the time out. */
static void rounds_and_time_are_bounded(void **state)
{
    (void)state;
    struct reads reads;
    first_round(&reads, 1, 0, "051627");
    unsigned rounds = 1;
    for (; reads.state == READS_PAUSING; rounds++)
        next_round(&reads, "051627");
    assert_int_equal(reads.state, READS_GIVEN_UP);
    assert_int_equal(rounds, READS_ROUNDS_MAX);
    assert_int_equal(reads_step(&reads, UINT64_MAX), READS_GIVEN_UP);

    first_round(&reads, 1, 0, "");
    uint64_t now_us = START_US;
    while (reads_step(&reads, now_us) != READS_GIVEN_UP) {
        if (reads.state == READS_ASK)
            reads_asked(&reads, now_us);
        now_us = reads_deadline(&reads);
        assert_true(now_us <= START_US + READS_US_MAX);
    }
    assert_true(reads.rounds >= 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_counted),
        cmocka_unit_test(a_liar_decides_nothing),
        cmocka_unit_test(what_differs_is_asked_again),
        cmocka_unit_test(nothing_older_than_the_own_last_commit_is_taken),
        cmocka_unit_test(answers_are_compared_whole),
        cmocka_unit_test(silence_ends_a_round),
        cmocka_unit_test(rounds_and_time_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
