/* A node with a valid key that sends without end: what it says is well formed and worthless.
 *
 *     flood CONFIG KEY replica|client ID MEGABYTES SECONDS
 *
 * dials the replicas (a replica dials those below it, as the daemon does) and sends until so many
 * megabytes are with the kernel, dialling again when it is thrown out. Prints how much it sent and
 * how often it was thrown out; ends with 1 if the time was over before. */
#include "tests/agreement/load_link.h"

#include <assert.h>
#include <inttypes.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICK_SECONDS 0.001
#define BURST_MAX 16 /* frames to one replica in a row */
#define BODY_BYTES_MAX FRAME_BODY_BYTES_MAX

struct flood {
    struct load_net net;
    struct config *config;
    struct private_key *key;
    struct load_link links[REPLICAS_MAX];
    unsigned link_count;
    struct buffer body, requests;
    uint64_t sent; /* frames */
    uint64_t bytes_wanted;
    ev_timer tick, limit;
};

/* ---- what it says ---- */

/* A request as large as can be, signed with nonsense. */
static struct request large_request(struct flood *f, size_t size)
{
    static uint8_t content[REQUEST_BODY_BYTES_MAX];
    struct request request = {.client = 0,
        .session = 1 + f->sent % 1000,
        .number = 1 + f->sent,
        .body = slice_of(content, size)};
    if (f->net.role == HELLO_CLIENT)
        request.client = (uint16_t)f->net.id;
    return request;
}

/* Two megabytes of requests at a place in the order that is not its to fill. */
static struct batch large_batch(struct flood *f, uint64_t seq)
{
    struct request request = large_request(f, REQUEST_BODY_BYTES_MAX - 4096);
    buffer_clear(&f->requests);
    request_encode(&f->requests, &request);
    return (struct batch){
        .seq = seq, .timestamp_us = 1, .request_count = 1, .requests = buffer_slice(&f->requests)};
}

static enum message_type say_as_replica(struct flood *f)
{
    uint64_t seq = 1 + f->sent % 100000;
    struct batch batch = large_batch(f, seq);
    struct pre_prepare proposal = {.view = f->sent % 8, .batch = batch};
    struct fetched fetched = {.batch = batch};
    struct commit commit = {.view = f->sent % 3, .seq = seq};
    struct fetch fetch = {.seq = 1, .count = FETCH_BATCHES_MAX};
    struct request request = large_request(f, REQUEST_BODY_BYTES_MAX);
    switch (f->sent % 6) {
    case 0:
        pre_prepare_encode(&f->body, &proposal);
        return MESSAGE_PRE_PREPARE;
    case 1:
        fetched_encode(&f->body, &fetched);
        return MESSAGE_BATCH;
    case 2:
        content_encode(&f->body, &batch);
        return MESSAGE_CONTENT;
    case 3:
        request_encode(&f->body, &request);
        return MESSAGE_RELAY;
    case 4:
        fetch_encode(&f->body, &fetch);
        return MESSAGE_FETCH;
    default:
        commit_encode(&f->body, &commit);
        return MESSAGE_COMMIT;
    }
}

static enum message_type say_as_client(struct flood *f)
{
    struct request request = large_request(f, REQUEST_BODY_BYTES_MAX);
    request_encode(&f->body, &request);
    return MESSAGE_REQUEST;
}

/* ---- saying it ---- */

static void say(struct flood *f, struct load_link *link)
{
    buffer_clear(&f->body);
    bool replica = f->net.role == HELLO_REPLICA;
    enum message_type type = replica ? say_as_replica(f) : say_as_client(f);
    assert(!f->body.failed && !f->requests.failed);
    f->sent++;
    load_link_send(link, type, buffer_slice(&f->body));
}

static void on_tick(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct flood *f = timer->data;
    for (unsigned i = 0; i < f->link_count; i++)
        for (unsigned n = 0; n < BURST_MAX && load_link_idle(&f->links[i]); n++)
            say(f, &f->links[i]);
    if (f->net.bytes_sent >= f->bytes_wanted)
        ev_break(loop, EVBREAK_ALL);
}

static void on_limit(struct ev_loop *loop, ev_timer *timer, int events)
{
    ev_break(loop, EVBREAK_ALL);
}

static void on_up(void *context, unsigned replica)
{
}

static void on_frame(void *context, unsigned replica, uint8_t type, struct slice body)
{
}

/* ---- life ---- */

static bool open_all(struct flood *f, char **argv)
{
    char error[512];
    f->config = config_load(argv[1], error, sizeof error);
    f->key = f->config ? private_key_load(argv[2], error, sizeof error) : NULL;
    f->net = (struct load_net){.loop = ev_default_loop(EVFLAG_AUTO),
        .config = f->config,
        .role = strcmp(argv[3], "replica") == 0 ? HELLO_REPLICA : HELLO_CLIENT,
        .id = (unsigned)strtoul(argv[4], NULL, 10),
        .out_bytes_max = FRAME_BODY_BYTES_MAX};
    if (f->key)
        f->net.tls = tls_context_new(f->config, f->key, false, error, sizeof error);
    if (!f->net.tls)
        fprintf(stderr, "flood: %s\n", error);
    return f->net.tls != NULL;
}

static void run(struct flood *f, double seconds)
{
    static const struct load_link_ops ops = {.up = on_up, .frame = on_frame};
    buffer_init(&f->body, BODY_BYTES_MAX);
    buffer_init(&f->requests, BODY_BYTES_MAX);
    f->link_count = f->net.role == HELLO_REPLICA ? f->net.id : f->config->replica_count;
    for (unsigned i = 0; i < f->link_count; i++)
        load_link_init(&f->links[i], &f->net, i, &ops, NULL);
    ev_timer_init(&f->tick, on_tick, TICK_SECONDS, TICK_SECONDS);
    ev_timer_init(&f->limit, on_limit, seconds, 0.);
    f->tick.data = f;
    ev_timer_start(f->net.loop, &f->tick);
    ev_timer_start(f->net.loop, &f->limit);
    ev_run(f->net.loop, 0);
    for (unsigned i = 0; i < f->link_count; i++)
        load_link_free(&f->links[i]);
    buffer_free(&f->body);
    buffer_free(&f->requests);
}

int main(int argc, char **argv)
{
    static struct flood f;
    if (argc != 7) {
        fprintf(stderr, "usage: flood CONFIG KEY replica|client ID MEGABYTES SECONDS\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    bool opened = open_all(&f, argv);
    f.bytes_wanted = strtoull(argv[5], NULL, 10) << 20;
    if (opened)
        run(&f, strtod(argv[6], NULL));
    printf("megabytes=%" PRIu64 " frames=%" PRIu64 " thrown_out=%" PRIu64 "\n",
        f.net.bytes_sent >> 20, f.sent, f.net.links_lost);
    bool enough = opened && f.net.bytes_sent >= f.bytes_wanted;
    SSL_CTX_free(f.net.tls);
    private_key_free(f.key);
    config_free(f.config);
    return !opened ? 2 : enough ? 0 : 1;
}
