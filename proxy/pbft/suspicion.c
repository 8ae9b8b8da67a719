#include "proxy/pbft/suspicion.h"

#include "proxy/pbft/core.h"
#include "proxy/pbft/request.h"

#include <assert.h>

/* How often the pending requests are looked at, and after which part of the time-out one is passed
 * on to the primary. */
#define LOOKS_PER_TIMEOUT 8
#define RELAY_PART 3
/* Signatures verified and requests passed on in one look. */
#define RELAYS_MAX 16
/* So much longer a replica waits that f+1 others are ahead of: it may be the one that lags. (Not
 * for ever: one of them may lie, and the other may have left the view.) */
#define BEHIND_TIMEOUTS 4
/* A view that works for so many time-outs halves the time-out. */
#define CALM_TIMEOUTS 8
#define DOUBLINGS_MAX 6
#define USUAL_WEIGHT 15
/* So long batches may bring no contributions to the seed. */
#define UNSEEDED_TIMEOUTS 8
/* So long others of a key may come before one of its requests: a client can make its own requests
 * contend for their places at the primary. */
#define OWN_TIMEOUTS 64
/* The throughput rule. */
#define PERIOD_TIMEOUTS 8
#define SLOW_PART 8    /* of the best */
#define WAITING_PART 3 /* of a period */

uint64_t suspicion_timeout_us(const struct pbft *core)
{
    return core->options.view_change_timeout_us << core->view.doublings;
}

void suspicion_raise(struct pbft *core, const char *reason)
{
    if (!core->suspicion.suspects)
        core->status_due = true; /* said at once */
    core->suspicion.suspects = true;
    core->suspicion.reason = reason;
}

static void withdraw(struct pbft *core)
{
    if (core->suspicion.suspects)
        core->status_due = true;
    core->suspicion.suspects = false;
}

static void start_period(struct pbft *core)
{
    struct suspicion *s = &core->suspicion;
    s->period_us = core->now_us;
    s->period_ordered = core->ordered.used;
    s->waiting_us = 0;
}

void suspicion_view_left(struct pbft *core)
{
    const struct suspicion *s = &core->suspicion;
    uint64_t long_us = CALM_TIMEOUTS * suspicion_timeout_us(core);
    bool worked =
        core->view.active && s->worked && core_elapsed(core, core->view.entered_us) >= long_us;
    if (!worked && core->view.doublings < DOUBLINGS_MAX)
        core->view.doublings++;
}

/* A moving average over about sixteen requests. */
void suspicion_ordered(struct pbft *core, const struct pending_entry *entry)
{
    uint64_t *usual_us = &core->suspicion.usual_us;
    *usual_us += core_elapsed(core, entry->since_us) / USUAL_WEIGHT;
    *usual_us -= *usual_us / (USUAL_WEIGHT + 1);
}

void suspicion_view_entered(struct pbft *core)
{
    struct suspicion *s = &core->suspicion;
    s->worked = false;
    s->suspects = false;
    s->slow = false;
    s->unseeded = false;
    s->frozen = false;
    s->progress_us = core->now_us;
    s->time_us = core->now_us;
    s->calm_us = core->now_us;
    start_period(core);
}

/* Judged when a batch comes, because in an idle cluster nothing has to be seeded. */
static void observe_seed(struct pbft *core, const struct batch *batch)
{
    struct suspicion *s = &core->suspicion;
    bool unseeded = batch->contribution_count == 0 && batch->seq > core->view.high &&
                    contributions_at_hand(core) >= core_quorum(core);
    if (unseeded && !s->unseeded)
        s->unseeded_us = core->now_us;
    s->unseeded = unseeded;
    s->frozen = unseeded && core_elapsed(core, s->unseeded_us) >=
                                UNSEEDED_TIMEOUTS * suspicion_timeout_us(core);
}

/* Batches without a request, or with none but old ones, are no progress for those who wait. */
void suspicion_delivered(struct pbft *core, const struct batch *batch, bool ordered)
{
    core->suspicion.time_us = core->now_us;
    if (ordered) {
        core->suspicion.progress_us = core->now_us;
        core->suspicion.worked = true;
    }
    observe_seed(core, batch);
}

/* ---- requests that wait ---- */

static uint64_t patience_us(const struct pbft *core)
{
    return suspicion_timeout_us(core) / RELAY_PART;
}

/* While the primary works, what waits as the others do needs no help: under load everything waits,
 * and to verify and relay it all would add to the load. */
static bool waits_unusually(const struct pbft *core, const struct pending_entry *e)
{
    const struct suspicion *s = &core->suspicion;
    uint64_t limit_us = 4 * suspicion_timeout_us(core);
    uint64_t unusual_us = 2 * s->usual_us < limit_us ? 2 * s->usual_us : limit_us;
    return core_elapsed(core, s->progress_us) >= patience_us(core) ||
           core_elapsed(core, e->since_us) >= unusual_us;
}

static bool is_due(const struct pbft *core, const struct pending_entry *e)
{
    return e->used && core_elapsed(core, e->since_us) >= patience_us(core) &&
           waits_unusually(core, e) &&
           (!e->relayed || core_elapsed(core, e->relayed_us) >= patience_us(core));
}

/* What waits for long must be shown to be the client's, and to the primary. False: there is no room
 * for it in this step. */
static bool follow_up(struct pbft *core, struct pending_entry *e)
{
    if (!request_entry_is_signed(core, e)) {
        pending_drop(&core->pending, e);
        return true;
    }
    if (!request_relay(core, e))
        return false;
    if (!e->relayed) {
        e->ordered_then = core->ordered.used;
        e->own_then = core->pending.queues[e->client].ordered;
        e->shown_us = core->now_us;
    }
    e->relayed = true;
    e->relayed_us = core->now_us;
    return true;
}

/* A bounded number a look, going on where the last one ended: else a client with many requests
 * would keep another's from ever being looked at. */
static void follow_up_some(struct pbft *core)
{
    unsigned budget = RELAYS_MAX;
    unsigned first = core->suspicion.cursor;
    for (unsigned i = 0; i < PENDING_MAX && core->pending.count > 0; i++) {
        unsigned at = (first + i) % PENDING_MAX;
        struct pending_entry *e = &core->pending.entries[at];
        if (!is_due(core, e))
            continue;
        core->suspicion.cursor = at;
        if (budget == 0 || !follow_up(core, e))
            return;
        budget--;
    }
}

/* The oldest that was shown to the primary; NULL: none. A session that was forgotten meanwhile gets
 * nothing ordered by anybody. */
static const struct pending_entry *look_at_requests(struct pbft *core, bool *ret_waiting)
{
    const struct pending_entry *oldest = NULL;
    uint64_t look_us = suspicion_timeout_us(core) / LOOKS_PER_TIMEOUT;
    *ret_waiting = false;
    for (unsigned i = 0; i < PENDING_MAX && core->pending.count > 0; i++) {
        struct pending_entry *e = &core->pending.entries[i];
        if (!e->used || !e->relayed)
            continue;
        if (client_table_judge(&core->ordered, e->client, e->session, e->number) != FRESH) {
            pending_drop(&core->pending, e);
            continue;
        }
        *ret_waiting = *ret_waiting || core_elapsed(core, e->shown_us) >= look_us;
        if (oldest == NULL || e->shown_us < oldest->shown_us)
            oldest = e;
    }
    return oldest;
}

/* ---- silent ---- */

static bool has_room(const struct pbft *core)
{
    return core->delivered - core->executed < core->options.batches_in_flight_max;
}

static bool is_behind(const struct pbft *core)
{
    return core->claimed_delivered > core->delivered;
}

static bool time_stands_still(const struct pbft *core)
{
    return core->more_time && core->said_more_time && core->executed == core->delivered;
}

static bool has_unfinished(const struct pbft *core)
{
    const struct slot *slot = slots_at(&core->slots, core->delivered + 1);
    return slot != NULL && (slot->wanted || slot_has_batch(slot));
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static bool is_silent(const struct pbft *core, const struct pending_entry *oldest)
{
    const struct suspicion *s = &core->suspicion;
    uint64_t still_us = core_elapsed(core, later(s->time_us, s->room_us));
    uint64_t timeout_us = suspicion_timeout_us(core) * (is_behind(core) ? BEHIND_TIMEOUTS : 1);
    if (!s->had_room)
        return false;
    if (time_stands_still(core) && still_us >= timeout_us + 2 * core->options.heartbeat_us)
        return true;
    if (has_unfinished(core) && still_us >= 2 * timeout_us)
        return true;
    if (oldest == NULL)
        return false;
    /* It had waited before it was shown. */
    uint64_t since_us =
        later(later(s->progress_us, s->room_us), oldest->shown_us - patience_us(core));
    return core_elapsed(core, since_us) >= timeout_us;
}

/* ---- unfair ---- */

/* A fair primary serves the keys in turn, so for each request of this key that was ordered since
 * one was shown, each other key may have had one; besides what was under way. In which order a
 * key's own requests come is the key's affair, but all that it can have here must have come before
 * long. */
static bool is_unfair(const struct pbft *core, const struct pending_entry *oldest)
{
    if (oldest == NULL)
        return false;
    const struct pbft_options *o = &core->options;
    uint64_t under_way = 2 * (uint64_t)o->batch_requests_max * o->batches_in_flight_max;
    uint64_t all = core->ordered.used - oldest->ordered_then;
    uint64_t own = core->pending.queues[oldest->client].ordered - oldest->own_then;
    bool for_long =
        core_elapsed(core, oldest->shown_us) >= OWN_TIMEOUTS * suspicion_timeout_us(core);
    return all > (own + 2) * o->client_count + under_way ||
           (for_long && own > PENDING_PER_CLIENT_MAX + under_way);
}

/* ---- slow ---- */

/* The standard is plain throughput; what it is held against are periods in which requests that were
 * shown to the primary waited, and the executor did not. */
static void judge_period(struct pbft *core)
{
    struct suspicion *s = &core->suspicion;
    uint64_t length_us = core_elapsed(core, s->period_us);
    if (length_us < PERIOD_TIMEOUTS * suspicion_timeout_us(core))
        return;
    uint64_t rate = (core->ordered.used - s->period_ordered) * 1000000 / length_us;
    bool waited = s->waiting_us > length_us / WAITING_PART;
    s->slow = waited && rate < s->best / SLOW_PART;
    if (s->slow) /* all primaries may be slower than they were: then this ends soon */
        s->best /= 2;
    else if (rate > s->best)
        s->best = rate;
    else if (waited)
        s->best -= s->best / 16;
    start_period(core);
}

/* ---- the time-out itself ---- */

static void calm_down(struct pbft *core)
{
    struct suspicion *s = &core->suspicion;
    if (s->suspects)
        s->calm_us = core->now_us;
    if (core->view.doublings == 0 ||
        core_elapsed(core, s->calm_us) < CALM_TIMEOUTS * suspicion_timeout_us(core))
        return;
    core->view.doublings--;
    s->calm_us = core->now_us;
}

static void observe_room(struct pbft *core)
{
    struct suspicion *s = &core->suspicion;
    bool room = has_room(core);
    if (room && !s->had_room)
        s->room_us = core->now_us;
    s->had_room = room;
}

/* It may propose nothing until its silence is over, which it needs another primary for. */
static bool primary_is_mute(const struct pbft *core)
{
    return !core_is_primary(core) && core->peers[core_primary(core)].said.silent;
}

static void look_active(struct pbft *core)
{
    struct suspicion *s = &core->suspicion;
    bool waiting;
    uint64_t passed_us = core_elapsed(core, s->looked_us);
    follow_up_some(core);
    const struct pending_entry *oldest = look_at_requests(core, &waiting);
    observe_room(core);
    if (waiting && s->had_room)
        s->waiting_us += passed_us;
    judge_period(core);
    if (primary_is_mute(core))
        suspicion_raise(core, "the primary lost its log");
    else if (is_silent(core, oldest))
        suspicion_raise(core, "nothing was ordered in time");
    else if (is_unfair(core, oldest))
        suspicion_raise(core, "a request was passed over");
    else if (s->frozen)
        suspicion_raise(core, "the seed of batches was not renewed");
    else if (s->slow)
        suspicion_raise(core, "much less was ordered than could be");
    else
        withdraw(core);
    calm_down(core);
}

static void look_changing(struct pbft *core)
{
    const struct view *v = &core->view;
    if (v->quorum && !core->suspicion.suspects &&
        core_elapsed(core, v->quorum_us) >= suspicion_timeout_us(core))
        suspicion_raise(core, "the new view did not come in time");
}

static bool is_watching(const struct pbft *core)
{
    return !core->view.active || core->pending.count > 0 || core->more_time ||
           core->view.doublings > 0 || primary_is_mute(core) || core->suspicion.suspects ||
           core->suspicion.frozen || has_unfinished(core);
}

uint64_t suspicion_deadline(const struct pbft *core)
{
    if (!is_watching(core))
        return UINT64_MAX;
    return core->suspicion.looked_us + suspicion_timeout_us(core) / LOOKS_PER_TIMEOUT;
}

/* A primary does not suspect itself, and a silent replica has no say. */
void suspicion_tick(struct pbft *core)
{
    struct suspicion *s = &core->suspicion;
    uint64_t deadline = suspicion_deadline(core);
    if (deadline == UINT64_MAX) { /* nothing waits: nothing can have waited for long */
        s->looked_us = core->now_us;
        s->progress_us = core->now_us;
        s->time_us = core->now_us;
        return;
    }
    if (core->now_us < deadline)
        return;
    if (!core->view.active)
        look_changing(core);
    else if (!core_is_primary(core) && !core->silence.silent)
        look_active(core);
    else
        calm_down(core);
    s->looked_us = core->now_us;
}

void suspicion_act(struct pbft *core)
{
    unsigned count = core->suspicion.suspects;
    for (unsigned i = 0; i < core->replica_count; i++) {
        const struct status *said = &core->peers[i].said;
        /* Who has left says nothing to a replica that only came late: it will be helped along. */
        bool left = core->suspicion.suspects && said->view > core->view.number;
        bool suspects = said->view == core->view.number && said->suspects;
        count += i != core->options.self && (left || suspects);
    }
    if (count >= core_weak_quorum(core))
        view_change_start(core, core->view.number + 1);
}
