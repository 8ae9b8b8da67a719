/* Cheap cryptography for tests: unforgeable within the model, because nobody in a test uses the key
 * of a replica or client that it does not play. */
#ifndef BYZ_TESTS_PBFT_FAKE_CRYPTO_H
#define BYZ_TESTS_PBFT_FAKE_CRYPTO_H

#include "proxy/pbft/pbft.h"

struct fake_signer {
    unsigned self;
    unsigned signed_count; /* how often each was called: tests on who pays for what */
    unsigned replica_verified_count;
    unsigned client_verified_count;
};

struct pbft_crypto fake_crypto(struct fake_signer *signer);

void fake_digest(const void *data, size_t size, uint8_t ret[static DIGEST_BYTES]);
void fake_sign_replica(unsigned replica, enum signature_purpose purpose, const void *data,
    size_t size, uint8_t ret[static SIGNATURE_BYTES]);
void fake_sign_client(
    unsigned client, const void *data, size_t size, uint8_t ret[static SIGNATURE_BYTES]);

#endif
