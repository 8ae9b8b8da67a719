/* The messages of a view change made by hand: certificates, VIEW-CHANGE, NEW-VIEW.
 *
 * Whoever's name stands in them signs them: a test decides who is faulty by what it makes. */
#ifndef BYZ_TESTS_PBFT_FORGE_VIEW_H
#define BYZ_TESTS_PBFT_FORGE_VIEW_H

#include "proxy/pbft/pbft.h"

/* A VIEW-CHANGE under construction. Zero-initialise but for the first two. */
struct forged_change {
    unsigned replica;
    uint64_t view;
    uint64_t stable; /* its certificate's sequence number; 0: the beginning */
    uint8_t stable_digest[DIGEST_BYTES];
    uint32_t stable_signers;
    uint32_t proof_count;
    struct buffer proofs;
};

/* The body of STABLE, into an emptied buffer. `signers` is a mask. */
void forge_stable(
    struct buffer *out, uint64_t seq, const uint8_t digest[static DIGEST_BYTES], uint32_t signers);
/* Adds a certificate that the batch with this digest prepared, of the view's primary among n and
 * these backups. In growing order of seq. */
void forge_add_proof(struct forged_change *change, unsigned n, uint64_t view, uint64_t seq,
    const uint8_t digest[static DIGEST_BYTES], uint32_t signers);
/* Into an emptied buffer; releases the certificates. */
void forge_view_change(struct buffer *out, struct forged_change *change);
/* Without certificates: nothing is stable, nothing prepared. */
void forge_empty_view_change(struct buffer *out, unsigned replica, uint64_t view);

/* A NEW-VIEW under construction. Zero-initialise but for the first two. */
struct forged_new_view {
    unsigned primary;
    uint64_t view;
    uint32_t senders;
    uint8_t digests[REPLICAS_MAX][DIGEST_BYTES]; /* of each sender's VIEW-CHANGE's content */
    uint64_t low;
    uint32_t carried_count;
    uint8_t carried[WINDOW_MAX][DIGEST_BYTES];
};

/* Adds an encoded VIEW-CHANGE to what it was made from. */
void forge_add_change(struct forged_new_view *m, struct slice view_change);
void forge_add_carried(struct forged_new_view *m, const uint8_t digest[static DIGEST_BYTES]);
/* A null batch at the next place. */
void forge_add_null(struct forged_new_view *m);
void forge_new_view(struct buffer *out, const struct forged_new_view *m);

/* Other bodies. */
void forge_status_of(struct buffer *out, const struct status *m);
void forge_want(struct buffer *out, uint64_t seq, const uint8_t digest[static DIGEST_BYTES]);
void forge_content(struct buffer *out, const struct batch *batch);
void forge_contribution(struct buffer *out, unsigned replica, uint64_t number);

#endif
