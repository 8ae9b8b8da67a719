#include "proxy/pbft/invariants.h"

#include "proxy/pbft/core.h"

#include <assert.h>
#include <string.h>

static void check_counters(const struct pbft *core)
{
    assert(core->slots.low <= core->executed);
    assert(core->executed <= core->delivered);
    assert(core->delivered <= core->slots.low + core->options.window);
    assert(core->executed_timestamp_us <= core->delivered_timestamp_us);
    assert(core->view.active || core->view.changes[core->options.self].present);
    assert(core->done.used <= core->ordered.used);
    assert(core->slots.low % core->options.checkpoint_interval == 0);
    assert(core->pending.count <= PENDING_MAX);
    assert(core->update == NULL || core->update->delivery_count <= PBFT_DELIVERIES_MAX);
}

static void check_evidence(const struct pbft *core, const struct slot *slot)
{
    const struct prepared *p = &slot->prepared;
    assert(slot->batch.seq == slot->seq);
    assert(slot->view <= core->view.number);
    assert(!p->held || p->apart || memcmp(p->digest, slot->digest, DIGEST_BYTES) == 0);
    if (!core_is_current(core, slot) || core->silence.silent)
        return;
    bool carried = slot->seq <= core->view.high;
    /* The primary sends no PREPARE; a backup counts its own as soon as it accepts. */
    if (slot->is_proposal && slot->state == SLOT_PRE_PREPARED && !carried)
        assert(tally_has(&slot->prepares, core->options.self) == !core_is_primary(core));
    if (slot->state == SLOT_PREPARED) {
        assert(tally_has(&slot->commits, core->options.self));
        assert(p->held && !p->apart && p->view == slot->view);
        assert(tally_count(&slot->prepares, slot->digest) >= 2 * core->options.faults);
    }
}

static void check_slot(const struct pbft *core, const struct slot *slot)
{
    switch (slot->state) {
    case SLOT_INVALID:
        assert(!"a slot's state");
        return;
    case SLOT_EMPTY:
        assert(slot->seq > core->delivered && slot->batch.seq == 0);
        assert(!slot->prepared.held || slot->prepared.apart);
        return;
    case SLOT_PRE_PREPARED:
    case SLOT_PREPARED:
    case SLOT_COMMITTED:
        assert(slot->seq > core->delivered);
        break;
    case SLOT_DELIVERED:
        assert(slot->seq > core->executed && slot->seq <= core->delivered);
        break;
    case SLOT_EXECUTED:
        assert(slot->seq <= core->executed);
        break;
    }
    check_evidence(core, slot);
}

void invariants_check(struct pbft *core)
{
    check_counters(core);
    check_slot(core, &core->slots.ring[core->check_cursor++ % core->slots.window]);
}

void invariants_check_all(const struct pbft *core)
{
    check_counters(core);
    for (unsigned i = 0; i < core->slots.window; i++)
        check_slot(core, &core->slots.ring[i]);
}
