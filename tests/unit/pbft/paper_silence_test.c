/* A replica that lost its durable log does not know what it promised: it promises nothing until the
 * stable checkpoints of 2f+1 others have passed all that it may have signed (silence.h). */
#include "proxy/pbft/core.h"
#include "tests/unit/pbft/forge.h"
#include "tests/unit/pbft/views.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <string.h>

#define WINDOW 16

static struct single *new_silent(unsigned self)
{
    struct pbft_options options = single_options(self, 1);
    options.lost_log = true;
    options.view_change_timeout_us = 300000;
    return single_new_with(&options);
}

static void expect_nothing_said(const struct single *s)
{
    static const enum message_type promises[] = {MESSAGE_PRE_PREPARE, MESSAGE_PREPARE,
        MESSAGE_COMMIT, MESSAGE_CHECKPOINT, MESSAGE_CONTRIBUTION, MESSAGE_NEW_VIEW};
    for (unsigned i = 0; i < sizeof promises / sizeof promises[0]; i++)
        assert_int_equal(single_sent(s, promises[i]), 0);
}

/* Agrees without this replica: the other two backups and the primary are 2f+1. */
static void run_without_it(struct single *s, uint64_t first, uint64_t last)
{
    for (uint64_t seq = first + 1; seq <= last; seq++) {
        struct batch batch = single_batch(s, seq);
        single_pre_prepare(s, &batch);
        expect_nothing_said(s);
        batch = single_batch(s, seq);
        single_prepares(s, &batch, 2);
        expect_nothing_said(s);
        single_commits(s, &batch, 3);
        assert_int_equal(single_info(s).delivered, seq);
        expect_nothing_said(s);
        single_executed(s, seq, NULL, 1);
        expect_nothing_said(s);
        if (seq % 4 != 0)
            continue;
        uint8_t digest[DIGEST_BYTES];
        memcpy(digest, s->core->checkpoints.entries[seq / 4 % 5].digest, DIGEST_BYTES);
        for (unsigned peer = 0; peer < 4; peer++) {
            if (peer == s->options.self)
                continue;
            forge_checkpoint(&s->out, peer, seq, digest);
            single_message(s, peer, MESSAGE_CHECKPOINT);
        }
        assert_int_equal(single_info(s).stable, seq);
    }
}

static void at_the_beginning(struct single *s)
{
    for (unsigned peer = 0; peer < 4; peer++) {
        if (peer != s->options.self)
            single_status(s, peer, 0, 0, 0);
    }
}

static void it_says_so_and_records_it_before_anything_else(void **state)
{
    struct single *s = new_silent(2);
    single_tick(s, 0);
    const struct pbft_record *record = single_record_of(s, PBFT_RECORD_SILENCE);
    assert_non_null(record);
    assert_true(record->durable);
    struct status m;
    assert_non_null(single_send_of(s, MESSAGE_STATUS));
    assert_null(status_decode(single_send_of(s, MESSAGE_STATUS)->body, &m));
    assert_true(m.silent);
    assert_true(single_info(s).silent);
    assert_int_equal(single_info(s).silent_until, 0);
    expect_nothing_said(s);
    single_free(s);
}

static void until_two_windows_after_the_highest_checkpoint_of_2f_plus_1_others(void **state)
{
    struct single *s = new_silent(2);
    uint8_t digest[DIGEST_BYTES] = {1};
    single_status(s, 0, 0, 0, 0);
    single_status(s, 0, 0, 0, 0); /* again: not another replica */
    forge_stable(&s->out, 40, digest, 0xb);
    single_message(s, 3, MESSAGE_STABLE);
    assert_int_equal(single_info(s).silent_until, 0);
    forge_stable(&s->out, 36, digest, 0xb);
    single_message(s, 1, MESSAGE_STABLE);
    assert_int_equal(single_info(s).silent_until, 40 + 2 * WINDOW);
    const struct pbft_record *record = single_record_of(s, PBFT_RECORD_SILENCE);
    assert_non_null(record);
    assert_true(record->durable);
    /* Later answers change nothing. */
    forge_stable(&s->out, 80, digest, 0xb);
    single_message(s, 3, MESSAGE_STABLE);
    assert_int_equal(single_info(s).silent_until, 40 + 2 * WINDOW);
    single_free(s);
}

static void a_claim_without_proof_does_not_count(void **state)
{
    struct single *s = new_silent(2);
    uint8_t digest[DIGEST_BYTES] = {1};
    single_status(s, 0, 0, 0, 0);
    single_status(s, 1, 0, 0, 0);
    single_status(s, 3, UINT64_MAX, UINT64_MAX, UINT64_MAX - 3);
    assert_int_equal(single_info(s).silent_until, 0);
    forge_stable(&s->out, 400, digest, 0x9);
    single_message(s, 3, MESSAGE_STABLE);
    assert_non_null(s->update.invalid);
    assert_int_equal(single_info(s).silent_until, 0);
    single_free(s);
}

static void it_follows_and_says_nothing_until_the_checkpoint_has_passed(void **state)
{
    struct single *s = new_silent(2);
    at_the_beginning(s);
    assert_int_equal(single_info(s).silent_until, 2 * WINDOW);
    run_without_it(s, 0, 2 * WINDOW - 1);
    assert_true(single_info(s).silent);
    run_without_it(s, 2 * WINDOW - 1, 2 * WINDOW);
    assert_false(single_info(s).silent);
    assert_true(disk_is_flushed(&s->disk, PBFT_RECORD_SILENCE, 1));
    assert_int_equal(disk_last(&s->disk, PBFT_RECORD_SILENCE)->value.data[0], 0);
    /* It is one of them again. */
    struct batch batch = single_batch(s, 2 * WINDOW + 1);
    single_pre_prepare(s, &batch);
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 1);
    single_free(s);
}

/* What came in while it was silent is said once it is not. */
static void what_is_under_way_when_the_silence_ends_is_vouched_for(void **state)
{
    struct single *s = new_silent(2);
    at_the_beginning(s);
    run_without_it(s, 0, 2 * WINDOW - 1);
    for (uint64_t seq = 2 * WINDOW + 1; seq <= 2 * WINDOW + 2; seq++) {
        struct batch batch = single_batch(s, seq);
        single_pre_prepare(s, &batch);
        if (seq == 2 * WINDOW + 2) {
            batch = single_batch(s, seq);
            single_prepares(s, &batch, 2); /* prepared, though it said nothing */
        }
        expect_nothing_said(s);
    }
    run_without_it(s, 2 * WINDOW - 1, 2 * WINDOW);
    assert_false(single_info(s).silent);
    single_tick(s, SINGLE_RETRANSMIT_US);
    single_status(s, 3, 2 * WINDOW, 2 * WINDOW, 2 * WINDOW);
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 2);
    assert_int_equal(single_sent(s, MESSAGE_COMMIT), 1);
    struct batch batch = single_batch(s, 2 * WINDOW + 1);
    single_prepares(s, &batch, 1);
    assert_int_equal(single_sent(s, MESSAGE_COMMIT), 1);
    single_free(s);
}

static void it_keeps_silent_through_a_restart(void **state)
{
    struct single *s = new_silent(2);
    at_the_beginning(s);
    run_without_it(s, 0, 6);
    single_crash(s);
    single_tick(s, 0);
    assert_true(single_info(s).silent);
    assert_int_equal(single_info(s).silent_until, 2 * WINDOW);
    expect_nothing_said(s);
    single_free(s);
}

static void an_ended_silence_stays_ended(void **state)
{
    struct single *s = new_silent(2);
    at_the_beginning(s);
    run_without_it(s, 0, 2 * WINDOW);
    assert_false(single_info(s).silent);
    single_crash(s);
    single_tick(s, 0);
    assert_false(single_info(s).silent);
    single_free(s);
}

static void it_never_leaves_its_view(void **state)
{
    struct single *s = new_silent(2);
    single_tick(s, 0);
    views_leave(s);
    views_change(s, 0, 1);
    views_change(s, 3, 1);
    for (unsigned i = 0; i < 50; i++) {
        single_tick(s, 100000);
        assert_int_equal(single_sent(s, MESSAGE_VIEW_CHANGE), 0);
    }
    assert_int_equal(single_info(s).view, 0);
    single_free(s);
}

static void it_follows_the_others_into_a_new_view(void **state)
{
    struct single *s = new_silent(2);
    struct batch batch = single_batch(s, 1);
    single_pre_prepare(s, &batch);
    batch = single_batch(s, 1);
    views_enter_with(s, 1, &batch);
    expect_nothing_said(s);
    batch = single_batch(s, 1);
    single_prepares(s, &batch, 2);
    single_commits(s, &batch, 3);
    assert_int_equal(single_info(s).delivered, 1);
    expect_nothing_said(s);
    single_free(s);
}

static void as_primary_it_proposes_nothing(void **state)
{
    struct single *s = new_silent(0);
    single_ask(s, 1, 5, 1);
    expect_nothing_said(s);
    s->view = 0;
    single_status(s, 1, 0, 0, 0);
    single_tick(s, SINGLE_HEARTBEAT_US);
    expect_nothing_said(s);
    single_free(s);
}

/* Whoever holds its VIEW-CHANGEs gives them back. It does not act in a view that it has left, nor
 * stay silent for ever: it goes on to a view in which it has said nothing. */
static void it_does_not_act_in_views_that_it_had_left(void **state)
{
    struct single *s = single_new(2, 1);
    views_leave(s);
    struct buffer own = BUFFER_INIT(FRAME_BODY_BYTES_MAX);
    struct slice body = single_send_of(s, MESSAGE_VIEW_CHANGE)->body;
    put_raw(&own, body.data, body.size);
    single_lose_log(s);
    at_the_beginning(s);
    buffer_clear(&s->out);
    put_raw(&s->out, own.data, own.size);
    single_message(s, 3, MESSAGE_VIEW_CHANGE);
    assert_null(s->update.invalid);
    run_without_it(s, 0, 2 * WINDOW);
    assert_false(single_info(s).silent);
    assert_int_equal(single_info(s).view, 2);
    assert_false(single_info(s).active);
    struct batch batch = single_batch(s, 2 * WINDOW + 1);
    single_pre_prepare(s, &batch);
    expect_nothing_said(s);
    /* It knows that after a restart, too. */
    single_crash(s);
    single_tick(s, 0);
    assert_int_equal(views_own(s).view, 2);
    assert_false(single_info(s).silent);
    buffer_free(&own);
    single_free(s);
}

static void nobody_else_can_keep_it_silent(void **state)
{
    struct single *s = new_silent(2);
    at_the_beginning(s);
    forge_empty_view_change(&s->out, 2, 9);
    s->out.data[s->out.size - 1] ^= 1;
    single_message(s, 3, MESSAGE_VIEW_CHANGE);
    assert_string_equal(s->update.invalid, "view change with a wrong signature");
    run_without_it(s, 0, 2 * WINDOW);
    assert_false(single_info(s).silent);
    single_free(s);
}

/* ---- the others ---- */

static void the_others_give_it_their_certificate_and_its_view_changes(void **state)
{
    struct single *s = single_new(2, 1);
    uint8_t digest[DIGEST_BYTES] = {1};
    forge_stable(&s->out, 8, digest, 0xb);
    single_message(s, 0, MESSAGE_STABLE);
    views_change(s, 3, 4);
    single_tick(s, SINGLE_RETRANSMIT_US);
    struct status m = {.view = 0, .active = true, .silent = true};
    forge_status_of(&s->out, &m);
    single_message(s, 3, MESSAGE_STATUS);
    assert_non_null(single_send_of(s, MESSAGE_STABLE));
    assert_int_equal(single_send_of(s, MESSAGE_STABLE)->to, 3);
    struct view_change change;
    assert_non_null(single_send_of(s, MESSAGE_VIEW_CHANGE));
    assert_null(view_change_decode(single_send_of(s, MESSAGE_VIEW_CHANGE)->body, &change));
    assert_int_equal(change.replica, 3);
    single_free(s);
}

/* Checkpoints must pass for it, also when no client asks for anything. */
static void the_primary_lets_time_pass_for_it(void **state)
{
    struct single *s = single_new(0, 1);
    single_tick(s, SINGLE_HEARTBEAT_US);
    assert_int_equal(single_sent(s, MESSAGE_PRE_PREPARE), 0);
    struct status m = {.view = 0, .active = true, .silent = true};
    forge_status_of(&s->out, &m);
    single_message(s, 3, MESSAGE_STATUS);
    single_tick(s, SINGLE_HEARTBEAT_US);
    assert_int_equal(single_sent(s, MESSAGE_PRE_PREPARE), 1);
    single_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_says_so_and_records_it_before_anything_else),
        cmocka_unit_test(until_two_windows_after_the_highest_checkpoint_of_2f_plus_1_others),
        cmocka_unit_test(a_claim_without_proof_does_not_count),
        cmocka_unit_test(it_follows_and_says_nothing_until_the_checkpoint_has_passed),
        cmocka_unit_test(what_is_under_way_when_the_silence_ends_is_vouched_for),
        cmocka_unit_test(it_keeps_silent_through_a_restart),
        cmocka_unit_test(an_ended_silence_stays_ended),
        cmocka_unit_test(it_never_leaves_its_view),
        cmocka_unit_test(it_follows_the_others_into_a_new_view),
        cmocka_unit_test(as_primary_it_proposes_nothing),
        cmocka_unit_test(it_does_not_act_in_views_that_it_had_left),
        cmocka_unit_test(nobody_else_can_keep_it_silent),
        cmocka_unit_test(the_others_give_it_their_certificate_and_its_view_changes),
        cmocka_unit_test(the_primary_lets_time_pass_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
