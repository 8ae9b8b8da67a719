#include "tests/sim/fake_crypto.h"

#include "tests/sim/random.h"

#include <string.h>

#define KEY_A UINT64_C(0xa0761d6478bd642f)
#define KEY_B UINT64_C(0xe7037ed1a0b428db)
#define KEY_C UINT64_C(0x8ebc6af09c88c6e3)

static inline uint64_t fold(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t word_at(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

/* Sixteen bytes a round; the rest, padded with zeros, with the size in the last. */
uint64_t fake_hash(uint64_t key, const void *data, size_t size)
{
    const uint8_t *at = data;
    uint64_t state = fold(key ^ KEY_A, KEY_B ^ size);
    size_t left = size;
    for (; left >= 16; left -= 16, at += 16)
        state = fold(word_at(at) ^ KEY_A, word_at(at + 8) ^ state);
    uint64_t rest[2] = {0, 0};
    if (left > 0)
        memcpy(rest, at, left);
    state = fold(rest[0] ^ KEY_C, rest[1] ^ state ^ KEY_B);
    return mix64(state ^ size);
}

static void expand(uint64_t a, uint64_t b, uint8_t *ret, size_t size)
{
    for (size_t i = 0; i < size; i += 8) {
        uint64_t word = (i / 8 % 2 == 0 ? a : b) + i * KEY_C;
        memcpy(ret + i, &word, sizeof word);
    }
}

void fake_digest(const void *data, size_t size, uint8_t ret[static DIGEST_BYTES])
{
    expand(fake_hash(KEY_A, data, size), fake_hash(KEY_B, data, size), ret, DIGEST_BYTES);
}

void fake_sign(uint64_t signer, enum signature_purpose purpose, const void *data, size_t size,
    uint8_t ret[static SIGNATURE_BYTES])
{
    uint64_t tag = fake_hash(mix64(signer * 64 + (uint64_t)purpose + KEY_C), data, size);
    expand(tag, ~tag, ret, SIGNATURE_BYTES);
}

bool fake_verify(uint64_t signer, enum signature_purpose purpose, const void *data, size_t size,
    const uint8_t signature[static SIGNATURE_BYTES])
{
    uint8_t expected[SIGNATURE_BYTES];
    fake_sign(signer, purpose, data, size, expected);
    return memcmp(expected, signature, SIGNATURE_BYTES) == 0;
}
