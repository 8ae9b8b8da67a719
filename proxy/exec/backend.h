/* One asynchronous session with the local PostgreSQL: a libpq connection in pipeline mode, driven
 * by libev. Queries go out in order, each answer goes to the callback given with its query.
 *
 * Nothing here blocks. A session dies once, for good, and says so from the loop (never from within
 * a call); queries that it had not answered are then forgotten. Cancelling is the administration
 * session's work (admin.h), because libpq's PQcancel blocks. */
#ifndef BYZ_PROXY_EXEC_BACKEND_H
#define BYZ_PROXY_EXEC_BACKEND_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ev_loop;
struct backend;

/* Where to connect, and as what. */
struct backend_target {
    const char *conninfo; /* libpq's syntax */
    const char *user;     /* NULL: the conninfo's */
    bool lazy_commit;     /* synchronous_commit=off unless a transaction asks for more */
    size_t message_bytes_max;
};

/* For who opened the session: `ready` once, then `dead` once; or `dead` alone. */
struct backend_owner {
    void *context;
    void (*ready)(void *context, struct backend *backend);
    void (*dead)(void *context, struct backend *backend, const char *reason);
};

/* One PGresult of a query: rows one by one (PGRES_SINGLE_TUPLE) if the query asked for it, then
 * what ends the query. Borrowed. */
typedef void backend_answer(void *context, unsigned tag, const PGresult *result);

struct backend_query {
    const char *sql;
    int parameter_count;
    const Oid *types; /* NULL: PostgreSQL infers all */
    const char *const *values;
    bool row_by_row;
    backend_answer *answer; /* NULL: nobody cares */
    void *context;
    unsigned tag;
};

/* Starts to connect. NULL: out of memory or a conninfo that libpq cannot parse. */
struct backend *backend_new(
    struct ev_loop *loop, const struct backend_target *target, const struct backend_owner *owner);
/* Closes the connection. Not from within an answer or an event of the same session. */
void backend_free(struct backend *backend);

/* Who works with the session now, if not its owner: told first when it dies. NULL: nobody. */
void backend_lend(struct backend *backend, void *context,
    void (*lost)(void *context, struct backend *backend, const char *reason));

/* Queues a query behind the others. False: the session is dead or dying; nothing is lost, its death
 * is reported as usual. What is queued leaves with the next backend_sync. */
bool backend_query(struct backend *backend, const struct backend_query *query);
/* Ends a group: an error skips queries up to here. Sends everything. */
bool backend_sync(struct backend *backend);
/* A query without parameters or rows, and a sync. */
bool backend_command(
    struct backend *backend, const char *sql, backend_answer *answer, void *context, unsigned tag);

/* Queries without an answer so far; 0: idle. */
unsigned backend_pending(const struct backend *backend);
/* Nobody cares any more about what is pending. */
void backend_disown(struct backend *backend);
/* Stops and goes on reading: holds PostgreSQL back when a client is slow. */
void backend_pause(struct backend *backend, bool paused);
/* Ends the session; `lost` and `dead` follow from the loop. */
void backend_kill(struct backend *backend, const char *reason);

bool backend_is_ready(const struct backend *backend);
/* The size of an error or a notice with all that PostgreSQL sent of it. */
size_t backend_message_size(const PGresult *result);
/* It died because PostgreSQL sent a single message longer than message_bytes_max: only a huge row,
 * error or notice can be that. */
bool backend_flooded(const struct backend *backend);
int backend_pid(const struct backend *backend);

/* libpq turns some environment variables into settings of the session: not here, where all
 * sessions of all replicas must be equal. */
void backend_environment_clear(void);

#endif
