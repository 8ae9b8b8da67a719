/* The agreement messages of fixed size, and the executor's vote. */
#include "common/message.h"
#include "common/message_form.h"

#define REASON_SEQ "batches are numbered from 1"
#define REASON_REPLICA "replica number out of range"

void phase_put_signed_part(struct buffer *b, uint64_t view, uint64_t seq,
    const uint8_t digest[static DIGEST_BYTES], uint16_t replica)
{
    put_u64(b, view);
    put_u64(b, seq);
    put_raw(b, digest, DIGEST_BYTES);
    put_u16(b, replica);
}

void prepare_encode(struct buffer *b, const struct prepare *m)
{
    phase_put_signed_part(b, m->view, m->seq, m->digest, m->replica);
    put_raw(b, m->signature, SIGNATURE_BYTES);
}

const char *prepare_decode(struct slice body, struct prepare *ret)
{
    struct reader r = reader_of(body);
    struct prepare m;
    m.view = get_u64(&r);
    m.seq = get_u64(&r);
    get_raw(&r, m.digest, DIGEST_BYTES);
    m.replica = get_u16(&r);
    get_raw(&r, m.signature, SIGNATURE_BYTES);
    const char *reason = form_end(&r);
    if (reason != NULL)
        return reason;
    if (m.seq == 0)
        return REASON_SEQ;
    if (m.replica >= REPLICAS_MAX)
        return REASON_REPLICA;
    *ret = m;
    return NULL;
}

void commit_encode(struct buffer *b, const struct commit *m)
{
    put_u64(b, m->view);
    put_u64(b, m->seq);
    put_raw(b, m->digest, DIGEST_BYTES);
}

const char *commit_decode(struct slice body, struct commit *ret)
{
    struct reader r = reader_of(body);
    struct commit m;
    m.view = get_u64(&r);
    m.seq = get_u64(&r);
    get_raw(&r, m.digest, DIGEST_BYTES);
    const char *reason = form_end(&r);
    if (reason != NULL)
        return reason;
    if (m.seq == 0)
        return REASON_SEQ;
    *ret = m;
    return NULL;
}

void checkpoint_put_signed_part(struct buffer *b, const struct checkpoint *m)
{
    put_u64(b, m->seq);
    put_raw(b, m->digest, DIGEST_BYTES);
    put_u16(b, m->replica);
}

void checkpoint_encode(struct buffer *b, const struct checkpoint *m)
{
    checkpoint_put_signed_part(b, m);
    put_raw(b, m->signature, SIGNATURE_BYTES);
}

const char *checkpoint_decode(struct slice body, struct checkpoint *ret)
{
    struct reader r = reader_of(body);
    struct checkpoint m = {.seq = get_u64(&r)};
    get_raw(&r, m.digest, DIGEST_BYTES);
    m.replica = get_u16(&r);
    get_raw(&r, m.signature, SIGNATURE_BYTES);
    const char *reason = form_end(&r);
    if (reason != NULL)
        return reason;
    if (m.seq == 0)
        return REASON_SEQ;
    if (m.replica >= REPLICAS_MAX)
        return REASON_REPLICA;
    *ret = m;
    return NULL;
}

void status_encode(struct buffer *b, const struct status *m)
{
    put_u64(b, m->view);
    put_bool(b, m->active);
    put_bool(b, m->suspects);
    put_bool(b, m->silent);
    put_u64(b, m->delivered);
    put_u64(b, m->executed);
    put_u64(b, m->stable);
}

const char *status_decode(struct slice body, struct status *ret)
{
    struct reader r = reader_of(body);
    struct status m;
    m.view = get_u64(&r);
    m.active = get_bool(&r);
    m.suspects = get_bool(&r);
    m.silent = get_bool(&r);
    m.delivered = get_u64(&r);
    m.executed = get_u64(&r);
    m.stable = get_u64(&r);
    const char *reason = form_end(&r);
    if (reason == NULL)
        *ret = m;
    return reason;
}

void fetch_encode(struct buffer *b, const struct fetch *m)
{
    put_u64(b, m->seq);
    put_u32(b, m->count);
}

const char *fetch_decode(struct slice body, struct fetch *ret)
{
    struct reader r = reader_of(body);
    struct fetch m;
    m.seq = get_u64(&r);
    m.count = get_u32(&r);
    const char *reason = form_end(&r);
    if (reason != NULL)
        return reason;
    if (m.seq == 0)
        return REASON_SEQ;
    if (m.count == 0 || m.count > FETCH_BATCHES_MAX)
        return "number of batches out of range";
    *ret = m;
    return NULL;
}

void vote_encode(struct buffer *b, const struct vote *m)
{
    put_u64(b, m->seq);
    put_u32(b, m->index);
    outcome_put(b, &m->outcome);
}

const char *vote_decode(struct slice body, struct vote *ret)
{
    struct reader r = reader_of(body);
    struct vote m;
    m.seq = get_u64(&r);
    m.index = get_u32(&r);
    const char *reason = outcome_take(&r, &m.outcome);
    if (reason == NULL)
        reason = form_end(&r);
    if (reason != NULL)
        return reason;
    if (m.seq == 0)
        return REASON_SEQ;
    if (m.index >= BATCH_REQUESTS_MAX)
        return "request out of range";
    /* The epoch follows from the order alone; a vote that named one could split equal votes. */
    if (m.outcome.kind == OUTCOME_BEGUN || m.outcome.epoch != 0)
        return "not the outcome of an execution";
    *ret = m;
    return NULL;
}
