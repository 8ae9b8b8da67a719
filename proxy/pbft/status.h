/* Retransmission (the PBFT paper's status messages): each replica says what it has; the others send
 * what it lacks. Nothing else is ever sent twice, and no acknowledgement is needed. */
#ifndef BYZ_PROXY_PBFT_STATUS_H
#define BYZ_PROXY_PBFT_STATUS_H

#include "common/message.h"

struct pbft;

/* Sends this replica's own STATUS if it is time. */
void status_tick(struct pbft *core);
uint64_t status_deadline(const struct pbft *core);
/* Sends those whose STATUS came in this step what they lack. At the step's end, because what is
 * sent are the slots' and the view's own buffers, and must not change any more. */
void status_help(struct pbft *core);
const char *status_receive(struct pbft *core, unsigned from, struct slice body);

#endif
