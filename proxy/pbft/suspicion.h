/* When to give up on a primary. It is suspected, not left: a replica goes on in its view, and says
 * in its STATUS that it would leave. Only f+1 suspicions make anybody leave, so a replica that was
 * cut off alone does not disturb the others when it returns (Zyzzyva's "I hate the primary", Raft's
 * pre-vote).
 *
 * A primary is suspected if
 * - mute: it lost its log, and says so;
 * - silent: a client's request waits, this replica's pipeline has room, and nothing was delivered
 * for the time-out; or time must pass and does not; or a new view does not come;
 * - unfair: it orders far more of the others' requests than fairness allows while one waits that it
 *   was given by this replica itself;
 * - slow: it orders much less than the best that was seen of any primary, while requests wait and
 *   the executor does not (Aardvark's throughput rule);
 * - freezing the seed: its batches bring no contributions for long, although 2f+1 are at hand here,
 *   so that it has those of f+1 correct replicas;
 * - caught lying in its NEW-VIEW.
 *
 * What clients can do with this: one whose own requests contend for its places at the primary
 * brings a view change in 64 time-outs, and no more (is_unfair).
 *
 * Only requests whose signature was verified count, and each is passed on to the primary first: a
 * client that shows the primary something else than the backups, or nothing, brings no view change
 * (Aardvark's "big MAC" attack). Signatures are verified only of requests that wait for long. */
#ifndef BYZ_PROXY_PBFT_SUSPICION_H
#define BYZ_PROXY_PBFT_SUSPICION_H

#include "common/message.h"

struct pbft;
struct pending_entry;

struct suspicion {
    bool suspects;
    const char *reason;   /* the last one, also when it was withdrawn */
    unsigned cursor;      /* where the last look ended in the table of pending requests */
    uint64_t looked_us;   /* the table of pending requests was last looked at */
    uint64_t progress_us; /* a request was last ordered, */
    uint64_t time_us;     /* a batch was last delivered */
    uint64_t room_us;     /* since when the executor's pipeline has room */
    bool had_room;
    uint64_t usual_us; /* what requests wait here until they are ordered, of late */
    bool worked;       /* this view ordered something */
    uint64_t calm_us;  /* since when the time-out was not found to be too short */

    bool unseeded;        /* the last batch brought no contributions, and */
    uint64_t unseeded_us; /* … none has since */
    bool frozen;          /* for too long */

    /* throughput, over periods of several time-outs */
    uint64_t period_us;      /* its start */
    uint64_t waiting_us;     /* time in it during which requests waited, the executor not */
    uint64_t period_ordered; /* requests ordered before it */
    uint64_t best;           /* requests a second, the best of late */
    bool slow;
};

/* The current time-out: doubled with each view that did not work for long, halved while one does.
 */
uint64_t suspicion_timeout_us(const struct pbft *core);
void suspicion_tick(struct pbft *core);
uint64_t suspicion_deadline(const struct pbft *core);
void suspicion_raise(struct pbft *core, const char *reason);
void suspicion_view_entered(struct pbft *core);
void suspicion_view_left(struct pbft *core);
/* A request is ordered that waited here. */
void suspicion_ordered(struct pbft *core, const struct pending_entry *entry);
void suspicion_delivered(struct pbft *core, const struct batch *batch, bool ordered);
/* Leaves the view if f+1 replicas suspect its primary. */
void suspicion_act(struct pbft *core);

#endif
