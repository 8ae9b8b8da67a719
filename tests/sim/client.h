/* Clients: one request of a session at a time, to all replicas, until f+1 of them answer alike. The
 * faulty ones have tricks (plan.h). */
#ifndef BYZ_TESTS_SIM_CLIENT_H
#define BYZ_TESTS_SIM_CLIENT_H

#include "tests/sim/keys.h"
#include "tests/sim/schedule.h"

struct sim;

struct client {
    uint64_t session;
    uint64_t number;  /* of the request under way, or the last one */
    unsigned left;    /* requests still to be made */
    bool waiting;     /* for its answer */
    uint64_t timer;   /* value of the EVENT_CLIENT that counts; older ones are void */
    uint64_t wait_us; /* until it asks again; doubled each time */
    struct body *request;
    uint32_t replied; /* mask of replicas; */
    uint64_t result[KEYS_REPLICAS_MAX];
};

static inline bool client_is_faulty(unsigned correct_clients, unsigned client)
{
    return client >= correct_clients;
}
void client_start(struct sim *sim, unsigned client);
void client_timer(struct sim *sim, const struct event *event);
void client_reply(struct sim *sim, const struct event *event);
/* Makes that many more requests. */
void client_ask(struct sim *sim, unsigned client, unsigned requests);
void client_end(struct sim *sim, unsigned client);
bool clients_are_served(const struct sim *sim);

/* A request as its client signs it, known to the checkers as made. NULL text: random. */
struct body *client_make_request(struct sim *sim, unsigned client, uint64_t session,
    uint64_t number, uint64_t text, bool signed_well);

#endif
