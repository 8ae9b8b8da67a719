#include "tests/fuzz/evidence_samples.h"

#include "common/message.h"

#include <assert.h>
#include <string.h>

#define REPLICA EVIDENCE_SAMPLE_REPLICA

static const enum signature_purpose purposes[EVIDENCE_SAMPLES] = {SIGN_PRE_PREPARE, SIGN_PREPARE,
    SIGN_CHECKPOINT, SIGN_VIEW_CHANGE, SIGN_NEW_VIEW, SIGN_CONTRIBUTION};

static void put_statement(struct buffer *b, enum signature_purpose purpose, uint64_t view,
    uint64_t number, uint8_t content)
{
    uint8_t digest[DIGEST_BYTES];
    memset(digest, content, sizeof digest);
    struct checkpoint checkpoint = {.seq = number, .replica = REPLICA};
    memcpy(checkpoint.digest, digest, DIGEST_BYTES);
    struct contribution contribution = {.number = number, .replica = REPLICA};
    memcpy(contribution.reveal, digest, DIGEST_BYTES);
    switch (purpose) {
    case SIGN_PRE_PREPARE:
    case SIGN_PREPARE:
        phase_put_signed_part(b, view, number, digest, REPLICA);
        return;
    case SIGN_CHECKPOINT:
        checkpoint_put_signed_part(b, &checkpoint);
        return;
    case SIGN_VIEW_CHANGE:
        view_change_put_signed_part(b, view, REPLICA, digest);
        return;
    case SIGN_NEW_VIEW:
        new_view_put_signed_part(b, view, digest);
        return;
    case SIGN_CONTRIBUTION:
        contribution_put_signed_part(b, &contribution);
        return;
    case SIGN_INVALID:
    case SIGN_REQUEST:
    case SIGN_SECRET:
        break;
    }
    assert(!"a purpose that makes evidence");
}

void evidence_sample_statement(unsigned index, const struct private_key *key,
    const uint8_t cluster[static DIGEST_BYTES], uint64_t view, uint64_t number, uint8_t content,
    struct evidence_statement *ret)
{
    assert(index < EVIDENCE_SAMPLES);
    struct buffer b = {
        .data = ret->bytes, .capacity = sizeof ret->bytes, .size_max = sizeof ret->bytes};
    put_statement(&b, purposes[index], view, number, content);
    assert(!b.failed);
    ret->size = b.size;
    sign(key, cluster, purposes[index], ret->bytes, ret->size, ret->signature);
}

const char *evidence_sample(unsigned index, const struct private_key *key,
    const uint8_t cluster[static DIGEST_BYTES], struct evidence *ret)
{
    assert(index < EVIDENCE_SAMPLES);
    struct evidence e = {.replica = REPLICA, .purpose = purposes[index]};
    memcpy(e.cluster, cluster, DIGEST_BYTES);
    private_key_public(key, e.public_key);
    for (unsigned i = 0; i < 2; i++)
        evidence_sample_statement(index, key, cluster, 3, 17, (uint8_t)(0xa0 + i), &e.statement[i]);
    *ret = e;
    return evidence_kind(e.purpose);
}
