/* Where SQL lets the order of rows show. Everything not known to be independent counts as
 * dependent. */
#include "sql/order.h"

#include "sql/draws.h"
#include "sql/refuse.h"
#include "sql/total_order.h"

#include "access/transam.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

/* What could not be ordered. */
static bool depends(struct order_use use, const char *what)
{
    if (use.stores)
        refuse("Add ORDER BY over a unique key, or run it as a query of its own.",
            "%s depends on the physical order of rows", what);
    return true;
}

/* ---- aggregates ---- */

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

static bool all_identical(const List *targets)
{
    ListCell *cell;
    foreach (cell, targets) {
        if (!equal_is_identical((Node *)lfirst_node(TargetEntry, cell)->expr))
            return false;
    }
    return true;
}

/* min and max of PostgreSQL's own types. */
static bool is_extremum(Oid function)
{
    const char *name = function < FirstNormalObjectId ? get_func_name(function) : NULL;
    return name != NULL && (strcmp(name, "min") == 0 || strcmp(name, "max") == 0);
}

bool order_judge_aggregate(Aggref *aggregate, struct order_use use)
{
    if (is_exact_aggregate(aggregate->aggfnoid) || aggregate->aggkind == AGGKIND_HYPOTHETICAL)
        return false;
    bool is_sorted = is_extremum(aggregate->aggfnoid) || aggregate->aggdistinct != NIL ||
                     AGGKIND_IS_ORDERED_SET(aggregate->aggkind);
    if (is_sorted && all_identical(aggregate->args))
        return false;
    /* sorted, an index would be of no use to min and max */
    if (is_extremum(aggregate->aggfnoid) && !use.stores)
        return true;
    return !total_order_aggregate(aggregate) && depends(use, "an aggregate");
}

/* ---- windows ---- */

static bool is_by_peers(Oid function)
{
    switch (function) {
    case F_RANK_:
    case F_DENSE_RANK_:
    case F_PERCENT_RANK_:
    case F_CUME_DIST_:
        return true;
    default:
        return false;
    }
}

static const WindowClause *window_of(const Query *query, const WindowFunc *function)
{
    ListCell *cell;
    foreach (cell, query->windowClause) {
        const WindowClause *window = lfirst_node(WindowClause, cell);
        if (window->winref == function->winref)
            return window;
    }
    return NULL;
}

/* A frame of ROWS cuts through peers. */
static bool window_is_certain(const Query *query, const WindowFunc *function)
{
    const WindowClause *window = window_of(query, function);
    if (is_by_peers(function->winfnoid))
        return true;
    bool is_exact =
        is_exact_aggregate(function->winfnoid) ||
        (is_extremum(function->winfnoid) && equal_is_identical(linitial(function->args)));
    return is_exact && window != NULL && (window->frameOptions & FRAMEOPTION_ROWS) == 0;
}

static bool collect_windows(Node *node, void *context)
{
    List **found = context;
    if (node == NULL)
        return false;
    if (IsA(node, WindowFunc))
        *found = lappend(*found, node);
    return expression_tree_walker(node, collect_windows, context);
}

static bool judge_windows(Query *query, struct order_use use)
{
    List *functions = NIL;
    bool uncertain = false;
    ListCell *cell;
    collect_windows((Node *)query->targetList, &functions);
    foreach (cell, functions) {
        WindowFunc *function = lfirst_node(WindowFunc, cell);
        if (!window_is_certain(query, function) && !total_order_window(query, function))
            uncertain = depends(use, "a window function") || uncertain;
    }
    return uncertain;
}

/* ---- one of several equal values ---- */

/* GROUP BY, DISTINCT: one of several equal values stands for its group. */
static bool clauses_identical(const Query *query, const List *clauses)
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

static bool picks_a_value(const Query *query)
{
    bool distinct_picks = query->distinctClause != NIL && !query->hasDistinctOn &&
                          !clauses_identical(query, query->distinctClause);
    return distinct_picks || !clauses_identical(query, query->groupClause) ||
           (removes_duplicates(query->setOperations) && !all_identical(query->targetList));
}

/* ---- which rows, and in which order they are visited ---- */

static bool picks_rows(const Query *query)
{
    bool with_ties = query->limitOption == LIMIT_OPTION_WITH_TIES && query->limitOffset == NULL;
    return query->hasDistinctOn || query->limitOffset != NULL ||
           (query->limitCount != NULL && !with_ties);
}

static bool judge_select(Query *query, struct order_use use, bool is_top)
{
    bool draws =
        contain_volatile_functions((Node *)query->targetList) && !draws_source_is_fixed(query);
    if (picks_rows(query))
        return !total_order_rows(query) && depends(use, "LIMIT, OFFSET or DISTINCT ON");
    /* the client's order is compared row by row */
    if (is_top && query->sortClause != NIL)
        return !total_order_rows(query);
    if (draws)
        return !total_order_rows(query) && depends(use, "a function that is called for each row");
    if (is_top && use.in_parts)
        return !total_order_rows(query);
    return false;
}

static Query *source_of(const Query *insert)
{
    if (list_length(insert->jointree->fromlist) != 1 ||
        !IsA(linitial(insert->jointree->fromlist), RangeTblRef))
        return NULL;
    int source = linitial_node(RangeTblRef, insert->jointree->fromlist)->rtindex;
    RangeTblEntry *entry = rt_fetch(source, insert->rtable);
    return entry->rtekind == RTE_SUBQUERY ? entry->subquery : NULL;
}

/* Who reads RETURNING in parts sees the order of the visits. */
static bool is_read_in_parts(const Query *query, struct order_use use, bool is_top)
{
    return is_top && use.in_parts && query->returningList != NIL;
}

static bool judge_insert(Query *query, struct order_use use, bool is_top)
{
    Query *source = source_of(query);
    if (source == NULL)
        return false;
    bool shows = (source->sortClause != NIL && query->returningList != NIL) ||
                 is_read_in_parts(query, use, is_top);
    if (!shows && (draws_source_is_fixed(source) || !draws_visit_matters(query)))
        return false;
    return !total_order_rows(source) && depends(use, "INSERT … SELECT");
}

/* UPDATE … FROM and DELETE … USING: of several rows that match one of the target's, the first one
 * counts. */
static bool joins_may_pick(const Query *query)
{
    bool joins = list_length(query->jointree->fromlist) > 1;
    return joins && (query->commandType == CMD_UPDATE || query->returningList != NIL);
}

static bool judge_change(Query *query, struct order_use use, bool is_top)
{
    if (!joins_may_pick(query) && !is_read_in_parts(query, use, is_top) &&
        !draws_visit_matters(query))
        return false;
    return !total_order_targets(query) && depends(use, "the order in which rows are changed");
}

static bool judge_visits(Query *query, struct order_use use, bool is_top)
{
    switch (query->commandType) {
    case CMD_SELECT:
        return judge_select(query, use, is_top);
    case CMD_INSERT:
        return judge_insert(query, use, is_top);
    case CMD_UPDATE:
    case CMD_DELETE:
    case CMD_MERGE:
        return judge_change(query, use, is_top);
    default:
        return false;
    }
}

bool order_judge_query(Query *query, struct order_use use, bool is_top)
{
    bool uncertain = false;
    if (draws_in_sort(query))
        refuse("Sort by a hash of the rows' key, for instance ORDER BY md5(id::text || 'seed').",
            "ORDER BY a value that is another at each call depends on the physical order of rows");
    if (draws_in_conditions(query))
        uncertain = depends(use, "a condition that gives another value at each call");
    if (picks_a_value(query))
        uncertain =
            depends(use, "GROUP BY, DISTINCT or UNION over equal values that look different");
    if (query->hasWindowFuncs)
        uncertain = judge_windows(query, use) || uncertain;
    return judge_visits(query, use, is_top) || uncertain;
}

bool order_judge_array(Query *query, struct order_use use)
{
    return !total_order_rows(query) && depends(use, "ARRAY(SELECT …)");
}
