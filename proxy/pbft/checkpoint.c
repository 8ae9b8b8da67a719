#include "proxy/pbft/checkpoint.h"

#include "proxy/pbft/core.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define CHECKPOINTS_RESENT_MAX 4

bool checkpoints_init(
    struct checkpoints *c, unsigned window, unsigned interval, size_t state_bytes_max)
{
    c->interval = interval;
    c->count = window / interval + 1;
    c->entries = calloc(c->count, sizeof *c->entries);
    if (c->entries == NULL)
        return false;
    for (unsigned i = 0; i < c->count; i++) {
        buffer_init(&c->entries[i].state, state_bytes_max);
        if (!buffer_reserve(&c->entries[i].state, state_bytes_max))
            return false;
    }
    return true;
}

void checkpoints_release(struct checkpoints *c)
{
    for (unsigned i = 0; c->entries != NULL && i < c->count; i++)
        buffer_free(&c->entries[i].state);
    free(c->entries);
    c->entries = NULL;
}

bool checkpoint_is_due(const struct pbft *core, uint64_t seq)
{
    return seq % core->checkpoints.interval == 0;
}

/* The entry for a checkpoint in [low, high]; one of the past is used again. */
static struct checkpoint_entry *entry_for(struct pbft *core, uint64_t seq)
{
    struct checkpoints *c = &core->checkpoints;
    assert(checkpoint_is_due(core, seq) && seq >= core->slots.low && seq <= core->slots.high);
    struct checkpoint_entry *e = &c->entries[seq / c->interval % c->count];
    if (e->seq != seq) {
        assert(e->seq == 0 || e->seq < core->slots.low);
        e->seq = seq;
        e->own = false;
        buffer_clear(&e->state);
        tally_clear(&e->tally);
    }
    return e;
}

/* ---- this replica's own checkpoint ---- */

static struct checkpoint message_of(
    const struct pbft *core, const struct checkpoint_entry *e, unsigned replica)
{
    struct checkpoint m = {.seq = e->seq, .replica = (uint16_t)replica};
    memcpy(m.digest, e->tally.digest[replica], DIGEST_BYTES);
    memcpy(m.signature, e->signature[replica], SIGNATURE_BYTES);
    return m;
}

static void send_own(struct pbft *core, unsigned to, const struct checkpoint_entry *e)
{
    assert(e->own);
    struct checkpoint m = message_of(core, e, core->options.self);
    size_t begin = emit_begin(core);
    checkpoint_encode(&core->out, &m);
    emit_send(core, to, MESSAGE_CHECKPOINT, emit_end(core, begin));
}

/* Digests and signs the state that the entry holds. */
static void certify_own(struct pbft *core, struct checkpoint_entry *e)
{
    const struct pbft_crypto *crypto = &core->options.crypto;
    unsigned self = core->options.self;
    crypto->digest(crypto->context, e->state.data, e->state.size, e->digest);
    e->own = true;
    enum tally_result result = tally_add(&e->tally, self, e->digest);
    assert(result == TALLY_COUNTED);
    struct checkpoint m = message_of(core, e, self);
    buffer_clear(&core->scratch);
    checkpoint_put_signed_part(&core->scratch, &m);
    crypto->sign(crypto->context, SIGN_CHECKPOINT, core->scratch.data, core->scratch.size,
        e->signature[self]);
}

/* If 2f+1 others reached another state, this replica's state is wrong: at least f+1 of them are
 * correct, and correct replicas reach equal states. */
static void find_divergence(struct pbft *core, const struct checkpoint_entry *e)
{
    for (unsigned i = 0; e->own && i < core->replica_count; i++) {
        if (tally_has(&e->tally, i) && memcmp(e->tally.digest[i], e->digest, DIGEST_BYTES) != 0 &&
            tally_count(&e->tally, e->tally.digest[i]) >= core_quorum(core))
            core->diverged = "2f+1 replicas reached another state at the same checkpoint";
    }
}

void checkpoint_take(struct pbft *core, uint64_t seq, struct slice app_state)
{
    struct checkpoint_entry *e = entry_for(core, seq);
    assert(!e->own && app_state.size <= core->options.app_state_bytes_max);
    put_u64(&e->state, seq);
    put_u64(&e->state, core->executed_timestamp_us);
    client_table_encode(&core->done, &e->state);
    put_bytes(&e->state, app_state);
    assert(!e->state.failed);
    certify_own(core, e);
    send_own(core, PBFT_TO_ALL, e);
    find_divergence(core, e);
}

void checkpoint_restore(struct pbft *core, uint64_t seq, struct slice state)
{
    assert(seq == core->slots.low);
    struct checkpoint_entry *e = entry_for(core, seq);
    put_raw(&e->state, state.data, state.size);
    assert(!e->state.failed);
    certify_own(core, e);
}

/* ---- the others' ---- */

static bool is_signed(struct pbft *core, const struct checkpoint *m)
{
    const struct pbft_crypto *crypto = &core->options.crypto;
    buffer_clear(&core->scratch);
    checkpoint_put_signed_part(&core->scratch, m);
    return crypto->verify_replica(crypto->context, m->replica, SIGN_CHECKPOINT, core->scratch.data,
        core->scratch.size, m->signature);
}

const char *checkpoint_receive(struct pbft *core, unsigned from, struct slice body)
{
    struct checkpoint m;
    const char *reason = checkpoint_decode(body, &m);
    if (reason != NULL)
        return reason;
    if (m.replica != from)
        return "checkpoint of another replica";
    if (!checkpoint_is_due(core, m.seq))
        return "no checkpoint at this sequence number";
    /* Below: stable already. Above: this replica lags; STATUS will bring it again. */
    if (m.seq <= core->slots.low || m.seq > core->slots.high)
        return NULL;
    if (!is_signed(core, &m))
        return "checkpoint with a wrong signature";
    struct checkpoint_entry *e = entry_for(core, m.seq);
    switch (tally_add(&e->tally, from, m.digest)) {
    case TALLY_COUNTED:
        memcpy(e->signature[from], m.signature, SIGNATURE_BYTES);
        find_divergence(core, e);
        return NULL;
    case TALLY_REPEATED:
        return NULL;
    case TALLY_CONTRADICTED:
        return "a second, different checkpoint";
    case TALLY_INVALID:
        break;
    }
    assert(!"a tally's result");
    return NULL;
}

/* Stable: 2f+1 replicas, this one among them, signed the same state. Or f+1 say that theirs is
 * stable there, and this one has executed it: the proof may have been thrown away by all others
 * while this one was away. */
static bool is_stable(const struct pbft *core, const struct checkpoint_entry *e, uint64_t claimed)
{
    return e->own && e->seq > core->slots.low &&
           (tally_count(&e->tally, e->digest) >= core_quorum(core) || e->seq <= claimed);
}

void checkpoint_advance(struct pbft *core)
{
    uint64_t claimed = core_claimed_stable(core);
    const struct checkpoint_entry *best = NULL;
    for (unsigned i = 0; i < core->checkpoints.count; i++) {
        const struct checkpoint_entry *e = &core->checkpoints.entries[i];
        if (is_stable(core, e, claimed) && (best == NULL || e->seq > best->seq))
            best = e;
    }
    if (best == NULL)
        return;
    emit_record(core, PBFT_RECORD_STATE, false, best->seq, buffer_slice(&best->state));
    slots_advance(&core->slots, best->seq);
    core->again = true; /* the freed slots are usable from the next step on */
}

void checkpoint_resend(struct pbft *core, unsigned to, uint64_t above)
{
    uint64_t interval = core->checkpoints.interval;
    uint64_t seq = core->executed - core->executed % interval;
    /* The newest are enough: what they prove covers the older ones. */
    for (unsigned i = 0; i < CHECKPOINTS_RESENT_MAX; i++) {
        if (seq == 0 || seq <= above || seq < core->slots.low)
            return;
        send_own(core, to, entry_for(core, seq));
        seq -= interval;
    }
}

bool checkpoint_is_outstanding(const struct pbft *core)
{
    for (unsigned i = 0; i < core->checkpoints.count; i++) {
        const struct checkpoint_entry *e = &core->checkpoints.entries[i];
        if (e->own && e->seq > core->slots.low)
            return true;
    }
    return false;
}
