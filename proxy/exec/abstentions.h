/* Counting the replicas that could not execute a COMMIT (their own limits, a lost snapshot).
 *
 * Votes decide with f+1 equal ones because one of them is a correct replica's and correct replicas
 * execute alike. Abstentions say nothing about the transaction, so f+1 of them mean nothing: one
 * honest disk that is full and f liars would outvote the rest. With 2f+1 of them at most f correct
 * replicas are left to vote, and no vote can reach f+1 unless a liar adds its own while it abstains
 * elsewhere; then more than f replicas would have to fail. So 2f+1 abstentions abort the
 * transaction, and neither a statement that no replica can execute nor a power cut that took
 * everyone's snapshots stops the order for ever.
 *
 * The same abort ends a vote that can never be decided: replicas that spoke differ so much, and so
 * few are silent, that no outcome can reach f+1 (votes_may_decide). Correct replicas that execute
 * alike never come to that; a client that found a statement that is not deterministic does, and
 * would stop the order for ever.
 *
 * Pure, bounded as votes.h: requests outside (forgotten, forgotten + window] are dropped. */
#ifndef BYZ_PROXY_EXEC_ABSTENTIONS_H
#define BYZ_PROXY_EXEC_ABSTENTIONS_H

#include <stdbool.h>
#include <stdint.h>

struct abstentions;

struct abstentions *abstentions_new(unsigned faults, unsigned window);
void abstentions_free(struct abstentions *abstentions);

/* False: counted before, or out of the window. */
bool abstentions_add(
    struct abstentions *abstentions, unsigned replica, uint64_t seq, uint32_t index);
/* Who abstained. */
uint32_t abstentions_mask(const struct abstentions *abstentions, uint64_t seq, uint32_t index);
bool abstentions_decide(const struct abstentions *abstentions, uint64_t seq, uint32_t index);
void abstentions_forget(struct abstentions *abstentions, uint64_t seq);

#endif
