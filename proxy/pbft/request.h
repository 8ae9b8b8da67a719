/* A request that came over its client's own link. */
#ifndef BYZ_PROXY_PBFT_REQUEST_H
#define BYZ_PROXY_PBFT_REQUEST_H

#include "common/message.h"

struct pbft;

const char *request_receive(struct pbft *core, const struct request *request);
/* Does the client's signature verify? */
bool request_is_signed(struct pbft *core, const struct request *request);
/* What holds for every batch: limits, and known clients. To be checked before anything else about a
 * batch from outside, because slots and tables have room for no more. */
const char *request_check_limits(const struct pbft *core, const struct batch *batch);
/* What this replica itself must know of a proposal: each request is authentic, either because its
 * client sent the same bytes here or because its signature verifies. */
const char *request_check_authentic(struct pbft *core, const struct batch *batch);

#endif
