/* The links to all replicas of the cluster, driven together by poll(2).
 *
 * One round of links_poll serves every link that has something to do; no link can hold another up.
 * Links that are down are dialled again in passing, with back-off. */
#ifndef BYZ_CLIENT_LINKS_H
#define BYZ_CLIENT_LINKS_H

#include "client/link.h"

struct links;

/* `config`, `tls` and `handler` are borrowed and must outlive the links. Resolves all host names
 * (this may block). NULL: out of memory. */
struct links *links_new(
    const struct config *config, SSL_CTX *tls, unsigned client, const struct link_handler *handler);
void links_free(struct links *links);

/* One round: waits for an event or until_us (monotonic), whichever comes first, and works it off.
 * May return early. */
void links_poll(struct links *links, uint64_t until_us);

/* Queues a frame for one replica; false: not ready, or its queue is full. */
bool links_send(struct links *links, unsigned replica, enum message_type type, struct slice body);
bool links_idle(const struct links *links, unsigned replica);
void links_renew_allowance(struct links *links, unsigned replica);

bool links_ready(const struct links *links, unsigned replica);
unsigned links_ready_count(const struct links *links);
bool links_dialling(const struct links *links); /* some link is between dialled and ready */
/* Why a replica is not connected; "" if it is, or was not tried yet. Borrowed. */
const char *links_error(const struct links *links, unsigned replica);
/* A link carries one session: a new session needs new links. */
void links_restart(struct links *links);
/* Tries one replica now, whatever its back-off says, and waits until it is ready, has failed once,
 * or until_us. Returns links_ready. */
bool links_wait(struct links *links, unsigned replica, uint64_t until_us);

#endif
