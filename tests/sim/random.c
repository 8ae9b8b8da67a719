#include "tests/sim/random.h"

uint32_t random_mask(struct random *r, unsigned count, unsigned permille)
{
    uint32_t mask = 0;
    for (unsigned i = 0; i < count; i++) {
        if (random_chance(r, permille))
            mask |= UINT32_C(1) << i;
    }
    return mask;
}
