/* What a replica has promised, it keeps through every crash: Castro and Liskov (OSDI 1999), section
 * 4.4, where the safety of a view change rests on what correct replicas said before.
 *
 * Whatever the core says in these tests is checked against all that it said before it crashed
 * (statements.h). */
#include "proxy/pbft/core.h"
#include "tests/unit/pbft/forge.h"
#include "tests/unit/pbft/views.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void prepare_at(struct single *s, uint64_t seq)
{
    struct batch batch = single_batch(s, seq);
    single_pre_prepare(s, &batch);
    single_prepares(s, &batch, 1);
    assert_int_equal(single_sent(s, MESSAGE_COMMIT), 1);
}

static struct buffer copy_sent(const struct single *s, enum message_type type)
{
    struct buffer copy = BUFFER_INIT(FRAME_BODY_BYTES_MAX);
    const struct pbft_send *send = single_send_of(s, type);
    assert_non_null(send);
    put_raw(&copy, send->body.data, send->body.size);
    return copy;
}

static void expect_sent(struct single *s, enum message_type type, struct buffer *expected)
{
    const struct pbft_send *send = single_send_of(s, type);
    assert_non_null(send);
    assert_true(slice_equal(send->body, buffer_slice(expected)));
    buffer_free(expected);
}

/* ---- between the views ---- */

static void a_view_change_has_the_same_bytes_after_a_restart(void **state)
{
    struct single *s = single_new(2, 1);
    prepare_at(s, 1);
    prepare_at(s, 3);
    views_leave(s);
    struct buffer before = copy_sent(s, MESSAGE_VIEW_CHANGE);
    single_crash(s);
    single_tick(s, 0);
    assert_int_equal(single_send_of(s, MESSAGE_VIEW_CHANGE)->to, PBFT_TO_ALL);
    expect_sent(s, MESSAGE_VIEW_CHANGE, &before);
    assert_int_equal(single_info(s).view, 1);
    assert_false(single_info(s).active);
    single_free(s);
}

static void who_left_accepts_nothing_of_the_old_view_after_a_restart(void **state)
{
    struct single *s = single_new(2, 1);
    prepare_at(s, 1);
    views_leave(s);
    single_crash(s);
    struct batch batch = single_batch(s, 2);
    single_pre_prepare(s, &batch);
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 0);
    batch = single_batch(s, 1);
    single_prepares(s, &batch, 2);
    single_commits(s, &batch, 3);
    assert_int_equal(s->update.delivery_count, 0);
    single_free(s);
}

static void what_prepared_is_shown_after_a_restart(void **state)
{
    struct single *s = single_new(2, 1);
    prepare_at(s, 1);
    single_crash(s);
    views_leave(s);
    struct view_change m = views_own(s);
    assert_int_equal(m.proof_count, 1);
    single_free(s);
}

/* ---- inside a view ---- */

static void a_restarted_replica_carries_over_the_same(void **state)
{
    struct single *s = single_new(2, 1);
    prepare_at(s, 2);
    struct batch batch = single_batch(s, 2);
    views_enter_with(s, 1, &batch);
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 2); /* a null batch at 1 */
    struct buffer before = copy_sent(s, MESSAGE_PREPARE);
    single_crash(s);
    single_tick(s, 0);
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 2);
    expect_sent(s, MESSAGE_PREPARE, &before);
    assert_true(single_info(s).active);
    assert_int_equal(single_info(s).view, 1);
    single_free(s);
}

static void a_restarted_replica_shows_how_its_view_began(void **state)
{
    struct single *s = single_new(2, 1);
    struct batch batch = single_batch(s, 1);
    views_enter_with(s, 1, &batch);
    single_crash(s);
    single_tick(s, SINGLE_RETRANSMIT_US);
    struct status behind = {.view = 0, .active = true};
    forge_status_of(&s->out, &behind);
    single_message(s, 3, MESSAGE_STATUS);
    assert_true(single_sent(s, MESSAGE_VIEW_CHANGE) >= 3);
    assert_int_equal(single_sent(s, MESSAGE_NEW_VIEW), 1);
    single_free(s);
}

static void a_restarted_primary_makes_no_other_new_view(void **state)
{
    struct single *s = single_new(1, 1);
    views_change(s, 2, 1);
    views_change(s, 3, 1);
    single_settle(s);
    struct buffer before = copy_sent(s, MESSAGE_NEW_VIEW);
    single_crash(s);
    /* Another one's view change would make another new view. */
    views_change(s, 0, 1);
    single_settle(s);
    assert_int_equal(single_sent(s, MESSAGE_NEW_VIEW), 0);
    assert_true(single_info(s).active);
    single_tick(s, SINGLE_RETRANSMIT_US);
    struct status behind = {.view = 1};
    forge_status_of(&s->out, &behind);
    single_message(s, 0, MESSAGE_STATUS);
    expect_sent(s, MESSAGE_NEW_VIEW, &before);
    /* And it goes on behind its own proposals. */
    s->view = 1;
    single_ask(s, 1, 5, 1);
    single_crash(s);
    single_ask(s, 1, 6, 1);
    struct pre_prepare m;
    assert_null(pre_prepare_decode(single_send_of(s, MESSAGE_PRE_PREPARE)->body, &m));
    assert_int_equal(m.view, 1);
    assert_int_equal(m.batch.seq, 2);
    single_free(s);
}

static void a_primary_that_had_not_made_its_new_view_can_after_a_restart(void **state)
{
    struct single *s = single_new(1, 1);
    views_leave(s);
    views_change(s, 2, 1);
    single_crash(s);
    views_change(s, 2, 1);
    views_change(s, 3, 1);
    single_settle(s);
    assert_true(single_info(s).active);
    single_free(s);
}

/* ---- a crash at any moment ---- */

/* Replica 3 lives through three views. Replicas 0, 1 and 2 say what stands in this script; lost
 * messages come again, as they do. */
#define STEPS_MAX 96
#define SELF 3

struct script {
    unsigned count;
    struct {
        unsigned from;
        enum message_type type;
        struct buffer body;
    } steps[STEPS_MAX];
};

static void add(
    struct script *script, const struct buffer *body, unsigned from, enum message_type type)
{
    assert_true(script->count < STEPS_MAX);
    struct buffer copy = BUFFER_INIT(FRAME_BODY_BYTES_MAX);
    put_raw(&copy, body->data, body->size);
    script->steps[script->count].from = from;
    script->steps[script->count].type = type;
    script->steps[script->count++].body = copy;
}

static void script_agree(
    struct script *script, struct single *s, uint64_t view, const struct batch *batch, bool commit)
{
    uint8_t digest[DIGEST_BYTES];
    unsigned primary = (unsigned)(view % 4);
    forge_batch_digest(batch, digest);
    forge_pre_prepare(&s->out, primary, view, batch);
    add(script, &s->out, primary, MESSAGE_PRE_PREPARE);
    for (unsigned i = 0; i < 3; i++) {
        if (i == primary)
            continue;
        forge_prepare(&s->out, i, view, batch->seq, digest);
        add(script, &s->out, i, MESSAGE_PREPARE);
    }
    for (unsigned i = 0; commit && i < 3; i++) {
        forge_commit(&s->out, view, batch->seq, digest);
        add(script, &s->out, i, MESSAGE_COMMIT);
    }
}

/* All suspect the view's primary and leave; 0 and 1 show that the batches up to `last` prepared in
 * the view that they leave. */
static void script_change(struct script *script, struct single *s, uint64_t view, uint64_t last)
{
    struct status status = {.view = view - 1, .active = true, .suspects = true};
    struct forged_new_view m = {.primary = (unsigned)(view % 4), .view = view};
    for (unsigned i = 0; i < 2; i++) {
        forge_status_of(&s->out, &status);
        add(script, &s->out, i, MESSAGE_STATUS);
    }
    for (unsigned i = 0; i < 3; i++) {
        struct forged_change change = {.replica = i, .view = view};
        for (uint64_t seq = 1; seq <= last && i < 2; seq++) {
            uint8_t digest[DIGEST_BYTES];
            struct batch batch = single_batch(s, seq);
            forge_batch_digest(&batch, digest);
            uint32_t backups = view == 1 ? 0x6 : 0x5;
            forge_add_proof(&change, 4, view - 1, seq, digest, backups);
            if (i == 0)
                forge_add_carried(&m, digest);
        }
        forge_view_change(&s->out, &change);
        forge_add_change(&m, buffer_slice(&s->out));
        add(script, &s->out, i, MESSAGE_VIEW_CHANGE);
    }
    forge_new_view(&s->out, &m);
    add(script, &s->out, m.primary, MESSAGE_NEW_VIEW);
}

static void write_script(struct script *script, const uint8_t *checkpoint)
{
    struct single *s = single_new(SELF, 1);
    struct batch batch = single_batch(s, 1);
    script_agree(script, s, 0, &batch, true);
    batch = single_batch(s, 2);
    script_agree(script, s, 0, &batch, false);
    script_change(script, s, 1, 2);
    batch = single_batch(s, 1);
    script_agree(script, s, 1, &batch, true);
    batch = single_batch(s, 2);
    script_agree(script, s, 1, &batch, true);
    batch = single_batch(s, 3); /* prepared by some, committed by none, shown by nobody: lost */
    script_agree(script, s, 1, &batch, false);
    script_change(script, s, 2, 2);
    batch = single_batch(s, 1);
    script_agree(script, s, 2, &batch, true);
    batch = single_batch(s, 2);
    script_agree(script, s, 2, &batch, true);
    batch = single_batch(s, 3);
    batch.timestamp_us += 100; /* another one */
    script_agree(script, s, 2, &batch, true);
    batch = single_batch(s, 4);
    script_agree(script, s, 2, &batch, true);
    for (unsigned i = 0; checkpoint != NULL && i < 3; i++) {
        forge_checkpoint(&s->out, i, 4, checkpoint);
        add(script, &s->out, i, MESSAGE_CHECKPOINT);
    }
    batch = single_batch(s, 5);
    script_agree(script, s, 2, &batch, true);
    single_free(s);
}

static void free_script(struct script *script)
{
    for (unsigned i = 0; i < script->count; i++)
        buffer_free(&script->steps[i].body);
}

/* What the executors of correct replicas came to. */
struct outcome_of_run {
    uint64_t executed;
    uint64_t time_us[8];
    uint8_t checkpoint[DIGEST_BYTES];
};

static void note_sent(const struct single *s, struct outcome_of_run *o)
{
    struct checkpoint m;
    const struct pbft_send *send = single_send_of(s, MESSAGE_CHECKPOINT);
    if (send == NULL)
        return;
    assert_null(checkpoint_decode(send->body, &m));
    memcpy(o->checkpoint, m.digest, DIGEST_BYTES);
}

/* Every execution of a sequence number is the same. */
static void execute(struct single *s, struct outcome_of_run *o)
{
    note_sent(s, o);
    while (s->update.delivery_count > 0) {
        struct pbft_delivery d[PBFT_DELIVERIES_MAX];
        unsigned count = s->update.delivery_count;
        bool skip[PBFT_DELIVERIES_MAX][BATCH_REQUESTS_MAX];
        for (unsigned i = 0; i < count; i++) {
            d[i] = s->update.deliveries[i];
            memcpy(skip[i], d[i].skip, d[i].batch.request_count * sizeof skip[i][0]);
        }
        for (unsigned i = 0; i < count; i++) {
            uint64_t seq = d[i].batch.seq;
            assert_true(seq < 8);
            assert_true(o->time_us[seq] == 0 || o->time_us[seq] == d[i].timestamp_us);
            o->time_us[seq] = d[i].timestamp_us;
            single_executed(s, seq, skip[i], d[i].batch.request_count);
            note_sent(s, o);
        }
        o->executed = single_info(s).executed;
    }
}

static void play(struct single *s, const struct script *script, unsigned first, unsigned last,
    struct outcome_of_run *o)
{
    for (unsigned i = first; i < last; i++) {
        buffer_clear(&s->out);
        put_raw(&s->out, script->steps[i].body.data, script->steps[i].body.size);
        single_message(s, script->steps[i].from, script->steps[i].type);
        assert_null(s->update.invalid);
        assert_int_equal(s->update.evidence_count, 0);
        execute(s, o);
        while (pbft_deadline(s->core) <= s->now_us) {
            single_tick(s, 0);
            execute(s, o);
        }
    }
}

static struct script *whole_script(void)
{
    struct script *script = calloc(1, sizeof *script);
    assert_non_null(script);
    struct outcome_of_run o = {0};
    write_script(script, NULL);
    struct single *s = single_new(SELF, 1);
    play(s, script, 0, script->count, &o);
    assert_int_equal(o.executed, 5);
    assert_int_equal(single_info(s).view, 2);
    single_free(s);
    free_script(script);
    script->count = 0;
    write_script(script, o.checkpoint);
    return script;
}

static void crash(struct single *s, struct outcome_of_run *o)
{
    single_crash(s);
    single_tick(s, 0);
    execute(s, o);
}

static void a_crash_after_any_two_steps_breaks_no_promise(void **state)
{
    struct script *script = whole_script();
    for (unsigned i = 0; i <= script->count; i++) {
        for (unsigned j = 0; j <= script->count; j += 19 + i % 7) {
            struct outcome_of_run o = {0};
            struct single *s = single_new(SELF, 1);
            play(s, script, 0, i, &o);
            crash(s, &o);
            play(s, script, 0, j, &o);
            crash(s, &o);
            play(s, script, 0, script->count, &o);
            assert_int_equal(o.executed, 5);
            assert_int_equal(single_info(s).stable, 4);
            assert_int_equal(single_info(s).view, 2);
            single_free(s);
        }
    }
    free_script(script);
    free(script);
}

/* Nothing comes twice: only what is on disk counts, and the others' help. */
static void a_crash_after_any_step_leaves_a_replica_that_goes_on(void **state)
{
    struct script *script = whole_script();
    for (unsigned i = 0; i <= script->count; i++) {
        struct outcome_of_run o = {0};
        struct single *s = single_new(SELF, 1);
        play(s, script, 0, i, &o);
        uint64_t view = single_info(s).view;
        bool active = single_info(s).active;
        crash(s, &o);
        assert_int_equal(single_info(s).view, view);
        assert_int_equal(single_info(s).active, active);
        play(s, script, i, script->count, &o);
        single_free(s);
    }
    free_script(script);
    free(script);
}

/* ---- the checker itself ---- */

static void the_checker_finds_contradictions(void **state)
{
    struct statements *said = statements_new(2, 4);
    struct buffer b = BUFFER_INIT(FRAME_BODY_BYTES_MAX);
    uint8_t digest[2][DIGEST_BYTES] = {{1}, {2}};
    for (unsigned i = 0; i < 2; i++) {
        forge_prepare(&b, 2, 0, 1, digest[i]);
        assert_int_equal(statements_add(said, MESSAGE_PREPARE, buffer_slice(&b)) != NULL, i);
        forge_commit(&b, 0, 1, digest[i]);
        assert_int_equal(statements_add(said, MESSAGE_COMMIT, buffer_slice(&b)) != NULL, i);
        forge_checkpoint(&b, 2, 4, digest[i]);
        assert_int_equal(statements_add(said, MESSAGE_CHECKPOINT, buffer_slice(&b)) != NULL, i);
    }
    /* It sent a COMMIT for 1. */
    forge_empty_view_change(&b, 2, 1);
    assert_non_null(statements_add(said, MESSAGE_VIEW_CHANGE, buffer_slice(&b)));
    forge_prepare(&b, 2, 0, 2, digest[0]);
    assert_non_null(statements_add(said, MESSAGE_PREPARE, buffer_slice(&b)));
    forge_prepare(&b, 2, 1, 2, digest[0]);
    assert_null(statements_add(said, MESSAGE_PREPARE, buffer_slice(&b)));
    struct forged_change other = {.replica = 2, .view = 1};
    forge_add_proof(&other, 4, 0, 1, digest[0], 0x6);
    forge_view_change(&b, &other);
    assert_non_null(statements_add(said, MESSAGE_VIEW_CHANGE, buffer_slice(&b)));
    statements_free(said);
    buffer_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_view_change_has_the_same_bytes_after_a_restart),
        cmocka_unit_test(who_left_accepts_nothing_of_the_old_view_after_a_restart),
        cmocka_unit_test(what_prepared_is_shown_after_a_restart),
        cmocka_unit_test(a_restarted_replica_carries_over_the_same),
        cmocka_unit_test(a_restarted_replica_shows_how_its_view_began),
        cmocka_unit_test(a_restarted_primary_makes_no_other_new_view),
        cmocka_unit_test(a_primary_that_had_not_made_its_new_view_can_after_a_restart),
        cmocka_unit_test(a_crash_after_any_two_steps_breaks_no_promise),
        cmocka_unit_test(a_crash_after_any_step_leaves_a_replica_that_goes_on),
        cmocka_unit_test(the_checker_finds_contradictions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
