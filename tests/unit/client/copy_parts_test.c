/* Cutting the data of COPY between records. */
#include "client/copy_parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void expect_format(const char *command, bool is_csv, char quote, char escape)
{
    struct copy_format format = copy_format_of(command);
    assert_int_equal(format.is_csv, is_csv);
    assert_int_equal(format.quote, quote);
    assert_int_equal(format.escape, escape);
}

static void the_format_is_read_from_the_command(void **state)
{
    (void)state;
    expect_format("COPY t FROM STDIN", false, '"', '"');
    expect_format("COPY csv (csv) FROM STDIN", false, '"', '"');
    expect_format("COPY t FROM stdin CSV", true, '"', '"');
    expect_format("COPY t FROM STDIN WITH (FORMAT csv, HEADER)", true, '"', '"');
    expect_format("COPY t FROM STDIN (FORMAT 'CSV', NULL 'x')", true, '"', '"');
    expect_format("COPY t FROM STDIN (NULL 'csv')", false, '"', '"');
    expect_format("COPY t FROM STDIN CSV QUOTE '''' ESCAPE AS '\\'", true, '\'', '\\');
    expect_format("COPY t FROM STDIN CSV QUOTE /* a */ AS E'\\t' -- b", true, '\t', '\t');
    expect_format("COPY t FROM STDIN (FORMAT csv, ESCAPE E'\\\\', QUOTE 'q')", true, 'q', '\\');
    expect_format("COPY t FROM STDIN (FORMAT \"csv", false, '"', '"');
    expect_format("COPY t FROM STDIN CSV QUOTE '", true, '\0', '\0');
    expect_format("", false, '"', '"');
}

/* Cuts everything into parts of at most `size_max` bytes and expects these, ended by NULL. */
static void expect_parts(
    const char *command, const char *data, size_t size_max, const char *const *expected)
{
    struct copy_format format = copy_format_of(command);
    size_t left = strlen(data);
    struct copy_part part = {0};
    size_t i;
    for (i = 0; !part.is_last; i++) {
        part = copy_part_first(&format, data, left, size_max);
        if (expected[i] == NULL) {
            assert_int_equal(part.size, 0); /* too long */
            assert_false(part.is_last);
            return;
        }
        assert_int_equal(part.size, strlen(expected[i]));
        assert_memory_equal(data, expected[i], part.size);
        data += part.size;
        left -= part.size;
    }
    assert_null(expected[i]);
}
#define EXPECT(command, data, size_max, ...)                                                       \
    expect_parts(command, data, size_max, (const char *const[]){__VA_ARGS__, NULL})

#define TEXT "COPY t FROM STDIN"
#define CSV "COPY t FROM STDIN CSV"

static void whole_lines_make_a_part(void **state)
{
    (void)state;
    EXPECT(TEXT, "a\nbb\nccc\n", 100, "a\nbb\nccc\n");
    EXPECT(TEXT, "a\nbb\nccc\n", 5, "a\nbb\n", "ccc\n");
    EXPECT(TEXT, "a\nbb\nccc", 4, "a\n", "bb\n", "ccc");
    EXPECT(TEXT, "a\r\nb\r\n", 3, "a\r\n", "b\r\n");
    EXPECT(TEXT, "", 4, "");
}

static void a_newline_may_belong_to_a_value(void **state)
{
    (void)state;
    EXPECT(TEXT, "a\\\nb\nc\n", 5, "a\\\nb\n", "c\n");
    EXPECT(TEXT, "a\\\\\nb\nc\n", 4, "a\\\\\n", "b\nc\n");
    EXPECT(TEXT, "\"a\nb\"\n", 4, "\"a\n", "b\"\n");
    EXPECT(CSV, "1,\"a\nb\"\n2,c\n", 8, "1,\"a\nb\"\n", "2,c\n");
    EXPECT(CSV, "\"a\"\"\nb\"\n2\n", 8, "\"a\"\"\nb\"\n", "2\n");
    EXPECT(CSV " ESCAPE '\\'", "\"a\\\"\nb\"\n2\n", 8, "\"a\\\"\nb\"\n", "2\n");
    EXPECT(CSV " ESCAPE '\\'", "\"a\\\\\"\nb\n", 6, "\"a\\\\\"\n", "b\n");
}

static void nothing_follows_the_marker(void **state)
{
    (void)state;
    EXPECT(TEXT, "a\n\\.\nb\n", 100, "a\n\\.\n");
    EXPECT(TEXT, "a\n\\.\r\nb\n", 2 + 4, "a\n\\.\r\n");
}

static void a_record_may_be_too_long(void **state)
{
    (void)state;
    EXPECT(TEXT, "a\nbbbbb\n", 5, "a\n");
    EXPECT(TEXT, "aaaa\n", 5, "aaaa\n");
    EXPECT(CSV, "1\n\"a\n\n\n\n", 5, "1\n"); /* a quote that is not closed */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_format_is_read_from_the_command),
        cmocka_unit_test(whole_lines_make_a_part),
        cmocka_unit_test(a_newline_may_belong_to_a_value),
        cmocka_unit_test(nothing_follows_the_marker),
        cmocka_unit_test(a_record_may_be_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
