#include "proxy/net/peers.h"

#include "common/crypto.h"
#include "proxy/net/listener.h"
#include "proxy/net/resolver.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RESOLVE_AGAIN_SECONDS 0.02
#define LINES_MAX 6
#define LINES_PERIOD_US (30u * 1000 * 1000)

static bool dials(const struct peers *peers, unsigned replica)
{
    return replica < peers->self;
}

static void redial_after(struct peer *p, ev_tstamp seconds)
{
    struct ev_loop *loop = p->peers->set->loop;
    ev_timer_stop(loop, &p->redial);
    ev_timer_set(&p->redial, seconds, 0.);
    ev_timer_start(loop, &p->redial);
}

/* Doubles up to the maximum; the jitter (half to whole) keeps replicas that lost the same peer from
 * dialling it at the same moments. */
static void redial_later(struct peer *p)
{
    uint8_t random;
    random_bytes(&random, sizeof random);
    double share = 0.5 + random / 512.0;
    redial_after(p, p->redial_ms / 1000.0 * share);
    p->redial_ms = p->redial_ms * 2 < REDIAL_MS_MAX ? p->redial_ms * 2 : REDIAL_MS_MAX;
}

static void connect_to(struct peer *p, const struct sockaddr_storage *address, socklen_t size)
{
    const struct config_replica *to = &p->peers->set->config->replicas[p->replica];
    int fd = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        redial_later(p);
        return;
    }
    socket_tune(fd);
    if (connect(fd, (const struct sockaddr *)address, size) != 0 && errno != EINPROGRESS) {
        close(fd);
        redial_later(p);
        return;
    }
    char text[LINK_ADDRESS_BYTES];
    snprintf(text, sizeof text, "%.50s:%u", to->host, to->port);
    p->dialled = link_dialled(p->peers->set, fd, text, p->replica);
    if (!p->dialled)
        redial_later(p);
}

static void on_redial(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct peer *p = timer->data;
    if (p->link || p->dialled || p->peers->stopping)
        return;
    struct sockaddr_storage address;
    socklen_t size = 0;
    const char *reason = NULL;
    switch (resolver_ask(p->resolver, &address, &size, &reason)) {
    case RESOLVE_DONE:
        connect_to(p, &address, size);
        return;
    case RESOLVE_WAIT:
        redial_after(p, RESOLVE_AGAIN_SECONDS);
        return;
    case RESOLVE_FAILED:
        redial_later(p);
        return;
    case RESOLVE_INVALID:
        break;
    }
    assert(!"a state of a lookup");
}

/* Counting our own ticks, not time: when this process itself stood still, the peers' bytes are
 * waiting in the sockets and nobody was silent. */
static void on_heartbeat(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct peers *peers = timer->data;
    for (unsigned i = 0; i < peers->count; i++) {
        struct link *link = peers->peer[i].link;
        if (link && ++link->silent_ticks > SILENT_HEARTBEATS_MAX)
            link_fail(link, LINK_END_TIMEOUT, "it has been silent for %u heartbeats",
                SILENT_HEARTBEATS_MAX);
    }
}

static bool peer_init(struct peers *peers, unsigned replica)
{
    struct peer *p = &peers->peer[replica];
    const struct config_replica *to = &peers->set->config->replicas[replica];
    p->peers = peers;
    p->replica = replica;
    p->redial_ms = REDIAL_MS_MIN;
    ratelimit_init(&p->lines, LINES_MAX, LINES_PERIOD_US);
    ev_timer_init(&p->redial, on_redial, 0., 0.);
    p->redial.data = p;
    if (!dials(peers, replica))
        return true;
    p->resolver = resolver_new(to->host, to->port);
    if (p->resolver)
        redial_after(p, 0.);
    return p->resolver != NULL;
}

bool peers_start(struct peers *peers, struct links *set, const struct config *config, unsigned self)
{
    assert(config->replica_count <= REPLICAS_MAX && self < config->replica_count);
    *peers = (struct peers){.set = set, .count = config->replica_count, .self = self};
    ev_tstamp heartbeat = config->heartbeat_ms / 1000.0;
    ev_timer_init(&peers->heartbeat, on_heartbeat, heartbeat, heartbeat);
    peers->heartbeat.data = peers;
    ev_timer_start(set->loop, &peers->heartbeat);
    for (unsigned i = 0; i < peers->count; i++)
        if (i != self && !peer_init(peers, i))
            return false;
    return true;
}

void peers_stop(struct peers *peers)
{
    if (!peers->set)
        return;
    peers->stopping = true;
    ev_timer_stop(peers->set->loop, &peers->heartbeat);
    for (unsigned i = 0; i < peers->count; i++) {
        struct peer *p = &peers->peer[i];
        if (!p->peers)
            continue;
        ev_timer_stop(peers->set->loop, &p->redial);
        resolver_free(p->resolver);
        p->resolver = NULL;
    }
}

struct link *peers_link(const struct peers *peers, unsigned replica)
{
    assert(replica < peers->count);
    return peers->peer[replica].link;
}

bool peers_open(struct peers *peers, struct link *link, struct greeting_refusal *ret_refusal)
{
    assert(link->peer.kind == TLS_PEER_REPLICA && link->peer.id < peers->count);
    if (link->peer.id == peers->self || link->dialled != dials(peers, link->peer.id)) {
        *ret_refusal =
            (struct greeting_refusal){"08004", "between two replicas the higher number dials"};
        return false;
    }
    struct peer *p = &peers->peer[link->peer.id];
    if (p->link)
        link_close(p->link, LINK_END_REFUSED, "08006", "a newer link takes this one's place");
    p->link = link;
    p->dialled = NULL;
    p->opened_at = ev_now(peers->set->loop);
    return true;
}

bool peers_closed(struct peers *peers, struct link *link)
{
    if (!link->dialled && link->peer.kind != TLS_PEER_REPLICA)
        return false;
    unsigned replica = link->dialled ? link->expected : link->peer.id;
    struct peer *p = &peers->peer[replica];
    bool was_open = p->link == link;
    bool was_ours = was_open || p->dialled == link;
    if (was_open)
        p->link = NULL;
    /* A link that broke at once is no reason to dial faster again. */
    if (was_open && ev_now(peers->set->loop) - p->opened_at > REDIAL_MS_MAX / 1000.0)
        p->redial_ms = REDIAL_MS_MIN;
    if (p->dialled == link)
        p->dialled = NULL;
    if (was_ours && dials(peers, replica) && !peers->stopping)
        redial_later(p);
    return was_open;
}

bool peers_line_due(struct peers *peers, unsigned replica, uint64_t *ret_refused)
{
    assert(replica < peers->count);
    uint64_t now_us = (uint64_t)(ev_now(peers->set->loop) * 1e6);
    return ratelimit_allow(&peers->peer[replica].lines, now_us, ret_refused);
}
