/* What a client believes without having anything ordered: the epoch that 2f+1 replicas name alike
 * (the read-only operations of Castro and Liskov, TOCS 2002).
 *
 * Of 2f+1 replicas f+1 are correct, and two sets of 2f+1 share a correct one. So an epoch that was
 * decided here, or was in a reply that 2f+1 replicas sent, is not above one that is decided later.
 * With f+1 replies, which are enough to believe an outcome, this would not hold: they may be one
 * correct replica and f liars, who tell the next reader together with f slow ones that nothing has
 * happened.
 *
 * Replicas execute at different speeds, so under load their answers differ although all are honest.
 * Then another round is asked, a few times and for a short time; after that the caller has to have
 * something ordered.
 *
 * Pure: no socket, no clock, no allocation. Time is monotonic, in microseconds. */
#ifndef BYZ_CLIENT_READS_H
#define BYZ_CLIENT_READS_H

#include "client/quorum.h"

#define READS_ROUNDS_MAX 6
#define READS_US_MAX 1000000u
#define READS_ROUND_US 500000u /* for 2f+1 answers */
#define READS_GRACE_US 50000u  /* for those that are later than 2f+1 others, which differ */
#define READS_PAUSE_US 2000u   /* before the second round; doubled for each that follows */

enum reads_state {
    READS_INVALID = 0,
    READS_ASK,      /* the caller is to ask all replicas now: reads_asked */
    READS_WAITING,  /* for answers */
    READS_PAUSING,  /* so that the slower replicas can catch up */
    READS_DECIDED,  /* reads->epoch */
    READS_GIVEN_UP, /* no 2f+1 equal answers that are new enough */
};

struct reads {
    enum reads_state state;
    unsigned replica_count; /* 3f+1 */
    unsigned needed;        /* 2f+1 */
    uint64_t epoch_min;     /* what this client has seen already */
    unsigned rounds;        /* asked */
    uint64_t deadline_us;   /* of the round or the pause */
    uint64_t give_up_at_us;
    bool in_grace;
    struct quorum quorum; /* of this round */
    uint64_t epoch;       /* the decision */
};

/* Begins with READS_ASK. An epoch below `epoch_min` is not taken: it is older than what this client
 * knows to have happened (its own last commit). */
void reads_start(struct reads *reads, unsigned replica_count, unsigned faults, uint64_t epoch_min,
    uint64_t now_us);
/* All replicas were asked: a round begins. */
void reads_asked(struct reads *reads, uint64_t now_us);
/* One replica's answer to this round's question; the first one counts. `answer` is what must be
 * equal, byte for byte; it says `epoch`. False: no answer of this replica is expected. */
bool reads_add(
    struct reads *reads, unsigned replica, struct slice answer, uint64_t epoch, uint64_t now_us);
/* Time has passed. */
enum reads_state reads_step(struct reads *reads, uint64_t now_us);
/* When to call reads_step again, unless something was added. */
uint64_t reads_deadline(const struct reads *reads);

#endif
