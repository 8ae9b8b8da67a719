#include "proxy/exec/transaction_seed.h"

#include "common/crypto.h"

#include <string.h>

#define SEED_TEXT "byzantium transaction seed 1"
#define SEED_TEXT_BYTES (sizeof SEED_TEXT - 1)
#define SEED_NUMBERS 5

/* Big-endian, like everything that is agreed on. */
static uint8_t *put(uint8_t *at, uint64_t number)
{
    for (int shift = 56; shift >= 0; shift -= 8)
        *at++ = (uint8_t)(number >> shift);
    return at;
}

void transaction_seed(const uint8_t batch_seed[static DIGEST_BYTES], const struct transaction *t,
    uint8_t ret_seed[static DIGEST_BYTES])
{
    uint8_t bytes[SEED_TEXT_BYTES + DIGEST_BYTES + SEED_NUMBERS * 8];
    const uint64_t numbers[SEED_NUMBERS] = {
        t->id.client, t->id.session, t->id.number, t->begun_seq, t->begun_us};
    memcpy(bytes, SEED_TEXT, SEED_TEXT_BYTES);
    memcpy(bytes + SEED_TEXT_BYTES, batch_seed, DIGEST_BYTES);
    uint8_t *at = bytes + SEED_TEXT_BYTES + DIGEST_BYTES;
    for (unsigned i = 0; i < SEED_NUMBERS; i++)
        at = put(at, numbers[i]);
    sha256(ret_seed, bytes, sizeof bytes);
}
