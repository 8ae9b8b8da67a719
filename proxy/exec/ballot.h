/* This replica's side of voting: what it said itself, what the others say, and what it tells a
 * replica that asks about something long decided here.
 *
 * There is no question among the messages: a replica that waits sends its own vote again. Who has
 * the answer then sends its vote again too, but only to the second, fourth, eighth … repetition,
 * and not too often in all, so that answers to answers die out. */
#ifndef BYZ_PROXY_EXEC_BALLOT_H
#define BYZ_PROXY_EXEC_BALLOT_H

#include "common/config.h"
#include "proxy/exec/exec.h"

struct ballot;

struct ballot *ballot_new(const struct config *config, unsigned self, const struct exec_ops *ops);
void ballot_free(struct ballot *ballot);

/* The next batch to be executed is seq, of so many requests; everything below has been. Again
 * after an interruption: what was said stays said. False: out of memory. */
bool ballot_open(struct ballot *ballot, uint64_t seq, unsigned request_count);
/* The batch is executed. */
void ballot_close(struct ballot *ballot, uint64_t seq);

/* Says what this replica's execution came to; once said it stands. */
void ballot_say(struct ballot *ballot, uint32_t index, const struct outcome *outcome);
/* … again, because the others are not heard. */
void ballot_repeat(struct ballot *ballot, uint32_t index);
/* What was said on this request of the open batch, or NULL. */
const struct outcome *ballot_said(const struct ballot *ballot, uint32_t index);

/* Do correct replicas come to the same outcome here? CERTAIN if this replica executed the request
 * and met nothing that the extension flags as uncertain. */
enum ballot_trust { BALLOT_INVALID = 0, BALLOT_UNCERTAIN, BALLOT_CERTAIN };
/* The decision on a request of the open batch, or NULL. CERTAIN: by f+1 equal votes; UNCERTAIN: by
 * 2f+1. It is the abstention's outcome where no vote will decide. */
const struct outcome *ballot_decided(
    const struct ballot *ballot, uint32_t index, enum ballot_trust trust);
/* A request of the open batch is over here: from now on others are told. */
void ballot_settle(struct ballot *ballot, uint32_t index, const struct outcome *outcome);
/* Replicas that voted otherwise than was decided, as a mask. */
uint32_t ballot_dissenters(
    const struct ballot *ballot, uint32_t index, const struct outcome *decided);

/* A vote of another replica, or an outcome from its log. `now` in seconds. */
void ballot_receive(struct ballot *ballot, unsigned replica, const struct vote *vote, double now);
/* Votes of a replica that contradicted its own earlier ones. */
uint64_t ballot_contradictions(const struct ballot *ballot, unsigned replica);

#endif
