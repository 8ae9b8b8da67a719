/* A connection: what the parts of the library share. Each part owns its own member. */
#ifndef BYZ_CLIENT_CONN_H
#define BYZ_CLIENT_CONN_H

#include "client/conninfo.h"
#include "client/coordinator.h"
#include "client/error.h"
#include "client/links.h"
#include "client/operation.h"
#include "client/query.h"
#include "client/request.h"
#include "client/session.h"
#include "client/transaction.h"

/* byz_replica_status, while it waits. */
struct status_query {
    bool waiting;
    unsigned replica;
    char *text; /* the answer, for the caller to take */
};

struct byz_conn {
    bool connected; /* byz_connect succeeded; from then on links heal by themselves */
    struct conninfo info;
    struct config *config;
    struct private_key *key;
    unsigned client; /* index of this client's key in the configuration */
    SSL_CTX *tls;
    struct link_handler handler;
    struct links *links;
    struct error error;
    struct suspicion suspicion;
    struct session session;
    struct request_run request;
    struct query_run query;
    struct operation_run operation;
    struct transaction transaction;
    struct coordinators coordinators;
    struct status_query status_query;
};

/* Sets the connection's error and returns -1. */
#define conn_fail(conn, ...) (error_set(&(conn)->error, __VA_ARGS__), -1)

/* Goes on under a new id (session_start, session_raise), over new links. */
void conn_new_session(struct byz_conn *conn);
bool conn_raise_session(struct byz_conn *conn);

/* "2 of 4 replicas connected (replica 1: connection refused; replica 3: no answer)" */
void conn_describe_links(const struct byz_conn *conn, char *out, size_t out_size);

#endif
