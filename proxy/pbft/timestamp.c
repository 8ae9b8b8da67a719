/* Why a stale proposal is not refused for ever: a batch that was honestly proposed, persisted by
 * its primary, and then lost (power failed, a link broke) comes back with the time of its first
 * proposal, and the primary must not propose another one in its place. So age alone refuses it only
 * until either f+1 replicas vouch for it (one of them is correct and found its time good when it
 * was new), or this replica has had nothing better for a while. Agreed time can then lag, but never
 * run backwards, and never ahead of the clocks. */
#include "proxy/pbft/timestamp.h"

#include "proxy/pbft/core.h"

/* How long age alone refuses the next batch, in retransmission periods. */
#define STALE_PERIODS 5

uint64_t timestamp_agreed(const struct pbft *core, const struct batch *batch)
{
    uint64_t previous_us = core->delivered_timestamp_us;
    return batch->timestamp_us > previous_us ? batch->timestamp_us : previous_us + 1;
}

uint64_t timestamp_propose(const struct pbft *core, uint64_t seq)
{
    uint64_t previous_us = core->delivered_timestamp_us;
    const struct slot *slot = slots_at(&core->slots, seq - 1);
    if (slot != NULL && slot_has_batch(slot) && slot->batch.timestamp_us > previous_us)
        previous_us = slot->batch.timestamp_us;
    return core->clock_us > previous_us ? core->clock_us : previous_us + 1;
}

/* PREPARE and COMMIT alike say that the sender accepted the proposal. */
static bool is_vouched_for(
    const struct pbft *core, const struct slot *slot, const uint8_t digest[static DIGEST_BYTES])
{
    uint32_t mask = tally_mask(&slot->prepares, digest) | tally_mask(&slot->commits, digest);
    return (unsigned)__builtin_popcount(mask) >= core_weak_quorum(core);
}

static bool patience_is_over(struct pbft *core)
{
    if (!core->stale) {
        core->stale = true;
        core->stale_us = core->now_us;
    }
    return core_elapsed(core, core->stale_us) >= STALE_PERIODS * core->options.retransmit_us;
}

void timestamp_delivered(struct pbft *core)
{
    core->stale = false;
}

enum timestamp_judgement timestamp_judge(struct pbft *core, const struct slot *slot,
    const struct batch *batch, const uint8_t digest[static DIGEST_BYTES])
{
    uint64_t skew_us_max = core->options.clock_skew_us_max;
    uint64_t clock_us = core->clock_us;
    if (is_vouched_for(core, slot, digest))
        return TIMESTAMP_GOOD;
    if (batch->timestamp_us > clock_us && batch->timestamp_us - clock_us > skew_us_max)
        return TIMESTAMP_AHEAD;
    if (clock_us > batch->timestamp_us && clock_us - batch->timestamp_us > skew_us_max)
        return patience_is_over(core) ? TIMESTAMP_GOOD : TIMESTAMP_STALE;
    return TIMESTAMP_GOOD;
}
