/* Messages made by hand, as any replica or client would (or should not) make them. */
#ifndef BYZ_TESTS_PBFT_FORGE_H
#define BYZ_TESTS_PBFT_FORGE_H

#include "proxy/pbft/pbft.h"

/* Appends one signed request to `b`; the returned request borrows from it. */
struct request forge_request(
    struct buffer *b, unsigned client, uint64_t session, uint64_t number, const char *body);
/* … whose signature is wrong. */
struct request forge_unsigned_request(
    struct buffer *b, unsigned client, uint64_t session, uint64_t number, const char *body);
struct batch forge_batch(
    uint64_t seq, uint64_t timestamp_us, uint32_t request_count, const struct buffer *requests);
void forge_batch_digest(const struct batch *batch, uint8_t ret[static DIGEST_BYTES]);

/* The signature of a pre-prepare or prepare. */
void forge_sign_phase(unsigned signer, enum signature_purpose purpose, uint64_t view, uint64_t seq,
    const uint8_t digest[static DIGEST_BYTES], uint8_t ret[static SIGNATURE_BYTES]);

/* Bodies, into an emptied buffer. */
void forge_pre_prepare(
    struct buffer *out, unsigned signer, uint64_t view, const struct batch *batch);
void forge_prepare(struct buffer *out, unsigned signer, uint64_t view, uint64_t seq,
    const uint8_t digest[static DIGEST_BYTES]);
void forge_commit(
    struct buffer *out, uint64_t view, uint64_t seq, const uint8_t digest[static DIGEST_BYTES]);
void forge_checkpoint(
    struct buffer *out, unsigned signer, uint64_t seq, const uint8_t digest[static DIGEST_BYTES]);
void forge_status(
    struct buffer *out, uint64_t view, uint64_t delivered, uint64_t executed, uint64_t stable);
void forge_fetched(struct buffer *out, const struct batch *batch);

#endif
