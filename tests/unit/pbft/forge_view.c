#include "tests/unit/pbft/forge_view.h"

#include "proxy/pbft/seed.h"
#include "tests/unit/pbft/fake_crypto.h"
#include "tests/unit/pbft/forge.h"

#include <assert.h>
#include <string.h>

#define SMALL_BYTES 512

/* ---- certificates ---- */

static void sign_checkpoint(unsigned replica, uint64_t seq,
    const uint8_t digest[static DIGEST_BYTES], uint8_t ret[static SIGNATURE_BYTES])
{
    struct buffer body = BUFFER_INIT(SMALL_BYTES);
    forge_checkpoint(&body, replica, seq, digest);
    memcpy(ret, body.data + body.size - SIGNATURE_BYTES, SIGNATURE_BYTES);
    buffer_free(&body);
}

static struct stable make_stable(uint64_t seq, const uint8_t digest[static DIGEST_BYTES],
    uint32_t signers, uint8_t signatures[static 32 * SIGNATURE_BYTES])
{
    struct stable m = {.seq = seq, .signers = signers};
    memcpy(m.digest, digest, DIGEST_BYTES);
    for (unsigned i = 0; i < 32; i++) {
        if ((signers >> i & 1) == 0)
            continue;
        sign_checkpoint(i, seq, digest, signatures + m.signatures.size);
        m.signatures.size += SIGNATURE_BYTES;
    }
    m.signatures.data = signatures;
    return m;
}

void forge_stable(
    struct buffer *out, uint64_t seq, const uint8_t digest[static DIGEST_BYTES], uint32_t signers)
{
    uint8_t signatures[32 * SIGNATURE_BYTES];
    struct stable m = make_stable(seq, digest, signers, signatures);
    buffer_clear(out);
    stable_encode(out, &m);
}

void forge_add_proof(struct forged_change *change, unsigned n, uint64_t view, uint64_t seq,
    const uint8_t digest[static DIGEST_BYTES], uint32_t signers)
{
    uint8_t signatures[32 * SIGNATURE_BYTES];
    struct proof m = {.view = view, .seq = seq, .signers = signers};
    memcpy(m.digest, digest, DIGEST_BYTES);
    forge_sign_phase(
        (unsigned)(view % n), SIGN_PRE_PREPARE, view, seq, digest, m.proposal_signature);
    for (unsigned i = 0; i < 32; i++) {
        if ((signers >> i & 1) == 0)
            continue;
        forge_sign_phase(i, SIGN_PREPARE, view, seq, digest, signatures + m.signatures.size);
        m.signatures.size += SIGNATURE_BYTES;
    }
    m.signatures.data = signatures;
    if (change->proof_count++ == 0)
        buffer_init(&change->proofs, FRAME_BODY_BYTES_MAX);
    proof_put(&change->proofs, &m);
}

/* ---- view changes ---- */

void forge_view_change(struct buffer *out, struct forged_change *change)
{
    uint8_t signatures[32 * SIGNATURE_BYTES];
    struct view_change m = {.view = change->view,
        .replica = (uint16_t)change->replica,
        .stable =
            make_stable(change->stable, change->stable_digest, change->stable_signers, signatures),
        .proof_count = change->proof_count,
        .proofs = buffer_slice(&change->proofs)};
    buffer_clear(out);
    view_change_put_content(out, &m);
    uint8_t digest[DIGEST_BYTES], signature[SIGNATURE_BYTES];
    fake_digest(out->data, out->size, digest);
    struct buffer part = BUFFER_INIT(SMALL_BYTES);
    view_change_put_signed_part(&part, m.view, m.replica, digest);
    fake_sign_replica(change->replica, SIGN_VIEW_CHANGE, part.data, part.size, signature);
    buffer_free(&part);
    put_raw(out, signature, SIGNATURE_BYTES);
    buffer_free(&change->proofs);
}

void forge_empty_view_change(struct buffer *out, unsigned replica, uint64_t view)
{
    struct forged_change change = {.replica = replica, .view = view};
    forge_view_change(out, &change);
}

/* ---- new views ---- */

void forge_add_change(struct forged_new_view *m, struct slice view_change)
{
    struct view_change change;
    const char *reason = view_change_decode(view_change, &change);
    assert(reason == NULL);
    m->senders |= UINT32_C(1) << change.replica;
    fake_digest(change.content.data, change.content.size, m->digests[change.replica]);
}

void forge_add_carried(struct forged_new_view *m, const uint8_t digest[static DIGEST_BYTES])
{
    memcpy(m->carried[m->carried_count++], digest, DIGEST_BYTES);
}

void forge_add_null(struct forged_new_view *m)
{
    struct batch null = {.seq = m->low + m->carried_count + 1};
    uint8_t digest[DIGEST_BYTES];
    forge_batch_digest(&null, digest);
    forge_add_carried(m, digest);
}

static void put_carried(struct buffer *out, const struct forged_new_view *m)
{
    for (uint32_t i = 0; i < m->carried_count; i++) {
        struct carried carried;
        memcpy(carried.digest, m->carried[i], DIGEST_BYTES);
        forge_sign_phase(m->primary, SIGN_PRE_PREPARE, m->view, m->low + 1 + i, carried.digest,
            carried.signature);
        carried_put(out, &carried);
    }
}

void forge_new_view(struct buffer *out, const struct forged_new_view *m)
{
    uint8_t digests[REPLICAS_MAX * DIGEST_BYTES];
    struct new_view content = {
        .view = m->view, .senders = m->senders, .low = m->low, .carried_count = m->carried_count};
    for (unsigned i = 0; i < REPLICAS_MAX; i++) {
        if ((m->senders >> i & 1) == 0)
            continue;
        memcpy(digests + content.digests.size, m->digests[i], DIGEST_BYTES);
        content.digests.size += DIGEST_BYTES;
    }
    content.digests.data = digests;
    buffer_clear(out);
    new_view_put_content(out, &content);
    put_carried(out, m);
    uint8_t digest[DIGEST_BYTES], signature[SIGNATURE_BYTES];
    fake_digest(out->data, out->size, digest);
    struct buffer part = BUFFER_INIT(SMALL_BYTES);
    new_view_put_signed_part(&part, m->view, digest);
    fake_sign_replica(m->primary, SIGN_NEW_VIEW, part.data, part.size, signature);
    buffer_free(&part);
    put_raw(out, signature, SIGNATURE_BYTES);
}

/* ---- others ---- */

void forge_status_of(struct buffer *out, const struct status *m)
{
    buffer_clear(out);
    status_encode(out, m);
}

void forge_want(struct buffer *out, uint64_t seq, const uint8_t digest[static DIGEST_BYTES])
{
    struct want m = {.count = 1, .wanted = {{.seq = seq}}};
    memcpy(m.wanted[0].digest, digest, DIGEST_BYTES);
    buffer_clear(out);
    want_encode(out, &m);
}

void forge_content(struct buffer *out, const struct batch *batch)
{
    buffer_clear(out);
    content_encode(out, batch);
}

/* As the replica itself would make it, in the state where it made all that came before. */
void forge_contribution(struct buffer *out, unsigned replica, uint64_t number)
{
    assert(number >= 1);
    struct fake_signer signer = {.self = replica};
    struct pbft_crypto crypto = fake_crypto(&signer);
    struct seed seed = {0};
    struct contribution m;
    seed.replicas[replica].number = number - 1;
    seed_contribute(&seed, &crypto, replica, &m);
    buffer_clear(out);
    contribution_encode(out, &m);
}
