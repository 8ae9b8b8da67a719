#include "tests/sim/client.h"

#include "tests/sim/client_tricks.h"
#include "tests/sim/sim.h"

#include <string.h>

#define WAIT_US 200000
#define WAIT_US_MAX 2000000
#define BODY_BYTES_MAX 200

struct body *client_make_request(struct sim *sim, unsigned client, uint64_t session,
    uint64_t number, uint64_t text, bool signed_well)
{
    uint8_t part[REQUEST_OVERHEAD_BYTES + BODY_BYTES_MAX], whole[sizeof part], body[BODY_BYTES_MAX];
    memset(body, (int)(text & 0xff), sizeof body);
    memcpy(body, &text, sizeof text);
    struct request m = {.client = (uint16_t)client,
        .session = session,
        .number = number,
        .body = slice_of(body, 8 + text % (BODY_BYTES_MAX - 8))};
    struct buffer b = {.data = part, .capacity = sizeof part, .size_max = sizeof part};
    request_put_signed_part(&b, &m);
    keys_sign_client(&sim->keys, client, buffer_slice(&b), m.signature);
    if (!signed_well)
        m.signature[3] ^= 1;
    check_requests_made(sim, &m);
    b = (struct buffer){.data = whole, .capacity = sizeof whole, .size_max = sizeof whole};
    request_encode(&b, &m);
    return body_new(buffer_slice(&b));
}

static void set_timer(struct sim *sim, unsigned client, uint64_t delay_us)
{
    struct event event = {.kind = EVENT_CLIENT,
        .at_us = sim->now_us + delay_us,
        .to = (uint8_t)client,
        .value = ++sim->clients[client].timer};
    sim_later(sim, &event);
}

static void send_request(struct sim *sim, unsigned client)
{
    struct client *c = &sim->clients[client];
    for (unsigned i = 0; i < sim->plan.replicas; i++)
        network_request(sim, client, i, c->request, 0);
    set_timer(sim, client, c->wait_us);
    c->wait_us = c->wait_us < WAIT_US_MAX ? 2 * c->wait_us : WAIT_US_MAX;
}

/* Session numbers of one key grow, as the agreement core asks for (its README, "Exactly once"). */
static void next_request(struct sim *sim, unsigned client)
{
    struct client *c = &sim->clients[client];
    if (c->session == 0 || sim_chance_below(sim, 10) == 0) {
        c->session += 1 + sim_chance_below(sim, 1000);
        c->number = 0;
    }
    c->left--;
    c->number++;
    c->replied = 0;
    c->waiting = true;
    c->wait_us = WAIT_US;
    body_release(c->request);
    c->request =
        client_make_request(sim, client, c->session, c->number, random_next(&sim->random), true);
    TRACE(sim, "c%u asks %llu.%llu", client, (unsigned long long)c->session,
        (unsigned long long)c->number);
    send_request(sim, client);
}

void client_start(struct sim *sim, unsigned client)
{
    sim->clients[client] = (struct client){.left = sim->plan.requests};
    set_timer(sim, client, sim_chance_below(sim, 20000));
}

void client_ask(struct sim *sim, unsigned client, unsigned requests)
{
    struct client *c = &sim->clients[client];
    bool idle = !c->waiting && c->left == 0;
    c->left += requests;
    if (idle)
        set_timer(sim, client, 0);
}

void client_timer(struct sim *sim, const struct event *event)
{
    struct client *c = &sim->clients[event->to];
    if (event->value != c->timer)
        return;
    if (client_is_faulty(sim->plan.clients, event->to)) {
        client_trick(sim, event->to);
        set_timer(sim, event->to, 1000 + sim_chance_below(sim, 60000));
    } else if (c->waiting) {
        send_request(sim, event->to);
    } else if (c->left > 0) {
        next_request(sim, event->to);
    }
}

static unsigned equal_results(const struct sim *sim, const struct client *c, unsigned replica)
{
    unsigned count = 0;
    for (unsigned i = 0; i < sim->plan.replicas; i++)
        count += (c->replied >> i & 1) != 0 && c->result[i] == c->result[replica];
    return count;
}

static void believe(struct sim *sim, unsigned client, uint64_t result)
{
    struct client *c = &sim->clients[client];
    TRACE(sim, "c%u believes %llu.%llu", client, (unsigned long long)c->session,
        (unsigned long long)c->number);
    check_requests_believed(sim, client, c->session, c->number, result);
    c->waiting = false;
    sim_count(sim, COUNT_REQUESTS);
    if (c->left > 0)
        set_timer(sim, client, sim->plan.think_us);
}

void client_reply(struct sim *sim, const struct event *event)
{
    struct client *c = &sim->clients[event->to];
    struct reply m;
    if (client_is_faulty(sim->plan.clients, event->to) || !c->waiting ||
        reply_decode(body_slice(event->body), &m) != NULL || m.session != c->session ||
        m.number != c->number)
        return;
    c->replied |= UINT32_C(1) << event->from;
    c->result[event->from] = check_requests_result_hash(m.result);
    if (equal_results(sim, c, event->from) > sim->plan.faults)
        believe(sim, event->to, c->result[event->from]);
}

bool clients_are_served(const struct sim *sim)
{
    for (unsigned i = 0; i < sim->plan.clients; i++) {
        if (sim->clients[i].waiting || sim->clients[i].left > 0)
            return false;
    }
    return true;
}

void client_end(struct sim *sim, unsigned client)
{
    body_release(sim->clients[client].request);
    sim->clients[client] = (struct client){0};
}
