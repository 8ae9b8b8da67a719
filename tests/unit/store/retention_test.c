/* What the durable log keeps, on a real store. */
#include "proxy/retention.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/birth.h"

#define MAP_MIB 64
#define WINDOW 16
#define INTERVAL 8

struct fixture {
    char directory[64];
    struct config config;
    struct store *store;
    uint8_t bytes[1 << 20];
};

static int setup(void **state)
{
    static const uint8_t cluster[DIGEST_BYTES];
    char error[512];
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    config_defaults(&f->config);
    f->config.window = WINDOW;
    f->config.checkpoint_interval = INTERVAL;
    f->config.log_batches_max = 1000000;
    snprintf(f->directory, sizeof f->directory, "/tmp/byz-retention-XXXXXX");
    if (!mkdtemp(f->directory) || !birth_mark(f->directory, BIRTH_NEW, error, sizeof error))
        return -1;
    f->store = store_open(f->directory, cluster, 1, MAP_MIB << 20, error, sizeof error);
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

/* What one agreed batch of this size leaves in the log. */
static void agree(struct fixture *f, uint64_t seq, size_t size)
{
    struct pbft_record records[] = {
        {.type = PBFT_RECORD_BATCH, .seq = seq, .value = slice_of(f->bytes, size)},
        {.type = PBFT_RECORD_COMMITTED, .seq = seq},
        {.type = PBFT_RECORD_OUTCOMES, .seq = seq, .value = slice_of(f->bytes, 24)},
        {.type = PBFT_RECORD_STATE, .seq = seq, .value = slice_of(f->bytes, 4096)},
    };
    unsigned count = seq % INTERVAL == 0 ? 4 : 3;
    if (!store_write(f->store, records, count, true))
        fail_msg("%s", store_error(f->store));
}

/* A client may make its requests as large as it likes: that fills no store. */
static void test_large_batches_do_not_fill_the_store(void **state)
{
    struct fixture *f = *state;
    bool early = false;
    size_t written = 0;
    for (uint64_t seq = 1; seq <= 400; seq++) {
        size_t size = sizeof f->bytes - (size_t)(seq * 7919 % 700000);
        agree(f, seq, size);
        written += size;
        if (seq % 4 == 0)
            early |= retention_apply(f->store, &f->config, seq);
    }
    assert_true(early);
    assert_true(written > 4 * ((size_t)MAP_MIB << 20));
    assert_in_range(store_fill_percent(f->store), 20, RETENTION_FILL_PERCENT_MAX + 5);
    /* one behind by a window can still be served */
    assert_in_range(store_first(f->store, PBFT_RECORD_BATCH), 300, 400 - WINDOW);
    assert_int_equal(store_last(f->store, PBFT_RECORD_BATCH), 400);
    assert_int_equal(store_last(f->store, PBFT_RECORD_STATE), 400);
    struct slice value;
    for (uint64_t seq = 400 - WINDOW; seq <= 400; seq++) {
        assert_int_equal(store_read(f->store, PBFT_RECORD_BATCH, seq, &value), 1);
        assert_int_equal(store_read(f->store, PBFT_RECORD_COMMITTED, seq, &value), 1);
    }
}

/* Many small ones first: they go fast enough when large ones come. */
static void test_small_batches_make_room_for_large_ones(void **state)
{
    struct fixture *f = *state;
    uint64_t seq = 1;
    for (; seq <= 4000; seq++)
        agree(f, seq, 8000);
    for (; seq <= 4200; seq++) {
        agree(f, seq, sizeof f->bytes);
        if (seq % 8 == 0)
            retention_apply(f->store, &f->config, seq);
    }
    assert_true(store_first(f->store, PBFT_RECORD_BATCH) > 4000);
}

static void test_what_must_stay_stays(void **state)
{
    struct fixture *f = *state;
    for (uint64_t seq = 1; seq <= 48; seq++)
        agree(f, seq, sizeof f->bytes);
    assert_true(store_fill_percent(f->store) > RETENTION_FILL_PERCENT_MAX);
    assert_false(retention_apply(f->store, &f->config, WINDOW));
    assert_int_equal(store_first(f->store, PBFT_RECORD_BATCH), 1);
}

static void test_beyond_the_number_they_go(void **state)
{
    struct fixture *f = *state;
    f->config.log_batches_max = 100;
    for (uint64_t seq = 1; seq <= 300; seq++)
        agree(f, seq, 100);
    for (unsigned i = 0; i < 10; i++)
        assert_false(retention_apply(f->store, &f->config, 300));
    assert_int_equal(store_first(f->store, PBFT_RECORD_BATCH), 200);
    assert_int_equal(store_first(f->store, PBFT_RECORD_STATE), 288);
}

static void test_certificates_go_with_the_checkpoint(void **state)
{
    struct fixture *f = *state;
    for (uint64_t seq = 1; seq <= 100; seq++) {
        struct pbft_record records[] = {
            {.type = PBFT_RECORD_PREPARED, .seq = seq, .value = slice_of(f->bytes, 100)},
            {.type = PBFT_RECORD_APART, .seq = seq, .value = slice_of(f->bytes, 100)}};
        agree(f, seq, 100);
        assert_true(store_write(f->store, records, 2, false));
    }
    uint64_t state_seq = store_last(f->store, PBFT_RECORD_STATE);
    assert_in_range(state_seq, 90, 100);
    (void)retention_apply(f->store, &f->config, 100);
    assert_int_equal(store_first(f->store, PBFT_RECORD_PREPARED), state_seq);
    assert_int_equal(store_first(f->store, PBFT_RECORD_APART), state_seq);
    assert_int_equal(store_last(f->store, PBFT_RECORD_PREPARED), 100);
    assert_int_equal(store_first(f->store, PBFT_RECORD_BATCH), 1);
}

static void the_smallest_store_holds_the_largest_window(void **state)
{
    struct config config = {.window = 1024, .batch_bytes_max = 2 << 20};
    assert_true(retention_store_bytes_min(&config, 0) > (size_t)4 * 1024 * (2 << 20));
    size_t with_state = retention_store_bytes_min(&config, 1000000);
    assert_true(with_state > retention_store_bytes_min(&config, 0) + 3000000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_smallest_store_holds_the_largest_window),
        TEST(test_large_batches_do_not_fill_the_store),
        TEST(test_small_batches_make_room_for_large_ones),
        TEST(test_what_must_stay_stays),
        TEST(test_beyond_the_number_they_go),
        TEST(test_certificates_go_with_the_checkpoint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
