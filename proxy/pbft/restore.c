/* Coming back from the durable log, before the first step. The driver has checked that the records
 * are what was written; here is checked that they fit this configuration. */
#include "proxy/pbft/certificate.h"
#include "proxy/pbft/commit.h"
#include "proxy/pbft/core.h"
#include "proxy/pbft/prepare.h"
#include "proxy/pbft/request.h"

#include <assert.h>
#include <string.h>

static const char *take_state(struct pbft *core, uint64_t seq, struct slice value,
    struct slice *ret_state, struct slice *ret_app_state, struct stable *ret_certificate)
{
    struct reader r = reader_of(value);
    if (get_u64(&r) != seq || seq == 0 || !checkpoint_is_due(core, seq))
        return "state of another sequence number";
    core->delivered_timestamp_us = get_u64(&r);
    const char *reason = client_table_take(&core->done, &r);
    if (reason != NULL)
        return reason;
    seed_take(&r, core->replica_count, &core->done_seed);
    struct slice app_state = get_bytes(&r, core->options.app_state_bytes_max);
    if (r.failed)
        return "state: truncated or too long";
    *ret_state = slice_of(value.data, (size_t)(r.at - value.data));
    *ret_app_state = app_state;
    reason = stable_take(&r, ret_certificate);
    if (reason == NULL && (!reader_done(&r) || ret_certificate->seq < seq))
        reason = "state: another certificate, or bytes behind it";
    return reason;
}

const char *pbft_restore_state(
    struct pbft *core, uint64_t seq, struct slice value, struct slice *ret_app_state)
{
    assert(!core->started && core->delivered == 0 && core->slots.low == 0);
    struct slice state;
    struct stable certificate;
    const char *reason = take_state(core, seq, value, &state, ret_app_state, &certificate);
    if (reason != NULL)
        return reason;
    core->ordered_seed = core->done_seed;
    client_table_copy(&core->ordered, &core->done);
    core->executed_timestamp_us = core->delivered_timestamp_us;
    core->delivered = seq;
    core->executed = seq;
    slots_start_at(&core->slots, seq);
    checkpoint_restore(core, seq, state, &certificate);
    /* The executor will say whether it wants time to pass, but only after a batch. */
    core->more_time = true;
    return NULL;
}

/* ---- the view ---- */

static const char *restore_view(struct pbft *core, struct slice value)
{
    struct reader r = reader_of(value);
    uint64_t number = get_u64(&r);
    bool active = get_bool(&r);
    if (!reader_done(&r))
        return "a record of the view: truncated or too long";
    core->view.number = number;
    core->view.active = active;
    return NULL;
}

/* Of another view: left over, and overwritten when that replica's next one matters. */
static const char *restore_change(struct pbft *core, uint64_t key, struct slice value)
{
    struct view_change m;
    const char *reason = view_change_decode(value, &m);
    if (reason != NULL)
        return reason;
    if (key == 0 || key > core->replica_count || m.replica != key - 1 ||
        value.size > core->view.changes[0].body.size_max)
        return "a view change of another replica or configuration";
    if (m.view != core->view.number)
        return NULL;
    struct held_change *held = core->view.active ? core->view.basis : core->view.changes;
    view_change_hold(core, &held[m.replica], value);
    held[m.replica].judged = true;
    held[m.replica].proved = true;
    return NULL;
}

static const char *restore_new_view(struct pbft *core, struct slice value)
{
    struct new_view m;
    const char *reason = new_view_decode(value, &m);
    if (reason != NULL)
        return reason;
    if (m.view > core->view.number)
        return "a new view that was not entered";
    if (m.view == core->view.number && core->view.active)
        view_restore(&core->view, value);
    return NULL;
}

const char *pbft_restore_permanent(
    struct pbft *core, enum pbft_record_type type, uint64_t key, struct slice value)
{
    assert(!core->started);
    switch (type) {
    case PBFT_RECORD_VIEW:
        return restore_view(core, value);
    case PBFT_RECORD_VIEW_CHANGE:
        return restore_change(core, key, value);
    case PBFT_RECORD_NEW_VIEW:
        return restore_new_view(core, value);
    case PBFT_RECORD_SILENCE:
        return silence_restore(core, value);
    case PBFT_RECORD_INVALID:
    case PBFT_RECORD_BATCH:
    case PBFT_RECORD_COMMITTED:
    case PBFT_RECORD_OUTCOMES:
    case PBFT_RECORD_STATE:
    case PBFT_RECORD_PREPARED:
    case PBFT_RECORD_APART:
        break;
    }
    return "no permanent record";
}

/* ---- batches ---- */

static bool is_fetched(const struct pre_prepare *m)
{
    static const uint8_t zeros[SIGNATURE_BYTES];
    return memcmp(m->signature, zeros, SIGNATURE_BYTES) == 0;
}

/* What was proposed in this view is vouched for again; what it carried over follows from its
 * NEW-VIEW (view_carry). A fetched batch may have replaced one that this replica had prepared. */
static void vouch(struct pbft *core, struct slot *slot)
{
    if (!core_is_current(core, slot) || slot->seq <= core->view.high)
        return;
    if (slot->is_proposal)
        prepare_cast(core, slot);
    if (slot_is_committed(slot))
        commit_cast(core, slot);
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
    if (m.batch.seq != seq || m.view > core->view.number || slot == NULL || slot_has_batch(slot))
        return "a batch that does not follow the state";
    /* Power failed before the lazy record of f+1 replicas' word was written: ask them again. (One
     * of an older view is a content that a new view asked for.) */
    if (is_fetched(&m) && !committed && m.view == core->view.number)
        return NULL;
    uint8_t digest[DIGEST_BYTES];
    core_batch_digest(core, &m.batch, digest);
    slot_put(slot, &m, !is_fetched(&m), digest);
    slot_move(slot, committed ? SLOT_COMMITTED : SLOT_PRE_PREPARED);
    vouch(core, slot);
    return NULL;
}

const char *pbft_restore_prepared(
    struct pbft *core, uint64_t seq, struct slice value, struct slice apart)
{
    assert(!core->started);
    struct slot *slot = slots_at(&core->slots, seq);
    return slot == NULL ? "a certificate that does not follow the state"
                        : certificate_restore(core, slot, value, apart);
}
