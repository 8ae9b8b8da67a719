/* The executors: a database is a hash over all that was executed. Here stand the checkers for
 * agreement and for exactly-once execution. */
#include "tests/unit/pbft/forge.h"
#include "tests/unit/pbft/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t hash_of(struct slice bytes)
{
    uint8_t digest[DIGEST_BYTES];
    fake_digest(bytes.data, bytes.size, digest);
    uint64_t hash;
    memcpy(&hash, digest, sizeof hash);
    return hash;
}

static uint64_t combine(uint64_t a, uint64_t b)
{
    uint64_t both[2] = {a, b};
    return hash_of(slice_of(both, sizeof both));
}

static uint64_t name_of(const struct request *r)
{
    uint64_t name[3] = {r->client, r->session, r->number};
    return hash_of(slice_of(name, sizeof name));
}

/* Called for the first correct replica that delivers a sequence number. */
static void remember_execution(struct world *w, const struct pbft_delivery *d)
{
    for (uint32_t i = 0; i < d->batch.request_count; i++) {
        if (d->skip[i])
            continue;
        uint64_t name = name_of(&d->requests[i]);
        for (size_t j = 0; j < w->executed_count; j++) {
            if (w->executed[j] == name)
                world_fail(w, "a request was executed twice");
        }
        w->executed = realloc(w->executed, (w->executed_count + 1) * sizeof *w->executed);
        w->executed[w->executed_count++] = name;
    }
}

/* All that executors are told of a batch: its content, what is skipped, time and seed. */
static void digest_of(const struct pbft_delivery *d, uint8_t ret[static DIGEST_BYTES])
{
    struct buffer b = BUFFER_INIT(1 << 16);
    forge_batch_digest(&d->batch, ret);
    put_raw(&b, ret, DIGEST_BYTES);
    for (uint32_t i = 0; i < d->batch.request_count; i++)
        put_bool(&b, d->skip[i]);
    put_u64(&b, d->timestamp_us);
    put_raw(&b, d->seed, DIGEST_BYTES);
    put_bool(&b, d->checkpoint);
    fake_digest(b.data, b.size, ret);
    buffer_free(&b);
}

/* Agreed time grows, and is not ahead of all clocks. */
static void check_time(struct world *w, const struct pbft_delivery *d)
{
    uint64_t latest_us = 0;
    for (unsigned i = 0; i < w->n; i++) {
        uint64_t clock_us = WORLD_CLOCK_US + w->now_us + w->nodes[i].clock_offset_us;
        if (clock_us > latest_us)
            latest_us = clock_us;
    }
    if (d->timestamp_us <= w->agreed_us)
        world_fail(w, "agreed time did not grow");
    if (d->timestamp_us > latest_us + WORLD_SKEW_US)
        world_fail(w, "agreed time is ahead of all clocks");
    w->agreed_us = d->timestamp_us;
}

/* Agreement, on all of it. */
static void check_agreement(struct world *w, const struct pbft_delivery *d)
{
    uint64_t seq = d->batch.seq;
    if (seq >= WORLD_SEQ_MAX)
        world_fail(w, "the world is too small");
    uint8_t digest[DIGEST_BYTES];
    digest_of(d, digest);
    if (!w->is_agreed[seq]) {
        if (seq > 1 && !w->is_agreed[seq - 1])
            world_fail(w, "a gap was delivered over");
        w->is_agreed[seq] = true;
        memcpy(w->agreed[seq], digest, DIGEST_BYTES);
        w->contributed += d->batch.contribution_count > 0;
        check_time(w, d);
        remember_execution(w, d);
    }
    if (memcmp(w->agreed[seq], digest, DIGEST_BYTES) != 0)
        world_fail(w, "two correct replicas delivered different batches");
}

static void trace_delivery(struct world *w, unsigned replica, const struct pbft_delivery *d)
{
    char text[256] = "";
    size_t size = 0;
    for (uint32_t i = 0; i < d->batch.request_count && size + 64 < sizeof text; i++)
        size += (size_t)snprintf(text + size, sizeof text - size, " %u.%llu.%llu%s",
            d->requests[i].client, (unsigned long long)d->requests[i].session,
            (unsigned long long)d->requests[i].number, d->skip[i] ? " (skipped)" : "");
    world_trace(w, "r%u       delivers %llu:%s%s", replica, (unsigned long long)d->batch.seq,
        d->batch.request_count == 0 ? " empty" : text, d->checkpoint ? ", checkpoint" : "");
}

void world_execute(struct world *w, unsigned replica, const struct pbft_delivery *d)
{
    struct world_node *node = &w->nodes[replica];
    trace_delivery(w, replica, d);
    node->delivered_count++;
    if (node->conduct == CONDUCT_CORRECT)
        check_agreement(w, d);
    struct buffer results = BUFFER_INIT(BATCH_REQUESTS_MAX * 16);
    node->app.hash = combine(node->app.hash, d->timestamp_us);
    for (uint32_t i = 0; i < d->batch.request_count; i++) {
        if (d->skip[i]) {
            put_bytes(&results, slice_of(NULL, 0));
            continue;
        }
        node->app.hash = combine(node->app.hash, name_of(&d->requests[i]));
        node->app.hash = combine(node->app.hash, hash_of(d->requests[i].body));
        node->app.count++;
        put_bytes(&results, slice_of(&node->app.hash, sizeof node->app.hash));
    }
    uint64_t start_us = node->executor_free_us > w->now_us ? node->executor_free_us : w->now_us;
    node->executor_free_us = start_us + w->options.execution_us;
    struct world_event event = {.kind = WORLD_EXECUTED,
        .at_us = node->executor_free_us,
        .to = replica,
        .incarnation = node->incarnation,
        .seq = d->batch.seq,
        .checkpoint = d->checkpoint,
        .app = node->app};
    world_post(w, event, buffer_slice(&results));
    buffer_free(&results);
}

void world_executed(struct world *w, const struct world_event *event)
{
    if (event->incarnation != w->nodes[event->to].incarnation)
        return;
    struct slice results[BATCH_REQUESTS_MAX];
    unsigned count = 0;
    struct reader r = reader_of(buffer_slice(&event->bytes));
    while (reader_left(&r) > 0)
        results[count++] = get_bytes(&r, 16);
    struct buffer state = BUFFER_INIT(16);
    put_u64(&state, event->app.hash);
    put_u64(&state, event->app.count);
    struct pbft_event executed = {.type = PBFT_EXECUTED,
        .seq = event->seq,
        .results = results,
        .result_count = count,
        .more_time = w->more_time};
    if (event->checkpoint)
        executed.app_state = buffer_slice(&state);
    world_trace(w, "r%u       executed %llu", event->to, (unsigned long long)event->seq);
    world_step(w, event->to, executed);
    buffer_free(&state);
}
