/* What a new view must contain, as a pure function of the view changes that it is made from: Castro
 * and Liskov (OSDI 1999), section 4.4, the computation of min-s, max-s and the set O.
 *
 * Compared with a table of the paper's cases, and with a second, simpler implementation. */
#include "proxy/pbft/new_view.h"

#include "tests/unit/pbft/forge_view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#define N 7
#define WINDOW 16
#define PROOFS_MAX 12

/* One replica's view change, as the reference reads it. */
struct shown {
    uint64_t view;
    uint64_t seq;
    uint8_t digest; /* its first byte */
};
struct change {
    bool present;
    uint64_t stable;
    unsigned count;
    struct shown shown[PROOFS_MAX];
};

static void fill_digest(uint8_t first, uint8_t ret[static DIGEST_BYTES])
{
    memset(ret, 0, DIGEST_BYTES);
    ret[0] = first;
}

static void encode(struct buffer *out, unsigned replica, const struct change *c)
{
    struct forged_change forged = {.replica = replica, .view = 1000, .stable = c->stable};
    for (unsigned i = 0; i < c->count; i++) {
        uint8_t digest[DIGEST_BYTES];
        fill_digest(c->shown[i].digest, digest);
        forge_add_proof(&forged, N, c->shown[i].view, c->shown[i].seq, digest, 0);
    }
    forge_view_change(out, &forged);
}

static struct new_view_choice choose(const struct change changes[static N])
{
    static struct new_view_choice choice;
    struct buffer bodies[N];
    struct view_change decoded[N];
    const struct view_change *given[REPLICAS_MAX] = {0};
    for (unsigned i = 0; i < N; i++) {
        buffer_init(&bodies[i], 1 << 16);
        if (!changes[i].present)
            continue;
        encode(&bodies[i], i, &changes[i]);
        assert_null(view_change_decode(buffer_slice(&bodies[i]), &decoded[i]));
        given[i] = &decoded[i];
    }
    /* Whatever it held before does not count. */
    memset(&choice, 0xff, sizeof choice);
    new_view_choose(given, WINDOW, &choice);
    for (unsigned i = 0; i < N; i++)
        buffer_free(&bodies[i]);
    return choice;
}

/* ---- the paper's cases ---- */

static void castro_liskov_4_4_without_checkpoints_and_certificates_nothing_is_carried_over(
    void **state)
{
    struct change changes[N] = {{.present = true}, {.present = true}, {.present = true}};
    struct new_view_choice choice = choose(changes);
    assert_int_equal(choice.low, 0);
    assert_int_equal(choice.count, 0);
}

static void castro_liskov_4_4_min_s_is_the_latest_stable_checkpoint(void **state)
{
    struct change changes[N] = {{.present = true, .stable = 4}, {.present = true, .stable = 12},
        {.present = true, .stable = 8}};
    assert_int_equal(choose(changes).low, 12);
}

static void castro_liskov_4_4_max_s_is_the_highest_certificate_and_gaps_are_null(void **state)
{
    struct change changes[N] = {
        {.present = true, .stable = 4, .count = 1, .shown = {{0, 7, 'a'}}},
        {.present = true, .stable = 4, .count = 1, .shown = {{0, 9, 'b'}}},
    };
    struct new_view_choice choice = choose(changes);
    assert_int_equal(choice.low, 4);
    assert_int_equal(choice.count, 5);
    static const bool null[] = {true, true, false, true, false};
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(choice.entries[i].null, null[i]);
    assert_int_equal(choice.entries[2].digest[0], 'a');
    assert_int_equal(choice.entries[2].shown_by, 1);
    assert_int_equal(choice.entries[4].digest[0], 'b');
    assert_int_equal(choice.entries[4].shown_by, 2);
}

static void castro_liskov_4_4_the_certificate_of_the_latest_view_wins(void **state)
{
    struct change changes[N] = {
        {.present = true, .count = 1, .shown = {{3, 1, 'a'}}},
        {.present = true, .count = 1, .shown = {{5, 1, 'b'}}},
        {.present = true, .count = 1, .shown = {{4, 1, 'c'}}},
        {.present = true, .count = 1, .shown = {{5, 1, 'b'}}},
    };
    struct new_view_choice choice = choose(changes);
    assert_int_equal(choice.count, 1);
    assert_int_equal(choice.entries[0].digest[0], 'b');
    assert_int_equal(choice.entries[0].view, 5);
    /* Those who show it, and nobody else: the primary asks which of them it can do without. */
    assert_int_equal(choice.entries[0].shown_by, 0xa);
}

static void the_first_view_is_earlier_than_any_other(void **state)
{
    struct change changes[N] = {
        {.present = true, .count = 1, .shown = {{0, 1, 'a'}}},
        {.present = true, .count = 1, .shown = {{1, 1, 'b'}}},
        {.present = true, .count = 1, .shown = {{0, 1, 'a'}}},
    };
    assert_int_equal(choose(changes).entries[0].digest[0], 'b');
}

static void castro_liskov_4_4_certificates_up_to_min_s_do_not_count(void **state)
{
    struct change changes[N] = {
        {.present = true, .stable = 8},
        {.present = true, .count = 2, .shown = {{0, 7, 'a'}, {0, 8, 'b'}}},
    };
    struct new_view_choice choice = choose(changes);
    assert_int_equal(choice.low, 8);
    assert_int_equal(choice.count, 0);
}

static void nothing_beyond_the_window_is_carried_over(void **state)
{
    struct change changes[N] = {
        {.present = true, .count = 2, .shown = {{0, WINDOW, 'a'}, {0, WINDOW + 1, 'b'}}},
    };
    struct new_view_choice choice = choose(changes);
    assert_int_equal(choice.count, WINDOW);
    assert_int_equal(choice.entries[WINDOW - 1].digest[0], 'a');
    changes[0].count = 0;
    changes[0].stable = UINT64_MAX - 7;
    changes[1] = (struct change){.present = true, .count = 1, .shown = {{0, UINT64_MAX, 'c'}}};
    choice = choose(changes);
    assert_int_equal(choice.count, 7);
    assert_int_equal(choice.entries[6].digest[0], 'c');
}

static void view_changes_that_are_not_in_the_set_do_not_count(void **state)
{
    struct change changes[N] = {
        {.present = true, .count = 1, .shown = {{0, 1, 'a'}}},
        {.present = false, .stable = 8, .count = 1, .shown = {{9, 9, 'b'}}},
    };
    struct new_view_choice choice = choose(changes);
    assert_int_equal(choice.low, 0);
    assert_int_equal(choice.count, 1);
    assert_int_equal(choice.entries[0].digest[0], 'a');
}

/* ---- the reference ---- */

static uint64_t reference_low(const struct change changes[static N])
{
    uint64_t low = 0;
    for (unsigned i = 0; i < N; i++) {
        if (changes[i].present && changes[i].stable > low)
            low = changes[i].stable;
    }
    return low;
}

/* The latest certificate for seq, or NULL; and who shows just that one. */
static const struct shown *reference_best(
    const struct change changes[static N], uint64_t seq, uint32_t *ret_shown_by)
{
    const struct shown *best = NULL;
    *ret_shown_by = 0;
    for (unsigned i = 0; i < N; i++) {
        for (unsigned j = 0; changes[i].present && j < changes[i].count; j++) {
            const struct shown *s = &changes[i].shown[j];
            if (s->seq == seq && (best == NULL || s->view > best->view))
                best = s;
        }
    }
    for (unsigned i = 0; best != NULL && i < N; i++) {
        for (unsigned j = 0; changes[i].present && j < changes[i].count; j++) {
            const struct shown *s = &changes[i].shown[j];
            if (s->seq == seq && s->view == best->view)
                *ret_shown_by |= UINT32_C(1) << i;
        }
    }
    return best;
}

static unsigned compare_with_reference(const struct change changes[static N])
{
    struct new_view_choice choice = choose(changes);
    uint64_t low = reference_low(changes), high = low;
    uint32_t shown_by;
    assert_int_equal(choice.low, low);
    for (uint64_t seq = low + 1; seq <= low + WINDOW; seq++) {
        if (reference_best(changes, seq, &shown_by) != NULL)
            high = seq;
    }
    assert_int_equal(choice.count, high - low);
    for (unsigned i = 0; i < choice.count; i++) {
        const struct shown *best = reference_best(changes, low + 1 + i, &shown_by);
        assert_int_equal(choice.entries[i].null, best == NULL);
        if (best == NULL)
            continue;
        assert_int_equal(choice.entries[i].view, best->view);
        assert_int_equal(choice.entries[i].digest[0], best->digest);
        assert_int_equal(choice.entries[i].shown_by, shown_by);
    }
    return choice.count;
}

/* ---- random view changes ---- */

static uint64_t next(uint64_t *random, uint64_t below)
{
    *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (*random >> 33) % below;
}

/* As correct and faulty replicas may show them: one digest a view and sequence number. */
static void make_change(struct change *c, uint64_t *random)
{
    *c = (struct change){.present = next(random, 4) != 0, .stable = next(random, 4) * 4};
    uint64_t seq = c->stable;
    for (unsigned i = 0; i < PROOFS_MAX && next(random, 5) != 0; i++) {
        seq += 1 + next(random, 3);
        uint64_t view = next(random, 4);
        c->shown[c->count++] = (struct shown){view, seq, (uint8_t)(view * 40 + seq % 40)};
    }
}

static void random_view_changes_give_what_the_reference_gives(void **state)
{
    uint64_t random = 1;
    unsigned carried = 0;
    for (unsigned round = 0; round < 4000; round++) {
        struct change changes[N];
        for (unsigned i = 0; i < N; i++)
            make_change(&changes[i], &random);
        carried += compare_with_reference(changes);
    }
    assert_true(carried > 4000);
}

/* ---- why it is safe ---- */

/* Whatever 2f+1 view changes are used: a batch that 2f+1 replicas had prepared, of which at most f
 * hide it, is carried over. */
static void castro_liskov_4_5_2_a_committed_batch_is_in_every_quorums_choice(void **state)
{
    enum { F = 2, HIDING = 0x3 };
    for (uint32_t prepared = 0; prepared < 1u << N; prepared++) {
        if (__builtin_popcount(prepared) < 2 * F + 1)
            continue;
        for (uint32_t quorum = 0; quorum < 1u << N; quorum++) {
            if (__builtin_popcount(quorum) < 2 * F + 1)
                continue;
            struct change changes[N] = {{0}};
            for (unsigned i = 0; i < N; i++) {
                changes[i].present = (quorum >> i & 1) != 0;
                bool shows = (prepared >> i & 1) != 0 && (HIDING >> i & 1) == 0;
                if (shows)
                    changes[i] = (struct change){
                        .present = changes[i].present, .count = 1, .shown = {{6, 3, 'x'}}};
            }
            /* An older certificate is all that the liars can show instead. */
            changes[0].count = 1;
            changes[0].shown[0] = (struct shown){5, 3, 'y'};
            struct new_view_choice choice = choose(changes);
            assert_int_equal(choice.count, 3);
            assert_int_equal(choice.entries[2].digest[0], 'x');
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            castro_liskov_4_4_without_checkpoints_and_certificates_nothing_is_carried_over),
        cmocka_unit_test(castro_liskov_4_4_min_s_is_the_latest_stable_checkpoint),
        cmocka_unit_test(castro_liskov_4_4_max_s_is_the_highest_certificate_and_gaps_are_null),
        cmocka_unit_test(castro_liskov_4_4_the_certificate_of_the_latest_view_wins),
        cmocka_unit_test(the_first_view_is_earlier_than_any_other),
        cmocka_unit_test(castro_liskov_4_4_certificates_up_to_min_s_do_not_count),
        cmocka_unit_test(nothing_beyond_the_window_is_carried_over),
        cmocka_unit_test(view_changes_that_are_not_in_the_set_do_not_count),
        cmocka_unit_test(random_view_changes_give_what_the_reference_gives),
        cmocka_unit_test(castro_liskov_4_5_2_a_committed_batch_is_in_every_quorums_choice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
