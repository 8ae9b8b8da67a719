/* Figure 2, line 14: the list of operations and result hashes. */
#include "client/list.h"
#include "common/result_hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct entry make_entry(const char *text, unsigned executor)
{
    struct entry entry = {
        .statement = {.text = slice_text(text)},
        .executor = (uint16_t)executor,
        .hash_version = RESULT_HASH_VERSION,
    };
    memset(entry.result_hash, (int)strlen(text), DIGEST_BYTES);
    return entry;
}

static void a_commit_carries_the_list(void **state)
{
    (void)state;
    struct list *list = list_new(100);
    for (unsigned i = 0; i < 40; i++) {
        char text[32];
        snprintf(text, sizeof text, "SELECT %u", i);
        struct entry entry = make_entry(text, i % 4);
        entry.failed = i == 7;
        assert_null(list_refusal(list, &entry.statement));
        assert_true(list_add(list, &entry));
    }
    assert_true(list_set_executor(list, 2));
    struct buffer b = BUFFER_INIT(REQUEST_BODY_BYTES_MAX);
    struct order order = {.kind = ORDER_COMMIT,
        .transaction = 9,
        .entry_count = list_count(list),
        .entries = list_entries(list)};
    order_encode(&b, &order);
    struct order got;
    assert_null(order_decode(buffer_slice(&b), &got));
    assert_int_equal(got.entry_count, 40);
    struct reader r = reader_of(got.entries);
    for (unsigned i = 0; i < 40; i++) {
        struct entry taken, kept;
        assert_null(entry_take(&r, &taken));
        list_get(list, i, &kept);
        assert_true(slice_equal(taken.statement.text, kept.statement.text));
        assert_int_equal(taken.executor, 2);
        assert_int_equal(taken.failed, i == 7);
        assert_memory_equal(taken.result_hash, kept.result_hash, DIGEST_BYTES);
    }
    assert_true(reader_done(&r));
    buffer_free(&b);
    list_free(list);
}

static void the_number_of_entries_is_limited(void **state)
{
    (void)state;
    struct list *list = list_new(2);
    struct entry entry = make_entry("SELECT", 0);
    assert_true(list_add(list, &entry));
    assert_true(list_add(list, &entry));
    assert_non_null(list_refusal(list, &entry.statement));
    list_clear(list);
    assert_int_equal(list_count(list), 0);
    assert_null(list_refusal(list, &entry.statement));
    list_free(list);
}

/* What list_refusal lets through fits into a COMMIT to the last byte, and one byte more does not.
 */
static void the_limit_is_that_of_a_request(void **state)
{
    (void)state;
    struct list *list = list_new(100);
    char *text = malloc(STATEMENT_BYTES_MAX + 1);
    memset(text, 'x', STATEMENT_BYTES_MAX);
    text[STATEMENT_BYTES_MAX] = '\0';
    struct entry entry = make_entry(text, 0);
    assert_null(list_refusal(list, &entry.statement));
    assert_true(list_add(list, &entry));
    while (list_refusal(list, &entry.statement) != NULL)
        entry.statement.text.size--;
    assert_true(entry.statement.text.size > STATEMENT_BYTES_MAX - 1024);
    assert_true(list_add(list, &entry));
    struct buffer b = BUFFER_INIT(REQUEST_BODY_BYTES_MAX);
    struct order order = {
        .kind = ORDER_COMMIT, .transaction = 1, .entry_count = 2, .entries = list_entries(list)};
    order_encode(&b, &order);
    assert_false(b.failed);
    assert_int_equal(b.size, REQUEST_BODY_BYTES_MAX);
    assert_non_null(list_refusal(list, &(struct statement){0}));
    buffer_free(&b);
    free(text);
    list_free(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_commit_carries_the_list),
        cmocka_unit_test(the_number_of_entries_is_limited),
        cmocka_unit_test(the_limit_is_that_of_a_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
