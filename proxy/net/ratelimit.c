#include "proxy/net/ratelimit.h"

#include <assert.h>

void ratelimit_init(struct ratelimit *r, unsigned events_max, uint64_t period_us)
{
    assert(events_max > 0 && period_us > 0);
    *r = (struct ratelimit){.events_max = events_max, .period_us = period_us};
}

bool ratelimit_allow(struct ratelimit *r, uint64_t now_us, uint64_t *ret_refused)
{
    bool first = r->period_started_us == 0;
    if (first || now_us - r->period_started_us >= r->period_us) {
        r->period_started_us = now_us > 0 ? now_us : 1;
        r->events = 0;
    }
    if (r->events >= r->events_max) {
        r->refused++;
        return false;
    }
    r->events++;
    *ret_refused = r->refused;
    r->refused = 0;
    return true;
}
