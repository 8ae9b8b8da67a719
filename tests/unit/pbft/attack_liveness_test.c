/* Attacks on liveness: a client, a faulty replica or bad luck must neither bring a correct primary
 * down, nor keep a faulty one in its place, nor make the others work for nothing. */
#include "proxy/pbft/core.h"
#include "tests/unit/pbft/forge.h"
#include "tests/unit/pbft/views.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_US UINT64_C(300000)
#define LOOK_US (TIMEOUT_US / 8)
#define TICK_US (LOOK_US / 2)
#define ROUND_US (2 * LOOK_US)

static struct single *new_backup(void)
{
    struct pbft_options options = single_options(2, 1);
    options.view_change_timeout_us = TIMEOUT_US;
    options.pending_bytes_max = 8 << 20;
    return single_new_with(&options);
}

/* Hands in what the others say about the checkpoint that was just taken here, if one was. */
static void make_stable(struct single *s)
{
    const struct pbft_send *send = single_send_of(s, MESSAGE_CHECKPOINT);
    if (send == NULL)
        return;
    struct checkpoint m;
    assert_null(checkpoint_decode(send->body, &m));
    for (unsigned peer = 0; peer < 4; peer++) {
        if (peer == s->options.self)
            continue;
        forge_checkpoint(&s->out, peer, m.seq, m.digest);
        single_message(s, peer, MESSAGE_CHECKPOINT);
    }
    assert_int_equal(single_info(s).stable, m.seq);
}

static void agree_and_execute(struct single *s, struct batch batch)
{
    bool skip[BATCH_REQUESTS_MAX];
    single_agree(s, &batch);
    assert_int_equal(s->update.delivery_count, 1);
    memcpy(skip, s->update.deliveries[0].skip, batch.request_count * sizeof *skip);
    single_executed(s, batch.seq, skip, batch.request_count);
    make_stable(s);
}

/* The primary orders what was forged into s->requests. */
static void order(struct single *s, unsigned count)
{
    uint64_t seq = single_info(s).delivered + 1;
    agree_and_execute(s, forge_batch(seq, s->clock_us + seq, count, &s->requests));
}

static void order_one(
    struct single *s, unsigned client, uint64_t session, uint64_t number, const char *body)
{
    buffer_clear(&s->requests);
    forge_request(&s->requests, client, session, number, body);
    order(s, 1);
}

/* Ordinary load: requests of client 2 that this backup was not sent. */
static void order_others(struct single *s, unsigned batches)
{
    for (unsigned i = 0; i < batches; i++) {
        buffer_clear(&s->requests);
        for (unsigned j = 0; j < 4; j++)
            forge_request(&s->requests, 2, 10000 + 4 * single_info(s).delivered + j, 1, "work");
        order(s, 4);
    }
}

/* Says how many requests of this client were relayed in the last step. */
static unsigned relays_of(const struct single *s, unsigned client)
{
    unsigned count = 0;
    for (unsigned i = 0; i < s->update.send_count; i++) {
        struct request r;
        if (s->update.sends[i].type != MESSAGE_RELAY)
            continue;
        assert_null(request_decode(s->update.sends[i].body, &r));
        count += r.client == client;
    }
    return count;
}

static void expect_no_suspicion(const struct single *s)
{
    if (single_info(s).suspects)
        fail_msg("suspects the primary: %s", single_info(s).reason);
}

/* ---- clients that go round the primary ---- */

/* What is relayed in one step has a ceiling. Three requests of 600 KB go to the backups only; the
 * primary orders each as soon as it is shown, under the load of others. */
static void a_request_that_did_not_fit_is_not_held_against_the_primary(void **state)
{
    struct single *s = new_backup();
    enum { LARGE = 600000, COUNT = 3 };
    char *body = malloc(LARGE + 1);
    assert_non_null(body);
    memset(body, 'x', LARGE);
    body[LARGE] = '\0';
    for (uint64_t session = 1; session <= COUNT; session++) {
        buffer_clear(&s->requests);
        struct request r = forge_request(&s->requests, 1, session, 1, body);
        single_request(s, &r);
    }
    uint64_t ordered = 0;
    for (unsigned i = 0; i < 40; i++) {
        single_tick(s, TICK_US);
        expect_no_suspicion(s);
        unsigned relays = relays_of(s, 1);
        assert_true(relays <= 1); /* two do not fit into one step */
        if (relays == 1 && ordered < COUNT)
            order_one(s, 1, ++ordered, 1, body);
        order_others(s, 2);
    }
    assert_int_equal(ordered, COUNT);
    free(body);
    single_free(s);
}

/* A client whose link to the primary is down has each request wait for its relay. */
struct detached {
    uint64_t number;
    unsigned ordered;
    bool waits;
};

static void pass_with_detached_client(
    struct single *s, struct detached *d, uint64_t us, unsigned other_batches)
{
    for (uint64_t passed = 0; passed < us; passed += TICK_US) {
        if (!d->waits)
            single_ask(s, 1, 5, ++d->number);
        d->waits = true;
        single_tick(s, TICK_US);
        expect_no_suspicion(s);
        if (relays_of(s, 1) > 0) {
            order_one(s, 1, 5, d->number, "work");
            d->waits = false;
            d->ordered++;
        }
        order_others(s, other_batches);
    }
}

static void what_the_primary_was_not_shown_does_not_make_it_slow(void **state)
{
    struct single *s = new_backup();
    struct detached d = {0};
    pass_with_detached_client(s, &d, 30 * TIMEOUT_US, 2); /* a busy time sets the standard */
    assert_true(s->core->suspicion.best > 100);
    d.ordered = 0;
    pass_with_detached_client(s, &d, 40 * TIMEOUT_US, 0);
    assert_true(d.ordered >= 40); /* each as soon as the primary had it, and nothing else came */
    single_free(s);
}

/* A colluding client has 200 requests here, each replaced by the session's next one before the
 * time-out, so that more are always due than a look relays. */
enum { CROWD = 200, RENEW_US = TIMEOUT_US * 8 / 10 };

struct crowd {
    uint64_t next_us[CROWD]; /* out of step */
    uint64_t number[CROWD];
};

static void start_crowd(const struct single *s, struct crowd *c)
{
    for (unsigned i = 0; i < CROWD; i++)
        c->next_us[i] = s->now_us + i * RENEW_US / CROWD;
}

static void renew_crowd(struct single *s, struct crowd *c)
{
    for (unsigned i = 0; i < CROWD; i++) {
        if (s->now_us < c->next_us[i])
            continue;
        c->next_us[i] = s->now_us + RENEW_US;
        single_ask(s, 1, 100 + i, ++c->number[i]);
    }
}

static void one_client_cannot_hide_that_another_is_starved(void **state)
{
    struct single *s = new_backup();
    struct crowd crowd = {0};
    unsigned relays = 0;
    start_crowd(s, &crowd);
    for (uint64_t us = 0; us < TIMEOUT_US; us += TICK_US) {
        single_tick(s, TICK_US);
        renew_crowd(s, &crowd);
    }
    single_ask(s, 3, 7, 1);
    for (uint64_t us = 0; us < 20 * TIMEOUT_US && !single_info(s).suspects; us += TICK_US) {
        single_tick(s, TICK_US);
        relays += relays_of(s, 3);
        renew_crowd(s, &crowd);
        order_others(s, 1); /* and never the victim's */
    }
    assert_true(relays >= 1);
    assert_true(single_info(s).suspects);
    assert_string_equal(single_info(s).reason, "a request was passed over");
    single_free(s);
}

/* No primary can have it ordered: the order itself skips it. */
static void a_request_of_a_forgotten_session_is_not_held_against_the_primary(void **state)
{
    struct single *s = new_backup();
    single_ask(s, 1, 5, 1);
    while (relays_of(s, 1) == 0)
        single_tick(s, TICK_US);
    /* Two sessions are remembered: the third makes 6 forgotten, and whatever is older. */
    for (uint64_t session = 6; session <= 8; session++)
        order_one(s, 1, session, 1, "work");
    for (unsigned i = 0; i < 64; i++) {
        single_tick(s, TICK_US);
        expect_no_suspicion(s);
    }
    assert_int_equal(single_info(s).pending, 0);
    single_free(s);
}

/* ---- the seed ---- */

/* The next contributions of all but this replica to the seed, as they come every heartbeat. */
static void contribute(struct single *s, struct contribution ret[static 3])
{
    unsigned count = 0;
    for (unsigned peer = 0; peer < 4; peer++) {
        if (peer == s->options.self)
            continue;
        struct fake_signer signer = {.self = peer};
        struct pbft_crypto crypto = fake_crypto(&signer);
        seed_contribute(&s->core->ordered_seed, &crypto, peer, &ret[count]);
        buffer_clear(&s->out);
        contribution_encode(&s->out, &ret[count++]);
        single_message(s, peer, MESSAGE_CONTRIBUTION);
        assert_null(s->update.invalid);
    }
}

/* The primary orders a request every two looks, and renews the seed in every period-th batch. The
 * request is ordered at once if it does not `wait` here, as it does in a cluster that is not busy.
 */
static void pass_with_seed(struct single *s, uint64_t us, unsigned period, bool wait)
{
    uint8_t memory[3 * CONTRIBUTION_BYTES];
    struct contribution next[3];
    for (uint64_t passed = 0; passed < us && !single_info(s).suspects; passed += ROUND_US) {
        uint64_t seq = single_info(s).delivered + 1;
        if (wait)
            single_ask(s, 1, seq, 1);
        for (uint64_t waited = 0; waited < ROUND_US; waited += TICK_US)
            single_tick(s, TICK_US);
        contribute(s, next);
        buffer_clear(&s->requests);
        forge_request(&s->requests, 1, seq, 1, "work");
        struct batch batch = forge_batch(seq, s->clock_us + seq, 1, &s->requests);
        struct buffer b = {.data = memory, .capacity = sizeof memory, .size_max = sizeof memory};
        if (period != 0 && seq % period == 0) {
            for (unsigned i = 0; i < 3; i++)
                contribution_put(&b, &next[i]);
            batch.contribution_count = 3;
            batch.contributions = buffer_slice(&b);
        }
        agree_and_execute(s, batch);
    }
}

static void expect_frozen_seed_is_noticed(bool wait)
{
    struct single *s = new_backup();
    pass_with_seed(s, 7 * TIMEOUT_US, 0, wait);
    expect_no_suspicion(s);
    pass_with_seed(s, 3 * TIMEOUT_US, 0, wait);
    assert_true(single_info(s).suspects);
    assert_string_equal(single_info(s).reason, "the seed of batches was not renewed");
    single_free(s);
}

static void a_primary_that_freezes_the_seed_is_suspected(void **state)
{
    expect_frozen_seed_is_noticed(true);
}

static void a_frozen_seed_is_noticed_also_when_nothing_waits(void **state)
{
    expect_frozen_seed_is_noticed(false);
}

static void a_primary_that_renews_the_seed_now_and_then_is_not_suspected(void **state)
{
    struct single *s = new_backup();
    pass_with_seed(s, 40 * TIMEOUT_US, 6 * TIMEOUT_US / ROUND_US, true);
    expect_no_suspicion(s);
    assert_true(s->core->ordered_seed.replicas[0].number >= 6);
    single_free(s);
}

/* ---- a new primary that lags ---- */

enum { SHOWN_LOW = 8, SHOWN_HIGH = 20, WINDOW = 16 };

/* Every other replica: stable at SHOWN_LOW, and with all up to SHOWN_HIGH prepared in view 0. */
static void change_view_without_it(struct single *s, const uint8_t stable[static DIGEST_BYTES])
{
    views_leave(s);
    for (unsigned peer = 0; peer < 4; peer++) {
        if (peer == s->options.self)
            continue;
        struct forged_change change = {.replica = peer,
            .view = 1,
            .stable = SHOWN_LOW,
            .stable_signers = 0xf & ~(1u << s->options.self)};
        memcpy(change.stable_digest, stable, DIGEST_BYTES);
        for (uint64_t seq = SHOWN_LOW + 1; seq <= SHOWN_HIGH; seq++) {
            uint8_t digest[DIGEST_BYTES];
            views_digest_of(s, seq, digest);
            forge_add_proof(&change, 4, 0, seq, digest, 0xc);
        }
        views_change_with(s, &change);
        single_settle(s);
    }
    single_tick(s, 1000);
}

static void fetch_and_execute(struct single *s, uint64_t first, uint64_t last)
{
    for (uint64_t seq = first + 1; seq <= last; seq++) {
        for (unsigned peer = 2; peer < 4; peer++) {
            struct batch batch = single_batch(s, seq);
            forge_fetched(&s->out, &batch);
            single_message(s, peer, MESSAGE_BATCH);
            single_settle(s);
        }
        single_executed(s, seq, NULL, 1);
        single_settle(s);
    }
}

/* The sequence numbers that the last step asked for, as a mask. */
static uint32_t wants_of(const struct single *s)
{
    uint32_t mask = 0;
    for (unsigned i = 0; i < s->update.send_count; i++) {
        struct want m;
        if (s->update.sends[i].type != MESSAGE_WANT)
            continue;
        assert_null(want_decode(s->update.sends[i].body, &m));
        for (unsigned j = 0; j < m.count; j++)
            mask |= UINT32_C(1) << m.wanted[j].seq;
    }
    return mask;
}

/* It becomes primary with a window up to 16, of a view that carries over up to 20: when it has
 * caught up, it needs the contents of the rest like any other. */
static void a_new_primary_that_lagged_asks_for_what_was_above_its_window(void **state)
{
    struct single *s = single_new(1, 1);
    uint8_t stable[DIGEST_BYTES] = {7};
    change_view_without_it(s, stable);
    for (uint64_t seq = SHOWN_LOW + 1; seq <= WINDOW; seq++) {
        struct batch batch = single_batch(s, seq);
        forge_content(&s->out, &batch);
        single_message(s, 0, MESSAGE_CONTENT);
        single_settle(s);
    }
    assert_true(single_info(s).active);
    assert_int_equal(s->core->view.high, SHOWN_HIGH);
    assert_int_equal(s->core->slots.high, WINDOW);
    forge_stable(&s->out, SHOWN_LOW + 4, stable, 0xf & ~(1u << s->options.self));
    single_message(s, 0, MESSAGE_STABLE);
    fetch_and_execute(s, 0, 10);
    assert_true(s->core->slots.high > SHOWN_HIGH);
    s->view = 1;
    uint32_t wanted = 0;
    for (unsigned i = 0; i < 10; i++) {
        single_tick(s, SINGLE_RETRANSMIT_US / 2);
        wanted |= wants_of(s);
        single_settle(s);
        wanted |= wants_of(s);
    }
    for (uint64_t seq = WINDOW + 1; seq <= SHOWN_HIGH; seq++)
        assert_true(wanted >> seq & 1);
    single_free(s);
}

/* ---- liars that cost the others time or work ---- */

/* Who was asked in the last step for final batches, as a mask. */
static uint32_t fetches_of(const struct single *s)
{
    uint32_t mask = 0;
    for (unsigned i = 0; i < s->update.send_count; i++) {
        if (s->update.sends[i].type == MESSAGE_FETCH)
            mask |= UINT32_C(1) << s->update.sends[i].to;
    }
    return mask;
}

/* All who were asked answer, but the liar. Returns who is asked for the next ones. */
static uint32_t answer_fetches(struct single *s, uint32_t asked, unsigned liar)
{
    uint32_t next = 0;
    uint64_t first = single_info(s).delivered + 1;
    for (uint64_t seq = first; seq < first + FETCH_BATCHES_MAX; seq++) {
        for (unsigned peer = 0; peer < 3; peer++) {
            if (peer == liar || (asked >> peer & 1) == 0)
                continue;
            struct batch batch = single_batch(s, seq);
            forge_fetched(&s->out, &batch);
            single_message(s, peer, MESSAGE_BATCH);
            next |= fetches_of(s);
        }
        if (single_info(s).delivered < seq)
            return next;
        single_executed(s, seq, NULL, 1);
        next |= fetches_of(s);
    }
    return next;
}

/* In each round it would be asked: a round is 32 batches, and who comes first in it depends on
 * where the round begins. */
static void a_peer_that_does_not_answer_does_not_delay_every_round_of_catching_up(void **state)
{
    struct pbft_options options = single_options(3, 1);
    options.window = 256;
    options.checkpoint_interval = 64;
    struct single *s = single_new_with(&options);
    for (unsigned peer = 0; peer < 3; peer++)
        single_status(s, peer, 200, 200, 0);
    single_tick(s, 3 * SINGLE_RETRANSMIT_US + 1);
    uint64_t start_us = s->now_us;
    uint32_t asked = fetches_of(s);
    assert_int_equal(asked, 0x3); /* f+1, the liar among them */
    while (single_info(s).delivered < 6 * FETCH_BATCHES_MAX) {
        uint32_t now = asked;
        asked = now != 0 ? answer_fetches(s, now, 0) : 0;
        if (asked != 0)
            continue;
        single_tick(s, 1000);
        asked = fetches_of(s);
        assert_true(s->now_us - start_us <= 2 * SINGLE_RETRANSMIT_US);
    }
    single_free(s);
}

/* The others of a primary agree on what it proposed in the last step, if it did. */
static bool follow_proposal(struct single *s)
{
    const struct pbft_send *send = single_send_of(s, MESSAGE_PRE_PREPARE);
    if (send == NULL)
        return false;
    struct pre_prepare m;
    uint8_t digest[DIGEST_BYTES];
    assert_null(pre_prepare_decode(send->body, &m));
    forge_batch_digest(&m.batch, digest);
    uint64_t seq = m.batch.seq;
    for (unsigned peer = 1; peer <= 2; peer++) {
        forge_prepare(&s->out, peer, 0, seq, digest);
        single_message(s, peer, MESSAGE_PREPARE);
    }
    for (unsigned peer = 1; peer <= 2; peer++) {
        forge_commit(&s->out, 0, seq, digest);
        single_message(s, peer, MESSAGE_COMMIT);
    }
    assert_int_equal(single_info(s).delivered, seq);
    single_executed(s, seq, NULL, 0);
    make_stable(s);
    return true;
}

/* Two windows are enough for whoever is silent honestly (silence.h). */
static void for_a_peer_that_says_it_is_silent_time_passes_for_some_windows_only(void **state)
{
    struct single *s = single_new(0, 1);
    struct status claim = {.view = 0, .active = true, .silent = true};
    unsigned batches = 0, idle = 0;
    while (idle < 20) {
        forge_status_of(&s->out, &claim);
        single_message(s, 3, MESSAGE_STATUS);
        single_tick(s, SINGLE_HEARTBEAT_US);
        bool passed = follow_proposal(s);
        batches += passed;
        idle = passed ? 0 : idle + 1;
        assert_true(batches <= 5 * WINDOW);
    }
    assert_true(batches >= 3 * WINDOW); /* an honest one had what it needs */
    single_free(s);
}

static struct batch four_requests(struct single *s, uint64_t timestamp_us)
{
    buffer_clear(&s->requests);
    for (uint64_t session = 1; session <= 4; session++)
        forge_request(&s->requests, 1, session, 1, "work");
    return forge_batch(1, timestamp_us, 4, &s->requests);
}

/* A faulty primary could send it again and again: nothing of it is remembered. */
static void for_a_proposal_with_a_bad_time_no_client_signature_is_verified(void **state)
{
    struct single *s = new_backup();
    uint64_t bad_us[] = {s->clock_us + 2 * SINGLE_SKEW_US, s->clock_us - 2 * SINGLE_SKEW_US};
    for (unsigned i = 0; i < 6; i++) {
        struct batch batch = four_requests(s, bad_us[i % 2]);
        single_pre_prepare(s, &batch);
        assert_non_null(s->update.invalid);
        assert_int_equal(single_sent(s, MESSAGE_PREPARE), 0);
    }
    assert_int_equal(s->signer.client_verified_count, 0);
    struct batch batch = four_requests(s, s->clock_us);
    single_pre_prepare(s, &batch);
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 1);
    assert_int_equal(s->signer.client_verified_count, 4);
    single_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_that_did_not_fit_is_not_held_against_the_primary),
        cmocka_unit_test(what_the_primary_was_not_shown_does_not_make_it_slow),
        cmocka_unit_test(one_client_cannot_hide_that_another_is_starved),
        cmocka_unit_test(a_request_of_a_forgotten_session_is_not_held_against_the_primary),
        cmocka_unit_test(a_primary_that_freezes_the_seed_is_suspected),
        cmocka_unit_test(a_frozen_seed_is_noticed_also_when_nothing_waits),
        cmocka_unit_test(a_primary_that_renews_the_seed_now_and_then_is_not_suspected),
        cmocka_unit_test(a_new_primary_that_lagged_asks_for_what_was_above_its_window),
        cmocka_unit_test(a_peer_that_does_not_answer_does_not_delay_every_round_of_catching_up),
        cmocka_unit_test(for_a_peer_that_says_it_is_silent_time_passes_for_some_windows_only),
        cmocka_unit_test(for_a_proposal_with_a_bad_time_no_client_signature_is_verified),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
