#include "proxy/pbft/checkpoint.h"

#include "proxy/pbft/certificate.h"
#include "proxy/pbft/core.h"
#include "proxy/pbft/evidence.h"

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
    seed_put(&e->state, &core->done_seed, core->replica_count);
    put_bytes(&e->state, app_state);
    assert(!e->state.failed);
    certify_own(core, e);
    if (!core->silence.silent)
        send_own(core, PBFT_TO_ALL, e);
    find_divergence(core, e);
}

static void keep_certificate(struct checkpoints *c, const struct stable *certificate)
{
    assert(certificate->signatures.size <= sizeof c->signatures);
    memcpy(c->signatures, certificate->signatures.data, certificate->signatures.size);
    c->certificate = *certificate;
    c->certificate.signatures.data = c->signatures;
}

void checkpoint_restore(
    struct pbft *core, uint64_t seq, struct slice state, const struct stable *certificate)
{
    assert(seq == core->slots.low);
    struct checkpoint_entry *e = entry_for(core, seq);
    put_raw(&e->state, state.data, state.size);
    assert(!e->state.failed);
    certify_own(core, e);
    keep_certificate(&core->checkpoints, certificate);
}

/* ---- the others' ---- */

bool checkpoint_is_signed(struct pbft *core, unsigned replica, uint64_t seq,
    const uint8_t digest[static DIGEST_BYTES], const uint8_t signature[static SIGNATURE_BYTES])
{
    const struct pbft_crypto *crypto = &core->options.crypto;
    struct checkpoint m = {.seq = seq, .replica = (uint16_t)replica};
    memcpy(m.digest, digest, DIGEST_BYTES);
    buffer_clear(&core->scratch);
    checkpoint_put_signed_part(&core->scratch, &m);
    return crypto->verify_replica(crypto->context, replica, SIGN_CHECKPOINT, core->scratch.data,
        core->scratch.size, signature);
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
    if (!checkpoint_is_signed(core, from, m.seq, m.digest, m.signature))
        return "checkpoint with a wrong signature";
    struct checkpoint_entry *e = entry_for(core, m.seq);
    switch (tally_add(&e->tally, from, m.digest)) {
    case TALLY_COUNTED:
        memcpy(e->signature[from], m.signature, SIGNATURE_BYTES);
        find_divergence(core, e);
        return NULL;
    case TALLY_REPEATED:
        return NULL;
    case TALLY_CONTRADICTED: {
        struct checkpoint first = message_of(core, e, from);
        evidence_checkpoint(core, &first, &m);
        return "a second, different checkpoint";
    }
    case TALLY_INVALID:
        break;
    }
    assert(!"a tally's result");
    return NULL;
}

/* ---- stability ---- */

/* Stable: 2f+1 replicas signed the same state, and this one has reached it. Or they signed a later
 * one: who was away may never see what they signed on the way, but it is final, and served. */
static bool is_stable(const struct pbft *core, const struct checkpoint_entry *e)
{
    return e->own && e->seq > core->slots.low &&
           (e->seq <= core->checkpoints.certificate.seq ||
               tally_count(&e->tally, e->digest) >= core_quorum(core));
}

static void make_certificate(struct pbft *core, const struct checkpoint_entry *e)
{
    uint8_t signatures[REPLICAS_MAX * SIGNATURE_BYTES];
    struct stable m = {.seq = e->seq, .signers = tally_mask(&e->tally, e->digest)};
    memcpy(m.digest, e->digest, DIGEST_BYTES);
    for (unsigned i = 0; i < core->replica_count; i++) {
        if ((m.signers >> i & 1) != 0) {
            memcpy(signatures + m.signatures.size, e->signature[i], SIGNATURE_BYTES);
            m.signatures.size += SIGNATURE_BYTES;
        }
    }
    m.signatures.data = signatures;
    keep_certificate(&core->checkpoints, &m);
}

void checkpoint_advance(struct pbft *core)
{
    struct checkpoint_entry *best = NULL;
    for (unsigned i = 0; i < core->checkpoints.count; i++) {
        struct checkpoint_entry *e = &core->checkpoints.entries[i];
        if (is_stable(core, e) && (best == NULL || e->seq > best->seq))
            best = e;
    }
    if (best == NULL)
        return;
    if (best->seq > core->checkpoints.certificate.seq)
        make_certificate(core, best);
    stable_put(&best->state, &core->checkpoints.certificate);
    assert(!best->state.failed);
    emit_record(core, PBFT_RECORD_STATE, false, best->seq, buffer_slice(&best->state));
    slots_advance(&core->slots, best->seq);
    core->again = true; /* the freed slots are usable from the next step on */
}

struct stable checkpoint_certificate(const struct pbft *core)
{
    return core->checkpoints.certificate;
}

void checkpoint_send_certificate(struct pbft *core, unsigned to)
{
    if (core->checkpoints.certificate.seq == 0)
        return;
    size_t begin = emit_begin(core);
    stable_encode(&core->out, &core->checkpoints.certificate);
    emit_send(core, to, MESSAGE_STABLE, emit_end(core, begin));
}

/* What 2f+1 signed is what counts, even of a replica that said something else to this one before.
 */
static void take_certificate(struct pbft *core, const struct stable *m)
{
    struct checkpoint_entry *e = entry_for(core, m->seq);
    struct reader r = reader_of(m->signatures);
    for (unsigned i = 0; i < core->replica_count; i++) {
        if ((m->signers >> i & 1) == 0)
            continue;
        uint8_t signature[SIGNATURE_BYTES];
        get_raw(&r, signature, SIGNATURE_BYTES);
        if (i == core->options.self)
            continue;
        tally_replace(&e->tally, i, m->digest);
        memcpy(e->signature[i], signature, SIGNATURE_BYTES);
    }
    find_divergence(core, e);
}

/* A replica that was away may have missed the CHECKPOINTs, and those who sent them have thrown them
 * away; but each keeps the latest certificate that it knows. */
const char *stable_receive(struct pbft *core, unsigned from, struct slice body)
{
    struct stable m;
    const char *reason = stable_decode(body, &m);
    if (reason != NULL)
        return reason;
    if (m.signers >> core->replica_count != 0)
        return "a certificate of unknown replicas";
    bool newer = m.seq > core->checkpoints.certificate.seq;
    if (!newer && !core->silence.silent)
        return NULL;
    if (!certificate_proves_stable(core, &m))
        return "a certificate that proves no stable checkpoint";
    silence_learn(core, from, m.seq);
    if (newer)
        keep_certificate(&core->checkpoints, &m);
    if (m.seq > core->slots.low && m.seq <= core->slots.high)
        take_certificate(core, &m);
    return NULL;
}

/* ---- retransmission ---- */

void checkpoint_resend(struct pbft *core, unsigned to, uint64_t above)
{
    if (above < core->checkpoints.certificate.seq)
        checkpoint_send_certificate(core, to);
    if (core->silence.silent)
        return;
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
