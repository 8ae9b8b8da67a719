/* The durable log as a service to replicas that have fallen behind: FETCH is answered with BATCH
 * messages, a batch and what executing it came to. */
#ifndef BYZ_PROXY_CATCH_UP_H
#define BYZ_PROXY_CATCH_UP_H

#include "common/message.h"
#include "proxy/store/store.h"

/* Bytes of batches in one answer; the asker asks again for the rest. */
#define CATCH_UP_BYTES_MAX (8u << 20)

/* Encodes a BATCH message for one committed batch into `out` (cleared first). Returns 1; 0 if this
 * replica has no such batch, or does not know it to be committed; -1 if the log is damaged
 * (store_error). */
int catch_up_encode(struct store *store, uint64_t seq, struct buffer *out);

/* What a BATCH message says about votes: calls `vote` for each request that was put to the vote.
 * Malformed outcomes end the walk and are reported like any other lie. */
const char *catch_up_votes(const struct fetched *fetched,
    void (*vote)(void *context, const struct vote *vote), void *context);

#endif
