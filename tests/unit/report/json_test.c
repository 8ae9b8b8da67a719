/* The JSON writer: what it writes for every kind of value and for hostile strings. */
#include "proxy/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void assert_written(const struct buffer *b, const char *expected)
{
    assert_false(b->failed);
    assert_int_equal(b->size, strlen(expected));
    assert_memory_equal(b->data, expected, b->size);
}

/* The string as it is written, within its quotes. */
static void assert_string(const void *bytes, size_t size, const char *expected)
{
    struct buffer b = BUFFER_INIT(4096);
    struct json j = json_of(&b);
    json_slice(&j, NULL, slice_of(bytes, size));
    assert_written(&b, expected);
    buffer_free(&b);
}

#define ASSERT_STRING(literal, expected) assert_string(literal, sizeof(literal) - 1, expected)

static void commas_and_brackets(void **state)
{
    struct buffer b = BUFFER_INIT(4096);
    struct json j = json_of(&b);
    json_object(&j, NULL);
    json_number(&j, "a", 0);
    json_number(&j, "b", UINT64_MAX);
    json_array(&j, "c");
    json_array_end(&j);
    json_array(&j, "d");
    json_bool(&j, NULL, true);
    json_object(&j, NULL);
    json_object_end(&j);
    json_null(&j, NULL);
    json_array_end(&j);
    json_text(&j, "e", "x");
    json_text(&j, "f", NULL);
    json_bool(&j, "g", false);
    json_object_end(&j);
    assert_written(&b, "{\"a\":0,\"b\":18446744073709551615,\"c\":[],\"d\":[true,{},null],"
                       "\"e\":\"x\",\"f\":null,\"g\":false}");
    buffer_free(&b);
}

static void strings_are_escaped(void **state)
{
    ASSERT_STRING("", "\"\"");
    ASSERT_STRING("it's plain", "\"it's plain\"");
    ASSERT_STRING("a\"b\\c", "\"a\\\"b\\\\c\"");
    ASSERT_STRING("\n\t\x1f\x7f", "\"\\u000a\\u0009\\u001f\\u007f\"");
}

static void characters_beyond_ascii_pass(void **state)
{
    ASSERT_STRING(
        "\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x98", "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x98\"");
    ASSERT_STRING(
        "\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf", "\"\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf\"");
}

#define BAD "\xef\xbf\xbd"

static void what_jsonb_refuses_is_replaced(void **state)
{
    ASSERT_STRING("a\0b", "\"a" BAD "b\"");
    ASSERT_STRING("\xff", "\"" BAD "\"");
    ASSERT_STRING("\x80x", "\"" BAD "x\"");
    ASSERT_STRING("\xc0\xaf", "\"" BAD BAD "\"");                 /* overlong */
    ASSERT_STRING("\xe0\x80\xaf", "\"" BAD BAD BAD "\"");         /* … */
    ASSERT_STRING("\xed\xa0\x80", "\"" BAD BAD BAD "\"");         /* a surrogate */
    ASSERT_STRING("\xf4\x90\x80\x80", "\"" BAD BAD BAD BAD "\""); /* beyond U+10FFFF */
    ASSERT_STRING("x\xe2\x82", "\"x" BAD BAD "\"");               /* cut off */
    ASSERT_STRING("\xe2\x82\"", "\"" BAD BAD "\\\"\"");           /* a quote is never swallowed */
}

static void a_full_buffer_fails_and_stays_within(void **state)
{
    for (size_t size_max = 0; size_max < 20; size_max++) {
        struct buffer b = BUFFER_INIT(size_max);
        struct json j = json_of(&b);
        json_object(&j, NULL);
        json_text(&j, "key", "\x01\x01\x01");
        json_object_end(&j);
        assert_true(b.failed);
        assert_true(b.size <= size_max);
        buffer_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_and_brackets),
        cmocka_unit_test(strings_are_escaped),
        cmocka_unit_test(characters_beyond_ascii_pass),
        cmocka_unit_test(what_jsonb_refuses_is_replaced),
        cmocka_unit_test(a_full_buffer_fails_and_stays_within),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
