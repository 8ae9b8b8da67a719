#include "tests/sim/byzantine.h"

#include "tests/sim/sim.h"

#include <assert.h>
#include <string.h>

#define FORGE_GAP_US 12000

bool adversary_feels_like(struct sim *sim, enum habit habit)
{
    return (sim->plan.habits & habit) != 0 && random_chance(&sim->random, sim->plan.zeal_permille);
}

unsigned adversary_any(struct sim *sim)
{
    assert(sim->plan.faulty != 0);
    for (;;) {
        unsigned replica = (unsigned)sim_chance_below(sim, sim->plan.replicas);
        if (sim_is_faulty(sim, replica))
            return replica;
    }
}

unsigned adversary_victim(struct sim *sim)
{
    for (;;) {
        unsigned replica = (unsigned)sim_chance_below(sim, sim->plan.replicas);
        if (!sim_is_faulty(sim, replica))
            return replica;
    }
}

/* ---- life ---- */

static void later(struct sim *sim)
{
    struct event event = {
        .kind = EVENT_FORGE, .at_us = sim->now_us + 1 + sim_chance_below(sim, FORGE_GAP_US)};
    sim_later(sim, &event);
}

static void change_mind(struct sim *sim)
{
    sim->adversary.silent_types = random_next(&sim->random) & random_next(&sim->random);
    sim->adversary.chosen = random_mask(&sim->random, sim->plan.replicas, 600);
}

void adversary_start(struct sim *sim)
{
    memset(&sim->adversary, 0, sizeof sim->adversary);
    change_mind(sim);
    if (sim->plan.faulty != 0)
        later(sim);
}

static void drop_stashed(struct stashed *s)
{
    body_release(s->proof);
    body_release(s->proposal);
    *s = (struct stashed){0};
}

void adversary_end(struct sim *sim)
{
    struct adversary *a = &sim->adversary;
    for (unsigned i = 0; i < VARIANTS; i++) {
        body_release(a->variants[i].body[0]);
        body_release(a->variants[i].body[1]);
    }
    for (unsigned i = 0; i < KEPT; i++)
        body_release(a->kept[i].body);
    body_release(a->stable);
    for (unsigned i = 0; i < STASH; i++)
        drop_stashed(&a->stash[i]);
    memset(a, 0, sizeof *a);
}

/* ---- saying ---- */

void adversary_say(struct sim *sim, unsigned from, unsigned to, enum message_type type,
    struct body *body, uint64_t delay_us)
{
    if (from != to && sim->replicas[from].core != NULL) {
        sim_count(sim, COUNT_LIES);
        TRACE(sim, "r%u!  -> r%u %s", from, to, trace_message(type, body_slice(body)));
        network_message(sim, from, to, type, body, delay_us);
    }
    body_release(body);
}

void adversary_say_to(struct sim *sim, unsigned from, uint32_t receivers, enum message_type type,
    struct body *body, uint64_t delay_us)
{
    for (unsigned to = 0; to < sim->plan.replicas; to++) {
        if ((receivers >> to & 1) != 0)
            adversary_say(sim, from, to, type, body_keep(body), delay_us);
    }
    body_release(body);
}

/* The first habit that wants to change it does. */
static struct body *change(struct sim *sim, unsigned from, unsigned to, enum message_type type,
    struct body *body, uint64_t *ret_delay_us)
{
    struct body *changed = NULL;
    if (type == MESSAGE_PRE_PREPARE)
        changed = byz_proposal_change(sim, from, to, body, ret_delay_us);
    else if (type == MESSAGE_PREPARE || type == MESSAGE_COMMIT)
        changed = byz_vote_change(sim, from, to, type, body);
    else if (type == MESSAGE_VIEW_CHANGE || type == MESSAGE_NEW_VIEW)
        changed = byz_view_change(sim, from, to, type, body);
    else
        changed = byz_state_change(sim, from, to, type, body);
    return changed != NULL ? changed : byz_noise_change(sim, from, to, type, body);
}

void adversary_send(
    struct sim *sim, unsigned from, unsigned to, enum message_type type, struct body *body)
{
    struct adversary *a = &sim->adversary;
    byz_noise_keep(sim, from, type, body);
    if ((a->silent_types >> type & 1) != 0 && adversary_feels_like(sim, HABIT_SILENCE))
        return;
    if ((a->chosen >> to & 1) == 0 && adversary_feels_like(sim, HABIT_SELECTION))
        return;
    uint64_t delay_us = sim->replicas[from].delay_us;
    struct body *changed = change(sim, from, to, type, body, &delay_us);
    if (changed != NULL)
        adversary_say(sim, from, to, type, changed, delay_us);
    else
        network_message(sim, from, to, type, body, delay_us);
}

void adversary_reply(struct sim *sim, unsigned from, unsigned client, struct body *body)
{
    if (!adversary_feels_like(sim, HABIT_STATE_LIES)) {
        network_reply(sim, from, client, body);
        return;
    }
    struct body *lie = body_new(body_slice(body));
    lie->bytes[lie->size - 1] ^= 1; /* all liars tell the same lie */
    network_reply(sim, from, client, lie);
    body_release(lie);
}

/* ---- hearing ---- */

/* View and sequence number stand at the front of what matters here. */
void adversary_hear(struct sim *sim, const struct event *event)
{
    struct adversary *a = &sim->adversary;
    byz_noise_keep(sim, event->from, (enum message_type)event->type, event->body);
    if (sim_is_faulty(sim, event->from))
        return;
    if (event->type == MESSAGE_WANT)
        byz_view_answer(sim, event->to, event->from, body_slice(event->body));
    struct reader r = reader_of(body_slice(event->body));
    uint64_t first = get_u64(&r), second = get_u64(&r);
    bool phase = event->type == MESSAGE_PRE_PREPARE || event->type == MESSAGE_PREPARE ||
                 event->type == MESSAGE_COMMIT;
    if (phase && second > a->highest_seq)
        a->highest_seq = second;
    if ((phase || event->type == MESSAGE_VIEW_CHANGE) && first > a->highest_view)
        a->highest_view = first;
    if (event->type == MESSAGE_VIEW_CHANGE)
        byz_view_follow(sim, first);
    if (event->type == MESSAGE_CHECKPOINT && first > a->highest_stable)
        a->highest_stable = first;
}

/* One certificate a number is kept: the first one, because nobody shows that later. */
void adversary_stash(struct sim *sim, unsigned replica, struct slice proof)
{
    struct reader r = reader_of(proof);
    struct proof new, old;
    if (proof_take(&r, &new) != NULL)
        return;
    struct stashed *place = &sim->adversary.stash[new.seq % STASH];
    if (place->proof != NULL) {
        r = reader_of(body_slice(place->proof));
        if (proof_take(&r, &old) == NULL && old.seq == new.seq)
            return;
    }
    drop_stashed(place);
    const struct body *batch = disk_read(&sim->replicas[replica].disk, PBFT_RECORD_BATCH, new.seq);
    place->proof = body_new(proof);
    place->proposal = batch == NULL ? NULL : body_new(body_slice(batch));
}

/* The certificate stands at the end of the record; how many signatures it has is not known. */
void adversary_stash_state(struct sim *sim, struct slice state)
{
    struct adversary *a = &sim->adversary;
    struct reader whole = reader_of(state);
    uint64_t seq = get_u64(&whole);
    for (unsigned count = 2 * sim->plan.faults + 1; count <= sim->plan.replicas; count++) {
        size_t size = 8 + DIGEST_BYTES + 4 + count * SIGNATURE_BYTES;
        struct stable stable;
        if (size > state.size)
            return;
        struct slice tail = slice_of(state.data + state.size - size, size);
        if (stable_decode(tail, &stable) != NULL || stable.seq != seq)
            continue;
        body_release(a->stable);
        a->stable = body_new(tail);
        return;
    }
}

/* ---- deeds ---- */

void adversary_forge(struct sim *sim, const struct event *event)
{
    if (sim_chance_below(sim, 20) == 0)
        change_mind(sim);
    byz_proposal_forge(sim);
    byz_vote_forge(sim);
    byz_state_forge(sim);
    byz_view_forge(sim);
    byz_noise_forge(sim);
    later(sim);
}
