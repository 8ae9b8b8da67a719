/* Checkpoints (section 4.3 of the PBFT paper): proofs that 2f+1 replicas reached the same state, so
 * that what came before may be forgotten.
 *
 * The state at a checkpoint is encoded when its batch has been executed, and kept until the
 * checkpoint is stable; only a stable state is recorded, so a replica always restarts at a
 * sequence number that f+1 correct replicas have executed and can serve from their logs. */
#ifndef BYZ_PROXY_PBFT_CHECKPOINT_H
#define BYZ_PROXY_PBFT_CHECKPOINT_H

#include "common/message.h"
#include "proxy/pbft/tally.h"

struct pbft;

struct checkpoint_entry {
    uint64_t seq; /* 0: unused */
    bool own;     /* this replica executed seq: `state` and `digest` are its own */
    uint8_t digest[DIGEST_BYTES];
    struct buffer state;
    struct tally tally; /* with signatures: the certificate of stability, once they are 2f+1 */
    uint8_t signature[REPLICAS_MAX][SIGNATURE_BYTES];
};

/* One entry for each multiple of the interval in [low, high]. */
struct checkpoints {
    struct checkpoint_entry *entries;
    unsigned count;
    unsigned interval;
    struct stable certificate; /* the latest known: of the low water mark, or a later one */
    uint8_t signatures[REPLICAS_MAX * SIGNATURE_BYTES];
};

bool checkpoints_init(
    struct checkpoints *c, unsigned window, unsigned interval, size_t state_bytes_max);
void checkpoints_release(struct checkpoints *c);

/* Is seq a checkpoint? */
bool checkpoint_is_due(const struct pbft *core, uint64_t seq);
/* After executing seq: encodes the state and tells the others its digest. */
void checkpoint_take(struct pbft *core, uint64_t seq, struct slice app_state);
/* A restored stable state, and its certificate. */
void checkpoint_restore(
    struct pbft *core, uint64_t seq, struct slice state, const struct stable *certificate);
const char *checkpoint_receive(struct pbft *core, unsigned from, struct slice body);
bool checkpoint_is_signed(struct pbft *core, unsigned replica, uint64_t seq,
    const uint8_t digest[static DIGEST_BYTES], const uint8_t signature[static SIGNATURE_BYTES]);
/* The latest certificate. Borrowed. */
struct stable checkpoint_certificate(const struct pbft *core);
/* Sends it to a replica that lags, or that must be shown how far the others are. */
void checkpoint_send_certificate(struct pbft *core, unsigned to);
const char *stable_receive(struct pbft *core, unsigned from, struct slice body);
/* Moves the low water mark to the newest stable checkpoint. */
void checkpoint_advance(struct pbft *core);
/* Sends this replica's own checkpoints above `above` again. */
void checkpoint_resend(struct pbft *core, unsigned to, uint64_t above);
/* Has this replica executed a checkpoint that is not stable yet? */
bool checkpoint_is_outstanding(const struct pbft *core);

#endif
