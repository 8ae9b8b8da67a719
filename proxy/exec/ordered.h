/* The transaction at the head of the order: one at a time, from its list to PostgreSQL's COMMIT or
 * ROLLBACK (upcall for COMMIT of the paper's figure 4).
 *
 *     start ── decided to abort already ───────────────────────────────► over
 *       │
 *       ├─ RUNNING its list ── local failure ── RESTING ── again … abstain
 *       │     │                                                      │
 *       │     └────────────► VOTING ◄────────────────────────────────┘
 *       │                      │ decided
 *       │        abort         │          commit, and so said we
 *       │   over ◄─────────────┴──────────► ENDING ── COMMIT ────────► over
 *       │                      │ commit that we cannot reproduce
 *       └──────────────────────┴──────────► impossible: this replica executes no more */
#ifndef BYZ_PROXY_EXEC_ORDERED_H
#define BYZ_PROXY_EXEC_ORDERED_H

#include "proxy/exec/ballot.h"
#include "proxy/exec/locks.h"

struct ordered;

struct ordered_parts {
    struct ev_loop *loop;
    unsigned self;
    const struct config *config;
    struct pool *pool;
    struct snapshots *snapshots;
    struct admin *admin;
    struct abandon *abandon;
    struct speculations *speculations;
    struct locks *locks;
    struct ballot *ballot;
    const struct exec_ops *ops;
};

struct ordered_job {
    uint64_t seq;
    uint32_t index;
    struct transaction transaction;
    struct order order; /* COMMIT, or ROLLBACK with a list; borrowed until it is over */
    uint64_t epoch;     /* that a commit makes */
    bool flush;         /* the commit must be on disk when it is over */
    bool passed;        /* PostgreSQL is beyond this place; only the outcome is not known */
    bool must_not_run;  /* PostgreSQL died while it ran */
};

struct ordered_events {
    void *context;
    /* The decision, and this database is as it says. */
    void (*over)(void *context, const struct outcome *outcome);
    /* The decision is a commit that this replica cannot reproduce. */
    void (*impossible)(void *context, const char *reason);
    /* Whether PostgreSQL committed is not known: everything must start again from what it says. */
    void (*doubtful)(void *context, const char *reason);
};

struct ordered *ordered_new(const struct ordered_parts *parts, const struct ordered_events *events);
void ordered_free(struct ordered *ordered);

void ordered_start(struct ordered *ordered, const struct ordered_job *job);
/* Snapshots changed, or a vote came. */
void ordered_wake(struct ordered *ordered);
/* PostgreSQL went away: forgets the job. True if the job's list was running. */
bool ordered_interrupt(struct ordered *ordered);

struct ordered_counters {
    uint64_t mismatches; /* decided otherwise than this replica's own execution said */
    uint64_t dissents[REPLICAS_MAX];
};
const struct ordered_counters *ordered_counters(const struct ordered *ordered);
/* Whose COMMIT it works on; false: nobody's. */
bool ordered_current(const struct ordered *ordered, struct transaction_id *ret);
/* "batch 7 request 2: voting", or "". */
void ordered_describe(const struct ordered *ordered, char *out, size_t size);

#endif
