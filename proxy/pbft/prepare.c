#include "proxy/pbft/prepare.h"

#include "proxy/pbft/commit.h"
#include "proxy/pbft/core.h"

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
    assert(!core_is_primary(core) && !tally_has(&slot->prepares, self));
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
    if (!tally_has(&slot->prepares, self))
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
    if (slot->state != SLOT_PRE_PREPARED)
        return;
    assert(!tally_has(&slot->prepares, core_primary(core)));
    if (tally_count(&slot->prepares, slot->digest) < 2 * core->options.faults)
        return;
    slot_move(slot, SLOT_PREPARED);
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

static const char *count(struct pbft *core, struct slot *slot, const struct prepare *m)
{
    switch (tally_add(&slot->prepares, m->replica, m->digest)) {
    case TALLY_COUNTED:
        memcpy(slot->prepare_signature[m->replica], m->signature, SIGNATURE_BYTES);
        prepare_try(core, slot);
        return NULL;
    case TALLY_REPEATED:
        return NULL;
    case TALLY_CONTRADICTED:
        return "a second, different prepare";
    case TALLY_INVALID:
        break;
    }
    assert(!"a tally's result");
    return NULL;
}

static const char *check_form(const struct pbft *core, unsigned from, const struct prepare *m)
{
    if (m->view != core->view)
        return "prepare of another view";
    if (m->replica != from)
        return "prepare of another replica";
    if (from == core_primary(core))
        return "prepare from the primary";
    return NULL;
}

const char *prepare_receive(struct pbft *core, unsigned from, struct slice body)
{
    struct prepare m;
    const char *reason = prepare_decode(body, &m);
    if (reason == NULL)
        reason = check_form(core, from, &m);
    if (reason != NULL)
        return reason;
    struct slot *slot = slots_at(&core->slots, m.seq);
    if (slot == NULL)
        return NULL;
    bool same = slot_has_batch(slot) && memcmp(slot->digest, m.digest, DIGEST_BYTES) == 0;
    if (slot_has_batch(slot) && !same)
        return "prepare for another batch than the one proposed here";
    /* The quorum is complete: no need to pay for another signature. */
    if (slot->state >= SLOT_PREPARED)
        return NULL;
    if (tally_has(&slot->prepares, from) &&
        memcmp(slot->prepares.digest[from], m.digest, DIGEST_BYTES) == 0)
        return NULL;
    if (!is_signed(core, &m))
        return "prepare with a wrong signature";
    return count(core, slot, &m);
}
