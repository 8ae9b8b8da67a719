/* Section 2 of the paper: a client accepts the result that f+1 replicas report; with reads without
 * ordering, 2f+1. */
#include "client/quorum.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* A script is the order in which replies come: replica's digit (or letter from 10 on), result's
 * letter; "0a1b" is: replica 0 reports a, replica 1 reports b. */
static unsigned replica_of(char c)
{
    return c >= 'A' ? (unsigned)(c - 'A') + 10 : (unsigned)(c - '0');
}

static enum quorum_state play(
    struct quorum *quorum, unsigned faults, unsigned needed, const char *script)
{
    quorum_start(quorum, 3 * faults + 1, needed);
    enum quorum_state state = quorum_state(quorum);
    for (const char *s = script; *s != '\0'; s += 2)
        state = quorum_add(quorum, replica_of(s[0]), slice_of(s + 1, 1));
    return state;
}

static const struct {
    unsigned faults;
    const char *script;
    enum quorum_state state;
    char result; /* of a decision */
    uint32_t dissenters;
} cases[] = {
    {1, "", QUORUM_WAITING, 0, 0},
    {1, "0a", QUORUM_WAITING, 0, 0},
    {1, "0a0a", QUORUM_WAITING, 0, 0},         /* a replica counts once */
    {1, "0a0b1b", QUORUM_WAITING, 0, 0},       /* … with its first reply */
    {1, "0a1a", QUORUM_DECIDED, 'a', 0},       /* f+1 */
    {1, "3x1a0a", QUORUM_DECIDED, 'a', 0x8},   /* one liar first */
    {1, "1a3x0a", QUORUM_DECIDED, 'a', 0x8},   /* in the middle */
    {1, "1a0a3x", QUORUM_DECIDED, 'a', 0x8},   /* too late, but convicted */
    {1, "0a1b2c", QUORUM_WAITING, 0, 0},       /* a, b or c may still win */
    {1, "0a1b2c3b", QUORUM_DECIDED, 'b', 0x5}, /* two liars: beyond f, still decided */
    {1, "0a1b2c3d", QUORUM_IMPOSSIBLE, 0, 0},
    {2, "0a1a", QUORUM_WAITING, 0, 0},
    {2, "0a1a2a", QUORUM_DECIDED, 'a', 0},
    {2, "0x1x2a3a", QUORUM_WAITING, 0, 0}, /* two liars that agree */
    {2, "0x1x2a3a4a", QUORUM_DECIDED, 'a', 0x3},
    {2, "0x2a3a4a1y", QUORUM_DECIDED, 'a', 0x3},
    {2, "0a1a2b3b4c5c", QUORUM_WAITING, 0, 0},
    {2, "0a1a2b3b4c5d6e", QUORUM_IMPOSSIBLE, 0, 0},
    {2, "0a1b2c3d4e", QUORUM_WAITING, 0, 0}, /* two outstanding and one: three */
    {2, "0a1b2c3d4e5f", QUORUM_IMPOSSIBLE, 0, 0},
    {5, "0aBxCxDxExFx1a2a3a4a", QUORUM_WAITING, 0, 0},
    {5, "0aBxCxDxExFx1a2a3a4a5a", QUORUM_DECIDED, 'a', 0xf800},
};

static void replies_are_counted(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct quorum quorum;
        enum quorum_state got =
            play(&quorum, cases[i].faults, cases[i].faults + 1, cases[i].script);
        if (got != cases[i].state)
            fail_msg("f=%u %s: state %d", cases[i].faults, cases[i].script, (int)got);
        if (quorum_dissenters(&quorum) != cases[i].dissenters)
            fail_msg("%s: dissenters %x", cases[i].script, quorum_dissenters(&quorum));
        assert_int_equal(quorum_result(&quorum).size, cases[i].result != 0);
        if (cases[i].result != 0)
            assert_int_equal(quorum_result(&quorum).data[0], cases[i].result);
    }
}

static void two_f_plus_one_can_be_asked_for(void **state)
{
    (void)state;
    struct quorum quorum;
    assert_int_equal(play(&quorum, 1, 3, "0a1a"), QUORUM_WAITING);
    assert_int_equal(play(&quorum, 1, 3, "0a1a2b"), QUORUM_WAITING);
    assert_int_equal(play(&quorum, 1, 3, "0a1a2b3b"), QUORUM_IMPOSSIBLE);
    assert_int_equal(play(&quorum, 1, 3, "0a1b2c"), QUORUM_IMPOSSIBLE);
    assert_int_equal(play(&quorum, 1, 3, "0a1a2b3a"), QUORUM_DECIDED);
    assert_int_equal(quorum_dissenters(&quorum), 0x4);
    assert_int_equal(play(&quorum, 2, 5, "0a1a2a3a"), QUORUM_WAITING);
    assert_int_equal(play(&quorum, 2, 5, "0a1a2a3a5x6x4a"), QUORUM_DECIDED);
}

/* Whatever f liars say, in whatever order: the correct replicas' result, and only it, wins. */
static void f_liars_change_nothing(void **state)
{
    (void)state;
    for (unsigned order = 0; order < 24; order++) {
        for (unsigned liar = 0; liar < 4; liar++) {
            unsigned left[4] = {0, 1, 2, 3}, number = order;
            struct quorum quorum;
            quorum_start(&quorum, 4, 2);
            for (unsigned n = 4; n > 0; n--) {
                unsigned pick = number % n, replica = left[pick];
                number /= n;
                memmove(&left[pick], &left[pick + 1], (n - 1 - pick) * sizeof left[0]);
                quorum_add(&quorum, replica, slice_text(replica == liar ? "lie" : "truth"));
            }
            assert_int_equal(quorum_state(&quorum), QUORUM_DECIDED);
            assert_true(slice_equal(quorum_result(&quorum), slice_text("truth")));
            assert_int_equal(quorum_dissenters(&quorum), 1u << liar);
        }
    }
}

/* A prefix is another result; so is the empty one. */
static void results_are_compared_whole(void **state)
{
    (void)state;
    uint8_t longest[REPLY_BYTES_MAX];
    struct quorum quorum;
    memset(longest, 7, sizeof longest);
    quorum_start(&quorum, 4, 2);
    quorum_add(&quorum, 0, slice_of(longest, sizeof longest));
    quorum_add(&quorum, 1, slice_of(longest, sizeof longest - 1));
    assert_int_equal(quorum_add(&quorum, 2, slice_of(NULL, 0)), QUORUM_WAITING);
    assert_int_equal(quorum_replies(&quorum), 3);
    assert_int_equal(quorum_add(&quorum, 3, slice_of(longest, sizeof longest)), QUORUM_DECIDED);
    assert_int_equal(quorum_dissenters(&quorum), 0x6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_are_counted),
        cmocka_unit_test(two_f_plus_one_can_be_asked_for),
        cmocka_unit_test(f_liars_change_nothing),
        cmocka_unit_test(results_are_compared_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
