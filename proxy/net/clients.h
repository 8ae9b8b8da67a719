/* Links of clients: which link carries which session, and how many a key may have. */
#ifndef BYZ_PROXY_NET_CLIENTS_H
#define BYZ_PROXY_NET_CLIENTS_H

#include "proxy/net/links.h"

#define CLIENT_BUCKETS 1024
#define CLIENT_LINKS_MAX 2048 /* of all clients together */

LIST_HEAD(client_bucket, link);

struct clients {
    unsigned client_count;
    unsigned links_per_client_max;
    unsigned links;
    unsigned *links_of; /* per client key */
    struct client_bucket bucket[CLIENT_BUCKETS];
};

/* False: out of memory. */
bool clients_init(struct clients *clients, const struct config *config);
void clients_free(struct clients *clients);
bool clients_open(struct clients *clients, struct link *link, struct greeting_refusal *ret_refusal);
void clients_closed(struct clients *clients, struct link *link);
/* The session that a message on this link names. One link carries one session; a link that is newer
 * takes its session over from an older one. Returns NULL, or why no correct client does this. */
const char *clients_session(struct clients *clients, struct link *link, uint64_t session);
/* NULL: this session has no link. */
struct link *clients_find(const struct clients *clients, unsigned client, uint64_t session);

#endif
