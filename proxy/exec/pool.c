#include "proxy/exec/pool.h"

#include "proxy/log.h"

#include <assert.h>
#include <ev.h>
#include <stdlib.h>

/* After a session that could not be opened. */
#define RETRY_SECONDS 0.2

enum slot_state {
    SLOT_INVALID = 0,
    SLOT_CONNECTING,
    SLOT_IDLE,
    SLOT_BUSY,
};

struct slot {
    struct pool *pool;
    struct backend *session;
    enum slot_state state;
    enum pool_use use; /* while busy */
    struct slot *next;
};

struct pool {
    struct ev_loop *loop;
    struct backend_target target;
    unsigned sessions_max;
    bool open;
    bool resting; /* a connection failed just now */
    struct slot *slots;
    unsigned slot_count;
    struct pool_claim *claims[POOL_ORDER + 1]; /* queues, oldest first */
    struct ev_timer retry;
    struct ev_idle kick; /* only fed */
};

static void kick(struct pool *pool)
{
    ev_feed_event(pool->loop, &pool->kick, EV_CUSTOM);
}

static unsigned count(const struct pool *pool, enum slot_state state)
{
    unsigned n = 0;
    for (const struct slot *s = pool->slots; s != NULL; s = s->next)
        n += s->state == state;
    return n;
}

static unsigned busy_with(const struct pool *pool, enum pool_use use)
{
    unsigned n = 0;
    for (const struct slot *s = pool->slots; s != NULL; s = s->next)
        n += s->state == SLOT_BUSY && s->use == use;
    return n;
}

static void slot_remove(struct slot *slot)
{
    struct pool *pool = slot->pool;
    for (struct slot **at = &pool->slots; *at != NULL; at = &(*at)->next) {
        if (*at == slot) {
            *at = slot->next;
            break;
        }
    }
    assert(pool->slot_count > 0);
    pool->slot_count--;
    backend_free(slot->session);
    free(slot);
}

static void on_ready(void *context, struct backend *session)
{
    struct slot *slot = context;
    slot->state = SLOT_IDLE;
    kick(slot->pool);
}

static void on_dead(void *context, struct backend *session, const char *reason)
{
    struct slot *slot = context;
    struct pool *pool = slot->pool;
    if (slot->state == SLOT_CONNECTING && pool->open) {
        log_line(LEVEL_WARNING, "could not open a PostgreSQL session: %s", reason);
        pool->resting = true;
        ev_timer_set(&pool->retry, RETRY_SECONDS, 0.);
        ev_timer_start(pool->loop, &pool->retry);
    }
    slot_remove(slot);
    kick(pool);
}

static void slot_add(struct pool *pool)
{
    struct slot *slot = calloc(1, sizeof *slot);
    if (slot == NULL)
        return;
    slot->pool = pool;
    slot->state = SLOT_CONNECTING;
    struct backend_owner owner = {.context = slot, .ready = on_ready, .dead = on_dead};
    slot->session = backend_new(pool->loop, &pool->target, &owner);
    if (slot->session == NULL) {
        free(slot);
        return;
    }
    slot->next = pool->slots;
    pool->slots = slot;
    pool->slot_count++;
}

static unsigned waiting(const struct pool *pool, enum pool_use use)
{
    unsigned n = 0;
    for (const struct pool_claim *c = pool->claims[use]; c != NULL; c = c->next)
        n++;
    return n;
}

static unsigned speculation_max(const struct pool *pool)
{
    return pool->sessions_max - POOL_RESERVE;
}

/* How many claims could be served if there were sessions enough. */
static unsigned wanted(const struct pool *pool)
{
    unsigned busy = busy_with(pool, POOL_SPECULATION);
    unsigned room = busy < speculation_max(pool) ? speculation_max(pool) - busy : 0;
    unsigned speculative = waiting(pool, POOL_SPECULATION);
    return waiting(pool, POOL_ORDER) + (speculative < room ? speculative : room);
}

static void grow(struct pool *pool)
{
    unsigned coming = count(pool, SLOT_CONNECTING) + count(pool, SLOT_IDLE);
    unsigned need = wanted(pool);
    /* one is always at hand for the order */
    if (need < POOL_RESERVE)
        need = POOL_RESERVE;
    while (!pool->resting && coming < need && pool->slot_count < pool->sessions_max) {
        unsigned before = pool->slot_count;
        slot_add(pool);
        if (pool->slot_count == before)
            break; /* out of memory: the next kick tries again */
        coming++;
    }
}

static struct slot *idle_slot(struct pool *pool)
{
    for (struct slot *s = pool->slots; s != NULL; s = s->next)
        if (s->state == SLOT_IDLE && backend_is_ready(s->session))
            return s;
    return NULL;
}

/* The order first, then speculation within its bound. */
static struct pool_claim *next_claim(struct pool *pool)
{
    if (pool->claims[POOL_ORDER] != NULL)
        return pool->claims[POOL_ORDER];
    if (busy_with(pool, POOL_SPECULATION) < speculation_max(pool))
        return pool->claims[POOL_SPECULATION];
    return NULL;
}

static void serve(struct pool *pool)
{
    if (!pool->open)
        return;
    for (;;) {
        struct pool_claim *claim = next_claim(pool);
        struct slot *slot = claim == NULL ? NULL : idle_slot(pool);
        if (slot == NULL)
            break;
        pool_unclaim(pool, claim);
        slot->state = SLOT_BUSY;
        slot->use = claim->use;
        claim->granted(claim->context, slot->session);
    }
    grow(pool);
}

static void on_kick(struct ev_loop *loop, struct ev_idle *watcher, int events)
{
    serve(watcher->data);
}

static void on_retry(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct pool *pool = timer->data;
    pool->resting = false;
    serve(pool);
}

struct pool *pool_new(
    struct ev_loop *loop, const struct backend_target *target, unsigned sessions_max)
{
    assert(sessions_max > POOL_RESERVE);
    struct pool *pool = calloc(1, sizeof *pool);
    if (pool == NULL)
        return NULL;
    pool->loop = loop;
    pool->target = *target;
    pool->sessions_max = sessions_max;
    ev_init(&pool->retry, on_retry);
    ev_idle_init(&pool->kick, on_kick);
    pool->retry.data = pool->kick.data = pool;
    return pool;
}

void pool_free(struct pool *pool)
{
    if (pool == NULL)
        return;
    while (pool->slots != NULL)
        slot_remove(pool->slots);
    ev_timer_stop(pool->loop, &pool->retry);
    ev_clear_pending(pool->loop, &pool->kick);
    free(pool);
}

void pool_open(struct pool *pool)
{
    pool->open = true;
    pool->resting = false;
    kick(pool);
}

void pool_close(struct pool *pool)
{
    pool->open = false;
    ev_timer_stop(pool->loop, &pool->retry);
    for (struct slot *s = pool->slots; s != NULL; s = s->next)
        backend_kill(s->session, "PostgreSQL went away");
}

void pool_claim(struct pool *pool, struct pool_claim *claim)
{
    assert(claim->use == POOL_SPECULATION || claim->use == POOL_ORDER);
    assert(!claim->waiting);
    struct pool_claim **at = &pool->claims[claim->use];
    while (*at != NULL)
        at = &(*at)->next;
    claim->next = NULL;
    claim->waiting = true;
    *at = claim;
    kick(pool);
}

void pool_unclaim(struct pool *pool, struct pool_claim *claim)
{
    if (!claim->waiting)
        return;
    for (struct pool_claim **at = &pool->claims[claim->use]; *at != NULL; at = &(*at)->next) {
        if (*at == claim) {
            *at = claim->next;
            break;
        }
    }
    claim->waiting = false;
    claim->next = NULL;
}

void pool_return(struct pool *pool, struct backend *session)
{
    backend_disown(session); /* at most the sync behind its last answer is left */
    backend_lend(session, NULL, NULL);
    for (struct slot *s = pool->slots; s != NULL; s = s->next) {
        if (s->session != session)
            continue;
        assert(s->state == SLOT_BUSY);
        s->state = SLOT_IDLE; /* if it is dying, its death removes it */
        kick(pool);
        return;
    }
    assert(!"a session of this pool");
}

unsigned pool_sessions(const struct pool *pool)
{
    return pool->slot_count;
}

unsigned pool_busy(const struct pool *pool)
{
    return count(pool, SLOT_BUSY);
}
