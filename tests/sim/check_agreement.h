/* Agreement: one batch, one time, one seed, one state at each number, on all correct replicas, for
 * ever. Batches come without gaps, their time grows and stays near the clocks, and each stands on a
 * certificate: 2f+1 replicas said COMMIT to it in one view. */
#ifndef BYZ_TESTS_SIM_CHECK_AGREEMENT_H
#define BYZ_TESTS_SIM_CHECK_AGREEMENT_H

#include "proxy/pbft/pbft.h"

struct sim;
struct execution;

struct agreed {
    uint64_t digest; /* of the batch */
    uint64_t rest;   /* what is skipped, the agreed time, the seed */
    uint64_t timestamp_us;
    uint64_t state; /* after execution; 0: nobody has executed it */
};

struct check_agreement {
    struct agreed *agreed; /* by number */
    uint64_t capacity;
    uint64_t highest;
};

void check_agreement_start(struct sim *sim);
void check_agreement_delivery(
    struct sim *sim, unsigned replica, const struct pbft_delivery *delivery);
void check_agreement_executed(
    struct sim *sim, unsigned replica, uint64_t seq, const struct execution *execution);
/* The first bytes of a digest name it. */
uint64_t check_digest(const uint8_t digest[static DIGEST_BYTES]);

#endif
