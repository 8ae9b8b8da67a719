/* Latencies of one client, and percentiles over all clients. */
#ifndef BYZ_BENCH_SAMPLES_H
#define BYZ_BENCH_SAMPLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct samples {
    uint32_t *us;
    size_t count;
    size_t room;
};

/* False: out of memory. */
bool samples_add(struct samples *samples, uint64_t us);
bool samples_append(struct samples *samples, const struct samples *more);
void samples_sort(struct samples *samples);
/* Of sorted ones; 0 if there are none. */
unsigned samples_percentile(const struct samples *sorted, unsigned percent);
void samples_free(struct samples *samples);

#endif
