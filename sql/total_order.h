/* Making the order of rows a matter of their values alone, where it decides a result: keys are
 * added behind the client's own ORDER BY until rows that still tie are interchangeable. */
#ifndef BYZ_SQL_TOTAL_ORDER_H
#define BYZ_SQL_TOTAL_ORDER_H

#include "postgres.h"

#include "nodes/parsenodes.h"

/* The rows of a SELECT, by all its columns. False: it cannot be ordered so; nothing was changed. */
bool total_order_rows(Query *query);
/* The rows that UPDATE, DELETE or MERGE visits. */
bool total_order_targets(Query *query);
/* The rows that an aggregate gets. */
bool total_order_aggregate(Aggref *aggregate);
/* row_number() and its kin among peers. */
bool total_order_window(Query *query, WindowFunc *function);

/* Are equal values of this expression identical, too? Of float8, 0 equals -0; of numeric without a
 * scale, 1.0 equals 1.00: which of two equal values a group shows depends on the order. */
bool equal_is_identical(const Node *expr);

#endif
