#include "proxy/pbft/evidence.h"

#include "proxy/pbft/core.h"

#include <assert.h>
#include <string.h>

void emit_evidence(struct pbft *core, unsigned replica, enum signature_purpose purpose,
    struct slice a, const uint8_t signature_a[static SIGNATURE_BYTES], struct slice b,
    const uint8_t signature_b[static SIGNATURE_BYTES])
{
    assert(replica < core->replica_count);
    struct pbft_update *update = core->update;
    if (update->evidence_count == PBFT_EVIDENCE_MAX || slice_equal(a, b))
        return;
    struct pbft_evidence *e = &update->evidence[update->evidence_count++];
    *e = (struct pbft_evidence){.replica = replica, .purpose = purpose};
    size_t begin = emit_begin(core);
    put_raw(&core->out, a.data, a.size);
    e->statement[0] = emit_end(core, begin);
    begin = emit_begin(core);
    put_raw(&core->out, b.data, b.size);
    e->statement[1] = emit_end(core, begin);
    memcpy(e->signature[0], signature_a, SIGNATURE_BYTES);
    memcpy(e->signature[1], signature_b, SIGNATURE_BYTES);
}

/* ---- each kind, from what its rule has at hand ---- */

/* The signed bytes of two statements, before they go into the update. */
struct pair {
    uint8_t memory[2][CONTRIBUTION_BYTES];
    struct buffer b[2];
};
_Static_assert(CONTRIBUTION_BYTES >= 8 + 8 + DIGEST_BYTES + 2, "the largest statement fits");

static struct pair *pair_start(struct pair *pair)
{
    for (unsigned i = 0; i < 2; i++)
        pair->b[i] = (struct buffer){.data = pair->memory[i],
            .capacity = sizeof pair->memory[i],
            .size_max = sizeof pair->memory[i]};
    return pair;
}

static void pair_emit(struct pbft *core, const struct pair *pair, unsigned replica,
    enum signature_purpose purpose, const uint8_t *signature_a, const uint8_t *signature_b)
{
    assert(!pair->b[0].failed && !pair->b[1].failed);
    emit_evidence(core, replica, purpose, buffer_slice(&pair->b[0]), signature_a,
        buffer_slice(&pair->b[1]), signature_b);
}

void evidence_phase(struct pbft *core, enum signature_purpose purpose, unsigned replica,
    uint64_t view, uint64_t seq, struct said a, struct said b)
{
    assert(purpose == SIGN_PRE_PREPARE || purpose == SIGN_PREPARE);
    struct pair memory, *pair = pair_start(&memory);
    phase_put_signed_part(&pair->b[0], view, seq, a.digest, (uint16_t)replica);
    phase_put_signed_part(&pair->b[1], view, seq, b.digest, (uint16_t)replica);
    pair_emit(core, pair, replica, purpose, a.signature, b.signature);
}

void evidence_checkpoint(struct pbft *core, const struct checkpoint *a, const struct checkpoint *b)
{
    assert(a->replica == b->replica && a->seq == b->seq);
    struct pair memory, *pair = pair_start(&memory);
    checkpoint_put_signed_part(&pair->b[0], a);
    checkpoint_put_signed_part(&pair->b[1], b);
    pair_emit(core, pair, a->replica, SIGN_CHECKPOINT, a->signature, b->signature);
}

void evidence_view_change(
    struct pbft *core, unsigned replica, uint64_t view, struct said a, struct said b)
{
    struct pair memory, *pair = pair_start(&memory);
    view_change_put_signed_part(&pair->b[0], view, (uint16_t)replica, a.digest);
    view_change_put_signed_part(&pair->b[1], view, (uint16_t)replica, b.digest);
    pair_emit(core, pair, replica, SIGN_VIEW_CHANGE, a.signature, b.signature);
}

void evidence_new_view(
    struct pbft *core, unsigned replica, uint64_t view, struct said a, struct said b)
{
    struct pair memory, *pair = pair_start(&memory);
    new_view_put_signed_part(&pair->b[0], view, a.digest);
    new_view_put_signed_part(&pair->b[1], view, b.digest);
    pair_emit(core, pair, replica, SIGN_NEW_VIEW, a.signature, b.signature);
}

void evidence_contribution(
    struct pbft *core, const struct contribution *a, const struct contribution *b)
{
    assert(a->replica == b->replica && a->number == b->number);
    struct pair memory, *pair = pair_start(&memory);
    contribution_put_signed_part(&pair->b[0], a);
    contribution_put_signed_part(&pair->b[1], b);
    pair_emit(core, pair, a->replica, SIGN_CONTRIBUTION, a->signature, b->signature);
}
