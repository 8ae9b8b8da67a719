#include "client/ctl/canonical.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HEAD(name, type) "--\n-- Name: " name "; Type: " type "; Schema: public; Owner: o\n--\n\n"
#define ROWS(name, rows)                                                                           \
    "-- Data for Name: " name "; Type: TABLE DATA; Schema: public; Owner: o\n\nCOPY public." name  \
    " (a) FROM stdin;\n" rows "\\.\n\n"

struct seen {
    size_t only_a, only_b, both;
};

static void note(
    void *context, const struct canonical_section *a, const struct canonical_section *b)
{
    struct seen *seen = context;
    seen->only_a += a && !b;
    seen->only_b += b && !a;
    seen->both += a && b;
}

static size_t compare(const char *a, const char *b, struct seen *ret)
{
    struct canonical x, y;
    *ret = (struct seen){0};
    assert_true(canonical_parse(slice_text(a), &x));
    assert_true(canonical_parse(slice_text(b), &y));
    size_t count = canonical_compare(&x, &y, note, ret);
    canonical_free(&x);
    canonical_free(&y);
    return count;
}

static void row_order_does_not_matter(void **state)
{
    (void)state;
    struct seen seen;
    assert_int_equal(compare(ROWS("t", "1\n2\n3\n"), ROWS("t", "3\n1\n2\n"), &seen), 0);
    assert_int_equal(compare(ROWS("t", "1\n1\n2\n"), ROWS("t", "1\n2\n2\n"), &seen), 1);
    assert_int_equal(seen.both, 1);
}

static void section_order_does_not_matter(void **state)
{
    (void)state;
    struct seen seen;
    const char *a = "SET x;\n" HEAD("t", "TABLE") "CREATE t;\n" HEAD("u", "TABLE") "CREATE u;\n";
    const char *b = "SET x;\n" HEAD("u", "TABLE") "CREATE u;\n" HEAD("t", "TABLE") "CREATE t;\n";
    assert_int_equal(compare(a, b, &seen), 0);
}

static void a_missing_object_is_found(void **state)
{
    (void)state;
    struct seen seen;
    const char *a = HEAD("t", "TABLE") "CREATE t;\n" HEAD("u", "INDEX") "CREATE u;\n";
    const char *b = HEAD("t", "TABLE") "CREATE t;\n";
    assert_int_equal(compare(a, b, &seen), 1);
    assert_int_equal(seen.only_a, 1);
    assert_int_equal(compare(b, a, &seen), 1);
    assert_int_equal(seen.only_b, 1);
}

static void the_order_of_other_lines_matters(void **state)
{
    (void)state;
    struct seen seen;
    assert_int_equal(
        compare(HEAD("t", "TABLE") "a int\nb int\n", HEAD("t", "TABLE") "b int\na int\n", &seen),
        1);
}

static void rows_that_look_like_headings_are_rows(void **state)
{
    (void)state;
    struct seen seen;
    const char *trap = "-- Name: x; Type: TABLE; Schema: public; Owner: o\n";
    char a[512], b[512];
    snprintf(a, sizeof a, ROWS("t", "%sz\n"), trap);
    snprintf(b, sizeof b, ROWS("t", "z\n%s"), trap);
    assert_int_equal(compare(a, b, &seen), 0);
    assert_int_equal(compare(a, ROWS("t", "z\n"), &seen), 1);
}

static void random_tokens_of_pg_dump_are_left_out(void **state)
{
    (void)state;
    struct seen seen;
    assert_int_equal(compare("\\restrict abc\nSET x;\n\\unrestrict abc\n",
                         "\\restrict def\nSET x;\n\\unrestrict def\n", &seen),
        0);
}

static void an_unfinished_dump_is_survived(void **state)
{
    (void)state;
    struct seen seen;
    const char *cut =
        "-- Data for Name: t; Type: TABLE DATA; Schema: p; Owner: o\nCOPY t FROM stdin;\n1";
    assert_int_equal(compare(cut, cut, &seen), 0);
    assert_int_equal(compare("", "", &seen), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(row_order_does_not_matter),
        cmocka_unit_test(section_order_does_not_matter),
        cmocka_unit_test(a_missing_object_is_found),
        cmocka_unit_test(the_order_of_other_lines_matters),
        cmocka_unit_test(rows_that_look_like_headings_are_rows),
        cmocka_unit_test(random_tokens_of_pg_dump_are_left_out),
        cmocka_unit_test(an_unfinished_dump_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
