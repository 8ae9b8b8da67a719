/* Dialling a replica and giving a link up: the part of link.c that knows addresses, sockets and
 * back-off. Only link.c needs it. */
#ifndef BYZ_CLIENT_LINK_DIAL_H
#define BYZ_CLIENT_LINK_DIAL_H

#include "client/link.h"

void dial_resolve(struct link *link);
void dial_start(struct link *link, uint64_t now_us);
/* The socket is writable or broken. */
void dial_connected(struct link *link);
/* Closes the link, notes why, plans the next attempt, tells the handler. */
void dial_failed(struct link *link, const char *error, const char *violation);
void dial_failed_tls(struct link *link); /* … for the reason in OpenSSL's queue */
void dial_free(struct link *link);

#endif
