/* The first message on a link, both ways: do both ends mean the same cluster, and is the other end
 * what its TLS key says? */
#ifndef BYZ_PROXY_NET_GREETING_H
#define BYZ_PROXY_NET_GREETING_H

#include "common/config.h"
#include "common/message.h"
#include "common/tls.h"

struct greeting_refusal {
    const char *sqlstate; /* five characters, for GOODBYE */
    const char *reason;   /* constant text */
};

struct hello greeting_make(const struct config *config, unsigned self);
/* Checks the HELLO of an established link whose TLS key belongs to `peer`. True: welcome. */
bool greeting_check(const struct config *config, const struct tls_peer *peer, struct slice body,
    struct greeting_refusal *ret_refusal);

#endif
