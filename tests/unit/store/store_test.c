#include "proxy/store/store.h"

#include "common/crypto.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/birth.h"

#define MAP_BYTES (64u << 20)

struct fixture {
    char directory[64];
    uint8_t cluster[DIGEST_BYTES];
    struct store *store;
};

static struct store *open_store(struct fixture *f)
{
    char error[512];
    struct store *store = store_open(f->directory, f->cluster, 2, MAP_BYTES, error, sizeof error);
    if (!store)
        print_error("%s\n", error);
    return store;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    char error[256];
    snprintf(f->directory, sizeof f->directory, "/tmp/byz-store-XXXXXX");
    memset(f->cluster, 0xc1, sizeof f->cluster);
    *state = f;
    if (!mkdtemp(f->directory) || !birth_mark(f->directory, BIRTH_NEW, error, sizeof error))
        return -1;
    f->store = open_store(f);
    return f->store ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char path[128];
    static const char *const names[] = {"data.mdb", "lock.mdb", "LOCK"};
    store_close(f->store);
    for (unsigned i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", f->directory, names[i]);
        unlink(path);
    }
    rmdir(f->directory);
    free(f);
    return 0;
}

static bool put(
    struct store *s, enum pbft_record_type type, uint64_t seq, const char *text, bool flush)
{
    struct pbft_record record = {.type = type, .seq = seq, .value = slice_text(text)};
    return store_write(s, &record, 1, flush);
}

static void assert_record(
    struct store *s, enum pbft_record_type type, uint64_t seq, const char *text)
{
    struct slice value;
    assert_int_equal(store_read(s, type, seq, &value), 1);
    assert_true(slice_equal(value, slice_text(text)));
}

static void reopen(struct fixture *f)
{
    store_close(f->store);
    f->store = open_store(f);
    assert_non_null(f->store);
}

static void test_round_trip(void **state)
{
    struct fixture *f = *state;
    struct slice value;
    assert_true(put(f->store, PBFT_RECORD_BATCH, 7, "seven", true));
    assert_true(put(f->store, PBFT_RECORD_COMMITTED, 7, "", true));
    assert_record(f->store, PBFT_RECORD_BATCH, 7, "seven");
    assert_record(f->store, PBFT_RECORD_COMMITTED, 7, "");
    assert_int_equal(store_read(f->store, PBFT_RECORD_BATCH, 8, &value), 0);
    assert_int_equal(store_read(f->store, PBFT_RECORD_STATE, 7, &value), 0);
    reopen(f);
    assert_record(f->store, PBFT_RECORD_BATCH, 7, "seven");
    assert_true(put(f->store, PBFT_RECORD_BATCH, 7, "another seven", true));
    assert_record(f->store, PBFT_RECORD_BATCH, 7, "another seven");
}

static void test_a_large_record(void **state)
{
    struct fixture *f = *state;
    char *text = malloc(3 << 20);
    memset(text, 'x', (3 << 20) - 1);
    text[(3 << 20) - 1] = '\0';
    assert_true(put(f->store, PBFT_RECORD_BATCH, 1, text, true));
    reopen(f);
    assert_record(f->store, PBFT_RECORD_BATCH, 1, text);
    free(text);
}

static void test_pending_records_are_seen(void **state)
{
    struct fixture *f = *state;
    assert_false(store_dirty(f->store));
    assert_true(put(f->store, PBFT_RECORD_OUTCOMES, 3, "three", false));
    assert_true(put(f->store, PBFT_RECORD_OUTCOMES, 5, "five", false));
    assert_true(store_dirty(f->store));
    assert_record(f->store, PBFT_RECORD_OUTCOMES, 3, "three");
    assert_int_equal(store_first(f->store, PBFT_RECORD_OUTCOMES), 3);
    assert_int_equal(store_last(f->store, PBFT_RECORD_OUTCOMES), 5);
    assert_true(store_write(f->store, NULL, 0, true));
    assert_false(store_dirty(f->store));
    assert_record(f->store, PBFT_RECORD_OUTCOMES, 5, "five");
}

static void test_a_full_memory_flushes(void **state)
{
    struct fixture *f = *state;
    char *text = malloc(1 << 20);
    memset(text, 'x', (1 << 20) - 1);
    text[(1 << 20) - 1] = '\0';
    bool flushed = false;
    for (unsigned i = 1; i <= 32 && !flushed; i++) {
        assert_true(put(f->store, PBFT_RECORD_BATCH, i, text, false));
        flushed = !store_dirty(f->store);
    }
    assert_true(flushed);
    free(text);
}

static void test_first_and_last_of_each_type(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(store_first(f->store, PBFT_RECORD_BATCH), 0);
    assert_int_equal(store_last(f->store, PBFT_RECORD_STATE), 0);
    put(f->store, PBFT_RECORD_BATCH, 256, "a", false);
    put(f->store, PBFT_RECORD_BATCH, 2, "b", false);
    put(f->store, PBFT_RECORD_BATCH, UINT64_C(1) << 40, "c", true);
    put(f->store, PBFT_RECORD_OUTCOMES, 9, "d", true);
    assert_int_equal(store_first(f->store, PBFT_RECORD_BATCH), 2);
    assert_int_equal(store_last(f->store, PBFT_RECORD_BATCH), UINT64_C(1) << 40);
    assert_int_equal(store_first(f->store, PBFT_RECORD_COMMITTED), 0);
    assert_int_equal(store_last(f->store, PBFT_RECORD_COMMITTED), 0);
    assert_int_equal(store_last(f->store, PBFT_RECORD_OUTCOMES), 9);
    assert_int_equal(store_last(f->store, PBFT_RECORD_STATE), 0);
}

static void test_prune(void **state)
{
    struct fixture *f = *state;
    struct slice value;
    for (uint64_t seq = 1; seq <= 400; seq++) {
        put(f->store, PBFT_RECORD_BATCH, seq, "batch", false);
        put(f->store, PBFT_RECORD_COMMITTED, seq, "", false);
    }
    put(f->store, PBFT_RECORD_STATE, 64, "old", false);
    put(f->store, PBFT_RECORD_STATE, 384, "new", true);
    unsigned calls = 1;
    while (store_prune(f->store, 384))
        calls++;
    assert_in_range(calls, 2, 10); /* in steps, and it ends */
    assert_true(store_write(f->store, NULL, 0, true));
    reopen(f);
    assert_int_equal(store_first(f->store, PBFT_RECORD_BATCH), 384);
    assert_int_equal(store_first(f->store, PBFT_RECORD_COMMITTED), 384);
    assert_int_equal(store_last(f->store, PBFT_RECORD_BATCH), 400);
    assert_int_equal(store_read(f->store, PBFT_RECORD_STATE, 64, &value), 0);
    assert_record(f->store, PBFT_RECORD_STATE, 384, "new");
}

static void test_prune_one_type(void **state)
{
    struct fixture *f = *state;
    put(f->store, PBFT_RECORD_STATE, 64, "old", false);
    put(f->store, PBFT_RECORD_STATE, 128, "new", false);
    put(f->store, PBFT_RECORD_BATCH, 60, "batch", true);
    assert_false(store_prune_type(f->store, PBFT_RECORD_STATE, 128));
    assert_int_equal(store_first(f->store, PBFT_RECORD_STATE), 128);
    assert_record(f->store, PBFT_RECORD_BATCH, 60, "batch");
}

/* What is kept under other keys than sequence numbers must not go with them. */
static void test_permanent_records_stay(void **state)
{
    struct fixture *f = *state;
    struct slice value;
    put(f->store, PBFT_RECORD_PREPARED, 7, "certificate", false);
    put(f->store, PBFT_RECORD_APART, 7, "its batch", false);
    put(f->store, PBFT_RECORD_VIEW, 1, "view", false);
    put(f->store, PBFT_RECORD_VIEW_CHANGE, 3, "view change", false);
    put(f->store, PBFT_RECORD_NEW_VIEW, 1, "new view", false);
    put(f->store, PBFT_RECORD_SILENCE, 1, "silence", true);
    assert_false(store_prune(f->store, 1000));
    reopen(f);
    assert_int_equal(store_read(f->store, PBFT_RECORD_PREPARED, 7, &value), 0);
    assert_int_equal(store_read(f->store, PBFT_RECORD_APART, 7, &value), 0);
    assert_record(f->store, PBFT_RECORD_VIEW, 1, "view");
    assert_record(f->store, PBFT_RECORD_VIEW_CHANGE, 3, "view change");
    assert_record(f->store, PBFT_RECORD_NEW_VIEW, 1, "new view");
    assert_record(f->store, PBFT_RECORD_SILENCE, 1, "silence");
}

/* Changes one byte of a stored record with LMDB itself, as a bad disk would. */
static void flip_byte(struct fixture *f, uint8_t type, uint64_t seq, size_t offset)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    uint8_t key_bytes[9] = {type};
    uint8_t copy[256];
    key_bytes[8] = (uint8_t)seq;
    MDB_val key = {sizeof key_bytes, key_bytes};
    MDB_val value;
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_mapsize(env, MAP_BYTES), 0);
    assert_int_equal(mdb_env_open(env, f->directory, 0, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, NULL, 0, &dbi), 0);
    assert_int_equal(mdb_get(txn, dbi, &key, &value), 0);
    assert_in_range(value.mv_size, offset + 1, sizeof copy);
    memcpy(copy, value.mv_data, value.mv_size);
    copy[offset] ^= 0x10;
    value.mv_data = copy;
    assert_int_equal(mdb_put(txn, dbi, &key, &value, 0), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

static void test_damage_is_recognised(void **state)
{
    struct fixture *f = *state;
    struct slice value;
    for (uint64_t seq = 1; seq <= 3; seq++)
        put(f->store, PBFT_RECORD_BATCH, seq, "something agreed", true);
    store_close(f->store);
    flip_byte(f, PBFT_RECORD_BATCH, 1, 0);                /* in the digest */
    flip_byte(f, PBFT_RECORD_BATCH, 2, DIGEST_BYTES + 3); /* in the content */
    f->store = open_store(f);
    assert_non_null(f->store);
    assert_int_equal(store_read(f->store, PBFT_RECORD_BATCH, 1, &value), -1);
    assert_non_null(strstr(store_error(f->store), "damaged"));
    assert_int_equal(store_read(f->store, PBFT_RECORD_BATCH, 2, &value), -1);
    assert_record(f->store, PBFT_RECORD_BATCH, 3, "something agreed");
}

static void test_a_damaged_owner_is_refused(void **state)
{
    struct fixture *f = *state;
    char error[512];
    store_close(f->store);
    flip_byte(f, 0, 0, DIGEST_BYTES + 20);
    f->store = store_open(f->directory, f->cluster, 2, MAP_BYTES, error, sizeof error);
    assert_null(f->store);
    assert_non_null(strstr(error, "damaged"));
}

static void test_other_owners_are_refused(void **state)
{
    struct fixture *f = *state;
    char error[512];
    uint8_t other[DIGEST_BYTES];
    memset(other, 0xc2, sizeof other);
    store_close(f->store);
    f->store = NULL;
    assert_null(store_open(f->directory, other, 2, MAP_BYTES, error, sizeof error));
    assert_non_null(strstr(error, "another cluster"));
    assert_non_null(strstr(error, "c1c1c1"));
    assert_null(store_open(f->directory, f->cluster, 3, MAP_BYTES, error, sizeof error));
    assert_non_null(strstr(error, "belongs to replica 2, but this is replica 3"));
    f->store = open_store(f);
    assert_non_null(f->store);
}

static void test_a_second_opener_is_refused(void **state)
{
    struct fixture *f = *state;
    char error[512], pid[32];
    assert_null(store_open(f->directory, f->cluster, 2, MAP_BYTES, error, sizeof error));
    snprintf(pid, sizeof pid, "process %ld", (long)getpid());
    assert_non_null(strstr(error, pid));
}

static void test_a_full_store_says_so(void **state)
{
    struct fixture *f = *state;
    store_close(f->store);
    char error[512];
    f->store = store_open(f->directory, f->cluster, 2, 1u << 20, error, sizeof error);
    assert_non_null(f->store);
    char text[10000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    bool ok = true;
    for (uint64_t seq = 1; seq < 1000 && ok; seq++)
        ok = put(f->store, PBFT_RECORD_BATCH, seq, text, true);
    assert_false(ok);
    assert_non_null(strstr(store_error(f->store), "size limit"));
    /* and from then on it promises nothing */
    assert_false(put(f->store, PBFT_RECORD_BATCH, 1000, "small", true));
    reopen(f);
    assert_record(f->store, PBFT_RECORD_BATCH, 1, text);
}

/* Writes in a child, which then dies by SIGKILL without closing anything. */
static void write_and_die(struct fixture *f, int ready)
{
    struct store *s = open_store(f);
    if (s && put(s, PBFT_RECORD_BATCH, 1, "one", false) &&
        put(s, PBFT_RECORD_BATCH, 2, "two", true) &&
        put(s, PBFT_RECORD_OUTCOMES, 1, "lazy", false) && write(ready, "r", 1) == 1)
        for (;;)
            pause();
    _exit(1);
}

static void test_a_flush_survives_sigkill(void **state)
{
    struct fixture *f = *state;
    int ends[2];
    char byte;
    struct slice value;
    store_close(f->store);
    f->store = NULL;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        write_and_die(f, ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(ends[0]);
    close(ends[1]);
    f->store = open_store(f);
    assert_non_null(f->store);
    assert_record(f->store, PBFT_RECORD_BATCH, 1, "one"); /* earlier lazy ones go with a flush */
    assert_record(f->store, PBFT_RECORD_BATCH, 2, "two");
    assert_int_equal(store_read(f->store, PBFT_RECORD_OUTCOMES, 1, &value), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_round_trip),
        TEST(test_a_large_record),
        TEST(test_pending_records_are_seen),
        TEST(test_a_full_memory_flushes),
        TEST(test_first_and_last_of_each_type),
        TEST(test_prune),
        TEST(test_prune_one_type),
        TEST(test_permanent_records_stay),
        TEST(test_damage_is_recognised),
        TEST(test_a_damaged_owner_is_refused),
        TEST(test_other_owners_are_refused),
        TEST(test_a_second_opener_is_refused),
        TEST(test_a_full_store_says_so),
        TEST(test_a_flush_survives_sigkill),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
