/* Operations of the open transaction, and replacing a coordinator that fails (section 3.3). */
#ifndef BYZ_CLIENT_EXECUTE_H
#define BYZ_CLIENT_EXECUTE_H

#include "client/byzclient.h"
#include "common/message.h"

/* Runs a statement in the open transaction and adds it to the list. Fills in `result`: with rows,
 * or with an error, which is then the connection's error too. */
void execute(struct byz_conn *conn, const struct statement *statement, struct byz_result *result);

#endif
