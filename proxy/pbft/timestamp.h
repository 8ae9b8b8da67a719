/* The agreed time of a batch: grows with the sequence number, and is near every correct replica's
 * clock when it is first proposed.
 *
 * The proposed time alone need not grow: a new view may carry over a batch of one old view before a
 * batch of another, and null batches have none. So what is agreed on is the larger of the proposed
 * time and the predecessor's agreed time plus one microsecond. */
#ifndef BYZ_PROXY_PBFT_TIMESTAMP_H
#define BYZ_PROXY_PBFT_TIMESTAMP_H

#include "proxy/pbft/slots.h"

struct pbft;

enum timestamp_judgement {
    TIMESTAMP_INVALID = 0,
    TIMESTAMP_GOOD,
    TIMESTAMP_AHEAD, /* further in the future than clocks may differ */
    TIMESTAMP_STALE, /* further in the past, and nobody vouches that it was good */
};

/* For a batch at seq. */
uint64_t timestamp_propose(const struct pbft *core, uint64_t seq);
/* Of the batch after the last delivered one. */
uint64_t timestamp_agreed(const struct pbft *core, const struct batch *batch);
enum timestamp_judgement timestamp_judge(struct pbft *core, const struct slot *slot,
    const struct batch *batch, const uint8_t digest[static DIGEST_BYTES]);
/* A batch was delivered: the next one has not been refused yet. */
void timestamp_delivered(struct pbft *core);

#endif
