/* byzctl evidence, as a person runs it: what it prints, and how it ends. Usage: … BYZCTL */
#include "common/evidence.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/config.h"
#include "common/file.h"
#include "tests/fuzz/evidence_samples.h"

static const char *byzctl;
static char directory[64];
static char output[8192];
static char error[512];
static struct config *config;
static struct private_key *key; /* of replica EVIDENCE_SAMPLE_REPLICA */

/* Runs `byzctl -D directory …`; returns how it ended, leaves what it said in `output`. */
static int __attribute__((format(printf, 1, 2))) run(const char *format, ...)
{
    char command[4096];
    int begin =
        snprintf(command, sizeof command, "cd %s && %s -D %s ", directory, byzctl, directory);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(command + begin, sizeof command - (size_t)begin - 8, format, arguments);
    va_end(arguments);
    strncat(command, " 2>&1", sizeof command - strlen(command) - 1);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t size = fread(output, 1, sizeof output - 1, pipe);
    output[size] = '\0';
    int status = pclose(pipe);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void expect_output(const char *text)
{
    if (!strstr(output, text))
        fail_msg("\"%s\" is not in \"%s\"", text, output);
}

static void write_evidence(const char *name, const struct evidence *e)
{
    char path[256];
    struct buffer b = BUFFER_INIT(EVIDENCE_FILE_BYTES_MAX);
    evidence_format(&b, e);
    snprintf(path, sizeof path, "%s/%s", directory, name);
    unlink(path);
    if (!file_write_new(path, 0600, b.data, b.size, error, sizeof error))
        fail_msg("%s", error);
    buffer_free(&b);
}

static struct evidence sample(unsigned index)
{
    struct evidence e;
    evidence_sample(index, key, config->identity, &e);
    return e;
}

static bool make_folder(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return mkdir(path, 0700) == 0;
}

/* What `byzctl init` makes, as far as it matters here. */
static bool write_configuration(const char *path)
{
    struct config draft;
    memset(&draft, 0, sizeof draft);
    config_defaults(&draft);
    draft.faults = 1;
    draft.replica_count = 4;
    snprintf(draft.name, sizeof draft.name, "bank");
    snprintf(draft.database, sizeof draft.database, "bank");
    for (unsigned i = 0; i < draft.replica_count; i++) {
        struct private_key *other = i == EVIDENCE_SAMPLE_REPLICA ? key : private_key_generate();
        snprintf(draft.replicas[i].host, sizeof draft.replicas[i].host, "127.0.0.1");
        draft.replicas[i].port = (uint16_t)(7400 + i);
        private_key_public(other, draft.replicas[i].public_key);
        if (other != key)
            private_key_free(other);
    }
    return config_save(&draft, path, error, sizeof error);
}

static int set_up(void **state)
{
    char path[256];
    snprintf(directory, sizeof directory, "/tmp/byz-proof-XXXXXX");
    key = private_key_generate();
    if (!key || !mkdtemp(directory))
        return -1;
    snprintf(path, sizeof path, "%s/cluster.conf", directory);
    config = write_configuration(path) ? config_load(path, error, sizeof error) : NULL;
    if (!config)
        fprintf(stderr, "%s\n", error);
    return config && make_folder("replica1") && make_folder("replica1/store") ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *place)
{
    return remove(path);
}

static int tear_down(void **state)
{
    config_free(config);
    private_key_free(key);
    return nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void a_proof_is_verified(void **state)
{
    struct evidence e = sample(1);
    write_evidence("e", &e);
    assert_int_equal(run("evidence verify e"), 0);
    expect_output("e: proven: replica 2 of cluster \"bank\" prepared two different batches: view "
                  "3, batch 17");
}

static void a_third_party_needs_only_the_keys(void **state)
{
    struct evidence e = sample(0);
    char hex[2 * PUBLIC_KEY_BYTES + 1];
    write_evidence("e", &e);
    assert_int_equal(run("-D /nowhere evidence verify e"), 2);
    expect_output("no cluster");
    assert_int_equal(run("-D /nowhere evidence verify -c %s/cluster.conf e", directory), 0);
    hex_format(hex, e.public_key, PUBLIC_KEY_BYTES);
    assert_int_equal(run("-D /nowhere evidence verify --key %s e", hex), 0);
    expect_output("proven: the holder of this key");
    hex_format(hex, config->replicas[0].public_key, PUBLIC_KEY_BYTES);
    assert_int_equal(run("-D /nowhere evidence verify --key %s e", hex), 1);
    expect_output("not proven: the key is not the one that was given");
}

static void what_proves_nothing_ends_with_1(void **state)
{
    struct evidence e = sample(2);
    e.statement[0].signature[0] ^= 1;
    write_evidence("e", &e);
    assert_int_equal(run("evidence verify e"), 1);
    expect_output("e: not proven: a signature is not that of the public key");
    struct private_key *own = private_key_generate();
    evidence_sample(2, own, config->identity, &e);
    private_key_free(own);
    write_evidence("e", &e);
    assert_int_equal(run("evidence verify e"), 1);
    expect_output("not the one that the configuration gives");
}

static void one_that_proves_nothing_is_enough(void **state)
{
    struct evidence e = sample(3);
    write_evidence("good", &e);
    e.statement[1] = e.statement[0];
    write_evidence("bad", &e);
    assert_int_equal(run("evidence verify good good"), 0);
    assert_int_equal(run("evidence verify bad good"), 1);
    expect_output("good: proven");
    expect_output("bad: not proven: both statements say the same");
}

static void a_malformed_file_is_told_with_its_line(void **state)
{
    assert_int_equal(run("evidence verify cluster.conf"), 1);
    expect_output("cluster.conf:");
    assert_int_equal(run("evidence verify nothing"), 1);
    expect_output("nothing: No such file");
    assert_int_equal(run("evidence show nothing"), 1);
}

static void show_has_every_field(void **state)
{
    struct evidence e = sample(5);
    char hex[2 * SIGNATURE_BYTES + 1];
    write_evidence("e", &e);
    assert_int_equal(run("evidence show e"), 0);
    expect_output("It says that replica 2 contributed twice to the seed, differently: number 17.");
    hex_format(hex, e.public_key, PUBLIC_KEY_BYTES);
    expect_output(hex);
    for (unsigned i = 0; i < 2; i++) {
        hex_format(hex, e.statement[i].signature, SIGNATURE_BYTES);
        expect_output(hex);
    }
}

static void list_finds_what_the_replicas_hold(void **state)
{
    assert_int_equal(run("evidence list"), 0);
    expect_output("none");
    assert_true(make_folder("replica1/store/evidence"));
    struct evidence e = sample(4);
    write_evidence("replica1/store/evidence/x.evidence", &e);
    write_evidence("replica1/store/evidence/new.tmp", &e);
    e.statement[1].signature[0] ^= 1;
    write_evidence("replica1/store/evidence/y.evidence", &e);
    assert_int_equal(run("evidence list"), 0);
    expect_output("1        2        yes     sent two different new views: view 3");
    expect_output("1        2        no      sent two different new views: view 3");
    assert_null(strstr(output, "new.tmp"));
}

static void wrong_usage_ends_with_2(void **state)
{
    static const char *const wrong[] = {"", "list x", "show", "show a b", "verify", "prove x",
        "show --key 00 x", "verify --key 00 x", "verify --key 00 -c cluster.conf x",
        "verify -c nothing x", "verify --what x"};
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (run("evidence %s", wrong[i]) != 2)
            fail_msg("\"%s\" does not end with 2: %s", wrong[i], output);
    assert_int_equal(run("evidence --help"), 0);
    expect_output("verify");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_proof_is_verified),
        cmocka_unit_test(a_third_party_needs_only_the_keys),
        cmocka_unit_test(what_proves_nothing_ends_with_1),
        cmocka_unit_test(one_that_proves_nothing_is_enough),
        cmocka_unit_test(a_malformed_file_is_told_with_its_line),
        cmocka_unit_test(show_has_every_field),
        cmocka_unit_test(list_finds_what_the_replicas_hold),
        cmocka_unit_test(wrong_usage_ends_with_2),
    };
    if (argc != 2) {
        fprintf(stderr, "usage: %s BYZCTL\n", argv[0]);
        return 2;
    }
    byzctl = realpath(argv[1], NULL); /* tests run in other folders */
    if (!byzctl) {
        perror(argv[1]);
        return 2;
    }
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
