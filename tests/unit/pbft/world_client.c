/* Clients: one request of a session at a time, to all replicas, until f+1 answer alike. */
#include "tests/unit/pbft/forge.h"
#include "tests/unit/pbft/world.h"

#include <string.h>

#define REPEAT_US 400000

void world_add_client(struct world *w, unsigned key, uint64_t session)
{
    if (w->client_count == WORLD_CLIENTS_MAX)
        world_fail(w, "too many clients");
    w->clients[w->client_count++] = (struct world_client){.key = key, .session = session};
}

static void send_request(struct world *w, struct world_client *c)
{
    struct buffer b = BUFFER_INIT(4096);
    forge_request(&b, c->key, c->session, c->number, "transfer");
    for (unsigned i = 0; i < w->n; i++) {
        if (world_random(w, 100) < w->options.loss_percent)
            continue;
        uint64_t spread_us = w->options.latency_us_max - w->options.latency_us_min;
        struct world_event event = {.kind = WORLD_REQUEST,
            .at_us = w->now_us + w->options.latency_us_min + world_random(w, spread_us + 1),
            .to = i};
        world_post(w, event, buffer_slice(&b));
    }
    buffer_free(&b);
    c->repeat_us = w->now_us + REPEAT_US;
}

static void next_request(struct world *w, struct world_client *c)
{
    c->waiting = c->wanted > 0;
    if (!c->waiting)
        return;
    c->wanted--;
    c->number++;
    c->replied = 0;
    world_trace(w, "client   asks %u.%llu.%llu", c->key, (unsigned long long)c->session,
        (unsigned long long)c->number);
    send_request(w, c);
}

void world_ask(struct world *w, unsigned client, unsigned count)
{
    struct world_client *c = &w->clients[client];
    c->wanted += count;
    if (!c->waiting)
        next_request(w, c);
}

uint64_t world_client_deadline(const struct world *w)
{
    uint64_t next = UINT64_MAX;
    for (unsigned i = 0; i < w->client_count; i++) {
        if (w->clients[i].waiting && w->clients[i].repeat_us < next)
            next = w->clients[i].repeat_us;
    }
    return next;
}

void world_client_tick(struct world *w)
{
    for (unsigned i = 0; i < w->client_count; i++) {
        struct world_client *c = &w->clients[i];
        if (!c->waiting || c->repeat_us > w->now_us)
            continue;
        world_trace(w, "client   repeats %u.%llu.%llu", c->key, (unsigned long long)c->session,
            (unsigned long long)c->number);
        send_request(w, c);
    }
}

bool world_clients_done(const struct world *w)
{
    for (unsigned i = 0; i < w->client_count; i++) {
        if (w->clients[i].waiting)
            return false;
    }
    return true;
}

static unsigned equal_results(const struct world *w, const struct world_client *c, unsigned replica)
{
    unsigned count = 0;
    for (unsigned i = 0; i < w->n; i++)
        count += (c->replied >> i & 1) != 0 && c->result[i] == c->result[replica];
    return count;
}

void world_client_reply(struct world *w, unsigned replica, unsigned key, struct slice body)
{
    struct reply reply;
    if (reply_decode(body, &reply) != NULL)
        return;
    for (unsigned i = 0; i < w->client_count; i++) {
        struct world_client *c = &w->clients[i];
        if (!c->waiting || c->key != key || c->session != reply.session ||
            c->number != reply.number || reply.result.size != sizeof c->result[replica])
            continue;
        c->replied |= UINT32_C(1) << replica;
        memcpy(&c->result[replica], reply.result.data, sizeof c->result[replica]);
        if (equal_results(w, c, replica) <= w->options.faults)
            continue;
        world_trace(w, "client   believes %u.%llu.%llu", c->key, (unsigned long long)c->session,
            (unsigned long long)c->number);
        next_request(w, c);
    }
}
