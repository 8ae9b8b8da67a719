/* What the durable log keeps: the batches that others may still ask for, as many as configured and
 * as the store has room for.
 *
 * Clients decide how large batches are, so a number alone would let one of them fill the stores of
 * all replicas, which then could promise nothing any more, all at the same time. When room gets
 * short the oldest batches go, whatever the number; what a restart or a replica one window behind
 * needs always stays. */
#ifndef BYZ_PROXY_RETENTION_H
#define BYZ_PROXY_RETENTION_H

#include "common/config.h"
#include "proxy/store/store.h"

/* The rest is for free pages that lie scattered, and for what must not go. */
#define RETENTION_FILL_PERCENT_MAX 60

/* The smallest store that holds what must never go, with batches as large as clients can make them:
 * else all replicas could fill up at the same batch. state_bytes: of one checkpoint. */
size_t retention_store_bytes_min(const struct config *config, size_t state_bytes);

/* Forgets older checkpoints' states, and batches. In small steps, because each is part of a flush
 * that messages wait for. Returns whether batches went for want of room. */
bool retention_apply(struct store *store, const struct config *config, uint64_t executed);

#endif
