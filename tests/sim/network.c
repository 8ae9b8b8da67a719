#include "tests/sim/network.h"

#include "tests/sim/sim.h"

#include <string.h>

void network_start(struct sim *sim)
{
    memset(&sim->network, 0, sizeof sim->network);
}

void network_mend(struct sim *sim)
{
    memset(sim->network.cut, 0, sizeof sim->network.cut);
    memset(sim->network.jammed, 0, sizeof sim->network.jammed);
}

static bool is_hushed(const struct sim *sim, unsigned from, unsigned to, unsigned type)
{
    return sim->now_us < sim->network.hushed_us && !sim->calm &&
           (type == MESSAGE_PREPARE || type == MESSAGE_COMMIT) && !sim_is_faulty(sim, from) &&
           !sim_is_faulty(sim, to);
}

static bool passes(const struct sim *sim, unsigned from, unsigned to, unsigned type)
{
    const struct network *n = &sim->network;
    if ((n->cut[from] >> to & 1) != 0)
        return false;
    if ((n->jammed[from] >> to & 1) != 0 && (n->jammed_types >> type & 1) != 0)
        return false;
    return !is_hushed(sim, from, to, type);
}

static const struct plan_network *weather(const struct sim *sim)
{
    return sim->calm ? &sim->plan.calm : &sim->plan.storm;
}

/* One draw decides everything about a copy: its bits are independent. */
static uint64_t arrival(struct sim *sim, unsigned from, unsigned to, uint64_t draw)
{
    const struct plan_network *w = weather(sim);
    uint64_t at_us = sim->now_us + w->latency_us;
    at_us += (uint64_t)((draw >> 32) * (unsigned __int128)w->jitter_us >> 32);
    if ((draw >> 20 & 1023) < w->late_permille)
        at_us += sim_chance_below(sim, w->late_us);
    uint64_t *last_us = &sim->network.last_us[from][to];
    if (w->ordered && at_us < *last_us)
        at_us = *last_us;
    *last_us = at_us;
    return at_us;
}

static void transmit(
    struct sim *sim, unsigned from, unsigned to, struct event *event, uint64_t delay_us)
{
    const struct plan_network *w = weather(sim);
    uint64_t draw = random_next(&sim->random);
    sim->network.sent++;
    if (!passes(sim, from, to, event->type) || (draw & 1023) < w->loss_permille)
        return;
    unsigned copies = (draw >> 10 & 1023) < w->duplicate_permille ? 2 : 1;
    for (unsigned i = 0; i < copies; i++) {
        event->at_us = arrival(sim, from, to, draw) + delay_us;
        body_keep(event->body);
        sim_later(sim, event);
        draw = copies > 1 ? random_next(&sim->random) : 0;
    }
}

void network_message(struct sim *sim, unsigned from, unsigned to, enum message_type type,
    struct body *body, uint64_t delay_us)
{
    struct event event = {.kind = EVENT_MESSAGE,
        .from = (uint8_t)from,
        .to = (uint8_t)to,
        .type = (uint8_t)type,
        .body = body};
    transmit(sim, from, to, &event, delay_us);
}

void network_request(
    struct sim *sim, unsigned client, unsigned to, struct body *body, uint64_t delay_us)
{
    struct event event = {
        .kind = EVENT_REQUEST, .from = (uint8_t)client, .to = (uint8_t)to, .body = body};
    transmit(sim, KEYS_REPLICAS_MAX + client, to, &event, delay_us);
}

void network_reply(struct sim *sim, unsigned from, unsigned client, struct body *body)
{
    struct event event = {
        .kind = EVENT_REPLY, .from = (uint8_t)from, .to = (uint8_t)client, .body = body};
    transmit(sim, from, KEYS_REPLICAS_MAX + client, &event, 0);
}
