#include "proxy/net/net.h"

#include "proxy/log.h"
#include "proxy/net/clients.h"
#include "proxy/net/links.h"
#include "proxy/net/listener.h"
#include "proxy/net/peers.h"
#include "proxy/net/ratelimit.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STRANGER_LINES_MAX 5
#define STRANGER_PERIOD_US (30u * 1000 * 1000)

struct net {
    struct links links;
    struct listener listener;
    struct peers peers;
    struct clients clients;
    struct net_ops ops;
    struct ratelimit stranger_lines;
    bool clients_stopped;
};

/* ---- what links tell ---- */

static bool open_peer(struct net *net, struct link *link, struct greeting_refusal *ret_refusal)
{
    unsigned replica = link->peer.id;
    bool again = peers_link(&net->peers, replica) != NULL;
    uint64_t refused;
    if (!peers_open(&net->peers, link, ret_refusal))
        return false;
    if (peers_line_due(&net->peers, replica, &refused))
        log_line(LEVEL_LOG, "connected to replica %u (%s)%s", replica, link->address,
            again ? ", in place of an older link" : "");
    net->ops.peer_up(net->ops.context, replica);
    return true;
}

static bool on_open(void *context, struct link *link, struct greeting_refusal *ret_refusal)
{
    struct net *net = context;
    if (link->peer.kind == TLS_PEER_REPLICA)
        return open_peer(net, link, ret_refusal);
    if (net->clients_stopped) {
        *ret_refusal = (struct greeting_refusal){"57P01", "the replica is shutting down"};
        return false;
    }
    if (!clients_open(&net->clients, link, ret_refusal))
        return false;
    log_line(LEVEL_DEBUG, "client \"%s\" connected from %s",
        net->links.config->clients[link->peer.id].name, link->address);
    return true;
}

static const char *on_frame(void *context, struct link *link, const struct frame *frame)
{
    struct net *net = context;
    if (link->peer.kind == TLS_PEER_REPLICA)
        return net->ops.peer_message(net->ops.context, link->peer.id, frame->type, frame->body);
    if (net->clients_stopped)
        return NULL; /* an orderly stop: unanswered requests go to the other replicas */
    return net->ops.client_message(net->ops.context, link, link->peer.id, frame->type, frame->body);
}

static bool line_due(struct net *net, uint64_t *ret_refused)
{
    uint64_t now_us = (uint64_t)(ev_now(net->links.loop) * 1e6);
    return ratelimit_allow(&net->stranger_lines, now_us, ret_refused);
}

static void peer_closed(struct net *net, struct link *link)
{
    unsigned replica = link->dialled ? link->expected : link->peer.id;
    uint64_t refused = 0;
    bool was_open = peers_closed(&net->peers, link);
    bool loud = was_open || link->end == LINK_END_REFUSED || link->end == LINK_END_MALFORMED;
    if (loud && link->end != LINK_END_STOP && peers_line_due(&net->peers, replica, &refused))
        log_line(link->end == LINK_END_MALFORMED ? LEVEL_WARNING : LEVEL_LOG,
            "link to replica %u (%s) ended (%s): %s", replica, link->address,
            link_end_name(link->end), link->reason);
    else
        log_line(
            LEVEL_DEBUG, "no link to replica %u (%s): %s", replica, link->address, link->reason);
    if (was_open)
        net->ops.peer_down(net->ops.context, replica);
}

static void client_closed(struct net *net, struct link *link)
{
    const char *name = net->links.config->clients[link->peer.id].name;
    bool carried = link->in_bucket;
    uint64_t refused = 0;
    if (link->end == LINK_END_MALFORMED && line_due(net, &refused))
        log_line(LEVEL_WARNING,
            "client \"%s\" (%s) was dropped: %s (%" PRIu64 " such lines left out)", name,
            link->address, link->reason, refused);
    else
        log_line(LEVEL_DEBUG, "client \"%s\" (%s) gone (%s): %s", name, link->address,
            link_end_name(link->end), link->reason);
    clients_closed(&net->clients, link);
    if (carried)
        net->ops.client_gone(net->ops.context, link->peer.id, link->session);
}

/* A link of which TLS never told whose it is. */
static void stranger_closed(struct net *net, struct link *link)
{
    uint64_t refused = 0;
    if (link->end != LINK_END_CLOSED && line_due(net, &refused))
        log_line(LEVEL_LOG, "connection from %s not accepted: %s (%" PRIu64 " such lines left out)",
            link->address, link->reason, refused);
}

static void refused_client_closed(struct net *net, struct link *link)
{
    uint64_t refused = 0;
    if (link->end != LINK_END_CLOSED && line_due(net, &refused))
        log_line(LEVEL_LOG, "client \"%s\" (%s) not accepted: %s (%" PRIu64 " such lines left out)",
            net->links.config->clients[link->peer.id].name, link->address, link->reason, refused);
}

static void on_closed(void *context, struct link *link)
{
    struct net *net = context;
    if (link->dialled || link->peer.kind == TLS_PEER_REPLICA)
        peer_closed(net, link);
    else if (link->peer.kind == TLS_PEER_INVALID)
        stranger_closed(net, link);
    else if (link->welcome)
        client_closed(net, link);
    else
        refused_client_closed(net, link);
}

/* ---- life ---- */

struct net *net_start(struct ev_loop *loop, const struct config *config, unsigned self,
    const struct private_key *key, const struct net_ops *ops, char *ret_error, size_t error_size)
{
    struct net *net = calloc(1, sizeof *net);
    if (!net) {
        snprintf(ret_error, error_size, "out of memory");
        return NULL;
    }
    net->ops = *ops;
    ratelimit_init(&net->stranger_lines, STRANGER_LINES_MAX, STRANGER_PERIOD_US);
    struct links_ops links_ops = {
        .context = net, .open = on_open, .frame = on_frame, .closed = on_closed};
    const struct config_replica *own = &config->replicas[self];
    bool ok = links_init(&net->links, loop, config, self, key, &links_ops, ret_error, error_size);
    if (!ok) {
        free(net);
        return NULL;
    }
    if (listener_start(&net->listener, &net->links, own->host, own->port, ret_error, error_size)) {
        if (clients_init(&net->clients, config) &&
            peers_start(&net->peers, &net->links, config, self))
            return net;
        snprintf(ret_error, error_size, "out of memory");
    }
    net_free(net);
    return NULL;
}

void net_stop_clients(struct net *net)
{
    net->clients_stopped = true;
    listener_stop(&net->listener);
}

void net_close_all(struct net *net, const char *sqlstate, const char *text)
{
    net->peers.stopping = true;
    links_close_all(&net->links, sqlstate, text);
}

void net_free(struct net *net)
{
    if (!net)
        return;
    listener_stop(&net->listener);
    peers_stop(&net->peers);
    links_free(&net->links);
    clients_free(&net->clients);
    free(net);
}

void net_flush(struct net *net)
{
    links_flush(&net->links);
}

/* ---- sending ---- */

void net_send(struct net *net, unsigned to, enum message_type type, struct slice body)
{
    for (unsigned i = 0; i < net->peers.count; i++) {
        struct link *link = peers_link(&net->peers, i);
        if (link && (to == i || to == PBFT_TO_ALL))
            (void)link_send(link, type, body);
    }
}

bool net_peer_connected(const struct net *net, unsigned replica)
{
    return peers_link(&net->peers, replica) != NULL;
}

size_t net_peer_queued(const struct net *net, unsigned replica)
{
    const struct link *link = peers_link(&net->peers, replica);
    return link ? link_queued(link) : 0;
}

unsigned net_client_links(const struct net *net, unsigned client)
{
    assert(client < net->clients.client_count);
    return net->clients.links_of[client];
}

const char *net_client_session(struct net *net, struct link *link, uint64_t session)
{
    return clients_session(&net->clients, link, session);
}

bool net_reply(
    struct net *net, unsigned client, uint64_t session, enum message_type type, struct slice body)
{
    struct link *link = clients_find(&net->clients, client, session);
    return link && link_send(link, type, body);
}

bool net_offer(
    struct net *net, unsigned client, uint64_t session, enum message_type type, struct slice body)
{
    struct link *link = clients_find(&net->clients, client, session);
    return link && link_offer(link, type, body);
}

void net_answer(struct link *link, enum message_type type, struct slice body)
{
    (void)link_send(link, type, body);
}

/* ---- status ---- */

void net_status_text(const struct net *net, struct buffer *b)
{
    char line[128];
    int length = snprintf(
        line, sizeof line, "client_links=%u\nlinks=%u\n", net->clients.links, net->links.count);
    put_raw(b, line, (size_t)length);
    for (unsigned i = LINK_END_INVALID + 1; i < LINK_END_COUNT; i++) {
        length = snprintf(line, sizeof line, "links_ended_%s=%" PRIu64 "\n",
            link_end_name((enum link_end)i), net->links.ends[i]);
        put_raw(b, line, (size_t)length);
    }
}
