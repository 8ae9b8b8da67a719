#include "proxy/deliveries.h"

#include <assert.h>
#include <string.h>

static void bit_set(uint8_t *bits, unsigned index)
{
    bits[index / 8] |= (uint8_t)(1u << index % 8);
}

static bool bit_get(const uint8_t *bits, unsigned index)
{
    return bits[index / 8] >> index % 8 & 1;
}

void deliveries_put(struct deliveries *d, const struct pbft_delivery *delivery)
{
    /* Our own core delivers without gaps and never more than a window ahead. */
    assert(d->count < DELIVERIES_MAX);
    assert(delivery->batch.request_count <= BATCH_REQUESTS_MAX);
    struct waiting *w = &d->ring[(d->first + d->count) % DELIVERIES_MAX];
    if (d->count > 0) {
        unsigned last = (d->first + d->count - 1) % DELIVERIES_MAX;
        assert(delivery->batch.seq == d->ring[last].seq + 1);
    }
    *w = (struct waiting){.seq = delivery->batch.seq,
        .timestamp_us = delivery->timestamp_us,
        .request_count = delivery->batch.request_count,
        .checkpoint = delivery->checkpoint};
    memcpy(w->seed, delivery->seed, DIGEST_BYTES);
    for (unsigned i = 0; i < w->request_count; i++)
        if (delivery->skip[i])
            bit_set(w->skip, i);
    d->count++;
}

const struct waiting *deliveries_next(const struct deliveries *d)
{
    return d->count > 0 ? &d->ring[d->first] : NULL;
}

void deliveries_pop(struct deliveries *d)
{
    assert(d->count > 0);
    d->first = (d->first + 1) % DELIVERIES_MAX;
    d->count--;
}

const char *delivery_from_record(const struct waiting *waiting, struct slice record,
    struct delivery_memory *memory, struct pbft_delivery *ret)
{
    struct pre_prepare m;
    const char *reason = pre_prepare_decode(record, &m);
    if (reason)
        return reason;
    if (m.batch.seq != waiting->seq || m.batch.request_count != waiting->request_count)
        return "it is another batch than the one that was delivered";
    struct reader r = reader_of(m.batch.requests);
    for (unsigned i = 0; i < m.batch.request_count; i++) {
        reason = request_take(&r, &memory->requests[i]);
        if (reason)
            return reason;
        memory->skip[i] = bit_get(waiting->skip, i);
    }
    *ret = (struct pbft_delivery){.batch = m.batch,
        .timestamp_us = waiting->timestamp_us,
        .requests = memory->requests,
        .skip = memory->skip,
        .checkpoint = waiting->checkpoint};
    memcpy(ret->seed, waiting->seed, DIGEST_BYTES);
    return NULL;
}
