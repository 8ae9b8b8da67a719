#include "proxy/pbft/prepare.h"

#include "proxy/pbft/certificate.h"
#include "proxy/pbft/commit.h"
#include "proxy/pbft/core.h"
#include "proxy/pbft/evidence.h"

#include <assert.h>
#include <string.h>

static struct slice signed_part(struct pbft *core, const struct prepare *m)
{
    buffer_clear(&core->scratch);
    phase_put_signed_part(&core->scratch, m->view, m->seq, m->digest, m->replica);
    return buffer_slice(&core->scratch);
}

void prepare_cast(struct pbft *core, struct slot *slot)
{
    unsigned self = core->options.self;
    /* The primary's pre-prepare stands for it; a replica that lost its log must not say anything.
     */
    if (core_is_primary(core) || core->silence.silent || tally_has(&slot->prepares, self))
        return;
    assert(core_is_current(core, slot));
    struct prepare m = {.view = slot->view, .seq = slot->seq, .replica = (uint16_t)self};
    memcpy(m.digest, slot->digest, DIGEST_BYTES);
    struct slice part = signed_part(core, &m);
    const struct pbft_crypto *crypto = &core->options.crypto;
    crypto->sign(
        crypto->context, SIGN_PREPARE, part.data, part.size, slot->prepare_signature[self]);
    tally_add(&slot->prepares, self, slot->digest);
}

void prepare_send(struct pbft *core, const struct slot *slot, unsigned to)
{
    unsigned self = core->options.self;
    if (slot->view != core->view.number || !tally_has(&slot->prepares, self))
        return;
    struct prepare m = {.view = slot->view, .seq = slot->seq, .replica = (uint16_t)self};
    memcpy(m.digest, slot->prepares.digest[self], DIGEST_BYTES);
    memcpy(m.signature, slot->prepare_signature[self], SIGNATURE_BYTES);
    size_t begin = emit_begin(core);
    prepare_encode(&core->out, &m);
    emit_send(core, to, MESSAGE_PREPARE, emit_end(core, begin));
}

/* Prepared: the pre-prepare, and 2f matching prepares from different backups. The primary's
 * pre-prepare stands for its own. */
void prepare_try(struct pbft *core, struct slot *slot)
{
    if (slot->state != SLOT_PRE_PREPARED || !core_is_current(core, slot))
        return;
    assert(!tally_has(&slot->prepares, core_primary(core)));
    if (tally_count(&slot->prepares, slot->digest) < 2 * core->options.faults)
        return;
    slot_move(slot, SLOT_PREPARED);
    certificate_keep(core, slot);
    commit_cast(core, slot);
    commit_send(core, slot, PBFT_TO_ALL);
    commit_try(core, slot);
}

static bool is_signed(struct pbft *core, const struct prepare *m)
{
    const struct pbft_crypto *crypto = &core->options.crypto;
    struct slice part = signed_part(core, m);
    return crypto->verify_replica(
        crypto->context, m->replica, SIGN_PREPARE, part.data, part.size, m->signature);
}

/* Counted also while the new view is awaited, and before the batch has come. */
static const char *count(struct pbft *core, struct slot *slot, const struct prepare *m)
{
    unsigned from = m->replica;
    if (tally_add(&slot->prepares, from, m->digest) == TALLY_CONTRADICTED) {
        evidence_phase(core, SIGN_PREPARE, from, m->view, m->seq,
            (struct said){slot->prepares.digest[from], slot->prepare_signature[from]},
            (struct said){m->digest, m->signature});
        return "a second, different prepare";
    }
    memcpy(slot->prepare_signature[from], m->signature, SIGNATURE_BYTES);
    if (core_is_current(core, slot) && memcmp(slot->digest, m->digest, DIGEST_BYTES) != 0)
        return "prepare for another batch than the one proposed here";
    prepare_try(core, slot);
    return NULL;
}

static const char *check_form(const struct pbft *core, unsigned from, const struct prepare *m)
{
    if (m->replica != from)
        return "prepare of another replica";
    if (from == core_primary(core))
        return "prepare from the primary";
    return NULL;
}

/* Nothing new, or the quorum is complete: no need to pay for another signature. */
static bool is_needless(const struct pbft *core, const struct slot *slot, const struct prepare *m)
{
    if (tally_has(&slot->prepares, m->replica))
        return memcmp(slot->prepares.digest[m->replica], m->digest, DIGEST_BYTES) == 0;
    return slot_is_committed(slot) || (slot->state == SLOT_PREPARED && core_is_current(core, slot));
}

const char *prepare_receive(struct pbft *core, unsigned from, struct slice body)
{
    struct prepare m;
    const char *reason = prepare_decode(body, &m);
    if (reason != NULL)
        return reason;
    if (m.view != core->view.number)
        return NULL;
    reason = check_form(core, from, &m);
    if (reason != NULL)
        return reason;
    struct slot *slot = slots_at(&core->slots, m.seq);
    if (slot == NULL || is_needless(core, slot, &m))
        return NULL;
    if (!is_signed(core, &m))
        return "prepare with a wrong signature";
    return count(core, slot, &m);
}
