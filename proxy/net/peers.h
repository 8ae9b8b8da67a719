/* Links to the other replicas: one for each pair, dialled by the higher index, dialled again when
 * it breaks. */
#ifndef BYZ_PROXY_NET_PEERS_H
#define BYZ_PROXY_NET_PEERS_H

#include "proxy/net/links.h"
#include "proxy/net/ratelimit.h"

#define REDIAL_MS_MIN 50
#define REDIAL_MS_MAX 2000
#define SILENT_HEARTBEATS_MAX 10

struct resolver;

struct peer {
    struct peers *peers;
    unsigned replica;
    struct link *link;    /* open, or NULL */
    struct link *dialled; /* on its way, or NULL */
    struct resolver *resolver;
    ev_timer redial;
    unsigned redial_ms;
    ev_tstamp opened_at;
    struct ratelimit lines; /* of the log, that this peer can provoke */
};

struct peers {
    struct links *set;
    unsigned count; /* of all replicas */
    unsigned self;
    struct peer peer[REPLICAS_MAX];
    ev_timer heartbeat;
    bool stopping;
};

/* False: out of memory. */
bool peers_start(
    struct peers *peers, struct links *set, const struct config *config, unsigned self);
void peers_stop(struct peers *peers);

/* The link that replica now speaks over, or NULL. */
struct link *peers_link(const struct peers *peers, unsigned replica);
/* A greeted link of a replica takes the place of an older one. False: it must not dial us. */
bool peers_open(struct peers *peers, struct link *link, struct greeting_refusal *ret_refusal);
/* True when the open link of a replica was this one. */
bool peers_closed(struct peers *peers, struct link *link);
/* Is a log line about this replica due? */
bool peers_line_due(struct peers *peers, unsigned replica, uint64_t *ret_refused);

#endif
