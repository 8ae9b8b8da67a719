/* Carrying old batches over into the view that was entered: they are pre-prepared in it. */
#include "proxy/pbft/commit.h"
#include "proxy/pbft/core.h"
#include "proxy/pbft/prepare.h"

#include <assert.h>
#include <string.h>

/* Batches carried over in one step: each may bring four records. */
#define CARRIED_MAX 16

struct carried view_carried_at(const struct view *v, uint64_t seq)
{
    size_t size = DIGEST_BYTES + SIGNATURE_BYTES;
    assert(seq > v->low && seq <= v->high);
    struct reader r = reader_of(slice_of(v->m.carried.data + (seq - v->low - 1) * size, size));
    struct carried carried;
    carried_take(&r, &carried);
    return carried;
}

/* Requests that are on their way are not proposed again. */
static void mark_requests(struct pbft *core, const struct slot *slot)
{
    struct reader r = reader_of(slot->batch.requests);
    for (uint32_t i = 0; i < slot->batch.request_count; i++) {
        struct request request;
        const char *reason = request_take(&r, &request);
        assert(reason == NULL);
        pending_mark(&core->pending, request.client, request.session, request.number, slot->seq);
    }
}

/* The slot holds the batch: it is pre-prepared in this view. */
static void propose_again(
    struct pbft *core, struct slot *slot, const uint8_t signature[static SIGNATURE_BYTES])
{
    slot_put_again(slot, core->view.number, signature);
    slot_renew(slot);
    slot->since_us = core->now_us;
    mark_requests(core, slot);
    prepare_cast(core, slot);
    prepare_send(core, slot, PBFT_TO_ALL);
    prepare_try(core, slot);
}

/* Final here: this replica helps the others to come to the same. To be final is more than to be
 * prepared, so it may say both at once. */
static void vouch_again(
    struct pbft *core, struct slot *slot, const uint8_t signature[static SIGNATURE_BYTES])
{
    slot_put_again(slot, core->view.number, signature);
    slot->since_us = core->now_us;
    prepare_cast(core, slot);
    prepare_send(core, slot, PBFT_TO_ALL);
    commit_cast(core, slot);
    commit_send(core, slot, PBFT_TO_ALL);
}

/* Puts what the view carries over into the slot, if it can be had. */
static bool find_content(struct pbft *core, struct slot *slot, const struct carried *carried)
{
    if (slot_has_batch(slot) && memcmp(slot->digest, carried->digest, DIGEST_BYTES) == 0)
        return true;
    slot_retire(slot);
    if (slot_has_apart(slot, carried->digest)) {
        slot_put_back(slot);
        emit_record(core, PBFT_RECORD_BATCH, true, slot->seq, buffer_slice(&slot->encoded));
        return true;
    }
    struct pre_prepare m = {.view = core->view.number};
    uint8_t null_digest[DIGEST_BYTES];
    view_null_batch(core, slot->seq, &m.batch, null_digest);
    if (memcmp(null_digest, carried->digest, DIGEST_BYTES) != 0)
        return false;
    memcpy(m.signature, carried->signature, SIGNATURE_BYTES);
    core_put_batch(core, slot, &m, true, null_digest);
    return true;
}

static void carry(struct pbft *core, struct slot *slot)
{
    struct carried carried = view_carried_at(&core->view, slot->seq);
    if (slot_is_committed(slot)) {
        if (memcmp(slot->digest, carried.digest, DIGEST_BYTES) == 0)
            vouch_again(core, slot, carried.signature);
    } else if (find_content(core, slot, &carried)) {
        propose_again(core, slot, carried.signature);
    } else {
        slot->wanted = true;
        slot->carried = carried;
    }
}

bool view_is_carried(const struct pbft *core)
{
    return core->view.active && core->view.carry_next > core->view.high;
}

void view_carry(struct pbft *core)
{
    struct view *v = &core->view;
    if (!v->active)
        return;
    /* Above this replica's window: it lags, and goes on when it has caught up. */
    uint64_t last = v->high < core->slots.high ? v->high : core->slots.high;
    for (unsigned i = 0; v->carry_next <= last && core->diverged == NULL; i++) {
        if (i == CARRIED_MAX) {
            core->again = true;
            return;
        }
        struct slot *slot = slots_at(&core->slots, v->carry_next++);
        if (slot != NULL) /* else it is stable here */
            carry(core, slot);
    }
}

void view_take_wanted(struct pbft *core, struct slot *slot, const struct batch *batch,
    const uint8_t digest[static DIGEST_BYTES])
{
    if (memcmp(slot->carried.digest, digest, DIGEST_BYTES) != 0)
        return;
    struct pre_prepare m = {.view = core->view.number, .batch = *batch};
    memcpy(m.signature, slot->carried.signature, SIGNATURE_BYTES);
    core_put_batch(core, slot, &m, true, digest);
    propose_again(core, slot, m.signature);
}
