#include "tests/sim/executor.h"

#include "tests/sim/fake_crypto.h"
#include "tests/sim/sim.h"

#include <assert.h>
#include <string.h>

static uint64_t combine(uint64_t a, uint64_t b)
{
    return mix64(a * UINT64_C(0x9e3779b97f4a7c15) + b);
}

/* A result depends on everything before it, as a database's does. */
static void execute(struct app_state *app, const struct request *request, uint64_t ret_result[2])
{
    app->hash =
        combine(app->hash, fake_hash(request->number, request->body.data, request->body.size));
    app->hash = combine(app->hash, request->session);
    app->count++;
    ret_result[0] = app->hash;
    ret_result[1] = request->number;
}

static struct body *run(struct replica *r, const struct pbft_delivery *d)
{
    static struct execution e;
    e.request_count = d->batch.request_count;
    e.checkpoint = d->checkpoint;
    r->app.hash = combine(r->app.hash, d->timestamp_us);
    r->app.hash = combine(r->app.hash, fake_hash(1, d->seed, DIGEST_BYTES));
    for (uint32_t i = 0; i < e.request_count; i++) {
        e.ran[i] = !d->skip[i];
        if (e.ran[i])
            execute(&r->app, &d->requests[i], e.result[i]);
    }
    e.app = r->app;
    size_t size = offsetof(struct execution, result) + e.request_count * sizeof e.result[0];
    return body_new(slice_of(&e, size));
}

void executor_start(struct sim *sim, unsigned replica, const struct pbft_delivery *d)
{
    struct replica *r = &sim->replicas[replica];
    struct event event = {.kind = EVENT_EXECUTED,
        .to = (uint8_t)replica,
        .incarnation = r->incarnation,
        .value = d->batch.seq,
        .body = run(r, d)};
    uint64_t start_us = r->executor_free_us > sim->now_us ? r->executor_free_us : sim->now_us;
    r->executor_free_us = start_us + sim->plan.execution_us;
    event.at_us = r->executor_free_us;
    sim_later(sim, &event);
}

static bool wants_time(const struct sim *sim, const struct app_state *app)
{
    return sim->plan.more_time == 1 || (sim->plan.more_time == 2 && app->count % 3 != 0);
}

void executor_finish(
    struct sim *sim, unsigned replica, const struct event *event, struct pbft_event *ret)
{
    static struct execution e;
    static struct slice results[BATCH_REQUESTS_MAX];
    static uint64_t state[2];
    memcpy(&e, event->body->bytes, event->body->size);
    for (uint32_t i = 0; i < e.request_count; i++)
        results[i] = slice_of(e.result[i], e.ran[i] ? EXECUTOR_RESULT_BYTES : 0);
    state[0] = e.app.hash;
    state[1] = e.app.count;
    *ret = (struct pbft_event){.type = PBFT_EXECUTED,
        .seq = event->value,
        .results = results,
        .result_count = e.request_count,
        .app_state = slice_of(state, e.checkpoint ? sizeof state : 0),
        .more_time = wants_time(sim, &e.app)};
    sim->replicas[replica].executed = event->value;
    check_agreement_executed(sim, replica, event->value, &e);
}

void executor_restore(struct replica *r, struct slice app_state)
{
    uint64_t state[2] = {0, 0};
    assert(app_state.size == 0 || app_state.size == sizeof state);
    if (app_state.size > 0)
        memcpy(state, app_state.data, sizeof state);
    r->app = (struct app_state){.hash = state[0], .count = state[1]};
}
