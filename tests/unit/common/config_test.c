/* Every mistake in a configuration is refused with the line and what is wrong. */
#include "common/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/byz-config-XXXXXX";
static char path[64];
static char error[512];

#define SIXTEEN(c) c c c c c c c c c c c c c c c c
#define KEY(c) SIXTEEN(c) SIXTEEN(c) SIXTEEN(c) SIXTEEN(c)

/* The tests below know the line numbers. */
static const char good[] =
    /* 1 */
    "cluster \"bank\" {\n"
    /* 2 */ "    faults = 1\n"
    /* 3 */ "    database = \"bank\"\n"
    /* 4 */ "    window = 256\n"
    /* 5 */ "    checkpoint_interval = 64\n"
    /* 6 */ "}\n"
    /* 7 */ "replica \"0\" {\n"
    /* 8 */ "    host = \"127.0.0.1\"\n"
    /* 9 */ "    port = 7400\n"
    /* 10 */ "    public_key = \"" KEY(
        "0") "\"\n"
             /* 11 */ "}\n"
             /* 12 */ "replica \"1\" { host = \"127.0.0.1\" port = 7401 public_key = \"" KEY(
                 "1") "\" }\n"
                      /* 13 */ "replica \"2\" { host = \"node2\" port = 7400 public_key = \"" KEY(
                          "2") "\" }\n"
                               /* 14 */ "replica \"3\" { host = \"::1\" port = 7400 public_key = "
                               "\"" KEY("3") "\" }\n"
                                             /* 15 */ "client \"admin\" { public_key = \"" KEY(
                                                 "a") "\" }\n"
                                                      /* 16 */ "client \"demo\" {\n"
                                                      /* 17 */ "    public_key = \"" KEY(
                                                          "b") "\"\n"
                                                               /* 18 */ "}\n"
                                                               /* 19 */ "setting \"work_mem\" "
                                                               "{ value = \"4MB\" }\n"
                                                               /* 20 */ "setting \"jit\" { "
                                                               "value = \"off\" }\n";

static void write_file(const char *text, size_t size)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fwrite(text, 1, size, file);
    assert_int_equal(fclose(file), 0);
}

/* Writes the good file with the first `old` replaced by `new`. */
static void write_changed(const char *old, const char *new)
{
    char text[8192];
    const char *at = strstr(good, old);
    assert_non_null(at);
    int size =
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - good), good, new, at + strlen(old));
    assert_in_range(size, 1, sizeof text - 1);
    write_file(text, (size_t)size);
}

static struct config *load(void)
{
    return config_load(path, error, sizeof error);
}

static struct config *load_changed(const char *old, const char *new)
{
    write_changed(old, new);
    struct config *config = load();
    if (config == NULL)
        fail_msg("%s", error);
    return config;
}

/* ---- what is right ---- */

static void a_good_file_is_read(void **state)
{
    struct config *c = load_changed("", "");
    assert_string_equal(c->name, "bank");
    assert_string_equal(c->database, "bank");
    assert_int_equal(c->faults, 1);
    assert_int_equal(c->replica_count, 4);
    assert_string_equal(c->replicas[0].host, "127.0.0.1");
    assert_int_equal(c->replicas[1].port, 7401);
    assert_string_equal(c->replicas[2].host, "node2");
    assert_int_equal(c->replicas[3].public_key[31], 0x33);
    assert_int_equal(c->client_count, 2);
    assert_string_equal(c->clients[1].name, "demo");
    assert_int_equal(c->clients[1].public_key[0], 0xbb);
    assert_int_equal(config_client_index(c, "admin"), 0);
    assert_int_equal(config_client_index(c, "demo"), 1);
    assert_int_equal(config_client_index(c, "nobody"), -1);
    assert_int_equal(c->setting_count, 2);
    assert_string_equal(c->settings[0].name, "jit");
    assert_string_equal(c->settings[1].value, "4MB");
    config_free(c);
    config_free(NULL);
}

static void what_is_not_said_has_its_default(void **state)
{
    struct config *c = load_changed("    window = 256\n", "");
    assert_int_equal(c->window, 256);
    assert_int_equal(c->batch_requests_max, 64);
    assert_int_equal(c->batch_bytes_max, (1 << 20) + (4 << 10));
    assert_int_equal(c->batches_in_flight_max, 2);
    assert_int_equal(c->clock_skew_ms_max, 10000);
    assert_int_equal(c->heartbeat_ms, 250);
    assert_int_equal(c->retransmit_ms, 200);
    assert_int_equal(c->sessions_per_client_max, 256);
    assert_int_equal(c->log_batches_max, 1000000);
    assert_int_equal(c->transactions_max, 1000);
    assert_int_equal(c->transactions_per_client_max, 500);
    assert_int_equal(c->transaction_timeout_ms, 60000);
    assert_int_equal(c->operations_max, 10000);
    assert_int_equal(c->result_bytes_max, 16 << 20);
    assert_int_equal(c->statement_timeout_ms, 30000);
    assert_int_equal(c->lock_patience_ms, 2);
    assert_int_equal(c->sessions_max, 48);
    config_free(c);
}

static void replicas_may_stand_in_any_order(void **state)
{
    char text[8192];
    const char *second = strstr(good, "replica \"1\"");
    const char *third = strstr(good, "replica \"2\"");
    snprintf(text, sizeof text, "%.*s%.*s%s", (int)(third - second), second, (int)(second - good),
        good, third);
    write_file(text, strlen(text));
    struct config *c = load();
    assert_non_null(c);
    assert_int_equal(c->replicas[1].port, 7401);
    config_free(c);
}

/* ---- the digest ---- */

static void digest_of_changed(const char *old, const char *new, uint8_t ret[static DIGEST_BYTES])
{
    struct config *c = load_changed(old, new);
    memcpy(ret, c->digest, DIGEST_BYTES);
    config_free(c);
}

static void the_digest_is_of_the_content(void **state)
{
    static const struct {
        const char *old, *new;
    } same[] = {
        {"    window = 256\n", ""},
        {"cluster \"bank\"", "# a comment\n  cluster 'bank'"},
        {KEY("a"), KEY("A")},
        {"setting \"work_mem\" { value = \"4MB\" }\nsetting \"jit\" { value = \"off\" }\n",
            "setting \"jit\" { value = off }\nsetting \"work_mem\" { value = 4MB }"},
    };
    static const struct {
        const char *old, *new;
    } different[] = {
        {"cluster \"bank\"", "cluster \"banc\""},
        {"database = \"bank\"", "database = \"Bank\""},
        {"window = 256", "window = 255"},
        {"node2", "node3"},
        {"7401", "7402"},
        {KEY("2"), KEY("4")},
        {"client \"demo\"", "client \"demi\""},
        {KEY("b"), KEY("c")},
        {"4MB", "5MB"},
        {"jit", "geqo"},
        {"setting \"jit\" { value = \"off\" }", ""},
    };
    uint8_t base[DIGEST_BYTES], other[DIGEST_BYTES];
    digest_of_changed("", "", base);
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        digest_of_changed(same[i].old, same[i].new, other);
        if (memcmp(base, other, DIGEST_BYTES) != 0)
            fail_msg("\"%s\" changes the digest", same[i].new);
    }
    for (size_t i = 0; i < sizeof different / sizeof different[0]; i++) {
        digest_of_changed(different[i].old, different[i].new, other);
        if (memcmp(base, other, DIGEST_BYTES) == 0)
            fail_msg("\"%s\" does not change the digest", different[i].new);
    }
}

/* ---- what is wrong ---- */

/* False, with a line on what happened instead, unless loading fails with this message. */
static bool fails_with(const char *expected, const char *what)
{
    char text[1024];
    struct config *c = load();
    snprintf(text, sizeof text, "%s:%s", path, expected);
    if (c == NULL && strcmp(error, text) == 0)
        return true;
    print_error("%s: got \"%s\", expected \"%s\"\n", what, c != NULL ? "success" : error, text);
    config_free(c);
    return false;
}

static void expect_error(const char *expected, const char *what)
{
    assert_true(fails_with(expected, what));
}

#define N70 "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"

static const struct {
    const char *old, *new, *expected;
} mistakes[] = {
    /* syntax */
    {"faults = 1", "faults 1", "2: missing equal sign after option 'faults'"},
    {"faults = 1", "faults = ", "3: faults must be a whole number, not \"database\""},
    {"}\nreplica \"0\"", "replica \"0\"", "6: no such option 'replica'"},
    {"{ value = \"off\" }\n", "{ value = \"off\"",
        " the file ends inside a section, a comment or a text"},
    {"cluster \"bank\" {", "cluster {", "1: missing title for section 'cluster'"},
    {"faults = 1", "faults += 1", "2: attempt to append to non-list option 'faults'"},
    {"cluster \"bank\"", "/* cluster \"bank\"",
        " the file ends inside a section, a comment or a text"},
    {"\"off\"", "\"off", " the file ends inside a section, a comment or a text"},
    {"    faults = 1", "    end-of-file = end\n faults = 1", "2: no such option 'end-of-file'"},
    {"cluster", "end-of-file = end\n cluster", "1: no such option 'end-of-file'"},
    {"cluster", "}\n cluster", "1: unexpected closing brace"},
    /* unknown and repeated */
    {"window = 256", "windows = 256", "4: no such option 'windows'"},
    {"port = 7400", "prot = 7400", "9: no such option 'prot'"},
    {"cluster \"bank\"", "clusters \"bank\"", "1: no such option 'clusters'"},
    {"window = 256", "window = 256 window = 128", "4: option \"window\" stands twice"},
    {"port = 7400\n", "port = 7400\n port = 7400\n", "10: option \"port\" stands twice"},
    {"replica \"1\"", "replica \"0\"", "12: found duplicate title '0'"},
    {"client \"demo\"", "client \"admin\"", "16: found duplicate title 'admin'"},
    {"setting \"jit\"", "setting \"work_mem\"", "20: found duplicate title 'work_mem'"},
    {"replica \"0\"", "cluster \"x\" { faults = 1 database = \"d\" }\nreplica \"0\"",
        "7: a second cluster"},
    /* missing */
    {"    faults = 1\n", "", "5: cluster \"bank\" has no faults"},
    {"    database = \"bank\"\n", "", "5: cluster \"bank\" has no database"},
    {"host = \"node2\"", "", "13: replica \"2\" has no host"},
    {"    port = 7400\n", "", "10: replica \"0\" has no port"},
    {"public_key = \"" KEY("1") "\"", "", "12: replica \"1\" has no public_key"},
    {"public_key = \"" KEY("a") "\"", "", "15: client \"admin\" has no public_key"},
    {"value = \"4MB\"", "", "19: setting \"work_mem\" has no value"},
    /* numbers */
    {"window = 256", "window = 1025", "4: window must be from 2 to 1024, not 1025"},
    {"window = 256", "window = 1", "4: window must be from 2 to 1024, not 1"},
    {"window = 256", "window = 99999999999999999999",
        "4: window must be from 2 to 1024, not 99999999999999999999"},
    {"window = 256", "window = -1", "4: window must be a whole number, not \"-1\""},
    {"window = 256", "window = 0x10", "4: window must be a whole number, not \"0x10\""},
    {"window = 256", "window = 1.5", "4: window must be a whole number, not \"1.5\""},
    {"window = 256", "window = \"\"", "4: window must be a whole number, not \"\""},
    {"window = 256", "batch_bytes_max = 2097153",
        "4: batch_bytes_max must be from 1050904 to 2097152, not 2097153"},
    {"window = 256", "batch_bytes_max = 1050903",
        "4: batch_bytes_max must be from 1050904 to 2097152, not 1050903"},
    {"window = 256", "batch_requests_max = 257",
        "4: batch_requests_max must be from 1 to 256, not 257"},
    {"window = 256", "operations_max = 10001",
        "4: operations_max must be from 1 to 10000, not 10001"},
    {"window = 256", "result_bytes_max = 16777217",
        "4: result_bytes_max must be from 65536 to 16777216, not 16777217"},
    {"window = 256", "sessions_per_client_max = 4097",
        "4: sessions_per_client_max must be from 1 to 4096, not 4097"},
    {"faults = 1", "faults = 0", "2: faults must be from 1 to 5, not 0"},
    {"faults = 1", "faults = 6", "2: faults must be from 1 to 5, not 6"},
    {"port = 7400", "port = 0", "9: port must be from 1 to 65535, not 0"},
    {"port = 7400", "port = 65536", "9: port must be from 1 to 65535, not 65536"},
    /* contradictions */
    {"checkpoint_interval = 64", "checkpoint_interval = 129",
        "4: window (256) is less than twice checkpoint_interval (129)"},
    {"window = 256", "window = 127", "4: window (127) is less than twice checkpoint_interval (64)"},
    {"window = 256", "batches_in_flight_max = 257",
        "4: window (256) is less than batches_in_flight_max (257)"},
    {"window = 256", "transactions_max = 499",
        "4: transactions_max (499) is less than transactions_per_client_max (500)"},
    {"window = 256", "transaction_timeout_ms = 29999",
        "4: transaction_timeout_ms (29999) is less than statement_timeout_ms (30000)"},
    {"faults = 1", "faults = 2", "2: faults = 2 needs 7 replicas (3f+1), and there are 4"},
    {"setting \"jit\"",
        "replica \"4\" { host = h port = 1 public_key = \"" KEY("4") "\" }\nsetting \"jit\"",
        "2: faults = 1 needs 4 replicas (3f+1), and there are 5"},
    /* replicas */
    {"replica \"3\"", "replica \"4\"",
        " replicas are numbered without gaps, but there is no replica \"3\""},
    {"replica \"3\"", "replica \"03\"", "14: replicas are numbered from 0 to 15, not \"03\""},
    {"replica \"3\"", "replica \"x\"", "14: replicas are numbered from 0 to 15, not \"x\""},
    {"replica \"3\"", "replica \"\"", "14: replicas are numbered from 0 to 15, not \"\""},
    {"replica \"3\"", "replica \"16\"", "14: replicas are numbered from 0 to 15, not \"16\""},
    {"replica \"3\"", "replica \"99999999999999999999\"",
        "14: replicas are numbered from 0 to 15, not \"99999999999999999999\""},
    {"7401", "7400", "12: replicas 0 and 1 have the same address 127.0.0.1 port 7400"},
    {"::1", "NODE2", "14: replicas 2 and 3 have the same address NODE2 port 7400"},
    {KEY("3"), KEY("0"), "14: replicas 0 and 3 have the same public key"},
    {"node2", "", "13: malformed host \"\""},
    {"node2", "no de", "13: malformed host \"no de\""},
    /* keys */
    {KEY("0"), KEY("0") "0", "10: public_key must be 64 hexadecimal digits"},
    {KEY("0"), SIXTEEN("0"), "10: public_key must be 64 hexadecimal digits"},
    {KEY("0"), KEY("g"), "10: public_key must be 64 hexadecimal digits"},
    {KEY("0"), "", "10: public_key must be 64 hexadecimal digits"},
    {KEY("a"), KEY("2"), "15: client \"admin\" and replica 2 have the same public key"},
    {KEY("b"), KEY("a"), "17: clients \"admin\" and \"demo\" have the same public key"},
    /* names and values */
    {"cluster \"bank\"", "cluster \"\"", "6: malformed name of a cluster"},
    {"cluster \"bank\"", "cluster \"" N70 "\"", "6: the cluster's name is longer than 63 bytes"},
    {"database = \"bank\"", "database = \"\"", "3: malformed name of a database"},
    {"database = \"bank\"", "database = \"a\\tb\"", "3: malformed name of a database"},
    {"database = \"bank\"", "database = \"" N70 "\"", "3: database is longer than 63 bytes"},
    {"client \"demo\"", "client \"../x\"",
        "17: a client's name may contain letters, digits, \".\", \"_\" and \"-\" only"},
    {"client \"demo\"", "client \".x\"",
        "17: a client's name may contain letters, digits, \".\", \"_\" and \"-\" only"},
    {"client \"demo\"", "client \"" N70 "\"", "18: the client's name is longer than 63 bytes"},
    {"setting \"jit\"", "setting \"jit = 1 --\"", "20: malformed name of a setting"},
    {"\"4MB\"", "\"4\\nMB\"", "19: the value of setting \"work_mem\" contains control characters"},
    {"\"4MB\"", "\"" N70 N70 N70 N70 "\"", "19: the setting's value is longer than 255 bytes"},
    {"\"4MB\"", "\"${HOME}\"", "19: \"${\" is not allowed: the file must mean the same everywhere"},
};

static void every_mistake_is_named_with_its_line(void **state)
{
    bool ok = true;
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        write_changed(mistakes[i].old, mistakes[i].new);
        ok = fails_with(mistakes[i].expected, mistakes[i].new) && ok;
    }
    assert_true(ok);
}

static void the_message_is_one_line(void **state)
{
    write_changed("window = 256", "\"a\\nb\\x1b[1m\" = 256");
    expect_error("4: no such option 'a?b?[1m'", "control characters");
}

static void a_short_space_for_the_message_is_respected(void **state)
{
    char small[8];
    write_changed("window = 256", "windows = 256");
    memset(small, 'x', sizeof small);
    assert_null(config_load(path, small, 4));
    assert_memory_equal(small, "/tm\0xxxx", 8);
}

static void what_is_no_text_file_is_refused(void **state)
{
    write_file("", 0);
    expect_error(" there is no section \"cluster\"", "an empty file");
    write_file("\n\n\0\n", 4);
    expect_error("3: NUL character", "NUL");
    char *large = malloc((1 << 20) + 1);
    memset(large, '\n', (1 << 20) + 1);
    write_file(large, (1 << 20) + 1);
    expect_error(" file too long", "a large file");
    write_file(large, 1 << 20);
    expect_error(" there is no section \"cluster\"", "a file of a million lines");
    free(large);
    unlink(path);
    expect_error(" No such file or directory", "no file");
    assert_int_equal(mkdir(path, 0700), 0);
    expect_error(" not a regular file", "a directory");
    rmdir(path);
}

#define CLIENT                                                                                     \
    "client \"c%u\" { public_key = \"" SIXTEEN("f") SIXTEEN("f") SIXTEEN("f") "%016x\" }\n"

static void clients_are_bounded(void **state)
{
    size_t size = 1 << 19;
    char *text = calloc(1, size);
    size_t length = (size_t)snprintf(text, size, "%s", good);
    for (unsigned i = 0; i < CLIENT_KEYS_MAX - 2; i++)
        length += (size_t)snprintf(text + length, size - length, CLIENT, i, i);
    write_file(text, length);
    struct config *c = load();
    assert_non_null(c);
    assert_int_equal(c->client_count, CLIENT_KEYS_MAX);
    config_free(c);
    length += (size_t)snprintf(text + length, size - length, CLIENT, 9999u, 9999u);
    write_file(text, length);
    expect_error("1043: more than 1024 clients", "1025 clients");
    free(text);
}

static void settings_are_bounded(void **state)
{
    char text[16384];
    size_t length = (size_t)snprintf(text, sizeof text, "%s", good);
    for (unsigned i = 0; i < SETTINGS_MAX - 1; i++)
        length += (size_t)snprintf(
            text + length, sizeof text - length, "setting \"s%u\" { value = on }\n", i);
    write_file(text, length);
    expect_error("147: more than 128 settings", "129 settings");
}

/* ---- saving ---- */

static void what_is_saved_is_read_back(void **state)
{
    struct config *c = load_changed("\"4MB\"", "\"a\\\"b\\\\c\\x24{HOME} $user 'x' #\"");
    assert_string_equal(c->settings[1].value, "a\"b\\c${HOME} $user 'x' #");
    c->window = 300;
    unlink(path);
    assert_true(config_save(c, path, error, sizeof error));
    struct config *again = load();
    if (again == NULL)
        fail_msg("%s", error);
    assert_int_equal(again->window, 300);
    assert_string_equal(again->settings[1].value, c->settings[1].value);
    assert_memory_not_equal(again->digest, c->digest, DIGEST_BYTES);
    assert_memory_equal(again->identity, c->identity, DIGEST_BYTES);

    unlink(path);
    assert_true(config_save(again, path, error, sizeof error));
    config_free(c);
    c = load();
    assert_non_null(c);
    assert_memory_equal(again->digest, c->digest, DIGEST_BYTES);
    config_free(c);
    config_free(again);
}

static void saving_refuses_to_overwrite(void **state)
{
    char expected[128];
    struct config *c = load_changed("", "");
    assert_false(config_save(c, path, error, sizeof error));
    snprintf(expected, sizeof expected, "%s: File exists", path);
    assert_string_equal(error, expected);
    config_free(c);
}

static void saving_refuses_what_loading_would(void **state)
{
    char expected[128];
    struct config *c = load_changed("", "");
    unlink(path);
    c->window = 100;
    assert_false(config_save(c, path, error, sizeof error));
    snprintf(expected, sizeof expected,
        "%s: window (100) is less than twice checkpoint_interval (64)", path);
    assert_string_equal(error, expected);
    assert_int_equal(access(path, F_OK), -1);
    config_free(c);
}

static void the_defaults_are_consistent(void **state)
{
    struct config *c = calloc(1, sizeof *c);
    config_defaults(c);
    snprintf(c->name, sizeof c->name, "x");
    snprintf(c->database, sizeof c->database, "x");
    c->replica_count = 4;
    for (unsigned i = 0; i < 4; i++) {
        snprintf(c->replicas[i].host, sizeof c->replicas[i].host, "h");
        c->replicas[i].port = (uint16_t)(1 + i);
        c->replicas[i].public_key[0] = (uint8_t)i;
    }
    unlink(path);
    if (!config_save(c, path, error, sizeof error))
        fail_msg("%s", error);
    config_free(c);
}

static int set_up(void **state)
{
    if (mkdtemp(directory) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/cluster.conf", directory);
    return 0;
}

static int tear_down(void **state)
{
    unlink(path);
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_file_is_read),
        cmocka_unit_test(what_is_not_said_has_its_default),
        cmocka_unit_test(replicas_may_stand_in_any_order),
        cmocka_unit_test(the_digest_is_of_the_content),
        cmocka_unit_test(every_mistake_is_named_with_its_line),
        cmocka_unit_test(the_message_is_one_line),
        cmocka_unit_test(a_short_space_for_the_message_is_respected),
        cmocka_unit_test(what_is_no_text_file_is_refused),
        cmocka_unit_test(clients_are_bounded),
        cmocka_unit_test(settings_are_bounded),
        cmocka_unit_test(what_is_saved_is_read_back),
        cmocka_unit_test(saving_refuses_to_overwrite),
        cmocka_unit_test(saving_refuses_what_loading_would),
        cmocka_unit_test(the_defaults_are_consistent),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
