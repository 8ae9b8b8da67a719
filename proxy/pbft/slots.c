#include "proxy/pbft/slots.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* View and signature around the batch. */
#define ENVELOPE_BYTES (8 + SIGNATURE_BYTES)

static void empty(struct slot *slot, uint64_t seq)
{
    slot->seq = seq;
    slot->state = SLOT_EMPTY;
    slot->view = 0;
    slot->is_proposal = false;
    slot->batch = (struct batch){0};
    slot->since_us = 0;
    tally_clear(&slot->prepares);
    tally_clear(&slot->commits);
    tally_clear(&slot->fetched);
}

bool slots_init(struct slots *slots, unsigned window, size_t batch_bytes_max)
{
    slots->window = window;
    slots->ring = calloc(window, sizeof *slots->ring);
    if (slots->ring == NULL)
        return false;
    for (unsigned i = 0; i < window; i++) {
        buffer_init(&slots->ring[i].encoded, ENVELOPE_BYTES + batch_bytes_max);
        if (!buffer_reserve(&slots->ring[i].encoded, ENVELOPE_BYTES + batch_bytes_max))
            return false;
    }
    slots_start_at(slots, 0);
    return true;
}

void slots_release(struct slots *slots)
{
    for (unsigned i = 0; slots->ring != NULL && i < slots->window; i++)
        buffer_free(&slots->ring[i].encoded);
    free(slots->ring);
    slots->ring = NULL;
}

void slots_start_at(struct slots *slots, uint64_t low)
{
    slots->low = low;
    for (uint64_t seq = low + 1; seq <= low + slots->window; seq++)
        empty(&slots->ring[seq % slots->window], seq);
    slots_start_step(slots);
}

void slots_start_step(struct slots *slots)
{
    slots->high = slots->low + slots->window;
}

struct slot *slots_at(const struct slots *slots, uint64_t seq)
{
    if (seq <= slots->low || seq > slots->high)
        return NULL;
    struct slot *slot = &slots->ring[seq % slots->window];
    assert(slot->seq == seq);
    return slot;
}

void slots_advance(struct slots *slots, uint64_t low)
{
    assert(low > slots->low && low <= slots->high);
    for (uint64_t seq = slots->low + 1; seq <= low; seq++) {
        struct slot *slot = &slots->ring[seq % slots->window];
        assert(slot->seq == seq && slot->state == SLOT_EXECUTED);
        empty(slot, seq + slots->window);
    }
    slots->low = low;
}

void slot_put(struct slot *slot, const struct pre_prepare *m, bool is_proposal,
    const uint8_t digest[static DIGEST_BYTES])
{
    assert(m->batch.seq == slot->seq);
    buffer_clear(&slot->encoded);
    pre_prepare_encode(&slot->encoded, m);
    assert(!slot->encoded.failed);
    struct pre_prepare own;
    const char *reason = pre_prepare_decode(buffer_slice(&slot->encoded), &own);
    assert(reason == NULL);
    slot->view = m->view;
    slot->batch = own.batch;
    slot->is_proposal = is_proposal;
    memcpy(slot->digest, digest, DIGEST_BYTES);
}

static bool may_move(enum slot_state from, enum slot_state to)
{
    switch (to) {
    case SLOT_INVALID:
    case SLOT_EMPTY:
        return false;
    case SLOT_PRE_PREPARED:
        return from == SLOT_EMPTY;
    case SLOT_PREPARED:
        return from == SLOT_PRE_PREPARED;
    case SLOT_COMMITTED: /* from any earlier state: f+1 replicas may vouch for a fetched batch */
        return from == SLOT_EMPTY || from == SLOT_PRE_PREPARED || from == SLOT_PREPARED;
    case SLOT_DELIVERED:
        return from == SLOT_COMMITTED;
    case SLOT_EXECUTED:
        return from == SLOT_DELIVERED;
    }
    return false;
}

void slot_move(struct slot *slot, enum slot_state state)
{
    assert(may_move(slot->state, state));
    slot->state = state;
}

bool slot_has_batch(const struct slot *slot)
{
    return slot->state >= SLOT_PRE_PREPARED;
}

bool slot_is_committed(const struct slot *slot)
{
    return slot->state >= SLOT_COMMITTED;
}

bool slot_is_started(const struct slot *slot)
{
    return slot_has_batch(slot) || slot->prepares.voted != 0 || slot->commits.voted != 0;
}
