/* The ledger: limits, epochs, barriers, expiry, and an encoding that survives hostile bytes. */
#include "proxy/exec/ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECOND_US UINT64_C(1000000)

static const struct ledger_options options = {
    .replica_count = 4,
    .transactions_max = 5,
    .transactions_per_client_max = 3,
    .transaction_timeout_us = 60 * SECOND_US,
};

static struct transaction_id id_of(uint16_t client, uint64_t number)
{
    return (struct transaction_id){.client = client, .session = 7, .number = number};
}

static struct outcome committed(bool barrier)
{
    return (struct outcome){
        .kind = OUTCOME_COMMITTED, .sqlstate = {'0', '0', '0', '0', '0'}, .barrier = barrier};
}

static struct outcome aborted(void)
{
    return (struct outcome){.kind = OUTCOME_ABORTED, .sqlstate = {'4', '0', '0', '0', '1'}};
}

static void assert_refused(struct outcome outcome, const char *sqlstate)
{
    assert_int_equal(outcome.kind, OUTCOME_REFUSED);
    assert_memory_equal(outcome.sqlstate, sqlstate, 5);
}

static int setup(void **state)
{
    *state = ledger_new(&options);
    return *state == NULL;
}

static int teardown(void **state)
{
    ledger_free(*state);
    return 0;
}

static void begin_gives_the_current_epoch(void **state)
{
    struct ledger *ledger = *state;
    struct outcome begun = ledger_begin(ledger, id_of(1, 1), 2, 10, 5);
    assert_int_equal(begun.kind, OUTCOME_BEGUN);
    assert_memory_equal(begun.sqlstate, "00000", 5);
    assert_int_equal(begun.epoch, 0);
    assert_int_equal(ledger_end(ledger, id_of(1, 1), committed(false)).epoch, 1);
    assert_int_equal(ledger_begin(ledger, id_of(1, 2), 2, 11, 6).epoch, 1);

    const struct transaction *t = ledger_find(ledger, id_of(1, 2));
    assert_non_null(t);
    assert_int_equal(t->coordinator, 2);
    assert_int_equal(t->begun_seq, 11);
    assert_int_equal(t->begun_us, 6);
    assert_null(ledger_find(ledger, id_of(1, 1)));
}

static void only_the_owner_finds_it(void **state)
{
    struct ledger *ledger = *state;
    ledger_begin(ledger, id_of(1, 1), 0, 1, 1);
    struct transaction_id other = id_of(1, 1);
    other.session = 8;
    assert_null(ledger_find(ledger, other));
    assert_null(ledger_find(ledger, id_of(2, 1)));
    assert_null(ledger_find(ledger, id_of(1, 2)));
}

static void limits_are_refused(void **state)
{
    struct ledger *ledger = *state;
    assert_refused(ledger_begin(ledger, id_of(1, 1), 4, 1, 1), "22023");
    for (uint64_t number = 1; number <= 3; number++)
        assert_int_equal(ledger_begin(ledger, id_of(1, number), 0, number, 1).kind, OUTCOME_BEGUN);
    assert_refused(ledger_begin(ledger, id_of(1, 3), 0, 4, 1), "25001");
    assert_refused(ledger_begin(ledger, id_of(1, 4), 0, 4, 1), "53300"); /* of this client */
    assert_int_equal(ledger_begin(ledger, id_of(2, 1), 0, 4, 1).kind, OUTCOME_BEGUN);
    assert_int_equal(ledger_begin(ledger, id_of(2, 2), 0, 4, 1).kind, OUTCOME_BEGUN);
    assert_refused(ledger_begin(ledger, id_of(3, 1), 0, 4, 1), "53300"); /* in all */
    assert_int_equal(ledger_open_count(ledger), 5);
}

static void only_a_commit_makes_an_epoch(void **state)
{
    struct ledger *ledger = *state;
    ledger_begin(ledger, id_of(1, 1), 0, 1, 1);
    struct outcome lie = aborted();
    lie.epoch = 99; /* whatever the caller left there */
    struct outcome ended = ledger_end(ledger, id_of(1, 1), lie);
    assert_int_equal(ended.epoch, 0);
    assert_memory_equal(ended.sqlstate, "40001", 5);
    assert_int_equal(ledger_epoch(ledger), 0);
    assert_int_equal(ledger_open_count(ledger), 0);
}

static void the_oldest_epoch_is_the_first_ones(void **state)
{
    struct ledger *ledger = *state;
    assert_int_equal(ledger_epoch_oldest(ledger), 0);
    ledger_begin(ledger, id_of(1, 1), 0, 1, 1);
    ledger_begin(ledger, id_of(1, 2), 0, 1, 1);
    ledger_end(ledger, id_of(1, 2), committed(false));
    ledger_begin(ledger, id_of(1, 3), 0, 2, 1);
    assert_int_equal(ledger_epoch_oldest(ledger), 0);
    ledger_end(ledger, id_of(1, 1), aborted());
    assert_int_equal(ledger_epoch_oldest(ledger), 1);
    ledger_end(ledger, id_of(1, 3), committed(false));
    assert_int_equal(ledger_epoch_oldest(ledger), 2);
}

static void a_barrier_bars_those_begun_before(void **state)
{
    struct ledger *ledger = *state;
    ledger_begin(ledger, id_of(1, 1), 0, 1, 1);
    ledger_begin(ledger, id_of(1, 2), 0, 1, 1);
    ledger_begin(ledger, id_of(1, 3), 0, 1, 1);
    ledger_end(ledger, id_of(1, 3), committed(false));
    assert_false(ledger_barred(ledger, ledger_find(ledger, id_of(1, 1))));
    ledger_end(ledger, id_of(1, 2), committed(true));
    ledger_begin(ledger, id_of(2, 1), 0, 2, 1);
    assert_true(ledger_barred(ledger, ledger_find(ledger, id_of(1, 1))));
    assert_false(ledger_barred(ledger, ledger_find(ledger, id_of(2, 1))));
}

static void order_survives_a_removal(void **state)
{
    struct ledger *ledger = *state;
    ledger_begin(ledger, id_of(1, 1), 0, 1, 1);
    ledger_begin(ledger, id_of(2, 2), 0, 1, 1);
    ledger_begin(ledger, id_of(3, 3), 0, 1, 1);
    ledger_end(ledger, id_of(2, 2), aborted());
    assert_int_equal(ledger_open_count(ledger), 2);
    assert_int_equal(ledger_at(ledger, 0)->id.number, 1);
    assert_int_equal(ledger_at(ledger, 1)->id.number, 3);
}

struct ended_list {
    unsigned count;
    uint64_t numbers[8];
};

static void note_ended(void *context, const struct transaction *t)
{
    struct ended_list *list = context;
    list->numbers[list->count++] = t->id.number;
}

static void expiry_is_oldest_first(void **state)
{
    struct ledger *ledger = *state;
    for (uint64_t number = 1; number <= 4; number++)
        ledger_begin(ledger, id_of((uint16_t)number, number), 0, number, number * SECOND_US);
    struct ended_list list = {0};
    assert_int_equal(ledger_expire(ledger, 61 * SECOND_US, note_ended, &list), 0);
    assert_int_equal(ledger_expire(ledger, 62 * SECOND_US + 1, note_ended, &list), 2);
    assert_int_equal(list.count, 2);
    assert_int_equal(list.numbers[0], 1);
    assert_int_equal(list.numbers[1], 2);
    assert_int_equal(ledger_open_count(ledger), 2);
    assert_int_equal(ledger_at(ledger, 0)->id.number, 3);
    assert_int_equal(ledger_epoch(ledger), 0);
}

static void time_that_runs_backwards_expires_nobody(void **state)
{
    struct ledger *ledger = *state;
    ledger_begin(ledger, id_of(1, 1), 0, 1, 500 * SECOND_US);
    struct ended_list list = {0};
    assert_int_equal(ledger_expire(ledger, 1, note_ended, &list), 0);
}

/* ---- lanes and seeds ---- */

static unsigned lane_of(const struct ledger *ledger, uint64_t number)
{
    return ledger_find(ledger, id_of(1, number))->lane;
}

/* Two transactions of one lane never overlap: the lane is free again when its owner has ended. */
static void open_transactions_have_lanes_of_their_own(void **state)
{
    struct ledger *ledger = *state;
    for (uint64_t number = 1; number <= 3; number++)
        ledger_begin(ledger, id_of(1, number), 0, 1, 1);
    assert_int_equal(lane_of(ledger, 1), 0);
    assert_int_equal(lane_of(ledger, 2), 1);
    assert_int_equal(lane_of(ledger, 3), 2);
    ledger_end(ledger, id_of(1, 2), aborted());
    ledger_begin(ledger, id_of(1, 4), 0, 2, 1);
    assert_int_equal(lane_of(ledger, 4), 1);
    ledger_end(ledger, id_of(1, 1), committed(false));
    ledger_end(ledger, id_of(1, 3), committed(false));
    ledger_begin(ledger, id_of(1, 5), 0, 2, 1);
    assert_int_equal(lane_of(ledger, 5), 0);
    assert_int_equal(lane_of(ledger, 4), 1);
}

static void a_full_ledger_uses_every_lane(void **state)
{
    struct ledger *ledger = *state;
    for (uint64_t number = 1; number <= 5; number++)
        ledger_begin(ledger, id_of((uint16_t)number, number), 0, 1, 1);
    assert_int_equal(ledger_find(ledger, id_of(5, 5))->lane, 4);
    ledger_end(ledger, id_of(3, 3), aborted());
    ledger_begin(ledger, id_of(3, 4), 0, 2, 1);
    assert_int_equal(ledger_find(ledger, id_of(3, 4))->lane, 2);
}

static void the_seed_stays_with_its_transaction(void **state)
{
    struct ledger *ledger = *state;
    uint8_t seed[DIGEST_BYTES] = {7, 8, 9};
    ledger_begin(ledger, id_of(1, 1), 0, 1, 1);
    ledger_begin(ledger, id_of(1, 2), 0, 1, 1);
    ledger_give_seed(ledger, id_of(1, 2), seed);
    ledger_end(ledger, id_of(1, 1), aborted());
    struct buffer b = BUFFER_INIT(4096);
    ledger_encode(ledger, &b);
    struct ledger *copy = ledger_new(&options);
    assert_null(ledger_decode(copy, buffer_slice(&b)));
    assert_memory_equal(ledger_find(copy, id_of(1, 2))->seed, seed, sizeof seed);
    assert_int_equal(ledger_find(copy, id_of(1, 2))->lane, 1);
    buffer_free(&b);
    ledger_free(copy);
}

/* ---- encoding ---- */

static void fill(struct ledger *ledger)
{
    ledger_begin(ledger, id_of(1, 1), 3, 1, 1);
    ledger_begin(ledger, id_of(1, 2), 2, 2, 2);
    ledger_end(ledger, id_of(1, 2), committed(true));
    ledger_begin(ledger, id_of(2, 1), 1, 3, 3);
}

static void the_encoding_goes_round(void **state)
{
    struct ledger *ledger = *state;
    fill(ledger);
    struct buffer first = BUFFER_INIT(4096), second = BUFFER_INIT(4096);
    ledger_encode(ledger, &first);
    struct ledger *copy = ledger_new(&options);
    assert_null(ledger_decode(copy, buffer_slice(&first)));
    ledger_encode(copy, &second);
    assert_true(slice_equal(buffer_slice(&first), buffer_slice(&second)));
    assert_true(ledger_barred(copy, ledger_at(copy, 0)));
    assert_false(ledger_barred(copy, ledger_at(copy, 1)));
    assert_int_equal(ledger_find(copy, id_of(1, 1))->coordinator, 3);
    buffer_free(&first);
    buffer_free(&second);
    ledger_free(copy);
}

/* Wrong bytes are refused, and the ledger stays as it was. */
static void assert_refuses(struct ledger *ledger, struct slice bytes)
{
    unsigned count = ledger_open_count(ledger);
    uint64_t epoch = ledger_epoch(ledger);
    assert_non_null(ledger_decode(ledger, bytes));
    assert_int_equal(ledger_open_count(ledger), count);
    assert_int_equal(ledger_epoch(ledger), epoch);
}

static void every_truncation_is_refused(void **state)
{
    struct ledger *ledger = *state;
    fill(ledger);
    struct buffer b = BUFFER_INIT(4096);
    ledger_encode(ledger, &b);
    put_u8(&b, 0);
    for (size_t size = 0; size <= b.size; size++) {
        if (size != b.size - 1)
            assert_refuses(ledger, slice_of(b.data, size));
    }
    buffer_free(&b);
}

static void put_in_lane(struct buffer *b, uint64_t number, uint16_t coordinator, uint64_t epoch,
    uint64_t seq, uint32_t lane)
{
    static const uint8_t seed[DIGEST_BYTES] = {1};
    put_u16(b, 1);
    put_u64(b, 7);
    put_u64(b, number);
    put_u16(b, coordinator);
    put_u64(b, epoch);
    put_u64(b, seq);
    put_u64(b, 1);
    put_u32(b, lane);
    put_raw(b, seed, sizeof seed);
}

static void put_transaction(
    struct buffer *b, uint64_t number, uint16_t coordinator, uint64_t epoch, uint64_t seq)
{
    put_in_lane(b, number, coordinator, epoch, seq, (uint32_t)(number - 1));
}

static void put_head(struct buffer *b, uint64_t epoch, uint64_t barrier, uint32_t count)
{
    buffer_clear(b);
    put_u64(b, epoch);
    put_u64(b, barrier);
    put_u32(b, count);
}

static void impossible_ledgers_are_refused(void **state)
{
    struct ledger *ledger = *state;
    struct buffer b = BUFFER_INIT(4096);
    put_head(&b, 1, 2, 0); /* a barrier in the future */
    assert_refuses(ledger, buffer_slice(&b));
    put_head(&b, 1, 0, UINT32_MAX);
    assert_refuses(ledger, buffer_slice(&b));
    put_head(&b, 1, 0, 1);
    put_transaction(&b, 1, 0, 2, 1); /* a future epoch */
    assert_refuses(ledger, buffer_slice(&b));
    put_head(&b, 1, 0, 1);
    put_transaction(&b, 1, 4, 1, 1); /* no such replica */
    assert_refuses(ledger, buffer_slice(&b));
    put_head(&b, 1, 0, 2);
    put_transaction(&b, 1, 0, 1, 1);
    put_transaction(&b, 1, 0, 1, 1); /* twice */
    assert_refuses(ledger, buffer_slice(&b));
    put_head(&b, 1, 0, 2);
    put_transaction(&b, 1, 0, 1, 2);
    put_transaction(&b, 2, 0, 1, 1); /* batches out of order */
    assert_refuses(ledger, buffer_slice(&b));
    put_head(&b, 1, 0, 2);
    put_transaction(&b, 1, 0, 1, 1);
    put_transaction(&b, 2, 0, 0, 1); /* epochs out of order */
    assert_refuses(ledger, buffer_slice(&b));
    put_head(&b, 1, 0, 4);
    for (uint64_t number = 1; number <= 4; number++) /* beyond the limit of a client */
        put_transaction(&b, number, 0, 1, 1);
    assert_refuses(ledger, buffer_slice(&b));
    put_head(&b, 1, 0, 1);
    put_in_lane(&b, 1, 0, 1, 1, 5); /* no such lane */
    assert_refuses(ledger, buffer_slice(&b));
    put_head(&b, 1, 0, 2);
    put_in_lane(&b, 1, 0, 1, 1, 3);
    put_in_lane(&b, 2, 0, 1, 1, 3); /* two in one lane */
    assert_refuses(ledger, buffer_slice(&b));
    put_head(&b, 1, 1, 2); /* and one that is right */
    put_transaction(&b, 1, 3, 0, 1);
    put_transaction(&b, 2, 0, 1, 1);
    assert_null(ledger_decode(ledger, buffer_slice(&b)));
    buffer_free(&b);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(begin_gives_the_current_epoch),
        TEST(only_the_owner_finds_it),
        TEST(limits_are_refused),
        TEST(only_a_commit_makes_an_epoch),
        TEST(the_oldest_epoch_is_the_first_ones),
        TEST(a_barrier_bars_those_begun_before),
        TEST(order_survives_a_removal),
        TEST(expiry_is_oldest_first),
        TEST(time_that_runs_backwards_expires_nobody),
        TEST(open_transactions_have_lanes_of_their_own),
        TEST(a_full_ledger_uses_every_lane),
        TEST(the_seed_stays_with_its_transaction),
        TEST(the_encoding_goes_round),
        TEST(every_truncation_is_refused),
        TEST(impossible_ledgers_are_refused),
    };
    return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
