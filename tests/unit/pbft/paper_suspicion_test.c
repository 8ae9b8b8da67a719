/* When a primary is given up: Castro and Liskov (OSDI 1999), section 4.4 (a backup waits for a
 * request that it has), 4.5.2 (liveness); Aardvark (Clement et al., NSDI 2009) for primaries that
 * are slow or unfair and clients that show different things to different replicas. */
#include "proxy/pbft/core.h"
#include "tests/unit/pbft/forge.h"
#include "tests/unit/pbft/views.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <string.h>

#define TIMEOUT_US UINT64_C(300000)
#define LOOK_US (TIMEOUT_US / 8)

static struct single *new_backup(void)
{
    struct pbft_options options = single_options(2, 1);
    options.view_change_timeout_us = TIMEOUT_US;
    return single_new_with(&options);
}

/* Lets time pass as the daemon does. */
static void pass(struct single *s, uint64_t us)
{
    for (uint64_t passed = 0; passed < us; passed += LOOK_US / 2)
        single_tick(s, LOOK_US / 2);
}

static unsigned pass_and_count(struct single *s, uint64_t us, enum message_type type)
{
    unsigned count = 0;
    for (uint64_t passed = 0; passed < us; passed += LOOK_US / 2) {
        single_tick(s, LOOK_US / 2);
        count += single_sent(s, type);
    }
    return count;
}

/* The primary orders this request of its own choice, at once. */
static void order(struct single *s, uint64_t seq, unsigned client, uint64_t session)
{
    buffer_clear(&s->requests);
    forge_request(&s->requests, client, session, 1, "work");
    struct batch batch = forge_batch(seq, s->clock_us + seq, 1, &s->requests);
    single_agree(s, &batch);
    assert_int_equal(s->update.delivery_count, 1);
    single_executed(s, seq, s->update.deliveries[0].skip, 1);
}

static void order_nothing(struct single *s, uint64_t seq)
{
    struct batch batch = forge_batch(seq, s->clock_us + seq, 0, NULL);
    single_agree(s, &batch);
    single_executed(s, seq, NULL, 0);
}

/* ---- silent ---- */

static void castro_liskov_4_4_a_request_that_waits_starts_the_timer(void **state)
{
    struct single *s = new_backup();
    pass(s, 100 * TIMEOUT_US);
    assert_false(single_info(s).suspects); /* nothing waits */
    single_ask(s, 1, 5, 1);
    pass(s, TIMEOUT_US - LOOK_US);
    assert_false(single_info(s).suspects);
    pass(s, 2 * LOOK_US);
    assert_true(single_info(s).suspects);
    assert_string_equal(single_info(s).reason, "nothing was ordered in time");
    single_free(s);
}

static void a_suspicion_is_said_at_once(void **state)
{
    struct single *s = new_backup();
    single_ask(s, 1, 5, 1);
    struct status m = {0};
    while (!single_info(s).suspects)
        single_tick(s, 1000);
    single_settle(s);
    assert_null(status_decode(single_send_of(s, MESSAGE_STATUS)->body, &m));
    assert_true(m.suspects);
    assert_true(m.active);
    assert_int_equal(m.view, 0);
    single_free(s);
}

static void a_replica_alone_never_leaves_its_view(void **state)
{
    struct single *s = new_backup();
    single_ask(s, 1, 5, 1);
    unsigned changes = pass_and_count(s, 100 * TIMEOUT_US, MESSAGE_VIEW_CHANGE);
    assert_int_equal(changes, 0);
    assert_true(single_info(s).suspects);
    assert_true(single_info(s).active);
    single_free(s);
}

static void castro_liskov_4_4_the_timer_stops_when_the_request_is_ordered(void **state)
{
    struct single *s = new_backup();
    single_ask(s, 1, 5, 1);
    pass(s, TIMEOUT_US / 2);
    order(s, 1, 1, 5);
    pass(s, 10 * TIMEOUT_US);
    assert_false(single_info(s).suspects);
    single_free(s);
}

static void a_suspicion_is_withdrawn_when_the_primary_works_after_all(void **state)
{
    struct single *s = new_backup();
    single_ask(s, 1, 5, 1);
    pass(s, 2 * TIMEOUT_US);
    assert_true(single_info(s).suspects);
    order(s, 1, 1, 5);
    single_tick(s, LOOK_US);
    single_settle(s);
    assert_false(single_info(s).suspects);
    struct status m;
    assert_null(status_decode(single_send_of(s, MESSAGE_STATUS)->body, &m));
    assert_false(m.suspects);
    assert_non_null(single_info(s).reason); /* people may still ask why it did */
    single_free(s);
}

/* Else a primary could keep the time-outs away with batches that serve nobody. */
static void batches_without_requests_are_no_progress(void **state)
{
    struct single *s = new_backup();
    single_ask(s, 1, 5, 1);
    for (uint64_t seq = 1; seq <= 12; seq++) {
        pass(s, TIMEOUT_US / 4);
        order_nothing(s, seq);
    }
    assert_true(single_info(s).suspects);
    single_free(s);
}

static void while_the_executor_is_what_takes_time_nobody_is_suspected(void **state)
{
    struct single *s = new_backup();
    for (uint64_t seq = 1; seq <= 2; seq++) { /* two in flight: the pipeline is full */
        struct batch batch = single_batch(s, seq);
        single_agree(s, &batch);
    }
    single_ask(s, 1, 5, 1);
    pass(s, 10 * TIMEOUT_US);
    assert_false(single_info(s).suspects);
    single_executed(s, 1, NULL, 1); /* from now on the primary could */
    pass(s, TIMEOUT_US - LOOK_US);
    assert_false(single_info(s).suspects);
    pass(s, 4 * LOOK_US);
    assert_true(single_info(s).suspects);
    single_free(s);
}

static void time_that_does_not_pass_is_held_against_the_primary(void **state)
{
    struct single *s = new_backup();
    order(s, 1, 1, 5);
    pass(s, 10 * TIMEOUT_US);
    assert_false(single_info(s).suspects);
    s->more_time = true;
    order(s, 2, 1, 6);
    pass(s, TIMEOUT_US + SINGLE_HEARTBEAT_US);
    assert_false(single_info(s).suspects);
    pass(s, 2 * SINGLE_HEARTBEAT_US);
    assert_true(single_info(s).suspects);
    order_nothing(s, 3);
    single_tick(s, LOOK_US);
    assert_false(single_info(s).suspects);
    single_free(s);
}

static void a_proposal_that_is_never_finished_is_held_against_the_primary(void **state)
{
    struct single *s = new_backup();
    struct batch batch = single_batch(s, 1);
    single_pre_prepare(s, &batch);
    pass(s, 2 * TIMEOUT_US - LOOK_US);
    assert_false(single_info(s).suspects);
    pass(s, 3 * LOOK_US);
    assert_true(single_info(s).suspects);
    single_free(s);
}

static void a_primary_does_not_suspect_itself(void **state)
{
    struct pbft_options options = single_options(0, 1);
    options.view_change_timeout_us = TIMEOUT_US;
    struct single *s = single_new_with(&options);
    single_ask(s, 1, 5, 1); /* nobody answers its proposal */
    pass(s, 10 * TIMEOUT_US);
    assert_false(single_info(s).suspects);
    single_free(s);
}

/* It may not propose, and without batches it will never be allowed to again, though nobody waits.
 */
static void a_primary_that_lost_its_log_is_suspected(void **state)
{
    struct single *s = new_backup();
    struct status m = {.view = 0, .active = true, .silent = true};
    forge_status_of(&s->out, &m);
    single_message(s, 3, MESSAGE_STATUS); /* a backup may */
    pass(s, 2 * TIMEOUT_US);
    assert_false(single_info(s).suspects);
    forge_status_of(&s->out, &m);
    single_message(s, 0, MESSAGE_STATUS);
    pass(s, 2 * TIMEOUT_US);
    assert_true(single_info(s).suspects);
    single_free(s);
}

/* It may be this one that lags: the others have ordered what it waits for. */
static void a_replica_that_is_behind_waits_longer_before_it_suspects(void **state)
{
    struct single *s = new_backup();
    struct batch batch = single_batch(s, 1);
    single_pre_prepare(s, &batch);
    single_status(s, 0, 5, 5, 0);
    single_status(s, 3, 5, 5, 0);
    pass(s, 3 * TIMEOUT_US);
    assert_false(single_info(s).suspects);
    pass(s, 10 * TIMEOUT_US);
    assert_true(single_info(s).suspects);
    single_free(s);
}

/* ---- requests that the primary does not have ---- */

static void a_request_that_waits_is_passed_on_to_the_primary(void **state)
{
    struct single *s = new_backup();
    struct buffer encoded = BUFFER_INIT(4096);
    struct request r = forge_request(&encoded, 1, 5, 1, "work");
    single_request(s, &r);
    assert_int_equal(pass_and_count(s, TIMEOUT_US / 4, MESSAGE_RELAY), 0);
    while (single_sent(s, MESSAGE_RELAY) == 0)
        single_tick(s, LOOK_US / 2);
    assert_false(single_info(s).suspects); /* it has the chance to order it first */
    const struct pbft_send *send = single_send_of(s, MESSAGE_RELAY);
    assert_int_equal(send->to, 0);
    assert_true(slice_equal(send->body, buffer_slice(&encoded)));
    assert_int_equal(s->signer.client_verified_count, 1);
    unsigned again = pass_and_count(s, TIMEOUT_US, MESSAGE_RELAY);
    assert_true(again >= 1 && again <= 3); /* it may be lost, but must not become a flood */
    assert_int_equal(s->signer.client_verified_count, 1);
    buffer_free(&encoded);
    single_free(s);
}

static void the_primary_takes_what_is_passed_on(void **state)
{
    struct single *s = single_new(0, 1);
    buffer_clear(&s->out);
    forge_request(&s->out, 1, 5, 1, "work");
    single_message(s, 2, MESSAGE_RELAY);
    assert_null(s->update.invalid);
    assert_int_equal(single_sent(s, MESSAGE_PRE_PREPARE), 1);
    single_free(s);
}

static void the_primary_verifies_what_is_passed_on(void **state)
{
    struct single *s = single_new(0, 1);
    buffer_clear(&s->out);
    forge_unsigned_request(&s->out, 1, 5, 1, "work");
    single_message(s, 2, MESSAGE_RELAY);
    assert_string_equal(s->update.invalid, "request with a wrong signature");
    buffer_clear(&s->out);
    forge_request(&s->out, 9, 5, 1, "work");
    single_message(s, 2, MESSAGE_RELAY);
    assert_string_equal(s->update.invalid, "a request of an unknown client");
    assert_int_equal(single_sent(s, MESSAGE_PRE_PREPARE), 0);
    single_free(s);
}

static void a_backup_ignores_what_is_passed_on(void **state)
{
    struct single *s = new_backup();
    buffer_clear(&s->out);
    forge_request(&s->out, 1, 5, 1, "work");
    single_message(s, 3, MESSAGE_RELAY);
    assert_null(s->update.invalid);
    assert_int_equal(single_info(s).pending, 0);
    single_free(s);
}

/* What its client sent to the primary alone must not keep out what the backups wait for. */
static void a_full_share_does_not_keep_out_what_is_passed_on(void **state)
{
    struct single *s = single_new(0, 1);
    for (uint64_t session = 1; session <= PENDING_PER_CLIENT_MAX; session++)
        single_ask(s, 1, session, 1);
    single_ask(s, 1, 9999, 1);
    assert_true(s->update.refused);
    buffer_clear(&s->out);
    forge_request(&s->out, 1, 9998, 1, "work");
    single_message(s, 2, MESSAGE_RELAY);
    assert_false(s->update.refused);
    assert_non_null(pending_find(&s->core->pending, 1, 9998));
    single_free(s);
}

static bool relays_of(const struct single *s, unsigned client)
{
    for (unsigned i = 0; i < s->update.send_count; i++) {
        struct request r;
        if (s->update.sends[i].type == MESSAGE_RELAY &&
            request_decode(s->update.sends[i].body, &r) == NULL && r.client == client)
            return true;
    }
    return false;
}

/* Only some are passed on at a time, and each has its turn. */
static void many_requests_of_one_client_do_not_hide_anothers(void **state)
{
    struct single *s = new_backup();
    for (uint64_t session = 1; session <= 200; session++)
        single_ask(s, 1, session, 1);
    single_ask(s, 2, 5, 1);
    unsigned looks = 0;
    for (bool seen = false; !seen; looks++) {
        assert_true(looks < 40);
        single_tick(s, LOOK_US);
        assert_true(single_sent(s, MESSAGE_RELAY) <= 16);
        seen = relays_of(s, 2);
    }
    assert_true(looks >= 200 / 16); /* it was the last of them */
    single_free(s);
}

/* ---- clients that lie ---- */

/* Aardvark's "big MAC" attack: the primary cannot order what it cannot show to be the client's. */
static void a_request_with_a_wrong_signature_brings_no_view_change(void **state)
{
    struct single *s = new_backup();
    buffer_clear(&s->requests);
    struct request r = forge_unsigned_request(&s->requests, 1, 5, 1, "work");
    single_request(s, &r);
    assert_int_equal(single_info(s).pending, 1);
    assert_int_equal(pass_and_count(s, 10 * TIMEOUT_US, MESSAGE_RELAY), 0);
    assert_false(single_info(s).suspects);
    assert_int_equal(single_info(s).pending, 0); /* found out, and dropped */
    assert_int_equal(s->signer.client_verified_count, 1);
    single_free(s);
}

static void many_wrong_signatures_are_verified_a_few_at_a_time(void **state)
{
    struct single *s = new_backup();
    for (uint64_t session = 1; session <= 200; session++) {
        buffer_clear(&s->requests);
        struct request r = forge_unsigned_request(&s->requests, 1, session, 1, "work");
        single_request(s, &r);
    }
    unsigned before = s->signer.client_verified_count;
    for (unsigned i = 0; i < 100; i++) {
        single_tick(s, LOOK_US / 2);
        assert_true(s->signer.client_verified_count - before <= 16);
        before = s->signer.client_verified_count;
    }
    assert_int_equal(single_info(s).pending, 0);
    assert_false(single_info(s).suspects);
    single_free(s);
}

/* ---- unfair ---- */

/* Orders in one batch: `others` requests of other clients, and one of client 1 if `session` is not
 * 0. Makes the checkpoint stable if there is one. */
static void order_round(struct single *s, uint64_t seq, unsigned others, uint64_t session)
{
    buffer_clear(&s->requests);
    for (unsigned i = 0; i < others; i++)
        forge_request(&s->requests, i % 2 * 3, 1000 + 4 * seq + i, 1, "work");
    unsigned count = others + (session != 0);
    if (session != 0)
        forge_request(&s->requests, 1, session, 1, "work");
    struct batch batch = forge_batch(seq, s->clock_us, count, &s->requests);
    single_agree(s, &batch);
    assert_int_equal(s->update.delivery_count, 1);
    single_executed(s, seq, s->update.deliveries[0].skip, count);
    struct checkpoint m;
    const struct pbft_send *send = single_send_of(s, MESSAGE_CHECKPOINT);
    if (send == NULL)
        return;
    assert_null(checkpoint_decode(send->body, &m));
    for (unsigned peer = 0; peer < 4; peer += 3) {
        forge_checkpoint(&s->out, peer, seq, m.digest);
        single_message(s, peer, MESSAGE_CHECKPOINT);
    }
}

static void a_primary_that_passes_one_client_over_is_suspected(void **state)
{
    struct single *s = new_backup();
    single_ask(s, 1, 5, 1);
    pass(s, TIMEOUT_US / 2); /* it was passed on */
    /* (0 before it + 2) of each of 4 keys, and twice what may be under way: 24 are fair. */
    for (uint64_t seq = 1; seq <= 6; seq++) {
        order_round(s, seq, 4, 0);
        single_tick(s, LOOK_US);
        assert_false(single_info(s).suspects);
    }
    order_round(s, 7, 4, 0);
    single_tick(s, LOOK_US);
    assert_true(single_info(s).suspects);
    assert_string_equal(single_info(s).reason, "a request was passed over");
    single_free(s);
}

/* Each key has its turn in each round, and the last of its queue waits for many rounds. */
static void a_fair_primary_is_not_unfair_to_a_long_queue(void **state)
{
    struct single *s = new_backup();
    for (uint64_t session = 1; session <= 16; session++)
        single_ask(s, 1, session, 1);
    pass(s, TIMEOUT_US / 2); /* all of them were passed on */
    for (uint64_t seq = 1; seq <= 16; seq++) {
        order_round(s, seq, 3, seq);
        single_tick(s, LOOK_US);
        if (single_info(s).suspects)
            fail_msg("suspected at batch %u: %s", (unsigned)seq, single_info(s).reason);
    }
    single_free(s);
}

/* ---- slow ---- */

/* Requests of client 1 wait all the time; in each round others are served, and the oldest of
 * client 1. */
static void serve(
    struct single *s, uint64_t *seq, unsigned others, uint64_t round_us, unsigned rounds)
{
    for (unsigned i = 0; i < rounds && !single_info(s).suspects; i++) {
        ++*seq;
        single_ask(s, 1, 100000 + *seq, 1);
        pass(s, round_us);
        order_round(s, *seq, others, 100000 + *seq);
    }
}

static void a_primary_much_slower_than_the_best_is_suspected(void **state)
{
    struct single *s = new_backup();
    uint64_t seq = 0;
    serve(s, &seq, 3, 2 * LOOK_US, 60);
    assert_false(single_info(s).suspects);
    /* One request at a time, each just before the time-out. */
    serve(s, &seq, 0, TIMEOUT_US - LOOK_US, 40);
    assert_true(single_info(s).suspects);
    assert_string_equal(single_info(s).reason, "much less was ordered than could be");
    single_free(s);
}

static void a_primary_that_was_always_that_slow_is_not_suspected(void **state)
{
    struct single *s = new_backup();
    uint64_t seq = 0;
    serve(s, &seq, 0, TIMEOUT_US - LOOK_US, 100);
    assert_false(single_info(s).suspects);
    single_free(s);
}

static void a_primary_without_work_is_not_slow(void **state)
{
    struct single *s = new_backup();
    uint64_t seq = 0;
    serve(s, &seq, 3, 2 * LOOK_US, 60);
    pass(s, 100 * TIMEOUT_US);
    assert_false(single_info(s).suspects);
    single_free(s);
}

/* ---- the seed ---- */

static void contribute(struct single *s, unsigned replica)
{
    forge_contribution(&s->out, replica, 1);
    single_message(s, replica, MESSAGE_CONTRIBUTION);
}

static void serve_without_seed(struct single *s, unsigned rounds)
{
    uint64_t seq = 0;
    serve(s, &seq, 3, 2 * LOOK_US, rounds);
}

static void a_primary_that_leaves_contributions_out_is_suspected(void **state)
{
    struct single *s = new_backup();
    pass(s, SINGLE_HEARTBEAT_US); /* its own is sent */
    contribute(s, 0);
    contribute(s, 3);
    serve_without_seed(s, 28);
    assert_false(single_info(s).suspects);
    single_free(s);
    s = new_backup();
    pass(s, SINGLE_HEARTBEAT_US);
    contribute(s, 0);
    contribute(s, 3);
    serve_without_seed(s, 60);
    assert_true(single_info(s).suspects);
    assert_string_equal(single_info(s).reason, "the seed of batches was not renewed");
    single_free(s);
}

/* Of 2f+1 that are here, the primary may lack those of f liars, but not fewer. */
static void a_primary_that_may_lack_contributions_is_not_suspected(void **state)
{
    struct single *s = new_backup();
    pass(s, SINGLE_HEARTBEAT_US);
    contribute(s, 3);
    serve_without_seed(s, 60);
    assert_false(single_info(s).suspects);
    single_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(castro_liskov_4_4_a_request_that_waits_starts_the_timer),
        cmocka_unit_test(a_suspicion_is_said_at_once),
        cmocka_unit_test(a_replica_alone_never_leaves_its_view),
        cmocka_unit_test(castro_liskov_4_4_the_timer_stops_when_the_request_is_ordered),
        cmocka_unit_test(a_suspicion_is_withdrawn_when_the_primary_works_after_all),
        cmocka_unit_test(batches_without_requests_are_no_progress),
        cmocka_unit_test(while_the_executor_is_what_takes_time_nobody_is_suspected),
        cmocka_unit_test(time_that_does_not_pass_is_held_against_the_primary),
        cmocka_unit_test(a_proposal_that_is_never_finished_is_held_against_the_primary),
        cmocka_unit_test(a_primary_does_not_suspect_itself),
        cmocka_unit_test(a_primary_that_lost_its_log_is_suspected),
        cmocka_unit_test(a_replica_that_is_behind_waits_longer_before_it_suspects),
        cmocka_unit_test(a_request_that_waits_is_passed_on_to_the_primary),
        cmocka_unit_test(the_primary_takes_what_is_passed_on),
        cmocka_unit_test(the_primary_verifies_what_is_passed_on),
        cmocka_unit_test(a_backup_ignores_what_is_passed_on),
        cmocka_unit_test(a_full_share_does_not_keep_out_what_is_passed_on),
        cmocka_unit_test(many_requests_of_one_client_do_not_hide_anothers),
        cmocka_unit_test(a_request_with_a_wrong_signature_brings_no_view_change),
        cmocka_unit_test(many_wrong_signatures_are_verified_a_few_at_a_time),
        cmocka_unit_test(a_primary_that_passes_one_client_over_is_suspected),
        cmocka_unit_test(a_fair_primary_is_not_unfair_to_a_long_queue),
        cmocka_unit_test(a_primary_much_slower_than_the_best_is_suspected),
        cmocka_unit_test(a_primary_that_was_always_that_slow_is_not_suspected),
        cmocka_unit_test(a_primary_without_work_is_not_slow),
        cmocka_unit_test(a_primary_that_leaves_contributions_out_is_suspected),
        cmocka_unit_test(a_primary_that_may_lack_contributions_is_not_suspected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
