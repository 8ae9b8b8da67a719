/* Certificates, and the messages of a view change: what a replica shows to others that did not see
 * it happen. */
#include "common/message.h"
#include "common/message_form.h"

#define REASON_MASK "signers out of range"
#define REASON_REPLICA "replica number out of range"

/* ---- masks of replicas, and one fixed-size item for each ---- */

static unsigned mask_count(uint32_t mask)
{
    return (unsigned)__builtin_popcount(mask);
}

static const char *take_mask(struct reader *r, uint32_t *ret)
{
    uint32_t mask = get_u32(r);
    if (mask >= UINT32_C(1) << REPLICAS_MAX)
        return form_reject(r, REASON_MASK);
    *ret = mask;
    return NULL;
}

/* ---- the certificate of a checkpoint ---- */

void stable_put(struct buffer *b, const struct stable *m)
{
    put_u64(b, m->seq);
    put_raw(b, m->digest, DIGEST_BYTES);
    put_u32(b, m->signers);
    put_raw(b, m->signatures.data, m->signatures.size);
}

const char *stable_take(struct reader *r, struct stable *ret)
{
    struct stable m = {.seq = get_u64(r)};
    get_raw(r, m.digest, DIGEST_BYTES);
    const char *reason = take_mask(r, &m.signers);
    if (reason != NULL)
        return reason;
    m.signatures = get_slice(r, mask_count(m.signers) * SIGNATURE_BYTES);
    if (r->failed)
        return REASON_TRUNCATED;
    if (m.seq == 0 && m.signers != 0)
        return form_reject(r, "the beginning is not signed");
    *ret = m;
    return NULL;
}

void stable_encode(struct buffer *b, const struct stable *m)
{
    stable_put(b, m);
}

const char *stable_decode(struct slice body, struct stable *ret)
{
    struct reader r = reader_of(body);
    struct stable m;
    const char *reason = stable_take(&r, &m);
    if (reason == NULL)
        reason = form_end(&r);
    if (reason == NULL && m.seq == 0)
        reason = "the beginning needs no certificate";
    if (reason == NULL)
        *ret = m;
    return reason;
}

/* ---- contributions to the seed ---- */

void contribution_put_signed_part(struct buffer *b, const struct contribution *m)
{
    put_u64(b, m->number);
    put_raw(b, m->reveal, DIGEST_BYTES);
    put_raw(b, m->commitment, DIGEST_BYTES);
    put_u16(b, m->replica);
}

void contribution_put(struct buffer *b, const struct contribution *m)
{
    contribution_put_signed_part(b, m);
    put_raw(b, m->signature, SIGNATURE_BYTES);
}

const char *contribution_take(struct reader *r, struct contribution *ret)
{
    struct contribution m = {.number = get_u64(r)};
    get_raw(r, m.reveal, DIGEST_BYTES);
    get_raw(r, m.commitment, DIGEST_BYTES);
    m.replica = get_u16(r);
    get_raw(r, m.signature, SIGNATURE_BYTES);
    if (r->failed)
        return REASON_TRUNCATED;
    if (m.number == 0)
        return form_reject(r, "contributions are numbered from 1");
    if (m.replica >= REPLICAS_MAX)
        return form_reject(r, REASON_REPLICA);
    *ret = m;
    return NULL;
}

void contribution_encode(struct buffer *b, const struct contribution *m)
{
    contribution_put(b, m);
}

const char *contribution_decode(struct slice body, struct contribution *ret)
{
    struct reader r = reader_of(body);
    struct contribution m;
    const char *reason = contribution_take(&r, &m);
    if (reason == NULL)
        reason = form_end(&r);
    if (reason == NULL)
        *ret = m;
    return reason;
}

/* ---- the certificate that a batch prepared ---- */

void proof_put(struct buffer *b, const struct proof *m)
{
    put_u64(b, m->view);
    put_u64(b, m->seq);
    put_raw(b, m->digest, DIGEST_BYTES);
    put_raw(b, m->proposal_signature, SIGNATURE_BYTES);
    put_u32(b, m->signers);
    put_raw(b, m->signatures.data, m->signatures.size);
}

const char *proof_take(struct reader *r, struct proof *ret)
{
    struct proof m = {.view = get_u64(r)};
    m.seq = get_u64(r);
    get_raw(r, m.digest, DIGEST_BYTES);
    get_raw(r, m.proposal_signature, SIGNATURE_BYTES);
    const char *reason = take_mask(r, &m.signers);
    if (reason != NULL)
        return reason;
    if (mask_count(m.signers) > 2 * FAULTS_MAX)
        return form_reject(r, "more prepares than a certificate has");
    m.signatures = get_slice(r, mask_count(m.signers) * SIGNATURE_BYTES);
    if (r->failed)
        return REASON_TRUNCATED;
    if (m.seq == 0)
        return form_reject(r, "batches are numbered from 1");
    *ret = m;
    return NULL;
}

/* ---- view change ---- */

void view_change_put_content(struct buffer *b, const struct view_change *m)
{
    put_u64(b, m->view);
    put_u16(b, m->replica);
    stable_put(b, &m->stable);
    put_u32(b, m->proof_count);
    put_raw(b, m->proofs.data, m->proofs.size);
}

void view_change_put_signed_part(
    struct buffer *b, uint64_t view, uint16_t replica, const uint8_t digest[static DIGEST_BYTES])
{
    put_u64(b, view);
    put_u16(b, replica);
    put_raw(b, digest, DIGEST_BYTES);
}

static const char *take_proofs(struct reader *r, struct view_change *m)
{
    const uint8_t *begin = r->at;
    uint64_t above = m->stable.seq;
    for (uint32_t i = 0; i < m->proof_count; i++) {
        struct proof proof;
        const char *reason = proof_take(r, &proof);
        if (reason != NULL)
            return reason;
        if (proof.seq <= above)
            return form_reject(r, "certificates out of order, or below the stable checkpoint");
        if (proof.view >= m->view)
            return form_reject(r, "a certificate of a later view");
        above = proof.seq;
    }
    m->proofs = slice_of(begin, (size_t)(r->at - begin));
    return NULL;
}

static const char *take_view_change(struct reader *r, struct view_change *m)
{
    m->view = get_u64(r);
    m->replica = get_u16(r);
    const char *reason = stable_take(r, &m->stable);
    if (reason != NULL)
        return reason;
    m->proof_count = get_u32(r);
    if (r->failed)
        return REASON_TRUNCATED;
    if (m->view == 0)
        return "nobody changes to the first view";
    if (m->replica >= REPLICAS_MAX)
        return REASON_REPLICA;
    if (m->proof_count > WINDOW_MAX)
        return "too many certificates";
    return take_proofs(r, m);
}

const char *view_change_decode(struct slice body, struct view_change *ret)
{
    struct reader r = reader_of(body);
    struct view_change m;
    const char *reason = take_view_change(&r, &m);
    if (reason != NULL)
        return reason;
    m.content = slice_of(body.data, (size_t)(r.at - body.data));
    get_raw(&r, m.signature, SIGNATURE_BYTES);
    reason = form_end(&r);
    if (reason == NULL)
        *ret = m;
    return reason;
}

/* ---- new view ---- */

void carried_put(struct buffer *b, const struct carried *m)
{
    put_raw(b, m->digest, DIGEST_BYTES);
    put_raw(b, m->signature, SIGNATURE_BYTES);
}

void carried_take(struct reader *r, struct carried *ret)
{
    get_raw(r, ret->digest, DIGEST_BYTES);
    get_raw(r, ret->signature, SIGNATURE_BYTES);
}

void new_view_put_content(struct buffer *b, const struct new_view *m)
{
    put_u64(b, m->view);
    put_u32(b, m->senders);
    put_raw(b, m->digests.data, m->digests.size);
    put_u64(b, m->low);
    put_u32(b, m->carried_count);
    put_raw(b, m->carried.data, m->carried.size);
}

void new_view_put_signed_part(
    struct buffer *b, uint64_t view, const uint8_t digest[static DIGEST_BYTES])
{
    put_u64(b, view);
    put_raw(b, digest, DIGEST_BYTES);
}

static const char *take_new_view(struct reader *r, struct new_view *m)
{
    m->view = get_u64(r);
    const char *reason = take_mask(r, &m->senders);
    if (reason != NULL)
        return reason;
    m->digests = get_slice(r, mask_count(m->senders) * DIGEST_BYTES);
    m->low = get_u64(r);
    m->carried_count = get_u32(r);
    if (r->failed)
        return REASON_TRUNCATED;
    if (m->view == 0)
        return "the first view needs no new view";
    if (m->carried_count > WINDOW_MAX)
        return "too many batches carried over";
    if (m->low > UINT64_MAX - WINDOW_MAX)
        return "sequence number out of range";
    m->carried = get_slice(r, (size_t)m->carried_count * (DIGEST_BYTES + SIGNATURE_BYTES));
    return r->failed ? REASON_TRUNCATED : NULL;
}

const char *new_view_decode(struct slice body, struct new_view *ret)
{
    struct reader r = reader_of(body);
    struct new_view m;
    const char *reason = take_new_view(&r, &m);
    if (reason != NULL)
        return reason;
    m.content = slice_of(body.data, (size_t)(r.at - body.data));
    get_raw(&r, m.signature, SIGNATURE_BYTES);
    reason = form_end(&r);
    if (reason == NULL)
        *ret = m;
    return reason;
}

/* ---- contents of batches ---- */

void want_encode(struct buffer *b, const struct want *m)
{
    put_u32(b, m->count);
    for (uint32_t i = 0; i < m->count && i < WANTED_MAX; i++) {
        put_u64(b, m->wanted[i].seq);
        put_raw(b, m->wanted[i].digest, DIGEST_BYTES);
    }
}

const char *want_decode(struct slice body, struct want *ret)
{
    struct reader r = reader_of(body);
    struct want m = {.count = get_u32(&r)};
    if (r.failed)
        return REASON_TRUNCATED;
    if (m.count == 0 || m.count > WANTED_MAX)
        return "number of contents out of range";
    for (uint32_t i = 0; i < m.count; i++) {
        m.wanted[i].seq = get_u64(&r);
        get_raw(&r, m.wanted[i].digest, DIGEST_BYTES);
        if (!r.failed && m.wanted[i].seq == 0)
            return "batches are numbered from 1";
    }
    const char *reason = form_end(&r);
    if (reason == NULL)
        *ret = m;
    return reason;
}

void content_encode(struct buffer *b, const struct batch *m)
{
    batch_put(b, m);
}

const char *content_decode(struct slice body, struct batch *ret)
{
    struct reader r = reader_of(body);
    struct batch m;
    const char *reason = batch_take(&r, &m);
    if (reason == NULL)
        reason = form_end(&r);
    if (reason == NULL)
        *ret = m;
    return reason;
}
