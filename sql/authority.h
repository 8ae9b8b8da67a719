/* Which database roles a client's key may use, and what an administrator's key may allow: ordered
 * state, the same tables on every replica, changed by statements that go through agreement. */
#ifndef BYZ_SQL_AUTHORITY_H
#define BYZ_SQL_AUTHORITY_H

#include "postgres.h"

/* The transaction is this client's from here on, and runs as the client's role until it ends. */
void authority_start(const char *client);
void authority_end(void);
/* May the client SET LOCAL ROLE to this one? */
bool authority_allows_role(const char *role);
/* Is this one of the functions of schema byzantium that clients may call? They check for
 * themselves. */
bool authority_is_command(Oid function);
/* Did an administrator allow this function, which would be refused? */
bool authority_allows_function(Oid function);

#endif
