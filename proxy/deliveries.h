/* Batches that are agreed on and wait for the executor.
 *
 * Only what the log does not hold is kept here: agreed time and seed, which requests of a batch are
 * to be skipped, and whether a checkpoint follows. The batches themselves are read from the log
 * when their turn comes, so that a window full of large ones costs no memory while PostgreSQL is
 * away. */
#ifndef BYZ_PROXY_DELIVERIES_H
#define BYZ_PROXY_DELIVERIES_H

#include "proxy/pbft/pbft.h"

#define DELIVERIES_MAX (WINDOW_MAX + PBFT_DELIVERIES_MAX)

struct waiting {
    uint64_t seq;
    uint64_t timestamp_us; /* agreed, which the proposed one in the log need not be */
    uint8_t seed[DIGEST_BYTES];
    uint32_t request_count;
    bool checkpoint;
    uint8_t skip[BATCH_REQUESTS_MAX / 8]; /* a bit for each request */
};

struct deliveries {
    struct waiting ring[DELIVERIES_MAX];
    unsigned first;
    unsigned count;
};

void deliveries_put(struct deliveries *d, const struct pbft_delivery *delivery);
/* NULL when nothing waits. */
const struct waiting *deliveries_next(const struct deliveries *d);
void deliveries_pop(struct deliveries *d);

/* A delivery made whole again from the log's record (an encoded pre-prepare). `ret` borrows from
 * the record and from `memory`. Returns NULL or why the record does not fit. */
struct delivery_memory {
    struct request requests[BATCH_REQUESTS_MAX];
    bool skip[BATCH_REQUESTS_MAX];
};
const char *delivery_from_record(const struct waiting *waiting, struct slice record,
    struct delivery_memory *memory, struct pbft_delivery *ret);

#endif
