#include "proxy/pbft/fetch.h"

#include "proxy/pbft/commit.h"
#include "proxy/pbft/core.h"
#include "proxy/pbft/prepare.h"
#include "proxy/pbft/request.h"
#include "proxy/pbft/timestamp.h"

#include <string.h>

/* How long nothing must have been delivered before FETCH is tried, in retransmission periods:
 * STATUS is cheaper, as long as the others still have the slots in memory. */
#define PATIENCE_PERIODS 3
#define PATIENCE_PERIODS_FORGOTTEN 1

/* ---- asking ---- */

static uint64_t patience_us(const struct pbft *core)
{
    bool forgotten = core->claimed_stable > core->delivered;
    return core->options.retransmit_us *
           (forgotten ? PATIENCE_PERIODS_FORGOTTEN : PATIENCE_PERIODS);
}

/* Keeps account of how long this replica has been behind without progress. */
static void observe(struct pbft *core)
{
    struct catching_up *c = &core->catching_up;
    if (core->claimed_delivered <= core->delivered) {
        *c = (struct catching_up){0};
        return;
    }
    if (!c->behind || c->behind_delivered != core->delivered) {
        c->behind = true;
        c->behind_us = core->now_us;
        c->behind_delivered = core->delivered;
    }
}

/* When the next FETCH is due. While answers come in, at once when all of the last ones are there.
 */
uint64_t fetch_deadline(const struct pbft *core)
{
    const struct catching_up *c = &core->catching_up;
    /* A full window is the executor's delay, not the network's. */
    if (!c->behind || core->delivered >= core->slots.high)
        return UINT64_MAX;
    if (!c->fetching)
        return c->behind_us + patience_us(core);
    return core->delivered >= c->up_to ? 0 : c->sent_us + core->options.retransmit_us;
}

/* f+1 peers that say they have it, and one more for each round that did not bring everything: it
 * asked somebody who does not answer. */
static void send_fetches(struct pbft *core, struct slice body)
{
    unsigned wanted = core_weak_quorum(core) + core->catching_up.failed_rounds;
    unsigned first = (unsigned)(core->delivered % core->replica_count);
    for (unsigned i = 0; i < core->replica_count && wanted > 0; i++) {
        unsigned peer = (first + i) % core->replica_count;
        if (peer == core->options.self || core->peers[peer].said.delivered <= core->delivered)
            continue;
        emit_send(core, peer, MESSAGE_FETCH, body);
        wanted--;
    }
}

void fetch_try(struct pbft *core)
{
    observe(core);
    if (core->now_us < fetch_deadline(core))
        return;
    struct catching_up *c = &core->catching_up;
    if (c->fetching && core->delivered < c->up_to && c->failed_rounds < core->replica_count)
        c->failed_rounds++;
    uint64_t last = core->claimed_delivered;
    if (last > core->slots.high)
        last = core->slots.high;
    struct fetch m = {.seq = core->delivered + 1};
    uint64_t count = last - core->delivered;
    m.count = count < FETCH_BATCHES_MAX ? (uint32_t)count : FETCH_BATCHES_MAX;
    size_t begin = emit_begin(core);
    fetch_encode(&core->out, &m);
    send_fetches(core, emit_end(core, begin));
    core->update->fetch = true;
    c->fetching = true;
    c->sent_us = core->now_us;
    c->up_to = core->delivered + m.count;
}

/* ---- counting the answers ---- */

/* Replaces what the slot may hold: a faulty primary may have told this replica something else. */
static void replace(struct pbft *core, struct slot *slot, const struct batch *batch,
    const uint8_t digest[static DIGEST_BYTES])
{
    struct pre_prepare m = {.view = core->view.number, .batch = *batch};
    slot_retire(slot);
    core_put_batch(core, slot, &m, false, digest);
    slot_move(slot, SLOT_PRE_PREPARED);
    /* Not if this replica prepared the other one in this view: nobody must say both. */
    if (core->view.active)
        prepare_cast(core, slot);
}

static void finish(struct pbft *core, struct slot *slot, const struct batch *batch,
    const uint8_t digest[static DIGEST_BYTES])
{
    bool same = slot_has_batch(slot) && memcmp(slot->digest, digest, DIGEST_BYTES) == 0;
    if (!same)
        replace(core, slot, batch, digest);
    /* To have it as final is more than to have it prepared: this replica may vouch for it. It must,
     * or else those who told it so could crash, forget it (only batches are durable), and then lack
     * this replica's word to prepare it again. */
    if (core_is_current(core, slot))
        commit_cast(core, slot);
    commit_finish(core, slot);
}

const char *fetched_receive(struct pbft *core, unsigned from, struct slice body)
{
    struct fetched m;
    const char *reason = fetched_decode(body, &m);
    if (reason == NULL)
        reason = request_check_limits(core, &m.batch);
    if (reason != NULL)
        return reason;
    struct slot *slot = slots_at(&core->slots, m.batch.seq);
    if (slot == NULL || slot_is_committed(slot))
        return NULL;
    uint8_t digest[DIGEST_BYTES];
    core_batch_digest(core, &m.batch, digest);
    if (tally_add(&slot->fetched, from, digest) == TALLY_CONTRADICTED)
        return "a second, different final batch";
    if (tally_count(&slot->fetched, digest) >= core_weak_quorum(core))
        finish(core, slot, &m.batch, digest);
    return NULL;
}
