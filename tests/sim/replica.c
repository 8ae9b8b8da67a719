#include "tests/sim/replica.h"

#include "tests/sim/executor.h"
#include "tests/sim/sim.h"

#include <string.h>

/* The daemon's limits, small. The core's buffers are as large as these say. */
#define BATCH_BYTES (16 << 10)
#define PENDING_BYTES (2 << 20)
/* Lazy records are flushed after so long even if nothing durable follows. */
#define UPKEEP_US 1000000
#define TICKS_IN_A_ROW_MAX 1000

/* ---- starting ---- */

static struct pbft_options options_of(struct sim *sim, unsigned id)
{
    const struct plan *p = &sim->plan;
    const struct replica *r = &sim->replicas[id];
    return (struct pbft_options){
        .faults = p->faults,
        .self = id,
        .client_count = p->clients + p->faulty_clients,
        .window = p->window,
        .checkpoint_interval = p->interval,
        .batch_requests_max = p->batch_requests,
        .batch_bytes_max = BATCH_BYTES,
        .batches_in_flight_max = p->in_flight,
        .sessions_per_client_max = p->sessions,
        .pending_bytes_max = PENDING_BYTES,
        .app_state_bytes_max = EXECUTOR_STATE_BYTES,
        .clock_skew_us_max = p->clock_skew_us,
        .heartbeat_us = p->heartbeat_us,
        .retransmit_us = p->retransmit_us,
        .view_change_timeout_us = p->view_change_timeout_us,
        .lost_log = r->lost_log && disk_last(&r->disk, PBFT_RECORD_SILENCE) == 0,
        .crypto = keys_ops(&sim->keys, id),
    };
}

static void refused(struct sim *sim, unsigned id, const char *what, uint64_t key, const char *why)
{
    if (why != NULL)
        violation(sim, "restart", "r%u refuses its own %s %llu: %s", id, what,
            (unsigned long long)key, why);
}

static void restore_permanent(struct sim *sim, unsigned id)
{
    struct replica *r = &sim->replicas[id];
    for (unsigned type = PBFT_RECORD_VIEW; type < DISK_TYPES; type++) {
        for (uint64_t key = 1; key <= REPLICAS_MAX; key++) {
            const struct body *value = disk_read(&r->disk, (enum pbft_record_type)type, key);
            if (value != NULL)
                refused(sim, id, trace_record((int)type), key,
                    pbft_restore_permanent(
                        r->core, (enum pbft_record_type)type, key, body_slice(value)));
        }
    }
}

static void restore_number(struct sim *sim, unsigned id, uint64_t seq)
{
    struct replica *r = &sim->replicas[id];
    const struct body *batch = disk_read(&r->disk, PBFT_RECORD_BATCH, seq);
    bool committed = disk_read(&r->disk, PBFT_RECORD_COMMITTED, seq) != NULL;
    if (batch != NULL)
        refused(
            sim, id, "batch", seq, pbft_restore_batch(r->core, seq, body_slice(batch), committed));
    const struct body *prepared = disk_read(&r->disk, PBFT_RECORD_PREPARED, seq);
    const struct body *apart = disk_read(&r->disk, PBFT_RECORD_APART, seq);
    struct slice other = apart == NULL ? slice_of(NULL, 0) : body_slice(apart);
    if (prepared != NULL)
        refused(sim, id, "certificate", seq,
            pbft_restore_prepared(r->core, seq, body_slice(prepared), other));
}

static void restore(struct sim *sim, unsigned id)
{
    struct replica *r = &sim->replicas[id];
    uint64_t state = disk_last(&r->disk, PBFT_RECORD_STATE);
    struct slice app_state = slice_of(NULL, 0);
    if (state > 0)
        refused(sim, id, "state", state,
            pbft_restore_state(r->core, state,
                body_slice(disk_read(&r->disk, PBFT_RECORD_STATE, state)), &app_state));
    executor_restore(r, app_state);
    restore_permanent(sim, id);
    uint64_t last = disk_last(&r->disk, PBFT_RECORD_BATCH);
    for (uint64_t seq = state + 1; seq <= last; seq++)
        restore_number(sim, id, seq);
    r->delivered = r->executed = state;
}

void replica_start(struct sim *sim, unsigned id)
{
    struct replica *r = &sim->replicas[id];
    struct pbft_options options = options_of(sim, id);
    r->core = pbft_new(&options);
    if (r->core == NULL)
        violation(sim, "start", "r%u: pbft_new refuses its options", id);
    r->incarnation++;
    r->monotonic_us = 1 + sim_chance_below(sim, 1000000000);
    r->executor_free_us = sim->now_us;
    r->ticked_us = UINT64_MAX;
    r->paused_us = 0;
    r->crash_point = CRASH_NONE;
    TRACE(sim, "r%u starts%s", id, options.lost_log ? ", without its log" : "");
    restore(sim, id);
    replica_arm(sim, id);
}

void replica_crash(struct sim *sim, unsigned id)
{
    struct replica *r = &sim->replicas[id];
    if (r->core == NULL)
        return;
    sim_count(sim, COUNT_CRASHES);
    TRACE(sim, "r%u crashes, %u records lost", id, r->disk.undo_count);
    pbft_free(r->core);
    r->core = NULL;
    disk_lose_unflushed(&r->disk);
}

void replica_lose_log(struct sim *sim, unsigned id)
{
    disk_clear(&sim->replicas[id].disk);
    sim->replicas[id].lost_log = true;
    sim_count(sim, COUNT_LOGS_LOST);
}

uint32_t replicas_without_log(const struct sim *sim)
{
    uint32_t mask = 0;
    for (unsigned i = 0; i < KEYS_REPLICAS_MAX; i++)
        mask |= sim->replicas[i].lost_log ? UINT32_C(1) << i : 0;
    return mask;
}

void replica_end(struct sim *sim, unsigned id)
{
    struct replica *r = &sim->replicas[id];
    pbft_free(r->core);
    disk_clear(&r->disk);
    struct disk disk = r->disk; /* its memory is used again */
    *r = (struct replica){.disk = disk};
}

uint64_t replica_clock(const struct sim *sim, unsigned id)
{
    return PLAN_CLOCK_US + sim->now_us + (uint64_t)sim->replicas[id].clock_offset_us;
}

/* ---- carrying out an update; false: the replica is down now ---- */

static bool survives(struct sim *sim, unsigned id, enum crash_point point)
{
    if (sim->replicas[id].crash_point != point)
        return true;
    replica_crash(sim, id);
    return false;
}

static bool flush(struct sim *sim, unsigned id)
{
    struct replica *r = &sim->replicas[id];
    if (!survives(sim, id, CRASH_BEFORE_FLUSH))
        return false;
    disk_flush(&r->disk);
    r->delay_us = sim->plan.flush_us;
    return survives(sim, id, CRASH_AFTER_FLUSH);
}

static bool persist(struct sim *sim, unsigned id)
{
    struct replica *r = &sim->replicas[id];
    const struct pbft_update *u = &sim->update;
    if (u->persist_count > 0 && r->disk.full) {
        TRACE(sim, "r%u: the disk is full", id);
        replica_crash(sim, id);
        return false;
    }
    if (r->disk.undo_count == 0)
        r->lazy_us = sim->now_us;
    bool durable = r->disk.undo_count > 0 && sim->now_us - r->lazy_us >= UPKEEP_US;
    for (unsigned i = 0; i < u->persist_count; i++) {
        const struct pbft_record *record = &u->persist[i];
        TRACE(sim, "r%u   %s %s %llu", id, record->durable ? "flushes" : "notes",
            trace_record((int)record->type), (unsigned long long)record->seq);
        disk_write(&r->disk, record);
        if (record->type == PBFT_RECORD_PREPARED && sim_is_faulty(sim, id))
            adversary_stash(sim, id, record->value);
        if (record->type == PBFT_RECORD_STATE && sim_is_faulty(sim, id))
            adversary_stash_state(sim, record->value);
        durable = durable || record->durable;
    }
    return !durable || flush(sim, id);
}

static bool send_all(struct sim *sim, unsigned id)
{
    const struct replica *r = &sim->replicas[id];
    const struct pbft_update *u = &sim->update;
    for (unsigned i = 0; i < u->send_count; i++) {
        const struct pbft_send *s = &u->sends[i];
        check_promises_send(sim, id, s->type, s->body);
        replica_send(sim, id, s->to, s->type, s->body);
        if (r->crash_point == CRASH_WHILE_SENDING && sim_chance_below(sim, 3) == 0) {
            replica_crash(sim, id);
            return false;
        }
    }
    return true;
}

static void reply_all(struct sim *sim, unsigned id)
{
    const struct pbft_update *u = &sim->update;
    for (unsigned i = 0; i < u->reply_count; i++) {
        const struct pbft_reply *reply = &u->replies[i];
        check_requests_reply(sim, id, reply->client, reply->body);
        struct body *body = body_new(reply->body);
        if (sim_is_faulty(sim, id))
            adversary_reply(sim, id, reply->client, body);
        else
            network_reply(sim, id, reply->client, body);
        body_release(body);
    }
}

static void deliver_all(struct sim *sim, unsigned id)
{
    const struct pbft_update *u = &sim->update;
    for (unsigned i = 0; i < u->delivery_count; i++) {
        const struct pbft_delivery *d = &u->deliveries[i];
        TRACE(sim, "r%u   delivers %llu: %u requests%s", id, (unsigned long long)d->batch.seq,
            d->batch.request_count, d->checkpoint ? ", checkpoint" : "");
        check_agreement_delivery(sim, id, d);
        sim->replicas[id].delivered = d->batch.seq;
        executor_start(sim, id, d);
    }
}

static void carry_out(struct sim *sim, unsigned id)
{
    sim->replicas[id].delay_us = 0;
    if (!persist(sim, id) || !send_all(sim, id))
        return;
    reply_all(sim, id);
    if (sim->update.delivery_count > 0 && !survives(sim, id, CRASH_BEFORE_EXECUTION))
        return;
    deliver_all(sim, id);
    check_promises_update(sim, id);
}

static void step(struct sim *sim, unsigned id, struct pbft_event *event)
{
    struct replica *r = &sim->replicas[id];
    event->now_us = r->monotonic_us + sim->now_us;
    event->clock_us = replica_clock(sim, id);
    check_memory_step(sim, true);
    pbft_step(r->core, event, &sim->update);
    check_memory_step(sim, false);
    sim_count(sim, COUNT_EVENTS);
    if (sim->update.invalid != NULL)
        check_promises_invalid(sim, id, event);
    carry_out(sim, id);
}

/* ---- sending ---- */

static void send_one(
    struct sim *sim, unsigned from, unsigned to, enum message_type type, struct body *body)
{
    if (sim_is_faulty(sim, from))
        adversary_send(sim, from, to, type, body);
    else
        network_message(sim, from, to, type, body, sim->replicas[from].delay_us);
}

void replica_send(
    struct sim *sim, unsigned from, unsigned to, enum message_type type, struct slice bytes)
{
    TRACE(sim, "r%u   -> %s %s", from, to == PBFT_TO_ALL ? "all" : trace_replica(to),
        trace_message(type, bytes));
    struct body *body = body_new(bytes);
    for (unsigned i = 0; i < sim->plan.replicas; i++) {
        if (i != from && (to == PBFT_TO_ALL || to == i))
            send_one(sim, from, i, type, body);
    }
    body_release(body);
}

/* The daemon's part of catching up: final batches from the log (proxy/catch_up.c). */
static void answer_fetch(struct sim *sim, unsigned id, unsigned to, struct slice body)
{
    struct fetch m;
    if (fetch_decode(body, &m) != NULL)
        return;
    const struct disk *disk = &sim->replicas[id].disk;
    static struct buffer answer = {.size_max = FRAME_BODY_BYTES_MAX};
    for (uint64_t seq = m.seq; seq < m.seq + m.count; seq++) {
        const struct body *record = disk_read(disk, PBFT_RECORD_BATCH, seq);
        struct pre_prepare stored;
        if (record == NULL || disk_read(disk, PBFT_RECORD_COMMITTED, seq) == NULL ||
            pre_prepare_decode(body_slice(record), &stored) != NULL)
            return;
        struct fetched fetched = {.batch = stored.batch};
        buffer_clear(&answer);
        fetched_encode(&answer, &fetched);
        sim_count(sim, COUNT_FETCHED);
        replica_send(sim, id, to, MESSAGE_BATCH, buffer_slice(&answer));
    }
}

/* ---- events ---- */

void replica_arm(struct sim *sim, unsigned id)
{
    struct replica *r = &sim->replicas[id];
    if (r->core == NULL)
        return;
    uint64_t deadline_us = pbft_deadline(r->core);
    if (deadline_us == UINT64_MAX)
        return;
    uint64_t at_us = deadline_us > r->monotonic_us ? deadline_us - r->monotonic_us : 0;
    if (at_us < sim->now_us)
        at_us = sim->now_us;
    if (at_us >= r->ticked_us)
        return;
    r->ticked_us = at_us;
    struct event event = {
        .kind = EVENT_TICK, .at_us = at_us, .to = (uint8_t)id, .incarnation = r->incarnation};
    sim_later(sim, &event);
}

static void tick(struct sim *sim, const struct event *event)
{
    struct replica *r = &sim->replicas[event->to];
    if (event->incarnation != r->incarnation || event->at_us != r->ticked_us)
        return; /* an earlier one took its place, or the replica fell */
    r->ticked_us = UINT64_MAX;
    uint64_t deadline_us = pbft_deadline(r->core);
    if (deadline_us > r->monotonic_us + sim->now_us)
        return;
    if (deadline_us > 0)
        r->ticks = 0;
    if (++r->ticks > TICKS_IN_A_ROW_MAX)
        violation(sim, "memory", "r%u asks for ticks without end", event->to);
    step(sim, event->to, &(struct pbft_event){.type = PBFT_TICK});
}

static void receive(struct sim *sim, const struct event *event)
{
    struct slice bytes = body_slice(event->body);
    TRACE(sim, "r%u <- r%u %s", event->to, event->from, trace_message(event->type, bytes));
    if (sim_is_faulty(sim, event->to))
        adversary_hear(sim, event);
    if (event->type == MESSAGE_FETCH) {
        answer_fetch(sim, event->to, event->from, bytes);
        return;
    }
    step(sim, event->to,
        &(struct pbft_event){.type = PBFT_MESSAGE,
            .from = event->from,
            .message_type = event->type,
            .message_body = bytes});
}

/* The daemon drops what it cannot decode and what names another client than the link's. */
static void receive_request(struct sim *sim, const struct event *event)
{
    struct request request;
    if (request_decode(body_slice(event->body), &request) != NULL || request.client != event->from)
        return;
    TRACE(sim, "r%u <- c%u REQUEST %llu.%llu", event->to, event->from,
        (unsigned long long)request.session, (unsigned long long)request.number);
    step(sim, event->to, &(struct pbft_event){.type = PBFT_REQUEST, .request = &request});
}

static void postpone(struct sim *sim, struct event *event, uint64_t at_us)
{
    event->at_us = at_us;
    if (event->body != NULL)
        body_keep(event->body);
    sim_later(sim, event);
}

static void executed(struct sim *sim, struct event *event)
{
    struct replica *r = &sim->replicas[event->to];
    if (event->incarnation != r->incarnation)
        return;
    if (event->value != r->executed + 1) { /* its predecessor was postponed by a pause */
        postpone(sim, event, sim->now_us + 1);
        return;
    }
    struct pbft_event done;
    executor_finish(sim, event->to, event, &done);
    TRACE(sim, "r%u executed %llu", event->to, (unsigned long long)event->value);
    step(sim, event->to, &done);
}

void replica_handle(struct sim *sim, struct event *event)
{
    struct replica *r = &sim->replicas[event->to];
    if (r->core == NULL)
        return;
    if (r->paused_us > sim->now_us) {
        if (event->kind == EVENT_TICK)
            r->ticked_us = event->incarnation == r->incarnation ? r->paused_us : r->ticked_us;
        postpone(sim, event, r->paused_us);
        return;
    }
    if (event->kind == EVENT_MESSAGE)
        receive(sim, event);
    else if (event->kind == EVENT_REQUEST)
        receive_request(sim, event);
    else if (event->kind == EVENT_EXECUTED)
        executed(sim, event);
    else
        tick(sim, event);
    replica_arm(sim, event->to);
}
