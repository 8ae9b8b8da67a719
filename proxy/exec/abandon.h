/* Sessions on their way back to the pool: whatever they were doing is cancelled and rolled back.
 *
 * A ROLLBACK is queued behind a running statement at once, the statement is cancelled, cancelled
 * again, and at last the session is ended (a PL/pgSQL handler may swallow a cancel). Who gave the
 * session up need not wait. */
#ifndef BYZ_PROXY_EXEC_ABANDON_H
#define BYZ_PROXY_EXEC_ABANDON_H

#include "proxy/exec/admin.h"
#include "proxy/exec/pool.h"

struct abandon;

struct abandon *abandon_new(struct ev_loop *loop, struct pool *pool, struct admin *admin);
void abandon_free(struct abandon *abandon);

/* Takes the session over from its borrower. */
void abandon_session(struct abandon *abandon, struct backend *session);
/* Is this server process one of them? Then it is pressed further. */
bool abandon_press(struct abandon *abandon, int pid);

#endif
