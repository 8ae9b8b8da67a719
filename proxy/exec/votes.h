/* Counting votes: what the replicas' executions of each COMMIT came to.
 *
 * The rule of this version: a transaction is decided by f+1 equal votes. At least one of them is a
 * correct replica's, and correct replicas execute deterministically (the extension refuses what is
 * not), so no other outcome can win. design.md section 4 has the stronger rule that a later version
 * brings: it holds also when a non-deterministic statement slips through.
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
/* How many replicas voted at all (for logs and time-outs). */
unsigned votes_count(const struct votes *votes, uint64_t seq, uint32_t index);
/* The replicas whose vote differs from the decided outcome, as a mask. */
uint32_t votes_dissenters(const struct votes *votes, uint64_t seq, uint32_t index);
/* Forgets everything up to and including seq. */
void votes_forget(struct votes *votes, uint64_t seq);

#endif
