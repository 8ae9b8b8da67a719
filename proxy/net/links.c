#include "proxy/net/links.h"

#include <assert.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>

#define SWEEP_SECONDS 0.25

/* ---- turns ---- */

static bool is_peer(const struct link *link)
{
    return link->peer.kind == TLS_PEER_REPLICA;
}

bool links_turn_over(const struct link *link, uint64_t spent_us)
{
    return spent_us >= LINK_TURN_US ||
           (!is_peer(link) && link->set->clients_spent_us + spent_us >= CLIENTS_TURN_US);
}

bool links_must_queue(const struct link *link)
{
    return !is_peer(link) && !TAILQ_EMPTY(&link->set->again);
}

/* The loop comes around once more without waiting. */
static void wake(struct links *set)
{
    if (ev_is_active(&set->again_timer))
        return;
    ev_timer_set(&set->again_timer, 0., 0.);
    ev_timer_start(set->loop, &set->again_timer);
}

/* Links that had more to read than their share: this timer fires in the next iteration, after
 * everybody else had a turn. (Feeding an event instead would starve the rest of this one.) Those
 * for whom no time was left are the first of the next turn. */
static void on_again(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct links *set = timer->data;
    struct link_list turn = TAILQ_HEAD_INITIALIZER(turn);
    struct link_list later = TAILQ_HEAD_INITIALIZER(later);
    TAILQ_CONCAT(&turn, &set->again, again);
    struct link *link;
    while ((link = TAILQ_FIRST(&turn))) {
        TAILQ_REMOVE(&turn, link, again);
        if (links_turn_over(link, 0)) {
            TAILQ_INSERT_TAIL(&later, link, again);
            continue;
        }
        link->in_again = false;
        link_read(link);
    }
    TAILQ_CONCAT(&later, &set->again, again);
    TAILQ_CONCAT(&set->again, &later, again);
    if (!TAILQ_EMPTY(&set->again))
        wake(set);
}

static void on_turn_over(struct ev_loop *loop, ev_prepare *watcher, int events)
{
    ((struct links *)watcher->data)->clients_spent_us = 0;
}

/* ---- what takes too long ---- */

static void sweep_link(struct link *link, ev_tstamp now)
{
    if (link->deadline > 0 && now > link->deadline) {
        if (link->state == LINK_CLOSING)
            link_fail(link, link->end, "%s", link->reason);
        else
            link_fail(
                link, LINK_END_TIMEOUT, "no handshake within %.0f seconds", HANDSHAKE_SECONDS);
    }
    if (!frame_partial(&link->input) || link->paused)
        link->partial_since = 0;
    else if (link->partial_since == 0)
        link->partial_since = now;
    else if (link->state == LINK_OPEN && now - link->partial_since > FRAME_SECONDS)
        link_close(link, LINK_END_TIMEOUT, "57014", "a message took too long to arrive");
}

static void on_sweep(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct links *set = timer->data;
    struct link *link;
    TAILQ_FOREACH(link, &set->all, all)
    sweep_link(link, ev_now(loop));
}

bool links_init(struct links *set, struct ev_loop *loop, const struct config *config, unsigned self,
    const struct private_key *key, const struct links_ops *ops, char *ret_error, size_t error_size)
{
    *set = (struct links){
        .loop = loop, .config = config, .self = self, .ops = *ops, .held_max = HELD_BYTES_MAX};
    TAILQ_INIT(&set->all);
    TAILQ_INIT(&set->dirty);
    TAILQ_INIT(&set->again);
    set->accept_context = tls_context_new(config, key, true, ret_error, error_size);
    if (!set->accept_context)
        return false;
    set->dial_context = tls_context_new(config, key, false, ret_error, error_size);
    if (!set->dial_context) {
        SSL_CTX_free(set->accept_context);
        set->accept_context = NULL;
        return false;
    }
    ev_timer_init(&set->again_timer, on_again, 0., 0.);
    set->again_timer.data = set;
    ev_prepare_init(&set->turn_over, on_turn_over);
    set->turn_over.data = set;
    ev_prepare_start(loop, &set->turn_over);
    ev_timer_init(&set->sweep_timer, on_sweep, SWEEP_SECONDS, SWEEP_SECONDS);
    set->sweep_timer.data = set;
    ev_timer_start(loop, &set->sweep_timer);
    return true;
}

void links_free(struct links *set)
{
    if (!set->loop)
        return;
    ev_prepare_stop(set->loop, &set->turn_over);
    ev_timer_stop(set->loop, &set->again_timer);
    ev_timer_stop(set->loop, &set->sweep_timer);
    struct link *link;
    while ((link = TAILQ_FIRST(&set->all))) {
        TAILQ_REMOVE(&set->all, link, all);
        link_free(link);
    }
    SSL_CTX_free(set->accept_context);
    SSL_CTX_free(set->dial_context);
    *set = (struct links){0};
}

void links_add(struct links *set, struct link *link)
{
    TAILQ_INSERT_TAIL(&set->all, link, all);
    set->count++;
    set->unknown_count++;
}

void links_mark_dirty(struct link *link)
{
    if (link->in_dirty)
        return;
    TAILQ_INSERT_TAIL(&link->set->dirty, link, dirty);
    link->in_dirty = true;
}

void links_mark_again(struct link *link)
{
    struct links *set = link->set;
    if (!link->in_again)
        TAILQ_INSERT_TAIL(&set->again, link, again);
    link->in_again = true;
    wake(set);
}

/* Peers are few, each with a ceiling of its own; only the others share this budget. */
void links_account(struct link *link)
{
    struct links *set = link->set;
    bool counted = !is_peer(link) && link->state != LINK_DEAD;
    size_t held = counted ? link->input.body_capacity + link->queue.capacity : 0;
    assert(set->held >= link->held);
    set->held += held - link->held;
    if (link->peer.kind == TLS_PEER_CLIENT) /* a link holds nothing before it is known */
        set->held_of[link->peer.id] += held - link->held;
    link->held = held;
}

static struct link *greediest(const struct links *set)
{
    unsigned client = 0;
    for (unsigned i = 1; i < set->config->client_count; i++)
        if (set->held_of[i] > set->held_of[client])
            client = i;
    struct link *link, *most = NULL;
    TAILQ_FOREACH(link, &set->all, all)
    if (link->peer.kind == TLS_PEER_CLIENT && link->peer.id == client &&
        (!most || link->held > most->held))
        most = link;
    return most;
}

void links_bound_held(struct links *set)
{
    while (set->held > set->held_max) {
        struct link *link = greediest(set);
        if (!link || link->held == 0)
            return;
        link_fail(link, LINK_END_FULL,
            "clients hold too much of this replica's memory, this one "
            "the most");
        links_account(link);
    }
}

static void reap(struct links *set, struct link *link)
{
    if (link->in_again)
        TAILQ_REMOVE(&set->again, link, again);
    link->in_again = false;
    links_account(link);
    assert(link->held == 0);
    assert(link->end != LINK_END_INVALID && link->end < LINK_END_COUNT);
    set->ends[link->end]++;
    TAILQ_REMOVE(&set->all, link, all);
    set->count--;
    set->ops.closed(set->ops.context, link);
    assert(!link->in_bucket);
    link_free(link);
}

static void write_all(struct links *set, struct link_list *ret_dead)
{
    struct link_list turn = TAILQ_HEAD_INITIALIZER(turn);
    TAILQ_CONCAT(&turn, &set->dirty, dirty);
    struct link *link;
    while ((link = TAILQ_FIRST(&turn))) {
        TAILQ_REMOVE(&turn, link, dirty);
        link->in_dirty = false;
        if (link->state != LINK_DEAD)
            link_write(link);
        if (link->state != LINK_DEAD)
            continue;
        if (link->in_dirty) /* it died in link_write, which marked it again */
            TAILQ_REMOVE(&set->dirty, link, dirty);
        link->in_dirty = true; /* kept out of the list: link_fail does not come here again */
        TAILQ_INSERT_TAIL(ret_dead, link, dirty);
    }
}

/* First everything is written, then the owners hear of the dead: what they send in answer waits for
 * the next flush, because it may speak of what is not durable yet. */
void links_flush(struct links *set)
{
    struct link_list dead = TAILQ_HEAD_INITIALIZER(dead);
    write_all(set, &dead);
    struct link *link;
    while ((link = TAILQ_FIRST(&dead))) {
        TAILQ_REMOVE(&dead, link, dirty);
        reap(set, link);
    }
    if (!TAILQ_EMPTY(&set->dirty))
        wake(set);
}

void links_close_all(struct links *set, const char *sqlstate, const char *text)
{
    struct link *link;
    TAILQ_FOREACH(link, &set->all, all)
    link_close(link, LINK_END_STOP, sqlstate, text);
}

struct link *links_oldest_unknown(struct links *set)
{
    struct link *link;
    TAILQ_FOREACH(link, &set->all, all) /* in order of their beginning */
    if (!link->dialled && (link->state == LINK_HANDSHAKE || link->state == LINK_GREETING))
        return link;
    return NULL;
}
