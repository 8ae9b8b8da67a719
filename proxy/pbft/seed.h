/* The agreed seed of batches: randomness that all replicas share and no f of them can choose.
 *
 * The idea is that of papers/000, section 4.1, where the replicas determine a transaction's
 * identifier together; there, whoever contributes last knows what the others contributed and
 * chooses accordingly. So here a contribution is committed to before it counts: it carries the
 * digest of what its sender will reveal next time, and a reveal that is not what was announced
 * counts for nothing. Contributions travel in batches, so the state is a pure function of the
 * order. A batch carries none, or at least f+1 of them: then one comes from a correct replica,
 * fixed when nobody could know the others, and shown to nobody before.
 *
 * What bias is left:
 * - The primary sees the reveals before it proposes. It picks which f+1 or more of them go into a
 *   batch (with f = 1 one of 11 sets: less than four bits), when it proposes them, and which
 *   requests go along. The choice is repeated with each batch that carries contributions; a primary
 *   that leaves them out for long is replaced by the core's rules, not by this file's.
 * - Under a correct primary each faulty replica can withhold its contribution, or send it late,
 * when it has seen the others': one bit each.
 * - A batch without contributions has a seed that anybody could compute since the last one with.
 * - Until each replica's first contribution was followed by a second, the seed of a sequence number
 *   is the same in every cluster.
 * Nothing secret may rest on it: who sees the batch knows its seed. It makes generated values
 * differ from one another and keeps them out of the hands of those who would choose them.
 *
 * A replica's contributions are a function of its key and of their number, and the number is part
 * of the agreed state. So nothing is stored, nothing is lost with a disk, and a replica that comes
 * back goes on where the others know it to be: there is no way to fall out of step that would need
 * mending. A replica with a new key is a replica of a new cluster, whose seed starts anew. */
#ifndef BYZ_PROXY_PBFT_SEED_H
#define BYZ_PROXY_PBFT_SEED_H

#include "common/message.h"

struct pbft_crypto;

#define SEED_BYTES_MAX (DIGEST_BYTES + REPLICAS_MAX * (8 + DIGEST_BYTES))

/* Zero-initialise: the beginning. */
struct seed {
    uint8_t entropy[DIGEST_BYTES];
    struct {
        uint64_t number; /* of its last contribution that counted; 0: none */
        uint8_t commitment[DIGEST_BYTES];
    } replicas[REPLICAS_MAX];
};

/* Applies the contributions of the next batch in the order. One counts if it has its sender's next
 * number and reveals what the one before announced; the first has nothing to reveal, and only
 * announces. Whatever else a batch carries is passed over, on all replicas alike: a batch that a
 * new view carried over may repeat what counted before, and its first proposal was judged by others
 * than today's. */
void seed_apply(struct seed *seed, const struct pbft_crypto *crypto, const struct batch *batch);

/* The seed of the batch at `seq`, whose contributions (or none) were applied before. */
void seed_of(const struct seed *seed, const struct pbft_crypto *crypto, uint64_t seq,
    uint8_t ret[static DIGEST_BYTES]);

/* NULL if this contribution will count when it is applied to this state, or why not. The caller has
 * checked its signature (or will). */
const char *seed_judge(const struct seed *seed, const struct pbft_crypto *crypto,
    const struct contribution *contribution);
/* For a first proposal: none, or f+1 and more, none of which is known not to count. NULL or why a
 * correct primary does not propose them. `seed` is the state after the last batch that this replica
 * has delivered, and may lack what the batches between that and the proposal carry: then a number
 * whose predecessors it has not seen passes. Verifies the signatures, which costs: call it last.
 *
 * So that an honest primary is never refused, it must leave contributions out as long as any batch
 * between the last one that it has delivered and the proposal carries some, or has a content that
 * it does not know. */
const char *seed_judge_proposal(const struct seed *seed, const struct pbft_crypto *crypto,
    unsigned faults, const struct batch *batch);

/* Is it signed by the replica that it names? */
bool seed_is_signed(const struct pbft_crypto *crypto, const struct contribution *contribution);
/* This replica's next contribution to this state, signed. The same state, the same bytes. Costs
 * three signatures: keep it until the state's number for this replica has moved. */
void seed_contribute(const struct seed *seed, const struct pbft_crypto *crypto, unsigned self,
    struct contribution *ret);

/* As part of a checkpoint's state. */
void seed_put(struct buffer *b, const struct seed *seed, unsigned replica_count);
/* Fails through the reader. */
void seed_take(struct reader *r, unsigned replica_count, struct seed *ret);

#endif
