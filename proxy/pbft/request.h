/* A request that came over its client's own link. */
#ifndef BYZ_PROXY_PBFT_REQUEST_H
#define BYZ_PROXY_PBFT_REQUEST_H

#include "proxy/pbft/pending.h"

struct pbft;

const char *request_receive(struct pbft *core, const struct request *request);
/* A backup passes on what its client may not have sent to the primary. False: not in this step. */
bool request_relay(struct pbft *core, const struct pending_entry *entry);
const char *relay_receive(struct pbft *core, unsigned from, struct slice body);
/* Does the pending request's signature verify? Verified once. */
bool request_entry_is_signed(struct pbft *core, struct pending_entry *entry);
/* Does the client's signature verify? */
bool request_is_signed(struct pbft *core, const struct request *request);
/* What holds for every batch: limits, and known clients. To be checked before anything else about a
 * batch from outside, because slots and tables have room for no more. */
const char *request_check_limits(const struct pbft *core, const struct batch *batch);
/* What this replica itself must know of a proposal: each request is authentic, either because its
 * client sent the same bytes here or because its signature verifies. */
const char *request_check_authentic(struct pbft *core, const struct batch *batch);

#endif
