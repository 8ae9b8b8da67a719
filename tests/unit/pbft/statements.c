#include "tests/unit/pbft/statements.h"

#include "tests/unit/pbft/fake_crypto.h"
#include "tests/unit/pbft/forge.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_FIRST 256

struct statements *statements_new(unsigned self, unsigned n)
{
    struct statements *s = calloc(1, sizeof *s);
    assert(s != NULL);
    s->self = self;
    s->n = n;
    s->capacity = CAPACITY_FIRST;
    s->table = calloc(s->capacity, sizeof *s->table);
    assert(s->table != NULL);
    return s;
}

void statements_free(struct statements *s)
{
    if (s == NULL)
        return;
    free(s->table);
    free(s);
}

/* ---- one thing, one word ---- */

static struct word *place_of(
    const struct statements *s, enum message_type type, uint64_t view, uint64_t seq)
{
    uint64_t hash = (view * 1000003u + seq) * 61u + (unsigned)type;
    size_t at = (size_t)(hash % s->capacity);
    for (;;) {
        struct word *p = &s->table[at];
        if (p->type == MESSAGE_INVALID || (p->type == type && p->view == view && p->seq == seq))
            return p;
        at = (at + 1) % s->capacity;
    }
}

static void grow(struct statements *s)
{
    struct word *old = s->table;
    size_t old_capacity = s->capacity;
    s->capacity *= 2;
    s->table = calloc(s->capacity, sizeof *s->table);
    assert(s->table != NULL);
    for (size_t i = 0; i < old_capacity; i++) {
        if (old[i].type != MESSAGE_INVALID)
            *place_of(s, old[i].type, old[i].view, old[i].seq) = old[i];
    }
    free(old);
}

/* False if it said something else before. */
static bool says(struct statements *s, enum message_type type, uint64_t view, uint64_t seq,
    const uint8_t digest[static DIGEST_BYTES])
{
    struct word *p = place_of(s, type, view, seq);
    if (p->type != MESSAGE_INVALID)
        return memcmp(p->digest, digest, DIGEST_BYTES) == 0;
    *p = (struct word){.type = type, .view = view, .seq = seq};
    memcpy(p->digest, digest, DIGEST_BYTES);
    if (++s->count * 2 > s->capacity)
        grow(s);
    return true;
}

/* ---- message by message ---- */

static const char *propose(struct statements *s, struct slice body)
{
    struct pre_prepare m;
    const char *reason = pre_prepare_decode(body, &m);
    if (reason != NULL || m.view % s->n != s->self) /* another's, passed on */
        return reason;
    uint8_t digest[DIGEST_BYTES];
    forge_batch_digest(&m.batch, digest);
    if (m.view < s->left)
        return "a PRE-PREPARE in a view that it has left";
    if (!says(s, MESSAGE_PRE_PREPARE, m.view, m.batch.seq, digest))
        return "two PRE-PREPAREs for one sequence number";
    return NULL;
}

static const char *prepare(struct statements *s, struct slice body)
{
    struct prepare m;
    const char *reason = prepare_decode(body, &m);
    if (reason != NULL)
        return reason;
    if (m.view < s->left)
        return "a PREPARE in a view that it has left";
    if (!says(s, MESSAGE_PREPARE, m.view, m.seq, m.digest))
        return "two PREPAREs for one sequence number";
    return NULL;
}

static const char *commit(struct statements *s, struct slice body)
{
    struct commit m;
    const char *reason = commit_decode(body, &m);
    if (reason != NULL)
        return reason;
    if (m.view < s->left)
        return "a COMMIT in a view that it has left";
    if (!says(s, MESSAGE_COMMIT, m.view, m.seq, m.digest))
        return "two COMMITs for one sequence number";
    assert(m.seq < STATEMENTS_SEQ_MAX);
    s->commits[m.seq].said = true;
    s->commits[m.seq].view = m.view;
    memcpy(s->commits[m.seq].digest, m.digest, DIGEST_BYTES);
    if (m.seq > s->highest)
        s->highest = m.seq;
    return NULL;
}

static const char *checkpoint(struct statements *s, struct slice body)
{
    struct checkpoint m;
    const char *reason = checkpoint_decode(body, &m);
    if (reason != NULL)
        return reason;
    return says(s, MESSAGE_CHECKPOINT, 0, m.seq, m.digest) ? NULL : "two CHECKPOINTs for one state";
}

static const char *contribute(struct statements *s, struct slice body)
{
    struct contribution m;
    const char *reason = contribution_decode(body, &m);
    if (reason != NULL)
        return reason;
    uint8_t digest[DIGEST_BYTES];
    fake_digest(body.data, body.size, digest);
    return says(s, MESSAGE_CONTRIBUTION, 0, m.number, digest) ? NULL : "two CONTRIBUTIONs";
}

/* ---- what a view change must show ---- */

static bool shows(const struct view_change *m, uint64_t seq, uint64_t view,
    const uint8_t digest[static DIGEST_BYTES])
{
    struct reader r = reader_of(m->proofs);
    for (uint32_t i = 0; i < m->proof_count; i++) {
        struct proof proof;
        const char *reason = proof_take(&r, &proof);
        assert(reason == NULL);
        if (proof.seq == seq)
            return proof.view >= view && memcmp(proof.digest, digest, DIGEST_BYTES) == 0;
    }
    return false;
}

static const char *change_view(struct statements *s, struct slice body)
{
    struct view_change m;
    const char *reason = view_change_decode(body, &m);
    if (reason != NULL || m.replica != s->self) /* another's, passed on */
        return reason;
    uint8_t digest[DIGEST_BYTES];
    fake_digest(body.data, body.size, digest);
    if (!says(s, MESSAGE_VIEW_CHANGE, m.view, 0, digest))
        return "two VIEW-CHANGEs for one view";
    if (m.view <= s->left)
        return NULL; /* the same again, to help somebody */
    s->left = m.view;
    for (uint64_t seq = m.stable.seq + 1; seq <= s->highest; seq++) {
        if (s->commits[seq].said && !s->commits[seq].final &&
            !shows(&m, seq, s->commits[seq].view, s->commits[seq].digest))
            return "a VIEW-CHANGE that hides what it sent a COMMIT for";
    }
    return NULL;
}

static const char *lead(struct statements *s, struct slice body)
{
    struct new_view m;
    const char *reason = new_view_decode(body, &m);
    if (reason != NULL || m.view % s->n != s->self)
        return reason;
    uint8_t digest[DIGEST_BYTES];
    fake_digest(body.data, body.size, digest);
    if (m.view < s->left)
        return "a NEW-VIEW of a view that it has left";
    if (!says(s, MESSAGE_NEW_VIEW, m.view, 0, digest))
        return "two NEW-VIEWs of one view";
    struct reader r = reader_of(m.carried);
    for (uint32_t i = 0; i < m.carried_count; i++) {
        struct carried carried;
        carried_take(&r, &carried);
        if (!says(s, MESSAGE_PRE_PREPARE, m.view, m.low + 1 + i, carried.digest))
            return "a NEW-VIEW and a PRE-PREPARE for one sequence number";
    }
    return NULL;
}

/* ---- all of it ---- */

void statements_final(struct statements *s, uint64_t seq)
{
    assert(seq < STATEMENTS_SEQ_MAX);
    s->commits[seq].final = true;
}

const char *statements_add(struct statements *s, enum message_type type, struct slice body)
{
    if (type == MESSAGE_PRE_PREPARE)
        return propose(s, body);
    if (type == MESSAGE_PREPARE)
        return prepare(s, body);
    if (type == MESSAGE_COMMIT)
        return commit(s, body);
    if (type == MESSAGE_CHECKPOINT)
        return checkpoint(s, body);
    if (type == MESSAGE_CONTRIBUTION)
        return contribute(s, body);
    if (type == MESSAGE_VIEW_CHANGE)
        return change_view(s, body);
    if (type == MESSAGE_NEW_VIEW)
        return lead(s, body);
    return NULL;
}

const char *statements_add_update(struct statements *s, const struct pbft_update *update)
{
    for (unsigned i = 0; i < update->persist_count; i++) {
        if (update->persist[i].type == PBFT_RECORD_COMMITTED)
            statements_final(s, update->persist[i].seq);
    }
    for (unsigned i = 0; i < update->send_count; i++) {
        const char *reason = statements_add(s, update->sends[i].type, update->sends[i].body);
        if (reason != NULL)
            return reason;
    }
    return NULL;
}
