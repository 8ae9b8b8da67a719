/* Creation, questions, and the counting rules. */
#include "proxy/pbft/core.h"

#include "proxy/pbft/certificate.h"

#include <assert.h>
#include <stdlib.h>

/* A request that alone exceeds batch_bytes_max travels in a batch of its own, so a slot must hold
 * the larger of both. */
/* Its fields before the requests, and the contributions behind them. */
#define BATCH_HEADER_BYTES_MAX (32 + REPLICAS_MAX * CONTRIBUTION_BYTES)
/* Sequence number, time and a length. */
#define STATE_HEADER_BYTES 20
#define LARGEST_REQUEST (REQUEST_BODY_BYTES_MAX + REQUEST_OVERHEAD_BYTES)
/* A client that did not repeat its request for this many retransmission periods is given up when
 * its place in the pending table is needed. */
#define PENDING_SILENCE_PERIODS 50
/* Everything small that one step can emit; see the counts in pbft.h. */
#define OUT_BYTES_MAX (256 << 10)

_Static_assert(PBFT_SENDS_MAX * 256 + PBFT_REPLIES_MAX * (28 + REPLY_BYTES_MAX) +
                       BATCH_REQUESTS_MAX * (4 + REPLY_BYTES_MAX) <
                   OUT_BYTES_MAX,
    "a full update fits");

static bool crypto_is_complete(const struct pbft_crypto *c)
{
    return c->digest != NULL && c->sign != NULL && c->verify_replica != NULL &&
           c->verify_client != NULL;
}

static bool options_are_valid(const struct pbft_options *o)
{
    return o->faults >= 1 && o->faults <= FAULTS_MAX && o->self < 3 * o->faults + 1 &&
           o->client_count >= 1 && o->client_count <= CLIENT_KEYS_MAX && o->window <= WINDOW_MAX &&
           o->checkpoint_interval >= 1 && o->window >= 2 * o->checkpoint_interval &&
           o->batch_requests_max >= 1 && o->batch_requests_max <= BATCH_REQUESTS_MAX &&
           o->batch_bytes_max >= 1 && o->batch_bytes_max <= BATCH_BYTES_MAX &&
           o->batches_in_flight_max >= 1 && o->batches_in_flight_max <= o->window &&
           o->sessions_per_client_max >= 1 &&
           o->sessions_per_client_max <= SESSIONS_PER_CLIENT_MAX && o->heartbeat_us > 0 &&
           o->retransmit_us > 0 && o->view_change_timeout_us >= 1000 &&
           (o->pending_bytes_max == 0 || o->pending_bytes_max >= LARGEST_REQUEST + BLOCK_BYTES) &&
           crypto_is_complete(&o->crypto);
}

static size_t batch_bytes_max(const struct pbft_options *o)
{
    size_t bytes = o->batch_bytes_max > LARGEST_REQUEST ? o->batch_bytes_max : LARGEST_REQUEST;
    return bytes + BATCH_HEADER_BYTES_MAX;
}

static bool reserve(struct buffer *b, size_t bytes)
{
    buffer_init(b, bytes);
    return buffer_reserve(b, bytes);
}

static bool allocate(struct pbft *core)
{
    const struct pbft_options *o = &core->options;
    size_t batch_bytes = batch_bytes_max(o);
    if (!slots_init(&core->slots, o->window, batch_bytes) ||
        !pending_init(&core->pending, o->client_count, o->pending_bytes_max,
            o->retransmit_us * PENDING_SILENCE_PERIODS) ||
        !client_table_init(&core->ordered, o->client_count, o->sessions_per_client_max) ||
        !client_table_init(&core->done, o->client_count, o->sessions_per_client_max))
        return false;
    size_t state_bytes = client_table_bytes_max(&core->done) + STATE_HEADER_BYTES + SEED_BYTES_MAX +
                         STABLE_BYTES_MAX + o->app_state_bytes_max;
    return checkpoints_init(&core->checkpoints, o->window, o->checkpoint_interval, state_bytes) &&
           view_init(&core->view, o->faults, o->window) && reserve(&core->out, OUT_BYTES_MAX) &&
           reserve(&core->scratch, batch_bytes) && reserve(&core->batch, batch_bytes) &&
           reserve(&core->relays, batch_bytes) &&
           reserve(&core->seeds, REPLICAS_MAX * CONTRIBUTION_BYTES);
}

struct pbft *pbft_new(const struct pbft_options *options)
{
    if (!options_are_valid(options))
        return NULL;
    struct pbft *core = calloc(1, sizeof *core);
    if (core == NULL)
        return NULL;
    core->options = *options;
    if (core->options.pending_bytes_max == 0)
        core->options.pending_bytes_max = PBFT_PENDING_BYTES;
    if (core->options.app_state_bytes_max == 0)
        core->options.app_state_bytes_max = PBFT_APP_STATE_BYTES;
    core->replica_count = 3 * options->faults + 1;
    core->silence.silent = options->lost_log;
    core->status_due = true;
    if (!allocate(core)) {
        pbft_free(core);
        return NULL;
    }
    return core;
}

void pbft_free(struct pbft *core)
{
    if (core == NULL)
        return;
    slots_release(&core->slots);
    pending_release(&core->pending);
    client_table_release(&core->ordered);
    client_table_release(&core->done);
    checkpoints_release(&core->checkpoints);
    view_release(&core->view);
    buffer_free(&core->out);
    buffer_free(&core->scratch);
    buffer_free(&core->batch);
    buffer_free(&core->relays);
    buffer_free(&core->seeds);
    free(core);
}

/* ---- who and how many ---- */

unsigned core_primary_of(const struct pbft *core, uint64_t view)
{
    return (unsigned)(view % core->replica_count);
}

unsigned core_primary(const struct pbft *core)
{
    return core_primary_of(core, core->view.number);
}

bool core_is_primary(const struct pbft *core)
{
    return core_primary(core) == core->options.self;
}

unsigned core_quorum(const struct pbft *core)
{
    return 2 * core->options.faults + 1;
}

unsigned core_weak_quorum(const struct pbft *core)
{
    return core->options.faults + 1;
}

/* The k-th highest of all peers' claims, k = f+1. */
static uint64_t weak_quorum_claim(
    const struct pbft *core, uint64_t (*claim)(const struct status *said))
{
    uint64_t best = 0;
    for (unsigned i = 0; i < core->replica_count; i++) {
        uint64_t candidate = claim(&core->peers[i].said);
        unsigned supporters = 0;
        for (unsigned j = 0; j < core->replica_count; j++)
            supporters += j != core->options.self && claim(&core->peers[j].said) >= candidate;
        if (i != core->options.self && supporters >= core_weak_quorum(core) && candidate > best)
            best = candidate;
    }
    return best;
}

static uint64_t delivered_of(const struct status *said)
{
    return said->delivered;
}

static uint64_t stable_of(const struct status *said)
{
    return said->stable;
}

void core_count_claims(struct pbft *core)
{
    core->claimed_delivered = weak_quorum_claim(core, delivered_of);
    core->claimed_stable = weak_quorum_claim(core, stable_of);
}

void core_batch_digest(
    struct pbft *core, const struct batch *batch, uint8_t ret[static DIGEST_BYTES])
{
    buffer_clear(&core->scratch);
    batch_put(&core->scratch, batch);
    assert(!core->scratch.failed);
    const struct pbft_crypto *crypto = &core->options.crypto;
    crypto->digest(crypto->context, core->scratch.data, core->scratch.size, ret);
}

bool core_phase_is_signed(struct pbft *core, enum signature_purpose purpose, uint64_t view,
    uint64_t seq, const uint8_t digest[static DIGEST_BYTES], unsigned signer,
    const uint8_t signature[static SIGNATURE_BYTES])
{
    const struct pbft_crypto *crypto = &core->options.crypto;
    buffer_clear(&core->scratch);
    phase_put_signed_part(&core->scratch, view, seq, digest, (uint16_t)signer);
    return crypto->verify_replica(
        crypto->context, signer, purpose, core->scratch.data, core->scratch.size, signature);
}

bool core_is_current(const struct pbft *core, const struct slot *slot)
{
    return core->view.active && slot_has_batch(slot) && slot->view == core->view.number;
}

void core_put_batch(struct pbft *core, struct slot *slot, const struct pre_prepare *m,
    bool is_proposal, const uint8_t digest[static DIGEST_BYTES])
{
    certificate_record_apart(core, slot);
    slot_put(slot, m, is_proposal, digest);
    slot->since_us = core->now_us;
    emit_record(core, PBFT_RECORD_BATCH, true, slot->seq, buffer_slice(&slot->encoded));
}

void core_set_view(struct pbft *core, uint64_t number)
{
    assert(number > core->view.number);
    core->view.number = number;
    core->view.quorum = false;
    core->view.want_us = 0;
    core->view.choice.count = 0;
    core->suspicion.suspects = false;
    slots_clear_votes(&core->slots);
    pending_new_view(&core->pending, core->now_us);
    core->status_due = true; /* said at once */
}

void core_record_view(struct pbft *core)
{
    size_t begin = emit_begin(core);
    put_u64(&core->out, core->view.number);
    put_bool(&core->out, core->view.active);
    emit_record(core, PBFT_RECORD_VIEW, true, 1, emit_end(core, begin));
}

uint64_t core_elapsed(const struct pbft *core, uint64_t since_us)
{
    return core->now_us > since_us ? core->now_us - since_us : 0;
}

/* ---- questions ---- */

static unsigned in_flight(const struct pbft *core)
{
    unsigned count = (unsigned)(core->delivered - core->executed);
    for (uint64_t seq = core->delivered + 1; seq <= core->slots.high; seq++, count++) {
        const struct slot *slot = slots_at(&core->slots, seq);
        if (slot == NULL || !slot_has_batch(slot))
            break;
    }
    return count;
}

void pbft_info(const struct pbft *core, struct pbft_info *ret)
{
    *ret = (struct pbft_info){
        .view = core->view.number,
        .active = core->view.active,
        .suspects = core->suspicion.suspects,
        .reason = core->suspicion.reason,
        .silent = core->silence.silent,
        .silent_until = core->silence.until,
        .view_changes = core->view.changes_made,
        .primary = core_primary(core),
        .delivered = core->delivered,
        .executed = core->executed,
        .stable = core->slots.low,
        .pending = core->pending.count,
        .in_flight = in_flight(core),
        .timestamp_us = core->delivered_timestamp_us,
    };
    for (unsigned i = 0; i < core->replica_count; i++) {
        ret->peer_delivered[i] = core->peers[i].said.delivered;
        ret->peer_executed[i] = core->peers[i].said.executed;
    }
    ret->peer_delivered[core->options.self] = core->delivered;
    ret->peer_executed[core->options.self] = core->executed;
}
