#include "proxy/pbft/tally.h"

#include <assert.h>
#include <string.h>

enum tally_result tally_add(
    struct tally *tally, unsigned replica, const uint8_t digest[static DIGEST_BYTES])
{
    assert(replica < REPLICAS_MAX);
    if (tally_has(tally, replica)) {
        bool same = memcmp(tally->digest[replica], digest, DIGEST_BYTES) == 0;
        return same ? TALLY_REPEATED : TALLY_CONTRADICTED;
    }
    memcpy(tally->digest[replica], digest, DIGEST_BYTES);
    tally->voted |= UINT32_C(1) << replica;
    return TALLY_COUNTED;
}

void tally_replace(struct tally *tally, unsigned replica, const uint8_t digest[static DIGEST_BYTES])
{
    assert(replica < REPLICAS_MAX);
    memcpy(tally->digest[replica], digest, DIGEST_BYTES);
    tally->voted |= UINT32_C(1) << replica;
}

bool tally_has(const struct tally *tally, unsigned replica)
{
    assert(replica < REPLICAS_MAX);
    return (tally->voted >> replica & 1) != 0;
}

uint32_t tally_mask(const struct tally *tally, const uint8_t digest[static DIGEST_BYTES])
{
    uint32_t mask = 0;
    for (unsigned i = 0; i < REPLICAS_MAX; i++) {
        if (tally_has(tally, i) && memcmp(tally->digest[i], digest, DIGEST_BYTES) == 0)
            mask |= UINT32_C(1) << i;
    }
    return mask;
}

unsigned tally_count(const struct tally *tally, const uint8_t digest[static DIGEST_BYTES])
{
    return (unsigned)__builtin_popcount(tally_mask(tally, digest));
}

void tally_clear(struct tally *tally)
{
    tally->voted = 0;
}
