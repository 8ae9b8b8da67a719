/* The format of result hashes is frozen: other implementations, and other replicas, compute it too.
 * The expected digests were computed with Python's hashlib from docs/protocol.md. */
#include "common/result_hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "common/crypto.h"

static struct result_hash *hash;
static struct buffer row = BUFFER_INIT(RESULT_BYTES_MAX + 100);

static void expect_digest(const uint8_t digest[static DIGEST_BYTES], const char *expected)
{
    char hex[2 * DIGEST_BYTES + 1];
    hex_format(hex, digest, DIGEST_BYTES);
    assert_string_equal(hex, expected);
}

/* Adds a row of three values; NULL is SQL's. */
static void add_row(const char *a, const char *b, const char *c)
{
    const char *values[] = {a, b, c};
    buffer_clear(&row);
    for (int i = 0; i < 3; i++) {
        if (values[i] == NULL)
            row_put_null(&row);
        else
            row_put_value(&row, slice_text(values[i]));
    }
    assert_true(result_hash_row(hash, buffer_slice(&row)));
}

static void add_columns(void)
{
    result_hash_start(hash);
    result_hash_column(hash, slice_text("id"), 23);
    result_hash_column(hash, slice_text("name"), 25);
    result_hash_column(hash, slice_text("amount"), 20001);
}

#define FOUR_ROWS "dca78d044e88adad41a4fbf737b7ae4e52c44dd67285e1ef5d6fd677de73d84e"

static void hash_for(const char *statement, const char *first, const char *second,
    uint8_t ret_digest[static DIGEST_BYTES])
{
    result_hash_start_for(hash, slice_text(statement));
    result_hash_column(hash, slice_text("id"), 23);
    result_hash_column(hash, slice_text("name"), 25);
    result_hash_column(hash, slice_text("amount"), 20001);
    add_row(first, "x", NULL);
    add_row(second, "x", NULL);
    result_hash_finish(hash, slice_text("SELECT 2"), ret_digest);
}

#define IN_ORDER "9d522a181d26949de404b526d90cda77733e8f3c545aa2d9fd487f95e54dd6e4"

static void rows_count_in_the_order_that_was_asked_for(void **state)
{
    uint8_t one[DIGEST_BYTES], other[DIGEST_BYTES];
    hash_for("SELECT * FROM t", "1", "2", one);
    hash_for("SELECT * FROM t", "2", "1", other);
    assert_memory_equal(one, other, DIGEST_BYTES);
    hash_for("SELECT * FROM t ORDER BY id", "2", "1", other);
    assert_memory_not_equal(one, other, DIGEST_BYTES);
    hash_for("SELECT * FROM t ORDER BY id", "1", "2", one);
    assert_memory_not_equal(one, other, DIGEST_BYTES);
    expect_digest(one, IN_ORDER);
}

static void rows_are_a_multiset(void **state)
{
    uint8_t digest[DIGEST_BYTES];
    add_columns();
    add_row("1", "Ada", NULL);
    add_row("2", "", "x");
    add_row("1", "Ada", NULL);
    add_row("3", "Grün", "-7.50");
    result_hash_finish(hash, slice_text("SELECT 4"), digest);
    expect_digest(digest, FOUR_ROWS);

    add_columns();
    add_row("3", "Grün", "-7.50");
    add_row("1", "Ada", NULL);
    add_row("1", "Ada", NULL);
    add_row("2", "", "x");
    result_hash_finish(hash, slice_text("SELECT 4"), digest);
    expect_digest(digest, FOUR_ROWS);
}

static void equal_rows_count(void **state)
{
    uint8_t twice[DIGEST_BYTES], thrice[DIGEST_BYTES];
    add_columns();
    add_row("1", "Ada", NULL);
    add_row("1", "Ada", NULL);
    result_hash_finish(hash, slice_text("SELECT"), twice);
    add_columns();
    add_row("1", "Ada", NULL);
    add_row("1", "Ada", NULL);
    add_row("1", "Ada", NULL);
    result_hash_finish(hash, slice_text("SELECT"), thrice);
    assert_memory_not_equal(twice, thrice, DIGEST_BYTES);
}

static void a_result_without_columns(void **state)
{
    uint8_t digest[DIGEST_BYTES];
    result_hash_start(hash);
    result_hash_finish(hash, slice_text("UPDATE 3"), digest);
    expect_digest(digest, "c191d5fa97047d316261ebbb1094db9cf0cf4402897685a041482d7a0842c52a");
}

static void an_error_is_its_sqlstate(void **state)
{
    uint8_t digest[DIGEST_BYTES];
    result_hash_error("40001", digest);
    expect_digest(digest, "c4470f103bfe283c1828eb12e79abcd15a4cbbe8c441c7ad1a25eb21c54a8ecd");
}

/* A result of one column and one row, with one thing changed. */
static void digest_of(const char *column, uint32_t type, const char *value, const char *tag,
    uint8_t ret[static DIGEST_BYTES])
{
    result_hash_start(hash);
    result_hash_column(hash, slice_text(column), type);
    buffer_clear(&row);
    if (value == NULL)
        row_put_null(&row);
    else
        row_put_value(&row, slice_text(value));
    assert_true(result_hash_row(hash, buffer_slice(&row)));
    result_hash_finish(hash, slice_text(tag), ret);
}

static void everything_counts(void **state)
{
    uint8_t base[DIGEST_BYTES], other[DIGEST_BYTES];
    digest_of("a", 23, "", "SELECT 1", base);
    digest_of("a", 23, "", "SELECT 1", other);
    assert_memory_equal(base, other, DIGEST_BYTES);
    digest_of("b", 23, "", "SELECT 1", other);
    assert_memory_not_equal(base, other, DIGEST_BYTES);
    digest_of("a", 20, "", "SELECT 1", other);
    assert_memory_not_equal(base, other, DIGEST_BYTES);
    digest_of("a", 23, NULL, "SELECT 1", other);
    assert_memory_not_equal(base, other, DIGEST_BYTES);
    digest_of("a", 23, "", "SELECT 2", other);
    assert_memory_not_equal(base, other, DIGEST_BYTES);
}

static void user_defined_types_are_hashed_as_0(void **state)
{
    uint8_t zero[DIGEST_BYTES], user[DIGEST_BYTES], builtin[DIGEST_BYTES];
    digest_of("a", 0, "x", "SELECT 1", zero);
    digest_of("a", FIRST_USER_OID, "x", "SELECT 1", user);
    digest_of("a", FIRST_USER_OID - 1, "x", "SELECT 1", builtin);
    assert_memory_equal(zero, user, DIGEST_BYTES);
    assert_memory_not_equal(zero, builtin, DIGEST_BYTES);
}

static void bytes_are_bounded(void **state)
{
    static uint8_t value[RESULT_BYTES_MAX - 5];
    result_hash_start(hash);
    buffer_clear(&row);
    row_put_value(&row, slice_of(value, sizeof value));
    assert_int_equal(row.size, RESULT_BYTES_MAX);
    assert_true(result_hash_row(hash, buffer_slice(&row)));
    assert_false(result_hash_row(hash, slice_of("\0", 1)));
    assert_false(result_hash_no_memory(hash));
    result_hash_start(hash);
    put_u8(&row, 0);
    assert_false(result_hash_row(hash, buffer_slice(&row)));
}

static void rows_are_bounded(void **state)
{
    uint8_t digest[DIGEST_BYTES];
    result_hash_start(hash);
    for (unsigned i = 0; i < RESULT_ROWS_MAX; i++)
        assert_true(result_hash_row(hash, slice_of(NULL, 0)));
    assert_false(result_hash_row(hash, slice_of(NULL, 0)));
    assert_false(result_hash_no_memory(hash));
    result_hash_finish(hash, slice_text("SELECT"), digest);
    /* … and the next result begins anew. */
    add_columns();
    assert_true(result_hash_row(hash, slice_of(NULL, 0)));
}

static void rows_are_read_back(void **state)
{
    bool is_null;
    struct slice value;
    buffer_clear(&row);
    row_put_null(&row);
    row_put_value(&row, slice_text("x"));
    struct reader r = reader_of(buffer_slice(&row));
    assert_true(row_take(&r, &is_null, &value));
    assert_true(is_null);
    assert_true(row_take(&r, &is_null, &value));
    assert_false(is_null);
    assert_true(slice_equal(value, slice_text("x")));
    assert_true(reader_done(&r));
    assert_false(row_take(&r, &is_null, &value));
}

static int set_up(void **state)
{
    hash = result_hash_new();
    return hash == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    result_hash_free(hash);
    result_hash_free(NULL);
    buffer_free(&row);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_a_multiset),
        cmocka_unit_test(rows_count_in_the_order_that_was_asked_for),
        cmocka_unit_test(equal_rows_count),
        cmocka_unit_test(a_result_without_columns),
        cmocka_unit_test(an_error_is_its_sqlstate),
        cmocka_unit_test(everything_counts),
        cmocka_unit_test(user_defined_types_are_hashed_as_0),
        cmocka_unit_test(bytes_are_bounded),
        cmocka_unit_test(rows_are_bounded),
        cmocka_unit_test(rows_are_read_back),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
