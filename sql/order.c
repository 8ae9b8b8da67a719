/* Where SQL lets the order of rows show. Everything not known to be independent counts as
 * dependent. */
#include "sql/order.h"

#include "access/transam.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

/* Are equal values of this expression identical, too? Of float8, 0 equals -0; of numeric without a
 * scale, 1.0 equals 1.00: which of two equal values a group shows depends on the order. */
static bool equal_is_identical(const Node *expr)
{
    Oid collation = exprCollation(expr);
    if (OidIsValid(collation) && !get_collation_isdeterministic(collation))
        return false;
    Oid type = getBaseType(exprType(expr));
    switch (type) {
    case BOOLOID:
    case INT2OID:
    case INT4OID:
    case INT8OID:
    case OIDOID:
    case TEXTOID:
    case VARCHAROID:
    case NAMEOID:
    case CHAROID:
    case BYTEAOID:
    case UUIDOID:
    case CASHOID:
    case DATEOID:
    case TIMEOID:
    case TIMESTAMPOID:
    case TIMESTAMPTZOID:
        return true;
    case NUMERICOID:
    case BPCHAROID:
        return exprTypmod(expr) >= 0;
    default:
        return type_is_enum(type);
    }
}

/* Exact arithmetic: the sum does not depend on the order of its terms. */
static bool is_exact_aggregate(Oid function)
{
    switch (function) {
    case F_COUNT_:
    case F_COUNT_ANY:
    case F_SUM_INT2:
    case F_SUM_INT4:
    case F_SUM_INT8:
    case F_SUM_NUMERIC:
    case F_SUM_MONEY:
    case F_AVG_INT2:
    case F_AVG_INT4:
    case F_AVG_INT8:
    case F_AVG_NUMERIC:
    case F_BOOL_AND:
    case F_BOOL_OR:
    case F_EVERY:
    case F_BIT_AND_INT2:
    case F_BIT_AND_INT4:
    case F_BIT_AND_INT8:
    case F_BIT_AND_BIT:
    case F_BIT_OR_INT2:
    case F_BIT_OR_INT4:
    case F_BIT_OR_INT8:
    case F_BIT_OR_BIT:
    case F_BIT_XOR_INT2:
    case F_BIT_XOR_INT4:
    case F_BIT_XOR_INT8:
    case F_BIT_XOR_BIT:
        return true;
    default:
        return false;
    }
}

/* min and max of PostgreSQL's own types. */
static bool is_extremum(Oid function)
{
    const char *name = function < FirstNormalObjectId ? get_func_name(function) : NULL;
    return name != NULL && (strcmp(name, "min") == 0 || strcmp(name, "max") == 0);
}

enum order_dependence order_of_aggregate(const Aggref *aggregate)
{
    if (is_exact_aggregate(aggregate->aggfnoid))
        return ORDER_NONE;
    if (is_extremum(aggregate->aggfnoid)) {
        const TargetEntry *argument = linitial_node(TargetEntry, aggregate->args);
        return equal_is_identical((Node *)argument->expr) ? ORDER_NONE : ORDER_TIES;
    }
    /* array_agg(DISTINCT x) sorts, too */
    bool is_sorted = aggregate->aggorder != NIL || aggregate->aggdistinct != NIL ||
                     AGGKIND_IS_ORDERED_SET(aggregate->aggkind);
    return is_sorted ? ORDER_TIES : ORDER_PHYSICAL;
}

static enum order_dependence worse(enum order_dependence a, enum order_dependence b)
{
    return a > b ? a : b;
}

static enum order_dependence order_of_windows(const Query *query)
{
    ListCell *cell;
    foreach (cell, query->windowClause) {
        if (lfirst_node(WindowClause, cell)->orderClause == NIL)
            return ORDER_PHYSICAL;
    }
    return ORDER_TIES;
}

/* GROUP BY, DISTINCT: one of several equal values stands for its group. */
static bool all_identical(const Query *query, List *clauses)
{
    ListCell *cell;
    foreach (cell, clauses) {
        SortGroupClause *clause = lfirst_node(SortGroupClause, cell);
        if (!equal_is_identical(get_sortgroupclause_expr(clause, query->targetList)))
            return false;
    }
    return true;
}

/* UNION, INTERSECT, EXCEPT pick one of several equal rows; UNION ALL picks none. */
static bool removes_duplicates(const Node *node)
{
    if (node == NULL || !IsA(node, SetOperationStmt))
        return false;
    check_stack_depth();
    const SetOperationStmt *operation = (const SetOperationStmt *)node;
    return !operation->all || operation->op != SETOP_UNION || removes_duplicates(operation->larg) ||
           removes_duplicates(operation->rarg);
}

static bool set_operation_picks(const Query *query)
{
    if (!removes_duplicates(query->setOperations))
        return false;
    ListCell *cell;
    foreach (cell, query->targetList) {
        if (!equal_is_identical((Node *)lfirst_node(TargetEntry, cell)->expr))
            return true;
    }
    return false;
}

enum order_dependence order_of_query(const Query *query)
{
    enum order_dependence found = ORDER_NONE;
    if (query->limitCount != NULL || query->limitOffset != NULL || query->hasDistinctOn)
        found = worse(found, query->sortClause != NIL ? ORDER_TIES : ORDER_PHYSICAL);
    if (query->hasWindowFuncs)
        found = worse(found, order_of_windows(query));
    if (!all_identical(query, query->groupClause) || !all_identical(query, query->distinctClause) ||
        set_operation_picks(query))
        found = worse(found, ORDER_TIES);
    return found;
}
