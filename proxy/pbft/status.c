#include "proxy/pbft/status.h"

#include "proxy/pbft/commit.h"
#include "proxy/pbft/core.h"
#include "proxy/pbft/prepare.h"

/* What one STATUS may cost: a peer that claims to lack everything must not make this replica flood
 * the network. */
#define RESENT_SLOTS_MAX 16
#define RESENT_BYTES_MAX (4 << 20)

/* ---- saying what this replica has ---- */

/* Is there anything that others could help with? Looks as far as a pipeline reaches. */
static bool is_outstanding(const struct pbft *core)
{
    if (core->claimed_delivered > core->delivered || checkpoint_is_outstanding(core) ||
        !view_is_carried(core) || core->suspicion.suspects || core->silence.silent)
        return true;
    for (uint64_t i = 1; i <= core->options.batches_in_flight_max; i++) {
        const struct slot *slot = slots_at(&core->slots, core->delivered + i);
        if (slot != NULL && (slot_is_started(slot) || slot->wanted))
            return true;
    }
    return false;
}

uint64_t status_deadline(const struct pbft *core)
{
    if (core->status_due)
        return 0;
    uint64_t period_us = core->options.heartbeat_us;
    if (core->options.retransmit_us < period_us && is_outstanding(core))
        period_us = core->options.retransmit_us;
    return core->status_us + period_us;
}

void status_tick(struct pbft *core)
{
    if (core->now_us < status_deadline(core))
        return;
    struct status m = {
        .view = core->view.number,
        .active = core->view.active,
        .suspects = core->suspicion.suspects,
        .silent = core->silence.silent,
        .delivered = core->delivered,
        .executed = core->executed,
        .stable = core->slots.low,
    };
    size_t begin = emit_begin(core);
    status_encode(&core->out, &m);
    emit_send(core, PBFT_TO_ALL, MESSAGE_STATUS, emit_end(core, begin));
    core->status_us = core->now_us;
    core->status_due = false;
    if (core_elapsed(core, core->contributed_us) >= core->options.heartbeat_us) {
        core->contributed_us = core->now_us;
        contributions_send(core);
    }
    if (core->view.active)
        view_ask(core);
}

/* ---- helping a peer ---- */

/* The primary sends its proposals again. A backup passes a proposal on (it is signed) only to a
 * peer that makes no progress, because then the primary may be silent towards that peer. */
static bool should_send_proposal(const struct pbft *core, unsigned to)
{
    return core_is_primary(core) || (core->peers[to].stuck && to != core_primary(core));
}

/* Returns the bytes of what was sent, about. */
static size_t resend_slot(struct pbft *core, unsigned to, const struct slot *slot)
{
    prepare_send(core, slot, to);
    commit_send(core, slot, to);
    if (!slot->is_proposal || !should_send_proposal(core, to))
        return 0;
    emit_send(core, to, MESSAGE_PRE_PREPARE, buffer_slice(&slot->encoded));
    return slot->encoded.size;
}

/* Slots above what the peer delivered, a bounded number a message, and each at most once in a
 * retransmission period. What is younger than a period is probably still under way. */
static void resend_slots(struct pbft *core, unsigned to)
{
    struct peer *peer = &core->peers[to];
    uint64_t first =
        peer->said.delivered > core->slots.low ? peer->said.delivered : core->slots.low;
    if (peer->resent_up_to > first)
        first = peer->resent_up_to;
    size_t bytes = 0;
    for (unsigned i = 0; i < RESENT_SLOTS_MAX && bytes < RESENT_BYTES_MAX; i++) {
        const struct slot *slot = slots_at(&core->slots, ++first);
        if (slot == NULL)
            return;
        if (core_is_current(core, slot) &&
            core_elapsed(core, slot->since_us) >= core->options.retransmit_us)
            bytes += resend_slot(core, to, slot);
        peer->resent_up_to = first;
    }
}

static bool is_behind_in_views(const struct pbft *core, const struct status *said)
{
    return said->view < core->view.number || (said->view == core->view.number && !said->active);
}

static void help(struct pbft *core, unsigned to)
{
    struct peer *peer = &core->peers[to];
    if (!peer->helped || core_elapsed(core, peer->resent_us) >= core->options.retransmit_us) {
        peer->helped = true;
        peer->resent_us = core->now_us;
        peer->resent_up_to = 0;
        checkpoint_resend(core, to, peer->said.stable);
        if (peer->said.silent) {
            checkpoint_send_certificate(core, to);
            view_change_return(core, to);
        }
        if (is_behind_in_views(core, &peer->said))
            view_help(core, to);
    }
    if (core->view.active && peer->said.view == core->view.number)
        resend_slots(core, to);
}

const char *status_receive(struct pbft *core, unsigned from, struct slice body)
{
    struct status m;
    const char *reason = status_decode(body, &m);
    if (reason != NULL)
        return reason;
    if (m.stable > m.executed || m.executed > m.delivered)
        return "status that contradicts itself";
    struct peer *peer = &core->peers[from];
    peer->stuck = peer->said.delivered == m.delivered;
    silence_heard(core, peer, m.silent);
    peer->said = m;
    peer->heard = true;
    core_count_claims(core);
    if (m.stable == 0)
        silence_learn(core, from, 0);
    return NULL;
}

void status_help(struct pbft *core)
{
    for (unsigned i = 0; i < core->replica_count; i++) {
        if (core->peers[i].heard)
            help(core, i);
        core->peers[i].heard = false;
    }
}
