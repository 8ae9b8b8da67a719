#include "proxy/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COMPLETE "--config", "c", "--replica", "2", "--key", "k", "--store", "s", "--postgres", "p"

static char error[256];
static struct options options;

static enum options_result parse(const char *const *arguments)
{
    extern int optind;
    char *argv[32] = {(char *)"byzproxy"};
    int argc = 1;
    for (; arguments[argc - 1]; argc++)
        argv[argc] = (char *)arguments[argc - 1];
    optind = 0; /* glibc: start anew */
    error[0] = '\0';
    return options_parse(argc, argv, &options, error, sizeof error);
}

#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL})

static void test_all_options(void **state)
{
    assert_int_equal(PARSE(COMPLETE, "--log-level", "debug", "--store-size", "3", "--pid-file", "f",
                         "--status-file", "t"),
        OPTIONS_RUN);
    assert_string_equal(options.config, "c");
    assert_int_equal(options.replica, 2);
    assert_string_equal(options.key, "k");
    assert_string_equal(options.store, "s");
    assert_string_equal(options.postgres, "p");
    assert_string_equal(options.pid_file, "f");
    assert_string_equal(options.status_file, "t");
    assert_int_equal(options.store_gib, 3);
    assert_int_equal(options.log_level, LEVEL_DEBUG);
}

static void test_the_environment_stands_in(void **state)
{
    setenv("BYZREPLICA", "3", 1);
    setenv("BYZKEY", "from the environment", 1);
    assert_int_equal(PARSE("--config", "c", "--store", "s", "--postgres", "p"), OPTIONS_RUN);
    assert_int_equal(options.replica, 3);
    assert_string_equal(options.key, "from the environment");
    assert_int_equal(PARSE(COMPLETE), OPTIONS_RUN);
    assert_string_equal(options.key, "k");
    setenv("BYZREPLICA", "three", 1);
    assert_int_equal(PARSE(COMPLETE), OPTIONS_INVALID);
    unsetenv("BYZREPLICA");
    unsetenv("BYZKEY");
}

static void test_wrong_usage(void **state)
{
    assert_int_equal(PARSE("--config", "c"), OPTIONS_INVALID);
    assert_non_null(strstr(error, "--replica is missing"));
    assert_int_equal(PARSE(COMPLETE, "--replica", "16"), OPTIONS_INVALID);
    assert_int_equal(PARSE(COMPLETE, "--replica", "-1"), OPTIONS_INVALID);
    assert_int_equal(PARSE(COMPLETE, "--replica", "1x"), OPTIONS_INVALID);
    assert_int_equal(PARSE(COMPLETE, "--log-level", "loud"), OPTIONS_INVALID);
    assert_int_equal(PARSE(COMPLETE, "--store-size", "0"), OPTIONS_INVALID);
    assert_int_equal(PARSE(COMPLETE, "--no-such-option"), OPTIONS_INVALID);
    assert_int_equal(PARSE(COMPLETE, "stray"), OPTIONS_INVALID);
    assert_int_equal(PARSE("--help"), OPTIONS_HELP);
    assert_int_equal(PARSE("--version"), OPTIONS_VERSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_options),
        cmocka_unit_test(test_the_environment_stands_in),
        cmocka_unit_test(test_wrong_usage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
