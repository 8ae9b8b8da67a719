#include "proxy/net/clients.h"

#include <assert.h>
#include <stdlib.h>

bool clients_init(struct clients *clients, const struct config *config)
{
    *clients = (struct clients){.client_count = config->client_count,
        .links_per_client_max = config->sessions_per_client_max};
    for (unsigned i = 0; i < CLIENT_BUCKETS; i++)
        LIST_INIT(&clients->bucket[i]);
    clients->links_of = calloc(config->client_count + 1, sizeof *clients->links_of);
    return clients->links_of != NULL;
}

void clients_free(struct clients *clients)
{
    free(clients->links_of);
    *clients = (struct clients){0};
}

/* Sessions are random numbers of honest clients. A client that picks them so that they collide only
 * slows down its own links: they are at most links_per_client_max. */
static unsigned bucket_of(unsigned client, uint64_t session)
{
    uint64_t mixed = (session ^ ((uint64_t)client << 48)) * 0x9E3779B97F4A7C15u;
    return (unsigned)(mixed >> 54) % CLIENT_BUCKETS;
}

static unsigned busiest_key(const struct clients *clients)
{
    unsigned most = 0;
    for (unsigned i = 1; i < clients->client_count; i++)
        if (clients->links_of[i] > clients->links_of[most])
            most = i;
    return most;
}

/* The newest link of the key that has the most, for a key that would still have fewer: otherwise a
 * few clients could keep all others out. */
static bool make_room(const struct clients *clients, const struct link *newcomer)
{
    unsigned key = busiest_key(clients);
    struct link *link, *newest = NULL;
    if (clients->links_of[key] <= clients->links_of[newcomer->peer.id] + 1)
        return false;
    TAILQ_FOREACH(link, &newcomer->set->all, all)
    if (link->peer.kind == TLS_PEER_CLIENT && link->peer.id == key && link->state == LINK_OPEN)
        newest = link;
    if (newest)
        link_close(newest, LINK_END_REFUSED, "53300",
            "this replica has too many client connections, this key the most");
    return newest != NULL;
}

bool clients_open(struct clients *clients, struct link *link, struct greeting_refusal *ret_refusal)
{
    assert(link->peer.kind == TLS_PEER_CLIENT && link->peer.id < clients->client_count);
    if (clients->links_of[link->peer.id] >= clients->links_per_client_max) {
        *ret_refusal = (struct greeting_refusal){
            "53300", "this client key has too many connections (sessions_per_client_max)"};
        return false;
    }
    if (clients->links >= CLIENT_LINKS_MAX && !make_room(clients, link)) {
        *ret_refusal =
            (struct greeting_refusal){"53300", "this replica has too many client connections"};
        return false;
    }
    clients->links++;
    clients->links_of[link->peer.id]++;
    return true;
}

static void unbind(struct link *link)
{
    if (link->in_bucket)
        LIST_REMOVE(link, bucket);
    link->in_bucket = false;
}

void clients_closed(struct clients *clients, struct link *link)
{
    assert(link->peer.kind == TLS_PEER_CLIENT && clients->links_of[link->peer.id] > 0);
    unbind(link);
    clients->links--;
    clients->links_of[link->peer.id]--;
}

struct link *clients_find(const struct clients *clients, unsigned client, uint64_t session)
{
    struct link *link;
    LIST_FOREACH(link, &clients->bucket[bucket_of(client, session)], bucket)
    if (link->session == session && link->peer.id == client)
        return link;
    return NULL;
}

const char *clients_session(struct clients *clients, struct link *link, uint64_t session)
{
    if (session == 0)
        return "session 0";
    if (link->session == session)
        return NULL; /* also when a newer link took the session over: replies go there */
    if (link->session != 0)
        return "a link carries one session";
    struct link *older = clients_find(clients, link->peer.id, session);
    if (older) {
        unbind(older);
        link_close(older, LINK_END_REFUSED, "08006", "a newer link of this session took over");
    }
    link->session = session;
    LIST_INSERT_HEAD(&clients->bucket[bucket_of(link->peer.id, session)], link, bucket);
    link->in_bucket = true;
    return NULL;
}
