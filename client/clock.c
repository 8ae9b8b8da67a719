#include "client/clock.h"

#include <assert.h>
#include <time.h>

static uint64_t read_us(clockid_t clock)
{
    struct timespec t;
    int failed = clock_gettime(clock, &t);
    assert(failed == 0);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

uint64_t clock_now_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

uint64_t clock_utc_us(void)
{
    return read_us(CLOCK_REALTIME);
}

uint64_t clock_after_s(unsigned seconds)
{
    return clock_now_us() + (uint64_t)seconds * 1000000u;
}
