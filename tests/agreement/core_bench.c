/* What agreement itself costs: four cores in one process and one thread, which step through the
 * requests of closed-loop clients in memory. No socket, no disk, no execution: records are counted
 * and dropped, each batch is executed at once. So requests per second here are what one processor
 * could do for all four replicas together.
 *
 *     byz-core-bench [SECONDS a point]
 *
 * Prints a table, and each figure again as "FIGURE core CRYPTO BATCH CLIENTS NAME VALUE". */
#include "tests/agreement/bench_crypto.h"

#include "common/config.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <time.h>

#define FAULTS 1
#define REPLICAS (3 * FAULTS + 1)
#define CLIENTS_MAX 64
#define WARM_US 300000
#define REQUEST_BYTES 256
#define CALIBRATIONS 1000
#define TO_LINK_BYTES FRAME_HEADER_BYTES

/* A message or a request on its way; to several, the bytes are shared. */
struct bytes {
    unsigned users;
    size_t size;
    uint8_t data[];
};

struct parcel {
    STAILQ_ENTRY(parcel) next;
    unsigned from, to;
    enum message_type type; /* MESSAGE_REQUEST: of a client */
    struct bytes *bytes;
};
STAILQ_HEAD(parcels, parcel);

struct done {
    STAILQ_ENTRY(done) next;
    uint64_t seq;
    unsigned count;
    bool checkpoint;
    bool skip[BATCH_REQUESTS_MAX];
};

struct node {
    struct pbft *core;
    struct bench_signer signer;
    struct pbft_update update;
    STAILQ_HEAD(, done) done; /* executed; the core does not know yet */
};

struct client {
    uint64_t session, number;
    unsigned replies; /* to `number` */
    uint64_t sent_us;
};

struct counts {
    uint64_t requests, batches, messages, message_bytes, client_messages, client_bytes, records,
        record_bytes, flushes, latency_us;
    struct bench_crypto_counts crypto;
};

struct bench {
    struct bench_keys keys;
    struct node nodes[REPLICAS];
    struct parcels parcels, spare;
    struct client clients[CLIENTS_MAX];
    unsigned client_count;
    struct counts counts;
    uint64_t signing_us; /* the clients' part of the time */
};

static uint64_t clock_us(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

/* ---- parcels ---- */

static struct bytes *bytes_new(struct slice slice)
{
    struct bytes *bytes = malloc(sizeof *bytes + slice.size);
    assert(bytes);
    bytes->users = 0;
    bytes->size = slice.size;
    if (slice.size)
        memcpy(bytes->data, slice.data, slice.size);
    return bytes;
}

static void post(
    struct bench *b, unsigned from, unsigned to, enum message_type type, struct bytes *bytes)
{
    struct parcel *parcel = STAILQ_FIRST(&b->spare);
    if (parcel)
        STAILQ_REMOVE_HEAD(&b->spare, next);
    else
        parcel = malloc(sizeof *parcel);
    assert(parcel);
    parcel->from = from;
    parcel->to = to;
    parcel->type = type;
    parcel->bytes = bytes;
    bytes->users++;
    STAILQ_INSERT_TAIL(&b->parcels, parcel, next);
}

static void post_send(struct bench *b, unsigned from, const struct pbft_send *send)
{
    struct bytes *bytes = bytes_new(send->body);
    for (unsigned to = 0; to < REPLICAS; to++) {
        if (to == from || (send->to != PBFT_TO_ALL && send->to != to))
            continue;
        b->counts.messages++;
        b->counts.message_bytes += TO_LINK_BYTES + bytes->size;
        post(b, from, to, send->type, bytes);
    }
}

/* ---- clients ---- */

static void ask(struct bench *b, struct client *c)
{
    uint8_t memory[REQUEST_BYTES], covered_memory[REQUEST_BYTES], body_memory[64];
    struct buffer out = {.data = memory, .capacity = REQUEST_BYTES, .size_max = REQUEST_BYTES};
    struct buffer covered = {
        .data = covered_memory, .capacity = REQUEST_BYTES, .size_max = REQUEST_BYTES};
    struct buffer body = {.data = body_memory, .capacity = 64, .size_max = 64};
    struct order order = {.kind = ORDER_BEGIN, .coordinator = 1};
    order_encode(&body, &order);
    c->replies = 0;
    struct request request = {
        .session = c->session, .number = ++c->number, .body = buffer_slice(&body)};
    request_put_signed_part(&covered, &request);
    uint64_t before_us = clock_us(CLOCK_THREAD_CPUTIME_ID);
    bench_sign_request(&b->keys, covered.data, covered.size, request.signature);
    b->signing_us += clock_us(CLOCK_THREAD_CPUTIME_ID) - before_us;
    c->sent_us = clock_us(CLOCK_MONOTONIC);
    request_encode(&out, &request);
    assert(!out.failed && !covered.failed && !body.failed);
    struct bytes *bytes = bytes_new(buffer_slice(&out));
    for (unsigned to = 0; to < REPLICAS; to++)
        post(b, 0, to, MESSAGE_REQUEST, bytes);
    b->counts.client_messages += REPLICAS;
    b->counts.client_bytes += REPLICAS * (TO_LINK_BYTES + bytes->size);
}

static void take_reply(struct bench *b, const struct pbft_reply *r)
{
    struct reply reply;
    const char *reason = reply_decode(r->body, &reply);
    assert(!reason && reply.session >= 1 && reply.session <= b->client_count);
    struct client *c = &b->clients[reply.session - 1];
    b->counts.client_messages++;
    b->counts.client_bytes += TO_LINK_BYTES + r->body.size;
    if (reply.number != c->number || ++c->replies != FAULTS + 1)
        return;
    b->counts.requests++;
    b->counts.latency_us += clock_us(CLOCK_MONOTONIC) - c->sent_us;
    ask(b, c);
}

/* ---- replicas ---- */

static void deliver(struct bench *b, struct node *node, const struct pbft_delivery *delivery)
{
    struct done *done = malloc(sizeof *done);
    assert(done);
    done->seq = delivery->batch.seq;
    done->count = delivery->batch.request_count;
    done->checkpoint = delivery->checkpoint;
    memcpy(done->skip, delivery->skip, done->count * sizeof done->skip[0]);
    STAILQ_INSERT_TAIL(&node->done, done, next);
    b->counts.batches += node == &b->nodes[0];
}

static void follow(struct bench *b, unsigned self)
{
    struct node *node = &b->nodes[self];
    const struct pbft_update *u = &node->update;
    bool durable = false;
    assert(!u->invalid && !u->diverged);
    for (unsigned i = 0; i < u->persist_count; i++) {
        b->counts.records++;
        b->counts.record_bytes += u->persist[i].value.size;
        durable |= u->persist[i].durable;
    }
    b->counts.flushes += durable;
    for (unsigned i = 0; i < u->send_count; i++)
        post_send(b, self, &u->sends[i]);
    for (unsigned i = 0; i < u->delivery_count; i++)
        deliver(b, node, &u->deliveries[i]);
    for (unsigned i = 0; i < u->reply_count; i++)
        take_reply(b, &u->replies[i]);
}

static void step(struct bench *b, unsigned self, struct pbft_event *event)
{
    event->now_us = clock_us(CLOCK_MONOTONIC);
    event->clock_us = clock_us(CLOCK_REALTIME);
    pbft_step(b->nodes[self].core, event, &b->nodes[self].update);
    follow(b, self);
}

static void report_done(struct bench *b, unsigned self, const struct done *done)
{
    static const uint8_t outcome[OUTCOME_BYTES] = {OUTCOME_BEGUN};
    static const uint8_t state[16];
    struct slice results[BATCH_REQUESTS_MAX];
    for (unsigned i = 0; i < done->count; i++)
        results[i] = slice_of(outcome, done->skip[i] ? 0 : sizeof outcome);
    struct pbft_event event = {.type = PBFT_EXECUTED,
        .seq = done->seq,
        .results = results,
        .result_count = done->count,
        .app_state = slice_of(state, done->checkpoint ? sizeof state : 0)};
    step(b, self, &event);
}

/* What the node has to do by itself: tell of executed batches, and what time brings. */
static void settle(struct bench *b, unsigned self)
{
    struct node *node = &b->nodes[self];
    struct done *done;
    while ((done = STAILQ_FIRST(&node->done))) {
        STAILQ_REMOVE_HEAD(&node->done, next);
        report_done(b, self, done);
        free(done);
    }
    struct pbft_event tick = {.type = PBFT_TICK};
    if (pbft_deadline(node->core) <= clock_us(CLOCK_MONOTONIC))
        step(b, self, &tick);
}

static void take_parcel(struct bench *b, const struct parcel *parcel)
{
    struct slice body = slice_of(parcel->bytes->data, parcel->bytes->size);
    struct request request;
    struct pbft_event event = {.type = PBFT_MESSAGE,
        .from = parcel->from,
        .message_type = parcel->type,
        .message_body = body};
    if (parcel->type == MESSAGE_REQUEST) {
        const char *reason = request_decode(body, &request);
        assert(!reason);
        event = (struct pbft_event){.type = PBFT_REQUEST, .request = &request};
    }
    step(b, parcel->to, &event);
}

static void run_until(struct bench *b, uint64_t until_us)
{
    struct parcel *parcel;
    while (clock_us(CLOCK_MONOTONIC) < until_us) {
        if ((parcel = STAILQ_FIRST(&b->parcels))) {
            STAILQ_REMOVE_HEAD(&b->parcels, next);
            take_parcel(b, parcel);
            if (--parcel->bytes->users == 0)
                free(parcel->bytes);
            STAILQ_INSERT_HEAD(&b->spare, parcel, next);
        }
        for (unsigned i = 0; i < REPLICAS; i++)
            settle(b, i);
    }
}

/* ---- one point ---- */

static struct pbft_options options_of(struct bench *b, unsigned self, unsigned batch_max)
{
    struct config c = {0};
    config_defaults(&c);
    return (struct pbft_options){.faults = FAULTS,
        .self = self,
        .client_count = 1,
        .window = c.window,
        .checkpoint_interval = c.checkpoint_interval,
        .batch_requests_max = batch_max,
        .batch_bytes_max = c.batch_bytes_max,
        .batches_in_flight_max = c.batches_in_flight_max,
        .sessions_per_client_max = c.sessions_per_client_max,
        .clock_skew_us_max = (uint64_t)c.clock_skew_ms_max * 1000,
        .heartbeat_us = (uint64_t)c.heartbeat_ms * 1000,
        .retransmit_us = (uint64_t)c.retransmit_ms * 1000,
        .view_change_timeout_us = (uint64_t)c.view_change_timeout_ms * 1000,
        .crypto = bench_crypto_ops(&b->nodes[self].signer)};
}

static bool bench_make(struct bench *b, bool real, unsigned batch_max, unsigned client_count)
{
    *b = (struct bench){.client_count = client_count};
    STAILQ_INIT(&b->parcels);
    STAILQ_INIT(&b->spare);
    if (!bench_keys_make(&b->keys, REPLICAS, real))
        return false;
    for (unsigned i = 0; i < REPLICAS; i++) {
        struct node *node = &b->nodes[i];
        node->signer = (struct bench_signer){.keys = &b->keys, .self = i};
        STAILQ_INIT(&node->done);
        struct pbft_options options = options_of(b, i, batch_max);
        node->core = pbft_new(&options);
        if (!node->core)
            return false;
    }
    for (unsigned i = 0; i < client_count; i++) {
        b->clients[i].session = i + 1;
        ask(b, &b->clients[i]);
    }
    return true;
}

static void parcels_free(struct parcels *parcels, bool full)
{
    struct parcel *parcel;
    while ((parcel = STAILQ_FIRST(parcels))) {
        STAILQ_REMOVE_HEAD(parcels, next);
        if (full && --parcel->bytes->users == 0)
            free(parcel->bytes);
        free(parcel);
    }
}

static void bench_free(struct bench *b)
{
    parcels_free(&b->parcels, true);
    parcels_free(&b->spare, false);
    for (unsigned i = 0; i < REPLICAS; i++) {
        struct done *done;
        while ((done = STAILQ_FIRST(&b->nodes[i].done))) {
            STAILQ_REMOVE_HEAD(&b->nodes[i].done, next);
            free(done);
        }
        pbft_free(b->nodes[i].core);
    }
    bench_keys_free(&b->keys);
}

struct point {
    bool real;
    unsigned batch_max, client_count;
};

static void figure(const struct point *p, const char *name, double value)
{
    printf("FIGURE core %s %u %u %s %.3f\n", p->real ? "real" : "fake", p->batch_max,
        p->client_count, name, value);
}

static void report(
    const struct point *p, const struct counts *c, double seconds, double cpu_us, bool figures)
{
    double n = c->requests ? (double)c->requests : 1;
    double rate = (double)c->requests / seconds, batch = n / (double)(c->batches ? c->batches : 1);
    double messages = (double)c->messages / n, bytes = (double)c->message_bytes / n;
    double signs = (double)c->crypto.signs / n, verifies = (double)c->crypto.verifies / n;
    if (!figures) {
        printf("%-5s %5u %7u %10.0f %8.2f %7.2f %9.1f %8.0f %9.1f %8.0f %6.2f %8.2f %7.1f\n",
            p->real ? "real" : "fake", p->batch_max, p->client_count, rate,
            (double)c->latency_us / n / 1000, batch, messages, bytes,
            (double)c->client_messages / n, (double)c->client_bytes / n, signs, verifies,
            cpu_us / n);
        return;
    }
    figure(p, "requests_per_s", rate);
    figure(p, "mean_latency_us", (double)c->latency_us / n);
    figure(p, "requests_per_batch", batch);
    figure(p, "messages_per_request", messages);
    figure(p, "bytes_per_request", bytes);
    figure(p, "client_messages_per_request", (double)c->client_messages / n);
    figure(p, "client_bytes_per_request", (double)c->client_bytes / n);
    figure(p, "signs_per_request", signs);
    figure(p, "verifies_per_request", verifies);
    figure(p, "durable_steps_per_request", (double)c->flushes / n);
    figure(p, "cpu_us_per_request", cpu_us / n);
}

struct measured {
    struct point point;
    struct counts counts;
    double seconds, cpu_us;
};

static bool measure(struct measured *m, double seconds)
{
    static struct bench b;
    if (!bench_make(&b, m->point.real, m->point.batch_max, m->point.client_count))
        return false;
    run_until(&b, clock_us(CLOCK_MONOTONIC) + WARM_US);
    memset(&b.counts, 0, sizeof b.counts);
    memset(&b.keys.counts, 0, sizeof b.keys.counts);
    b.signing_us = 0;
    uint64_t cpu_us = clock_us(CLOCK_THREAD_CPUTIME_ID), begun_us = clock_us(CLOCK_MONOTONIC);
    run_until(&b, begun_us + (uint64_t)(seconds * 1e6));
    m->seconds = (double)(clock_us(CLOCK_MONOTONIC) - begun_us) / 1e6;
    m->cpu_us = (double)(clock_us(CLOCK_THREAD_CPUTIME_ID) - cpu_us - b.signing_us);
    m->counts = b.counts;
    m->counts.crypto = b.keys.counts;
    bench_free(&b);
    return m->counts.requests > 0;
}

/* What a signature costs at this moment: a busy machine makes everything below dearer alike. */
static bool calibrate(void)
{
    static struct bench_keys keys;
    uint8_t data[100] = {0}, signature[SIGNATURE_BYTES];
    struct bench_signer signer = {.keys = &keys};
    struct pbft_crypto crypto = bench_crypto_ops(&signer);
    bool good = bench_keys_make(&keys, REPLICAS, true);
    uint64_t begun_us = clock_us(CLOCK_THREAD_CPUTIME_ID);
    for (unsigned i = 0; good && i < CALIBRATIONS; i++)
        crypto.sign(&signer, SIGN_PREPARE, data, sizeof data, signature);
    uint64_t signed_us = clock_us(CLOCK_THREAD_CPUTIME_ID);
    for (unsigned i = 0; good && i < CALIBRATIONS; i++)
        good = crypto.verify_replica(&signer, 0, SIGN_PREPARE, data, sizeof data, signature);
    uint64_t verified_us = clock_us(CLOCK_THREAD_CPUTIME_ID);
    bench_keys_free(&keys);
    printf("Ed25519 at this moment: sign %.0f µs, verify %.0f µs of CPU\n\n",
        (double)(signed_us - begun_us) / CALIBRATIONS,
        (double)(verified_us - signed_us) / CALIBRATIONS);
    return good;
}

int main(int argc, char **argv)
{
    static const unsigned batches[] = {1, 10, 100}, clients[] = {1, 8, 64};
    static struct measured all[18];
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 2;
    unsigned count = 0;
    if (seconds <= 0) {
        fprintf(stderr, "usage: byz-core-bench [SECONDS]\n");
        return 2;
    }
    if (!calibrate())
        return 1;
    printf("four cores in one thread; bytes and messages a request; CPU of all four, in µs\n\n"
           "%-5s %5s %7s %10s %8s %7s %9s %8s %9s %8s %6s %8s %7s\n",
        "keys", "batch", "clients", "requests/s", "mean ms", "filled", "messages", "bytes",
        "clients'", "bytes", "signs", "verifies", "CPU");
    for (unsigned real = 0; real < 2; real++)
        for (unsigned i = 0; i < 3; i++)
            for (unsigned k = 0; k < 3; k++, count++) {
                struct measured *m = &all[count];
                m->point = (struct point){real, batches[i], clients[k]};
                if (!measure(m, seconds))
                    return 1;
                report(&m->point, &m->counts, m->seconds, m->cpu_us, false);
                fflush(stdout);
            }
    puts("");
    for (unsigned i = 0; i < count; i++)
        report(&all[i].point, &all[i].counts, all[i].seconds, all[i].cpu_us, true);
    return 0;
}
