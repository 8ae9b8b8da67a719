#include "proxy/catch_up.h"

#include "proxy/deliveries.h"
#include "proxy/vote_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/birth.h"

struct fixture {
    char directory[64];
    struct store *store;
    struct buffer record;
    struct buffer out;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    char error[256];
    const uint8_t cluster[DIGEST_BYTES] = {1};
    snprintf(f->directory, sizeof f->directory, "/tmp/byz-catch-up-XXXXXX");
    buffer_init(&f->record, FRAME_BODY_BYTES_MAX);
    buffer_init(&f->out, FRAME_BODY_BYTES_MAX);
    *state = f;
    if (!mkdtemp(f->directory) || !birth_mark(f->directory, BIRTH_NEW, error, sizeof error))
        return -1;
    f->store = store_open(f->directory, cluster, 0, 16u << 20, error, sizeof error);
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
    buffer_free(&f->record);
    buffer_free(&f->out);
    free(f);
    return 0;
}

static void put(struct fixture *f, enum pbft_record_type type, uint64_t seq, struct slice value)
{
    struct pbft_record record = {.type = type, .seq = seq, .value = value};
    assert_true(store_write(f->store, &record, 1, false));
}

/* A pre-prepare of `count` requests, as the core would have logged it. */
static struct slice batch_record(struct fixture *f, uint64_t seq, uint32_t count)
{
    struct buffer requests = BUFFER_INIT(BATCH_BYTES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        struct request request = {
            .client = 1, .session = 5, .number = i + 1, .body = slice_text("body")};
        request_encode(&requests, &request);
    }
    struct pre_prepare m = {.batch = {.seq = seq,
                                .timestamp_us = 1000,
                                .request_count = count,
                                .requests = buffer_slice(&requests)}};
    buffer_clear(&f->record);
    pre_prepare_encode(&f->record, &m);
    assert_false(f->record.failed);
    buffer_free(&requests);
    return buffer_slice(&f->record);
}

static struct outcome outcome_of(enum outcome_kind kind)
{
    struct outcome o = {.kind = kind};
    memcpy(o.sqlstate, kind == OUTCOME_ABORTED ? "40001" : "00000", 5);
    if (kind == OUTCOME_COMMITTED) {
        o.verdict = VERDICT_CONFIRMED;
        o.epoch = 17;
    }
    return o;
}

/* Results as the log keeps them: BEGUN, skipped, COMMITTED, ABORTED. */
static void put_outcomes(struct fixture *f, uint64_t seq)
{
    struct buffer b = BUFFER_INIT(4096), one = BUFFER_INIT(64);
    static const enum outcome_kind kinds[] = {
        OUTCOME_BEGUN, OUTCOME_INVALID, OUTCOME_COMMITTED, OUTCOME_ABORTED};
    put_u32(&b, 4);
    for (unsigned i = 0; i < 4; i++) {
        struct outcome o = outcome_of(kinds[i]);
        buffer_clear(&one);
        if (kinds[i] != OUTCOME_INVALID)
            outcome_put(&one, &o);
        put_bytes(&b, buffer_slice(&one));
    }
    put(f, PBFT_RECORD_OUTCOMES, seq, buffer_slice(&b));
    buffer_free(&b);
    buffer_free(&one);
}

static void test_only_committed_batches_are_told(void **state)
{
    struct fixture *f = *state;
    put(f, PBFT_RECORD_BATCH, 3, batch_record(f, 3, 1));
    assert_int_equal(catch_up_encode(f->store, 3, &f->out), 0);
    put(f, PBFT_RECORD_COMMITTED, 3, slice_text(""));
    assert_int_equal(catch_up_encode(f->store, 3, &f->out), 1);
    struct fetched fetched;
    assert_null(fetched_decode(buffer_slice(&f->out), &fetched));
    assert_int_equal(fetched.batch.seq, 3);
    assert_int_equal(fetched.batch.request_count, 1);
    assert_int_equal(fetched.outcome_count, 0);
    assert_int_equal(catch_up_encode(f->store, 4, &f->out), 0);
}

struct heard {
    struct vote votes[8];
    unsigned count;
};

static void hear(void *context, const struct vote *vote)
{
    struct heard *heard = context;
    heard->votes[heard->count++] = *vote;
}

static void test_recorded_outcomes_become_votes(void **state)
{
    struct fixture *f = *state;
    struct heard heard = {0};
    struct fetched fetched;
    put(f, PBFT_RECORD_BATCH, 3, batch_record(f, 3, 4));
    put(f, PBFT_RECORD_COMMITTED, 3, slice_text(""));
    put_outcomes(f, 3);
    assert_int_equal(catch_up_encode(f->store, 3, &f->out), 1);
    assert_null(fetched_decode(buffer_slice(&f->out), &fetched));
    assert_int_equal(fetched.outcome_count, 4);
    assert_null(catch_up_votes(&fetched, hear, &heard));
    /* what the order alone decides is not voted on; epochs are the ledger's */
    assert_int_equal(heard.count, 2);
    assert_int_equal(heard.votes[0].index, 2);
    assert_int_equal(heard.votes[0].outcome.kind, OUTCOME_COMMITTED);
    assert_int_equal(heard.votes[0].outcome.epoch, 0);
    assert_int_equal(heard.votes[1].index, 3);
    assert_int_equal(heard.votes[1].seq, 3);
}

static void test_outcomes_of_another_length_are_left_out(void **state)
{
    struct fixture *f = *state;
    struct fetched fetched;
    put(f, PBFT_RECORD_BATCH, 3, batch_record(f, 3, 2));
    put(f, PBFT_RECORD_COMMITTED, 3, slice_text(""));
    put_outcomes(f, 3);
    assert_int_equal(catch_up_encode(f->store, 3, &f->out), 1);
    assert_null(fetched_decode(buffer_slice(&f->out), &fetched));
    assert_int_equal(fetched.outcome_count, 0);
}

static void test_a_delivery_comes_back_from_the_log(void **state)
{
    struct fixture *f = *state;
    static struct deliveries deliveries;
    static struct delivery_memory memory;
    static const bool skip[] = {false, true, false};
    struct pbft_delivery given = {.batch = {.seq = 9, .request_count = 3},
        .timestamp_us = 77,
        .seed = {5, 6},
        .skip = skip,
        .checkpoint = true};
    struct pbft_delivery got;
    deliveries = (struct deliveries){0};
    assert_null(deliveries_next(&deliveries));
    deliveries_put(&deliveries, &given);
    const struct waiting *waiting = deliveries_next(&deliveries);
    assert_null(delivery_from_record(waiting, batch_record(f, 9, 3), &memory, &got));
    assert_int_equal(got.batch.seq, 9);
    assert_int_equal(got.timestamp_us, 77); /* agreed: not the proposed one of the record */
    assert_int_not_equal(got.batch.timestamp_us, 77);
    assert_memory_equal(got.seed, given.seed, DIGEST_BYTES);
    assert_true(got.checkpoint);
    assert_int_equal(got.requests[2].number, 3);
    assert_false(got.skip[0]);
    assert_true(got.skip[1]);
    assert_false(got.skip[2]);
    assert_non_null(delivery_from_record(waiting, batch_record(f, 8, 3), &memory, &got));
    assert_non_null(delivery_from_record(waiting, batch_record(f, 9, 2), &memory, &got));
    assert_non_null(delivery_from_record(waiting, slice_text("no batch"), &memory, &got));
    deliveries_pop(&deliveries);
    assert_null(deliveries_next(&deliveries));
}

static void test_deliveries_go_around(void **state)
{
    static struct deliveries deliveries;
    deliveries = (struct deliveries){0};
    for (uint64_t seq = 1; seq <= 3 * DELIVERIES_MAX; seq++) {
        struct pbft_delivery given = {.batch = {.seq = seq}};
        deliveries_put(&deliveries, &given);
        if (deliveries.count == DELIVERIES_MAX) {
            assert_int_equal(deliveries_next(&deliveries)->seq, seq + 1 - DELIVERIES_MAX);
            deliveries_pop(&deliveries);
        }
    }
}

static void test_the_vote_log_keeps_the_latest(void **state)
{
    static struct vote_log log;
    log = (struct vote_log){0};
    for (uint64_t seq = 1; seq <= VOTE_LOG_MAX + 10; seq++)
        vote_log_add(&log, &(struct vote){.seq = seq});
    assert_int_equal(log.count, VOTE_LOG_MAX);
    assert_int_equal(vote_log_at(&log, 0)->seq, 11);
    assert_int_equal(vote_log_at(&log, VOTE_LOG_MAX - 1)->seq, VOTE_LOG_MAX + 10);
    vote_log_forget(&log, VOTE_LOG_MAX);
    assert_int_equal(log.count, 10);
    assert_int_equal(vote_log_at(&log, 0)->seq, VOTE_LOG_MAX + 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_only_committed_batches_are_told),
        TEST(test_recorded_outcomes_become_votes),
        TEST(test_outcomes_of_another_length_are_left_out),
        TEST(test_a_delivery_comes_back_from_the_log),
        cmocka_unit_test(test_deliveries_go_around),
        cmocka_unit_test(test_the_vote_log_keeps_the_latest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
