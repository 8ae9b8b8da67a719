/* A link to a replica, of a client or in another replica's name: it does not block, and dials again
 * when it breaks. */
#ifndef BYZ_TESTS_AGREEMENT_LOAD_LINK_H
#define BYZ_TESTS_AGREEMENT_LOAD_LINK_H

#include "common/config.h"
#include "common/message.h"
#include "common/tls.h"
#include "proxy/net/frame.h"

#include <ev.h>

enum load_link_state {
    LOAD_LINK_INVALID = 0,
    LOAD_LINK_DOWN, /* waits until it may dial again */
    LOAD_LINK_CONNECTING,
    LOAD_LINK_SECURING,
    LOAD_LINK_GREETING, /* HELLO has left, the replica's has not come */
    LOAD_LINK_UP,
};

/* What all links of the program share. */
struct load_net {
    struct ev_loop *loop;
    const struct config *config;
    SSL_CTX *tls;
    enum hello_role role;
    unsigned id;          /* of this client or replica */
    size_t out_bytes_max; /* that wait in one link; what does not fit is not sent */
    uint64_t frames_sent, bytes_sent, frames_received, bytes_received; /* without TLS */
    uint64_t links_lost;
};

/* Upcalls. A body is borrowed. */
struct load_link_ops {
    void (*up)(void *context, unsigned replica);
    void (*frame)(void *context, unsigned replica, uint8_t type, struct slice body);
};

struct load_link {
    struct load_net *net;
    const struct load_link_ops *ops;
    void *context;
    unsigned replica;
    enum load_link_state state;
    int fd;
    SSL *ssl;
    struct frame_input in;
    struct buffer out;
    size_t out_sent;
    ev_io io;
    ev_timer redial;
};

/* Begins to dial. */
void load_link_init(struct load_link *link, struct load_net *net, unsigned replica,
    const struct load_link_ops *ops, void *context);
void load_link_free(struct load_link *link);
/* Is all that was sent with the kernel? */
bool load_link_idle(const struct load_link *link);
/* Without effect while the link is not up: `up` tells when to send again. */
void load_link_send(struct load_link *link, enum message_type type, struct slice body);

#endif
