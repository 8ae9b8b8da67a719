/* A replica whose log is missing never starts as if it had promised nothing. */
#include "proxy/store/store.h"

#include <fcntl.h>
#include <lmdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/birth.h"

#define MAP_BYTES (4u << 20)

static const uint8_t cluster[DIGEST_BYTES] = {0xc1};
static char directory[64];
static char error[512];

static void path_of(const char *name, char out[static 128])
{
    snprintf(out, 128, "%s/%s", directory, name);
}

static bool exists(const char *name)
{
    char path[128];
    path_of(name, path);
    return access(path, F_OK) == 0;
}

static void touch(const char *name)
{
    char path[128];
    path_of(name, path);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static void clear(void)
{
    static const char *const names[] = {"data.mdb", "lock.mdb", "LOCK", "NEW", "LOST"};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[128];
        path_of(names[i], path);
        unlink(path);
    }
}

static int setup(void **state)
{
    snprintf(directory, sizeof directory, "/tmp/byz-birth-XXXXXX");
    return mkdtemp(directory) ? 0 : -1;
}

static int teardown(void **state)
{
    clear();
    return rmdir(directory);
}

static struct store *try_open(void)
{
    error[0] = '\0';
    return store_open(directory, cluster, 2, MAP_BYTES, error, sizeof error);
}

/* Opens, looks, closes. */
static void expect_store(bool follows_loss)
{
    struct store *store = try_open();
    if (!store)
        fail_msg("%s", error);
    assert_int_equal(store_follows_loss(store), follows_loss);
    store_close(store);
    assert_false(exists("NEW"));
    assert_false(exists("LOST"));
}

static void expect_refusal(const char *text)
{
    assert_null(try_open());
    if (!strstr(error, text))
        fail_msg("\"%s\" is not in \"%s\"", text, error);
}

static void mark(enum birth birth)
{
    if (!birth_mark(directory, birth, error, sizeof error))
        fail_msg("%s", error);
}

static void an_empty_folder_is_refused_and_left_alone(void **state)
{
    expect_refusal("there is no durable log");
    assert_non_null(strstr(error, "--lost-log"));
    assert_non_null(strstr(error, "byzctl init --server 2 --new-log"));
    assert_false(exists("data.mdb"));
    assert_false(exists("LOCK"));
}

static void a_missing_folder_is_refused_and_not_made(void **state)
{
    assert_int_equal(rmdir(directory), 0);
    expect_refusal("there is no durable log");
    assert_int_equal(access(directory, F_OK), -1);
    mark(BIRTH_NEW); /* makes it */
    expect_store(false);
}

static void a_mark_is_consumed(void **state)
{
    mark(BIRTH_NEW);
    assert_int_equal(birth_read(directory), BIRTH_NEW);
    expect_store(false);
    expect_store(false);
    clear();
    expect_refusal("there is no durable log");
}

static void a_loss_is_remembered(void **state)
{
    mark(BIRTH_LOST);
    expect_store(true);
    expect_store(true);
}

static void a_loss_wins(void **state)
{
    mark(BIRTH_NEW);
    mark(BIRTH_LOST);
    assert_int_equal(birth_read(directory), BIRTH_LOST);
    expect_store(true);
}

static void a_log_that_is_there_is_what_it_is(void **state)
{
    mark(BIRTH_NEW);
    expect_store(false);
    mark(BIRTH_LOST);
    expect_store(false);
    clear();
    mark(BIRTH_LOST);
    expect_store(true);
    mark(BIRTH_NEW); /* a copy of an old folder, say: it must not end the silence */
    expect_store(true);
}

/* The machine stopped between making the file and writing whose it is. */
static void an_interrupted_making_is_begun_again(void **state)
{
    mark(BIRTH_LOST);
    touch("data.mdb");
    expect_store(true);
}

static void an_empty_file_is_no_log(void **state)
{
    touch("data.mdb");
    expect_refusal("the durable log is empty");
}

/* LMDB's own file, with nothing in it: what a restored or wiped disk may leave. */
static void a_log_without_an_owner_is_no_log(void **state)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_open(env, directory, 0, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, NULL, MDB_CREATE, &dbi), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
    expect_refusal("the durable log is empty");
}

static void a_file_that_is_no_log_is_refused(void **state)
{
    char path[128];
    path_of("data.mdb", path);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    for (unsigned i = 0; i < 8192; i++)
        fputc('x', file);
    fclose(file);
    expect_refusal("LMDB cannot open it");
    mark(BIRTH_LOST); /* nor is it overwritten: somebody may want to look at it */
    expect_refusal("LMDB cannot open it");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(an_empty_folder_is_refused_and_left_alone),
        TEST(a_missing_folder_is_refused_and_not_made),
        TEST(a_mark_is_consumed),
        TEST(a_loss_is_remembered),
        TEST(a_loss_wins),
        TEST(a_log_that_is_there_is_what_it_is),
        TEST(an_interrupted_making_is_begun_again),
        TEST(an_empty_file_is_no_log),
        TEST(a_log_without_an_owner_is_no_log),
        TEST(a_file_that_is_no_log_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
