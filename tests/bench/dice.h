/* Random numbers that are the same in every run with the same seed. */
#ifndef BYZ_BENCH_DICE_H
#define BYZ_BENCH_DICE_H

#include <stdint.h>

struct dice {
    uint64_t state;
};

/* Each client throws its own: equal seeds and numbers give equal sequences. */
void dice_seed(struct dice *dice, uint64_t seed, unsigned client);
/* 0 … bound - 1. */
unsigned dice_below(struct dice *dice, unsigned bound);
/* first … last. */
int dice_between(struct dice *dice, int first, int last);

#endif
