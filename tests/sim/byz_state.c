/* Lies about one's state: CHECKPOINT, STATUS, batches from the log, contributions to the seed. */
#include "tests/sim/byzantine.h"
#include "tests/sim/forge.h"
#include "tests/sim/sim.h"

#include <string.h>

/* All liars sign the same wrong state, so that f of them agree. */
static struct body *lie_in_checkpoint(
    struct sim *sim, unsigned from, unsigned to, struct body *body)
{
    struct checkpoint m;
    if (checkpoint_decode(body_slice(body), &m) != NULL || m.replica != from)
        return NULL;
    m.digest[0] ^= (uint8_t)(1 + sim_chance_below(sim, 2) * (to & 1));
    return forge_checkpoint(sim, from, m.seq, m.digest);
}

static struct body *lie_in_status(struct sim *sim, struct body *body)
{
    struct status m;
    if (status_decode(body_slice(body), &m) != NULL)
        return NULL;
    uint64_t lead = 1 + sim_chance_below(sim, 3 * sim->plan.window);
    switch (sim_chance_below(sim, 6)) {
    case 0:
        m.delivered += lead;
        break;
    case 1:
        m.delivered += lead;
        m.executed = m.stable = m.delivered;
        break;
    case 2:
        m.delivered = m.executed = m.stable = sim_chance_below(sim, m.stable + 1);
        break;
    case 3:
        m.stable = m.delivered + 1; /* contradicts itself */
        break;
    case 4:
        m.view += sim_chance_below(sim, 3);
        m.active = !m.active;
        break;
    case 5:
        m.suspects = !m.suspects;
        m.silent = sim_chance_below(sim, 2) == 0;
        break;
    }
    return forge_status(&m);
}

/* Another batch at that number; all liars tell the same. */
static struct body *lie_in_batch(struct sim *sim, struct body *body)
{
    struct fetched m;
    if (fetched_decode(body_slice(body), &m) != NULL)
        return NULL;
    m.batch.timestamp_us++;
    m.batch.request_count = 0;
    m.batch.requests = slice_of(NULL, 0);
    return forge_fetched(&m.batch);
}

static struct body *lie_in_contribution(struct sim *sim, unsigned from, struct body *body)
{
    struct contribution m;
    if (contribution_decode(body_slice(body), &m) != NULL || m.replica != from)
        return NULL;
    switch (sim_chance_below(sim, 3)) {
    case 0:
        m.reveal[0] ^= 1;
        break;
    case 1:
        m.commitment[0] ^= 1;
        break;
    case 2:
        m.number += 1 + sim_chance_below(sim, 2);
        break;
    }
    return forge_contribution(sim, &m);
}

struct body *byz_state_change(
    struct sim *sim, unsigned from, unsigned to, enum message_type type, struct body *body)
{
    if (type == MESSAGE_CONTRIBUTION)
        return adversary_feels_like(sim, HABIT_SEED_LIES) ? lie_in_contribution(sim, from, body)
                                                          : NULL;
    if (!adversary_feels_like(sim, HABIT_STATE_LIES))
        return NULL;
    if (type == MESSAGE_CHECKPOINT)
        return lie_in_checkpoint(sim, from, to, body);
    if (type == MESSAGE_STATUS)
        return lie_in_status(sim, body);
    if (type == MESSAGE_BATCH)
        return lie_in_batch(sim, body);
    return NULL;
}

/* A "final" batch that nobody asked for, where the victim stands now. */
static void offer_batch(struct sim *sim, unsigned victim)
{
    uint64_t seq = sim->replicas[victim].delivered + 1 + sim_chance_below(sim, 2);
    struct batch batch = {.seq = seq, .timestamp_us = PLAN_CLOCK_US + sim->now_us};
    for (unsigned i = 0; i < sim->plan.replicas; i++) {
        if (sim_is_faulty(sim, i))
            adversary_say(sim, i, victim, MESSAGE_BATCH, forge_fetched(&batch), 0);
    }
}

/* A checkpoint that nobody has reached yet, or one that is being agreed on, with a wrong state. */
static void offer_checkpoint(struct sim *sim, unsigned victim)
{
    uint64_t interval = sim->plan.interval;
    uint64_t next =
        (sim->adversary.highest_stable / interval + 1 + sim_chance_below(sim, 3)) * interval;
    uint8_t digest[DIGEST_BYTES];
    memset(digest, 0x55, sizeof digest);
    for (unsigned i = 0; i < sim->plan.replicas; i++) {
        if (sim_is_faulty(sim, i))
            adversary_say(
                sim, i, victim, MESSAGE_CHECKPOINT, forge_checkpoint(sim, i, next, digest), 0);
    }
}

void byz_state_forge(struct sim *sim)
{
    if (!adversary_feels_like(sim, HABIT_STATE_LIES))
        return;
    unsigned victim = adversary_victim(sim);
    if (sim_chance_below(sim, 2) == 0)
        offer_batch(sim, victim);
    else
        offer_checkpoint(sim, victim);
}
