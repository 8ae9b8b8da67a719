#include "tests/sim/check_progress.h"

#include "tests/sim/sim.h"

#include <stdio.h>

/* A run that cannot be expected to progress still goes on for so long after the calm. */
#define SAFETY_ONLY_US 1500000

/* A replica behind; -1: none. */
static int laggard(const struct sim *sim)
{
    for (unsigned i = 0; i < sim->plan.replicas; i++) {
        const struct replica *r = &sim->replicas[i];
        if (!sim_is_faulty(sim, i) && r->executed < sim->served_seq)
            return (int)i;
    }
    return -1;
}

static void describe(const struct sim *sim, char *text, size_t size)
{
    size_t used = 0;
    text[0] = 0;
    for (unsigned i = 0; i < sim->plan.replicas && used < size; i++) {
        struct pbft_info info = {0};
        if (sim->replicas[i].core != NULL)
            pbft_info(sim->replicas[i].core, &info);
        used += (size_t)snprintf(text + used, size - used, " r%u%s v%llu d%llu e%llu s%llu p%u", i,
            sim_is_faulty(sim, i)           ? "!"
            : info.silent                   ? "(silent)"
            : sim->replicas[i].core == NULL ? "(down)"
                                            : "",
            (unsigned long long)info.view, (unsigned long long)info.delivered,
            (unsigned long long)info.executed, (unsigned long long)info.stable, info.pending);
    }
}

static void give_up(struct sim *sim)
{
    char text[VIOLATION_TEXT_MAX];
    describe(sim, text, sizeof text);
    for (unsigned i = 0; i < sim->plan.clients; i++) {
        if (sim->clients[i].waiting)
            violation(sim, "progress", "client %u waits for %llu.%llu;%s", i,
                (unsigned long long)sim->clients[i].session,
                (unsigned long long)sim->clients[i].number, text);
    }
    violation(sim, "progress", "r%d lags behind %llu;%s", laggard(sim),
        (unsigned long long)sim->served_seq, text);
}

bool check_progress_audit(struct sim *sim)
{
    const struct plan *p = &sim->plan;
    if (!sim->calm)
        return false;
    if (!p->must_progress)
        return sim->now_us >= p->calm_us + SAFETY_ONLY_US;
    bool served = clients_are_served(sim);
    if (served && sim->served_seq == 0)
        sim->served_seq = sim->agreement.highest;
    if (served && laggard(sim) < 0)
        return true;
    if (sim->now_us > p->calm_us + p->patience_us)
        give_up(sim);
    return false;
}
