/* The ring of suspicions: order, bounds, marks, repetitions. */
#include "proxy/suspicions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int set_up(void **state)
{
    *state = calloc(1, sizeof(struct suspicions));
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    free(*state);
    return 0;
}

static bool add(struct suspicions *s, unsigned replica, uint64_t seq, const char *text)
{
    struct suspicion suspicion = {.kind = SUSPICION_DISSENT,
        .replica = replica,
        .seq = seq,
        .has_statement = true,
        .statement = slice_text(text),
        .detail = slice_text(text)};
    return suspicions_add(s, &suspicion);
}

static void they_are_copied_and_come_in_order(void **state)
{
    struct suspicions *s = *state;
    char text[] = "SELECT 1";
    assert_true(add(s, 2, 7, text));
    memset(text, 'x', sizeof text - 1);
    assert_true(add(s, 1, 8, "SELECT 2"));
    assert_int_equal(s->count, 2);
    assert_true(slice_equal(suspicions_at(s, 0)->statement, slice_text("SELECT 1")));
    assert_true(slice_equal(suspicions_at(s, 0)->detail, slice_text("SELECT 1")));
    assert_int_equal(suspicions_at(s, 0)->replica, 2);
    assert_int_equal(suspicions_at(s, 1)->seq, 8);
}

static void a_repeated_vote_is_one_suspicion(void **state)
{
    struct suspicions *s = *state;
    assert_true(add(s, 2, 7, ""));
    assert_false(add(s, 2, 7, ""));
    assert_true(add(s, 1, 7, ""));
    assert_true(add(s, 2, 8, ""));
    suspicions_forget(s, suspicions_mark(s, s->count));
    assert_false(add(s, 2, 8, ""));
    struct suspicion other = {.kind = SUSPICION_MISMATCH, .replica = 2, .seq = 8};
    assert_true(suspicions_add(s, &other));
    other.request = 1;
    assert_true(suspicions_add(s, &other));
    assert_int_equal(s->count, 2);
}

static void about_no_batch_each_counts(void **state)
{
    struct suspicions *s = *state;
    assert_true(add(s, 3, 0, ""));
    assert_true(add(s, 3, 0, ""));
    assert_int_equal(s->count, 2);
}

static void the_oldest_makes_room(void **state)
{
    struct suspicions *s = *state;
    for (unsigned i = 1; i <= SUSPICIONS_MAX + 5; i++)
        assert_true(add(s, 0, i, ""));
    assert_int_equal(s->count, SUSPICIONS_MAX);
    assert_int_equal(s->lost, 5);
    assert_int_equal(suspicions_at(s, 0)->seq, 6);
    assert_int_equal(suspicions_at(s, SUSPICIONS_MAX - 1)->seq, SUSPICIONS_MAX + 5);
}

static void a_mark_holds_whatever_comes_meanwhile(void **state)
{
    struct suspicions *s = *state;
    for (unsigned i = 1; i <= SUSPICIONS_MAX; i++)
        add(s, 0, i, "");
    uint64_t mark = suspicions_mark(s, 16);
    for (unsigned i = 1; i <= 10; i++) /* ten of the sixteen make room */
        add(s, 0, SUSPICIONS_MAX + i, "");
    suspicions_forget(s, mark);
    assert_int_equal(suspicions_at(s, 0)->seq, 17);
    assert_int_equal(s->count, SUSPICIONS_MAX - 6);
    mark = suspicions_mark(s, 3);
    for (unsigned i = 1; i <= SUSPICIONS_MAX; i++) /* all of them do */
        add(s, 1, i, "");
    suspicions_forget(s, mark);
    assert_int_equal(s->count, SUSPICIONS_MAX);
    assert_int_equal(suspicions_at(s, 0)->replica, 1);
    suspicions_forget(s, suspicions_mark(s, s->count));
    assert_int_equal(s->count, 0);
}

static void long_texts_are_cut_between_characters(void **state)
{
    struct suspicions *s = *state;
    char text[2 * SUSPICION_STATEMENT_BYTES_MAX + 2];
    text[0] = 'x';
    for (size_t i = 1; i + 1 < sizeof text; i += 2)
        memcpy(text + i, "\xc3\xa9", 2);
    text[sizeof text - 1] = '\0';
    add(s, 0, 1, text);
    const struct suspicion *found = suspicions_at(s, 0);
    assert_int_equal(found->statement.size, SUSPICION_STATEMENT_BYTES_MAX - 1);
    assert_int_equal(found->statement.data[found->statement.size - 1], 0xa9);
    assert_int_equal(found->detail.size, SUSPICION_DETAIL_BYTES_MAX - 1);
}

static void a_text_of_continuations_alone_is_cut_to_nothing(void **state)
{
    struct suspicions *s = *state;
    uint8_t bytes[SUSPICION_STATEMENT_BYTES_MAX + 1];
    memset(bytes, 0x80, sizeof bytes);
    struct suspicion suspicion = {
        .kind = SUSPICION_SILENT, .statement = slice_of(bytes, sizeof bytes)};
    assert_true(suspicions_add(s, &suspicion));
    assert_int_equal(suspicions_at(s, 0)->statement.size, 0);
}

static void every_kind_has_a_word(void **state)
{
    for (unsigned i = SUSPICION_INVALID + 1; i < SUSPICION_COUNT; i++)
        for (unsigned k = SUSPICION_INVALID + 1; k < i; k++)
            assert_string_not_equal(
                suspicion_word((enum suspicion_kind)i), suspicion_word((enum suspicion_kind)k));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(they_are_copied_and_come_in_order),
        TEST(a_repeated_vote_is_one_suspicion),
        TEST(about_no_batch_each_counts),
        TEST(the_oldest_makes_room),
        TEST(a_mark_holds_whatever_comes_meanwhile),
        TEST(long_texts_are_cut_between_characters),
        TEST(a_text_of_continuations_alone_is_cut_to_nothing),
        cmocka_unit_test(every_kind_has_a_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
