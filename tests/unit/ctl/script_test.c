#include "client/ctl/script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Splits `text` and expects these statements, ended by NULL. */
static void expect_statements(const char *text, const char *const *expected)
{
    struct script s = script_of(text, strlen(text));
    struct script_statement statement;
    size_t i = 0;
    while (script_next(&s, &statement)) {
        assert_non_null(expected[i]);
        assert_int_equal(statement.size, strlen(expected[i]));
        assert_memory_equal(statement.text, expected[i], statement.size);
        i++;
    }
    assert_null(expected[i]);
}
#define EXPECT(text, ...) expect_statements(text, (const char *const[]){__VA_ARGS__, NULL})

static enum script_kind kind_of(const char *text)
{
    struct script s = script_of(text, strlen(text));
    struct script_statement statement;
    assert_true(script_next(&s, &statement));
    return statement.kind;
}

static void splits_at_semicolons(void **state)
{
    (void)state;
    EXPECT("SELECT 1; SELECT 2;\n SELECT 3", "SELECT 1", "SELECT 2", "SELECT 3");
    EXPECT(";;SELECT 1;;", "SELECT 1");
    expect_statements("  -- nothing\n /* at /* all */ */ ", (const char *const[]){NULL});
}

static void quotes_hide_semicolons(void **state)
{
    (void)state;
    EXPECT("SELECT 'a;b'; SELECT 2", "SELECT 'a;b'", "SELECT 2");
    EXPECT("SELECT 'a'';b'; SELECT 2", "SELECT 'a'';b'", "SELECT 2");
    EXPECT("SELECT \"a;\"\"b\"; SELECT 2", "SELECT \"a;\"\"b\"", "SELECT 2");
    EXPECT("SELECT 'a\\'; SELECT 2", "SELECT 'a\\'", "SELECT 2");
    EXPECT("SELECT E'a\\';b'; SELECT 2", "SELECT E'a\\';b'", "SELECT 2");
}

static void dollar_quotes_hide_semicolons(void **state)
{
    (void)state;
    EXPECT("DO $$ BEGIN x; END $$; SELECT 2", "DO $$ BEGIN x; END $$", "SELECT 2");
    EXPECT("SELECT $a$ ; $$ ; $a$; SELECT 2", "SELECT $a$ ; $$ ; $a$", "SELECT 2");
    EXPECT("SELECT $1; SELECT $2", "SELECT $1", "SELECT $2");
    EXPECT("SELECT a$b; SELECT c$d", "SELECT a$b", "SELECT c$d");
}

static void comments_hide_semicolons(void **state)
{
    (void)state;
    EXPECT("SELECT 1 -- ; '\n+1; SELECT 2", "SELECT 1 -- ; '\n+1", "SELECT 2");
    EXPECT("SELECT /* ; /* ; */ ' */ 1; SELECT 2", "SELECT /* ; /* ; */ ' */ 1", "SELECT 2");
}

static void brackets_and_routines_hide_semicolons(void **state)
{
    (void)state;
    EXPECT("CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); SELECT 3",
        "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)", "SELECT 3");
    EXPECT("CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 "
           "END; SELECT 2; END; SELECT 3",
        "CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; "
        "SELECT 2; END",
        "SELECT 3");
}

static void lines_are_counted(void **state)
{
    (void)state;
    static const char text[] = "-- one\nSELECT 1;\n\nSELECT '\n\n';SELECT 3";
    static const unsigned lines[] = {2, 4, 6};
    struct script s = script_of(text, strlen(text));
    struct script_statement statement;
    for (size_t i = 0; i < 3; i++) {
        assert_true(script_next(&s, &statement));
        assert_int_equal(statement.line, lines[i]);
    }
    assert_false(script_next(&s, &statement));
}

static void transaction_control_is_recognised(void **state)
{
    (void)state;
    assert_int_equal(kind_of("BEGIN;"), SCRIPT_BEGIN);
    assert_int_equal(kind_of("begin work"), SCRIPT_BEGIN);
    assert_int_equal(kind_of("/* x */ START -- y\n TRANSACTION;"), SCRIPT_BEGIN);
    assert_int_equal(kind_of("COMMIT"), SCRIPT_COMMIT);
    assert_int_equal(kind_of("END TRANSACTION"), SCRIPT_COMMIT);
    assert_int_equal(kind_of("ROLLBACK WORK"), SCRIPT_ROLLBACK);
    assert_int_equal(kind_of("abort"), SCRIPT_ROLLBACK);
    assert_int_equal(kind_of("ROLLBACK TO SAVEPOINT a"), SCRIPT_STATEMENT);
    assert_int_equal(kind_of("BEGIN ISOLATION LEVEL SERIALIZABLE"), SCRIPT_STATEMENT);
    assert_int_equal(kind_of("COMMIT PREPARED 'x'"), SCRIPT_STATEMENT);
    assert_int_equal(kind_of("SELECT 1"), SCRIPT_STATEMENT);
    assert_int_equal(kind_of("\\d account"), SCRIPT_META);
}

static void unfinished_is_recognised(void **state)
{
    (void)state;
    assert_int_equal(kind_of("SELECT 'a"), SCRIPT_UNFINISHED);
    assert_int_equal(kind_of("SELECT E'a\\"), SCRIPT_UNFINISHED);
    assert_int_equal(kind_of("SELECT $$ a"), SCRIPT_UNFINISHED);
    assert_int_equal(kind_of("/* a /* b */"), SCRIPT_UNFINISHED);
    assert_int_equal(kind_of("SELECT \"a"), SCRIPT_UNFINISHED);
}

static void copy_takes_its_data(void **state)
{
    (void)state;
    static const char text[] =
        "COPY t (a) FROM STDIN; -- here\n1\n;'\n\\.\nCOPY t TO STDOUT CSV;copy u from stdin;\nend";
    static const enum script_kind kinds[] = {SCRIPT_COPY_IN, SCRIPT_COPY_OUT, SCRIPT_COPY_IN};
    static const char *const data[] = {"1\n;'\n", "", "end"};
    static const unsigned lines[] = {1, 5, 5};
    struct script s = script_of(text, strlen(text));
    struct script_statement statement;
    for (size_t i = 0; i < 3; i++) {
        assert_true(script_next(&s, &statement));
        assert_int_equal(statement.kind, kinds[i]);
        assert_int_equal(statement.line, lines[i]);
        assert_int_equal(statement.data_size, strlen(data[i]));
        if (statement.data_size > 0)
            assert_memory_equal(statement.data, data[i], statement.data_size);
    }
    assert_false(script_next(&s, &statement));
}

static void only_copy_has_data(void **state)
{
    (void)state;
    assert_int_equal(kind_of("COPY (SELECT 1 FROM stdin) TO STDOUT"), SCRIPT_COPY_OUT);
    assert_int_equal(kind_of("COPY t FROM 'stdin'"), SCRIPT_STATEMENT);
    assert_int_equal(kind_of("COPY t FROM \"stdin\""), SCRIPT_STATEMENT);
    assert_int_equal(kind_of("SELECT 1 FROM stdin"), SCRIPT_STATEMENT);
    assert_int_equal(kind_of("COPY t FROM STDIN"), SCRIPT_COPY_IN);
    assert_int_equal(kind_of("COPY t FROM STDIN;"), SCRIPT_COPY_IN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_at_semicolons),
        cmocka_unit_test(quotes_hide_semicolons),
        cmocka_unit_test(dollar_quotes_hide_semicolons),
        cmocka_unit_test(comments_hide_semicolons),
        cmocka_unit_test(brackets_and_routines_hide_semicolons),
        cmocka_unit_test(lines_are_counted),
        cmocka_unit_test(transaction_control_is_recognised),
        cmocka_unit_test(unfinished_is_recognised),
        cmocka_unit_test(copy_takes_its_data),
        cmocka_unit_test(only_copy_has_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
