/* What evidence says, and whether it proves it. evidence_file.c has the file. */
#include "common/evidence.h"

#include "common/config.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *evidence_kind(enum signature_purpose purpose)
{
    switch (purpose) {
    case SIGN_PRE_PREPARE:
        return "pre_prepare";
    case SIGN_PREPARE:
        return "prepare";
    case SIGN_CHECKPOINT:
        return "checkpoint";
    case SIGN_VIEW_CHANGE:
        return "view_change";
    case SIGN_NEW_VIEW:
        return "new_view";
    case SIGN_CONTRIBUTION:
        return "contribution";
    case SIGN_INVALID:
    case SIGN_REQUEST:
    case SIGN_SECRET:
        break;
    }
    return NULL;
}

/* ---- what a statement says ---- */

/* The inverse of the …_put_signed_part of common/message.h. */
static bool take_claim(
    enum signature_purpose purpose, struct reader *r, struct evidence_claim *claim)
{
    switch (purpose) {
    case SIGN_PRE_PREPARE:
    case SIGN_PREPARE:
        claim->view = get_u64(r);
        claim->number = get_u64(r);
        claim->content = get_slice(r, DIGEST_BYTES);
        claim->replica = get_u16(r);
        return true;
    case SIGN_CHECKPOINT:
        claim->number = get_u64(r);
        claim->content = get_slice(r, DIGEST_BYTES);
        claim->replica = get_u16(r);
        return true;
    case SIGN_VIEW_CHANGE:
        claim->view = get_u64(r);
        claim->replica = get_u16(r);
        claim->content = get_slice(r, DIGEST_BYTES);
        return true;
    case SIGN_NEW_VIEW:
        claim->view = get_u64(r);
        claim->content = get_slice(r, DIGEST_BYTES);
        return true;
    case SIGN_CONTRIBUTION:
        claim->number = get_u64(r);
        claim->content = get_slice(r, 2 * DIGEST_BYTES);
        claim->replica = get_u16(r);
        return true;
    case SIGN_INVALID:
    case SIGN_REQUEST:
    case SIGN_SECRET:
        break;
    }
    return false;
}

const char *evidence_claim(
    const struct evidence *evidence, unsigned index, struct evidence_claim *ret)
{
    assert(index < 2);
    const struct evidence_statement *statement = &evidence->statement[index];
    struct reader r = reader_of(slice_of(statement->bytes, statement->size));
    struct evidence_claim claim = {0};
    if (!take_claim(evidence->purpose, &r, &claim))
        return "statements of this kind cannot contradict each other";
    if (!reader_done(&r))
        return "a statement is not of the kind that the record says";
    if (evidence->purpose != SIGN_NEW_VIEW && claim.replica != evidence->replica)
        return "a statement speaks for another replica";
    *ret = claim;
    return NULL;
}

/* ---- the proof ---- */

/* A correct replica says one thing about each view, number, or both: what it said is on its disk
 * before it leaves (pbft.h). */
static const char *contradiction_reason(
    const struct evidence_claim *a, const struct evidence_claim *b)
{
    if (a->view != b->view || a->number != b->number)
        return "the statements are about different things and do not contradict each other";
    if (slice_equal(a->content, b->content))
        return "both statements say the same";
    return NULL;
}

static const char *signatures_reason(const struct evidence *e)
{
    struct public_key *key = public_key_parse(e->public_key);
    if (key == NULL)
        return "the public key is not an Ed25519 key";
    bool good = true;
    for (unsigned i = 0; i < 2; i++)
        good &= verify(key, e->cluster, e->purpose, e->statement[i].bytes, e->statement[i].size,
            e->statement[i].signature);
    public_key_free(key);
    return good ? NULL : "a signature is not that of the public key";
}

const char *evidence_invalid_reason(const struct evidence *evidence)
{
    struct evidence_claim a, b;
    const char *reason = evidence_claim(evidence, 0, &a);
    if (reason == NULL)
        reason = evidence_claim(evidence, 1, &b);
    if (reason == NULL)
        reason = contradiction_reason(&a, &b);
    return reason == NULL ? signatures_reason(evidence) : reason;
}

const char *evidence_against(const struct evidence *evidence, const struct config *config)
{
    if (memcmp(evidence->cluster, config->identity, DIGEST_BYTES) != 0)
        return "it is about another cluster than this configuration's";
    if (evidence->replica >= config->replica_count)
        return "the configuration has no such replica";
    if (memcmp(evidence->public_key, config->replicas[evidence->replica].public_key,
            PUBLIC_KEY_BYTES) != 0)
        return "the key is not the one that the configuration gives to this replica";
    return NULL;
}

/* ---- in words ---- */

static const char *deed(enum signature_purpose purpose)
{
    switch (purpose) {
    case SIGN_PRE_PREPARE:
        return "proposed two different batches";
    case SIGN_PREPARE:
        return "prepared two different batches";
    case SIGN_CHECKPOINT:
        return "signed two different states";
    case SIGN_VIEW_CHANGE:
        return "sent two different view changes";
    case SIGN_NEW_VIEW:
        return "sent two different new views";
    case SIGN_CONTRIBUTION:
        return "contributed twice to the seed, differently";
    case SIGN_INVALID:
    case SIGN_REQUEST:
    case SIGN_SECRET:
        break;
    }
    assert(!"a purpose that makes evidence");
    return "";
}

/* Where: with these words between name and number. */
static void put_place(
    const struct evidence *evidence, char *out, size_t size, const char *space, const char *comma)
{
    struct evidence_claim claim;
    const char *reason = evidence_claim(evidence, 0, &claim);
    assert(reason == NULL);
    switch (evidence->purpose) {
    case SIGN_PRE_PREPARE:
    case SIGN_PREPARE:
        snprintf(out, size, "view%s%" PRIu64 "%sbatch%s%" PRIu64, space, claim.view, comma, space,
            claim.number);
        return;
    case SIGN_CHECKPOINT:
        snprintf(out, size, "batch%s%" PRIu64, space, claim.number);
        return;
    case SIGN_VIEW_CHANGE:
    case SIGN_NEW_VIEW:
        snprintf(out, size, "view%s%" PRIu64, space, claim.view);
        return;
    case SIGN_CONTRIBUTION:
        snprintf(out, size, "number%s%" PRIu64, space, claim.number);
        return;
    case SIGN_INVALID:
    case SIGN_REQUEST:
    case SIGN_SECRET:
        break;
    }
    assert(!"a purpose that makes evidence");
}

void evidence_describe(const struct evidence *evidence, char *out, size_t size)
{
    char place[64];
    put_place(evidence, place, sizeof place, " ", ", ");
    snprintf(out, size, "%s: %s", deed(evidence->purpose), place);
}

void evidence_name(const struct evidence *evidence, char out[static EVIDENCE_NAME_BYTES_MAX])
{
    char place[64];
    put_place(evidence, place, sizeof place, "", "-");
    snprintf(out, EVIDENCE_NAME_BYTES_MAX, "replica%u-%s-%s.evidence", evidence->replica,
        evidence_kind(evidence->purpose), place);
}
