/* What a link has still to send: whole frames in, bytes out, with a ceiling. */
#ifndef BYZ_PROXY_NET_SENDQ_H
#define BYZ_PROXY_NET_SENDQ_H

#include "common/codec.h"

struct sendq {
    uint8_t *data;
    size_t start; /* first byte not yet sent */
    size_t end;
    size_t capacity;
    size_t bytes_max;
};

void sendq_init(struct sendq *q, size_t bytes_max);
void sendq_free(struct sendq *q);
/* Bytes that wait. */
size_t sendq_size(const struct sendq *q);
/* False: the ceiling would be exceeded, or memory ran out; then nothing is queued. */
bool sendq_put(struct sendq *q, uint8_t type, struct slice body);
/* The next bytes to send, borrowed. */
struct slice sendq_next(const struct sendq *q);
void sendq_sent(struct sendq *q, size_t size);

#endif
