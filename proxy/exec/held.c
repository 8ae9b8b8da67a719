#include "proxy/exec/held.h"

#include "proxy/exec/refusal.h"

#include <ev.h>
#include <stdlib.h>

struct held {
    struct ev_loop *loop;
    const struct exec_ops *ops;
    struct speculations *speculations;
    struct operation_budget *budget;
    struct operation_queue queue; /* the oldest first */
    struct ev_timer timer;
};

static void arm(struct held *h)
{
    ev_timer_stop(h->loop, &h->timer);
    if (h->queue.first == NULL)
        return;
    double left = h->queue.first->deadline - ev_now(h->loop);
    ev_timer_set(&h->timer, left > 0 ? left : 0., 0.);
    ev_timer_start(h->loop, &h->timer);
}

static void on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct held *h = timer->data;
    while (h->queue.first != NULL && h->queue.first->deadline <= ev_now(loop) + 0.001) {
        struct waiting_operation *w = operations_remove(&h->queue, &h->queue.first);
        /* Its own failure, not the statement's: the client turns to another replica. */
        refusal_send(h->ops, w->client, w->key, "57P03",
            "this replica does not know the transaction: it has fallen behind, or the "
            "transaction is over");
        operation_free(h->budget, w);
    }
    arm(h);
}

struct held *held_new(struct ev_loop *loop, const struct exec_ops *ops,
    struct speculations *speculations, struct operation_budget *budget)
{
    struct held *h = calloc(1, sizeof *h);
    if (h == NULL)
        return NULL;
    h->loop = loop;
    h->ops = ops;
    h->speculations = speculations;
    h->budget = budget;
    operations_init(&h->queue);
    ev_init(&h->timer, on_timer);
    h->timer.data = h;
    return h;
}

void held_free(struct held *h)
{
    if (h == NULL)
        return;
    ev_timer_stop(h->loop, &h->timer);
    while (h->queue.first != NULL)
        operation_free(h->budget, operations_remove(&h->queue, &h->queue.first));
    free(h);
}

static unsigned count_of(const struct held *h, unsigned client)
{
    unsigned count = 0;
    for (const struct waiting_operation *w = h->queue.first; w != NULL; w = w->next)
        count += w->client == client;
    return count;
}

void held_operation(struct held *h, unsigned client, const struct operation *operation)
{
    struct result_key key = {operation->session, operation->transaction, operation->index};
    struct waiting_operation *w = NULL;
    if (count_of(h, client) < HELD_PER_CLIENT_MAX)
        w = operations_push(&h->queue, h->budget, client, operation);
    if (w == NULL) {
        refusal_send(
            h->ops, client, key, "53300", "too many operations wait for their transaction");
        return;
    }
    w->deadline = ev_now(h->loop) + HELD_SECONDS_MAX;
    if (!ev_is_active(&h->timer))
        arm(h);
}

static bool is_of(const struct waiting_operation *w, const struct transaction *t)
{
    return w->client == t->id.client && w->key.session == t->id.session &&
           w->key.transaction == t->id.number;
}

void held_release(struct held *h, const struct transaction *t)
{
    struct waiting_operation **at = &h->queue.first;
    while (*at != NULL) {
        if (!is_of(*at, t)) {
            at = &(*at)->next;
            continue;
        }
        struct waiting_operation *w = operations_remove(&h->queue, at);
        struct operation operation = {
            .session = w->key.session,
            .transaction = w->key.transaction,
            .index = w->key.index,
            .statement = w->statement,
        };
        speculations_operation(h->speculations, t, w->client, &operation);
        operation_free(h->budget, w);
    }
}

void held_drop(struct held *h, unsigned client, uint64_t session)
{
    struct waiting_operation **at = &h->queue.first;
    while (*at != NULL) {
        if ((*at)->client == client && (*at)->key.session == session)
            operation_free(h->budget, operations_remove(&h->queue, at));
        else
            at = &(*at)->next;
    }
}
