/* The durable log: what this replica promised and what was agreed (LMDB behind a small interface).
 *
 * Each record carries its own digest, so that a damaged store is recognised and not believed. The
 * store belongs to one cluster, one replica and one process (a lock); a store of another cluster or
 * replica is refused with a clear message. So is an absence of one that nobody has explained
 * (common/birth.h): what this replica promised would be forgotten. Not thread-safe. */
#ifndef BYZ_PROXY_STORE_STORE_H
#define BYZ_PROXY_STORE_STORE_H

#include "proxy/pbft/pbft.h"

struct store;

/* Opens the store in directory `path`; makes it where a mark says that there is none yet, or no
 * longer. NULL with a message on failure. map_bytes bounds the file's size. */
struct store *store_open(const char *path, const uint8_t cluster[static DIGEST_BYTES],
    unsigned replica, size_t map_bytes, char *ret_error, size_t error_size);
/* Was it made after another one was lost? */
bool store_follows_loss(const struct store *store);
void store_close(struct store *store); /* flushes what is pending */

/* Writes records in one transaction: with `flush`, all of them and every earlier one are on disk
 * when this returns. Without, they are kept in memory (bounded; a full memory flushes) and written
 * with the next flush. Returns false on failure of the disk: the caller must stop promising
 * anything (message for the log in store_error). */
bool store_write(
    struct store *store, const struct pbft_record *records, unsigned count, bool flush);
/* Are there records that only memory holds? */
bool store_dirty(const struct store *store);
const char *store_error(const struct store *store);

/* Reads one record. Returns 1 and a slice that is valid until the next call, 0 if there is none, -1
 * if it is damaged (store_error). Records not yet flushed are seen too. */
int store_read(
    struct store *store, enum pbft_record_type type, uint64_t seq, struct slice *ret_value);
/* The smallest (or largest) sequence number that has a record of this type; 0 if there is none. */
uint64_t store_first(struct store *store, enum pbft_record_type type);
uint64_t store_last(struct store *store, enum pbft_record_type type);
/* How much of map_bytes the records take. */
unsigned store_fill_percent(struct store *store);
/* Deletes all records below seq of all types that sequence numbers are the keys of, a bounded
 * number per call; true while more are left. */
bool store_prune(struct store *store, uint64_t seq);
/* The same for one type: of checkpoints' states only the latest are of use. */
bool store_prune_type(struct store *store, enum pbft_record_type type, uint64_t seq);

#endif
