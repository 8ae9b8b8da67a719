/* Counting votes: what the replicas' executions of each COMMIT came to.
 *
 * Two rules. Where correct replicas cannot differ, f+1 equal votes decide: one of them at least is
 * a correct replica's. Where they can (the extension flags such statements), a quorum of 2f+1 equal
 * votes is needed: two such sets have a correct replica in common, and that one votes once, so no
 * two outcomes both win however the correct ones differ. Votes that agreement itself fixes, in a
 * later version, will replace both.
 *
 * Pure and bounded: votes outside (executed, executed + window] are dropped. */
#ifndef BYZ_PROXY_EXEC_VOTES_H
#define BYZ_PROXY_EXEC_VOTES_H

#include "common/message.h"

struct votes;

struct votes *votes_new(unsigned faults, unsigned window);
void votes_free(struct votes *votes);

enum votes_add { VOTES_COUNTED, VOTES_REPEATED, VOTES_OUT_OF_WINDOW, VOTES_CONTRADICTED };
/* Counts a vote. A second, different vote of one replica is not counted (CONTRADICTED: it lies). */
enum votes_add votes_add(struct votes *votes, unsigned replica, const struct vote *vote);
/* The decided outcome of (seq, index), or NULL while none has f+1 votes. */
const struct outcome *votes_decided(const struct votes *votes, uint64_t seq, uint32_t index);
/* The outcome that has 2f+1 votes, or NULL. */
const struct outcome *votes_quorum(const struct votes *votes, uint64_t seq, uint32_t index);
/* Who voted, as a mask. */
uint32_t votes_mask(const struct votes *votes, uint64_t seq, uint32_t index);
/* Can f+1 votes still become equal, if those who abstained do not vote? */
bool votes_may_decide(const struct votes *votes, uint64_t seq, uint32_t index, uint32_t abstained);
/* How many replicas voted at all (for logs and time-outs). */
unsigned votes_count(const struct votes *votes, uint64_t seq, uint32_t index);
/* The replicas whose vote differs from this outcome, as a mask. */
uint32_t votes_dissenters(
    const struct votes *votes, uint64_t seq, uint32_t index, const struct outcome *outcome);
/* Forgets everything up to and including seq. */
void votes_forget(struct votes *votes, uint64_t seq);

#endif
