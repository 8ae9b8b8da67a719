#include "proxy/pbft/propose.h"

#include "proxy/pbft/core.h"
#include "proxy/pbft/pre_prepare.h"
#include "proxy/pbft/request.h"
#include "proxy/pbft/timestamp.h"

#include <assert.h>
#include <string.h>

/* Of a batch without its requests, at most. */
#define HEADER_BYTES (BATCH_HEADER_BYTES + REPLICAS_MAX * CONTRIBUTION_BYTES)
/* Proposals of one step; more follow in the next. */
#define PROPOSALS_MAX 8

/* The next free slot, or NULL: the window or the pipeline is full, or f+1 others are further than
 * this primary (to propose there would contradict what is final). A restored primary finds its
 * persisted proposals in their slots and so goes on behind them; behind what its view carries over,
 * too, whether or not it has it by now.
 *
 * The pipeline counts batches until they are executed, not only until they are agreed on: while
 * execution is what takes time, requests gather and share a batch, and its cost. */
static struct slot *next_slot(const struct pbft *core)
{
    if (!view_is_carried(core))
        return NULL;
    uint64_t seq = core->delivered + 1;
    uint64_t in_flight = core->delivered - core->executed;
    struct slot *slot = slots_at(&core->slots, seq);
    while (slot != NULL && (slot_has_batch(slot) || seq <= core->view.high)) {
        in_flight++;
        slot = slots_at(&core->slots, ++seq);
    }
    bool allowed = in_flight < core->options.batches_in_flight_max && seq > core->claimed_delivered;
    return allowed ? slot : NULL;
}

/* Takes pending requests, round robin over the client keys, until the next one does not fit. One
 * that is larger than a batch may be travels alone. Returns how many. */
static uint32_t take_requests(struct pbft *core, uint64_t seq)
{
    const struct pbft_options *o = &core->options;
    uint32_t count = 0;
    buffer_clear(&core->batch);
    while (count < o->batch_requests_max) {
        struct pending_entry *e = pending_next(&core->pending);
        if (e == NULL)
            break;
        if (!request_entry_is_signed(core, e)) {
            pending_drop(&core->pending, e);
            continue;
        }
        if (count > 0 && HEADER_BYTES + core->batch.size + e->size > o->batch_bytes_max)
            break;
        pending_take(&core->pending, e, seq, &core->batch);
        count++;
    }
    assert(!core->batch.failed);
    return count;
}

static void propose(struct pbft *core, struct slot *slot)
{
    uint32_t contributions = contributions_put(core, slot->seq, &core->seeds);
    uint32_t count = take_requests(core, slot->seq);
    struct pre_prepare m = {
        .view = core->view.number,
        .batch = {.seq = slot->seq,
            .timestamp_us = timestamp_propose(core, slot->seq),
            .request_count = count,
            .requests = buffer_slice(&core->batch),
            .contribution_count = contributions,
            .contributions = buffer_slice(&core->seeds)},
    };
    uint8_t digest[DIGEST_BYTES];
    core_batch_digest(core, &m.batch, digest);
    pre_prepare_sign(core, &m, digest);
    /* Durable before it leaves: after a restart another batch here would be equivocation. */
    core_put_batch(core, slot, &m, true, digest);
    slot_move(slot, SLOT_PRE_PREPARED);
    core->proposed_us = core->now_us;
    emit_send(core, PBFT_TO_ALL, MESSAGE_PRE_PREPARE, buffer_slice(&slot->encoded));
}

/* Transactions are open, or a replica that lost its log waits for checkpoints to pass. */
static bool wants_time(const struct pbft *core)
{
    return core->more_time || silence_of_peers(core);
}

static bool time_must_pass(const struct pbft *core)
{
    return wants_time(core) && core_elapsed(core, core->proposed_us) >= core->options.heartbeat_us;
}

void propose_all(struct pbft *core)
{
    if (!core_is_primary(core) || !core->view.active || core->silence.silent)
        return;
    for (unsigned i = 0; pending_has_unproposed(&core->pending) || time_must_pass(core); i++) {
        struct slot *slot = next_slot(core);
        if (slot == NULL)
            return;
        if (i == PROPOSALS_MAX) {
            core->again = true;
            return;
        }
        propose(core, slot);
    }
}

uint64_t propose_deadline(const struct pbft *core)
{
    if (!core_is_primary(core) || core->silence.silent || !wants_time(core) ||
        next_slot(core) == NULL)
        return UINT64_MAX;
    return core->proposed_us + core->options.heartbeat_us;
}
