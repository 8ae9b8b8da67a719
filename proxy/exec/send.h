/* Sending a client's statement to PostgreSQL: behind the prefix that makes the extension guard it,
 * with its parameters as libpq wants them. */
#ifndef BYZ_PROXY_EXEC_SEND_H
#define BYZ_PROXY_EXEC_SEND_H

#include "common/config.h"
#include "common/message.h"
#include "proxy/exec/backend.h"
#include "proxy/exec/ledger.h"

/* What the extension knows a client's statement by (docs/architecture.md). */
#define CLIENT_PREFIX "/*byz*/"

struct sender;

struct sender *sender_new(void);
void sender_free(struct sender *sender);

/* Queues the statement, row by row. The statement must have passed statement_take. False: the
 * session is dead, or memory ran out (then it is killed). */
bool sender_statement(struct sender *sender, struct backend *session,
    const struct statement *statement, backend_answer *answer, void *context, unsigned tag);

/* Queues the call that gives the session's transaction its agreed time, lane, seed and role, and
 * clears its flags. The configuration has the client's name. `turn`: it is at the head of the
 * order. */
bool sender_start(struct backend *session, const struct transaction *transaction,
    const struct config *config, bool turn, backend_answer *answer, void *context, unsigned tag);

#endif
