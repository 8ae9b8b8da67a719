/* Contents of batches that a view carries over and that are missing here: asking for them,
 * answering, taking them. A digest proves a content, so anybody may send it. */
#include "proxy/pbft/core.h"
#include "proxy/pbft/request.h"

#include <assert.h>
#include <string.h>

/* What one WANT may cost. */
#define CONTENT_BYTES_MAX (4 << 20)

bool view_has_content(struct pbft *core, uint64_t seq, const struct new_view_entry *entry)
{
    const struct slot *slot = slots_at(&core->slots, seq);
    /* Below: stable here, the others will not ask. Above: this replica cannot hold it, others can.
     */
    if (entry->null || slot == NULL)
        return true;
    return (slot_has_batch(slot) && memcmp(slot->digest, entry->digest, DIGEST_BYTES) == 0) ||
           slot_has_apart(slot, entry->digest);
}

static void add_wanted(struct want *m, uint64_t seq, const uint8_t digest[static DIGEST_BYTES])
{
    if (m->count == WANTED_MAX)
        return;
    m->wanted[m->count].seq = seq;
    memcpy(m->wanted[m->count++].digest, digest, DIGEST_BYTES);
}

static void collect_wanted(struct pbft *core, struct want *m)
{
    const struct new_view_choice *c = &core->view.choice;
    for (unsigned i = 0; !core->view.active && i < c->count; i++) {
        if (!view_has_content(core, c->low + 1 + i, &c->entries[i]))
            add_wanted(m, c->low + 1 + i, c->entries[i].digest);
    }
    for (uint64_t seq = core->view.low + 1; core->view.active && seq <= core->view.high; seq++) {
        const struct slot *slot = slots_at(&core->slots, seq);
        if (slot != NULL && slot->wanted)
            add_wanted(m, seq, slot->carried.digest);
    }
}

/* The choice is fresh: view_make, who calls this while the view is not active, has just made it. */
void view_ask(struct pbft *core)
{
    struct want m = {0};
    if (core->view.want_us != 0 &&
        core_elapsed(core, core->view.want_us) < core->options.retransmit_us)
        return;
    collect_wanted(core, &m);
    if (m.count == 0)
        return;
    core->view.want_us = core->now_us;
    size_t begin = emit_begin(core);
    want_encode(&core->out, &m);
    emit_send(core, PBFT_TO_ALL, MESSAGE_WANT, emit_end(core, begin));
}

/* Returns about how much was sent. */
static size_t send_content(struct pbft *core, unsigned to, const struct wanted *wanted)
{
    const struct slot *slot = slots_at(&core->slots, wanted->seq);
    if (slot == NULL)
        return 0;
    const struct buffer *encoded = NULL;
    if (slot_has_batch(slot) && memcmp(slot->digest, wanted->digest, DIGEST_BYTES) == 0)
        encoded = &slot->encoded;
    else if (slot_has_apart(slot, wanted->digest))
        encoded = &slot->prepared.encoded;
    if (encoded == NULL)
        return 0;
    emit_send(core, to, MESSAGE_CONTENT, slot_batch_bytes(buffer_slice(encoded)));
    return encoded->size;
}

const char *want_receive(struct pbft *core, unsigned from, struct slice body)
{
    struct want m;
    const char *reason = want_decode(body, &m);
    if (reason != NULL)
        return reason;
    struct peer *peer = &core->peers[from];
    if (peer->wanted && core_elapsed(core, peer->wanted_us) < core->options.retransmit_us / 2)
        return NULL;
    peer->want = m;
    return NULL;
}

static void answer(struct pbft *core, unsigned to)
{
    struct peer *peer = &core->peers[to];
    size_t bytes = 0;
    for (uint32_t i = 0; i < peer->want.count && bytes < CONTENT_BYTES_MAX; i++)
        bytes += send_content(core, to, &peer->want.wanted[i]);
    peer->want.count = 0;
    peer->wanted = true;
    peer->wanted_us = core->now_us;
}

/* And what was not sent when it was restored. */
void view_answer(struct pbft *core)
{
    for (unsigned i = 0; i < core->replica_count; i++) {
        if (core->peers[i].want.count > 0)
            answer(core, i);
    }
    if (core->view.resumed && !core->view.active)
        view_change_send(core, PBFT_TO_ALL, &core->view.changes[core->options.self]);
    core->view.resumed = false;
}

/* The new primary's: kept as any batch of an earlier view, for the new one to carry over. */
static void keep_content(struct pbft *core, struct slot *slot, const struct batch *batch,
    const uint8_t digest[static DIGEST_BYTES])
{
    const struct new_view_choice *c = &core->view.choice;
    if (slot->seq <= c->low || slot->seq > c->low + c->count || slot_is_committed(slot))
        return;
    const struct new_view_entry *entry = &c->entries[slot->seq - c->low - 1];
    if (entry->null || memcmp(entry->digest, digest, DIGEST_BYTES) != 0 ||
        view_has_content(core, slot->seq, entry))
        return;
    struct pre_prepare m = {.view = entry->view, .batch = *batch};
    slot_retire(slot);
    core_put_batch(core, slot, &m, false, digest);
    slot_move(slot, SLOT_PRE_PREPARED);
}

const char *content_receive(struct pbft *core, unsigned from, struct slice body)
{
    struct batch batch;
    const char *reason = content_decode(body, &batch);
    if (reason == NULL)
        reason = request_check_limits(core, &batch);
    if (reason != NULL)
        return reason;
    struct slot *slot = slots_at(&core->slots, batch.seq);
    if (slot == NULL)
        return NULL;
    uint8_t digest[DIGEST_BYTES];
    core_batch_digest(core, &batch, digest);
    if (!core->view.active && core->view.quorum && core_is_primary(core))
        keep_content(core, slot, &batch, digest);
    else if (core->view.active && slot->wanted)
        view_take_wanted(core, slot, &batch, digest);
    return NULL;
}
