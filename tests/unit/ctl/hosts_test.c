#include "client/ctl/hosts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct config config;
static unsigned count;
static char error[512];

static bool parse(const char *text)
{
    memset(&config, 0, sizeof config);
    count = 0;
    error[0] = '\0';
    return hosts_parse(&config, text, &count, error, sizeof error);
}

static void test_names_and_ports(void **state)
{
    assert_true(parse("replica0:7400,replica1:7401,10.0.0.3:1,[::1]:65535"));
    assert_int_equal(count, 4);
    assert_string_equal(config.replicas[0].host, "replica0");
    assert_int_equal(config.replicas[0].port, 7400);
    assert_int_equal(config.replicas[1].port, 7401);
    assert_string_equal(config.replicas[2].host, "10.0.0.3");
    assert_string_equal(config.replicas[3].host, "::1");
    assert_int_equal(config.replicas[3].port, 65535);
}

static void test_malformed_names_the_replica(void **state)
{
    static const char *const bad[] = {"a:1,", "a:1,b", "a:1,b:", "a:1,:2", "a:1,b:0", "a:1,b:65536",
        "a:1,b:9999999999", "a:1,b:2x", "a:1,[::1:2", "a:1,[::1]2", "a:1,::1:2", "a:1,b:-2"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(parse(bad[i]));
        assert_non_null(strstr(error, "replica 1: "));
    }
    assert_false(parse(""));
}

static void test_bounds(void **state)
{
    char text[2 * HOST_BYTES_MAX] = "";
    memset(text, 'a', HOST_BYTES_MAX);
    snprintf(text + HOST_BYTES_MAX, 8, ":1");
    assert_true(parse(text));
    memset(text, 'a', HOST_BYTES_MAX + 1);
    snprintf(text + HOST_BYTES_MAX + 1, 8, ":1");
    assert_false(parse(text));

    char many[16 * (REPLICAS_MAX + 1)];
    size_t length = 0;
    for (unsigned i = 0; i <= REPLICAS_MAX; i++)
        length += (size_t)snprintf(many + length, sizeof many - length, "%sr%u:1", i ? "," : "", i);
    assert_false(parse(many));
    *strrchr(many, ',') = '\0';
    assert_true(parse(many));
    assert_int_equal(count, REPLICAS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_and_ports),
        cmocka_unit_test(test_malformed_names_the_replica),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
