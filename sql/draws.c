#include "sql/draws.h"

#include "access/table.h"
#include "access/transam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"

/* ---- conditions ---- */

static bool is_draw(Oid function, void *context)
{
    switch (function) {
    case F_NEXTVAL:
    case F_SETVAL_REGCLASS_INT8:
    case F_SETVAL_REGCLASS_INT8_BOOL:
    case F_RANDOM:
    case F_GEN_RANDOM_UUID:
        return true;
    default:
        return false;
    }
}

static bool contains_draw(Node *node, void *context)
{
    if (node == NULL || IsA(node, Var) || IsA(node, Const) || IsA(node, Param))
        return false;
    if (check_functions_in_node(node, is_draw, context))
        return true;
    if (IsA(node, Query))
        return query_tree_walker((Query *)node, contains_draw, context, 0);
    return expression_tree_walker(node, contains_draw, context);
}

static bool has_rows_of_tables(const Query *query)
{
    ListCell *cell;
    foreach (cell, query->rtable) {
        if (lfirst_node(RangeTblEntry, cell)->rtekind == RTE_RELATION)
            return true;
    }
    return false;
}

/* LATERAL (SELECT random()): called for each row of what stands before it. */
static bool draws_laterally(const Query *query)
{
    ListCell *cell;
    foreach (cell, query->rtable) {
        RangeTblEntry *entry = lfirst_node(RangeTblEntry, cell);
        if (entry->lateral && (contains_draw((Node *)entry->subquery, NULL) ||
                                  contains_draw((Node *)entry->functions, NULL)))
            return true;
    }
    return false;
}

bool draws_in_conditions(const Query *query)
{
    if (query->jointree == NULL || !has_rows_of_tables(query))
        return false;
    return draws_laterally(query) || contains_draw(query->jointree->quals, NULL) ||
           contains_draw(query->havingQual, NULL);
}

bool draws_in_sort(const Query *query)
{
    ListCell *cell;
    if (query->sortClause == NIL || !has_rows_of_tables(query))
        return false;
    foreach (cell, query->sortClause) {
        SortGroupClause *clause = lfirst_node(SortGroupClause, cell);
        if (contains_draw(get_sortgroupclause_expr(clause, query->targetList), NULL))
            return true;
    }
    return false;
}

/* ---- sources ---- */

static bool entry_is_fixed(const RangeTblEntry *entry)
{
    switch (entry->rtekind) {
    case RTE_VALUES:
    case RTE_RESULT:
        return true;
    case RTE_FUNCTION:
        return true; /* its own queries are ordered, see order.c */
    case RTE_SUBQUERY:
        return draws_source_is_fixed(entry->subquery);
    default:
        return false;
    }
}

bool draws_source_is_fixed(const Query *query)
{
    if (query->setOperations != NULL || query->groupClause != NIL || query->groupingSets != NIL ||
        query->distinctClause != NIL || query->hasWindowFuncs || query->jointree == NULL)
        return false;
    const List *from = query->jointree->fromlist;
    if (from == NIL || query->hasAggs)
        return true;
    if (list_length(from) != 1 || !IsA(linitial(from), RangeTblRef))
        return false;
    return entry_is_fixed(rt_fetch(linitial_node(RangeTblRef, from)->rtindex, query->rtable));
}

/* ---- what runs for each row that is stored, changed or deleted ---- */

static bool is_cascade(Oid function)
{
    switch (function) {
    case F_RI_FKEY_CASCADE_DEL:
    case F_RI_FKEY_CASCADE_UPD:
    case F_RI_FKEY_SETNULL_DEL:
    case F_RI_FKEY_SETNULL_UPD:
    case F_RI_FKEY_SETDEFAULT_DEL:
    case F_RI_FKEY_SETDEFAULT_UPD:
        return true;
    default:
        return false;
    }
}

/* A client's trigger may do anything; a cascade reaches tables that have such triggers. */
static bool table_runs_code(Oid id)
{
    Relation table = table_open(id, NoLock); /* locked by the parser, or with its parent */
    const TriggerDesc *triggers = table->trigdesc;
    bool runs = false;
    for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++) {
        const Trigger *trigger = &triggers->triggers[i];
        runs = runs || !trigger->tgisinternal || is_cascade(trigger->tgfoid);
    }
    table_close(table, NoLock);
    return runs;
}

static bool target_runs_code(const RangeTblEntry *target)
{
    if (target->rtekind != RTE_RELATION ||
        (target->relkind != RELKIND_RELATION && target->relkind != RELKIND_PARTITIONED_TABLE))
        return true;
    /* INSERT does not say `inh` of a partitioned table. has_subclass is the planner's test, too. */
    bool descends = target->relkind == RELKIND_PARTITIONED_TABLE || target->inh;
    if (!descends || !has_subclass(target->relid))
        return table_runs_code(target->relid);
    ListCell *cell;
    foreach (cell, find_all_inheritors(target->relid, AccessShareLock, NULL)) {
        if (table_runs_code(lfirst_oid(cell)))
            return true;
    }
    return false;
}

static bool source_draws(const Query *query)
{
    ListCell *cell;
    foreach (cell, query->rtable) {
        const RangeTblEntry *entry = lfirst_node(RangeTblEntry, cell);
        if (entry->rtekind == RTE_SUBQUERY && contain_volatile_functions((Node *)entry->subquery))
            return true;
    }
    return false;
}

bool draws_visit_matters(const Query *query)
{
    return query->onConflict != NULL || contain_volatile_functions((Node *)query->targetList) ||
           contain_volatile_functions((Node *)query->returningList) ||
           contain_volatile_functions((Node *)query->mergeActionList) || source_draws(query) ||
           target_runs_code(rt_fetch(query->resultRelation, query->rtable));
}
