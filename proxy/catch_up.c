#include "proxy/catch_up.h"

#include <assert.h>
#include <stdio.h>

/* The log keeps results as they were returned to the core: a count, then each as bytes, empty for a
 * request that was skipped. The wire has one outcome for each request. */
static bool outcomes_to_wire(struct slice record, struct buffer *ret_outcomes, uint32_t *ret_count)
{
    struct reader r = reader_of(record);
    uint32_t count = get_u32(&r);
    if (count > BATCH_REQUESTS_MAX)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        struct slice result = get_bytes(&r, REPLY_BYTES_MAX);
        if (result.size == OUTCOME_BYTES)
            put_raw(ret_outcomes, result.data, result.size);
        else if (result.size == 0)
            outcome_put_skipped(ret_outcomes);
        else
            return false;
    }
    *ret_count = count;
    return reader_done(&r);
}

int catch_up_encode(struct store *store, uint64_t seq, struct buffer *out)
{
    uint8_t memory[BATCH_REQUESTS_MAX * OUTCOME_BYTES];
    struct buffer outcomes = {.data = memory, .capacity = sizeof memory, .size_max = sizeof memory};
    struct fetched fetched = {0};
    struct slice record;
    int found = store_read(store, PBFT_RECORD_COMMITTED, seq, &record);
    if (found <= 0)
        return found;
    found = store_read(store, PBFT_RECORD_OUTCOMES, seq, &record);
    if (found < 0)
        return -1;
    if (found == 1 && outcomes_to_wire(record, &outcomes, &fetched.outcome_count))
        fetched.outcomes = buffer_slice(&outcomes);
    found = store_read(store, PBFT_RECORD_BATCH, seq, &record);
    if (found <= 0)
        return found;
    struct pre_prepare m;
    if (pre_prepare_decode(record, &m) != NULL || m.batch.seq != seq)
        return 0;
    fetched.batch = m.batch;
    if (fetched.outcome_count != m.batch.request_count) {
        fetched.outcome_count = 0;
        fetched.outcomes = slice_of(NULL, 0);
    }
    buffer_clear(out);
    fetched_encode(out, &fetched);
    return out->failed ? 0 : 1;
}

/* BEGIN and refusals follow from the order alone; they are not put to the vote. */
static bool is_voted(const struct outcome *outcome)
{
    switch (outcome->kind) {
    case OUTCOME_COMMITTED:
    case OUTCOME_ROLLED_BACK:
    case OUTCOME_ABORTED:
        return true;
    case OUTCOME_INVALID: /* skipped */
    case OUTCOME_BEGUN:
    case OUTCOME_REFUSED:
        break;
    }
    return false;
}

const char *catch_up_votes(const struct fetched *fetched,
    void (*vote)(void *context, const struct vote *vote), void *context)
{
    struct reader r = reader_of(fetched->outcomes);
    for (uint32_t i = 0; i < fetched->outcome_count; i++) {
        struct vote v = {.seq = fetched->batch.seq, .index = i};
        const char *reason = fetched_outcome_take(&r, &v.outcome);
        if (reason)
            return reason;
        v.outcome.epoch = 0; /* the ledger fills it in; votes carry none */
        if (is_voted(&v.outcome))
            vote(context, &v);
    }
    return NULL;
}
