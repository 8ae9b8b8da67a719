/* A session with one PostgreSQL server, every statement of the workload prepared.
 *
 * Always in libpq's pipeline mode: what is queued leaves with server_send, and server_wait reads
 * the answers to all of it. One statement between two sends is exactly what PQexecPrepared does. */
#ifndef BYZ_BENCH_SERVER_H
#define BYZ_BENCH_SERVER_H

#include "tests/bench/system.h"

#include <libpq-fe.h>

struct server {
    PGconn *conn;
    const struct workload *workload;
    unsigned queued; /* statements whose answers server_wait will read */
};

bool server_open(struct server *server, const char *conninfo, const struct workload *workload,
    struct failure *ret);
void server_close(struct server *server); /* of a zeroed one, too */

/* A statement that cannot be queued makes server_wait fail. */
void server_queue_begin(struct server *server);
void server_queue_step(struct server *server, const struct step *step);
void server_queue_commit(struct server *server);
/* BEGIN, the steps, COMMIT; or the step alone. */
void server_queue_whole(struct server *server, const struct transaction *t);
/* Sends what is queued: one round trip. */
void server_send(struct server *server, struct tally *tally);

/* Waits for all that was sent. After a conflict or a failure no transaction is open. */
enum outcome server_wait(struct server *server, struct tally *tally, struct failure *ret);

/* Many sessions of one client: the first `count` of an array, number i on conninfo i. */
#define SERVERS_MAX 4
bool servers_open(struct server *servers, const struct target *target, struct failure *ret);
void servers_close(struct server *servers, unsigned count);

/* The whole transaction on all servers of a set of bits, at the same time and independently: a
 * server where it meets a conflict gets it again. _finish returns when all have committed it. */
void servers_send(
    struct server *servers, unsigned set, const struct transaction *t, struct tally *tally);
enum outcome servers_finish(struct server *servers, unsigned set, const struct transaction *t,
    struct tally *tally, struct failure *ret);

#endif
