/* At most so many events in a period; counts what it refuses. For log lines that a stranger can
 * provoke, and for answers that cost something. Time is handed in. */
#ifndef BYZ_PROXY_NET_RATELIMIT_H
#define BYZ_PROXY_NET_RATELIMIT_H

#include <stdbool.h>
#include <stdint.h>

struct ratelimit {
    uint64_t period_us;
    unsigned events_max; /* in one period */
    uint64_t period_started_us;
    unsigned events;
    uint64_t refused; /* since the last event that was allowed */
};

void ratelimit_init(struct ratelimit *r, unsigned events_max, uint64_t period_us);
/* True: go on; *ret_refused says how many were refused since the last time. */
bool ratelimit_allow(struct ratelimit *r, uint64_t now_us, uint64_t *ret_refused);

#endif
