/* The one source of chance of a run: everything follows from the seed. */
#ifndef BYZ_TESTS_SIM_RANDOM_H
#define BYZ_TESTS_SIM_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct random {
    uint64_t state;
};

/* splitmix64's finaliser: also a cheap hash of a word. */
static inline uint64_t mix64(uint64_t x)
{
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static inline uint64_t random_next(struct random *r)
{
    r->state += UINT64_C(0x9e3779b97f4a7c15);
    return mix64(r->state);
}

/* Below `limit`, which is not 0. */
static inline uint64_t random_below(struct random *r, uint64_t limit)
{
    return (uint64_t)((unsigned __int128)random_next(r) * limit >> 64);
}

/* From `low` to `high`, both included. */
static inline uint64_t random_between(struct random *r, uint64_t low, uint64_t high)
{
    return low + random_below(r, high - low + 1);
}

static inline bool random_chance(struct random *r, unsigned permille)
{
    return random_below(r, 1000) < permille;
}

/* A mask of `count` members, each in it with this chance. */
uint32_t random_mask(struct random *r, unsigned count, unsigned permille);

#endif
