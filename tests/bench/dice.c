#include "tests/bench/dice.h"

#include <assert.h>

/* splitmix64: spreads seeds that differ in one bit. */
static uint64_t spread(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

void dice_seed(struct dice *dice, uint64_t seed, unsigned client)
{
    dice->state = spread(spread(seed) + client);
    if (dice->state == 0) /* the one state that a xorshift never leaves */
        dice->state = 1;
}

/* xorshift64*: good enough to pick accounts. */
unsigned dice_below(struct dice *dice, unsigned bound)
{
    assert(bound > 0);
    dice->state ^= dice->state >> 12;
    dice->state ^= dice->state << 25;
    dice->state ^= dice->state >> 27;
    return (unsigned)((dice->state * 2685821657736338717u >> 33) % bound);
}

int dice_between(struct dice *dice, int first, int last)
{
    assert(first <= last);
    return first + (int)dice_below(dice, (unsigned)(last - first) + 1);
}
