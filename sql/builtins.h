/* PostgreSQL's own functions whose result would differ between replicas, replaced for clients by
 * ones that are equal: sequences, random numbers, clocks. */
#ifndef BYZ_SQL_BUILTINS_H
#define BYZ_SQL_BUILTINS_H

#include "postgres.h"

#include "nodes/parsenodes.h"

void builtins_init(void);
bool builtins_replaced(Oid function);

/* An identity column's default is no function call: turns each one into a call of nextval, which
 * can be replaced. Returns the query itself if there is none. */
Query *builtins_call_nextval(Query *query);

/* From here on, if `forbid`, a replaced function that gives another value at each call is refused:
 * the rows come in their physical order. Returns what builtins_allow_draws wants. */
bool builtins_forbid_draws(bool forbid);
void builtins_allow_draws(bool before);

#endif
