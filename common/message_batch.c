/* Batches, and the two messages that carry one: the primary's proposal, and a committed batch from
 * another replica's durable log. */
#include "common/message.h"
#include "common/message_form.h"

#include <assert.h>
#include <string.h>

void batch_put(struct buffer *b, const struct batch *m)
{
    put_u64(b, m->seq);
    put_u64(b, m->timestamp_us);
    put_u32(b, m->request_count);
    put_raw(b, m->requests.data, m->requests.size);
    put_u32(b, m->contribution_count);
    put_raw(b, m->contributions.data, m->contributions.size);
}

static const char *take_requests(struct reader *r, struct batch *m)
{
    const uint8_t *begin = r->at;
    for (uint32_t i = 0; i < m->request_count; i++) {
        struct request ignored;
        const char *reason = request_take(r, &ignored);
        if (reason != NULL)
            return reason;
    }
    m->requests = slice_of(begin, (size_t)(r->at - begin));
    return NULL;
}

static const char *take_contributions(struct reader *r, struct batch *m)
{
    m->contribution_count = get_u32(r);
    if (r->failed)
        return REASON_TRUNCATED;
    if (m->contribution_count > REPLICAS_MAX)
        return form_reject(r, "too many contributions");
    const uint8_t *begin = r->at;
    unsigned next = 0;
    for (uint32_t i = 0; i < m->contribution_count; i++) {
        struct contribution c;
        const char *reason = contribution_take(r, &c);
        if (reason != NULL)
            return reason;
        if (c.replica < next)
            return form_reject(r, "contributions out of order");
        next = c.replica + 1u;
    }
    m->contributions = slice_of(begin, (size_t)(r->at - begin));
    return NULL;
}

static const char *check_batch(struct reader *r, const struct batch *m)
{
    if (m->requests.size + m->contributions.size > BATCH_BYTES_MAX - BATCH_HEADER_BYTES)
        return form_reject(r, "the batch is too long");
    if (m->timestamp_us == 0 && (m->request_count != 0 || m->contribution_count != 0))
        return form_reject(r, "a null batch with a content");
    return NULL;
}

const char *batch_take(struct reader *r, struct batch *ret)
{
    struct batch m;
    m.seq = get_u64(r);
    m.timestamp_us = get_u64(r);
    m.request_count = get_u32(r);
    if (r->failed)
        return REASON_TRUNCATED;
    if (m.seq == 0)
        return form_reject(r, "batches are numbered from 1");
    if (m.request_count > BATCH_REQUESTS_MAX)
        return form_reject(r, "too many requests");
    const char *reason = take_requests(r, &m);
    if (reason == NULL)
        reason = take_contributions(r, &m);
    if (reason == NULL)
        reason = check_batch(r, &m);
    if (reason == NULL)
        *ret = m;
    return reason;
}

void batch_digest(
    const struct batch *m, struct buffer *scratch, uint8_t ret_digest[static DIGEST_BYTES])
{
    buffer_clear(scratch);
    batch_put(scratch, m);
    /* The digest of a part of a batch must never be taken for the batch's. */
    assert(!scratch->failed);
    sha256(ret_digest, scratch->data, scratch->size);
}

/* ---- pre-prepare ---- */

void pre_prepare_encode(struct buffer *b, const struct pre_prepare *m)
{
    put_u64(b, m->view);
    batch_put(b, &m->batch);
    put_raw(b, m->signature, SIGNATURE_BYTES);
}

const char *pre_prepare_decode(struct slice body, struct pre_prepare *ret)
{
    struct reader r = reader_of(body);
    struct pre_prepare m = {.view = get_u64(&r)};
    const char *reason = batch_take(&r, &m.batch);
    if (reason != NULL)
        return reason;
    get_raw(&r, m.signature, SIGNATURE_BYTES);
    reason = form_end(&r);
    if (reason == NULL)
        *ret = m;
    return reason;
}

/* ---- a committed batch ---- */

void outcome_put_skipped(struct buffer *b)
{
    static const uint8_t zeros[OUTCOME_BYTES];
    put_raw(b, zeros, OUTCOME_BYTES);
}

const char *fetched_outcome_take(struct reader *r, struct outcome *ret)
{
    static const uint8_t zeros[OUTCOME_BYTES];
    if (reader_left(r) >= OUTCOME_BYTES && memcmp(r->at, zeros, OUTCOME_BYTES) == 0) {
        get_slice(r, OUTCOME_BYTES);
        *ret = (struct outcome){.kind = OUTCOME_INVALID};
        return NULL;
    }
    return outcome_take(r, ret);
}

void fetched_encode(struct buffer *b, const struct fetched *m)
{
    batch_put(b, &m->batch);
    put_u32(b, m->outcome_count);
    put_raw(b, m->outcomes.data, m->outcomes.size);
}

static const char *take_outcomes(struct reader *r, struct fetched *m)
{
    m->outcome_count = get_u32(r);
    if (r->failed)
        return REASON_TRUNCATED;
    if (m->outcome_count != 0 && m->outcome_count != m->batch.request_count)
        return form_reject(r, "outcomes and requests differ in number");
    const uint8_t *begin = r->at;
    for (uint32_t i = 0; i < m->outcome_count; i++) {
        struct outcome ignored;
        const char *reason = fetched_outcome_take(r, &ignored);
        if (reason != NULL)
            return reason;
    }
    m->outcomes = slice_of(begin, (size_t)(r->at - begin));
    return form_end(r);
}

const char *fetched_decode(struct slice body, struct fetched *ret)
{
    struct reader r = reader_of(body);
    struct fetched m;
    const char *reason = batch_take(&r, &m.batch);
    if (reason == NULL)
        reason = take_outcomes(&r, &m);
    if (reason == NULL)
        *ret = m;
    return reason;
}
