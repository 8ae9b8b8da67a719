/* The agreed time of a batch: grows with the sequence number, and is near every correct replica's
 * clock when it is first proposed. */
#ifndef BYZ_PROXY_PBFT_TIMESTAMP_H
#define BYZ_PROXY_PBFT_TIMESTAMP_H

#include "proxy/pbft/slots.h"

struct pbft;

enum timestamp_judgement {
    TIMESTAMP_INVALID = 0,
    TIMESTAMP_GOOD,
    TIMESTAMP_OUT_OF_ORDER, /* not between its neighbours' */
    TIMESTAMP_AHEAD,        /* further in the future than clocks may differ */
    TIMESTAMP_STALE,        /* further in the past, and nobody vouches that it was good */
};

/* Of the batch after `previous_us`. */
uint64_t timestamp_propose(const struct pbft *core, uint64_t previous_us);
/* The timestamp of the batch at seq, if this replica knows one. */
bool timestamp_known(const struct pbft *core, uint64_t seq, uint64_t *ret_us);
enum timestamp_judgement timestamp_judge(struct pbft *core, const struct slot *slot,
    const struct batch *batch, const uint8_t digest[static DIGEST_BYTES]);
/* A batch was delivered: the next one has not been refused yet. */
void timestamp_delivered(struct pbft *core);

#endif
