/* Coming back from the durable log, before the first step. The driver has checked that the records
 * are what was written; here is checked that they fit this configuration. */
#include "proxy/pbft/commit.h"
#include "proxy/pbft/core.h"
#include "proxy/pbft/prepare.h"
#include "proxy/pbft/request.h"

#include <assert.h>
#include <string.h>

static const char *take_state(
    struct pbft *core, uint64_t seq, struct slice value, struct slice *ret_app_state)
{
    struct reader r = reader_of(value);
    if (get_u64(&r) != seq || seq == 0 || !checkpoint_is_due(core, seq))
        return "state of another sequence number";
    core->delivered_timestamp_us = get_u64(&r);
    const char *reason = client_table_take(&core->done, &r);
    if (reason != NULL)
        return reason;
    struct slice app_state = get_bytes(&r, core->options.app_state_bytes_max);
    if (!reader_done(&r))
        return "state: truncated or too long";
    *ret_app_state = app_state;
    return NULL;
}

const char *pbft_restore_state(
    struct pbft *core, uint64_t seq, struct slice value, struct slice *ret_app_state)
{
    assert(!core->started && core->delivered == 0 && core->slots.low == 0);
    const char *reason = take_state(core, seq, value, ret_app_state);
    if (reason != NULL)
        return reason;
    client_table_copy(&core->ordered, &core->done);
    core->executed_timestamp_us = core->delivered_timestamp_us;
    core->delivered = seq;
    core->executed = seq;
    slots_start_at(&core->slots, seq);
    checkpoint_restore(core, seq, value);
    /* The executor will say whether it wants time to pass, but only after a batch. */
    core->more_time = true;
    return NULL;
}

static bool is_fetched(const struct pre_prepare *m)
{
    static const uint8_t zeros[SIGNATURE_BYTES];
    return memcmp(m->signature, zeros, SIGNATURE_BYTES) == 0;
}

const char *pbft_restore_batch(struct pbft *core, uint64_t seq, struct slice value, bool committed)
{
    assert(!core->started);
    struct pre_prepare m;
    const char *reason = pre_prepare_decode(value, &m);
    if (reason == NULL)
        reason = request_check_limits(core, &m.batch);
    if (reason != NULL)
        return reason;
    struct slot *slot = slots_at(&core->slots, seq);
    if (m.batch.seq != seq || m.view != core->view || slot == NULL || slot_has_batch(slot))
        return "a batch that does not follow the state";
    /* Power failed before the lazy record of f+1 replicas' word was written: ask them again. */
    if (is_fetched(&m) && !committed)
        return NULL;
    uint8_t digest[DIGEST_BYTES];
    core_batch_digest(core, &m.batch, digest);
    slot_put(slot, &m, !is_fetched(&m), digest);
    if (!core_is_primary(core))
        prepare_cast(core, slot);
    slot_move(slot, committed ? SLOT_COMMITTED : SLOT_PRE_PREPARED);
    if (committed)
        commit_cast(core, slot);
    return NULL;
}
