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
    slot->time_us = 0;
    slot->wanted = false;
}

static void forget(struct slot *slot, uint64_t seq)
{
    empty(slot, seq);
    slot->prepared.held = false;
    slot->prepared.apart = false;
}

bool slots_init(struct slots *slots, unsigned window, size_t batch_bytes_max)
{
    slots->window = window;
    slots->ring = calloc(window, sizeof *slots->ring);
    if (slots->ring == NULL)
        return false;
    for (unsigned i = 0; i < window; i++) {
        buffer_init(&slots->ring[i].encoded, ENVELOPE_BYTES + batch_bytes_max);
        buffer_init(&slots->ring[i].prepared.encoded, ENVELOPE_BYTES + batch_bytes_max);
        if (!buffer_reserve(&slots->ring[i].encoded, ENVELOPE_BYTES + batch_bytes_max) ||
            !buffer_reserve(&slots->ring[i].prepared.encoded, ENVELOPE_BYTES + batch_bytes_max))
            return false;
    }
    slots_start_at(slots, 0);
    return true;
}

void slots_release(struct slots *slots)
{
    for (unsigned i = 0; slots->ring != NULL && i < slots->window; i++) {
        buffer_free(&slots->ring[i].encoded);
        buffer_free(&slots->ring[i].prepared.encoded);
    }
    free(slots->ring);
    slots->ring = NULL;
}

void slots_start_at(struct slots *slots, uint64_t low)
{
    slots->low = low;
    for (uint64_t seq = low + 1; seq <= low + slots->window; seq++)
        forget(&slots->ring[seq % slots->window], seq);
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
        forget(slot, seq + slots->window);
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
    slot->wanted = false;
    memcpy(slot->digest, digest, DIGEST_BYTES);
}

void slots_clear_votes(struct slots *slots)
{
    for (unsigned i = 0; i < slots->window; i++) {
        tally_clear(&slots->ring[i].prepares);
        tally_clear(&slots->ring[i].commits);
    }
}

/* ---- from view to view ---- */

#define VIEW_BYTES 8

const uint8_t *slot_signature(const struct slot *slot)
{
    assert(slot_has_batch(slot) && slot->encoded.size > ENVELOPE_BYTES);
    return slot->encoded.data + slot->encoded.size - SIGNATURE_BYTES;
}

/* In place: the batch may be large, and only its envelope changes. */
void slot_put_again(
    struct slot *slot, uint64_t view, const uint8_t signature[static SIGNATURE_BYTES])
{
    assert(slot->encoded.size > ENVELOPE_BYTES && view >= slot->view);
    uint8_t bytes[VIEW_BYTES];
    struct buffer b = {.data = bytes, .capacity = sizeof bytes, .size_max = sizeof bytes};
    put_u64(&b, view);
    memcpy(slot->encoded.data, bytes, VIEW_BYTES);
    memcpy(slot->encoded.data + slot->encoded.size - SIGNATURE_BYTES, signature, SIGNATURE_BYTES);
    slot->view = view;
    slot->is_proposal = true;
}

static void swap_buffers(struct buffer *a, struct buffer *b)
{
    struct buffer held = *a;
    *a = *b;
    *b = held;
}

void slot_retire(struct slot *slot)
{
    assert(!slot_is_committed(slot));
    struct prepared *p = &slot->prepared;
    if (p->held && !p->apart && slot_has_batch(slot)) {
        assert(memcmp(p->digest, slot->digest, DIGEST_BYTES) == 0);
        swap_buffers(&p->encoded, &slot->encoded);
        p->apart = true;
    }
    slot->state = SLOT_EMPTY;
    slot->batch = (struct batch){0};
    slot->is_proposal = false;
    slot->wanted = false;
}

struct slice slot_batch_bytes(struct slice pre_prepare)
{
    assert(pre_prepare.size > ENVELOPE_BYTES);
    return slice_of(pre_prepare.data + VIEW_BYTES, pre_prepare.size - ENVELOPE_BYTES);
}

bool slot_has_apart(const struct slot *slot, const uint8_t digest[static DIGEST_BYTES])
{
    const struct prepared *p = &slot->prepared;
    return p->held && p->apart && memcmp(p->digest, digest, DIGEST_BYTES) == 0;
}

void slot_put_back(struct slot *slot)
{
    struct prepared *p = &slot->prepared;
    assert(!slot_has_batch(slot) && p->held && p->apart);
    swap_buffers(&p->encoded, &slot->encoded);
    p->apart = false;
    struct pre_prepare own;
    const char *reason = pre_prepare_decode(buffer_slice(&slot->encoded), &own);
    assert(reason == NULL);
    slot->batch = own.batch;
    slot->view = own.view;
    memcpy(slot->digest, p->digest, DIGEST_BYTES);
}

void slot_renew(struct slot *slot)
{
    assert(!slot_is_committed(slot));
    slot->state = SLOT_PRE_PREPARED;
    slot->wanted = false;
}

/* ---- states ---- */

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
