#include "proxy/exec/abstentions.h"

#include "common/limits.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct abstentions {
    unsigned faults;
    unsigned window;
    uint64_t forgotten;
    /* window * BATCH_REQUESTS_MAX sets of replicas; a batch's place is its number modulo window */
    uint32_t *masks;
};

struct abstentions *abstentions_new(unsigned faults, unsigned window)
{
    assert(faults <= FAULTS_MAX && window > 0 && window <= WINDOW_MAX);
    struct abstentions *a = calloc(1, sizeof *a);
    if (a == NULL)
        return NULL;
    a->faults = faults;
    a->window = window;
    a->masks = calloc((size_t)window * BATCH_REQUESTS_MAX, sizeof *a->masks);
    if (a->masks == NULL) {
        free(a);
        return NULL;
    }
    return a;
}

void abstentions_free(struct abstentions *a)
{
    if (a == NULL)
        return;
    free(a->masks);
    free(a);
}

static uint32_t *mask_of(const struct abstentions *a, uint64_t seq, uint32_t index)
{
    if (seq <= a->forgotten || seq - a->forgotten > a->window || index >= BATCH_REQUESTS_MAX)
        return NULL;
    return &a->masks[(size_t)(seq % a->window) * BATCH_REQUESTS_MAX + index];
}

bool abstentions_add(struct abstentions *a, unsigned replica, uint64_t seq, uint32_t index)
{
    assert(replica < REPLICAS_MAX);
    uint32_t *mask = mask_of(a, seq, index);
    uint32_t bit = UINT32_C(1) << replica;
    if (mask == NULL || (*mask & bit) != 0)
        return false;
    *mask |= bit;
    return true;
}

uint32_t abstentions_mask(const struct abstentions *a, uint64_t seq, uint32_t index)
{
    const uint32_t *mask = mask_of(a, seq, index);
    return mask == NULL ? 0 : *mask;
}

bool abstentions_decide(const struct abstentions *a, uint64_t seq, uint32_t index)
{
    return (unsigned)__builtin_popcount(abstentions_mask(a, seq, index)) >= 2 * a->faults + 1;
}

void abstentions_forget(struct abstentions *a, uint64_t seq)
{
    if (seq <= a->forgotten)
        return;
    uint64_t count = seq - a->forgotten;
    if (count > a->window)
        count = a->window;
    for (uint64_t i = 1; i <= count; i++)
        memset(&a->masks[(size_t)((a->forgotten + i) % a->window) * BATCH_REQUESTS_MAX], 0,
            BATCH_REQUESTS_MAX * sizeof *a->masks);
    a->forgotten = seq;
}
