/* What depends on the physical order of rows, which differs between honest replicas. */
#ifndef BYZ_SQL_ORDER_H
#define BYZ_SQL_ORDER_H

#include "postgres.h"

#include "nodes/parsenodes.h"
#include "nodes/primnodes.h"

enum order_dependence {
    ORDER_DEPENDENCE_INVALID = 0,
    ORDER_NONE,    /* the same result from every order of the rows */
    ORDER_TIES,    /* an ORDER BY fixes it, as far as it has no ties */
    ORDER_PHYSICAL /* the physical order decides */
};

enum order_dependence order_of_aggregate(const Aggref *aggregate);
/* LIMIT, OFFSET, DISTINCT ON, window functions, grouping; not what nested queries do. */
enum order_dependence order_of_query(const Query *query);

#endif
