/* Applying batches, strictly in order: commits and rollbacks, then expirations, then begins; then
 * the epoch's snapshot, the flush, the report.
 *
 * What is agreed is in the ledger; what PostgreSQL holds is known from byzantium.applied. After a
 * loss of PostgreSQL the batch in progress starts again from the ledger as it was before it. */
#ifndef BYZ_PROXY_EXEC_APPLY_H
#define BYZ_PROXY_EXEC_APPLY_H

#include "proxy/exec/held.h"
#include "proxy/exec/ordered.h"
#include "proxy/exec/startup.h"

struct apply;

struct apply_parts {
    struct ev_loop *loop;
    const struct config *config;
    const struct exec_ops *ops;
    struct ledger *ledger;
    struct ballot *ballot;
    struct speculations *speculations;
    struct snapshots *snapshots;
    struct admin *admin;
    struct held *held;
    struct ordered_parts ordered;
};

struct apply_events {
    void *context;
    void (*stopped)(void *context, const char *reason);
    /* What PostgreSQL did is not known: connect anew. */
    void (*doubtful)(void *context, const char *reason);
};

struct apply *apply_new(const struct apply_parts *parts, const struct apply_events *events);
void apply_free(struct apply *apply);

/* Copies. False: too many wait, or out of memory. */
bool apply_deliver(struct apply *apply, const struct pbft_delivery *delivery);
/* The ledger was restored from a checkpoint. */
void apply_restored(struct apply *apply);
/* PostgreSQL is there and holds everything up to this place; or it is gone. */
void apply_open(struct apply *apply, const struct applied_place *applied);
void apply_close(struct apply *apply);
/* Votes came, snapshots changed. */
void apply_wake(struct apply *apply);

struct apply_counters {
    uint64_t executed; /* the last batch */
    uint64_t committed;
    uint64_t aborted;
    uint64_t database_epoch;
};
const struct apply_counters *apply_counters(const struct apply *apply);
const struct ordered *apply_ordered(const struct apply *apply);
/* See exec_epoch. */
bool apply_epoch(const struct apply *apply, struct epoch_answer *ret);

#endif
