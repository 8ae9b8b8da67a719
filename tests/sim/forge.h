/* Messages that a faulty replica makes up. Here the model's unforgeability is kept: only keys of
 * faulty replicas sign. Each returns a new body. */
#ifndef BYZ_TESTS_SIM_FORGE_H
#define BYZ_TESTS_SIM_FORGE_H

#include "common/message.h"
#include "tests/sim/body.h"

struct sim;

/* Signs as a faulty replica; anybody else is refused by an assertion. */
void forge_sign(struct sim *sim, unsigned replica, enum signature_purpose purpose,
    struct slice data, uint8_t ret[static SIGNATURE_BYTES]);

struct body *forge_pre_prepare(
    struct sim *sim, unsigned replica, uint64_t view, const struct batch *batch);
struct body *forge_prepare(struct sim *sim, unsigned replica, uint64_t view, uint64_t seq,
    const uint8_t digest[static DIGEST_BYTES]);
struct body *forge_commit(uint64_t view, uint64_t seq, const uint8_t digest[static DIGEST_BYTES]);
struct body *forge_checkpoint(
    struct sim *sim, unsigned replica, uint64_t seq, const uint8_t digest[static DIGEST_BYTES]);
struct body *forge_status(const struct status *status);
struct body *forge_fetched(const struct batch *batch);
struct body *forge_content(const struct batch *batch);
struct body *forge_contribution(struct sim *sim, const struct contribution *unsigned_one);
struct body *forge_view_change(struct sim *sim, const struct view_change *unsigned_one);
struct body *forge_new_view(struct sim *sim, unsigned replica, const struct new_view *unsigned_one);
/* The signature of a pre-prepare or prepare. */
void forge_phase_signature(struct sim *sim, unsigned replica, enum signature_purpose purpose,
    uint64_t view, uint64_t seq, const uint8_t digest[static DIGEST_BYTES],
    uint8_t ret[static SIGNATURE_BYTES]);

#endif
