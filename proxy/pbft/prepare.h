/* Backups vouch that they accepted a proposal; 2f of them and the primary make it prepared
 * (section 4.2 of the PBFT paper). */
#ifndef BYZ_PROXY_PBFT_PREPARE_H
#define BYZ_PROXY_PBFT_PREPARE_H

#include "proxy/pbft/slots.h"

struct pbft;

/* Signs this backup's own PREPARE for the slot's batch and counts it. */
void prepare_cast(struct pbft *core, struct slot *slot);
/* Sends it, if there is one. */
void prepare_send(struct pbft *core, const struct slot *slot, unsigned to);
const char *prepare_receive(struct pbft *core, unsigned from, struct slice body);
/* If the slot is prepared by now, commits. */
void prepare_try(struct pbft *core, struct slot *slot);

#endif
