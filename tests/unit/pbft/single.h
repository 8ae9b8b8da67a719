/* One core under the hand of a test: every event is made by the test, every update looked at. */
#ifndef BYZ_TESTS_PBFT_SINGLE_H
#define BYZ_TESTS_PBFT_SINGLE_H

#include "proxy/pbft/pbft.h"
#include "tests/unit/pbft/disk.h"
#include "tests/unit/pbft/fake_crypto.h"
#include "tests/unit/pbft/statements.h"

#define SINGLE_CLOCK_US UINT64_C(1700000000000000)
#define SINGLE_RETRANSMIT_US UINT64_C(100000)
#define SINGLE_HEARTBEAT_US UINT64_C(250000)
/* Long: most tests are about one view. */
#define SINGLE_TIMEOUT_US UINT64_C(3600000000)
#define SINGLE_SKEW_US UINT64_C(1000000)

struct single {
    struct pbft *core;
    struct pbft_options options;
    struct fake_signer signer;
    struct pbft_update update;
    struct buffer out;      /* the message being forged */
    struct buffer requests; /* of the batch being forged */
    uint64_t now_us;
    uint64_t clock_us;
    bool more_time; /* what the executor says */
    uint64_t view;  /* of the messages that are forged below */
    struct disk disk;
    struct statements *said; /* it must never contradict itself */
};

/* window 16, checkpoints every 4, batches of at most 4 requests, 2 in flight, 2 sessions. */
struct pbft_options single_options(unsigned self, unsigned faults);
struct single *single_new(unsigned self, unsigned faults);
struct single *single_new_with(const struct pbft_options *options);
void single_free(struct single *s);
/* Throws the core away and makes a new one that knows nothing. What it says from then on is judged
 * alone: the test restores what it wants to be remembered. */
void single_restart(struct single *s);
/* Power fails, and the core comes back with what was flushed. It must keep its word. */
void single_crash(struct single *s);
/* The same, with an empty disk, which the core is told. */
void single_lose_log(struct single *s);

void single_tick(struct single *s, uint64_t later_us);
/* Ticks as long as the core says that there is more to do now. */
void single_settle(struct single *s);
void single_request(struct single *s, const struct request *request);
/* A request of client, session, number with a valid signature. */
void single_ask(struct single *s, unsigned client, uint64_t session, uint64_t number);
/* Hands in s->out as a message. */
void single_message(struct single *s, unsigned from, enum message_type type);
/* The executor's answer to the batch at seq: one 3-byte result for each request not skipped. */
void single_executed(struct single *s, uint64_t seq, const bool *skip, unsigned count);

/* A batch at seq with one signed request (client 0, session 5, number seq), in time. */
struct batch single_batch(struct single *s, uint64_t seq);
/* Steps that agree on a batch at a backup: pre-prepare, prepares and commits of the others. */
void single_pre_prepare(struct single *s, const struct batch *batch);
void single_prepares(struct single *s, const struct batch *batch, unsigned count);
void single_commits(struct single *s, const struct batch *batch, unsigned count);
void single_agree(struct single *s, const struct batch *batch);
/* Agrees on, delivers and executes single_batch for each seq in (first, last]. */
void single_run(struct single *s, uint64_t first, uint64_t last);
/* Status of a peer. */
void single_status(
    struct single *s, unsigned from, uint64_t delivered, uint64_t executed, uint64_t stable);

/* ---- checkpoints and catching up ---- */

/* Of the CHECKPOINT that the core has just sent. */
void single_own_digest(const struct single *s, uint8_t ret[static DIGEST_BYTES]);
void single_checkpoint_from(
    struct single *s, unsigned peer, uint64_t seq, const uint8_t digest[static DIGEST_BYTES]);
/* Replicas 2 and 3 reached the same state as the one that was just executed. */
void single_make_stable(struct single *s, uint64_t seq);
/* A peer serves a final batch from its log. */
void single_fetched(struct single *s, unsigned from, const struct batch *batch);

/* ---- looking at the update ---- */

unsigned single_sent(const struct single *s, enum message_type type);
const struct pbft_send *single_send_of(const struct single *s, enum message_type type);
const struct pbft_record *single_record_of(const struct single *s, enum pbft_record_type type);
struct pbft_info single_info(const struct single *s);

#endif
