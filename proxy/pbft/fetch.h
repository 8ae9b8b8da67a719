/* Catching up from the durable logs of others, when their memory no longer has what is missing.
 *
 * FETCH messages are answered by the daemon from disk; the core only asks, and counts the answers:
 * f+1 replicas with the same batch make it final, because one of them is correct. */
#ifndef BYZ_PROXY_PBFT_FETCH_H
#define BYZ_PROXY_PBFT_FETCH_H

#include "common/message.h"

struct pbft;

/* Asks if this replica has fallen behind and it is time. */
void fetch_try(struct pbft *core);
uint64_t fetch_deadline(const struct pbft *core);
const char *fetched_receive(struct pbft *core, unsigned from, struct slice body);

#endif
