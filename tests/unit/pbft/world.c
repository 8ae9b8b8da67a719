/* Time, network and replicas. */
#include "tests/unit/pbft/world.h"

#include "proxy/pbft/invariants.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEARTBEAT_US 250000
#define RETRANSMIT_US 100000
#define TIMEOUT_US 300000
#define KEYS 4

static const char *conduct_name(enum conduct conduct)
{
    switch (conduct) {
    case CONDUCT_CORRECT:
        return "correct";
    case CONDUCT_SILENT:
        return "silent";
    case CONDUCT_GARBAGE:
        return "garbage";
    case CONDUCT_LIAR:
        return "liar";
    case CONDUCT_EQUIVOCATOR:
        return "equivocator";
    case CONDUCT_AHEAD:
        return "ahead";
    case CONDUCT_SCHEMER:
        return "schemer";
    case CONDUCT_INVALID:
        break;
    }
    return "?";
}

void world_fail(const struct world *w, const char *what)
{
    for (unsigned i = 0; i < w->n; i++) {
        const struct world_node *node = &w->nodes[i];
        if (node->core == NULL)
            continue;
        struct pbft_info info = world_info(w, i);
        fprintf(stderr,
            "r%u %s: view %llu%s%s delivered %llu executed %llu stable %llu pending %u in flight "
            "%u\n",
            i, conduct_name(node->conduct), (unsigned long long)info.view,
            info.active ? "" : " changing", info.suspects ? " suspects" : "",
            (unsigned long long)info.delivered, (unsigned long long)info.executed,
            (unsigned long long)info.stable, info.pending, info.in_flight);
    }
    fprintf(stderr, "FAILED: seed %llu, f=%u, at %llu us: %s\n",
        (unsigned long long)w->options.seed, w->options.faults, (unsigned long long)w->now_us,
        what);
    abort();
}

uint64_t world_random(struct world *w, uint64_t below)
{
    w->random += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t x = w->random;
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    x ^= x >> 31;
    return below == 0 ? x : x % below;
}

/* ---- the future: a heap by time, then by order of posting ---- */

static bool is_earlier(const struct world_event *a, const struct world_event *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static void swap(struct world *w, size_t a, size_t b)
{
    struct world_event event = w->heap[a];
    w->heap[a] = w->heap[b];
    w->heap[b] = event;
}

static void heap_push(struct world *w, struct world_event event)
{
    if (w->heap_count == w->heap_capacity) {
        w->heap_capacity = w->heap_capacity == 0 ? 256 : 2 * w->heap_capacity;
        w->heap = realloc(w->heap, w->heap_capacity * sizeof *w->heap);
        if (w->heap == NULL)
            world_fail(w, "out of memory");
    }
    event.order = w->order++;
    size_t at = w->heap_count++;
    w->heap[at] = event;
    while (at > 0 && is_earlier(&w->heap[at], &w->heap[(at - 1) / 2])) {
        swap(w, at, (at - 1) / 2);
        at = (at - 1) / 2;
    }
}

static struct world_event heap_pop(struct world *w)
{
    struct world_event top = w->heap[0];
    w->heap[0] = w->heap[--w->heap_count];
    for (size_t at = 0;;) {
        size_t child = 2 * at + 1;
        if (child >= w->heap_count)
            return top;
        if (child + 1 < w->heap_count && is_earlier(&w->heap[child + 1], &w->heap[child]))
            child++;
        if (!is_earlier(&w->heap[child], &w->heap[at]))
            return top;
        swap(w, at, child);
        at = child;
    }
}

void world_post(struct world *w, struct world_event event, struct slice bytes)
{
    buffer_init(&event.bytes, FRAME_BODY_BYTES_MAX);
    put_raw(&event.bytes, bytes.data, bytes.size);
    heap_push(w, event);
}

void world_transmit(
    struct world *w, unsigned from, unsigned to, enum message_type type, struct slice body)
{
    const struct world_options *o = &w->options;
    if (w->nodes[from].cut_off || w->nodes[to].cut_off || world_random(w, 100) < o->loss_percent ||
        (w->lose != NULL && w->lose(w, from, to, type)))
        return;
    unsigned copies = world_random(w, 100) < o->duplicate_percent ? 2 : 1;
    for (unsigned i = 0; i < copies; i++) {
        uint64_t latency_us =
            o->latency_us_min + world_random(w, o->latency_us_max - o->latency_us_min + 1);
        struct world_event event = {.kind = WORLD_MESSAGE,
            .at_us = w->now_us + latency_us,
            .from = from,
            .to = to,
            .type = type};
        world_post(w, event, body);
    }
}

/* ---- replicas ---- */

static void carry_out(struct world *w, unsigned replica)
{
    struct world_node *node = &w->nodes[replica];
    const struct pbft_update *u = &w->update;
    for (unsigned i = 0; i < u->persist_count; i++)
        world_trace_record(w, replica, &u->persist[i]);
    disk_write(&node->disk, u->persist, u->persist_count);
    if (node->conduct == CONDUCT_CORRECT)
        world_check_promises(w, replica, u);
    for (unsigned i = 0; i < u->send_count; i++) {
        world_trace_send(w, replica, &u->sends[i]);
        w->sent_count[u->sends[i].type]++;
        world_conduct_send(w, replica, &u->sends[i]);
    }
    for (unsigned i = 0; i < u->reply_count; i++) {
        if (node->conduct == CONDUCT_SILENT || node->cut_off)
            continue;
        struct world_event event = {.kind = WORLD_REPLY,
            .at_us = w->now_us + w->options.latency_us_min,
            .from = replica,
            .to = u->replies[i].client};
        world_post(w, event, u->replies[i].body);
    }
    for (unsigned i = 0; i < u->delivery_count; i++)
        world_execute(w, replica, &u->deliveries[i]);
    node->fetch_count += u->fetch;
    if (u->diverged != NULL && node->conduct == CONDUCT_CORRECT)
        world_fail(w, u->diverged);
}

void world_step(struct world *w, unsigned replica, struct pbft_event event)
{
    struct world_node *node = &w->nodes[replica];
    event.now_us = w->now_us;
    event.clock_us = WORLD_CLOCK_US + w->now_us + node->clock_offset_us;
    pbft_step(node->core, &event, &w->update);
    invariants_check_all(node->core);
    if (w->update.invalid != NULL) {
        node->invalid_count++;
        if (event.type == PBFT_MESSAGE)
            world_trace(w, "r%u       drops %s from r%u: %s", replica,
                message_name((uint8_t)event.message_type), event.from, w->update.invalid);
        else
            world_trace(w, "r%u       drops a request: %s", replica, w->update.invalid);
    }
    carry_out(w, replica);
}

static bool has_committed(const struct disk *disk, uint64_t seq)
{
    const struct disk_record *state = disk_last(disk, PBFT_RECORD_STATE);
    return (state != NULL && seq <= state->seq) ||
           disk_read(disk, PBFT_RECORD_COMMITTED, seq) != NULL;
}

/* The daemon's part of catching up: final batches from its disk. */
static void answer_fetch(struct world *w, unsigned replica, unsigned to, struct slice body)
{
    struct fetch m;
    if (fetch_decode(body, &m) != NULL)
        return;
    const struct disk *disk = &w->nodes[replica].disk;
    for (uint64_t seq = m.seq; seq < m.seq + m.count; seq++) {
        const struct disk_record *r = disk_read(disk, PBFT_RECORD_BATCH, seq);
        if (r == NULL || !has_committed(disk, seq))
            return;
        struct pre_prepare stored;
        if (pre_prepare_decode(buffer_slice(&r->value), &stored) != NULL)
            world_fail(w, "a damaged record");
        struct fetched answer = {.batch = stored.batch};
        struct buffer b = BUFFER_INIT(FRAME_BODY_BYTES_MAX);
        fetched_encode(&b, &answer);
        struct pbft_send send = {.to = to, .type = MESSAGE_BATCH, .body = buffer_slice(&b)};
        world_trace_send(w, replica, &send);
        world_conduct_send(w, replica, &send);
        buffer_free(&b);
    }
}

static void receive(struct world *w, const struct world_event *event)
{
    struct slice body = buffer_slice(&event->bytes);
    if (event->type == MESSAGE_FETCH) {
        answer_fetch(w, event->to, event->from, body);
        return;
    }
    world_step(w, event->to,
        (struct pbft_event){.type = PBFT_MESSAGE,
            .from = event->from,
            .message_type = event->type,
            .message_body = body});
}

static void happen(struct world *w, const struct world_event *event)
{
    struct request request;
    if (event->kind == WORLD_REPLY) {
        world_client_reply(w, event->from, event->to, buffer_slice(&event->bytes));
        return;
    }
    if (!w->nodes[event->to].up)
        return;
    switch (event->kind) {
    case WORLD_MESSAGE:
        receive(w, event);
        return;
    case WORLD_REQUEST:
        if (w->nodes[event->to].cut_off)
            return;
        if (request_decode(buffer_slice(&event->bytes), &request) != NULL)
            world_fail(w, "a client's malformed request");
        world_step(w, event->to, (struct pbft_event){.type = PBFT_REQUEST, .request = &request});
        return;
    case WORLD_EXECUTED:
        world_executed(w, event);
        return;
    case WORLD_REPLY:
    case WORLD_EVENT_INVALID:
        break;
    }
    world_fail(w, "an event without a kind");
}

/* ---- time ---- */

static uint64_t next_time(const struct world *w)
{
    uint64_t next = world_client_deadline(w);
    if (w->heap_count > 0 && w->heap[0].at_us < next)
        next = w->heap[0].at_us;
    for (unsigned i = 0; i < w->n; i++) {
        uint64_t deadline = w->nodes[i].up ? pbft_deadline(w->nodes[i].core) : UINT64_MAX;
        if (deadline < next)
            next = deadline;
    }
    return next;
}

static void tick(struct world *w)
{
    world_client_tick(w);
    for (unsigned i = 0; i < w->n; i++) {
        for (unsigned guard = 0; w->nodes[i].up && pbft_deadline(w->nodes[i].core) <= w->now_us;
             guard++) {
            world_step(w, i, (struct pbft_event){.type = PBFT_TICK});
            if (guard > 1000)
                world_fail(w, "the core asks for the same tick for ever");
        }
    }
}

void world_run(struct world *w, uint64_t until_us)
{
    for (;;) {
        uint64_t next = next_time(w);
        if (next > until_us)
            break;
        if (next > w->now_us)
            w->now_us = next;
        tick(w);
        while (w->heap_count > 0 && w->heap[0].at_us <= w->now_us) {
            struct world_event event = heap_pop(w);
            happen(w, &event);
            buffer_free(&event.bytes);
        }
    }
    w->now_us = until_us;
}

/* ---- life ---- */

static void start(struct world *w, unsigned replica)
{
    const struct world_options *o = &w->options;
    struct world_node *node = &w->nodes[replica];
    node->signer.self = replica;
    struct pbft_options options = {
        .faults = o->faults,
        .self = replica,
        .client_count = KEYS,
        .window = o->window,
        .checkpoint_interval = o->interval,
        .batch_requests_max = 8,
        .batch_bytes_max = 65536,
        .batches_in_flight_max = o->in_flight,
        .sessions_per_client_max = 8,
        .pending_bytes_max = 2 << 20,
        .app_state_bytes_max = 64,
        .clock_skew_us_max = WORLD_SKEW_US,
        .heartbeat_us = HEARTBEAT_US,
        .retransmit_us = RETRANSMIT_US,
        .view_change_timeout_us = TIMEOUT_US,
        .lost_log = node->lost_log,
        .crypto = fake_crypto(&node->signer),
    };
    node->core = pbft_new(&options);
    if (node->core == NULL)
        world_fail(w, "no core");
    struct slice app_state;
    if (!disk_restore(&node->disk, node->core, &app_state))
        world_fail(w, "a record was refused");
    struct reader r = reader_of(app_state);
    node->app = (struct world_app){.hash = get_u64(&r), .count = get_u64(&r)};
    node->delivered_count = 0;
    node->executor_free_us = w->now_us;
    node->lost_log = false;
    node->up = true;
    node->incarnation++;
}

struct world *world_new(const struct world_options *options)
{
    struct world *w = calloc(1, sizeof *w);
    if (w == NULL)
        abort();
    w->options = *options;
    w->n = 3 * options->faults + 1;
    w->random = options->seed;
    buffer_init(&w->trace, 16 << 20);
    for (unsigned i = 0; i < w->n; i++) {
        w->nodes[i].conduct = CONDUCT_CORRECT;
        w->nodes[i].said = statements_new(i, w->n);
        start(w, i);
    }
    return w;
}

void world_free(struct world *w)
{
    for (unsigned i = 0; i < w->n; i++) {
        pbft_free(w->nodes[i].core);
        disk_free(&w->nodes[i].disk);
        statements_free(w->nodes[i].said);
    }
    for (size_t i = 0; i < w->heap_count; i++)
        buffer_free(&w->heap[i].bytes);
    free(w->heap);
    free(w->executed);
    buffer_free(&w->trace);
    free(w);
}

void world_crash(struct world *w, unsigned replica)
{
    struct world_node *node = &w->nodes[replica];
    world_trace(w, "-- r%u crashes", replica);
    pbft_free(node->core);
    node->core = NULL;
    node->up = false;
    disk_crash(&node->disk);
}

void world_restart(struct world *w, unsigned replica)
{
    world_trace(w, "-- r%u starts again", replica);
    start(w, replica);
}

void world_lose_log(struct world *w, unsigned replica)
{
    struct world_node *node = &w->nodes[replica];
    if (node->up)
        world_fail(w, "a running replica's disk was lost");
    world_trace(w, "-- r%u loses its disk", replica);
    disk_free(&node->disk);
    node->lost_log = true;
}

struct pbft_info world_info(const struct world *w, unsigned replica)
{
    struct pbft_info info;
    pbft_info(w->nodes[replica].core, &info);
    return info;
}
