/* The word of a correct replica: on disk before it leaves, never contradicted (whatever crashes lie
 * between), and never given without what it needs. And nobody is accused who is correct. */
#ifndef BYZ_TESTS_SIM_CHECK_PROMISES_H
#define BYZ_TESTS_SIM_CHECK_PROMISES_H

#include "proxy/pbft/pbft.h"
#include "tests/sim/map.h"
#include "tests/sim/statements.h"

struct sim;

struct check_promises {
    struct statements statements;
    struct map owed;                  /* what each replica must show in its VIEW-CHANGEs: its name
                                         and a number → view of its newest certificate there */
    uint64_t highest_view;            /* that any correct replica spoke in */
    uint64_t view[KEYS_REPLICAS_MAX]; /* each one's newest; it votes in none before that any more */
};

void check_promises_start(struct sim *sim);
/* About to leave; the update's records are written, and flushed if any of them is durable. */
void check_promises_send(
    struct sim *sim, unsigned replica, enum message_type type, struct slice body);
/* Stable checkpoints, evidence and divergence. */
void check_promises_update(struct sim *sim, unsigned replica);
/* The core called an event's sender a liar. */
void check_promises_invalid(struct sim *sim, unsigned replica, const struct pbft_event *event);
/* Most correct replicas that said COMMIT to this batch in one of the views below `below_view`;
 * those in the mask `with` are counted as if they had. */
unsigned check_promises_commits(
    const struct sim *sim, uint64_t seq, uint64_t digest, uint64_t below_view, uint32_t with);

/* ---- between its parts ---- */

/* Keeps the statement. Returns whether it is new. */
bool check_promises_say(struct sim *sim, unsigned replica, enum statement_kind kind, uint64_t view,
    uint64_t number, uint64_t digest);
/* `reason`: what is wrong with a correct replica's message, or NULL. */
void check_promises_form(
    struct sim *sim, unsigned replica, const char *message, const char *reason);
/* 2f+1, the faulty ones among them. */
bool check_promises_is_quorum(const struct sim *sim, unsigned correct);
/* Another batch may not take the place of one that became final in an earlier view. */
void check_promises_keeps_final(
    struct sim *sim, unsigned replica, uint64_t view, uint64_t seq, uint64_t digest);
uint64_t check_promises_owed_name(unsigned replica, uint64_t seq);
/* check_views.c: a replica's own VIEW-CHANGE or NEW-VIEW is about to leave. */
void check_views_change(struct sim *sim, unsigned replica, struct slice body);
void check_views_new(struct sim *sim, unsigned replica, struct slice body);

#endif
