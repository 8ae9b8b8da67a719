#include "proxy/pbft/commit.h"

#include "proxy/pbft/core.h"

#include <assert.h>
#include <string.h>

void commit_cast(struct pbft *core, struct slot *slot)
{
    unsigned self = core->options.self;
    if (core->silence.silent || tally_has(&slot->commits, self))
        return;
    assert(core_is_current(core, slot));
    tally_add(&slot->commits, self, slot->digest);
    slot->since_us = core->now_us;
}

void commit_send(struct pbft *core, const struct slot *slot, unsigned to)
{
    if (slot->view != core->view.number || !tally_has(&slot->commits, core->options.self))
        return;
    struct commit m = {.view = slot->view, .seq = slot->seq};
    memcpy(m.digest, slot->commits.digest[core->options.self], DIGEST_BYTES);
    size_t begin = emit_begin(core);
    commit_encode(&core->out, &m);
    emit_send(core, to, MESSAGE_COMMIT, emit_end(core, begin));
}

/* Committed-local: prepared here, and 2f+1 matching commits from different replicas, this one
 * among them. Then f+1 correct replicas have it prepared, and no other batch ever can be. */
void commit_try(struct pbft *core, struct slot *slot)
{
    if (slot->state == SLOT_PREPARED && core_is_current(core, slot) &&
        tally_count(&slot->commits, slot->digest) >= core_quorum(core))
        commit_finish(core, slot);
}

void commit_finish(struct pbft *core, struct slot *slot)
{
    slot_move(slot, SLOT_COMMITTED);
    emit_record(core, PBFT_RECORD_COMMITTED, false, slot->seq, slice_of(NULL, 0));
}

const char *commit_receive(struct pbft *core, unsigned from, struct slice body)
{
    struct commit m;
    const char *reason = commit_decode(body, &m);
    if (reason != NULL)
        return reason;
    if (m.view != core->view.number)
        return NULL;
    struct slot *slot = slots_at(&core->slots, m.seq);
    if (slot == NULL || slot_is_committed(slot))
        return NULL;
    if (core_is_current(core, slot) && memcmp(slot->digest, m.digest, DIGEST_BYTES) != 0)
        return "commit for another batch than the one proposed here";
    if (tally_add(&slot->commits, from, m.digest) == TALLY_CONTRADICTED)
        return "a second, different commit";
    commit_try(core, slot);
    return NULL;
}
