/* Replicas in which a batch is prepared say so; 2f+1 of them make it final (section 4.2 of the PBFT
 * paper, "committed-local"). */
#ifndef BYZ_PROXY_PBFT_COMMIT_H
#define BYZ_PROXY_PBFT_COMMIT_H

#include "proxy/pbft/slots.h"

struct pbft;

/* Counts this replica's own COMMIT for the slot's batch. */
void commit_cast(struct pbft *core, struct slot *slot);
/* Sends it, if there is one. */
void commit_send(struct pbft *core, const struct slot *slot, unsigned to);
const char *commit_receive(struct pbft *core, unsigned from, struct slice body);
void commit_try(struct pbft *core, struct slot *slot);
/* The batch is final. */
void commit_finish(struct pbft *core, struct slot *slot);

#endif
