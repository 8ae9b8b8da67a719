/* One run: a cluster, its clients, its adversary and its misfortunes in virtual time, watched by
 * checkers that know nothing of the code under test but what it says and stores.
 *
 * The memory of a run is used again by the next one. A violation ends the process (violation.h):
 * the seed is all that is needed to see it again. */
#ifndef BYZ_TESTS_SIM_SIM_H
#define BYZ_TESTS_SIM_SIM_H

#include "tests/sim/byzantine.h"
#include "tests/sim/check_agreement.h"
#include "tests/sim/check_memory.h"
#include "tests/sim/check_promises.h"
#include "tests/sim/check_requests.h"
#include "tests/sim/client.h"
#include "tests/sim/counts.h"
#include "tests/sim/faults.h"
#include "tests/sim/network.h"
#include "tests/sim/plan.h"
#include "tests/sim/replica.h"
#include "tests/sim/schedule.h"
#include "tests/sim/trace.h"
#include "tests/sim/violation.h"

struct sim {
    struct plan plan;
    struct random random;
    struct keys keys;
    uint64_t now_us;
    bool calm;
    bool done;
    uint64_t served_seq; /* what was final when all clients were served; 0: not yet */
    struct counts counts;
    struct schedule schedule;
    struct network network;
    struct replica replicas[KEYS_REPLICAS_MAX];
    struct client clients[KEYS_CLIENTS_MAX];
    struct adversary adversary;
    struct faults faults;
    struct check_agreement agreement;
    struct check_requests requests;
    struct check_promises promises;
    struct check_memory memory;
    struct pbft_update update; /* of the step under way */
};

/* One process runs one at a time. */
struct sim *sim_new(void);
/* Runs a seed to its end; sim->counts says what it came to. */
void sim_run(struct sim *sim, uint64_t seed, unsigned faults);

static inline bool sim_is_faulty(const struct sim *sim, unsigned replica)
{
    return (sim->plan.faulty >> replica & 1) != 0;
}
static inline uint64_t sim_chance_below(struct sim *sim, uint64_t limit)
{
    return random_below(&sim->random, limit);
}
static inline void sim_count(struct sim *sim, enum count count)
{
    sim->counts.of[count]++;
}
/* Copies the event into the future. */
static inline void sim_later(struct sim *sim, const struct event *event)
{
    schedule_add(&sim->schedule, event);
}

#endif
