/* Who said which digest: the votes of one phase for one sequence number.
 *
 * A replica's first word counts. A second, different one is a lie and is not counted, so a faulty
 * replica adds to one digest at most. */
#ifndef BYZ_PROXY_PBFT_TALLY_H
#define BYZ_PROXY_PBFT_TALLY_H

#include "common/limits.h"

#include <stdbool.h>
#include <stdint.h>

struct tally {
    uint32_t voted; /* mask of replicas; only their digests mean anything */
    uint8_t digest[REPLICAS_MAX][DIGEST_BYTES];
};

enum tally_result { TALLY_INVALID = 0, TALLY_COUNTED, TALLY_REPEATED, TALLY_CONTRADICTED };

enum tally_result tally_add(
    struct tally *tally, unsigned replica, const uint8_t digest[static DIGEST_BYTES]);
/* A word that is proved replaces the one that came before it. */
void tally_replace(
    struct tally *tally, unsigned replica, const uint8_t digest[static DIGEST_BYTES]);
bool tally_has(const struct tally *tally, unsigned replica);
/* The replicas that said this digest, as a mask, and how many they are. */
uint32_t tally_mask(const struct tally *tally, const uint8_t digest[static DIGEST_BYTES]);
unsigned tally_count(const struct tally *tally, const uint8_t digest[static DIGEST_BYTES]);
void tally_clear(struct tally *tally);

#endif
