#include "tests/sim/sim.h"

#include "tests/sim/check_progress.h"

#include <stdlib.h>

#define AUDIT_US 20000
/* Requests of each client after the calm: who was served in the storm must be served again. */
#define REQUESTS_AFTER 3

struct sim *sim_new(void)
{
    struct sim *sim = calloc(1, sizeof *sim);
    if (sim == NULL)
        abort();
    violation_catch_aborts(sim);
    return sim;
}

static void later(struct sim *sim, enum event_kind kind, uint64_t at_us)
{
    struct event event = {.kind = (uint8_t)kind, .at_us = at_us};
    sim_later(sim, &event);
}

static void start(struct sim *sim, uint64_t seed, unsigned faults)
{
    plan_draw(&sim->plan, seed, faults);
    sim->random.state = seed;
    sim->now_us = 0;
    sim->calm = false;
    sim->done = false;
    sim->served_seq = 0;
    sim->counts = (struct counts){0};
    keys_init(&sim->keys, sim->plan.real_crypto);
    network_start(sim);
    check_agreement_start(sim);
    check_requests_start(sim);
    check_promises_start(sim);
    check_memory_start(sim);
    for (unsigned i = 0; i < sim->plan.replicas; i++)
        replica_start(sim, i);
    for (unsigned i = 0; i < sim->plan.clients + sim->plan.faulty_clients; i++)
        client_start(sim, i);
    faults_start(sim);
    adversary_start(sim);
    later(sim, EVENT_CALM, sim->plan.calm_us);
    later(sim, EVENT_AUDIT, AUDIT_US);
}

static void end(struct sim *sim)
{
    schedule_clear(&sim->schedule);
    adversary_end(sim);
    for (unsigned i = 0; i < KEYS_CLIENTS_MAX; i++)
        client_end(sim, i);
    for (unsigned i = 0; i < sim->plan.replicas; i++)
        replica_end(sim, i);
}

static void calm_down(struct sim *sim)
{
    TRACE(sim, "-- the network calms");
    sim->calm = true;
    faults_calm(sim);
    for (unsigned i = 0; i < sim->plan.clients; i++)
        client_ask(sim, i, REQUESTS_AFTER);
}

static void audit(struct sim *sim)
{
    check_memory_audit(sim);
    sim->done = check_progress_audit(sim);
    later(sim, EVENT_AUDIT, sim->now_us + AUDIT_US);
}

static void happen(struct sim *sim, struct event *event)
{
    switch ((enum event_kind)event->kind) {
    case EVENT_MESSAGE:
    case EVENT_REQUEST:
    case EVENT_TICK:
    case EVENT_EXECUTED:
        replica_handle(sim, event);
        return;
    case EVENT_REPLY:
        client_reply(sim, event);
        return;
    case EVENT_CLIENT:
        client_timer(sim, event);
        return;
    case EVENT_FAULT:
        faults_happen(sim, event);
        return;
    case EVENT_FORGE:
        adversary_forge(sim, event);
        return;
    case EVENT_CALM:
        calm_down(sim);
        return;
    case EVENT_AUDIT:
        audit(sim);
        return;
    case EVENT_INVALID:
        break;
    }
    abort();
}

void sim_run(struct sim *sim, uint64_t seed, unsigned faults)
{
    struct event event;
    start(sim, seed, faults);
    while (!sim->done && schedule_take(&sim->schedule, &event)) {
        sim->now_us = event.at_us;
        happen(sim, &event);
        body_release(event.body);
    }
    sim->counts.of[COUNT_MESSAGES] = sim->network.sent;
    sim->counts.of[COUNT_BATCHES] = sim->agreement.highest;
    end(sim);
}
