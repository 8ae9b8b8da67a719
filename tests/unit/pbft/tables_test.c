/* The bounded tables under the rules: votes, blocks, pending requests, the exactly-once table. */
#include "proxy/pbft/blocks.h"
#include "proxy/pbft/clients.h"
#include "proxy/pbft/pending.h"
#include "proxy/pbft/tally.h"

#include "tests/unit/pbft/forge.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void a_tally_counts_each_replica_once_and_its_first_word(void **state)
{
    struct tally t = {0};
    uint8_t a[DIGEST_BYTES] = {1}, b[DIGEST_BYTES] = {2};
    assert_int_equal(tally_add(&t, 0, a), TALLY_COUNTED);
    assert_int_equal(tally_add(&t, 0, a), TALLY_REPEATED);
    assert_int_equal(tally_add(&t, 0, b), TALLY_CONTRADICTED);
    assert_int_equal(tally_add(&t, REPLICAS_MAX - 1, a), TALLY_COUNTED);
    assert_int_equal(tally_add(&t, 3, b), TALLY_COUNTED);
    assert_int_equal(tally_count(&t, a), 2);
    assert_int_equal(tally_mask(&t, a), 1u | 1u << (REPLICAS_MAX - 1));
    assert_int_equal(tally_count(&t, b), 1);
    tally_clear(&t);
    assert_int_equal(tally_count(&t, a), 0);
}

static void blocks_keep_any_mix_of_sizes(void **state)
{
    static uint8_t bytes[3 * BLOCK_BYTES];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 251);
    static const size_t sizes[] = {
        1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 2 * BLOCK_BYTES + 5};
    struct blocks blocks = {0};
    assert_true(blocks_init(&blocks, 8));
    uint32_t first[5];
    for (unsigned i = 0; i < 5; i++)
        first[i] = blocks_store(&blocks, slice_of(bytes + i, sizes[i]));
    assert_false(blocks_fit(&blocks, 1)); /* 1+1+1+2+3 blocks */
    for (unsigned i = 0; i < 5; i++) {
        assert_true(blocks_equal(&blocks, first[i], sizes[i], slice_of(bytes + i, sizes[i])));
        assert_false(blocks_equal(&blocks, first[i], sizes[i], slice_of(bytes + i + 1, sizes[i])));
        struct buffer b = BUFFER_INIT(sizeof bytes);
        blocks_append(&blocks, first[i], sizes[i], &b);
        assert_true(slice_equal(buffer_slice(&b), slice_of(bytes + i, sizes[i])));
        buffer_free(&b);
    }
    blocks_drop(&blocks, first[3], sizes[3]);
    assert_true(blocks_fit(&blocks, 2 * BLOCK_BYTES));
    assert_false(blocks_fit(&blocks, 2 * BLOCK_BYTES + 1));
    first[3] = blocks_store(&blocks, slice_of(bytes, 2 * BLOCK_BYTES));
    assert_true(blocks_equal(&blocks, first[3], 2 * BLOCK_BYTES, slice_of(bytes, 2 * BLOCK_BYTES)));
    assert_true(blocks_equal(&blocks, first[4], sizes[4], slice_of(bytes + 4, sizes[4])));
    blocks_release(&blocks);
}

static enum pending_result add(
    struct pending *p, unsigned client, uint64_t session, uint64_t number, const char *body)
{
    struct buffer b = BUFFER_INIT(FRAME_BODY_BYTES_MAX);
    struct request r = forge_request(&b, client, session, number, body);
    enum pending_result result = pending_add(p, &r, buffer_slice(&b), 1);
    buffer_free(&b);
    return result;
}

static void pending_is_bounded_in_bytes_too(void **state)
{
    static char large[1000 << 10];
    memset(large, 'x', sizeof large - 1);
    struct pending *p = calloc(1, sizeof *p);
    assert_true(pending_init(p, 2, 64 << 20, 1000));
    unsigned kept = 0;
    while (add(p, kept % 2, kept + 1, 1, large) == PENDING_KEPT)
        kept++;
    assert_true(kept >= 60 && kept <= 66);
    assert_int_equal(p->count, kept);
    pending_done(p, 0, 1, 1);
    assert_int_equal(add(p, 1, 7777, 1, large), PENDING_KEPT);
    pending_release(p);
    free(p);
}

static void fill(struct pending *p, unsigned client, const char *body)
{
    uint64_t session = 1;
    while (add(p, client, session, 1, body) != PENDING_FULL)
        session++;
}

static unsigned requests_of(const struct pending *p, unsigned client)
{
    return p->queues[client].count;
}

/* One key that keeps the arena full does not keep the others out; nor do four that fill all
 * places. */
static void pending_is_shared_between_keys(void **state)
{
    static char large[250 << 10];
    memset(large, 'x', sizeof large - 1);
    struct pending *p = calloc(1, sizeof *p);
    assert_true(pending_init(p, 6, 32 << 20, 1000));
    fill(p, 0, large);
    assert_in_range(requests_of(p, 0), 100, 140);
    struct buffer out = BUFFER_INIT(32 << 20);
    pending_take(p, pending_next(p), 9, &out); /* what is proposed stays */
    for (uint64_t session = 1; session <= 20; session++)
        assert_int_equal(add(p, 1, session, 1, large), PENDING_KEPT);
    assert_int_equal(requests_of(p, 1), 20);
    assert_non_null(pending_find(p, 0, 1));
    assert_non_null(pending_find(p, 0, 2)); /* the newest ones went */
    fill(p, 1, large);
    fill(p, 0, large);
    assert_in_range(requests_of(p, 0), requests_of(p, 1) - 1, requests_of(p, 1) + 1);
    pending_release(p);
    buffer_free(&out);
    memset(p, 0, sizeof *p);
    assert_true(pending_init(p, 6, 32 << 20, 1000));
    for (unsigned client = 0; client < 4; client++)
        fill(p, client, "small");
    assert_int_equal(p->count, PENDING_MAX);
    fill(p, 4, "small");
    fill(p, 5, "small");
    for (unsigned client = 0; client < 6; client++)
        assert_in_range(requests_of(p, client), PENDING_MAX / 6 - 1, PENDING_MAX / 6 + 1);
    assert_int_equal(p->count, PENDING_MAX);
    pending_release(p);
    free(p);
}

static void pending_takes_out_what_it_took_in(void **state)
{
    struct pending *p = calloc(1, sizeof *p);
    assert_true(pending_init(p, 2, 64 << 20, 1000));
    assert_int_equal(add(p, 0, 1, 1, "a"), PENDING_KEPT);
    assert_int_equal(add(p, 0, 2, 1, "b"), PENDING_KEPT);
    assert_int_equal(add(p, 0, 2, 1, "c"), PENDING_KNOWN);
    struct buffer out = BUFFER_INIT(4096), expected = BUFFER_INIT(4096);
    forge_request(&expected, 0, 1, 1, "a");
    forge_request(&expected, 0, 2, 1, "b");
    pending_take(p, pending_next(p), 9, &out);
    pending_take(p, pending_next(p), 9, &out);
    assert_null(pending_next(p));
    assert_true(slice_equal(buffer_slice(&out), buffer_slice(&expected)));
    pending_done(p, 0, 1, 1);
    pending_done(p, 0, 2, 0); /* an older number: not this one */
    assert_int_equal(p->count, 1);
    buffer_free(&out);
    buffer_free(&expected);
    pending_release(p);
    free(p);
}

/* ---- exactly once ---- */

static void order(struct client_table *t, unsigned client, uint64_t session, uint64_t number)
{
    if (client_table_order(t, client, session, number) == FRESH)
        client_session_set_result(client_table_find(t, client, session), slice_text("r"));
}

static void the_least_recently_used_session_is_forgotten(void **state)
{
    struct client_table t = {0};
    assert_true(client_table_init(&t, 1, 3));
    order(&t, 0, 30, 1);
    order(&t, 0, 10, 1);
    order(&t, 0, 20, 1);
    order(&t, 0, 30, 2); /* now 10 is the oldest */
    assert_int_equal(client_table_judge(&t, 0, 40, 1), FRESH);
    order(&t, 0, 40, 1);
    assert_null(client_table_find(&t, 0, 10));
    assert_int_equal(client_table_judge(&t, 0, 10, 1), FRESHNESS_FORGOTTEN);
    assert_int_equal(client_table_judge(&t, 0, 10, 2), FRESHNESS_FORGOTTEN);
    assert_int_equal(client_table_judge(&t, 0, 9, 1), FRESHNESS_FORGOTTEN);
    assert_int_equal(client_table_judge(&t, 0, 11, 1), FRESH);
    assert_int_equal(client_table_judge(&t, 0, 30, 2), FRESHNESS_LAST);
    assert_int_equal(client_table_judge(&t, 0, 30, 1), FRESHNESS_OLD);
    order(&t, 0, 30, 3);
    order(&t, 0, 20, 2); /* now 40 is the oldest, and the highest */
    order(&t, 0, 35, 1);
    assert_null(client_table_find(&t, 0, 40));
    assert_non_null(client_table_find(&t, 0, 20));
    assert_int_equal(client_table_judge(&t, 0, 39, 1), FRESHNESS_FORGOTTEN);
    client_table_release(&t);
}

static void the_watermark_is_the_highest_forgotten_session(void **state)
{
    struct client_table t = {0};
    assert_true(client_table_init(&t, 1, 2));
    order(&t, 0, 20, 1);
    order(&t, 0, 30, 1);
    order(&t, 0, 41, 1); /* forgets 20 */
    order(&t, 0, 42, 1); /* forgets 30: the watermark is 30 */
    assert_int_equal(client_table_judge(&t, 0, 25, 1), FRESHNESS_FORGOTTEN);
    assert_int_equal(client_table_judge(&t, 0, 31, 1), FRESH);
    order(&t, 0, 31, 1); /* forgets 41: the watermark never falls, also for 32 to 40 */
    order(&t, 0, 50, 1); /* forgets 42 */
    order(&t, 0, 51, 1); /* forgets 31 */
    assert_int_equal(client_table_judge(&t, 0, 42, 2), FRESHNESS_FORGOTTEN);
    client_table_release(&t);
}

static void the_table_has_one_encoding(void **state)
{
    struct client_table t = {0}, copy = {0}, broken = {0};
    assert_true(client_table_init(&t, 3, 4));
    assert_true(client_table_init(&copy, 3, 4));
    assert_true(client_table_init(&broken, 3, 4));
    for (uint64_t i = 1; i < 40; i++)
        order(&t, (unsigned)(i % 3), i * 7 % 11, i);
    struct buffer a = BUFFER_INIT(1 << 20), b = BUFFER_INIT(1 << 20);
    client_table_encode(&t, &a);
    assert_true(a.size <= client_table_bytes_max(&t));
    struct reader r = reader_of(buffer_slice(&a));
    assert_null(client_table_take(&copy, &r));
    assert_true(reader_done(&r));
    client_table_encode(&copy, &b);
    assert_true(slice_equal(buffer_slice(&a), buffer_slice(&b)));
    r = reader_of(slice_of(a.data, a.size - 1));
    assert_non_null(client_table_take(&broken, &r));
    buffer_free(&a);
    buffer_free(&b);
    client_table_release(&t);
    client_table_release(&copy);
    client_table_release(&broken);
}

/* A new client in the configuration: what was agreed on before it reads and encodes as before. */
static void another_client_key_changes_no_encoding(void **state)
{
    struct client_table before = {0}, after = {0}, fewer = {0};
    struct buffer a = BUFFER_INIT(4096), b = BUFFER_INIT(4096);
    assert_true(client_table_init(&before, 2, 3));
    assert_true(client_table_init(&after, 3, 3));
    assert_true(client_table_init(&fewer, 1, 3));
    order(&before, 1, 5, 1);
    client_table_encode(&before, &a);
    struct reader r = reader_of(buffer_slice(&a));
    assert_null(client_table_take(&after, &r));
    client_table_encode(&after, &b);
    assert_true(slice_equal(buffer_slice(&a), buffer_slice(&b)));
    r = reader_of(buffer_slice(&a));
    assert_non_null(client_table_take(&fewer, &r));
    order(&after, 2, 5, 1);
    buffer_clear(&b);
    client_table_encode(&after, &b);
    assert_false(slice_equal(buffer_slice(&a), buffer_slice(&b)));
    buffer_free(&a);
    buffer_free(&b);
    client_table_release(&before);
    client_table_release(&after);
    client_table_release(&fewer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tally_counts_each_replica_once_and_its_first_word),
        cmocka_unit_test(blocks_keep_any_mix_of_sizes),
        cmocka_unit_test(pending_is_bounded_in_bytes_too),
        cmocka_unit_test(pending_is_shared_between_keys),
        cmocka_unit_test(pending_takes_out_what_it_took_in),
        cmocka_unit_test(the_least_recently_used_session_is_forgotten),
        cmocka_unit_test(the_watermark_is_the_highest_forgotten_session),
        cmocka_unit_test(the_table_has_one_encoding),
        cmocka_unit_test(another_client_key_changes_no_encoding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
