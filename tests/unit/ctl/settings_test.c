#include "client/ctl/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void expect_setting(const char *line, const char *name, const char *value)
{
    struct config_setting setting;
    assert_int_equal(settings_parse_line(line, &setting), 1);
    assert_string_equal(setting.name, name);
    assert_string_equal(setting.value, value);
}

static void settings_are_read(void **state)
{
    (void)state;
    expect_setting("jit = off\n", "jit", "off");
    expect_setting("  work_mem=4MB # why", "work_mem", "4MB");
    expect_setting("datestyle = 'ISO, MDY'\n", "datestyle", "ISO, MDY");
    expect_setting("a.b 'it''s' # x", "a.b", "it's");
    expect_setting("x = ''", "x", "");
}

static void blanks_and_comments_are_skipped(void **state)
{
    (void)state;
    struct config_setting setting;
    assert_int_equal(settings_parse_line("", &setting), 0);
    assert_int_equal(settings_parse_line("  \t\n", &setting), 0);
    assert_int_equal(settings_parse_line("# x = y\n", &setting), 0);
}

static void malformed_lines_are_refused(void **state)
{
    (void)state;
    struct config_setting setting;
    static const char *const lines[] = {
        "= x", "x", "x =", "x = # c", "x = 'y", "x = y z", "x = 'y' z", "x = 'y\\"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        assert_int_equal(settings_parse_line(lines[i], &setting), -1);
}

static void long_names_and_values_are_refused(void **state)
{
    (void)state;
    struct config_setting setting;
    char line[1024];
    snprintf(line, sizeof line, "%0*d = x", NAME_BYTES_MAX + 1, 0);
    assert_int_equal(settings_parse_line(line, &setting), -1);
    snprintf(line, sizeof line, "x = %0*d", SETTING_VALUE_BYTES_MAX + 1, 0);
    assert_int_equal(settings_parse_line(line, &setting), -1);
}

static void a_later_value_replaces_an_earlier_one(void **state)
{
    (void)state;
    static struct config config;
    assert_true(settings_add(&config, "jit", "on"));
    assert_true(settings_add(&config, "work_mem", "4MB"));
    assert_true(settings_add(&config, "jit", "off"));
    assert_int_equal(config.setting_count, 2);
    assert_string_equal(config.settings[0].value, "off");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_are_read),
        cmocka_unit_test(blanks_and_comments_are_skipped),
        cmocka_unit_test(malformed_lines_are_refused),
        cmocka_unit_test(long_names_and_values_are_refused),
        cmocka_unit_test(a_later_value_replaces_an_earlier_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
