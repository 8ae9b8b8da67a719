/* From numbered rows to the text of COPY. */
#include "client/copy_lines.h"
#include "client/result.h"
#include "common/result_hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* `values`: number, line, number, line, … */
static byz_result *make_result(uint32_t columns, uint32_t count, const char *const *values)
{
    struct buffer b = BUFFER_INIT(4096), row = BUFFER_INIT(4096);
    byz_result *result = result_new();
    for (uint32_t i = 0; i < columns; i++)
        column_put(&b, &(struct column){.name = slice_text("c"), .type_oid = 25});
    struct result_columns message = {.count = columns, .columns = buffer_slice(&b)};
    assert_true(result_set_columns(result, &message));
    for (uint32_t i = 0; i < count; i++) {
        buffer_clear(&row);
        for (uint32_t c = 0; c < columns; c++)
            row_put_value(&row, slice_text(values[i * columns + c]));
        assert_true(result_add_row(result, buffer_slice(&row)));
    }
    assert_true(result_succeed(result, slice_text("SELECT")));
    buffer_free(&b);
    buffer_free(&row);
    return result;
}

static void expect(uint32_t count, const char *const *values, const char *expected)
{
    byz_result *result = make_result(2, count, values);
    char *text = NULL;
    size_t size = 99;
    enum copy_lines end = copy_lines_join(result, &text, &size);
    assert_int_equal(end, expected != NULL ? COPY_LINES_GOOD : COPY_LINES_INVALID);
    if (expected != NULL) {
        assert_string_equal(text, expected);
        assert_int_equal(size, strlen(expected));
    } else {
        assert_null(text);
        assert_int_equal(size, 99);
    }
    free(text);
    byz_clear(result);
}
#define LINES(...) ((const char *const[]){__VA_ARGS__})

static void lines_come_in_their_order(void **state)
{
    (void)state;
    expect(0, NULL, "");
    expect(1, LINES("1", "a"), "a\n");
    expect(3, LINES("3", "c", "1", "", "2", "b\nb"), "\nb\nb\nc\n");
}

static void a_line_that_is_missing_or_twice_is_noticed(void **state)
{
    (void)state;
    expect(1, LINES("2", "a"), NULL);
    expect(1, LINES("0", "a"), NULL);
    expect(1, LINES("-1", "a"), NULL);
    expect(1, LINES("", "a"), NULL);
    expect(1, LINES("99999999999999999999999", "a"), NULL);
    expect(2, LINES("1", "a", "1", "b"), NULL);
    expect(2, LINES("1", "a", "3", "b"), NULL);
}

static void another_answer_is_noticed(void **state)
{
    (void)state;
    byz_result *result = make_result(1, 1, LINES("1"));
    char *text = NULL;
    size_t size = 0;
    assert_int_equal(copy_lines_join(result, &text, &size), COPY_LINES_INVALID);
    assert_null(text);
    byz_clear(result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_come_in_their_order),
        cmocka_unit_test(a_line_that_is_missing_or_twice_is_noticed),
        cmocka_unit_test(another_answer_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
