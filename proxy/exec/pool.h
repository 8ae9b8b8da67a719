/* A bounded pool of sessions that run the clients' SQL (role byz_app).
 *
 * Sessions are used again and again: nothing of a transaction survives its end, because the
 * extension refuses every statement that would leave something behind. One session at least is
 * kept from speculation, so that the agreed order can always go on. */
#ifndef BYZ_PROXY_EXEC_POOL_H
#define BYZ_PROXY_EXEC_POOL_H

#include "proxy/exec/backend.h"

struct pool;

enum pool_use {
    POOL_USE_INVALID = 0,
    POOL_SPECULATION = 1, /* may leave POOL_RESERVE sessions to the order */
    POOL_ORDER = 2,
};
#define POOL_RESERVE 1

/* A place in the queue for a session; embedded in whatever needs one. */
struct pool_claim {
    enum pool_use use;
    void *context;
    /* From the loop. The session is idle, outside a transaction, and lent to nobody yet. */
    void (*granted)(void *context, struct backend *session);
    bool waiting;
    struct pool_claim *next;
};

struct pool *pool_new(
    struct ev_loop *loop, const struct backend_target *target, unsigned sessions_max);
void pool_free(struct pool *pool);

/* Whether PostgreSQL may be used: closing ends all sessions (who works with one is told) and keeps
 * the claims in the queue. */
void pool_open(struct pool *pool);
void pool_close(struct pool *pool);

void pool_claim(struct pool *pool, struct pool_claim *claim);
void pool_unclaim(struct pool *pool, struct pool_claim *claim);
/* Gives back a session whose transaction has ended and whose queries are answered. */
void pool_return(struct pool *pool, struct backend *session);

unsigned pool_sessions(const struct pool *pool);
unsigned pool_busy(const struct pool *pool);

#endif
