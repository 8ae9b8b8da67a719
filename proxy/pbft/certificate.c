#include "proxy/pbft/certificate.h"

#include "proxy/pbft/core.h"

#include <assert.h>
#include <string.h>

/* ---- keeping and showing ---- */

/* 2f of the prepares, the first ones: a certificate has one form. */
static void choose_signers(const struct pbft *core, struct slot *slot)
{
    struct prepared *p = &slot->prepared;
    uint32_t mask = tally_mask(&slot->prepares, slot->digest);
    unsigned count = 0;
    p->signers = 0;
    for (unsigned i = 0; i < core->replica_count && count < 2 * core->options.faults; i++) {
        if ((mask >> i & 1) == 0)
            continue;
        p->signers |= UINT32_C(1) << i;
        memcpy(p->signature[i], slot->prepare_signature[i], SIGNATURE_BYTES);
        count++;
    }
    assert(count == 2 * core->options.faults);
}

void certificate_keep(struct pbft *core, struct slot *slot)
{
    struct prepared *p = &slot->prepared;
    assert(slot->state == SLOT_PREPARED && slot->is_proposal);
    p->held = true;
    p->apart = false;
    p->view = slot->view;
    memcpy(p->digest, slot->digest, DIGEST_BYTES);
    memcpy(p->proposal_signature, slot_signature(slot), SIGNATURE_BYTES);
    choose_signers(core, slot);
    size_t begin = emit_begin(core);
    certificate_put(slot, &core->out);
    /* Durable before the COMMIT leaves: with 2f+1 COMMITs the batch is final, and a later view
     * learns of it only from the certificates of those who sent them. */
    emit_record(core, PBFT_RECORD_PREPARED, true, slot->seq, emit_end(core, begin));
}

void certificate_record_apart(struct pbft *core, struct slot *slot)
{
    const struct prepared *p = &slot->prepared;
    if (p->held && p->apart)
        emit_record(core, PBFT_RECORD_APART, true, slot->seq, buffer_slice(&p->encoded));
}

void certificate_put(const struct slot *slot, struct buffer *b)
{
    const struct prepared *p = &slot->prepared;
    assert(p->held);
    struct proof proof = {.view = p->view, .seq = slot->seq, .signers = p->signers};
    memcpy(proof.digest, p->digest, DIGEST_BYTES);
    memcpy(proof.proposal_signature, p->proposal_signature, SIGNATURE_BYTES);
    proof_put(b, &proof); /* without the signatures, which are not in one piece */
    for (unsigned i = 0; i < REPLICAS_MAX; i++) {
        if ((p->signers >> i & 1) != 0)
            put_raw(b, p->signature[i], SIGNATURE_BYTES);
    }
}

/* ---- from the durable log ---- */

static const char *restore_apart(
    struct pbft *core, struct slot *slot, const struct proof *proof, struct slice apart)
{
    struct pre_prepare m;
    const char *reason = pre_prepare_decode(apart, &m);
    if (reason != NULL)
        return reason;
    uint8_t digest[DIGEST_BYTES];
    core_batch_digest(core, &m.batch, digest);
    if (m.batch.seq != slot->seq || memcmp(digest, proof->digest, DIGEST_BYTES) != 0)
        return "a certificate without its batch";
    struct buffer *b = &slot->prepared.encoded;
    buffer_clear(b);
    put_raw(b, apart.data, apart.size);
    return b->failed ? "a certificate with a batch that is too long" : NULL;
}

const char *certificate_restore(
    struct pbft *core, struct slot *slot, struct slice value, struct slice apart)
{
    struct reader r = reader_of(value);
    struct proof proof;
    const char *reason = proof_take(&r, &proof);
    if (reason != NULL)
        return reason;
    if (!reader_done(&r) || proof.seq != slot->seq || proof.view > core->view.number)
        return "a certificate that does not follow the state";
    bool here = slot_has_batch(slot) && memcmp(slot->digest, proof.digest, DIGEST_BYTES) == 0;
    if (!here)
        reason = restore_apart(core, slot, &proof, apart);
    if (reason != NULL)
        return reason;
    struct prepared *p = &slot->prepared;
    p->held = true;
    p->apart = !here;
    p->view = proof.view;
    memcpy(p->digest, proof.digest, DIGEST_BYTES);
    memcpy(p->proposal_signature, proof.proposal_signature, SIGNATURE_BYTES);
    p->signers = proof.signers;
    struct reader signatures = reader_of(proof.signatures);
    for (unsigned i = 0; i < REPLICAS_MAX; i++) {
        if ((p->signers >> i & 1) != 0)
            get_raw(&signatures, p->signature[i], SIGNATURE_BYTES);
    }
    return NULL;
}

/* ---- judging others' ---- */

/* Ed25519 signatures are equal if their signers are correct: most of what a certificate shows is
 * what this replica verified when it came. */
static bool is_known(const struct pbft *core, const struct slot *slot, const struct proof *proof,
    unsigned replica, const uint8_t *signature)
{
    if (slot == NULL)
        return false;
    const struct prepared *p = &slot->prepared;
    if (p->held && p->view == proof->view && (p->signers >> replica & 1) != 0 &&
        memcmp(p->digest, proof->digest, DIGEST_BYTES) == 0 &&
        memcmp(p->signature[replica], signature, SIGNATURE_BYTES) == 0)
        return true;
    return core_is_current(core, slot) && slot->view == proof->view &&
           tally_has(&slot->prepares, replica) &&
           memcmp(slot->prepares.digest[replica], proof->digest, DIGEST_BYTES) == 0 &&
           memcmp(slot->prepare_signature[replica], signature, SIGNATURE_BYTES) == 0;
}

static bool is_known_proposal(const struct slot *slot, const struct proof *proof)
{
    if (slot == NULL)
        return false;
    const struct prepared *p = &slot->prepared;
    return p->held && p->view == proof->view &&
           memcmp(p->digest, proof->digest, DIGEST_BYTES) == 0 &&
           memcmp(p->proposal_signature, proof->proposal_signature, SIGNATURE_BYTES) == 0;
}

bool certificate_proves_prepared(struct pbft *core, const struct proof *proof)
{
    unsigned primary = core_primary_of(core, proof->view);
    if (proof->signers >> core->replica_count != 0 || (proof->signers >> primary & 1) != 0 ||
        (unsigned)__builtin_popcount(proof->signers) != 2 * core->options.faults)
        return false;
    const struct slot *slot = slots_at(&core->slots, proof->seq);
    if (!is_known_proposal(slot, proof) &&
        !core_phase_is_signed(core, SIGN_PRE_PREPARE, proof->view, proof->seq, proof->digest,
            primary, proof->proposal_signature))
        return false;
    const uint8_t *signature = proof->signatures.data;
    for (unsigned i = 0; i < core->replica_count; i++) {
        if ((proof->signers >> i & 1) == 0)
            continue;
        if (!is_known(core, slot, proof, i, signature) &&
            !core_phase_is_signed(
                core, SIGN_PREPARE, proof->view, proof->seq, proof->digest, i, signature))
            return false;
        signature += SIGNATURE_BYTES;
    }
    return true;
}

bool certificate_proves_stable(struct pbft *core, const struct stable *stable)
{
    if (stable->seq == 0)
        return true;
    if (stable->seq % core->checkpoints.interval != 0 ||
        stable->signers >> core->replica_count != 0 ||
        (unsigned)__builtin_popcount(stable->signers) < core_quorum(core))
        return false;
    const uint8_t *signature = stable->signatures.data;
    for (unsigned i = 0; i < core->replica_count; i++) {
        if ((stable->signers >> i & 1) == 0)
            continue;
        if (!checkpoint_is_signed(core, i, stable->seq, stable->digest, signature))
            return false;
        signature += SIGNATURE_BYTES;
    }
    return true;
}
