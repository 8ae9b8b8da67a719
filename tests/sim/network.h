/* The network between all nodes: loss, duplication, delay, disorder, partitions in one or both
 * directions. Its randomness is the run's; the plan says how bad it is, and when it calms. */
#ifndef BYZ_TESTS_SIM_NETWORK_H
#define BYZ_TESTS_SIM_NETWORK_H

#include "tests/sim/plan.h"
#include "tests/sim/schedule.h"

struct sim;

#define NETWORK_NODES (KEYS_REPLICAS_MAX + KEYS_CLIENTS_MAX)

struct network {
    uint32_t cut[NETWORK_NODES]; /* to which nodes nothing goes from here; clients count on from
                                    KEYS_REPLICAS_MAX */
    uint64_t last_us[NETWORK_NODES][NETWORK_NODES]; /* arrival of a link's last message */
    uint32_t jammed[NETWORK_NODES];                 /* … nothing of these types: */
    uint64_t jammed_types;                          /* a mask */
    uint64_t
        hushed_us; /* until then correct replicas do not hear one another's PREPARE and COMMIT */
    uint64_t sent;
};

void network_start(struct sim *sim);
/* All of these keep a reference of their own to the body. `delay_us` comes on top. */
void network_message(struct sim *sim, unsigned from, unsigned to, enum message_type type,
    struct body *body, uint64_t delay_us);
void network_request(
    struct sim *sim, unsigned client, unsigned to, struct body *body, uint64_t delay_us);
void network_reply(struct sim *sim, unsigned from, unsigned client, struct body *body);
/* Mends all cuts. */
void network_mend(struct sim *sim);

#endif
