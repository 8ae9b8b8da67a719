/* The running statement and its transaction: is it a client's, and what did it use so far? */
#ifndef BYZ_SQL_TRANSACTION_H
#define BYZ_SQL_TRANSACTION_H

#include "postgres.h"

/* The proxy puts this before every client statement, and before nothing else. */
#define CLIENT_PREFIX "/*byz*/"
#define APP_ROLE "byz_app"
#define SCHEMA_NAME "byzantium"

/* What byzantium.flags() tells the proxy. The values are part of the contract with it. */
enum transaction_flag {
    /* An honest replica may have got another result earlier, or from another physical order. */
    TRANSACTION_UNCERTAIN = 1,
    /* It changed the catalogue, which older snapshots see at once. */
    TRANSACTION_BARRIER = 2,
};

void transaction_init(void);

/* True while a client's statement runs, at whatever depth: functions, triggers, DO. */
bool client_statement_running(void);
/* While true, no statement counts as a client's: for the library's own SQL. Returns the former
 * value. */
bool client_guard_suspend(bool suspend);
/* True while a statement of the proxy's own runs in a session that also runs client SQL. Looks into
 * the catalogue, so it must not be asked in a failed transaction. */
bool proxy_statement_running(void);

/* True while PostgreSQL maintains a client's table for itself: ANALYZE, autovacuum, REINDEX. What
 * the client wrote into an index then runs with its rights, when each replica likes, and is
 * committed outside the order. */
bool maintenance_running(void);

void transaction_flags_add(int flags);
/* The client itself asked for the subtransaction's end that follows. */
void transaction_rollback_to_requested(bool requested);

/* Is this relation or function of schema byzantium? `namespace` is its schema's OID. */
bool namespace_is_ours(Oid namespace);

#endif
