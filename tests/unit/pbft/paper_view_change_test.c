/* Leaving a view: Castro and Liskov (OSDI 1999), section 4.4 (view changes) and 4.5.2 (liveness),
 * and our rule that a replica suspects before it leaves. */
#include "proxy/pbft/core.h"
#include "tests/unit/pbft/forge.h"
#include "tests/unit/pbft/views.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <string.h>

#define TIMEOUT_US UINT64_C(300000)

static struct single *new_with_timeout(unsigned self, unsigned faults)
{
    struct pbft_options options = single_options(self, faults);
    options.view_change_timeout_us = TIMEOUT_US;
    return single_new_with(&options);
}

static void expect_nothing_said(const struct single *s)
{
    assert_int_equal(single_sent(s, MESSAGE_PRE_PREPARE), 0);
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 0);
    assert_int_equal(single_sent(s, MESSAGE_COMMIT), 0);
}

/* ---- what it contains ---- */

static void prepare_at(struct single *s, uint64_t seq)
{
    struct batch batch = single_batch(s, seq);
    single_pre_prepare(s, &batch);
    single_prepares(s, &batch, 1);
    assert_int_equal(single_sent(s, MESSAGE_COMMIT), 1);
}

static void add_prepared(struct single *s, struct forged_change *change, uint64_t seq)
{
    uint8_t digest[DIGEST_BYTES];
    struct batch batch = single_batch(s, seq);
    forge_batch_digest(&batch, digest);
    forge_add_proof(change, 4, 0, seq, digest, 0x6); /* its own prepare, and replica 1's */
}

static void stable_at_4(struct single *s, struct forged_change *ret)
{
    single_run(s, 0, 4);
    struct checkpoint m;
    assert_null(checkpoint_decode(single_send_of(s, MESSAGE_CHECKPOINT)->body, &m));
    memcpy(ret->stable_digest, m.digest, DIGEST_BYTES);
    ret->stable = 4;
    ret->stable_signers = 0xe;
    for (unsigned peer = 1; peer < 4; peer += 2) {
        forge_checkpoint(&s->out, peer, 4, m.digest);
        single_message(s, peer, MESSAGE_CHECKPOINT);
    }
    assert_int_equal(single_info(s).stable, 4);
}

static void castro_liskov_4_4_view_change_contains_c_and_p_and_nothing_else(void **state)
{
    struct single *s = single_new(2, 1);
    struct forged_change expected = {.replica = 2, .view = 1};
    stable_at_4(s, &expected);
    single_run(s, 4, 5); /* executed, but above the stable checkpoint */
    prepare_at(s, 6);    /* prepared */
    struct batch batch = single_batch(s, 7);
    single_pre_prepare(s, &batch); /* only pre-prepared */
    prepare_at(s, 9);              /* prepared behind a gap */
    for (uint64_t seq = 5; seq <= 9; seq++) {
        if (seq != 7 && seq != 8)
            add_prepared(s, &expected, seq);
    }
    views_leave(s);
    const struct pbft_send *send = single_send_of(s, MESSAGE_VIEW_CHANGE);
    assert_non_null(send);
    assert_int_equal(send->to, PBFT_TO_ALL);
    struct buffer body = BUFFER_INIT(FRAME_BODY_BYTES_MAX);
    forge_view_change(&body, &expected);
    assert_true(slice_equal(send->body, buffer_slice(&body)));
    buffer_free(&body);
    single_free(s);
}

static void castro_liskov_4_4_at_the_beginning_there_is_nothing_to_show(void **state)
{
    struct single *s = single_new(2, 1);
    views_leave(s);
    struct buffer body = BUFFER_INIT(FRAME_BODY_BYTES_MAX);
    forge_empty_view_change(&body, 2, 1);
    assert_true(slice_equal(single_send_of(s, MESSAGE_VIEW_CHANGE)->body, buffer_slice(&body)));
    buffer_free(&body);
    single_free(s);
}

static void castro_liskov_4_4_what_the_stable_checkpoint_covers_is_not_shown(void **state)
{
    struct single *s = single_new(2, 1);
    struct forged_change ignored = {0};
    stable_at_4(s, &ignored);
    views_leave(s);
    struct view_change m = views_own(s);
    assert_int_equal(m.stable.seq, 4);
    assert_int_equal(m.proof_count, 0);
    single_free(s);
}

/* A later checkpoint is known to be stable than the one that this replica has reached. */
static void the_latest_certificate_known_is_shown_and_nothing_below_it(void **state)
{
    struct single *s = single_new(2, 1);
    prepare_at(s, 3);
    prepare_at(s, 9);
    uint8_t digest[DIGEST_BYTES] = {1};
    forge_stable(&s->out, 8, digest, 0xb);
    single_message(s, 3, MESSAGE_STABLE);
    views_leave(s);
    struct view_change m = views_own(s);
    assert_int_equal(m.stable.seq, 8);
    assert_int_equal(m.proof_count, 1);
    struct reader r = reader_of(m.proofs);
    struct proof proof;
    assert_null(proof_take(&r, &proof));
    assert_int_equal(proof.seq, 9);
    single_free(s);
}

static void castro_liskov_4_4_view_change_is_durable_before_it_leaves(void **state)
{
    struct single *s = single_new(2, 1);
    prepare_at(s, 1);
    views_leave(s);
    const struct pbft_record *change = single_record_of(s, PBFT_RECORD_VIEW_CHANGE);
    assert_non_null(change);
    assert_true(change->durable);
    assert_int_equal(change->seq, 3); /* its own number and one */
    assert_true(slice_equal(change->value, single_send_of(s, MESSAGE_VIEW_CHANGE)->body));
    const struct pbft_record *view = single_record_of(s, PBFT_RECORD_VIEW);
    assert_non_null(view);
    assert_true(view->durable);
    struct reader r = reader_of(view->value);
    assert_int_equal(get_u64(&r), 1);
    assert_false(get_bool(&r));
    assert_true(reader_done(&r));
    single_free(s);
}

static void the_certificate_is_durable_before_the_commit_leaves(void **state)
{
    struct single *s = single_new(2, 1);
    struct batch batch = single_batch(s, 1);
    single_pre_prepare(s, &batch);
    assert_null(single_record_of(s, PBFT_RECORD_PREPARED));
    single_prepares(s, &batch, 1);
    assert_int_equal(single_sent(s, MESSAGE_COMMIT), 1);
    const struct pbft_record *record = single_record_of(s, PBFT_RECORD_PREPARED);
    assert_non_null(record);
    assert_true(record->durable);
    assert_int_equal(record->seq, 1);
    struct forged_change expected = {0};
    add_prepared(s, &expected, 1);
    assert_true(slice_equal(record->value, buffer_slice(&expected.proofs)));
    buffer_free(&expected.proofs);
    single_free(s);
}

/* ---- when a replica leaves ---- */

static void leaving_needs(unsigned faults)
{
    struct single *s = single_new(2, faults);
    for (unsigned i = 0; i < faults; i++) {
        views_suspect(s, 3 + i);
        views_suspect(s, 3 + i); /* again: not another replica */
        assert_int_equal(single_info(s).view, 0);
    }
    views_suspect(s, 0); /* the primary itself may want to be replaced */
    assert_int_equal(single_info(s).view, 1);
    assert_false(single_info(s).active);
    assert_int_equal(views_own(s).view, 1);
    single_free(s);
}

static void a_replica_leaves_when_f_plus_1_suspect_the_primary(void **state)
{
    leaving_needs(1);
    leaving_needs(2);
}

static void a_withdrawn_suspicion_does_not_count(void **state)
{
    struct single *s = single_new(2, 1);
    views_suspect(s, 0);
    single_status(s, 0, 0, 0, 0);
    views_suspect(s, 3);
    assert_true(single_info(s).active);
    views_suspect(s, 0);
    assert_false(single_info(s).active);
    single_free(s);
}

static void a_suspicion_of_another_views_primary_does_not_count(void **state)
{
    struct single *s = single_new(3, 1);
    views_enter(s, 2);
    s->view = 1;
    views_suspect(s, 0);
    views_suspect(s, 1);
    assert_true(single_info(s).active);
    assert_int_equal(single_info(s).view, 2);
    single_free(s);
}

static void suspect_for_its_own_reason(struct single *s)
{
    single_ask(s, 1, 5, 1); /* nobody orders it */
    while (!single_info(s).suspects)
        single_tick(s, TIMEOUT_US / 4);
    assert_true(single_info(s).active);
}

static void who_has_left_counts_for_who_suspects_himself(void **state)
{
    struct single *s = new_with_timeout(2, 1);
    struct status left = {.view = 1};
    forge_status_of(&s->out, &left);
    single_message(s, 0, MESSAGE_STATUS);
    views_suspect(s, 3);
    assert_true(single_info(s).active);
    single_status(s, 3, 0, 0, 0);
    single_ask(s, 1, 5, 1); /* nobody orders it */
    while (single_info(s).active)
        single_tick(s, TIMEOUT_US / 4);
    assert_int_equal(views_own(s).view, 1);
    single_free(s);
}

static void its_own_suspicion_and_those_of_f_others_are_f_plus_1(void **state)
{
    struct single *s = new_with_timeout(2, 1);
    suspect_for_its_own_reason(s);
    views_suspect(s, 3);
    assert_int_equal(views_own(s).view, 1);
    single_free(s);
}

static void castro_liskov_4_5_2_f_plus_1_view_changes_bring_the_others_along(void **state)
{
    struct single *s = single_new(2, 1);
    views_change(s, 0, 1);
    assert_int_equal(single_info(s).view, 0);
    views_change(s, 0, 1);
    assert_int_equal(single_info(s).view, 0);
    views_change(s, 3, 1);
    assert_int_equal(views_own(s).view, 1);
    single_free(s);
}

static void castro_liskov_4_5_2_the_smallest_view_of_f_plus_1_is_followed(void **state)
{
    struct single *s = single_new(2, 1);
    views_change(s, 0, 7);
    views_change(s, 3, 3);
    assert_int_equal(views_own(s).view, 3);
    /* The highest two are now those of 5 and 7. */
    views_change(s, 1, 5);
    assert_int_equal(views_own(s).view, 5);
    single_free(s);
}

static void f_replicas_cannot_push_the_others_on(void **state)
{
    struct single *s = single_new(2, 2);
    for (uint64_t view = 1; view < 100; view++) {
        views_change(s, 0, view);
        views_change(s, 3, UINT64_MAX - view);
    }
    assert_int_equal(single_info(s).view, 0);
    assert_true(single_info(s).active);
    single_free(s);
}

/* Those who went on will help with the NEW-VIEW that they have. */
static void a_replica_that_returns_does_not_walk_through_the_views_that_it_missed(void **state)
{
    struct single *s = new_with_timeout(2, 1);
    struct status m = {.view = 50, .active = true};
    unsigned changes = 0;
    for (unsigned i = 0; i < 40; i++) {
        forge_status_of(&s->out, &m);
        single_message(s, i % 2 == 0 ? 0 : 3, MESSAGE_STATUS);
        changes += single_sent(s, MESSAGE_VIEW_CHANGE);
    }
    assert_true(changes <= 1);
    assert_true(suspicion_timeout_us(s->core) <= 2 * TIMEOUT_US);
    single_free(s);
}

/* ---- after it has left ---- */

static void castro_liskov_4_4_who_left_accepts_nothing_of_the_old_view(void **state)
{
    struct single *s = single_new(2, 1);
    struct batch first = single_batch(s, 1);
    single_pre_prepare(s, &first);
    views_leave(s);
    struct batch second = single_batch(s, 2);
    single_pre_prepare(s, &second);
    expect_nothing_said(s);
    assert_int_equal(s->update.persist_count, 0);
    first = single_batch(s, 1);
    single_prepares(s, &first, 2);
    expect_nothing_said(s);
    single_commits(s, &first, 3);
    assert_int_equal(s->update.delivery_count, 0);
    single_free(s);
}

static void castro_liskov_4_4_what_was_prepared_is_not_committed_any_more(void **state)
{
    struct single *s = single_new(2, 1);
    prepare_at(s, 1);
    views_leave(s);
    struct batch batch = single_batch(s, 1);
    single_commits(s, &batch, 3);
    assert_int_equal(s->update.delivery_count, 0);
    single_free(s);
}

static void castro_liskov_4_4_who_left_says_nothing_of_the_old_view(void **state)
{
    struct single *s = single_new(2, 1);
    single_run(s, 0, 2);
    prepare_at(s, 3);
    views_leave(s);
    single_tick(s, SINGLE_RETRANSMIT_US);
    single_status(s, 3, 0, 0, 0);
    expect_nothing_said(s);
    assert_int_equal(single_sent(s, MESSAGE_VIEW_CHANGE), 1); /* this is what the other lacks */
    assert_int_equal(single_send_of(s, MESSAGE_VIEW_CHANGE)->to, 3);
    single_free(s);
}

static void castro_liskov_4_4_a_primary_that_left_proposes_nothing(void **state)
{
    struct single *s = single_new(0, 1);
    single_ask(s, 1, 5, 1);
    assert_int_equal(single_sent(s, MESSAGE_PRE_PREPARE), 1);
    views_leave(s);
    single_ask(s, 1, 6, 1);
    assert_int_equal(single_sent(s, MESSAGE_PRE_PREPARE), 0);
    assert_int_equal(single_info(s).pending, 2);
    single_free(s);
}

static void what_is_final_is_delivered_also_between_views(void **state)
{
    struct single *s = single_new(2, 1);
    views_leave(s);
    struct batch batch = single_batch(s, 1);
    forge_fetched(&s->out, &batch);
    single_message(s, 0, MESSAGE_BATCH);
    single_message(s, 3, MESSAGE_BATCH);
    assert_int_equal(s->update.delivery_count, 1);
    expect_nothing_said(s);
    single_executed(s, 1, NULL, 1);
    assert_int_equal(s->update.reply_count, 1);
    single_free(s);
}

static void checkpoints_count_also_between_views(void **state)
{
    struct single *s = single_new(2, 1);
    single_run(s, 0, 4);
    struct checkpoint m;
    assert_null(checkpoint_decode(single_send_of(s, MESSAGE_CHECKPOINT)->body, &m));
    views_leave(s);
    forge_checkpoint(&s->out, 0, 4, m.digest);
    single_message(s, 0, MESSAGE_CHECKPOINT);
    forge_checkpoint(&s->out, 3, 4, m.digest);
    single_message(s, 3, MESSAGE_CHECKPOINT);
    assert_int_equal(single_info(s).stable, 4);
    single_free(s);
}

/* ---- the timer ---- */

static void castro_liskov_4_5_2_the_timer_starts_with_2f_plus_1_view_changes(void **state)
{
    struct single *s = new_with_timeout(2, 1);
    views_leave(s);
    single_tick(s, 1000 * TIMEOUT_US);
    single_settle(s);
    assert_false(single_info(s).suspects);
    views_change(s, 0, 1);
    single_tick(s, 1000 * TIMEOUT_US);
    single_settle(s);
    assert_false(single_info(s).suspects);
    views_change(s, 3, 1);
    single_tick(s, 2 * TIMEOUT_US - 1);
    single_settle(s);
    assert_false(single_info(s).suspects);
    single_tick(s, TIMEOUT_US);
    assert_true(single_info(s).suspects);
    assert_string_equal(single_info(s).reason, "the new view did not come in time");
    /* Its own suspicion alone moves nobody, and is known to all. */
    assert_int_equal(single_info(s).view, 1);
    struct status m;
    assert_null(status_decode(single_send_of(s, MESSAGE_STATUS)->body, &m));
    assert_true(m.suspects);
    assert_int_equal(m.view, 1);
    s->view = 1;
    views_suspect(s, 3);
    assert_int_equal(views_own(s).view, 2);
    single_free(s);
}

/* How long the core waits for the new view that it has gone to, with 2f+1 view changes. */
static uint64_t patience_us(struct single *s)
{
    uint64_t view = single_info(s).view;
    views_change(s, 0, view);
    views_change(s, 3, view);
    uint64_t start_us = s->now_us;
    while (!single_info(s).suspects)
        single_tick(s, TIMEOUT_US / 16);
    return s->now_us - start_us;
}

/* The core suspects too, or two others do. */
static void give_up(struct single *s)
{
    uint64_t view = single_info(s).view;
    s->view = view;
    views_suspect(s, 3);
    if (!single_info(s).suspects && single_info(s).view == view)
        views_suspect(s, 0);
    assert_int_equal(single_info(s).view, view + 1);
}

static void castro_liskov_4_5_2_the_time_out_doubles_with_each_view(void **state)
{
    struct single *s = new_with_timeout(2, 1);
    give_up(s);
    for (uint64_t view = 1; view <= 9; view++) {
        unsigned doublings = view < 6 ? (unsigned)view : 6; /* bounded */
        if (view % 4 != 2) { /* else it would make the new view itself */
            uint64_t patience = patience_us(s);
            assert_true(patience >= TIMEOUT_US << doublings);
            assert_true(patience < (TIMEOUT_US << doublings) * 5 / 4);
        }
        give_up(s);
    }
    single_free(s);
}

static void the_time_out_comes_down_again_in_a_view_that_works(void **state)
{
    struct single *s = new_with_timeout(2, 1);
    views_enter(s, 1); /* joined: one doubling */
    assert_true(suspicion_timeout_us(s->core) == 2 * TIMEOUT_US);
    single_tick(s, 8 * TIMEOUT_US);
    assert_true(suspicion_timeout_us(s->core) == 2 * TIMEOUT_US);
    single_tick(s, 9 * TIMEOUT_US);
    assert_true(suspicion_timeout_us(s->core) == TIMEOUT_US);
    single_tick(s, 100 * TIMEOUT_US);
    assert_true(suspicion_timeout_us(s->core) == TIMEOUT_US);
    single_free(s);
}

static void the_time_out_does_not_come_down_while_the_primary_is_suspected(void **state)
{
    struct single *s = new_with_timeout(2, 1);
    views_enter(s, 1);
    single_ask(s, 1, 5, 1); /* nobody orders it */
    for (unsigned i = 0; i < 400; i++)
        single_tick(s, TIMEOUT_US / 4);
    assert_true(single_info(s).suspects);
    assert_true(suspicion_timeout_us(s->core) == 2 * TIMEOUT_US);
    single_free(s);
}

/* ---- whose word it is ---- */

static void castro_liskov_4_4_view_change_must_be_signed_by_its_sender(void **state)
{
    struct single *s = single_new(2, 1);
    forge_empty_view_change(&s->out, 3, 1);
    s->out.data[s->out.size - 1] ^= 1;
    single_message(s, 3, MESSAGE_VIEW_CHANGE);
    assert_string_equal(s->update.invalid, "view change with a wrong signature");
    forge_empty_view_change(&s->out, 9, 1);
    single_message(s, 3, MESSAGE_VIEW_CHANGE);
    assert_string_equal(s->update.invalid, "view change of an unknown replica");
    views_change(s, 0, 1);
    assert_int_equal(single_info(s).view, 0);
    single_free(s);
}

static void a_view_change_may_be_passed_on(void **state)
{
    struct single *s = single_new(2, 1);
    forge_empty_view_change(&s->out, 0, 1);
    single_message(s, 3, MESSAGE_VIEW_CHANGE);
    assert_null(s->update.invalid);
    forge_empty_view_change(&s->out, 1, 1);
    single_message(s, 3, MESSAGE_VIEW_CHANGE);
    assert_int_equal(views_own(s).view, 1);
    single_free(s);
}

static void a_second_different_view_change_is_a_lie_that_can_be_proved(void **state)
{
    struct single *s = single_new(2, 1);
    views_change(s, 3, 1);
    struct forged_change other = {.replica = 3, .view = 1};
    uint8_t digest[DIGEST_BYTES] = {1};
    forge_add_proof(&other, 4, 0, 1, digest, 0x6);
    views_change_with(s, &other);
    assert_string_equal(s->update.invalid, "a second, different view change");
    assert_int_equal(s->update.evidence_count, 1);
    assert_int_equal(s->update.evidence[0].replica, 3);
    assert_int_equal(s->update.evidence[0].purpose, SIGN_VIEW_CHANGE);
    /* The first one counts. */
    struct view_change m;
    assert_null(view_change_decode(views_held(s, 3), &m));
    assert_int_equal(m.proof_count, 0);
    single_free(s);
}

static void view_changes_of_views_that_are_over_are_nobodys_lie(void **state)
{
    struct single *s = single_new(3, 1);
    views_enter(s, 2);
    views_change(s, 0, 1);
    assert_null(s->update.invalid);
    views_change(s, 1, 2);
    assert_null(s->update.invalid);
    assert_true(single_info(s).active);
    assert_int_equal(single_info(s).view, 2);
    single_free(s);
}

static void a_view_change_with_more_than_the_window_is_refused(void **state)
{
    struct single *s = single_new(2, 1);
    struct forged_change change = {.replica = 3, .view = 1};
    uint8_t digest[DIGEST_BYTES] = {1};
    for (uint64_t seq = 1; seq <= 20; seq++)
        forge_add_proof(&change, 4, 0, seq, digest, 0x6);
    views_change_with(s, &change);
    assert_string_equal(s->update.invalid, "view change with more than the window holds");
    single_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(castro_liskov_4_4_view_change_contains_c_and_p_and_nothing_else),
        cmocka_unit_test(castro_liskov_4_4_at_the_beginning_there_is_nothing_to_show),
        cmocka_unit_test(castro_liskov_4_4_what_the_stable_checkpoint_covers_is_not_shown),
        cmocka_unit_test(the_latest_certificate_known_is_shown_and_nothing_below_it),
        cmocka_unit_test(castro_liskov_4_4_view_change_is_durable_before_it_leaves),
        cmocka_unit_test(the_certificate_is_durable_before_the_commit_leaves),
        cmocka_unit_test(a_replica_leaves_when_f_plus_1_suspect_the_primary),
        cmocka_unit_test(a_withdrawn_suspicion_does_not_count),
        cmocka_unit_test(a_suspicion_of_another_views_primary_does_not_count),
        cmocka_unit_test(who_has_left_counts_for_who_suspects_himself),
        cmocka_unit_test(its_own_suspicion_and_those_of_f_others_are_f_plus_1),
        cmocka_unit_test(castro_liskov_4_5_2_f_plus_1_view_changes_bring_the_others_along),
        cmocka_unit_test(castro_liskov_4_5_2_the_smallest_view_of_f_plus_1_is_followed),
        cmocka_unit_test(f_replicas_cannot_push_the_others_on),
        cmocka_unit_test(a_replica_that_returns_does_not_walk_through_the_views_that_it_missed),
        cmocka_unit_test(castro_liskov_4_4_who_left_accepts_nothing_of_the_old_view),
        cmocka_unit_test(castro_liskov_4_4_what_was_prepared_is_not_committed_any_more),
        cmocka_unit_test(castro_liskov_4_4_who_left_says_nothing_of_the_old_view),
        cmocka_unit_test(castro_liskov_4_4_a_primary_that_left_proposes_nothing),
        cmocka_unit_test(what_is_final_is_delivered_also_between_views),
        cmocka_unit_test(checkpoints_count_also_between_views),
        cmocka_unit_test(castro_liskov_4_5_2_the_timer_starts_with_2f_plus_1_view_changes),
        cmocka_unit_test(castro_liskov_4_5_2_the_time_out_doubles_with_each_view),
        cmocka_unit_test(the_time_out_comes_down_again_in_a_view_that_works),
        cmocka_unit_test(the_time_out_does_not_come_down_while_the_primary_is_suspected),
        cmocka_unit_test(castro_liskov_4_4_view_change_must_be_signed_by_its_sender),
        cmocka_unit_test(a_view_change_may_be_passed_on),
        cmocka_unit_test(a_second_different_view_change_is_a_lie_that_can_be_proved),
        cmocka_unit_test(view_changes_of_views_that_are_over_are_nobodys_lie),
        cmocka_unit_test(a_view_change_with_more_than_the_window_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
