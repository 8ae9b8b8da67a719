#include "tests/bench/samples.h"

#include <stdlib.h>
#include <string.h>

static bool room_for(struct samples *samples, size_t count)
{
    if (count <= samples->room)
        return true;
    size_t room = count < 4096 ? 4096 : 2 * count;
    uint32_t *more = reallocarray(samples->us, room, sizeof *more);
    if (!more)
        return false;
    samples->us = more;
    samples->room = room;
    return true;
}

bool samples_add(struct samples *samples, uint64_t us)
{
    if (!room_for(samples, samples->count + 1))
        return false;
    samples->us[samples->count++] = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
    return true;
}

bool samples_append(struct samples *samples, const struct samples *more)
{
    if (more->count == 0)
        return true;
    if (!room_for(samples, samples->count + more->count))
        return false;
    memcpy(samples->us + samples->count, more->us, more->count * sizeof *more->us);
    samples->count += more->count;
    return true;
}

static int order_us(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

void samples_sort(struct samples *samples)
{
    if (samples->count > 0)
        qsort(samples->us, samples->count, sizeof *samples->us, order_us);
}

unsigned samples_percentile(const struct samples *sorted, unsigned percent)
{
    return sorted->count ? sorted->us[(sorted->count - 1) * percent / 100] : 0;
}

void samples_free(struct samples *samples)
{
    free(samples->us);
    *samples = (struct samples){0};
}
