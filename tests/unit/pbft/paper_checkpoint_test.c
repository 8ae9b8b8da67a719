/* Garbage collection (section 4.3 of the PBFT paper), retransmission and catching up.
 */
#include "proxy/pbft/core.h"
#include "tests/unit/pbft/forge.h"
#include "tests/unit/pbft/forge_view.h"
#include "tests/unit/pbft/single.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <string.h>

/* ---- checkpoints ---- */

static void castro_liskov_4_3_checkpoint_every_interval(void **state)
{
    struct single *s = single_new(1, 1);
    single_run(s, 0, 3);
    assert_int_equal(single_sent(s, MESSAGE_CHECKPOINT), 0);
    struct batch batch = single_batch(s, 4);
    single_agree(s, &batch);
    assert_true(s->update.deliveries[0].checkpoint);
    single_executed(s, 4, NULL, 1);
    const struct pbft_send *send = single_send_of(s, MESSAGE_CHECKPOINT);
    assert_non_null(send);
    assert_int_equal(send->to, PBFT_TO_ALL);
    struct checkpoint m;
    assert_null(checkpoint_decode(send->body, &m));
    assert_int_equal(m.seq, 4);
    assert_int_equal(m.replica, 1);
    single_free(s);
}

static void stable_needs(unsigned faults)
{
    struct single *s = single_new(1, faults);
    single_run(s, 0, 4);
    uint8_t digest[DIGEST_BYTES];
    single_own_digest(s, digest);
    for (unsigned peer = 2; peer < 2 * faults + 1; peer++) {
        single_checkpoint_from(s, peer, 4, digest);
        single_checkpoint_from(s, peer, 4, digest); /* again: not another replica */
        assert_int_equal(single_info(s).stable, 0);
    }
    single_checkpoint_from(s, 2 * faults + 1, 4, digest);
    assert_int_equal(single_info(s).stable, 4);
    const struct pbft_record *record = single_record_of(s, PBFT_RECORD_STATE);
    assert_non_null(record);
    assert_int_equal(record->seq, 4);
    single_free(s);
}

static void castro_liskov_4_3_stable_needs_2f_plus_1_matching_checkpoints(void **state)
{
    stable_needs(1);
    stable_needs(2);
}

static void stability_needs_the_own_execution(void **state)
{
    struct single *s = single_new(1, 1);
    single_run(s, 0, 4);
    uint8_t digest[DIGEST_BYTES];
    single_own_digest(s, digest);
    single_restart(s);
    single_run(s, 0, 3);
    single_checkpoint_from(s, 0, 4, digest);
    single_checkpoint_from(s, 2, 4, digest);
    single_checkpoint_from(s, 3, 4, digest);
    assert_int_equal(single_info(s).stable, 0);
    single_run(s, 3, 4);
    assert_int_equal(single_info(s).stable, 4);
    single_free(s);
}

static void castro_liskov_4_3_checkpoint_must_be_signed_by_its_sender(void **state)
{
    struct single *s = single_new(1, 1);
    single_run(s, 0, 4);
    uint8_t digest[DIGEST_BYTES];
    single_own_digest(s, digest);
    single_checkpoint_from(s, 2, 4, digest);
    forge_checkpoint(&s->out, 3, 4, digest);
    single_message(s, 0, MESSAGE_CHECKPOINT);
    assert_string_equal(s->update.invalid, "checkpoint of another replica");
    s->out.data[s->out.size - 1] ^= 1;
    single_message(s, 3, MESSAGE_CHECKPOINT);
    assert_string_equal(s->update.invalid, "checkpoint with a wrong signature");
    assert_int_equal(single_info(s).stable, 0);
    single_free(s);
}

static void a_second_different_checkpoint_is_a_lie(void **state)
{
    struct single *s = single_new(1, 1);
    uint8_t digest[DIGEST_BYTES] = {1};
    single_checkpoint_from(s, 2, 4, digest);
    assert_null(s->update.invalid);
    digest[0] = 2;
    single_checkpoint_from(s, 2, 4, digest);
    assert_string_equal(s->update.invalid, "a second, different checkpoint");
    single_checkpoint_from(s, 3, 5, digest);
    assert_string_equal(s->update.invalid, "no checkpoint at this sequence number");
    single_free(s);
}

static void slots_up_to_a_stable_checkpoint_are_used_again(void **state)
{
    struct single *s = single_new(1, 1);
    single_run(s, 0, 4);
    uint8_t digest[DIGEST_BYTES];
    single_own_digest(s, digest);
    struct batch batch = single_batch(s, 20);
    single_pre_prepare(s, &batch);
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 0);
    single_checkpoint_from(s, 2, 4, digest);
    single_checkpoint_from(s, 3, 4, digest);
    batch = single_batch(s, 20);
    single_pre_prepare(s, &batch);
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 1);
    /* Below the low water mark nothing is accepted any more. */
    batch = single_batch(s, 4);
    single_pre_prepare(s, &batch);
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 0);
    single_free(s);
}

static void a_replica_whose_state_2f_plus_1_others_contradict_stops(void **state)
{
    struct single *s = single_new(1, 1);
    single_run(s, 0, 4);
    uint8_t digest[DIGEST_BYTES] = {1};
    single_checkpoint_from(s, 0, 4, digest);
    single_checkpoint_from(s, 2, 4, digest);
    assert_null(s->update.diverged);
    single_checkpoint_from(s, 3, 4, digest);
    assert_non_null(s->update.diverged);
    struct batch batch = single_batch(s, 5);
    single_pre_prepare(s, &batch);
    assert_int_equal(s->update.persist_count, 0);
    assert_int_equal(s->update.send_count, 0);
    single_ask(s, 0, 5, 4); /* not even a cached reply: its word is worth nothing */
    assert_int_equal(s->update.reply_count, 0);
    assert_non_null(s->update.diverged);
    assert_true(pbft_deadline(s->core) == UINT64_MAX);
    single_free(s);
}

static void the_window_bounds_what_is_proposed(void **state)
{
    struct pbft_options options = single_options(0, 1);
    options.batches_in_flight_max = 16;
    struct single *s = single_new_with(&options);
    for (uint64_t session = 1; session <= 20; session++)
        single_ask(s, 1, session, 1);
    assert_int_equal(single_info(s).in_flight, 16);
    assert_null(slots_at(&s->core->slots, 17));
    single_free(s);
}

/* ---- retransmission ---- */

static void status_brings_what_its_sender_lacks(void **state)
{
    struct single *s = single_new(1, 1);
    single_run(s, 0, 2);
    single_tick(s, SINGLE_RETRANSMIT_US);
    single_status(s, 2, 0, 0, 0);
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 2);
    assert_int_equal(single_sent(s, MESSAGE_COMMIT), 2);
    for (unsigned i = 0; i < s->update.send_count; i++)
        assert_int_equal(s->update.sends[i].to, 2);
    single_free(s);
}

static void a_backup_passes_proposals_on_only_to_a_peer_that_is_stuck(void **state)
{
    struct single *s = single_new(1, 1);
    single_run(s, 0, 1);
    single_tick(s, SINGLE_RETRANSMIT_US);
    single_status(s, 2, 1, 1, 0);
    single_tick(s, SINGLE_RETRANSMIT_US);
    single_status(s, 2, 0, 0, 0);
    assert_int_equal(single_sent(s, MESSAGE_PRE_PREPARE), 0);
    single_tick(s, SINGLE_RETRANSMIT_US);
    single_status(s, 2, 0, 0, 0);
    assert_int_equal(single_sent(s, MESSAGE_PRE_PREPARE), 1);
    single_tick(s, SINGLE_RETRANSMIT_US);
    single_status(s, 0, 0, 0, 0); /* never back to the primary */
    assert_int_equal(single_sent(s, MESSAGE_PRE_PREPARE), 0);
    single_free(s);
}

static void a_peer_cannot_make_a_replica_flood(void **state)
{
    struct single *s = single_new(1, 1);
    single_run(s, 0, 3);
    single_tick(s, SINGLE_RETRANSMIT_US);
    single_status(s, 2, 0, 0, 0);
    assert_int_equal(single_sent(s, MESSAGE_COMMIT), 3);
    for (unsigned i = 0; i < 5; i++) {
        single_status(s, 2, 0, 0, 0);
        assert_int_equal(single_sent(s, MESSAGE_COMMIT), 0);
        assert_int_equal(single_sent(s, MESSAGE_CHECKPOINT), 0);
    }
    single_tick(s, SINGLE_RETRANSMIT_US);
    single_status(s, 2, 0, 0, 0);
    assert_int_equal(single_sent(s, MESSAGE_COMMIT), 3);
    single_free(s);
}

static void one_status_is_answered_with_a_bounded_number_of_slots(void **state)
{
    struct pbft_options options = single_options(1, 1);
    options.window = 64;
    options.checkpoint_interval = 32;
    struct single *s = single_new_with(&options);
    single_run(s, 0, 20);
    single_tick(s, SINGLE_RETRANSMIT_US);
    single_status(s, 2, 0, 0, 0);
    assert_int_equal(single_sent(s, MESSAGE_COMMIT), 16);
    single_status(s, 2, 0, 0, 0); /* the rest of the same round */
    assert_int_equal(single_sent(s, MESSAGE_COMMIT), 4);
    single_free(s);
}

static void one_status_is_answered_with_a_bounded_number_of_bytes(void **state)
{
    static char large[1000 << 10];
    memset(large, 'x', sizeof large - 1);
    struct pbft_options options = single_options(0, 1);
    options.batches_in_flight_max = 16;
    struct single *s = single_new_with(&options);
    for (uint64_t session = 1; session <= 10; session++) {
        buffer_clear(&s->requests);
        struct request r = forge_request(&s->requests, 1, session, 1, large);
        single_request(s, &r);
        assert_int_equal(single_sent(s, MESSAGE_PRE_PREPARE), 1);
        /* It is ordered elsewhere, as it were: make room in the pending table. */
        pending_done(&s->core->pending, 1, session, 1);
    }
    single_tick(s, SINGLE_RETRANSMIT_US);
    single_status(s, 2, 0, 0, 0);
    assert_int_equal(single_sent(s, MESSAGE_PRE_PREPARE), 5);
    single_free(s);
}

static void a_status_that_contradicts_itself_is_dropped(void **state)
{
    struct single *s = single_new(1, 1);
    single_status(s, 2, 5, 6, 4);
    assert_string_equal(s->update.invalid, "status that contradicts itself");
    single_status(s, 2, 6, 5, 6);
    assert_string_equal(s->update.invalid, "status that contradicts itself");
    assert_int_equal(single_info(s).peer_executed[2], 0);
    single_free(s);
}

static void the_largest_numbers_are_harmless(void **state)
{
    struct single *s = single_new(1, 1);
    single_run(s, 0, 4);
    single_make_stable(s, 4);
    single_run(s, 4, 8);
    single_status(s, 2, UINT64_MAX, UINT64_MAX, UINT64_MAX);
    assert_int_equal(s->update.send_count, 0);
    assert_int_equal(single_info(s).stable, 4);
    uint8_t digest[DIGEST_BYTES] = {1};
    forge_prepare(&s->out, 2, 0, UINT64_MAX, digest);
    single_message(s, 2, MESSAGE_PREPARE);
    forge_commit(&s->out, 0, UINT64_MAX, digest);
    single_message(s, 2, MESSAGE_COMMIT);
    single_checkpoint_from(s, 2, UINT64_MAX - UINT64_MAX % 4, digest);
    struct batch batch = forge_batch(UINT64_MAX, UINT64_MAX, 0, NULL);
    single_pre_prepare(s, &batch);
    single_fetched(s, 2, &batch);
    assert_int_equal(s->update.persist_count, 0);
    single_free(s);
}

static void status_is_sent_sooner_while_something_is_outstanding(void **state)
{
    struct single *s = single_new(1, 1);
    single_tick(s, 0);
    assert_int_equal(single_sent(s, MESSAGE_STATUS), 1);
    assert_true(pbft_deadline(s->core) == s->now_us + SINGLE_HEARTBEAT_US);
    struct batch batch = single_batch(s, 1);
    single_pre_prepare(s, &batch);
    assert_true(pbft_deadline(s->core) == s->now_us + SINGLE_RETRANSMIT_US);
    single_free(s);
}

static void checkpoints_are_sent_again_to_who_lacks_them(void **state)
{
    struct single *s = single_new(1, 1);
    single_run(s, 0, 4);
    single_tick(s, SINGLE_RETRANSMIT_US);
    single_status(s, 2, 4, 4, 0);
    assert_int_equal(single_sent(s, MESSAGE_CHECKPOINT), 1);
    single_tick(s, SINGLE_RETRANSMIT_US);
    single_status(s, 2, 4, 4, 4);
    assert_int_equal(single_sent(s, MESSAGE_CHECKPOINT), 0);
    single_free(s);
}

/* ---- catching up ---- */

static void one_peer_alone_cannot_start_a_fetch(void **state)
{
    struct single *s = single_new(1, 1);
    single_status(s, 2, UINT64_MAX, 5, 4);
    for (unsigned i = 0; i < 10; i++) {
        single_tick(s, SINGLE_RETRANSMIT_US);
        assert_int_equal(single_sent(s, MESSAGE_FETCH), 0);
    }
    single_free(s);
}

static void f_plus_1_peers_ahead_without_progress_start_a_fetch(void **state)
{
    struct single *s = single_new(1, 1);
    single_status(s, 2, 7, 7, 0);
    single_status(s, 3, 9, 9, 0);
    single_tick(s, 2 * SINGLE_RETRANSMIT_US);
    assert_false(s->update.fetch);
    single_tick(s, SINGLE_RETRANSMIT_US);
    assert_true(s->update.fetch);
    assert_int_equal(single_sent(s, MESSAGE_FETCH), 2);
    struct fetch m;
    assert_null(fetch_decode(single_send_of(s, MESSAGE_FETCH)->body, &m));
    assert_int_equal(m.seq, 1);
    assert_int_equal(m.count, 7); /* what f+1 say exists */
    single_tick(s, 0);
    assert_false(s->update.fetch);
    single_free(s);
}

static void f_plus_1_equal_fetched_batches_are_final(void **state)
{
    struct single *s = single_new(1, 1);
    struct batch batch = forge_batch(1, 77, 0, NULL); /* old: the clock does not matter here */
    single_fetched(s, 2, &batch);
    single_fetched(s, 2, &batch);
    assert_int_equal(s->update.delivery_count, 0);
    struct batch other = forge_batch(1, 78, 0, NULL);
    single_fetched(s, 3, &other);
    assert_int_equal(s->update.delivery_count, 0);
    single_fetched(s, 3, &batch);
    assert_string_equal(s->update.invalid, "a second, different final batch");
    single_fetched(s, 0, &batch);
    assert_int_equal(s->update.delivery_count, 1);
    const struct pbft_record *record = single_record_of(s, PBFT_RECORD_BATCH);
    assert_non_null(record);
    assert_true(record->durable);
    assert_non_null(single_record_of(s, PBFT_RECORD_COMMITTED));
    single_free(s);
}

static void a_fetched_batch_wins_over_what_a_faulty_primary_said(void **state)
{
    struct single *s = single_new(1, 1);
    struct batch batch = single_batch(s, 1);
    single_pre_prepare(s, &batch);
    struct batch final = forge_batch(1, SINGLE_CLOCK_US + 1, 0, NULL);
    single_fetched(s, 2, &final);
    single_fetched(s, 3, &final);
    assert_int_equal(s->update.delivery_count, 1);
    assert_int_equal(s->update.deliveries[0].batch.request_count, 0);
    single_free(s);
}

static void a_replica_vouches_for_what_it_fetched(void **state)
{
    struct single *s = single_new(1, 1);
    struct batch batch = forge_batch(1, SINGLE_CLOCK_US, 0, NULL);
    single_fetched(s, 2, &batch);
    single_fetched(s, 3, &batch);
    single_tick(s, SINGLE_RETRANSMIT_US);
    single_status(s, 2, 0, 0, 0);
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 1);
    assert_int_equal(single_sent(s, MESSAGE_COMMIT), 1);
    single_free(s);
}

/* What it prepared may have been replaced in a view that it does not know yet. */
static void a_replica_never_sends_two_different_commits(void **state)
{
    struct single *s = single_new(1, 1);
    struct batch batch = single_batch(s, 1);
    single_pre_prepare(s, &batch);
    single_prepares(s, &batch, 1);
    assert_int_equal(single_sent(s, MESSAGE_COMMIT), 1);
    struct batch final = forge_batch(1, SINGLE_CLOCK_US + 1, 0, NULL);
    single_fetched(s, 2, &final);
    single_fetched(s, 3, &final);
    assert_int_equal(s->update.delivery_count, 1);
    single_tick(s, SINGLE_RETRANSMIT_US);
    uint8_t digest[DIGEST_BYTES];
    forge_batch_digest(&final, digest);
    buffer_clear(&s->out);
    struct status m = {.view = 0, .active = true};
    forge_status_of(&s->out, &m);
    statements_free(s->said); /* the test looks for itself */
    s->said = statements_new(1, 4);
    single_message(s, 2, MESSAGE_STATUS);
    struct commit commit;
    const struct pbft_send *send = single_send_of(s, MESSAGE_COMMIT);
    if (send != NULL) {
        assert_null(commit_decode(send->body, &commit));
        assert_memory_not_equal(commit.digest, digest, DIGEST_BYTES);
    }
    single_free(s);
}

static void a_fetch_asks_for_no_more_than_the_window_holds(void **state)
{
    struct single *s = single_new(1, 1);
    single_status(s, 2, 1000, 1000, 996);
    single_status(s, 3, 1000, 1000, 996);
    single_tick(s, SINGLE_RETRANSMIT_US); /* sooner: the others have forgotten it */
    struct fetch m;
    assert_non_null(single_send_of(s, MESSAGE_FETCH));
    assert_null(fetch_decode(single_send_of(s, MESSAGE_FETCH)->body, &m));
    assert_int_equal(m.seq, 1);
    assert_int_equal(m.count, 16);
    single_free(s);
}

/* ---- certificates of stability ---- */

static void claims_do_not_move_the_low_water_mark(void **state)
{
    struct single *s = single_new(1, 1);
    single_run(s, 0, 4);
    for (unsigned peer = 0; peer < 4; peer++) {
        if (peer != 1)
            single_status(s, peer, 40, 40, 36);
    }
    assert_int_equal(single_info(s).stable, 0);
    assert_null(single_record_of(s, PBFT_RECORD_STATE));
    single_free(s);
}

static void stable_from(
    struct single *s, uint64_t seq, const uint8_t digest[static DIGEST_BYTES], uint32_t signers)
{
    forge_stable(&s->out, seq, digest, signers);
    single_message(s, 3, MESSAGE_STABLE);
}

static void a_certificate_of_2f_plus_1_moves_the_low_water_mark(void **state)
{
    struct single *s = single_new(1, 1);
    single_run(s, 0, 4);
    uint8_t digest[DIGEST_BYTES];
    single_own_digest(s, digest);
    stable_from(s, 4, digest, 0xd);
    assert_null(s->update.invalid);
    assert_int_equal(single_info(s).stable, 4);
    assert_non_null(single_record_of(s, PBFT_RECORD_STATE));
    single_free(s);
}

/* What 2f+1 signed later is final, and includes what this replica has executed. */
static void a_later_certificate_moves_the_low_water_mark_to_the_own_newest_checkpoint(void **state)
{
    struct single *s = single_new(1, 1);
    uint8_t digest[DIGEST_BYTES] = {9};
    single_run(s, 0, 6);
    stable_from(s, 40, digest, 0xd);
    assert_int_equal(single_info(s).stable, 4);
    assert_int_equal(single_info(s).executed, 6);
    /* It passes on what it knows, not only what it has. */
    single_tick(s, SINGLE_RETRANSMIT_US);
    single_status(s, 2, 1, 1, 0);
    struct stable m;
    assert_non_null(single_send_of(s, MESSAGE_STABLE));
    assert_null(stable_decode(single_send_of(s, MESSAGE_STABLE)->body, &m));
    assert_int_equal(m.seq, 40);
    assert_int_equal(m.signers, 0xd);
    single_free(s);
}

static void a_certificate_that_proves_nothing_is_refused(void **state)
{
    struct single *s = single_new(1, 1);
    single_run(s, 0, 4);
    uint8_t digest[DIGEST_BYTES];
    single_own_digest(s, digest);
    static const char unproved[] = "a certificate that proves no stable checkpoint";
    stable_from(s, 4, digest, 0x9); /* two are not 2f+1 */
    assert_string_equal(s->update.invalid, unproved);
    stable_from(s, 6, digest, 0xd);
    assert_string_equal(s->update.invalid, unproved);
    stable_from(s, 4, digest, 0x1d);
    assert_string_equal(s->update.invalid, "a certificate of unknown replicas");
    forge_stable(&s->out, 4, digest, 0xd);
    s->out.data[s->out.size - 1] ^= 1;
    single_message(s, 3, MESSAGE_STABLE);
    assert_string_equal(s->update.invalid, unproved);
    /* A checkpoint's signature is for its own sequence number. */
    forge_stable(&s->out, 8, digest, 0xd);
    s->out.data[7] = 4;
    single_message(s, 3, MESSAGE_STABLE);
    assert_string_equal(s->update.invalid, unproved);
    assert_int_equal(single_info(s).stable, 0);
    single_free(s);
}

/* Whoever lied to this replica alone cannot keep it from a certificate. */
static void what_2f_plus_1_signed_counts_more_than_what_one_said_before(void **state)
{
    struct single *s = single_new(1, 1);
    uint8_t lie[DIGEST_BYTES] = {1}, digest[DIGEST_BYTES];
    single_checkpoint_from(s, 2, 4, lie);
    single_run(s, 0, 4);
    single_own_digest(s, digest);
    stable_from(s, 4, digest, 0xd);
    assert_int_equal(single_info(s).stable, 4);
    single_free(s);
}

static void a_certificate_of_another_state_shows_divergence(void **state)
{
    struct single *s = single_new(1, 1);
    single_run(s, 0, 4);
    uint8_t digest[DIGEST_BYTES] = {1};
    stable_from(s, 4, digest, 0xd);
    assert_non_null(s->update.diverged);
    single_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(castro_liskov_4_3_checkpoint_every_interval),
        cmocka_unit_test(castro_liskov_4_3_stable_needs_2f_plus_1_matching_checkpoints),
        cmocka_unit_test(stability_needs_the_own_execution),
        cmocka_unit_test(castro_liskov_4_3_checkpoint_must_be_signed_by_its_sender),
        cmocka_unit_test(a_second_different_checkpoint_is_a_lie),
        cmocka_unit_test(slots_up_to_a_stable_checkpoint_are_used_again),
        cmocka_unit_test(a_replica_whose_state_2f_plus_1_others_contradict_stops),
        cmocka_unit_test(the_window_bounds_what_is_proposed),
        cmocka_unit_test(status_brings_what_its_sender_lacks),
        cmocka_unit_test(a_backup_passes_proposals_on_only_to_a_peer_that_is_stuck),
        cmocka_unit_test(a_peer_cannot_make_a_replica_flood),
        cmocka_unit_test(one_status_is_answered_with_a_bounded_number_of_slots),
        cmocka_unit_test(one_status_is_answered_with_a_bounded_number_of_bytes),
        cmocka_unit_test(a_status_that_contradicts_itself_is_dropped),
        cmocka_unit_test(the_largest_numbers_are_harmless),
        cmocka_unit_test(status_is_sent_sooner_while_something_is_outstanding),
        cmocka_unit_test(checkpoints_are_sent_again_to_who_lacks_them),
        cmocka_unit_test(one_peer_alone_cannot_start_a_fetch),
        cmocka_unit_test(f_plus_1_peers_ahead_without_progress_start_a_fetch),
        cmocka_unit_test(f_plus_1_equal_fetched_batches_are_final),
        cmocka_unit_test(a_fetched_batch_wins_over_what_a_faulty_primary_said),
        cmocka_unit_test(a_replica_vouches_for_what_it_fetched),
        cmocka_unit_test(a_replica_never_sends_two_different_commits),
        cmocka_unit_test(a_fetch_asks_for_no_more_than_the_window_holds),
        cmocka_unit_test(claims_do_not_move_the_low_water_mark),
        cmocka_unit_test(a_certificate_of_2f_plus_1_moves_the_low_water_mark),
        cmocka_unit_test(a_later_certificate_moves_the_low_water_mark_to_the_own_newest_checkpoint),
        cmocka_unit_test(a_certificate_that_proves_nothing_is_refused),
        cmocka_unit_test(what_2f_plus_1_signed_counts_more_than_what_one_said_before),
        cmocka_unit_test(a_certificate_of_another_state_shows_divergence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
