/* The administration session: one connection of the superuser role, for what must never wait behind
 * clients' SQL (who holds a lock, cancelling, ending sessions), for the single-owner lock and for
 * the checks at start. Its death is taken for PostgreSQL's. */
#ifndef BYZ_PROXY_EXEC_ADMIN_H
#define BYZ_PROXY_EXEC_ADMIN_H

#include "proxy/exec/backend.h"

struct admin;

struct admin_events {
    void *context;
    void (*ready)(void *context);
    void (*dead)(void *context, const char *reason);
};

struct admin *admin_new(
    struct ev_loop *loop, const struct backend_target *target, const struct admin_events *events);
void admin_free(struct admin *admin);

/* Connects; `ready` or `dead` follows. Not while connected. */
bool admin_connect(struct admin *admin);
/* Ends the session; `dead` follows if there was one. */
void admin_disconnect(struct admin *admin, const char *reason);

/* A query with text parameters, behind the others. False: not connected, or too many are waiting.
 */
bool admin_query(struct admin *admin, const char *sql, int parameter_count,
    const char *const *values, backend_answer *answer, void *context);

/* Several queries as one transaction: an error skips those behind it. False as above; then none is
 * answered. */
bool admin_group(struct admin *admin, const struct backend_query *queries, unsigned count);

/* Sent and forgotten: the caller sees the effect, or asks again. */
void admin_cancel(struct admin *admin, int pid);
void admin_terminate(struct admin *admin, int pid);
/* A cancel of this process may still be on its way: what it is given now might be cancelled
 * instead. */
bool admin_is_cancelling(const struct admin *admin, int pid);

#endif
