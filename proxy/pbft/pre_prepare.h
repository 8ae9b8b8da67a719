/* The primary's proposal (section 4.2 of the PBFT paper). */
#ifndef BYZ_PROXY_PBFT_PRE_PREPARE_H
#define BYZ_PROXY_PBFT_PRE_PREPARE_H

#include "common/message.h"

struct pbft;

void pre_prepare_sign(
    struct pbft *core, struct pre_prepare *m, const uint8_t digest[static DIGEST_BYTES]);
/* `from` may be any replica: what counts is the primary's signature, so backups may pass it on. */
const char *pre_prepare_receive(struct pbft *core, unsigned from, struct slice body);

#endif
