#include "proxy/vote_log.h"

#include <assert.h>

void vote_log_add(struct vote_log *log, const struct vote *vote)
{
    if (log->count == VOTE_LOG_MAX) { /* the oldest makes room */
        log->first = (log->first + 1) % VOTE_LOG_MAX;
        log->count--;
    }
    log->ring[(log->first + log->count) % VOTE_LOG_MAX] = *vote;
    log->count++;
}

void vote_log_forget(struct vote_log *log, uint64_t seq)
{
    while (log->count > 0 && log->ring[log->first].seq <= seq) {
        log->first = (log->first + 1) % VOTE_LOG_MAX;
        log->count--;
    }
}

const struct vote *vote_log_at(const struct vote_log *log, unsigned index)
{
    assert(index < log->count);
    return &log->ring[(log->first + index) % VOTE_LOG_MAX];
}
