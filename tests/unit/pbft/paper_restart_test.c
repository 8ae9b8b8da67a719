/* Coming back from the durable log: what was promised is kept, what was final stays final. */
#include "proxy/pbft/core.h"
#include "tests/unit/pbft/forge.h"
#include "tests/unit/pbft/forge_view.h"
#include "tests/unit/pbft/single.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <string.h>

static void copy_record(struct buffer *to, const struct single *s, enum pbft_record_type type)
{
    const struct pbft_record *record = single_record_of(s, type);
    assert_non_null(record);
    buffer_clear(to);
    put_raw(to, record->value.data, record->value.size);
}

static void a_restored_primary_proposes_behind_what_it_promised(void **state)
{
    struct single *s = single_new(0, 1);
    struct buffer record = BUFFER_INIT(FRAME_BODY_BYTES_MAX);
    single_ask(s, 1, 5, 1);
    copy_record(&record, s, PBFT_RECORD_BATCH);
    single_restart(s);
    assert_null(pbft_restore_batch(s->core, 1, buffer_slice(&record), false));
    single_ask(s, 1, 6, 1);
    struct pre_prepare m;
    assert_null(pre_prepare_decode(single_send_of(s, MESSAGE_PRE_PREPARE)->body, &m));
    assert_int_equal(m.batch.seq, 2);
    /* The persisted one is sent again, byte for byte, to who lacks it. */
    single_tick(s, SINGLE_RETRANSMIT_US);
    single_status(s, 2, 0, 0, 0);
    assert_true(slice_equal(single_send_of(s, MESSAGE_PRE_PREPARE)->body, buffer_slice(&record)));
    buffer_free(&record);
    single_free(s);
}

static void a_restored_backup_keeps_its_promise(void **state)
{
    struct single *s = single_new(1, 1);
    struct buffer record = BUFFER_INIT(FRAME_BODY_BYTES_MAX);
    struct batch batch = single_batch(s, 1);
    single_pre_prepare(s, &batch);
    copy_record(&record, s, PBFT_RECORD_BATCH);
    single_restart(s);
    assert_null(pbft_restore_batch(s->core, 1, buffer_slice(&record), false));
    struct batch other = single_batch(s, 1);
    other.timestamp_us += 5;
    single_pre_prepare(s, &other);
    assert_string_equal(
        s->update.invalid, "the primary proposed two batches at one sequence number");
    single_tick(s, SINGLE_RETRANSMIT_US);
    single_status(s, 2, 0, 0, 0);
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 1);
    batch = single_batch(s, 1);
    single_prepares(s, &batch, 1);
    single_commits(s, &batch, 2);
    assert_int_equal(s->update.delivery_count, 1);
    buffer_free(&record);
    single_free(s);
}

static void restored_final_batches_are_delivered_again(void **state)
{
    struct single *s = single_new(1, 1);
    struct buffer record = BUFFER_INIT(FRAME_BODY_BYTES_MAX);
    struct batch batch = single_batch(s, 1);
    single_pre_prepare(s, &batch);
    copy_record(&record, s, PBFT_RECORD_BATCH);
    single_restart(s);
    assert_null(pbft_restore_batch(s->core, 1, buffer_slice(&record), true));
    single_tick(s, 0);
    assert_int_equal(s->update.delivery_count, 1);
    assert_int_equal(s->update.deliveries[0].requests[0].session, 5);
    buffer_free(&record);
    single_free(s);
}

static void a_fetched_batch_whose_final_record_was_lost_is_asked_for_again(void **state)
{
    struct single *s = single_new(1, 1);
    struct buffer record = BUFFER_INIT(FRAME_BODY_BYTES_MAX);
    struct batch batch = forge_batch(1, 77, 0, NULL);
    single_fetched(s, 2, &batch);
    single_fetched(s, 3, &batch);
    copy_record(&record, s, PBFT_RECORD_BATCH);
    single_restart(s);
    assert_null(pbft_restore_batch(s->core, 1, buffer_slice(&record), false));
    single_tick(s, 0);
    assert_int_equal(s->update.delivery_count, 0);
    single_tick(s, SINGLE_RETRANSMIT_US);
    single_status(s, 2, 0, 0, 0);
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 0);
    single_fetched(s, 2, &batch);
    single_fetched(s, 0, &batch);
    assert_int_equal(s->update.delivery_count, 1);
    buffer_free(&record);
    single_free(s);
}

static void a_restored_state_has_the_replies_and_the_watermarks(void **state)
{
    struct single *s = single_new(1, 1);
    struct buffer record = BUFFER_INIT(FRAME_BODY_BYTES_MAX);
    single_run(s, 0, 4);
    uint8_t digest[DIGEST_BYTES], again[DIGEST_BYTES];
    single_own_digest(s, digest);
    single_checkpoint_from(s, 2, 4, digest);
    single_checkpoint_from(s, 3, 4, digest);
    copy_record(&record, s, PBFT_RECORD_STATE);
    single_restart(s);
    struct slice app_state;
    assert_null(pbft_restore_state(s->core, 4, buffer_slice(&record), &app_state));
    assert_true(slice_equal(app_state, slice_text("state")));
    assert_int_equal(single_info(s).executed, 4);
    assert_int_equal(single_info(s).stable, 4);
    single_ask(s, 0, 5, 4);
    assert_int_equal(s->update.reply_count, 1);
    /* It still has its own checkpoint for others that are behind. */
    single_tick(s, SINGLE_RETRANSMIT_US);
    single_status(s, 2, 4, 4, 0);
    single_own_digest(s, again);
    assert_memory_equal(digest, again, DIGEST_BYTES);
    /* And goes on from there. */
    single_run(s, 4, 5);
    assert_int_equal(single_info(s).executed, 5);
    buffer_free(&record);
    single_free(s);
}

static void after_a_restored_state_time_passes_until_the_executor_says_otherwise(void **state)
{
    struct single *s = single_new(0, 1);
    struct buffer record = BUFFER_INIT(FRAME_BODY_BYTES_MAX);
    for (uint64_t seq = 1; seq <= 4; seq++) {
        struct batch batch = forge_batch(seq, SINGLE_CLOCK_US + seq, 0, NULL);
        single_fetched(s, 1, &batch);
        single_fetched(s, 2, &batch);
        single_executed(s, seq, NULL, 0);
    }
    single_make_stable(s, 4);
    copy_record(&record, s, PBFT_RECORD_STATE);
    single_restart(s);
    struct slice app_state;
    assert_null(pbft_restore_state(s->core, 4, buffer_slice(&record), &app_state));
    single_tick(s, SINGLE_HEARTBEAT_US);
    struct pre_prepare m;
    assert_non_null(single_send_of(s, MESSAGE_PRE_PREPARE));
    assert_null(pre_prepare_decode(single_send_of(s, MESSAGE_PRE_PREPARE)->body, &m));
    assert_int_equal(m.batch.seq, 5);
    assert_int_equal(m.batch.request_count, 0);
    buffer_free(&record);
    single_free(s);
}

static void records_that_do_not_fit_are_refused(void **state)
{
    struct single *s = single_new(1, 1);
    struct buffer b = BUFFER_INIT(FRAME_BODY_BYTES_MAX);
    struct slice app_state;
    put_u64(&b, 4);
    assert_non_null(pbft_restore_state(s->core, 4, buffer_slice(&b), &app_state));
    assert_non_null(pbft_restore_state(s->core, 5, buffer_slice(&b), &app_state));
    single_restart(s);
    assert_non_null(pbft_restore_batch(s->core, 1, buffer_slice(&b), true));
    struct batch batch = single_batch(s, 17);
    forge_pre_prepare(&b, 0, 0, &batch);
    assert_non_null(pbft_restore_batch(s->core, 17, buffer_slice(&b), true));
    assert_non_null(pbft_restore_batch(s->core, 16, buffer_slice(&b), true));
    buffer_free(&b);
    single_free(s);
}

static void a_primary_that_lost_its_log_does_not_contradict_itself(void **state)
{
    struct single *s = single_new(0, 1);
    single_status(s, 1, 3, 3, 0);
    single_status(s, 2, 3, 3, 0);
    single_ask(s, 1, 5, 1);
    assert_int_equal(single_sent(s, MESSAGE_PRE_PREPARE), 0);
    for (uint64_t seq = 1; seq <= 3; seq++) {
        struct batch batch = forge_batch(seq, SINGLE_CLOCK_US + seq, 0, NULL);
        single_fetched(s, 1, &batch);
        single_fetched(s, 2, &batch);
    }
    /* two in flight: there is room once two of the three are executed */
    for (uint64_t seq = 1; seq <= 2; seq++) {
        assert_int_equal(single_sent(s, MESSAGE_PRE_PREPARE), 0);
        single_executed(s, seq, NULL, 0);
    }
    struct pre_prepare m;
    assert_null(pre_prepare_decode(single_send_of(s, MESSAGE_PRE_PREPARE)->body, &m));
    assert_int_equal(m.batch.seq, 4);
    single_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_restored_primary_proposes_behind_what_it_promised),
        cmocka_unit_test(a_restored_backup_keeps_its_promise),
        cmocka_unit_test(restored_final_batches_are_delivered_again),
        cmocka_unit_test(a_fetched_batch_whose_final_record_was_lost_is_asked_for_again),
        cmocka_unit_test(a_restored_state_has_the_replies_and_the_watermarks),
        cmocka_unit_test(after_a_restored_state_time_passes_until_the_executor_says_otherwise),
        cmocka_unit_test(records_that_do_not_fit_are_refused),
        cmocka_unit_test(a_primary_that_lost_its_log_does_not_contradict_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
