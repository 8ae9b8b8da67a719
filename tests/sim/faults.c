#include "tests/sim/faults.h"

#include "tests/sim/sim.h"

#include <stdlib.h>

/* Values of an EVENT_FAULT: a new deed, or the end of one. */
enum fault_step { FAULT_NEXT = 1, FAULT_RESTART, FAULT_MEND };

static void later(struct sim *sim, enum fault_step step, unsigned replica, uint64_t delay_us)
{
    struct event event = {.kind = EVENT_FAULT,
        .at_us = sim->now_us + delay_us,
        .to = (uint8_t)replica,
        .value = step};
    sim_later(sim, &event);
}

static uint64_t gap(struct sim *sim)
{
    return 1 + sim_chance_below(sim, 2 * sim->plan.fault_gap_us);
}

void faults_start(struct sim *sim)
{
    sim->faults = (struct faults){0};
    if (sim->plan.fault_gap_us > 0 && sim->plan.fault_kinds != 0)
        later(sim, FAULT_NEXT, 0, gap(sim));
}

static void restart_later(struct sim *sim, unsigned replica)
{
    static const uint64_t downs_us[] = {1000, 50000, 1000000};
    later(sim, FAULT_RESTART, replica, sim_chance_below(sim, downs_us[sim_chance_below(sim, 3)]));
}

static void crash(struct sim *sim, unsigned replica)
{
    struct replica *r = &sim->replicas[replica];
    if (r->core == NULL)
        return;
    enum crash_point point = (enum crash_point)sim_chance_below(sim, CRASH_BEFORE_EXECUTION + 1);
    if (point == CRASH_NONE)
        replica_crash(sim, replica);
    else
        r->crash_point = point; /* with its next update that comes so far */
    restart_later(sim, replica);
}

static void cut_power(struct sim *sim)
{
    TRACE(sim, "-- power fails everywhere");
    for (unsigned i = 0; i < sim->plan.replicas; i++) {
        replica_crash(sim, i);
        restart_later(sim, i);
    }
}

/* About as long as time-outs are, most often. */
static void mend_later(struct sim *sim)
{
    uint64_t long_us =
        sim_chance_below(sim, 4) == 0 ? 1500000 : 2 * sim->plan.view_change_timeout_us;
    later(sim, FAULT_MEND, 0, sim_chance_below(sim, long_us));
}

static void partition(struct sim *sim)
{
    uint32_t half = random_mask(&sim->random, NETWORK_NODES, 500);
    TRACE(sim, "-- a partition: %05x", half);
    for (unsigned i = 0; i < NETWORK_NODES; i++)
        sim->network.cut[i] = (half >> i & 1) != 0 ? ~half : half;
    mend_later(sim);
}

static void cut_some(struct sim *sim)
{
    TRACE(sim, "-- some links fail in one direction");
    for (unsigned i = 0; i < sim->plan.replicas; i++)
        sim->network.cut[i] = random_mask(&sim->random, NETWORK_NODES, 250);
    mend_later(sim);
}

static void isolate(struct sim *sim, unsigned replica)
{
    TRACE(sim, "-- r%u is cut off", replica);
    for (unsigned i = 0; i < NETWORK_NODES; i++)
        sim->network.cut[i] |= UINT32_C(1) << replica;
    sim->network.cut[replica] = UINT32_MAX;
    mend_later(sim);
}

/* Of the latest view, once it works. */
static void isolate_leader(struct sim *sim)
{
    uint64_t view = 0;
    bool works = false;
    for (unsigned i = 0; i < sim->plan.replicas; i++) {
        struct pbft_info info = {0};
        if (sim->replicas[i].core != NULL)
            pbft_info(sim->replicas[i].core, &info);
        if (info.view > view || (info.view == view && info.active))
            works = info.active;
        view = info.view > view ? info.view : view;
    }
    if (works)
        isolate(sim, (unsigned)(view % sim->plan.replicas));
}

static void jam(struct sim *sim)
{
    struct network *n = &sim->network;
    n->jammed_types = random_next(&sim->random) & random_next(&sim->random);
    TRACE(sim, "-- some messages are jammed: types %llx", (unsigned long long)n->jammed_types);
    for (unsigned i = 0; i < sim->plan.replicas; i++)
        n->jammed[i] = random_mask(&sim->random, NETWORK_NODES, 500);
    mend_later(sim);
}

static void set_clock(struct sim *sim, unsigned replica, int64_t offset_us)
{
    sim->replicas[replica].clock_offset_us = offset_us;
    if (offset_us > sim->faults.clock_ahead_us_max)
        sim->faults.clock_ahead_us_max = offset_us;
}

/* By a little, around the bound, or by an hour. */
static void shift_clock(struct sim *sim, unsigned replica)
{
    static const uint64_t hour_us = UINT64_C(3600) * 1000 * 1000;
    uint64_t sizes_us[] = {1000, 2 * sim->plan.clock_skew_us, hour_us};
    int64_t shift_us = (int64_t)sim_chance_below(sim, sizes_us[sim_chance_below(sim, 3)]);
    if (sim_chance_below(sim, 2) == 0)
        shift_us = -shift_us;
    TRACE(sim, "-- r%u's clock is now %lld us off", replica, (long long)shift_us);
    set_clock(sim, replica, shift_us);
    /* More wrong clocks than f can drag agreed time away: safe, but others then wait for it. */
    if (llabs(shift_us) > (int64_t)sim->plan.clock_skew_us / 2)
        sim->faults.clocks_wrong |= UINT32_C(1) << replica;
    uint32_t wrong = sim->faults.clocks_wrong | sim->plan.faulty;
    if ((unsigned)__builtin_popcount(wrong) + sim->faults.logs_lost > sim->plan.faults)
        sim->plan.must_progress = false;
}

/* A lost log is a fault of the f, like a lie. */
static bool may_lose_log(const struct sim *sim, unsigned replica)
{
    unsigned spent = (unsigned)__builtin_popcount(sim->plan.faulty) + sim->faults.logs_lost;
    return !sim_is_faulty(sim, replica) && !sim->replicas[replica].lost_log &&
           spent < sim->plan.faults;
}

static void damage_disk(struct sim *sim, unsigned replica)
{
    struct replica *r = &sim->replicas[replica];
    if (r->disk.damaged || !may_lose_log(sim, replica))
        return;
    uint64_t last = disk_last(&r->disk, PBFT_RECORD_BATCH);
    enum pbft_record_type type =
        sim_chance_below(sim, 3) == 0 ? PBFT_RECORD_COMMITTED : PBFT_RECORD_BATCH;
    if (last == 0 || !disk_damage(&r->disk, type, 1 + sim_chance_below(sim, last)))
        return;
    TRACE(sim, "-- a record of r%u is damaged", replica);
    sim->faults.logs_lost++;
    if (sim_chance_below(sim, 2) == 0)
        crash(sim, replica);
}

static void restart(struct sim *sim, unsigned replica)
{
    struct replica *r = &sim->replicas[replica];
    if (r->core != NULL)
        return;
    /* An operator made room, or exchanged the disk. */
    r->disk.full = false;
    if (r->disk.damaged)
        replica_lose_log(sim, replica);
    replica_start(sim, replica);
}

static void pause(struct sim *sim, unsigned replica)
{
    TRACE(sim, "-- r%u is stopped for a while", replica);
    sim->replicas[replica].paused_us = sim->now_us + sim_chance_below(sim, 1000000);
}

static void fill_disk(struct sim *sim, unsigned replica)
{
    TRACE(sim, "-- r%u's disk is full", replica);
    sim->replicas[replica].disk.full = true;
    later(sim, FAULT_RESTART, replica, sim_chance_below(sim, 1000000));
}

static void deed(struct sim *sim, enum fault_kind kind)
{
    unsigned replica = (unsigned)sim_chance_below(sim, sim->plan.replicas);
    switch (kind) {
    case FAULT_CRASH:
        crash(sim, replica);
        return;
    case FAULT_POWER:
        if (sim_chance_below(sim, 4) == 0)
            cut_power(sim);
        return;
    case FAULT_PARTITION:
        partition(sim);
        return;
    case FAULT_ONE_WAY:
        cut_some(sim);
        return;
    case FAULT_ISOLATION:
        isolate(sim, replica);
        return;
    case FAULT_LEADER:
        isolate_leader(sim);
        return;
    case FAULT_JAM:
        jam(sim);
        return;
    case FAULT_PAUSE:
        pause(sim, replica);
        return;
    case FAULT_CLOCK_JUMP:
        shift_clock(sim, replica);
        return;
    case FAULT_DISK_FULL:
        fill_disk(sim, replica);
        return;
    case FAULT_DISK_DAMAGE:
        damage_disk(sim, replica);
        return;
    case FAULT_KINDS:
        break;
    }
}

static void next_deed(struct sim *sim)
{
    if (sim->calm)
        return;
    enum fault_kind kind;
    do
        kind = (enum fault_kind)sim_chance_below(sim, FAULT_KINDS);
    while ((sim->plan.fault_kinds >> kind & 1) == 0);
    deed(sim, kind);
    later(sim, FAULT_NEXT, 0, gap(sim));
}

void faults_happen(struct sim *sim, const struct event *event)
{
    switch ((enum fault_step)event->value) {
    case FAULT_NEXT:
        next_deed(sim);
        return;
    case FAULT_RESTART:
        restart(sim, event->to);
        return;
    case FAULT_MEND:
        network_mend(sim);
        return;
    }
}

void faults_calm(struct sim *sim)
{
    network_mend(sim);
    for (unsigned i = 0; i < sim->plan.replicas; i++) {
        struct replica *r = &sim->replicas[i];
        uint64_t offset_us = sim_chance_below(sim, 1 + sim->plan.clock_skew_us / 4);
        set_clock(sim, i, (int64_t)offset_us - (int64_t)(sim->plan.clock_skew_us / 8));
        r->disk.full = false;
        r->crash_point = CRASH_NONE;
        r->paused_us = 0;
        restart(sim, i);
    }
}
