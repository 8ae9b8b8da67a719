#include "client/error.h"
#include "client/result.h"
#include "common/result_hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void set_columns(byz_result *result, uint32_t count, const char *const *names)
{
    struct buffer b = BUFFER_INIT(4096);
    for (uint32_t i = 0; i < count; i++)
        column_put(&b, &(struct column){.name = slice_text(names[i]), .type_oid = 23 + i});
    struct result_columns columns = {.count = count, .columns = buffer_slice(&b)};
    assert_true(result_set_columns(result, &columns));
    buffer_free(&b);
}

/* NULL in `values` is SQL NULL. */
static void add_row(byz_result *result, uint32_t count, const char *const *values)
{
    struct buffer row = BUFFER_INIT(4096);
    for (uint32_t i = 0; i < count; i++) {
        if (values[i] == NULL)
            row_put_null(&row);
        else
            row_put_value(&row, slice_text(values[i]));
    }
    assert_true(result_add_row(result, buffer_slice(&row)));
    buffer_free(&row);
}

static byz_result *make_result(void)
{
    byz_result *result = result_new();
    set_columns(result, 3, (const char *const[]){"id", "name", "note"});
    add_row(result, 3, (const char *const[]){"1", "Ada", NULL});
    add_row(result, 3, (const char *const[]){"2", "", "…"});
    assert_true(result_succeed(result, slice_text("SELECT 2")));
    return result;
}

static void values_are_found(void **state)
{
    (void)state;
    byz_result *result = make_result();
    assert_true(byz_result_ok(result));
    assert_int_equal(byz_row_count(result), 2);
    assert_int_equal(byz_column_count(result), 3);
    assert_string_equal(byz_column_name(result, 2), "note");
    assert_int_equal(byz_column_type(result, 1), 24);
    assert_string_equal(byz_value(result, 0, 1), "Ada");
    assert_int_equal(byz_value_length(result, 0, 1), 3);
    assert_string_equal(byz_value(result, 0, 2), "");
    assert_true(byz_is_null(result, 0, 2));
    assert_string_equal(byz_value(result, 1, 1), "");
    assert_false(byz_is_null(result, 1, 1));
    assert_string_equal(byz_value(result, 1, 2), "…");
    assert_int_equal(byz_value_length(result, 1, 2), 3);
    assert_string_equal(byz_command_tag(result), "SELECT 2");
    assert_string_equal(byz_result_sqlstate(result), "00000");
    assert_string_equal(byz_result_error_message(result), "");
    byz_clear(result);
}

static void accessors_tolerate_any_index(void **state)
{
    (void)state;
    static const struct {
        int row, column;
    } outside[] = {{-1, 0}, {0, -1}, {2, 0}, {0, 3}, {INT32_MAX, INT32_MAX}, {INT32_MIN, 0}};
    byz_result *result = make_result();
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++) {
        assert_null(byz_value(result, outside[i].row, outside[i].column));
        assert_int_equal(byz_value_length(result, outside[i].row, outside[i].column), 0);
        assert_int_equal(byz_is_null(result, outside[i].row, outside[i].column), 0);
    }
    assert_null(byz_column_name(result, 3));
    assert_null(byz_column_name(result, -1));
    assert_int_equal(byz_column_type(result, 3), 0);
    byz_clear(result);
    assert_int_equal(byz_row_count(NULL), 0);
    assert_int_equal(byz_result_ok(NULL), 0);
    assert_null(byz_value(NULL, 0, 0));
    assert_string_equal(byz_command_tag(NULL), "");
    byz_clear(NULL);
}

static void affected_rows_come_from_the_tag(void **state)
{
    (void)state;
    static const struct {
        const char *tag;
        long long rows;
    } cases[] = {{"INSERT 0 5", 5}, {"UPDATE 3", 3}, {"DELETE 0", 0}, {"SELECT 12", 12},
        {"CREATE TABLE", 0}, {"", 0}, {"SAVEPOINT", 0}, {"UPDATE -3", 0}, {"UPDATE 3x", 0},
        {"UPDATE ", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        byz_result *result = result_new();
        assert_true(result_succeed(result, slice_text(cases[i].tag)));
        assert_int_equal(byz_affected_rows(result), cases[i].rows);
        byz_clear(result);
    }
}

static void an_error_drops_the_rows(void **state)
{
    (void)state;
    byz_result *result = make_result();
    assert_true(result_fail(result, "22012", "ERROR:  division by zero\n"));
    assert_false(byz_result_ok(result));
    assert_int_equal(byz_row_count(result), 0);
    assert_int_equal(byz_column_count(result), 0);
    assert_null(byz_value(result, 0, 0));
    assert_string_equal(byz_result_sqlstate(result), "22012");
    assert_string_equal(byz_result_error_message(result), "ERROR:  division by zero\n");
    byz_clear(result);
}

static void rows_may_have_no_columns(void **state)
{
    (void)state;
    byz_result *result = result_new();
    set_columns(result, 0, NULL);
    add_row(result, 0, NULL);
    add_row(result, 0, NULL);
    assert_int_equal(byz_row_count(result), 2);
    assert_null(byz_value(result, 1, 0));
    byz_clear(result);
}

static void many_rows_are_kept(void **state)
{
    (void)state;
    byz_result *result = result_new();
    set_columns(result, 1, (const char *const[]){"n"});
    for (int i = 0; i < 100000; i++) {
        char digits[] = {(char)('a' + i % 26), '\0'};
        add_row(result, 1, (const char *const[]){digits});
    }
    assert_int_equal(byz_row_count(result), 100000);
    assert_int_equal(byz_value(result, 99999, 0)[0], 'a' + 99999 % 26);
    byz_clear(result);
}

/* ---- texts from liars ---- */

static void texts_are_cut_and_cleaned(void **state)
{
    (void)state;
    char out[8];
    text_copy(out, sizeof out, slice_text("a\x1b[2J\tb\n"));
    assert_string_equal(out, "a?[2J\tb");
    text_copy(out, sizeof out, slice_text("12345…")); /* not a part of a character */
    assert_string_equal(out, "12345");
    char excerpt[12];
    text_excerpt(excerpt, sizeof excerpt, slice_text("SELECT\n1"));
    assert_string_equal(excerpt, "SELECT 1");
    text_excerpt(excerpt, sizeof excerpt, slice_text("SELECT balance"));
    assert_string_equal(excerpt, "SELECT b…");
}

static void the_gravest_suspicion_stays(void **state)
{
    (void)state;
    struct suspicion s;
    suspicion_clear(&s);
    assert_int_equal(s.replica, -1);
    suspicion_note(&s, 1, BYZ_SUSPICION_SILENT, "silent %d", 1);
    suspicion_note(&s, 2, BYZ_SUSPICION_WRONG_RESULT, "wrong");
    suspicion_note(&s, 3, BYZ_SUSPICION_PROTOCOL, "protocol");
    assert_int_equal(s.replica, 2);
    assert_int_equal(s.type, BYZ_SUSPICION_WRONG_RESULT);
    assert_string_equal(s.message, "wrong");
}

static void errors_end_in_one_newline(void **state)
{
    (void)state;
    struct error error;
    char *text = malloc(2 * ERROR_MESSAGE_BYTES);
    error_set(&error, "22012", "%s", "x");
    assert_string_equal(error.message, "x\n");
    error_set(&error, "22012", "%s", "x\n");
    assert_string_equal(error.message, "x\n");
    memset(text, 'y', 2 * ERROR_MESSAGE_BYTES);
    text[2 * ERROR_MESSAGE_BYTES - 1] = '\0';
    error_set(&error, "22012", "%s", text);
    assert_int_equal(strlen(error.message), ERROR_MESSAGE_BYTES - 1);
    assert_int_equal(error.message[ERROR_MESSAGE_BYTES - 2], '\n');
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_found),
        cmocka_unit_test(accessors_tolerate_any_index),
        cmocka_unit_test(affected_rows_come_from_the_tag),
        cmocka_unit_test(an_error_drops_the_rows),
        cmocka_unit_test(rows_may_have_no_columns),
        cmocka_unit_test(many_rows_are_kept),
        cmocka_unit_test(texts_are_cut_and_cleaned),
        cmocka_unit_test(the_gravest_suspicion_stays),
        cmocka_unit_test(errors_end_in_one_newline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
