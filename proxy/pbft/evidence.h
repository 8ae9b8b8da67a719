/* Telling the driver that a replica signed two statements that contradict each other.
 *
 * Called where a rule has verified both signatures and found them to differ; the statements are
 * encoded again here, to the bytes that were signed. An update has room for PBFT_EVIDENCE_MAX; more
 * is dropped, because one is enough to convict. A repeated lie is told again: the driver keeps one
 * record of each. Agreement itself never uses evidence. */
#ifndef BYZ_PROXY_PBFT_EVIDENCE_H
#define BYZ_PROXY_PBFT_EVIDENCE_H

#include "common/message.h"

struct pbft;

/* `a` and `b` are the signed bytes; copied. Nothing is told if they are equal. */
void emit_evidence(struct pbft *core, unsigned replica, enum signature_purpose purpose,
    struct slice a, const uint8_t signature_a[static SIGNATURE_BYTES], struct slice b,
    const uint8_t signature_b[static SIGNATURE_BYTES]);

/* One word of a replica: what it said about a thing of which there is only one. */
struct said {
    const uint8_t *digest;    /* DIGEST_BYTES */
    const uint8_t *signature; /* SIGNATURE_BYTES */
};
/* Two proposals of a view's primary, or two prepares, for one sequence number. */
void evidence_phase(struct pbft *core, enum signature_purpose purpose, unsigned replica,
    uint64_t view, uint64_t seq, struct said a, struct said b);
void evidence_checkpoint(struct pbft *core, const struct checkpoint *a, const struct checkpoint *b);
void evidence_view_change(
    struct pbft *core, unsigned replica, uint64_t view, struct said a, struct said b);
void evidence_new_view(
    struct pbft *core, unsigned replica, uint64_t view, struct said a, struct said b);
void evidence_contribution(
    struct pbft *core, const struct contribution *a, const struct contribution *b);

#endif
