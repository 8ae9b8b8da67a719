/* The shell around a core: what the daemon is to it (proxy/driver.c). It feeds events in, and
 * carries an update out in the order of its fields: persist, send, execute. Power may fail between
 * any two of these. */
#ifndef BYZ_TESTS_SIM_REPLICA_H
#define BYZ_TESTS_SIM_REPLICA_H

#include "tests/sim/disk.h"
#include "tests/sim/schedule.h"

struct sim;

/* Where in carrying out its next update a replica's power fails. */
enum crash_point {
    CRASH_NONE = 0,
    CRASH_BEFORE_FLUSH, /* the records are lost, nothing was said */
    CRASH_AFTER_FLUSH,  /* the records are there, nothing was said */
    CRASH_WHILE_SENDING,
    CRASH_BEFORE_EXECUTION,
};

/* What a database came to: a hash over all that was executed, and how much that was. */
struct app_state {
    uint64_t hash;
    uint64_t count;
};

struct replica {
    struct pbft *core; /* NULL: it is down */
    struct disk disk;
    uint32_t incarnation;
    uint64_t ticked_us;      /* when its next EVENT_TICK comes; UINT64_MAX: none is on its way */
    uint64_t monotonic_us;   /* its monotonic clock is ahead by this (each start has another) */
    int64_t clock_offset_us; /* its wall clock */
    uint64_t paused_us;      /* until then it does nothing (SIGSTOP) */
    enum crash_point crash_point;
    bool lost_log; /* in this life of the cluster, ever */
    struct app_state app;
    uint64_t executor_free_us;
    uint64_t executed;  /* last sequence number */
    uint64_t delivered; /* last one in this incarnation */
    uint64_t lazy_us;   /* since when lazy records wait */
    uint64_t delay_us;  /* of what the update under way sends: the flush took so long */
    unsigned ticks;     /* in a row at one time */
};

void replica_start(struct sim *sim, unsigned replica);
/* Power fails. */
void replica_crash(struct sim *sim, unsigned replica);
/* Its log is gone, or found damaged: it starts again as one that lost it. Only while it is down. */
void replica_lose_log(struct sim *sim, unsigned replica);
void replica_handle(struct sim *sim, struct event *event);
/* Sets or moves its tick. */
void replica_arm(struct sim *sim, unsigned replica);
/* Its wall clock. */
uint64_t replica_clock(const struct sim *sim, unsigned replica);
/* What it sends leaves: a faulty one's goes through the adversary's hands before. */
void replica_send(
    struct sim *sim, unsigned from, unsigned to, enum message_type type, struct slice bytes);
/* Which ones ever lost their log. */
uint32_t replicas_without_log(const struct sim *sim);
void replica_end(struct sim *sim, unsigned replica);

#endif
