/* What gives another value at each call (nextval, random()), so that the order of the calls shows.
 */
#ifndef BYZ_SQL_DRAWS_H
#define BYZ_SQL_DRAWS_H

#include "postgres.h"

#include "nodes/parsenodes.h"

/* Do the rows come in an order that does not depend on how they are stored? */
bool draws_source_is_fixed(const Query *query);
/* Does it show in which order this INSERT, UPDATE, DELETE or MERGE visits its rows? */
bool draws_visit_matters(const Query *query);
/* A draw in WHERE, HAVING, a join's condition or behind LATERAL: what is called when is the plan's
 * choice. */
bool draws_in_conditions(const Query *query);
/* ORDER BY random() */
bool draws_in_sort(const Query *query);

#endif
