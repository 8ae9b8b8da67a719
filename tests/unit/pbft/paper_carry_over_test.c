/* What a new view takes over from the old ones: Castro and Liskov (OSDI 1999), section 4.4. Batches
 * and their contents, certificates, requests and replies. */
#include "proxy/pbft/core.h"
#include "tests/unit/pbft/forge.h"
#include "tests/unit/pbft/views.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <string.h>

/* Four replicas. The core is replica 1, the primary of view 1, or replica 2, a backup of it. */
#define PRIMARY 1
#define BACKUP 2

static struct new_view new_view_sent(const struct single *s)
{
    struct new_view m = {0};
    const struct pbft_send *send = single_send_of(s, MESSAGE_NEW_VIEW);
    assert_non_null(send);
    assert_int_equal(send->to, PBFT_TO_ALL);
    assert_null(new_view_decode(send->body, &m));
    return m;
}

/* ---- contents that the primary does not have ---- */

static struct single *primary_without_content(void)
{
    struct single *s = single_new(PRIMARY, 1);
    views_leave(s);
    struct forged_change change = views_showing(s, 3, 1);
    views_change_with(s, &change);
    views_change(s, 2, 1);
    single_settle(s);
    assert_int_equal(single_info(s).active, false);
    return s;
}

static void the_primary_asks_for_contents_that_it_does_not_have(void **state)
{
    struct single *s = single_new(PRIMARY, 1);
    views_leave(s);
    struct forged_change change = views_showing(s, 3, 1);
    views_change_with(s, &change);
    views_change(s, 2, 1);
    assert_int_equal(single_sent(s, MESSAGE_NEW_VIEW), 0);
    const struct pbft_send *send = single_send_of(s, MESSAGE_WANT);
    assert_non_null(send);
    assert_int_equal(send->to, PBFT_TO_ALL);
    struct want m;
    assert_null(want_decode(send->body, &m));
    assert_int_equal(m.count, 1);
    assert_int_equal(m.wanted[0].seq, 1);
    uint8_t digest[DIGEST_BYTES];
    views_digest_of(s, 1, digest);
    assert_memory_equal(m.wanted[0].digest, digest, DIGEST_BYTES);
    /* Again after a while, and not before. */
    single_tick(s, SINGLE_RETRANSMIT_US - 1);
    assert_int_equal(single_sent(s, MESSAGE_WANT), 0);
    single_tick(s, 1);
    assert_int_equal(single_sent(s, MESSAGE_WANT), 1);
    single_free(s);
}

static void the_new_view_follows_when_the_content_has_come(void **state)
{
    struct single *s = primary_without_content();
    struct batch other = single_batch(s, 1);
    other.timestamp_us++;
    forge_content(&s->out, &other);
    single_message(s, 3, MESSAGE_CONTENT);
    assert_int_equal(single_sent(s, MESSAGE_NEW_VIEW), 0);
    assert_int_equal(s->update.persist_count, 0);
    struct batch batch = single_batch(s, 1);
    forge_content(&s->out, &batch);
    single_message(s, 0, MESSAGE_CONTENT); /* from whomever */
    assert_int_equal(new_view_sent(s).carried_count, 1);
    const struct pbft_record *record = single_record_of(s, PBFT_RECORD_BATCH);
    assert_non_null(record); /* it could not propose what it may lose */
    assert_true(record->durable);
    single_free(s);
}

static void a_certificate_without_content_does_not_hold_up_the_new_view(void **state)
{
    struct single *s = primary_without_content();
    views_change(s, 0, 1);
    struct new_view m = new_view_sent(s);
    assert_int_equal(m.senders, 0x7); /* without the one whose batch nobody has */
    assert_int_equal(m.carried_count, 0);
    single_free(s);
}

static void who_has_a_content_sends_it(void **state)
{
    struct single *s = single_new(BACKUP, 1);
    struct batch batch = single_batch(s, 1);
    single_pre_prepare(s, &batch);
    views_leave(s);
    views_want(s, 1, 2);
    assert_int_equal(single_sent(s, MESSAGE_CONTENT), 0);
    single_tick(s, SINGLE_RETRANSMIT_US);
    views_want(s, 1, 1);
    const struct pbft_send *send = single_send_of(s, MESSAGE_CONTENT);
    assert_non_null(send);
    assert_int_equal(send->to, 1);
    struct buffer expected = BUFFER_INIT(FRAME_BODY_BYTES_MAX);
    batch = single_batch(s, 1);
    forge_content(&expected, &batch);
    assert_true(slice_equal(send->body, buffer_slice(&expected)));
    /* Whoever asks all the time is not answered all the time. */
    views_want(s, 1, 1);
    assert_int_equal(single_sent(s, MESSAGE_CONTENT), 0);
    views_want(s, 3, 1);
    assert_int_equal(single_sent(s, MESSAGE_CONTENT), 1);
    buffer_free(&expected);
    single_free(s);
}

/* Its certificate still speaks of the batch that it holds apart. */
static void a_content_that_was_put_apart_is_sent(void **state)
{
    struct single *s = single_new(3, 1);
    views_prepare_at(s, 1);
    struct batch batch = single_batch(s, 2);
    views_enter_with(s, 1, &batch); /* a null batch at 1 */
    views_suspect(s, 0);
    views_suspect(s, 2);
    views_want(s, 2, 1);
    assert_int_equal(single_sent(s, MESSAGE_CONTENT), 1);
    single_free(s);
}

static void a_content_of_another_digest_than_the_one_wanted_is_not_sent(void **state)
{
    struct single *s = single_new(BACKUP, 1);
    struct batch batch = single_batch(s, 1);
    single_pre_prepare(s, &batch);
    uint8_t digest[DIGEST_BYTES] = {1};
    forge_want(&s->out, 1, digest);
    single_message(s, 1, MESSAGE_WANT);
    assert_int_equal(single_sent(s, MESSAGE_CONTENT), 0);
    single_free(s);
}

static void a_content_that_nobody_asked_for_is_ignored(void **state)
{
    struct single *s = single_new(BACKUP, 1);
    struct batch batch = single_batch(s, 1);
    forge_content(&s->out, &batch);
    single_message(s, 3, MESSAGE_CONTENT);
    views_leave(s);
    single_message(s, 3, MESSAGE_CONTENT);
    assert_int_equal(s->update.persist_count, 0);
    batch = single_batch(s, 17);
    forge_content(&s->out, &batch);
    single_message(s, 3, MESSAGE_CONTENT);
    assert_int_equal(s->update.persist_count, 0);
    single_free(s);
}

/* ---- carrying over ---- */

static void castro_liskov_4_4_backups_prepare_what_is_carried_over(void **state)
{
    struct single *s = single_new(BACKUP, 1);
    views_prepare_at(s, 1);
    struct batch batch = single_batch(s, 1);
    views_enter_with(s, 1, &batch);
    struct prepare m;
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 1);
    assert_null(prepare_decode(single_send_of(s, MESSAGE_PREPARE)->body, &m));
    assert_int_equal(m.view, 1);
    assert_int_equal(m.seq, 1);
    batch = single_batch(s, 1);
    single_prepares(s, &batch, 1);
    assert_int_equal(single_sent(s, MESSAGE_COMMIT), 1);
    single_commits(s, &batch, 2);
    assert_int_equal(s->update.delivery_count, 1);
    single_free(s);
}

static void votes_that_came_before_the_new_view_count(void **state)
{
    struct single *s = single_new(BACKUP, 1);
    views_prepare_at(s, 1);
    views_leave(s);
    s->view = 1;
    struct batch batch = single_batch(s, 1);
    single_prepares(s, &batch, 2);
    single_commits(s, &batch, 2);
    assert_int_equal(s->update.delivery_count, 0);
    s->view = 0;
    views_enter_with(s, 1, &batch);
    assert_int_equal(s->update.delivery_count, 1);
    single_free(s);
}

static void votes_of_the_old_view_do_not_count_in_the_new_one(void **state)
{
    struct single *s = single_new(BACKUP, 1);
    views_prepare_at(s, 1);
    struct batch batch = single_batch(s, 1);
    views_enter_with(s, 1, &batch);
    batch = single_batch(s, 1);
    s->view = 0;
    single_prepares(s, &batch, 2);
    assert_int_equal(single_sent(s, MESSAGE_COMMIT), 0);
    s->view = 1;
    single_prepares(s, &batch, 1);
    assert_int_equal(single_sent(s, MESSAGE_COMMIT), 1);
    s->view = 0;
    single_commits(s, &batch, 3);
    assert_int_equal(s->update.delivery_count, 0);
    s->view = 1;
    single_commits(s, &batch, 2);
    assert_int_equal(s->update.delivery_count, 1);
    single_free(s);
}

static void what_is_not_carried_over_is_dropped(void **state)
{
    struct single *s = single_new(BACKUP, 1);
    struct batch batch = single_batch(s, 1);
    single_pre_prepare(s, &batch);
    views_enter(s, 1);
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 0);
    /* The new primary may put something else there. */
    struct batch other = single_batch(s, 1);
    other.timestamp_us += 7;
    single_agree(s, &other);
    assert_int_equal(s->update.delivery_count, 1);
    assert_true(s->update.deliveries[0].batch.timestamp_us == other.timestamp_us);
    single_free(s);
}

static void what_is_final_is_vouched_for_again_but_not_executed_again(void **state)
{
    struct single *s = single_new(BACKUP, 1);
    single_run(s, 0, 1);
    struct batch batch = single_batch(s, 1);
    views_enter_with(s, 1, &batch);
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 1);
    assert_int_equal(single_sent(s, MESSAGE_COMMIT), 1);
    assert_int_equal(s->update.delivery_count, 0);
    batch = single_batch(s, 1);
    single_prepares(s, &batch, 1);
    single_commits(s, &batch, 3);
    assert_int_equal(s->update.delivery_count, 0);
    single_free(s);
}

static void what_is_final_is_not_replaced(void **state)
{
    struct single *s = single_new(BACKUP, 1);
    single_run(s, 0, 1);
    struct batch other = single_batch(s, 1);
    other.timestamp_us++;
    views_enter_with(s, 1, &other); /* more than f are faulty */
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 0);
    assert_int_equal(single_sent(s, MESSAGE_COMMIT), 0);
    assert_null(single_record_of(s, PBFT_RECORD_BATCH));
    assert_int_equal(single_info(s).executed, 1);
    single_free(s);
}

/* Leaves view 1 and enters view 2, for which only this core's own certificate counts: the batch at
 * 1 was prepared in view 0, and view 1 had a null batch there. */
static void come_back_in_view_2(struct single *s)
{
    views_suspect(s, 0);
    views_suspect(s, 1);
    struct view_change own = views_own(s);
    assert_int_equal(own.view, 2);
    assert_int_equal(own.proof_count, 1);
    struct reader r = reader_of(own.proofs);
    struct proof proof;
    assert_null(proof_take(&r, &proof));
    assert_int_equal(proof.view, 0);
    assert_int_equal(proof.seq, 1);
    struct forged_new_view m = {.primary = 2, .view = 2};
    forge_add_change(&m, single_send_of(s, MESSAGE_VIEW_CHANGE)->body);
    for (unsigned i = 0; i < 2; i++) {
        forge_empty_view_change(&s->out, i, 2);
        forge_add_change(&m, buffer_slice(&s->out));
        single_message(s, i, MESSAGE_VIEW_CHANGE);
    }
    forge_add_carried(&m, proof.digest);
    views_offer(s, &m);
    assert_null(s->update.invalid);
    assert_int_equal(single_info(s).view, 2);
    s->view = 2;
}

static void a_certificate_outlives_the_batch_that_replaced_it(bool crash)
{
    struct single *s = single_new(3, 1);
    views_prepare_at(s, 1);
    struct batch batch = single_batch(s, 2);
    views_enter_with(s, 1, &batch); /* 2 prepared, 1 did not, as far as anybody says */
    assert_int_equal(slots_at(&s->core->slots, 1)->batch.request_count, 0);
    assert_true(slots_at(&s->core->slots, 1)->prepared.apart);
    if (crash) {
        single_crash(s);
        single_tick(s, 0);
        assert_true(slots_at(&s->core->slots, 1)->prepared.apart);
    }
    come_back_in_view_2(s);
    struct prepare m;
    assert_null(prepare_decode(single_send_of(s, MESSAGE_PREPARE)->body, &m));
    assert_int_equal(m.seq, 1);
    batch = single_batch(s, 1);
    if (crash) {
        single_crash(s);
        single_tick(s, 0);
    }
    single_prepares(s, &batch, 1);
    single_commits(s, &batch, 2);
    assert_int_equal(s->update.delivery_count, 1);
    assert_int_equal(s->update.deliveries[0].batch.request_count, 1);
    single_free(s);
}

static void castro_liskov_4_4_a_certificate_is_kept_through_views_that_do_not_carry_its_batch(
    void **state)
{
    a_certificate_outlives_the_batch_that_replaced_it(false);
}

static void a_certificate_and_its_batch_apart_survive_a_crash(void **state)
{
    a_certificate_outlives_the_batch_that_replaced_it(true);
}

/* All of a large window is carried over, though not in one step. */
static void many_batches_are_carried_over_in_several_steps(void **state)
{
    enum { COUNT = 40 };
    struct pbft_options options = single_options(BACKUP, 1);
    options.window = 64;
    options.checkpoint_interval = 32;
    struct single *s = single_new_with(&options);
    struct forged_change change = {.replica = 3, .view = 1};
    struct forged_new_view m = {.primary = PRIMARY, .view = 1};
    for (uint64_t seq = 1; seq <= COUNT; seq++) {
        uint8_t digest[DIGEST_BYTES];
        views_prepare_at(s, seq);
        views_digest_of(s, seq, digest);
        forge_add_proof(&change, 4, 0, seq, digest, 0xa);
        forge_add_carried(&m, digest);
    }
    for (unsigned i = 0; i < 4; i++) {
        if (i == BACKUP)
            continue;
        if (i == 3)
            forge_view_change(&s->out, &change);
        else
            forge_empty_view_change(&s->out, i, 1);
        forge_add_change(&m, buffer_slice(&s->out));
        single_message(s, i, MESSAGE_VIEW_CHANGE);
    }
    views_offer(s, &m);
    unsigned prepares = single_sent(s, MESSAGE_PREPARE);
    assert_true(prepares < COUNT);
    while (pbft_deadline(s->core) <= s->now_us) {
        single_tick(s, 0);
        prepares += single_sent(s, MESSAGE_PREPARE);
    }
    assert_int_equal(prepares, COUNT);
    single_free(s);
}

/* Every vote came before the NEW-VIEW, and every batch brings all records that one can bring: what
 * prepared here is put apart for a null batch, which is final at once. */
static void a_whole_window_that_is_final_at_once_fits_into_updates(void **state)
{
    enum { COUNT = 40 };
    struct pbft_options options = single_options(BACKUP, 1);
    options.window = 64;
    options.checkpoint_interval = 32;
    struct single *s = single_new_with(&options);
    struct forged_change change = {.replica = 3, .view = 1};
    struct forged_new_view m = {.primary = PRIMARY, .view = 1};
    uint8_t last[DIGEST_BYTES];
    for (uint64_t seq = 1; seq <= COUNT; seq++)
        views_prepare_at(s, seq);
    views_digest_of(s, COUNT, last);
    forge_add_proof(&change, 4, 0, COUNT, last, 0xa);
    while (m.carried_count + 1 < COUNT)
        forge_add_null(&m);
    forge_add_carried(&m, last);
    for (unsigned i = 0; i < 4; i++) {
        if (i == BACKUP)
            continue;
        if (i == 3)
            forge_view_change(&s->out, &change);
        else
            forge_empty_view_change(&s->out, i, 1);
        forge_add_change(&m, buffer_slice(&s->out));
        single_message(s, i, MESSAGE_VIEW_CHANGE);
    }
    s->view = 1;
    for (uint64_t seq = 1; seq <= COUNT; seq++) {
        struct batch null = {.seq = seq}, real = single_batch(s, seq);
        single_prepares(s, seq < COUNT ? &null : &real, 2);
        single_commits(s, seq < COUNT ? &null : &real, 3);
    }
    views_offer(s, &m);
    uint64_t delivered = s->update.delivery_count;
    while (pbft_deadline(s->core) <= s->now_us) {
        single_tick(s, 0);
        delivered += s->update.delivery_count;
    }
    assert_int_equal(delivered, COUNT);
    single_free(s);
}

/* ---- contents that a backup does not have ---- */

static struct single *backup_without_content(void)
{
    struct single *s = single_new(BACKUP, 1);
    struct batch batch = single_batch(s, 1);
    views_enter_with(s, 1, &batch);
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 0);
    return s;
}

static void a_backup_asks_for_contents_that_it_does_not_have(void **state)
{
    struct single *s = backup_without_content();
    assert_int_equal(single_sent(s, MESSAGE_WANT), 1);
    single_tick(s, SINGLE_RETRANSMIT_US);
    assert_int_equal(single_sent(s, MESSAGE_WANT), 1);
    struct batch other = single_batch(s, 1);
    other.timestamp_us++;
    forge_content(&s->out, &other);
    single_message(s, 3, MESSAGE_CONTENT);
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 0);
    struct batch batch = single_batch(s, 1);
    forge_content(&s->out, &batch);
    single_message(s, 3, MESSAGE_CONTENT);
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 1);
    const struct pbft_record *record = single_record_of(s, PBFT_RECORD_BATCH);
    assert_non_null(record);
    assert_true(record->durable);
    single_tick(s, SINGLE_RETRANSMIT_US);
    assert_int_equal(single_sent(s, MESSAGE_WANT), 0);
    batch = single_batch(s, 1);
    single_prepares(s, &batch, 1);
    single_commits(s, &batch, 2);
    assert_int_equal(s->update.delivery_count, 1);
    single_free(s);
}

static void a_carried_batch_may_come_as_a_pre_prepare(void **state)
{
    struct single *s = backup_without_content();
    struct batch other = single_batch(s, 1);
    other.timestamp_us++;
    single_pre_prepare(s, &other);
    assert_string_equal(
        s->update.invalid, "another batch than the one that the new view carries over");
    struct batch batch = single_batch(s, 1);
    single_pre_prepare(s, &batch);
    assert_null(s->update.invalid);
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 1);
    single_free(s);
}

/* Its age does not matter: that it was good was judged when it was first proposed. */
static void a_carried_batch_is_not_compared_with_the_clock(void **state)
{
    struct single *s = single_new(BACKUP, 1);
    struct batch batch = forge_batch(1, SINGLE_CLOCK_US - 100 * SINGLE_SKEW_US, 0, NULL);
    views_enter_with(s, 1, &batch);
    single_pre_prepare(s, &batch);
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 1);
    single_free(s);
}

static void a_final_batch_fetched_from_logs_needs_no_content_any_more(void **state)
{
    struct single *s = backup_without_content();
    struct batch batch = single_batch(s, 1);
    forge_fetched(&s->out, &batch);
    single_message(s, 0, MESSAGE_BATCH);
    single_message(s, 3, MESSAGE_BATCH);
    assert_int_equal(s->update.delivery_count, 1);
    single_tick(s, SINGLE_RETRANSMIT_US);
    assert_int_equal(single_sent(s, MESSAGE_WANT), 0);
    single_free(s);
}

/* ---- the view goes on ---- */

static void the_primary_proposes_behind_what_is_carried_over(void **state)
{
    struct single *s = single_new(PRIMARY, 1);
    struct batch batch = single_batch(s, 1);
    single_pre_prepare(s, &batch);
    views_leave(s);
    single_ask(s, 1, 9, 1);
    struct forged_change change = views_showing(s, 3, 1);
    views_change_with(s, &change);
    views_change(s, 2, 1);
    struct pre_prepare m;
    const struct pbft_send *send = single_send_of(s, MESSAGE_PRE_PREPARE);
    assert_non_null(send);
    assert_null(pre_prepare_decode(send->body, &m));
    assert_int_equal(m.view, 1);
    assert_int_equal(m.batch.seq, 2);
    single_free(s);
}

static void proposals_at_carried_numbers_are_refused_and_behind_them_accepted(void **state)
{
    struct single *s = single_new(BACKUP, 1);
    struct batch batch = single_batch(s, 2);
    single_pre_prepare(s, &batch);
    views_enter_with(s, 1, &batch);
    struct batch at_null = single_batch(s, 1);
    single_pre_prepare(s, &at_null);
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 0);
    assert_non_null(s->update.invalid);
    struct batch behind = single_batch(s, 3);
    single_pre_prepare(s, &behind);
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 1);
    single_free(s);
}

static void who_is_behind_gets_the_new_view_and_what_it_was_made_from(void **state)
{
    struct single *s = single_new(BACKUP, 1);
    views_enter(s, 1);
    single_tick(s, SINGLE_RETRANSMIT_US);
    struct status behind = {.view = 0, .active = true};
    forge_status_of(&s->out, &behind);
    single_message(s, 3, MESSAGE_STATUS);
    assert_int_equal(single_sent(s, MESSAGE_VIEW_CHANGE), 3);
    assert_int_equal(single_sent(s, MESSAGE_NEW_VIEW), 1);
    /* What comes first is needed first; and not all the time. */
    assert_int_equal(s->update.sends[0].type, MESSAGE_VIEW_CHANGE);
    single_message(s, 3, MESSAGE_STATUS);
    assert_int_equal(single_sent(s, MESSAGE_NEW_VIEW), 0);
    /* It is enough to enter. */
    single_tick(s, SINGLE_RETRANSMIT_US);
    single_message(s, 3, MESSAGE_STATUS);
    struct single *lagging = single_new(3, 1);
    for (unsigned i = 0; i < s->update.send_count; i++) {
        const struct pbft_send *send = &s->update.sends[i];
        if (send->to != 3)
            continue;
        buffer_clear(&lagging->out);
        put_raw(&lagging->out, send->body.data, send->body.size);
        single_message(lagging, BACKUP, send->type);
        assert_null(lagging->update.invalid);
    }
    assert_int_equal(single_info(lagging).view, 1);
    assert_true(single_info(lagging).active);
    single_free(lagging);
    single_free(s);
}

/* Whoever has gone to a later view sent a VIEW-CHANGE for this one, too, and others keep it apart:
 * this view may have been made from it. */
static void a_view_change_of_who_went_further_is_found_again(void **state)
{
    struct single *s = single_new(BACKUP, 1);
    views_change(s, 3, 5);
    views_change(s, 0, 1);
    assert_int_equal(single_info(s).view, 1);
    struct forged_new_view m = {.primary = 1, .view = 1};
    static const unsigned others[] = {0, 1, 3};
    for (unsigned i = 0; i < 3; i++) {
        forge_empty_view_change(&s->out, others[i], 1);
        forge_add_change(&m, buffer_slice(&s->out));
        single_message(s, 1, MESSAGE_VIEW_CHANGE);
        assert_null(s->update.invalid);
    }
    views_offer(s, &m);
    assert_true(single_info(s).active);
    assert_int_equal(single_info(s).view, 1);
    single_free(s);
}

/* ---- requests ---- */

static void a_request_that_the_old_primary_lost_is_proposed_again(void **state)
{
    struct single *s = single_new(PRIMARY, 1);
    single_ask(s, 0, 5, 1);
    struct batch batch = single_batch(s, 1); /* the same request */
    single_pre_prepare(s, &batch);
    assert_int_equal(s->signer.client_verified_count, 0);
    views_leave(s);
    views_change(s, 2, 1);
    views_change(s, 3, 1);
    struct pre_prepare m;
    assert_non_null(single_send_of(s, MESSAGE_PRE_PREPARE));
    assert_null(pre_prepare_decode(single_send_of(s, MESSAGE_PRE_PREPARE)->body, &m));
    assert_int_equal(m.batch.seq, 1);
    assert_int_equal(m.batch.request_count, 1);
    /* As a primary it answers for what it proposes. */
    assert_int_equal(s->signer.client_verified_count, 1);
    single_free(s);
}

static void a_new_primary_drops_a_request_that_its_client_did_not_sign(void **state)
{
    struct single *s = single_new(PRIMARY, 1);
    buffer_clear(&s->requests);
    struct request r = forge_unsigned_request(&s->requests, 1, 5, 1, "work");
    single_request(s, &r);
    assert_int_equal(single_info(s).pending, 1);
    views_leave(s);
    views_change(s, 2, 1);
    views_change(s, 3, 1);
    assert_true(single_info(s).active);
    assert_int_equal(single_info(s).pending, 0);
    const struct slot *slot = slots_at(&s->core->slots, 1);
    assert_true(!slot_has_batch(slot) || slot->batch.request_count == 0);
    single_free(s);
}

static void a_request_that_is_carried_over_is_not_proposed_twice(void **state)
{
    struct single *s = single_new(PRIMARY, 1);
    single_ask(s, 0, 5, 1);
    struct batch batch = single_batch(s, 1);
    single_pre_prepare(s, &batch);
    views_leave(s);
    struct forged_change change = views_showing(s, 3, 1);
    views_change_with(s, &change);
    views_change(s, 2, 1);
    assert_int_equal(new_view_sent(s).carried_count, 1);
    assert_int_equal(single_sent(s, MESSAGE_PRE_PREPARE), 0);
    single_settle(s);
    assert_int_equal(single_sent(s, MESSAGE_PRE_PREPARE), 0);
    single_free(s);
}

static void castro_liskov_4_1_the_last_reply_is_known_in_the_next_view(void **state)
{
    struct single *s = single_new(BACKUP, 1);
    single_run(s, 0, 2); /* client 0, session 5, numbers 1 and 2 */
    views_enter(s, 1);
    single_ask(s, 0, 5, 2);
    assert_int_equal(s->update.reply_count, 1);
    struct reply reply;
    assert_null(reply_decode(s->update.replies[0].body, &reply));
    assert_int_equal(reply.view, 1); /* so that the client knows the primary */
    assert_int_equal(reply.number, 2);
    assert_true(slice_equal(reply.result, slice_text("ok!")));
    /* And an old request is not executed again, whoever proposes it. */
    buffer_clear(&s->requests);
    forge_request(&s->requests, 0, 5, 2, "work");
    struct batch batch = forge_batch(3, SINGLE_CLOCK_US + 9, 1, &s->requests);
    single_agree(s, &batch);
    assert_int_equal(s->update.delivery_count, 1);
    assert_true(s->update.deliveries[0].skip[0]);
    single_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_primary_asks_for_contents_that_it_does_not_have),
        cmocka_unit_test(the_new_view_follows_when_the_content_has_come),
        cmocka_unit_test(a_certificate_without_content_does_not_hold_up_the_new_view),
        cmocka_unit_test(who_has_a_content_sends_it),
        cmocka_unit_test(a_content_that_was_put_apart_is_sent),
        cmocka_unit_test(a_content_of_another_digest_than_the_one_wanted_is_not_sent),
        cmocka_unit_test(a_content_that_nobody_asked_for_is_ignored),
        cmocka_unit_test(castro_liskov_4_4_backups_prepare_what_is_carried_over),
        cmocka_unit_test(votes_that_came_before_the_new_view_count),
        cmocka_unit_test(votes_of_the_old_view_do_not_count_in_the_new_one),
        cmocka_unit_test(what_is_not_carried_over_is_dropped),
        cmocka_unit_test(what_is_final_is_vouched_for_again_but_not_executed_again),
        cmocka_unit_test(what_is_final_is_not_replaced),
        cmocka_unit_test(
            castro_liskov_4_4_a_certificate_is_kept_through_views_that_do_not_carry_its_batch),
        cmocka_unit_test(a_certificate_and_its_batch_apart_survive_a_crash),
        cmocka_unit_test(many_batches_are_carried_over_in_several_steps),
        cmocka_unit_test(a_whole_window_that_is_final_at_once_fits_into_updates),
        cmocka_unit_test(a_backup_asks_for_contents_that_it_does_not_have),
        cmocka_unit_test(a_carried_batch_may_come_as_a_pre_prepare),
        cmocka_unit_test(a_carried_batch_is_not_compared_with_the_clock),
        cmocka_unit_test(a_final_batch_fetched_from_logs_needs_no_content_any_more),
        cmocka_unit_test(the_primary_proposes_behind_what_is_carried_over),
        cmocka_unit_test(proposals_at_carried_numbers_are_refused_and_behind_them_accepted),
        cmocka_unit_test(who_is_behind_gets_the_new_view_and_what_it_was_made_from),
        cmocka_unit_test(a_view_change_of_who_went_further_is_found_again),
        cmocka_unit_test(a_request_that_the_old_primary_lost_is_proposed_again),
        cmocka_unit_test(a_new_primary_drops_a_request_that_its_client_did_not_sign),
        cmocka_unit_test(a_request_that_is_carried_over_is_not_proposed_twice),
        cmocka_unit_test(castro_liskov_4_1_the_last_reply_is_known_in_the_next_view),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
