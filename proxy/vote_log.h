/* The latest votes of this replica, to be said again when a link comes back: a vote that was lost
 * with a link would leave the others waiting. Older ones are answered from the log's outcomes. */
#ifndef BYZ_PROXY_VOTE_LOG_H
#define BYZ_PROXY_VOTE_LOG_H

#include "common/message.h"

#define VOTE_LOG_MAX 16384

struct vote_log {
    struct vote ring[VOTE_LOG_MAX];
    unsigned first;
    unsigned count;
};

void vote_log_add(struct vote_log *log, const struct vote *vote);
/* Forgets the votes for batches up to seq. */
void vote_log_forget(struct vote_log *log, uint64_t seq);
/* index < log->count, in the order in which they were cast */
const struct vote *vote_log_at(const struct vote_log *log, unsigned index);

#endif
