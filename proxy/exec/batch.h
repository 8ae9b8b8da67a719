/* A delivered batch, copied, with the outcomes that its requests come to. */
#ifndef BYZ_PROXY_EXEC_BATCH_H
#define BYZ_PROXY_EXEC_BATCH_H

#include "proxy/pbft/pbft.h"

struct batch_request {
    struct request request; /* its body in the batch's own memory */
    bool skip;
    const char *malformed; /* why its body is no order; NULL: `order` is valid */
    struct order order;
    struct outcome outcome;  /* OUTCOME_INVALID: none yet */
    struct outcome recorded; /* what this replica's log says it came to; OUTCOME_INVALID: nothing */
    bool applied;            /* PostgreSQL has committed it before… */
    bool applied_barrier;    /* … and it was a barrier */
};

struct batch_copy {
    uint64_t seq;
    uint64_t timestamp_us;
    uint8_t seed[DIGEST_BYTES];
    bool checkpoint;
    unsigned count;
    struct batch_copy *next;
    uint8_t *bodies;
    struct batch_request requests[];
};

/* NULL: out of memory. */
struct batch_copy *batch_copy_new(const struct pbft_delivery *delivery);
void batch_copy_free(struct batch_copy *batch);

/* Forgets what execution found out so far. */
void batch_copy_reset(struct batch_copy *batch);
/* Takes the outcomes over that the log holds for the batch (PBFT_RECORD_OUTCOMES). False: they do
 * not fit the batch; nothing is taken. */
bool batch_copy_recall(struct batch_copy *batch, struct slice recorded);
/* Could a request behind `index` still commit something? */
bool batch_copy_more_commits(const struct batch_copy *batch, unsigned index);
/* Appends each outcome's encoding and points results[] at it; empty where the request was skipped.
 */
void batch_copy_results(const struct batch_copy *batch, struct buffer *b, struct slice *results);

#endif
