/* The normal case, rule by rule: Castro and Liskov, Practical Byzantine Fault Tolerance (OSDI
 * 1999), section 4.2. Each test is named after the rule that it proves. */
#include "tests/unit/pbft/forge.h"
#include "tests/unit/pbft/single.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <string.h>

/* ---- pre-prepare ---- */

static void castro_liskov_4_2_primary_multicasts_a_signed_pre_prepare(void **state)
{
    struct single *s = single_new(0, 1);
    single_ask(s, 1, 5, 1);
    const struct pbft_send *send = single_send_of(s, MESSAGE_PRE_PREPARE);
    assert_non_null(send);
    assert_int_equal(send->to, PBFT_TO_ALL);
    struct pre_prepare m;
    assert_null(pre_prepare_decode(send->body, &m));
    assert_int_equal(m.view, 0);
    assert_int_equal(m.batch.seq, 1);
    assert_int_equal(m.batch.request_count, 1);
    struct buffer expected = BUFFER_INIT(4096);
    forge_pre_prepare(&expected, 0, 0, &m.batch);
    assert_true(slice_equal(send->body, buffer_slice(&expected)));
    buffer_free(&expected);
    single_free(s);
}

static void castro_liskov_4_2_proposal_is_durable_before_it_leaves(void **state)
{
    struct single *s = single_new(0, 1);
    single_ask(s, 1, 5, 1);
    const struct pbft_record *record = single_record_of(s, PBFT_RECORD_BATCH);
    assert_non_null(record);
    assert_true(record->durable);
    assert_int_equal(record->seq, 1);
    assert_true(slice_equal(record->value, single_send_of(s, MESSAGE_PRE_PREPARE)->body));
    single_free(s);
}

static void castro_liskov_4_2_backup_multicasts_prepare_after_the_durable_record(void **state)
{
    struct single *s = single_new(1, 1);
    struct batch batch = single_batch(s, 1);
    single_pre_prepare(s, &batch);
    assert_null(s->update.invalid);
    const struct pbft_record *record = single_record_of(s, PBFT_RECORD_BATCH);
    assert_non_null(record);
    assert_true(record->durable);
    const struct pbft_send *send = single_send_of(s, MESSAGE_PREPARE);
    assert_non_null(send);
    struct prepare m;
    assert_null(prepare_decode(send->body, &m));
    assert_int_equal(m.replica, 1);
    uint8_t digest[DIGEST_BYTES];
    forge_batch_digest(&batch, digest);
    assert_memory_equal(m.digest, digest, DIGEST_BYTES);
    single_free(s);
}

static void expect_not_accepted(struct single *s)
{
    assert_int_equal(s->update.persist_count, 0);
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 0);
}

/* Late, or early: nobody lies, so nothing is said. */
static void castro_liskov_4_2_pre_prepare_of_another_view_is_not_accepted(void **state)
{
    struct single *s = single_new(2, 1);
    struct batch batch = single_batch(s, 1);
    forge_pre_prepare(&s->out, 0, 4, &batch); /* replica 0 is the primary of view 4 too */
    single_message(s, 0, MESSAGE_PRE_PREPARE);
    assert_null(s->update.invalid);
    expect_not_accepted(s);
    single_free(s);
}

static void messages_of_another_view_do_not_count(void **state)
{
    struct single *s = single_new(1, 1);
    struct batch batch = single_batch(s, 1);
    uint8_t digest[DIGEST_BYTES];
    forge_batch_digest(&batch, digest);
    single_pre_prepare(s, &batch);
    forge_prepare(&s->out, 2, 4, 1, digest);
    single_message(s, 2, MESSAGE_PREPARE);
    assert_null(s->update.invalid);
    assert_int_equal(single_sent(s, MESSAGE_COMMIT), 0);
    single_prepares(s, &batch, 1);
    assert_int_equal(single_sent(s, MESSAGE_COMMIT), 1);
    single_commits(s, &batch, 1);
    forge_commit(&s->out, 4, 1, digest);
    single_message(s, 3, MESSAGE_COMMIT);
    assert_null(s->update.invalid);
    assert_int_equal(s->update.delivery_count, 0);
    /* … and do not stand in the way of the sender's word in this one. */
    forge_commit(&s->out, 0, 1, digest);
    single_message(s, 3, MESSAGE_COMMIT);
    assert_int_equal(s->update.delivery_count, 1);
    single_free(s);
}

static void castro_liskov_4_2_pre_prepare_must_be_signed_by_the_primary(void **state)
{
    struct single *s = single_new(2, 1);
    struct batch batch = single_batch(s, 1);
    forge_pre_prepare(&s->out, 1, 0, &batch);
    single_message(s, 1, MESSAGE_PRE_PREPARE);
    assert_string_equal(s->update.invalid, "pre-prepare with a wrong signature");
    expect_not_accepted(s);
    single_free(s);
}

static void a_backup_may_pass_the_primarys_pre_prepare_on(void **state)
{
    struct single *s = single_new(2, 1);
    struct batch batch = single_batch(s, 1);
    forge_pre_prepare(&s->out, 0, 0, &batch);
    single_message(s, 3, MESSAGE_PRE_PREPARE);
    assert_null(s->update.invalid);
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 1);
    single_free(s);
}

static void castro_liskov_4_2_pre_prepare_above_high_water_mark_is_rejected(void **state)
{
    struct single *s = single_new(1, 1);
    struct batch batch = single_batch(s, 17);
    single_pre_prepare(s, &batch);
    expect_not_accepted(s);
    batch = single_batch(s, 16);
    single_pre_prepare(s, &batch);
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 1);
    single_free(s);
}

static void castro_liskov_4_2_second_different_pre_prepare_is_rejected(void **state)
{
    struct single *s = single_new(1, 1);
    struct batch batch = single_batch(s, 1);
    single_pre_prepare(s, &batch);
    struct batch other = batch;
    other.timestamp_us++;
    single_pre_prepare(s, &other);
    assert_string_equal(
        s->update.invalid, "the primary proposed two batches at one sequence number");
    expect_not_accepted(s);
    /* The first one is kept: its prepares still count. */
    single_prepares(s, &batch, 1);
    assert_int_equal(single_sent(s, MESSAGE_COMMIT), 1);
    single_free(s);
}

static void nobody_can_make_the_primary_look_like_a_liar(void **state)
{
    struct single *s = single_new(1, 1);
    struct batch batch = single_batch(s, 1);
    single_pre_prepare(s, &batch);
    batch.timestamp_us++;
    forge_pre_prepare(&s->out, 3, 0, &batch);
    single_message(s, 3, MESSAGE_PRE_PREPARE);
    assert_string_equal(s->update.invalid, "pre-prepare with a wrong signature");
    single_free(s);
}

static void the_same_pre_prepare_again_changes_nothing(void **state)
{
    struct single *s = single_new(1, 1);
    struct batch batch = single_batch(s, 1);
    single_pre_prepare(s, &batch);
    single_pre_prepare(s, &batch);
    assert_null(s->update.invalid);
    expect_not_accepted(s);
    single_free(s);
}

/* ---- prepare ---- */

static void prepared_needs(unsigned faults)
{
    struct single *s = single_new(1, faults);
    struct batch batch = single_batch(s, 1);
    single_pre_prepare(s, &batch);
    /* The own one counts, so 2f-1 others are needed. */
    if (2 * faults - 2 > 0)
        single_prepares(s, &batch, 2 * faults - 2);
    assert_int_equal(single_sent(s, MESSAGE_COMMIT), 0);
    /* The first one again is not another one. */
    uint8_t digest[DIGEST_BYTES];
    forge_batch_digest(&batch, digest);
    if (faults > 1) {
        forge_prepare(&s->out, 2, 0, 1, digest);
        single_message(s, 2, MESSAGE_PREPARE);
        assert_int_equal(single_sent(s, MESSAGE_COMMIT), 0);
    }
    forge_prepare(&s->out, 3 * faults, 0, 1, digest);
    single_message(s, 3 * faults, MESSAGE_PREPARE);
    assert_int_equal(single_sent(s, MESSAGE_COMMIT), 1);
    single_free(s);
}

static void castro_liskov_4_2_prepared_needs_2f_matching_prepares_from_different_replicas(
    void **state)
{
    prepared_needs(1);
    prepared_needs(2);
}

static void castro_liskov_4_2_prepared_needs_the_pre_prepare(void **state)
{
    struct single *s = single_new(1, 1);
    struct batch batch = single_batch(s, 1);
    single_prepares(s, &batch, 2);
    assert_int_equal(single_sent(s, MESSAGE_COMMIT), 0);
    /* Prepares that came first count as soon as it is there. */
    single_pre_prepare(s, &batch);
    assert_int_equal(single_sent(s, MESSAGE_COMMIT), 1);
    single_free(s);
}

static void castro_liskov_4_2_prepares_for_another_digest_do_not_match(void **state)
{
    struct single *s = single_new(1, 1);
    struct batch batch = single_batch(s, 1);
    uint8_t digest[DIGEST_BYTES] = {1};
    forge_prepare(&s->out, 2, 0, 1, digest);
    single_message(s, 2, MESSAGE_PREPARE);
    single_pre_prepare(s, &batch);
    assert_int_equal(single_sent(s, MESSAGE_COMMIT), 0);
    forge_prepare(&s->out, 3, 0, 1, digest);
    single_message(s, 3, MESSAGE_PREPARE);
    assert_string_equal(s->update.invalid, "prepare for another batch than the one proposed here");
    assert_int_equal(single_sent(s, MESSAGE_COMMIT), 0);
    single_free(s);
}

static void castro_liskov_4_2_the_primary_sends_no_prepare(void **state)
{
    struct single *s = single_new(1, 1);
    struct batch batch = single_batch(s, 1);
    uint8_t digest[DIGEST_BYTES];
    forge_batch_digest(&batch, digest);
    single_pre_prepare(s, &batch);
    forge_prepare(&s->out, 0, 0, 1, digest);
    single_message(s, 0, MESSAGE_PREPARE);
    assert_string_equal(s->update.invalid, "prepare from the primary");
    assert_int_equal(single_sent(s, MESSAGE_COMMIT), 0);
    single_free(s);
}

static void castro_liskov_4_2_prepare_must_be_signed_by_its_sender(void **state)
{
    struct single *s = single_new(1, 1);
    struct batch batch = single_batch(s, 1);
    uint8_t digest[DIGEST_BYTES];
    forge_batch_digest(&batch, digest);
    single_pre_prepare(s, &batch);
    forge_prepare(&s->out, 2, 0, 1, digest);
    s->out.data[s->out.size - 1] ^= 1;
    single_message(s, 2, MESSAGE_PREPARE);
    assert_string_equal(s->update.invalid, "prepare with a wrong signature");
    forge_prepare(&s->out, 3, 0, 1, digest);
    single_message(s, 2, MESSAGE_PREPARE);
    assert_string_equal(s->update.invalid, "prepare of another replica");
    assert_int_equal(single_sent(s, MESSAGE_COMMIT), 0);
    single_free(s);
}

static void a_second_different_prepare_is_a_lie_and_the_first_counts(void **state)
{
    struct single *s = single_new(1, 1);
    struct batch batch = single_batch(s, 1);
    uint8_t digest[DIGEST_BYTES] = {7};
    single_prepares(s, &batch, 1); /* of replica 2 */
    forge_prepare(&s->out, 2, 0, 1, digest);
    single_message(s, 2, MESSAGE_PREPARE);
    assert_string_equal(s->update.invalid, "a second, different prepare");
    single_pre_prepare(s, &batch);
    assert_int_equal(single_sent(s, MESSAGE_COMMIT), 1);
    single_free(s);
}

static void no_signature_is_verified_once_the_quorum_is_complete(void **state)
{
    struct single *s = single_new(1, 1);
    struct batch batch = single_batch(s, 1);
    single_pre_prepare(s, &batch);
    single_prepares(s, &batch, 1);
    unsigned before = s->signer.replica_verified_count;
    single_prepares(s, &batch, 2);
    assert_int_equal(s->signer.replica_verified_count, before);
    single_free(s);
}

/* ---- commit ---- */

static void committed_local_needs(unsigned faults)
{
    struct single *s = single_new(1, faults);
    struct batch batch = single_batch(s, 1);
    single_pre_prepare(s, &batch);
    single_prepares(s, &batch, 2 * faults - 1);
    single_commits(s, &batch, 2 * faults - 1); /* and the own one: 2f */
    assert_int_equal(s->update.delivery_count, 0);
    single_commits(s, &batch, 1); /* again: not another replica */
    assert_int_equal(s->update.delivery_count, 0);
    uint8_t digest[DIGEST_BYTES];
    forge_batch_digest(&batch, digest);
    forge_commit(&s->out, 0, 1, digest);
    single_message(s, 3 * faults, MESSAGE_COMMIT);
    assert_int_equal(s->update.delivery_count, 1);
    assert_non_null(single_record_of(s, PBFT_RECORD_COMMITTED));
    single_free(s);
}

static void castro_liskov_4_2_committed_local_needs_2f_plus_1_matching_commits(void **state)
{
    committed_local_needs(1);
    committed_local_needs(2);
}

static void castro_liskov_4_2_committed_local_needs_prepared(void **state)
{
    struct single *s = single_new(1, 1);
    struct batch batch = single_batch(s, 1);
    single_pre_prepare(s, &batch);
    single_commits(s, &batch, 3);
    assert_int_equal(s->update.delivery_count, 0);
    single_prepares(s, &batch, 1);
    assert_int_equal(s->update.delivery_count, 1);
    single_free(s);
}

static void commits_for_another_digest_do_not_match(void **state)
{
    struct single *s = single_new(1, 1);
    struct batch batch = single_batch(s, 1);
    uint8_t digest[DIGEST_BYTES] = {1};
    forge_commit(&s->out, 0, 1, digest);
    single_message(s, 0, MESSAGE_COMMIT);
    single_message(s, 2, MESSAGE_COMMIT);
    single_pre_prepare(s, &batch);
    single_prepares(s, &batch, 1);
    single_message(s, 3, MESSAGE_COMMIT);
    assert_int_equal(s->update.delivery_count, 0);
    /* The first word of 0 and 2 counts; only 3 is left, and two are not enough. */
    single_commits(s, &batch, 3);
    assert_int_equal(s->update.delivery_count, 0);
    single_free(s);
}

static void batches_are_delivered_in_order_without_gaps(void **state)
{
    struct single *s = single_new(1, 1);
    struct batch batch = single_batch(s, 2);
    single_agree(s, &batch);
    assert_int_equal(s->update.delivery_count, 0);
    batch = single_batch(s, 1);
    single_agree(s, &batch);
    assert_int_equal(s->update.delivery_count, 2);
    assert_int_equal(s->update.deliveries[0].batch.seq, 1);
    assert_int_equal(s->update.deliveries[1].batch.seq, 2);
    assert_int_equal(s->update.deliveries[1].requests[0].number, 2);
    single_free(s);
}

static void more_deliveries_than_an_update_holds_follow_in_the_next(void **state)
{
    struct single *s = single_new(1, 1);
    for (uint64_t seq = 10; seq >= 1; seq--) {
        struct batch batch = single_batch(s, seq);
        single_agree(s, &batch);
    }
    assert_int_equal(s->update.delivery_count, PBFT_DELIVERIES_MAX);
    assert_true(pbft_deadline(s->core) <= s->now_us);
    single_tick(s, 0);
    assert_int_equal(s->update.delivery_count, 10 - PBFT_DELIVERIES_MAX);
    assert_true(pbft_deadline(s->core) > s->now_us);
    single_free(s);
}

static void messages_that_are_not_agreement_are_dropped(void **state)
{
    struct single *s = single_new(1, 1);
    buffer_clear(&s->out);
    put_u64(&s->out, 7);
    single_message(s, 2, MESSAGE_HELLO);
    assert_non_null(s->update.invalid);
    single_message(s, 2, (enum message_type)49);
    assert_non_null(s->update.invalid);
    static const enum message_type types[] = {MESSAGE_PRE_PREPARE, MESSAGE_PREPARE, MESSAGE_COMMIT,
        MESSAGE_CHECKPOINT, MESSAGE_STATUS, MESSAGE_BATCH, MESSAGE_STABLE, MESSAGE_CONTRIBUTION,
        MESSAGE_RELAY, MESSAGE_VIEW_CHANGE, MESSAGE_NEW_VIEW, MESSAGE_WANT, MESSAGE_CONTENT};
    for (unsigned i = 0; i < sizeof types / sizeof types[0]; i++) {
        single_message(s, 2, types[i]);
        assert_non_null(s->update.invalid);
        assert_int_equal(s->update.persist_count, 0);
    }
    single_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(castro_liskov_4_2_primary_multicasts_a_signed_pre_prepare),
        cmocka_unit_test(castro_liskov_4_2_proposal_is_durable_before_it_leaves),
        cmocka_unit_test(castro_liskov_4_2_backup_multicasts_prepare_after_the_durable_record),
        cmocka_unit_test(castro_liskov_4_2_pre_prepare_of_another_view_is_not_accepted),
        cmocka_unit_test(messages_of_another_view_do_not_count),
        cmocka_unit_test(castro_liskov_4_2_pre_prepare_must_be_signed_by_the_primary),
        cmocka_unit_test(a_backup_may_pass_the_primarys_pre_prepare_on),
        cmocka_unit_test(castro_liskov_4_2_pre_prepare_above_high_water_mark_is_rejected),
        cmocka_unit_test(castro_liskov_4_2_second_different_pre_prepare_is_rejected),
        cmocka_unit_test(nobody_can_make_the_primary_look_like_a_liar),
        cmocka_unit_test(the_same_pre_prepare_again_changes_nothing),
        cmocka_unit_test(
            castro_liskov_4_2_prepared_needs_2f_matching_prepares_from_different_replicas),
        cmocka_unit_test(castro_liskov_4_2_prepared_needs_the_pre_prepare),
        cmocka_unit_test(castro_liskov_4_2_prepares_for_another_digest_do_not_match),
        cmocka_unit_test(castro_liskov_4_2_the_primary_sends_no_prepare),
        cmocka_unit_test(castro_liskov_4_2_prepare_must_be_signed_by_its_sender),
        cmocka_unit_test(a_second_different_prepare_is_a_lie_and_the_first_counts),
        cmocka_unit_test(no_signature_is_verified_once_the_quorum_is_complete),
        cmocka_unit_test(castro_liskov_4_2_committed_local_needs_2f_plus_1_matching_commits),
        cmocka_unit_test(castro_liskov_4_2_committed_local_needs_prepared),
        cmocka_unit_test(commits_for_another_digest_do_not_match),
        cmocka_unit_test(batches_are_delivered_in_order_without_gaps),
        cmocka_unit_test(more_deliveries_than_an_update_holds_follow_in_the_next),
        cmocka_unit_test(messages_that_are_not_agreement_are_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
