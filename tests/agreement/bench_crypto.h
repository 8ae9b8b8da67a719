/* Cryptography for the benchmark of the core: the daemon's, or a fake that costs next to nothing;
 * both count what they are asked for. */
#ifndef BYZ_TESTS_AGREEMENT_BENCH_CRYPTO_H
#define BYZ_TESTS_AGREEMENT_BENCH_CRYPTO_H

#include "common/crypto.h"
#include "proxy/pbft/pbft.h"

struct bench_crypto_counts {
    uint64_t signs, verifies, digests, digest_bytes;
};

/* All keys of a cluster with one client. */
struct bench_keys {
    unsigned replica_count;
    bool real;
    uint8_t identity[DIGEST_BYTES];
    struct private_key *private_keys[REPLICAS_MAX + 1]; /* the client's is behind the replicas' */
    struct public_key *public_keys[REPLICAS_MAX + 1];
    struct bench_crypto_counts counts;
};

/* One node's view of them. */
struct bench_signer {
    struct bench_keys *keys;
    unsigned self;
};

bool bench_keys_make(struct bench_keys *keys, unsigned replica_count, bool real);
void bench_keys_free(struct bench_keys *keys);
struct pbft_crypto bench_crypto_ops(struct bench_signer *signer);
void bench_sign_request(
    struct bench_keys *keys, const void *data, size_t size, uint8_t ret[static SIGNATURE_BYTES]);

#endif
