/* What a client believes: the result that enough replicas report, byte for byte.
 *
 * For an ordered request f+1 are enough: at least one of them is correct, and all correct replicas
 * execute a request alike, so no other result can be right. A replica whose reply contradicts the
 * decision lies. For reads without ordering, and for the writes that such reads must see, it takes
 * 2f+1 (reads.h).
 *
 * Pure: no socket, no clock, no allocation. Any bytes may be added. */
#ifndef BYZ_CLIENT_QUORUM_H
#define BYZ_CLIENT_QUORUM_H

#include "common/codec.h"
#include "common/limits.h"

enum quorum_state {
    QUORUM_INVALID = 0,
    QUORUM_WAITING,
    QUORUM_DECIDED,
    QUORUM_IMPOSSIBLE, /* no result can get enough any more */
};

struct quorum {
    unsigned replica_count; /* 3f+1 */
    unsigned needed;        /* equal results that decide */
    uint32_t replied;       /* mask of replicas */
    int decided;            /* a replica that reported the decided result, or -1 */
    struct {
        uint8_t bytes[REPLY_BYTES_MAX];
        size_t size;
    } results[REPLICAS_MAX];
};

/* `needed`: f+1 or 2f+1. */
void quorum_start(struct quorum *quorum, unsigned replica_count, unsigned needed);
/* Counts one replica's result: its first reply only, so that a liar counts once. `replica` is below
 * replica_count and the result at most REPLY_BYTES_MAX. Replies after the decision are welcome:
 * they may convict. */
enum quorum_state quorum_add(struct quorum *quorum, unsigned replica, struct slice result);
enum quorum_state quorum_state(const struct quorum *quorum);
bool quorum_has(const struct quorum *quorum, unsigned replica);
unsigned quorum_replies(const struct quorum *quorum);
/* The decided result; empty while there is none. Borrowed. */
struct slice quorum_result(const struct quorum *quorum);
/* The replicas whose reply contradicts the decision, as a mask. 0 while nothing is decided. */
uint32_t quorum_dissenters(const struct quorum *quorum);

#endif
