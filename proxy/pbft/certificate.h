/* What this replica can show to others who did not see it: that a batch prepared, that a checkpoint
 * is stable (the sets P and C of section 4.4 of the PBFT paper). */
#ifndef BYZ_PROXY_PBFT_CERTIFICATE_H
#define BYZ_PROXY_PBFT_CERTIFICATE_H

#include "proxy/pbft/slots.h"

struct pbft;

/* The slot's batch has prepared: keeps the certificate and records it. */
void certificate_keep(struct pbft *core, struct slot *slot);
/* The slot is about to hold another batch than its certificate's on disk: records that one apart.
 */
void certificate_record_apart(struct pbft *core, struct slot *slot);
/* Appends the slot's certificate as a struct proof. */
void certificate_put(const struct slot *slot, struct buffer *b);
/* From the durable log. */
const char *certificate_restore(
    struct pbft *core, struct slot *slot, struct slice value, struct slice apart);

/* Does it prove what it says? Signatures that a slot holds already are only compared. */
bool certificate_proves_prepared(struct pbft *core, const struct proof *proof);
bool certificate_proves_stable(struct pbft *core, const struct stable *stable);

#endif
