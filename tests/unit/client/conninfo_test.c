#include "client/conninfo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NEEDED "config=c client=n key=k "

static int clear_environment(void **state)
{
    (void)state;
    static const char *const names[] = {"BYZCONFIG", "BYZCLIENT", "BYZKEY", "BYZCOORDINATOR",
        "BYZCONNECT_TIMEOUT", "BYZREQUEST_TIMEOUT", "BYZOPERATION_TIMEOUT", "BYZREADS"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unsetenv(names[i]);
    return 0;
}

static struct conninfo parse(const char *text)
{
    struct conninfo info;
    char error[256];
    if (!conninfo_parse(text, &info, error, sizeof error))
        fail_msg("%s: %s", text, error);
    return info;
}

static void defaults_fill_what_is_not_named(void **state)
{
    (void)state;
    struct conninfo info = parse(NEEDED);
    assert_string_equal(info.values[CONNINFO_CONFIG], "c");
    assert_string_equal(info.values[CONNINFO_CLIENT], "n");
    assert_string_equal(info.values[CONNINFO_KEY], "k");
    assert_int_equal(info.policy, COORDINATOR_RANDOM);
    assert_int_equal(info.connect_timeout_s, 10);
    assert_int_equal(info.request_timeout_s, 30);
    assert_int_equal(info.operation_timeout_s, 10);
    assert_false(info.reads);
    conninfo_free(&info);
}

static void values_are_unquoted(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"client=n key=k config=a", "a"},
        {"  client = n  key =k\tconfig\n=\n a  ", "a"},
        {"client=n key=k config='a b'", "a b"},
        {"client=n key=k config=''  config='x'", "x"},
        {"client=n key=k config='it\\'s \\\\'", "it's \\"},
        {"client=n key=k config=a\\ b", "a b"},
        {"client=n key=k config=a'b", "a'b"},
        {"client=n key=k config=first config=second", "second"},
        {"client=n key=k config='a'coordinator=1", "a"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct conninfo info = parse(cases[i].text);
        assert_string_equal(info.values[CONNINFO_CONFIG], cases[i].expected);
        conninfo_free(&info);
    }
}

static void errors_name_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"", "\"config\" is needed"},
        {"config=c key=k", "\"client\" is needed"},
        {NEEDED "colour=red", "unknown keyword \"colour\""},
        {NEEDED "con=1", "unknown keyword \"con\""},
        {NEEDED "=x", "unknown keyword \"\""},
        {NEEDED "coordinator", "missing \"=\" after \"coordinator\""},
        {NEEDED "coordinator 1", "missing \"=\" after \"coordinator\""},
        {NEEDED "coordinator='1", "unterminated"},
        {NEEDED "coordinator='1\\'", "unterminated"},
        {NEEDED "coordinator=16", "coordinator must be"},
        {NEEDED "coordinator=-1", "coordinator must be"},
        {NEEDED "coordinator=1x", "coordinator must be"},
        {NEEDED "request_timeout=0", "request_timeout must be"},
        {NEEDED "connect_timeout=1.5", "connect_timeout must be"},
        {NEEDED "operation_timeout=99999999999999999999", "operation_timeout must be"},
        {NEEDED "reads=1", "reads must be"},
        {NEEDED "key=''", "\"key\" is needed"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct conninfo info;
        char error[256];
        if (conninfo_parse(cases[i].text, &info, error, sizeof error))
            fail_msg("accepted: %s", cases[i].text);
        if (strstr(error, cases[i].part) == NULL)
            fail_msg("%s: said \"%s\"", cases[i].text, error);
    }
}

static void the_environment_comes_after_the_string(void **state)
{
    (void)state;
    setenv("BYZCONFIG", "from environment", 1);
    setenv("BYZCLIENT", "n", 1);
    setenv("BYZKEY", "k", 1);
    setenv("BYZCOORDINATOR", "3", 1);
    setenv("BYZREQUEST_TIMEOUT", "7", 1);
    setenv("BYZREADS", "on", 1);
    struct conninfo info = parse("request_timeout=8");
    assert_string_equal(info.values[CONNINFO_CONFIG], "from environment");
    assert_int_equal(info.policy, COORDINATOR_FIXED);
    assert_int_equal(info.coordinator, 3);
    assert_int_equal(info.request_timeout_s, 8);
    conninfo_free(&info);
    info = parse("coordinator=round-robin");
    assert_int_equal(info.policy, COORDINATOR_ROUND_ROBIN);
    assert_int_equal(info.request_timeout_s, 7);
    assert_true(info.reads);
    conninfo_free(&info);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(defaults_fill_what_is_not_named, clear_environment),
        cmocka_unit_test_setup(values_are_unquoted, clear_environment),
        cmocka_unit_test_setup(errors_name_what_is_wrong, clear_environment),
        cmocka_unit_test_setup_teardown(
            the_environment_comes_after_the_string, clear_environment, clear_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
