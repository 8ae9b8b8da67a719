/* A replica that lost its durable log does not know what it promised. It must not promise anything
 * that may contradict it, so it says nothing in agreement until a stable checkpoint has passed
 * every sequence number for which it may have signed something; until then it counts as one of the
 * f.
 *
 * It could sign between the water marks only. The mark that it had was proved by 2f+1 CHECKPOINTs,
 * at least f of them by other correct replicas, and each of these had executed that far and has
 * since kept its own mark within a window of it. Among any 2f+1 of the 3f others is one of them. So
 * with S, the highest stable checkpoint that 2f+1 others prove now, it signed nothing above
 * S + 2 windows. (Proved, not said: one liar could silence it for ever.)
 *
 * It also said to which views it would go, and must not act in a lower one again: a VIEW-CHANGE
 * that it forgot could make a view that knows nothing of what it has prepared since. So who holds
 * its VIEW-CHANGEs sends them back to it. If by the end of its silence the view is not as high, it
 * goes on to the view behind them, in which it has said nothing, and waits there. What
 * reached only replicas that are faulty, or not among those 2f+1, is not found like this: a liar
 * that hid it could use it later. Strictly, then, a replica that lost its log counts as one of the
 * f until the cluster has gone beyond the view that it forgot; a new key (a new cluster identity)
 * is the way without any doubt. */
#ifndef BYZ_PROXY_PBFT_SILENCE_H
#define BYZ_PROXY_PBFT_SILENCE_H

#include "common/codec.h"

#include <stdbool.h>
#include <stdint.h>

struct pbft;
struct peer;

struct silence {
    bool silent;
    uint64_t until;    /* this checkpoint; 0: not known yet */
    uint32_t answered; /* mask of replicas that proved their stable checkpoint */
    uint64_t proved;   /* the highest of them */
    uint64_t view;     /* the highest one to which this replica is known to have changed */
};

/* The first step: what is not recorded yet is, before anything else can be. */
void silence_start(struct pbft *core);
/* A peer proved that its stable checkpoint is (or says that it is at the beginning, which needs no
 * proof: it lowers nothing). */
void silence_learn(struct pbft *core, unsigned from, uint64_t stable);
/* One of its own VIEW-CHANGEs came back. */
void silence_learn_view(struct pbft *core, uint64_t view);
/* Is it over? */
void silence_end(struct pbft *core);
const char *silence_restore(struct pbft *core, struct slice value);
/* A peer says whether it is silent. */
void silence_heard(const struct pbft *core, struct peer *peer, bool silent);
/* Does any peer wait for checkpoints to pass? */
bool silence_of_peers(const struct pbft *core);

#endif
