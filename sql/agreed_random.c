#include "sql/agreed_random.h"

#include "common/pg_prng.h"

static pg_prng_state stream;

/* By bytes, so that the machine's byte order does not matter. */
static uint64 word_of(const uint8 bytes[static 8])
{
    uint64 word = 0;
    for (int i = 0; i < 8; i++)
        word = word << 8 | bytes[i];
    return word;
}

void agreed_random_start(const uint8 *seed, size_t size)
{
    stream = (pg_prng_state){0};
    if (size > 0) { /* not so at the end of each transaction */
        uint8 bytes[16] = {0};
        memcpy(bytes, seed, Min(size, sizeof(bytes)));
        stream = (pg_prng_state){.s0 = word_of(bytes), .s1 = word_of(bytes + 8)};
    }
    (void)pg_prng_seed_check(&stream); /* replaces the one state that is no stream: zeros */
}

void agreed_random_set(double seed)
{
    pg_prng_fseed(&stream, seed);
}

double agreed_random_double(void)
{
    return pg_prng_double(&stream);
}

void agreed_random_bytes(uint8 *out, size_t size)
{
    for (size_t i = 0; i < size; i += 8) {
        uint64 word = pg_prng_uint64(&stream);
        for (size_t j = i; j < size && j < i + 8; j++) {
            out[j] = (uint8)word;
            word >>= 8;
        }
    }
}
