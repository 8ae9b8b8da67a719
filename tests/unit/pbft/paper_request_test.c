/* Clients' requests: authenticity, batching, exactly-once execution (section 4.1 of the
 * PBFT paper), and agreed time. */
#include "proxy/pbft/core.h"
#include "tests/unit/pbft/forge.h"
#include "tests/unit/pbft/forge_view.h"
#include "tests/unit/pbft/single.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <string.h>

/* ---- authenticity ---- */

static void a_request_that_only_the_primary_got_is_accepted_by_its_signature(void **state)
{
    struct single *s = single_new(1, 1);
    struct batch batch = single_batch(s, 1);
    single_pre_prepare(s, &batch);
    assert_int_equal(s->signer.client_verified_count, 1);
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 1);
    single_free(s);
}

static void a_request_that_its_client_sent_here_needs_no_verification(void **state)
{
    struct single *s = single_new(1, 1);
    struct buffer copy = BUFFER_INIT(4096);
    struct request r = forge_request(&copy, 0, 5, 1, "work");
    single_request(s, &r);
    struct batch batch = single_batch(s, 1); /* the same request, byte for byte */
    single_pre_prepare(s, &batch);
    assert_int_equal(s->signer.client_verified_count, 0);
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 1);
    buffer_free(&copy);
    single_free(s);
}

static void a_request_that_differs_in_one_byte_from_the_clients_needs_its_signature(void **state)
{
    struct single *s = single_new(1, 1);
    struct buffer copy = BUFFER_INIT(4096);
    struct request r = forge_request(&copy, 0, 5, 1, "work");
    single_request(s, &r);
    buffer_clear(&s->requests);
    forge_unsigned_request(&s->requests, 0, 5, 1, "work");
    struct batch batch = forge_batch(1, SINGLE_CLOCK_US, 1, &s->requests);
    single_pre_prepare(s, &batch);
    assert_string_equal(
        s->update.invalid, "a request that its client neither sent here nor signed");
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 0);
    assert_int_equal(s->update.persist_count, 0);
    buffer_free(&copy);
    single_free(s);
}

static void the_primary_drops_a_request_with_a_wrong_signature(void **state)
{
    struct single *s = single_new(0, 1);
    buffer_clear(&s->requests);
    struct request r = forge_unsigned_request(&s->requests, 1, 5, 1, "work");
    single_request(s, &r);
    assert_string_equal(s->update.invalid, "request with a wrong signature");
    assert_int_equal(single_sent(s, MESSAGE_PRE_PREPARE), 0);
    assert_int_equal(single_info(s).pending, 0);
    single_free(s);
}

static void a_request_of_an_unknown_client_makes_a_proposal_invalid(void **state)
{
    struct single *s = single_new(1, 1);
    buffer_clear(&s->requests);
    forge_request(&s->requests, 4, 5, 1, "work"); /* there are four keys, 0 to 3 */
    struct batch batch = forge_batch(1, SINGLE_CLOCK_US, 1, &s->requests);
    single_pre_prepare(s, &batch);
    assert_string_equal(s->update.invalid, "a request of an unknown client");
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 0);
    forge_fetched(&s->out, &batch);
    single_message(s, 2, MESSAGE_BATCH);
    assert_string_equal(s->update.invalid, "a request of an unknown client");
    single_free(s);
}

static void a_batch_beyond_the_limits_is_rejected_before_it_is_digested(void **state)
{
    struct single *s = single_new(1, 1);
    buffer_clear(&s->requests);
    for (uint64_t i = 1; i <= 5; i++)
        forge_request(&s->requests, 0, i, 1, "work");
    struct batch batch = forge_batch(1, SINGLE_CLOCK_US, 5, &s->requests);
    single_pre_prepare(s, &batch);
    assert_string_equal(s->update.invalid, "batch with too many requests");

    static char large[700 << 10];
    memset(large, 'x', sizeof large - 1);
    buffer_clear(&s->requests);
    forge_request(&s->requests, 0, 1, 1, large);
    forge_request(&s->requests, 0, 2, 1, large);
    batch = forge_batch(1, SINGLE_CLOCK_US, 2, &s->requests);
    single_pre_prepare(s, &batch);
    assert_string_equal(s->update.invalid, "batch with too many bytes");
    single_free(s);
}

/* ---- batching ---- */

static struct pre_prepare proposal(const struct single *s)
{
    struct pre_prepare m = {0};
    const struct pbft_send *send = single_send_of(s, MESSAGE_PRE_PREPARE);
    assert_non_null(send);
    assert_null(pre_prepare_decode(send->body, &m));
    return m;
}

/* Lets the two batches in flight fill up, so that what follows waits. */
static void fill_pipeline(struct single *s)
{
    single_ask(s, 3, 100, 1);
    single_ask(s, 3, 101, 1);
    assert_int_equal(single_info(s).in_flight, 2);
}

/* The others agree on what the primary proposed at seq. */
static void agree_with_primary(struct single *s, uint64_t seq)
{
    const struct slot *slot = slots_at(&s->core->slots, seq);
    for (unsigned peer = 1; peer <= 2 * s->options.faults; peer++) {
        forge_prepare(&s->out, peer, 0, seq, slot->digest);
        single_message(s, peer, MESSAGE_PREPARE);
    }
    for (unsigned peer = 1; peer <= 2 * s->options.faults; peer++) {
        forge_commit(&s->out, 0, seq, slot->digest);
        single_message(s, peer, MESSAGE_COMMIT);
    }
}

/* … and the executor is done with it: only then is there room for another batch, so that batches
 * grow while execution is what takes time. */
static void finish_batch(struct single *s, uint64_t seq)
{
    static const bool skip[] = {false};
    agree_with_primary(s, seq);
    assert_int_equal(single_sent(s, MESSAGE_PRE_PREPARE), 0);
    single_executed(s, seq, skip, 1);
}

static void the_pipeline_is_bounded_and_what_waits_shares_a_batch(void **state)
{
    struct single *s = single_new(0, 1);
    fill_pipeline(s);
    for (uint64_t session = 1; session <= 3; session++) {
        single_ask(s, 1, session, 1);
        assert_int_equal(single_sent(s, MESSAGE_PRE_PREPARE), 0);
    }
    finish_batch(s, 1);
    struct pre_prepare m = proposal(s);
    assert_int_equal(m.batch.seq, 3);
    assert_int_equal(m.batch.request_count, 3);
    single_free(s);
}

static void clients_take_turns(void **state)
{
    struct single *s = single_new(0, 1);
    fill_pipeline(s);
    for (uint64_t session = 1; session <= 6; session++)
        single_ask(s, 1, session, 1);
    single_ask(s, 2, 50, 1);
    finish_batch(s, 1);
    struct pre_prepare m = proposal(s);
    assert_int_equal(m.batch.request_count, 4);
    struct reader r = reader_of(m.batch.requests);
    struct request first, second;
    assert_null(request_take(&r, &first));
    assert_null(request_take(&r, &second));
    /* Client 2 asked last, but is not behind the six of client 1. */
    assert_int_equal(first.client, 1);
    assert_int_equal(second.client, 2);
    single_free(s);
}

static void a_request_larger_than_a_batch_travels_alone(void **state)
{
    static char large[6000];
    memset(large, 'x', sizeof large - 1);
    struct single *s = single_new(0, 1);
    fill_pipeline(s);
    single_ask(s, 0, 1, 1);
    buffer_clear(&s->requests);
    struct request r = forge_request(&s->requests, 1, 2, 1, large);
    single_request(s, &r);
    finish_batch(s, 1);
    assert_int_equal(proposal(s).batch.request_count, 1);
    finish_batch(s, 2);
    struct pre_prepare m = proposal(s);
    assert_int_equal(m.batch.request_count, 1);
    assert_true(m.batch.requests.size > s->options.batch_bytes_max);
    struct single *backup = single_new(1, 1);
    single_pre_prepare(backup, &m.batch);
    assert_int_equal(single_sent(backup, MESSAGE_PREPARE), 1);
    single_free(backup);
    single_free(s);
}

static void a_client_key_has_a_bounded_share_of_the_pending_table(void **state)
{
    struct single *s = single_new(1, 1);
    for (uint64_t session = 1; session <= PENDING_PER_CLIENT_MAX; session++) {
        single_ask(s, 1, session, 1);
        assert_false(s->update.refused);
    }
    single_ask(s, 1, 9999, 1);
    assert_true(s->update.refused);
    single_ask(s, 2, 9999, 1); /* another key is not concerned */
    assert_false(s->update.refused);
    assert_int_equal(single_info(s).pending, PENDING_PER_CLIENT_MAX + 1);
    single_free(s);
}

static void a_request_whose_client_fell_silent_makes_room(void **state)
{
    struct single *s = single_new(1, 1);
    for (uint64_t session = 1; session <= PENDING_PER_CLIENT_MAX; session++)
        single_ask(s, 1, session, 1);
    single_tick(s, 51 * SINGLE_RETRANSMIT_US);
    single_ask(s, 1, 9999, 1);
    assert_false(s->update.refused);
    assert_int_equal(single_info(s).pending, PENDING_PER_CLIENT_MAX);
    single_free(s);
}

static void a_request_that_is_repeated_keeps_its_place(void **state)
{
    struct single *s = single_new(1, 1);
    for (uint64_t session = 1; session <= PENDING_PER_CLIENT_MAX; session++)
        single_ask(s, 1, session, 1);
    single_tick(s, 26 * SINGLE_RETRANSMIT_US);
    for (uint64_t session = 1; session <= PENDING_PER_CLIENT_MAX; session++)
        single_ask(s, 1, session, 1);
    single_tick(s, 26 * SINGLE_RETRANSMIT_US);
    single_ask(s, 1, 9999, 1);
    assert_true(s->update.refused);
    single_free(s);
}

static void an_ordered_request_is_pending_no_more(void **state)
{
    struct single *s = single_new(1, 1);
    single_ask(s, 0, 5, 1);
    assert_int_equal(single_info(s).pending, 1);
    struct batch batch = single_batch(s, 1);
    single_agree(s, &batch);
    assert_int_equal(single_info(s).pending, 0);
    single_free(s);
}

static void a_session_has_one_pending_request_and_the_later_counts(void **state)
{
    struct single *s = single_new(1, 1);
    single_ask(s, 1, 5, 1);
    single_ask(s, 1, 5, 1);
    assert_int_equal(single_info(s).pending, 1);
    single_ask(s, 1, 5, 2);
    assert_int_equal(single_info(s).pending, 1);
    assert_int_equal(pending_find(&s->core->pending, 1, 5)->number, 2);
    single_ask(s, 1, 5, 1);
    assert_int_equal(pending_find(&s->core->pending, 1, 5)->number, 2);
    single_free(s);
}

/* ---- exactly once ---- */

static void castro_liskov_4_1_a_repeated_request_gets_the_cached_reply(void **state)
{
    struct single *s = single_new(1, 1);
    single_run(s, 0, 2); /* client 0, session 5, numbers 1 and 2 */
    single_ask(s, 0, 5, 2);
    assert_int_equal(s->update.reply_count, 1);
    assert_int_equal(s->update.replies[0].client, 0);
    struct reply reply;
    assert_null(reply_decode(s->update.replies[0].body, &reply));
    assert_int_equal(reply.session, 5);
    assert_int_equal(reply.number, 2);
    assert_true(slice_equal(reply.result, slice_text("ok!")));
    assert_int_equal(single_info(s).pending, 0);
    single_free(s);
}

static void castro_liskov_4_1_an_older_request_is_ignored(void **state)
{
    struct single *s = single_new(1, 1);
    single_run(s, 0, 2);
    single_ask(s, 0, 5, 1);
    assert_int_equal(s->update.reply_count, 0);
    assert_int_equal(single_info(s).pending, 0);
    single_free(s);
}

static void results_are_sent_to_the_clients_and_recorded(void **state)
{
    struct single *s = single_new(1, 1);
    struct batch batch = single_batch(s, 1);
    single_agree(s, &batch);
    single_executed(s, 1, NULL, 1);
    assert_int_equal(s->update.reply_count, 1);
    const struct pbft_record *record = single_record_of(s, PBFT_RECORD_OUTCOMES);
    assert_non_null(record);
    struct reader r = reader_of(record->value);
    assert_int_equal(get_u32(&r), 1);
    assert_true(slice_equal(get_bytes(&r, 100), slice_text("ok!")));
    assert_true(reader_done(&r));
    single_free(s);
}

static void a_request_ordered_twice_is_skipped_the_second_time(void **state)
{
    struct single *s = single_new(1, 1);
    single_run(s, 0, 1);
    buffer_clear(&s->requests);
    forge_request(&s->requests, 0, 5, 1, "work");
    forge_request(&s->requests, 0, 6, 1, "work");
    struct batch batch = forge_batch(2, SINGLE_CLOCK_US + 2, 2, &s->requests);
    single_agree(s, &batch);
    assert_int_equal(s->update.delivery_count, 1);
    assert_true(s->update.deliveries[0].skip[0]);
    assert_false(s->update.deliveries[0].skip[1]);
    static const bool skip[] = {true, false};
    single_executed(s, 2, skip, 2);
    assert_int_equal(s->update.reply_count, 1);
    single_free(s);
}

/* Orders number 1 of a new session of client 0 at seq. */
static void order_session(struct single *s, uint64_t seq, uint64_t session)
{
    buffer_clear(&s->requests);
    forge_request(&s->requests, 0, session, 1, "work");
    struct batch batch = forge_batch(seq, SINGLE_CLOCK_US + seq, 1, &s->requests);
    single_agree(s, &batch);
}

static void expect_forgotten(const struct single *s)
{
    assert_int_equal(s->update.reply_count, 1);
    struct reply reply;
    assert_null(reply_decode(s->update.replies[0].body, &reply));
    struct reader r = reader_of(reply.result);
    struct outcome outcome;
    assert_null(outcome_take(&r, &outcome));
    assert_int_equal(outcome.kind, OUTCOME_REFUSED);
    assert_memory_equal(outcome.sqlstate, "08003", 5);
}

static void a_forgotten_sessions_request_is_never_executed_again(void **state)
{
    struct single *s = single_new(1, 1); /* two sessions per key are remembered */
    for (uint64_t seq = 1; seq <= 3; seq++) {
        order_session(s, seq, 10 + seq);
        assert_false(s->update.deliveries[0].skip[0]);
        single_executed(s, seq, NULL, 1);
    }
    /* Session 11 was used least recently and is forgotten: replayed, it is skipped … */
    order_session(s, 4, 11);
    assert_true(s->update.deliveries[0].skip[0]);
    static const bool skip[] = {true};
    single_executed(s, 4, skip, 1);
    expect_forgotten(s);
    /* … and refused already at the door. */
    single_ask(s, 0, 11, 2);
    expect_forgotten(s);
    assert_int_equal(single_info(s).pending, 0);
    single_free(s);
}

/* ---- agreed time ---- */

static void the_primary_proposes_its_clock_or_the_last_time_plus_one(void **state)
{
    struct single *s = single_new(0, 1);
    single_ask(s, 1, 5, 1);
    assert_true(proposal(s).batch.timestamp_us == SINGLE_CLOCK_US);
    s->clock_us -= 1000;
    single_ask(s, 1, 6, 1);
    assert_true(proposal(s).batch.timestamp_us == SINGLE_CLOCK_US + 1);
    single_free(s);
}

static void offer(struct single *s, uint64_t seq, uint64_t timestamp_us)
{
    struct batch batch = forge_batch(seq, timestamp_us, 0, NULL);
    single_pre_prepare(s, &batch);
}

static void a_proposal_ahead_of_the_clock_is_refused(void **state)
{
    struct single *s = single_new(1, 1);
    offer(s, 1, SINGLE_CLOCK_US + SINGLE_SKEW_US + 1);
    assert_string_equal(s->update.invalid, "pre-prepare whose time is ahead of the clock");
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 0);
    offer(s, 1, UINT64_MAX);
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 0);
    offer(s, 1, SINGLE_CLOCK_US + SINGLE_SKEW_US);
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 1);
    single_free(s);
}

static void a_stale_proposal_is_refused_while_it_is_new(void **state)
{
    struct single *s = single_new(1, 1);
    offer(s, 1, SINGLE_CLOCK_US - SINGLE_SKEW_US - 1);
    assert_string_equal(s->update.invalid, "pre-prepare whose time is behind the clock");
    offer(s, 1, SINGLE_CLOCK_US - SINGLE_SKEW_US);
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 1);
    single_free(s);
}

static void a_stale_proposal_for_which_f_plus_1_vouch_is_accepted(void **state)
{
    struct single *s = single_new(1, 1);
    struct batch batch = forge_batch(1, SINGLE_CLOCK_US - 10 * SINGLE_SKEW_US, 0, NULL);
    single_prepares(s, &batch, 1);
    single_pre_prepare(s, &batch);
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 0);
    single_commits(s, &batch, 1); /* of another replica: 0 */
    single_pre_prepare(s, &batch);
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 1);
    single_free(s);
}

static void a_stale_proposal_is_accepted_when_nothing_better_comes(void **state)
{
    struct single *s = single_new(1, 1);
    uint64_t timestamp_us = SINGLE_CLOCK_US - 10 * SINGLE_SKEW_US;
    offer(s, 1, timestamp_us);
    single_tick(s, 4 * SINGLE_RETRANSMIT_US);
    offer(s, 1, timestamp_us);
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 0);
    single_tick(s, SINGLE_RETRANSMIT_US);
    offer(s, 1, timestamp_us);
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 1);
    single_free(s);
}

static void a_delivery_makes_stale_proposals_wait_again(void **state)
{
    struct single *s = single_new(1, 1);
    offer(s, 2, SINGLE_CLOCK_US - 10 * SINGLE_SKEW_US);
    assert_non_null(s->update.invalid);
    struct batch batch = forge_batch(1, SINGLE_CLOCK_US - 20 * SINGLE_SKEW_US, 0, NULL);
    single_prepares(s, &batch, 2);
    single_agree(s, &batch);
    assert_int_equal(single_info(s).delivered, 1);
    single_tick(s, 5 * SINGLE_RETRANSMIT_US);
    offer(s, 2, SINGLE_CLOCK_US - 10 * SINGLE_SKEW_US);
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 0);
    single_tick(s, 5 * SINGLE_RETRANSMIT_US);
    offer(s, 2, SINGLE_CLOCK_US - 10 * SINGLE_SKEW_US);
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 1);
    single_free(s);
}

/* A new view may bring batches of several old views in any order of their times. */
static void agreed_time_grows_where_proposed_time_does_not(void **state)
{
    static const uint64_t proposed[] = {10, 10, 5, 20};
    static const uint64_t agreed[] = {10, 11, 12, 20};
    struct single *s = single_new(1, 1);
    for (unsigned i = 0; i < 4; i++) {
        struct batch batch = forge_batch(i + 1, SINGLE_CLOCK_US + proposed[i], 0, NULL);
        single_agree(s, &batch);
        assert_int_equal(s->update.delivery_count, 1);
        assert_true(s->update.deliveries[0].batch.timestamp_us == SINGLE_CLOCK_US + proposed[i]);
        assert_true(s->update.deliveries[0].timestamp_us == SINGLE_CLOCK_US + agreed[i]);
        assert_true(single_info(s).timestamp_us == SINGLE_CLOCK_US + agreed[i]);
        single_executed(s, i + 1, NULL, 0);
    }
    single_free(s);
}

static void a_null_batch_is_no_proposal(void **state)
{
    struct single *s = single_new(1, 1);
    offer(s, 1, 0);
    assert_string_equal(s->update.invalid, "a null batch as a proposal");
    assert_int_equal(s->update.persist_count, 0);
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 0);
    single_free(s);
}

static void time_passes_by_empty_batches_while_transactions_are_open(void **state)
{
    struct single *s = single_new(0, 1);
    single_tick(s, 0);
    assert_int_equal(single_sent(s, MESSAGE_PRE_PREPARE), 0);
    single_ask(s, 1, 5, 1);
    agree_with_primary(s, 1);
    s->more_time = true;
    single_executed(s, 1, NULL, 1);
    assert_int_equal(single_sent(s, MESSAGE_PRE_PREPARE), 0);
    assert_true(pbft_deadline(s->core) <= s->now_us + SINGLE_HEARTBEAT_US);
    single_tick(s, SINGLE_HEARTBEAT_US);
    assert_int_equal(proposal(s).batch.request_count, 0);
    agree_with_primary(s, 2);
    s->more_time = false;
    single_executed(s, 2, NULL, 0);
    single_tick(s, 2 * SINGLE_HEARTBEAT_US);
    assert_int_equal(single_sent(s, MESSAGE_PRE_PREPARE), 0);
    single_free(s);
}

/* ---- contributions to the seed ---- */

static void contribute(struct single *s, unsigned replica, uint64_t number)
{
    forge_contribution(&s->out, replica, number);
    single_message(s, replica, MESSAGE_CONTRIBUTION);
}

static void a_replica_contributes_with_its_heartbeat(void **state)
{
    struct single *s = single_new(1, 1);
    single_tick(s, SINGLE_HEARTBEAT_US);
    const struct pbft_send *send = single_send_of(s, MESSAGE_CONTRIBUTION);
    assert_non_null(send);
    assert_int_equal(send->to, PBFT_TO_ALL);
    forge_contribution(&s->out, 1, 1);
    assert_true(slice_equal(send->body, buffer_slice(&s->out)));
    single_free(s);
}

static void a_batch_carries_contributions_of_f_plus_1_or_none(void **state)
{
    struct single *s = single_new(0, 1);
    single_ask(s, 1, 5, 1);
    assert_int_equal(proposal(s).batch.contribution_count, 0); /* its own would be one */
    contribute(s, 2, 1);
    assert_null(s->update.invalid);
    single_ask(s, 1, 6, 1);
    assert_int_equal(proposal(s).batch.contribution_count, 2);
    /* Not again before these are delivered: the others could not judge the next. */
    finish_batch(s, 1);
    contribute(s, 2, 2);
    contribute(s, 3, 1);
    single_ask(s, 1, 7, 1);
    assert_int_equal(proposal(s).batch.contribution_count, 0);
    finish_batch(s, 2);
    finish_batch(s, 3);
    single_ask(s, 1, 8, 1);
    assert_int_equal(proposal(s).batch.contribution_count, 3);
    single_free(s);
}

/* A batch at `number` with the contributions of that number of replicas 0, 2, … */
static struct batch contributing(
    struct single *s, struct buffer *contributions, uint64_t number, unsigned count)
{
    struct batch batch = single_batch(s, number);
    buffer_clear(contributions);
    for (unsigned i = 0; i < count; i++) {
        struct contribution m;
        forge_contribution(&s->out, 2 * i, number);
        assert_null(contribution_decode(buffer_slice(&s->out), &m));
        contribution_put(contributions, &m);
    }
    batch.contribution_count = count;
    batch.contributions = buffer_slice(contributions);
    return batch;
}

static void a_proposal_with_too_few_contributions_is_refused(void **state)
{
    struct single *s = single_new(1, 1);
    struct buffer contributions = BUFFER_INIT(4096);
    struct batch batch = contributing(s, &contributions, 1, 1);
    single_pre_prepare(s, &batch);
    assert_non_null(s->update.invalid);
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 0);
    batch = contributing(s, &contributions, 1, 2);
    single_pre_prepare(s, &batch);
    assert_null(s->update.invalid);
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 1);
    buffer_free(&contributions);
    single_free(s);
}

static void a_proposal_with_a_forged_contribution_is_refused(void **state)
{
    struct single *s = single_new(1, 1);
    struct buffer contributions = BUFFER_INIT(4096);
    struct batch batch = contributing(s, &contributions, 1, 2);
    contributions.data[contributions.size - 1] ^= 1;
    single_pre_prepare(s, &batch);
    assert_string_equal(s->update.invalid, "a contribution with a wrong signature");
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 0);
    buffer_free(&contributions);
    single_free(s);
}

static void a_second_different_contribution_is_a_lie_that_can_be_proved(void **state)
{
    struct single *s = single_new(0, 1);
    contribute(s, 2, 1);
    struct contribution m;
    assert_null(contribution_decode(buffer_slice(&s->out), &m));
    m.commitment[0] ^= 1;
    struct buffer part = BUFFER_INIT(4096);
    contribution_put_signed_part(&part, &m);
    fake_sign_replica(2, SIGN_CONTRIBUTION, part.data, part.size, m.signature);
    buffer_free(&part);
    buffer_clear(&s->out);
    contribution_encode(&s->out, &m);
    single_message(s, 3, MESSAGE_CONTRIBUTION);
    assert_string_equal(s->update.invalid, "contribution of another replica");
    single_message(s, 2, MESSAGE_CONTRIBUTION);
    assert_string_equal(s->update.invalid, "a second, different contribution");
    assert_int_equal(s->update.evidence_count, 1);
    assert_int_equal(s->update.evidence[0].replica, 2);
    assert_int_equal(s->update.evidence[0].purpose, SIGN_CONTRIBUTION);
    single_free(s);
}

/* The first ones only announce what the second ones reveal. */
static void what_contributions_reveal_changes_the_seed(void **state)
{
    uint8_t seed[2][DIGEST_BYTES];
    for (unsigned i = 0; i < 2; i++) {
        struct single *s = single_new(1, 1);
        struct buffer contributions = BUFFER_INIT(4096);
        struct batch batch = contributing(s, &contributions, 1, 2);
        single_agree(s, &batch);
        batch = contributing(s, &contributions, 2, 2 * i);
        single_agree(s, &batch);
        assert_int_equal(s->update.delivery_count, 1);
        memcpy(seed[i], s->update.deliveries[0].seed, DIGEST_BYTES);
        buffer_free(&contributions);
        single_free(s);
    }
    assert_memory_not_equal(seed[0], seed[1], DIGEST_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_that_only_the_primary_got_is_accepted_by_its_signature),
        cmocka_unit_test(a_request_that_its_client_sent_here_needs_no_verification),
        cmocka_unit_test(a_request_that_differs_in_one_byte_from_the_clients_needs_its_signature),
        cmocka_unit_test(the_primary_drops_a_request_with_a_wrong_signature),
        cmocka_unit_test(a_request_of_an_unknown_client_makes_a_proposal_invalid),
        cmocka_unit_test(a_batch_beyond_the_limits_is_rejected_before_it_is_digested),
        cmocka_unit_test(the_pipeline_is_bounded_and_what_waits_shares_a_batch),
        cmocka_unit_test(clients_take_turns),
        cmocka_unit_test(a_request_larger_than_a_batch_travels_alone),
        cmocka_unit_test(a_client_key_has_a_bounded_share_of_the_pending_table),
        cmocka_unit_test(a_request_whose_client_fell_silent_makes_room),
        cmocka_unit_test(a_request_that_is_repeated_keeps_its_place),
        cmocka_unit_test(an_ordered_request_is_pending_no_more),
        cmocka_unit_test(a_session_has_one_pending_request_and_the_later_counts),
        cmocka_unit_test(castro_liskov_4_1_a_repeated_request_gets_the_cached_reply),
        cmocka_unit_test(castro_liskov_4_1_an_older_request_is_ignored),
        cmocka_unit_test(results_are_sent_to_the_clients_and_recorded),
        cmocka_unit_test(a_request_ordered_twice_is_skipped_the_second_time),
        cmocka_unit_test(a_forgotten_sessions_request_is_never_executed_again),
        cmocka_unit_test(the_primary_proposes_its_clock_or_the_last_time_plus_one),
        cmocka_unit_test(a_proposal_ahead_of_the_clock_is_refused),
        cmocka_unit_test(a_stale_proposal_is_refused_while_it_is_new),
        cmocka_unit_test(a_stale_proposal_for_which_f_plus_1_vouch_is_accepted),
        cmocka_unit_test(a_stale_proposal_is_accepted_when_nothing_better_comes),
        cmocka_unit_test(a_delivery_makes_stale_proposals_wait_again),
        cmocka_unit_test(agreed_time_grows_where_proposed_time_does_not),
        cmocka_unit_test(a_null_batch_is_no_proposal),
        cmocka_unit_test(time_passes_by_empty_batches_while_transactions_are_open),
        cmocka_unit_test(a_replica_contributes_with_its_heartbeat),
        cmocka_unit_test(a_batch_carries_contributions_of_f_plus_1_or_none),
        cmocka_unit_test(a_proposal_with_too_few_contributions_is_refused),
        cmocka_unit_test(a_proposal_with_a_forged_contribution_is_refused),
        cmocka_unit_test(a_second_different_contribution_is_a_lie_that_can_be_proved),
        cmocka_unit_test(what_contributions_reveal_changes_the_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
