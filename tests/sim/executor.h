/* The database of a replica, reduced to what agreement sees of it: batches go in, in order and each
 * after a time; results and, at checkpoints, a state come out. */
#ifndef BYZ_TESTS_SIM_EXECUTOR_H
#define BYZ_TESTS_SIM_EXECUTOR_H

#include "tests/sim/replica.h"

#define EXECUTOR_STATE_BYTES 16
#define EXECUTOR_RESULT_BYTES 16

struct execution {
    struct app_state app; /* after the batch */
    uint32_t request_count;
    bool checkpoint;
    bool ran[BATCH_REQUESTS_MAX];
    uint64_t result[BATCH_REQUESTS_MAX][EXECUTOR_RESULT_BYTES / 8];
};

/* Starts the batch; an EVENT_EXECUTED will come. */
void executor_start(struct sim *sim, unsigned replica, const struct pbft_delivery *delivery);
/* What the core is to be told. `ret` points into `event`'s body and static memory. */
void executor_finish(
    struct sim *sim, unsigned replica, const struct event *event, struct pbft_event *ret);
void executor_restore(struct replica *r, struct slice app_state);

#endif
