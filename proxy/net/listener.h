/* The listening socket. Replicas and clients come to the same port; their TLS keys tell them apart.
 */
#ifndef BYZ_PROXY_NET_LISTENER_H
#define BYZ_PROXY_NET_LISTENER_H

#include "proxy/net/links.h"

#define HANDSHAKES_MAX 64 /* links whose other end is not yet known */
#define LINKS_MAX 4096

struct listener {
    struct links *set;
    int fd;
    ev_io io;
    ev_timer pause; /* after accept failed for want of descriptors */
};

/* Listens on the configured address of this replica. False with a message. */
bool listener_start(struct listener *listener, struct links *set, const char *host, uint16_t port,
    char *ret_error, size_t error_size);
void listener_stop(struct listener *listener);
/* What every socket of ours gets: non-blocking, no delay, dead ends found by the kernel. */
void socket_tune(int fd);

#endif
