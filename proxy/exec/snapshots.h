/* One exported PostgreSQL snapshot per epoch that has transactions.
 *
 * A snapshot lives as long as the transaction that exported it. Keepers are sessions that do
 * nothing else: READ COMMITTED, so that one keeper's transaction exports one snapshot after
 * another. What a keeper has exported pins PostgreSQL's vacuum, so keepers are used in generations:
 * a keeper that exported enough rests until nobody holds a snapshot of it, ends its transaction,
 * and may start anew. */
#ifndef BYZ_PROXY_EXEC_SNAPSHOTS_H
#define BYZ_PROXY_EXEC_SNAPSHOTS_H

#include "proxy/exec/backend.h"

enum snapshot_state {
    SNAPSHOT_LOST = 0, /* never exported here, or gone with its keeper */
    SNAPSHOT_PENDING = 1,
    SNAPSHOT_READY = 2,
};

#define KEEPERS_MAX 4

struct snapshots;

struct snapshots_events {
    void *context;
    /* A snapshot became ready or was lost. From the loop. */
    void (*changed)(void *context);
};

struct snapshots *snapshots_new(struct ev_loop *loop, const struct backend_target *target,
    unsigned keepers_max, const struct snapshots_events *events);
void snapshots_free(struct snapshots *snapshots);
/* Closing loses every snapshot; who holds one still has to release it. */
void snapshots_open(struct snapshots *snapshots);
void snapshots_close(struct snapshots *snapshots);

/* Exports the database as it is now under this name, unless that was done. Nothing may be committed
 * until it is ready or lost. */
void snapshots_export(struct snapshots *snapshots, uint64_t epoch);
/* A transaction begins to read this epoch, or ends. */
void snapshots_hold(struct snapshots *snapshots, uint64_t epoch);
void snapshots_release(struct snapshots *snapshots, uint64_t epoch);
void snapshots_release_all(struct snapshots *snapshots);

enum snapshot_state snapshots_state(const struct snapshots *snapshots, uint64_t epoch);
/* PostgreSQL's name of a snapshot that is ready, else NULL. Hexadecimal digits and dashes. */
const char *snapshots_name(const struct snapshots *snapshots, uint64_t epoch);
/* Exports on their way. */
bool snapshots_pending(const struct snapshots *snapshots);
unsigned snapshots_sessions(const struct snapshots *snapshots);

#endif
