#include "proxy/exec/batch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static size_t bodies_size(const struct pbft_delivery *delivery)
{
    size_t size = 0;
    for (uint32_t i = 0; i < delivery->batch.request_count; i++)
        size += delivery->requests[i].body.size;
    return size;
}

static void copy_request(
    struct batch_request *to, const struct request *from, bool skip, uint8_t *body)
{
    if (from->body.size > 0)
        memcpy(body, from->body.data, from->body.size);
    to->request = *from;
    to->request.body = slice_of(body, from->body.size);
    to->skip = skip;
    to->malformed = order_decode(to->request.body, &to->order);
}

struct batch_copy *batch_copy_new(const struct pbft_delivery *delivery)
{
    unsigned count = delivery->batch.request_count;
    assert(count <= BATCH_REQUESTS_MAX);
    struct batch_copy *batch = calloc(1, sizeof *batch + count * sizeof batch->requests[0]);
    if (batch == NULL)
        return NULL;
    batch->bodies = malloc(bodies_size(delivery) + 1);
    if (batch->bodies == NULL) {
        free(batch);
        return NULL;
    }
    batch->seq = delivery->batch.seq;
    batch->timestamp_us = delivery->timestamp_us;
    memcpy(batch->seed, delivery->seed, sizeof batch->seed);
    batch->checkpoint = delivery->checkpoint;
    batch->count = count;
    uint8_t *body = batch->bodies;
    for (unsigned i = 0; i < count; i++) {
        copy_request(&batch->requests[i], &delivery->requests[i], delivery->skip[i], body);
        body += delivery->requests[i].body.size;
    }
    return batch;
}

void batch_copy_free(struct batch_copy *batch)
{
    if (batch == NULL)
        return;
    free(batch->bodies);
    free(batch);
}

void batch_copy_reset(struct batch_copy *batch)
{
    for (unsigned i = 0; i < batch->count; i++) {
        struct batch_request *r = &batch->requests[i];
        r->outcome = (struct outcome){0};
        r->recorded = (struct outcome){0};
        r->applied = false;
        r->applied_barrier = false;
    }
}

bool batch_copy_recall(struct batch_copy *batch, struct slice recorded)
{
    struct outcome outcomes[BATCH_REQUESTS_MAX] = {0};
    struct reader r = reader_of(recorded);
    if (get_u32(&r) != batch->count)
        return false;
    for (unsigned i = 0; i < batch->count; i++) {
        struct slice bytes = get_bytes(&r, REPLY_BYTES_MAX);
        struct reader one = reader_of(bytes);
        if (bytes.size > 0 && outcome_take(&one, &outcomes[i]) != NULL)
            return false;
    }
    if (!reader_done(&r))
        return false;
    for (unsigned i = 0; i < batch->count; i++)
        batch->requests[i].recorded = outcomes[i];
    return true;
}

bool batch_copy_more_commits(const struct batch_copy *batch, unsigned index)
{
    for (unsigned i = index + 1; i < batch->count; i++) {
        const struct batch_request *r = &batch->requests[i];
        if (!r->skip && r->malformed == NULL && r->order.kind == ORDER_COMMIT)
            return true;
    }
    return false;
}

void batch_copy_results(const struct batch_copy *batch, struct buffer *b, struct slice *results)
{
    size_t offsets[BATCH_REQUESTS_MAX + 1];
    for (unsigned i = 0; i < batch->count; i++) {
        const struct batch_request *r = &batch->requests[i];
        offsets[i] = b->size;
        assert(r->skip || r->outcome.kind != OUTCOME_INVALID);
        if (!r->skip)
            outcome_put(b, &r->outcome);
    }
    offsets[batch->count] = b->size;
    /* only now: the buffer moves while it grows */
    for (unsigned i = 0; i < batch->count; i++)
        results[i] = slice_of(b->data + offsets[i], offsets[i + 1] - offsets[i]);
}
