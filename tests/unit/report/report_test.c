/* The report's arithmetic, and the JSON of suspicions and configuration. */
#include "proxy/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void a_liar_alone_makes_nobody_late(void **state)
{
    const uint64_t claims[] = {10, 11, 12, UINT64_MAX};
    assert_int_equal(report_reached(claims, 4, 1), 12);
    assert_int_equal(report_reached(claims, 4, 2), 11);
    assert_int_equal(report_reached(claims, 4, 3), 10);
}

static void equal_claims_count_together(void **state)
{
    const uint64_t claims[] = {7, 7, 3, 0};
    assert_int_equal(report_reached(claims, 4, 1), 7);
    const uint64_t nothing[] = {0, 0, 0, 0};
    assert_int_equal(report_reached(nothing, 4, 1), 0);
}

static struct config *config_of(const char *client)
{
    struct config *config = calloc(1, sizeof *config);
    assert_non_null(config);
    config->clients = calloc(1, sizeof *config->clients);
    assert_non_null(config->clients);
    config->client_count = 1;
    config->replica_count = 4;
    config->faults = 1;
    strncpy(config->name, "bank", sizeof config->name - 1);
    strncpy(config->clients[0].name, client, sizeof config->clients[0].name - 1);
    config->setting_count = 1;
    strncpy(config->settings[0].name, "work_mem", sizeof config->settings[0].name - 1);
    strncpy(config->settings[0].value, "4MB", sizeof config->settings[0].value - 1);
    return config;
}

static void config_end(struct config *config)
{
    free(config->clients);
    free(config);
}

static void assert_text(const struct buffer *b, const char *expected)
{
    assert_false(b->failed);
    assert_true(slice_equal(buffer_slice(b), slice_text(expected)));
}

static void a_suspicion_is_written_out(void **state)
{
    static struct suspicions suspicions;
    struct config *config = config_of("demo");
    struct suspicion wrong = {.kind = SUSPICION_WRONG_RESULT,
        .replica = 2,
        .seen_us = 5,
        .seq = 7,
        .request = 1,
        .has_transaction = true,
        .session = 0xab,
        .number = 3,
        .decided = {.kind = OUTCOME_ABORTED, .verdict = VERDICT_LIED, .sqlstate = "BZ001"},
        .has_statement = true,
        .statement_index = 4,
        .statement = slice_text("SELECT \"x\""),
        .detail = slice_text("why")};
    struct suspicion silent = {.kind = SUSPICION_SILENT, .replica = 3, .seen_us = 6};
    suspicions_add(&suspicions, &wrong);
    suspicions_add(&suspicions, &silent);
    struct buffer b = BUFFER_INIT(4096);
    assert_int_equal(report_put_suspicions(&suspicions, config, &b), 2);
    assert_text(&b,
        "[{\"seen_us\":5,\"what\":\"wrong_result\",\"replica\":2,\"batch\":7,\"request\":1,"
        "\"transaction\":\"demo/00000000000000ab/3\",\"client\":\"demo\",\"statement_index\":4,"
        "\"statement\":\"SELECT \\\"x\\\"\",\"decided\":\"aborted, SQLSTATE BZ001\","
        "\"detail\":\"why\"},"
        "{\"seen_us\":6,\"what\":\"silent\",\"replica\":3,\"decided\":null,\"detail\":\"\"}]");
    buffer_free(&b);
    config_end(config);
}

static void many_suspicions_come_in_portions(void **state)
{
    static struct suspicions suspicions;
    struct config *config = config_of("demo");
    for (unsigned i = 0; i < 3 * REPORT_SUSPICIONS_MAX; i++) {
        struct suspicion s = {.kind = SUSPICION_SILENT, .replica = 1};
        suspicions_add(&suspicions, &s);
    }
    struct buffer b = BUFFER_INIT(1 << 20);
    assert_int_equal(report_put_suspicions(&suspicions, config, &b), REPORT_SUSPICIONS_MAX);
    assert_false(b.failed);
    buffer_free(&b);
    config_end(config);
}

static void the_configuration_has_no_keys(void **state)
{
    struct config *config = config_of("a\"b");
    struct buffer b = BUFFER_INIT(4096);
    report_put_configuration(config, &b);
    assert_text(&b, "{\"cluster\":\"bank\",\"faults\":1,\"replica_count\":4,"
                    "\"clients\":[\"a\\\"b\"],"
                    "\"settings\":[{\"name\":\"work_mem\",\"value\":\"4MB\"}]}");
    buffer_clear(&b);
    report_put_setting_names(config, &b);
    assert_text(&b, "[\"work_mem\"]");
    buffer_free(&b);
    config_end(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_liar_alone_makes_nobody_late),
        cmocka_unit_test(equal_claims_count_together),
        cmocka_unit_test(a_suspicion_is_written_out),
        cmocka_unit_test(many_suspicions_come_in_portions),
        cmocka_unit_test(the_configuration_has_no_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
