/* The open transaction: db_begin, db_op, db_commit of the paper's figure 2. */
#ifndef BYZ_CLIENT_TRANSACTION_H
#define BYZ_CLIENT_TRANSACTION_H

#include "client/byzclient.h"
#include "client/list.h"

struct transaction {
    byz_transaction_status_type status;
    /* FAILED only: the replicas have rolled it back already, for this reason ("" otherwise).
     * The application has not said so yet, so it must not slip into statements of their own. */
    char over[6];
    uint64_t session; /* together with the client: the transaction's uid */
    uint64_t number;
    uint64_t epoch; /* of its snapshot */
    unsigned coordinator;
    uint32_t tried;    /* mask: replicas that have been its coordinator */
    unsigned executed; /* entries of the list that the present coordinator has run */
    struct list *list;
};

/* All return 0, or -1 with the connection's error set. */
int transaction_begin(struct byz_conn *conn, unsigned coordinator, uint64_t until_us);
int transaction_commit(struct byz_conn *conn);
int transaction_rollback(struct byz_conn *conn, bool verify, uint64_t until_us);
/* Ends a transaction that cannot go on: rolled back now on the replicas, FAILED for the
 * application. Keeps the connection's error, whose SQLSTATE is remembered as the reason. */
void transaction_abandon(struct byz_conn *conn);

#endif
