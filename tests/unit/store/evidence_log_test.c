/* The proofs that a replica keeps: once each, whole, bounded. */
#include "proxy/evidence_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "tests/fuzz/evidence_samples.h"

static const uint8_t cluster[DIGEST_BYTES] = {0xc1};
static struct private_key *key;
static char store[64];
static struct evidence_log evidence_log;
static char path[PATH_MAX], reason[512];

static void empty_folder(const char *folder)
{
    DIR *directory = opendir(folder);
    struct dirent *entry;
    char name[PATH_MAX + 300];
    while (directory && (entry = readdir(directory)) != NULL) {
        snprintf(name, sizeof name, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.')
            unlink(name);
    }
    if (directory)
        closedir(directory);
    rmdir(folder);
}

static int set_up(void **state)
{
    snprintf(store, sizeof store, "/tmp/byz-evidence-XXXXXX");
    key = private_key_generate();
    return key && mkdtemp(store) && evidence_log_start(&evidence_log, store) ? 0 : -1;
}

static int tear_down(void **state)
{
    empty_folder(evidence_log.directory);
    rmdir(store);
    private_key_free(key);
    return 0;
}

/* Two prepares at this sequence number. */
static struct evidence evidence_at(uint64_t number)
{
    struct evidence e;
    evidence_sample(1, key, cluster, &e);
    for (unsigned i = 0; i < 2; i++)
        evidence_sample_statement(1, key, cluster, 3, number, (uint8_t)i, &e.statement[i]);
    return e;
}

static enum evidence_result keep(const struct evidence *e)
{
    return evidence_log_keep(&evidence_log, e, path, reason, sizeof reason);
}

static void a_proof_becomes_a_file_that_proves_it(void **state)
{
    struct evidence e = evidence_at(5), read;
    assert_int_equal(keep(&e), EVIDENCE_KEPT);
    assert_int_equal(evidence_log_count(&evidence_log), 1);
    assert_non_null(strstr(path, "/evidence/replica2-prepare-view3-batch5.evidence"));
    if (!evidence_load(path, &read, reason, sizeof reason))
        fail_msg("%s", reason);
    assert_null(evidence_invalid_reason(&read));
}

static void the_same_lie_is_kept_once(void **state)
{
    struct evidence e = evidence_at(5), other;
    assert_int_equal(keep(&e), EVIDENCE_KEPT);
    assert_int_equal(keep(&e), EVIDENCE_KNOWN);
    evidence_sample(2, key, cluster, &other);
    assert_int_equal(keep(&other), EVIDENCE_KEPT);
    assert_int_equal(evidence_log_count(&evidence_log), 2);
}

static void what_proves_nothing_is_not_kept(void **state)
{
    struct evidence e = evidence_at(5);
    e.statement[1].signature[0] ^= 1;
    assert_int_equal(keep(&e), EVIDENCE_INVALID);
    assert_non_null(strstr(reason, "signature"));
    e = evidence_at(5);
    e.statement[0].size--;
    assert_int_equal(keep(&e), EVIDENCE_INVALID);
    assert_int_equal(evidence_log_count(&evidence_log), 0);
    assert_int_equal(access(evidence_log.directory, F_OK), -1);
}

static void a_liar_cannot_fill_the_disk(void **state)
{
    for (unsigned i = 1; i <= EVIDENCE_KEPT_MAX; i++) {
        struct evidence e = evidence_at(i);
        assert_int_equal(keep(&e), EVIDENCE_KEPT);
    }
    struct evidence e = evidence_at(1000);
    assert_int_equal(keep(&e), EVIDENCE_FULL);
    assert_int_equal(evidence_log_count(&evidence_log), EVIDENCE_KEPT_MAX);
    /* not even by restarting everybody */
    assert_true(evidence_log_start(&evidence_log, store));
    assert_int_equal(evidence_log_count(&evidence_log), EVIDENCE_KEPT_MAX);
    assert_int_equal(keep(&e), EVIDENCE_FULL);
    e = evidence_at(3);
    assert_int_equal(keep(&e), EVIDENCE_KNOWN);
}

static void what_a_crash_left_is_replaced(void **state)
{
    struct evidence e = evidence_at(5);
    assert_int_equal(keep(&e), EVIDENCE_KEPT);
    char left[PATH_MAX + 16];
    snprintf(left, sizeof left, "%s/new.tmp", evidence_log.directory);
    assert_true(file_write_new(left, 0600, "half", 4, reason, sizeof reason));
    assert_true(evidence_log_start(&evidence_log, store));
    assert_int_equal(evidence_log_count(&evidence_log), 1);
    e = evidence_at(6);
    assert_int_equal(keep(&e), EVIDENCE_KEPT);
    assert_int_equal(access(left, F_OK), -1);
}

static void other_files_do_not_count(void **state)
{
    static const char *const names[] = {"replica-x.evidence", "replica16-x.evidence",
        "replica99999999999-x.evidence", "replica2-x.txt", "evidence", ".evidence", "replica2x"};
    struct evidence e = evidence_at(5);
    assert_int_equal(keep(&e), EVIDENCE_KEPT);
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        char file[PATH_MAX + 64];
        snprintf(file, sizeof file, "%s/%s", evidence_log.directory, names[i]);
        assert_true(file_write_new(file, 0600, "", 0, reason, sizeof reason));
    }
    assert_true(evidence_log_start(&evidence_log, store));
    assert_int_equal(evidence_log_count(&evidence_log), 1);
    char hidden[PATH_MAX + 16];
    snprintf(hidden, sizeof hidden, "%s/.evidence", evidence_log.directory);
    unlink(hidden);
}

static void a_disk_that_refuses_is_told(void **state)
{
    struct evidence e = evidence_at(5);
    assert_true(file_write_new(evidence_log.directory, 0600, "", 0, reason, sizeof reason));
    assert_int_equal(keep(&e), EVIDENCE_FAILED);
    assert_non_null(strstr(reason, "evidence"));
    assert_int_equal(evidence_log_count(&evidence_log), 0);
    unlink(evidence_log.directory);
}

static void a_path_without_room_is_refused(void **state)
{
    static char path_long[PATH_MAX];
    memset(path_long, 'a', sizeof path_long - 40);
    struct evidence_log l;
    assert_false(evidence_log_start(&l, path_long));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_proof_becomes_a_file_that_proves_it),
        CASE(the_same_lie_is_kept_once),
        CASE(what_proves_nothing_is_not_kept),
        CASE(a_liar_cannot_fill_the_disk),
        CASE(what_a_crash_left_is_replaced),
        CASE(other_files_do_not_count),
        CASE(a_disk_that_refuses_is_told),
        CASE(a_path_without_room_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
