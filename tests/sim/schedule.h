/* The future: events in order of time, and of creation where times are equal.
 *
 * A 4-ary heap of 16-byte keys over a pool of events: keys of a run stay in the first caches. */
#ifndef BYZ_TESTS_SIM_SCHEDULE_H
#define BYZ_TESTS_SIM_SCHEDULE_H

#include "tests/sim/body.h"

enum event_kind {
    EVENT_INVALID = 0,
    EVENT_MESSAGE,  /* from one replica to another */
    EVENT_REQUEST,  /* from a client to a replica */
    EVENT_REPLY,    /* from a replica to a client */
    EVENT_TICK,     /* a replica's deadline */
    EVENT_EXECUTED, /* a replica's executor finished a batch */
    EVENT_CLIENT,   /* a client's own timer */
    EVENT_FAULT,    /* the fault injector's */
    EVENT_FORGE,    /* the adversary's */
    EVENT_CALM,     /* the network calms, everybody is up */
    EVENT_AUDIT,    /* the checkers that look from time to time */
};

struct event {
    uint64_t at_us;
    uint64_t value; /* EXECUTED: sequence number; REPLY: session; others: their own */
    struct body *body;
    uint32_t incarnation; /* of a replica, for what must not outlive it */
    uint8_t kind;
    uint8_t type; /* of a message */
    uint8_t from;
    uint8_t to;
};

struct schedule_key {
    uint64_t at_us;
    uint32_t order;
    uint32_t index;
};

struct schedule {
    struct schedule_key *heap;
    struct event *pool;
    uint32_t *unused;
    uint32_t count;
    uint32_t unused_count;
    uint32_t capacity;
    uint32_t order;
};

void schedule_add(struct schedule *s, const struct event *event);
/* False: there is no future. The event's reference passes to the caller. */
bool schedule_take(struct schedule *s, struct event *ret);
/* Drops all events; keeps the memory. */
void schedule_clear(struct schedule *s);

#endif
