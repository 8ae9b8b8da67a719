/* Building a result from what a coordinator sends. The accessors are in byzclient.h.
 *
 * A result owns all its bytes: names and values in two arenas, so that a million rows are a handful
 * of allocations and byz_clear is short. */
#ifndef BYZ_CLIENT_RESULT_H
#define BYZ_CLIENT_RESULT_H

#include "client/byzclient.h"
#include "common/message.h"

struct byz_result *result_new(void); /* not yet successful; NULL: out of memory */

/* Forgets columns and rows: another replica begins to answer. */
void result_reset(struct byz_result *result);
/* These return false when memory ran out. */
bool result_set_columns(struct byz_result *result, const struct result_columns *columns);
/* A canonical row with exactly as many values as there are columns (the caller checked). */
bool result_add_row(struct byz_result *result, struct slice row);
bool result_succeed(struct byz_result *result, struct slice command_tag);
/* An error has no columns and rows. The message is copied; it ends in a newline. */
bool result_fail(struct byz_result *result, const char *sqlstate, const char *message);

#endif
