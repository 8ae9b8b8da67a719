/* Contributions to the seed on their way: this replica's own, and what the primary collects. */
#ifndef BYZ_PROXY_PBFT_CONTRIBUTIONS_H
#define BYZ_PROXY_PBFT_CONTRIBUTIONS_H

#include "common/message.h"

struct pbft;

struct contributions {
    uint32_t present; /* mask */
    struct contribution latest[REPLICAS_MAX];
};

/* Sends this replica's next one to all, because any of them may be primary soon. */
void contributions_send(struct pbft *core);
const char *contributions_receive(struct pbft *core, unsigned from, struct slice body);
/* How many are here that would count in the next batch. */
unsigned contributions_at_hand(struct pbft *core);
/* The primary's: appends those that will count in the batch at seq, and says how many. */
uint32_t contributions_put(struct pbft *core, uint64_t seq, struct buffer *b);

#endif
