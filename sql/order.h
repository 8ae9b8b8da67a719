/* What depends on the physical order of rows, which differs between honest replicas: it is made to
 * depend on the rows' values (total_order.h), or refused where its result is stored, or uncertain.
 */
#ifndef BYZ_SQL_ORDER_H
#define BYZ_SQL_ORDER_H

#include "postgres.h"

#include "nodes/parsenodes.h"
#include "nodes/primnodes.h"

struct order_use {
    bool stores; /* what the statement returns or changes is stored */
    /* A cursor, or inside a function: who reads it may stop after the first rows. */
    bool in_parts;
};

/* One level of a query, before its subqueries. True: still uncertain. */
bool order_judge_query(Query *query, struct order_use use, bool is_top);
bool order_judge_aggregate(Aggref *aggregate, struct order_use use);
/* ARRAY(SELECT …) */
bool order_judge_array(Query *query, struct order_use use);

#endif
