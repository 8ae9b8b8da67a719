#include "tests/sim/client_tricks.h"

#include "tests/sim/sim.h"

#define FLOOD 12

static void send_to(struct sim *sim, unsigned client, uint32_t replicas, struct body *request)
{
    for (unsigned i = 0; i < sim->plan.replicas; i++) {
        if ((replicas >> i & 1) != 0)
            network_request(sim, client, i, request, 0);
    }
    body_release(request);
}

static uint32_t everybody(const struct sim *sim)
{
    return (UINT32_C(1) << sim->plan.replicas) - 1;
}

static uint32_t somebody(struct sim *sim)
{
    return random_mask(&sim->random, sim->plan.replicas, 500);
}

static struct body *make(struct sim *sim, unsigned client, bool signed_well)
{
    struct client *c = &sim->clients[client];
    return client_make_request(
        sim, client, c->session, c->number, random_next(&sim->random), signed_well);
}

/* All that is different from an honest client's next request. */
static void ask(struct sim *sim, unsigned client, uint32_t trick)
{
    struct client *c = &sim->clients[client];
    uint32_t some = somebody(sim);
    switch (trick) {
    case TRICK_TWO_BODIES:
        send_to(sim, client, some, make(sim, client, true));
        send_to(sim, client, everybody(sim) & ~some, make(sim, client, true));
        return;
    case TRICK_BAD_SIGNATURE: /* the same body, well signed for the others */
        send_to(
            sim, client, some, client_make_request(sim, client, c->session, c->number, 77, false));
        send_to(sim, client, everybody(sim) & ~some,
            client_make_request(sim, client, c->session, c->number, 77, true));
        return;
    case TRICK_BACKUPS_ONLY:
        send_to(sim, client, everybody(sim) & ~UINT32_C(1), make(sim, client, true));
        return;
    case TRICK_FLOOD:
        for (unsigned i = 0; i < FLOOD; i++)
            send_to(sim, client, everybody(sim),
                client_make_request(sim, client, c->session, c->number, 88, true));
        return;
    case TRICK_OLD_NUMBERS:
        c->session = 1 + sim_chance_below(sim, c->session + 1);
        c->number = 1 + sim_chance_below(sim, c->number + 1);
        send_to(sim, client, everybody(sim), make(sim, client, true));
        return;
    case TRICK_MANY_SESSIONS:
        c->session += 1 + sim_chance_below(sim, 5);
        c->number = 1;
        send_to(sim, client, everybody(sim), make(sim, client, true));
        return;
    }
    send_to(sim, client, everybody(sim), make(sim, client, true));
}

void client_trick(struct sim *sim, unsigned client)
{
    struct client *c = &sim->clients[client];
    if (c->session == 0)
        c->session = 1;
    if (sim_chance_below(sim, 2) == 0)
        c->number += 1 + sim_chance_below(sim, 3);
    if (c->number == 0)
        c->number = 1;
    uint32_t trick = UINT32_C(1) << sim_chance_below(sim, TRICKS);
    ask(sim, client, trick & sim->plan.tricks);
}
