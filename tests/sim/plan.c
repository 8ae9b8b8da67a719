#include "tests/sim/plan.h"

#include "tests/sim/faults.h"

#define SALT UINT64_C(0x62797a73696d2031)
/* One run in so many has real signatures: it proves that the fake leaves nothing out. */
#define REAL_CRYPTO_EVERY 200

static uint64_t pick(struct random *r, const uint64_t *values, unsigned count)
{
    return values[random_below(r, count)];
}

/* Small clusters are quicker and already have every quorum of the protocol. */
static unsigned draw_faults(struct random *r)
{
    uint64_t draw = random_below(r, 100);
    return draw < 70 ? 1 : draw < 90 ? 2 : 3;
}

static void draw_core(struct plan *p, struct random *r)
{
    static const uint64_t intervals[] = {1, 2, 4, 8};
    p->interval = (unsigned)pick(r, intervals, 4);
    p->window = p->interval * (unsigned)random_between(r, 2, 4);
    p->batch_requests = (unsigned)random_between(r, 1, 8);
    uint64_t in_flight_max = p->window < 6 ? p->window : 6;
    p->in_flight = (unsigned)random_between(r, 1, in_flight_max);
    p->sessions = (unsigned)random_between(r, 2, 6);
    p->clock_skew_us = random_between(r, 20000, 1000000);
    p->retransmit_us = random_between(r, 10000, 100000);
    p->heartbeat_us = random_between(r, 100000, 400000);
    static const uint64_t timeouts_us[] = {40000, 150000, 500000};
    p->view_change_timeout_us = pick(r, timeouts_us, 3) + random_below(r, 100000);
}

static void draw_network(struct plan *p, struct random *r)
{
    static const uint64_t losses[] = {0, 0, 10, 50, 150, 300};
    static const uint64_t duplicates[] = {0, 0, 20, 200};
    static const uint64_t lates[] = {0, 0, 5, 50};
    p->calm = (struct plan_network){
        .latency_us = random_between(r, 50, 2000),
        .jitter_us = random_between(r, 10, 2000),
        .ordered = random_chance(r, 500),
    };
    p->storm = p->calm;
    p->storm.jitter_us *= random_between(r, 1, 20);
    p->storm.loss_permille = (unsigned)pick(r, losses, 6);
    p->storm.duplicate_permille = (unsigned)pick(r, duplicates, 4);
    p->storm.late_permille = (unsigned)pick(r, lates, 4);
    p->storm.late_us = random_between(r, 20000, 2000000);
    if (p->storm.late_permille > 0 || random_chance(r, 300))
        p->storm.ordered = false;
}

static void draw_world(struct plan *p, struct random *r)
{
    static const uint64_t gaps[] = {0, 400000, 150000, 50000, 20000};
    p->calm_us = random_between(r, 300000, 2500000);
    p->patience_us = UINT64_C(120) * 1000 * 1000;
    p->flush_us = random_chance(r, 500) ? 0 : random_between(r, 100, 3000);
    p->execution_us = random_between(r, 0, random_chance(r, 200) ? 30000 : 1000);
    p->more_time = (unsigned)random_below(r, 3);
    p->fault_gap_us = (unsigned)pick(r, gaps, 5);
    p->fault_kinds = random_mask(r, FAULT_KINDS, 500);
}

static void draw_clients(struct plan *p, struct random *r)
{
    p->clients = (unsigned)random_between(r, 1, 4);
    p->faulty_clients = random_chance(r, 300) ? (unsigned)random_between(r, 1, 2) : 0;
    p->requests = (unsigned)random_between(r, 4, 30);
    p->think_us = random_chance(r, 500) ? 0 : random_between(r, 100, 100000);
    p->tricks = random_mask(r, TRICKS, 400);
}

/* Mostly as many as the protocol bears. */
static void draw_adversary(struct plan *p, struct random *r)
{
    unsigned count = random_chance(r, 150) ? (unsigned)random_below(r, p->faults) : p->faults;
    while ((unsigned)__builtin_popcount(p->faulty) < count)
        p->faulty |= UINT32_C(1) << random_below(r, p->replicas);
    /* The first primary is worth more than a backup to an adversary. */
    if (count > 0 && (p->faulty & 1) == 0 && random_chance(r, 400)) {
        p->faulty &= p->faulty - 1;
        p->faulty |= 1;
    }
    unsigned habits = (unsigned)random_between(r, 1, 4);
    for (unsigned i = 0; i < habits; i++)
        p->habits |= UINT32_C(1) << random_below(r, HABITS);
    static const uint64_t zeals[] = {30, 200, 500, 1000};
    p->zeal_permille = (unsigned)pick(r, zeals, 4);
}

/* A run that is about view changes: short time-outs, a network that leaves replicas at different
 * points of the protocol, and liars who know what to do with that. */
static void draw_views(struct plan *p, struct random *r)
{
    static const uint32_t starts[] = {HABIT_EQUIVOCATION, HABIT_SILENCE, HABIT_SLOWNESS,
        HABIT_SELECTION, HABIT_HIDING, HABIT_HIDING};
    p->interval = (unsigned)random_between(r, 4, 16);
    p->window = 2 * p->interval;
    p->in_flight = (unsigned)random_between(r, 2, 6);
    p->view_change_timeout_us = random_between(r, 30000, 120000);
    p->retransmit_us = random_between(r, 8000, 25000);
    p->fault_gap_us = (unsigned)random_between(r, 10000, 60000);
    p->fault_kinds = 1u << FAULT_JAM | 1u << FAULT_ISOLATION | 1u << FAULT_LEADER;
    p->fault_kinds |= random_mask(r, FAULT_KINDS, 150);
    p->requests = (unsigned)random_between(r, 10, 40);
    p->think_us = random_below(r, 20000);
    p->habits = HABIT_VIEW_LIES | starts[random_below(r, 6)];
    if (random_chance(r, 400))
        p->habits |= HABIT_TWO_VOTES;
    if (random_chance(r, 400)) {
        p->storm.ordered = false;
        p->storm.late_permille = 150;
        p->storm.late_us = 3 * p->view_change_timeout_us;
    }
    p->zeal_permille = random_chance(r, 500) ? 1000 : 400;
}

/* … and one that is about certificates which are shown when it is too late. */
static void draw_hiding(struct plan *p, struct random *r, unsigned faults)
{
    draw_views(p, r);
    if (faults == 0 && random_chance(r, 800))
        p->faults = 1;
    p->replicas = 3 * p->faults + 1;
    p->faulty = 1;
    p->habits = HABIT_HIDING | HABIT_VIEW_LIES;
    p->zeal_permille = 600;
    p->fault_kinds = 1u << FAULT_LEADER | random_mask(r, FAULT_KINDS, 100);
    p->fault_gap_us = (unsigned)random_between(r, 2, 6) * (unsigned)p->view_change_timeout_us;
    p->storm = p->calm;
}

void plan_draw(struct plan *ret, uint64_t seed, unsigned faults)
{
    struct random r = {.state = mix64(seed ^ SALT)};
    struct plan p = {.seed = seed};
    unsigned drawn = draw_faults(&r);
    p.faults = faults == 0 ? drawn : faults;
    p.replicas = 3 * p.faults + 1;
    p.real_crypto = seed % REAL_CRYPTO_EVERY == REAL_CRYPTO_EVERY - 1;
    draw_core(&p, &r);
    draw_network(&p, &r);
    draw_world(&p, &r);
    draw_clients(&p, &r);
    draw_adversary(&p, &r);
    uint64_t about = random_below(&r, 100);
    if (about < 30)
        draw_views(&p, &r);
    else if (about < 42)
        draw_hiding(&p, &r, faults);
    p.must_progress = true;
    *ret = p;
}
