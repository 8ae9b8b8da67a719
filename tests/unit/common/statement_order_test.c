/* ORDER BY is found where it orders the statement's own rows, and nowhere else. */
#include "common/statement_order.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void ordered(void **state)
{
    static const char *const texts[] = {
        "SELECT a FROM t ORDER BY a", "select a from t order\n\tby a",
        "SELECT a FROM t OrDeR/* x */BY a LIMIT 1", "SELECT a FROM t ORDER -- x\n BY a",
        "SELECT a FROM t ORDER /* a /* nested */ b */ BY a", "SELECT '(' FROM t ORDER BY a",
        "SELECT \"(\" FROM t ORDER BY a", "SELECT E'\\'(' FROM t ORDER BY a",
        "SELECT 'it''s (' FROM t ORDER BY a", "SELECT $$ ( $$, $x$ $$ ( $x$ FROM t ORDER BY a",
        "SELECT $1, a$b FROM t ORDER BY $2",
        "SELECT count(*) FROM (SELECT 1) x UNION SELECT 2 ORDER BY 1", "VALUES (1), (2) ORDER BY 1",
        "SELECT a) FROM t ORDER BY a", /* PostgreSQL will not take it; it has an answer */
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (!statement_is_ordered(slice_text(texts[i])))
            fail_msg("not found: %s", texts[i]);
}

static void not_ordered(void **state)
{
    static const char *const texts[] = {
        "",
        "SELECT a FROM t",
        "SELECT a FROM (SELECT a FROM t ORDER BY a) x",
        "SELECT string_agg(a, ',' ORDER BY a) FROM t",
        "SELECT rank() OVER (ORDER BY a) FROM t",
        "SELECT 'ORDER BY a'",
        "SELECT 'it''s ORDER BY a'",
        "SELECT E'\\' ORDER BY a'",
        "SELECT \"ORDER BY\" FROM t",
        "SELECT a FROM t -- ORDER BY a",
        "SELECT a FROM t /* ORDER BY a */",
        "SELECT a FROM t /* /* */ ORDER BY a */",
        "SELECT $$ ORDER BY a $$",
        "SELECT $x$ $$ ORDER BY a $x$",
        "SELECT reorder BY a",
        "SELECT border BY a",
        "SELECT order_by, ORDER1 BY",
        "SELECT a AS \"order\" BY",
        "ORDER, BY",
        "ORDER",
        "SELECT a FROM t ORDER",
        "SELECT 'unfinished ORDER BY a",
        "SELECT $x$ unfinished ORDER BY a",
        "/* unfinished ORDER BY a",
        "SELECT E'\\",
        "$",
        "e'",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (statement_is_ordered(slice_text(texts[i])))
            fail_msg("found: %s", texts[i]);
}

/* Never a byte beyond the end: each text is cut everywhere, in memory of exactly its size. */
static void every_cut_has_an_answer(void **state)
{
    const char *text =
        "SELECT E'\\'' , \"a\"\"\", $x$ $$ $x$ /* /* */ */ -- \n FROM (t) ORDER /**/ BY a";
    for (size_t size = 0; size <= strlen(text); size++) {
        uint8_t *copy = malloc(size + 1);
        assert_non_null(copy);
        uint8_t *end = copy + 1; /* the sanitizer guards what is behind */
        memcpy(end, text, size);
        bool found = statement_is_ordered(slice_of(end, size));
        assert_int_equal(found, size >= strlen(text) - 2);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordered),
        cmocka_unit_test(not_ordered),
        cmocka_unit_test(every_cut_has_an_answer),
    };
    return cmocka_run_group_tests_name("statement order", tests, NULL, NULL);
}
