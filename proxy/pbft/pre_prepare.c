#include "proxy/pbft/pre_prepare.h"

#include "proxy/pbft/core.h"
#include "proxy/pbft/evidence.h"
#include "proxy/pbft/prepare.h"
#include "proxy/pbft/request.h"
#include "proxy/pbft/timestamp.h"

#include <assert.h>
#include <string.h>

static struct slice signed_part(
    struct pbft *core, const struct pre_prepare *m, const uint8_t digest[static DIGEST_BYTES])
{
    buffer_clear(&core->scratch);
    phase_put_signed_part(
        &core->scratch, m->view, m->batch.seq, digest, (uint16_t)core_primary(core));
    return buffer_slice(&core->scratch);
}

void pre_prepare_sign(
    struct pbft *core, struct pre_prepare *m, const uint8_t digest[static DIGEST_BYTES])
{
    const struct pbft_crypto *crypto = &core->options.crypto;
    struct slice part = signed_part(core, m, digest);
    crypto->sign(crypto->context, SIGN_PRE_PREPARE, part.data, part.size, m->signature);
}

static bool is_signed(
    struct pbft *core, const struct pre_prepare *m, const uint8_t digest[static DIGEST_BYTES])
{
    const struct pbft_crypto *crypto = &core->options.crypto;
    struct slice part = signed_part(core, m, digest);
    return crypto->verify_replica(
        crypto->context, core_primary(core), SIGN_PRE_PREPARE, part.data, part.size, m->signature);
}

/* A stale time in a batch that another backup passed on is nobody's lie. */
static const char *check_timestamp(struct pbft *core, const struct slot *slot, unsigned from,
    const struct batch *batch, const uint8_t digest[static DIGEST_BYTES], bool *ret_wait)
{
    *ret_wait = false;
    switch (timestamp_judge(core, slot, batch, digest)) {
    case TIMESTAMP_GOOD:
        return NULL;
    case TIMESTAMP_AHEAD:
        *ret_wait = true;
        return from == core_primary(core) ? "pre-prepare whose time is ahead of the clock" : NULL;
    case TIMESTAMP_STALE:
        *ret_wait = true;
        return from == core_primary(core) ? "pre-prepare whose time is behind the clock" : NULL;
    case TIMESTAMP_INVALID:
        break;
    }
    assert(!"a timestamp's judgement");
    return NULL;
}

static void accept(struct pbft *core, struct slot *slot, const struct pre_prepare *m,
    const uint8_t digest[static DIGEST_BYTES])
{
    /* Durable before the PREPARE leaves: what was promised must outlive a crash. */
    core_put_batch(core, slot, m, true, digest);
    slot_move(slot, SLOT_PRE_PREPARED);
    prepare_cast(core, slot);
    prepare_send(core, slot, PBFT_TO_ALL);
    prepare_try(core, slot);
}

/* A slot that has a batch: either the same one again, or the primary contradicts itself. */
static const char *compare(struct pbft *core, const struct slot *slot, const struct pre_prepare *m,
    const uint8_t digest[static DIGEST_BYTES])
{
    /* What is final here may have become so in a later view than this. */
    if (slot_is_committed(slot) || memcmp(slot->digest, digest, DIGEST_BYTES) == 0)
        return NULL;
    if (!is_signed(core, m, digest))
        return "pre-prepare with a wrong signature";
    if (slot->is_proposal && slot->view == m->view)
        evidence_phase(core, SIGN_PRE_PREPARE, core_primary(core), m->view, slot->seq,
            (struct said){slot->digest, slot_signature(slot)}, (struct said){digest, m->signature});
    return "the primary proposed two batches at one sequence number";
}

/* The view carries a batch over here, and the primary sends its content again. What its NEW-VIEW
 * does not carry over is no proposal at all. */
static const char *consider_carried(struct pbft *core, struct slot *slot,
    const struct pre_prepare *m, const uint8_t digest[static DIGEST_BYTES])
{
    const struct view *v = &core->view;
    if (slot->seq <= v->low || slot->seq >= v->carry_next)
        return NULL;
    slot->carried = view_carried_at(v, slot->seq);
    if (memcmp(slot->carried.digest, digest, DIGEST_BYTES) != 0)
        return "another batch than the one that the new view carries over";
    view_take_wanted(core, slot, &m->batch, digest);
    return NULL;
}

static const char *consider(
    struct pbft *core, struct slot *slot, unsigned from, const struct pre_prepare *m)
{
    const char *reason = request_check_limits(core, &m->batch);
    if (reason != NULL)
        return reason;
    uint8_t digest[DIGEST_BYTES];
    core_batch_digest(core, &m->batch, digest);
    if (slot_has_batch(slot))
        return compare(core, slot, m, digest);
    if (slot->seq <= core->view.high)
        return consider_carried(core, slot, m, digest);
    if (m->batch.timestamp_us == 0)
        reason = "a null batch as a proposal";
    else if (!is_signed(core, m, digest))
        reason = "pre-prepare with a wrong signature";
    bool wait = false;
    if (reason == NULL)
        reason = check_timestamp(core, slot, from, &m->batch, digest, &wait);
    /* What costs signatures comes last: a faulty primary could repeat it. */
    if (reason == NULL && !wait)
        reason = request_check_authentic(core, &m->batch);
    if (reason == NULL && !wait)
        reason = seed_judge_proposal(
            &core->ordered_seed, &core->options.crypto, core->options.faults, &m->batch);
    if (reason == NULL && !wait)
        accept(core, slot, m, digest);
    return reason;
}

const char *pre_prepare_receive(struct pbft *core, unsigned from, struct slice body)
{
    struct pre_prepare m;
    const char *reason = pre_prepare_decode(body, &m);
    if (reason != NULL)
        return reason;
    if (m.view != core->view.number || !core->view.active)
        return NULL;
    if (core_is_primary(core))
        return "pre-prepare sent to the primary";
    struct slot *slot = slots_at(&core->slots, m.batch.seq);
    /* Section 4.2: h < n <= H. Below, it is late; above, this replica may be the one that lags. */
    if (slot == NULL)
        return NULL;
    return consider(core, slot, from, &m);
}
