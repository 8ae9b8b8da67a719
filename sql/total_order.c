/* A key is the value itself where equal values are identical, else its text in collation C: the
 * text is what a client sees, and all that PostgreSQL stores of a value shows in it. */
#include "sql/total_order.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "parser/parse_clause.h"
#include "parser/parse_oper.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

bool equal_is_identical(const Node *expr)
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

/* ---- one key ---- */

static SortGroupClause *clause_of(TargetEntry *entry, List *targets)
{
    SortGroupClause *clause = makeNode(SortGroupClause);
    get_sort_group_operators(exprType((Node *)entry->expr), true, true, false, &clause->sortop,
        &clause->eqop, NULL, &clause->hashable);
    clause->tleSortGroupRef = assignSortGroupRef(entry, targets);
    clause->nulls_first = false;
    return clause;
}

static Expr *text_of(const Expr *value)
{
    CoerceViaIO *text = makeNode(CoerceViaIO);
    text->arg = copyObject((Expr *)value);
    text->resulttype = TEXTOID;
    text->resultcollid = C_COLLATION_OID;
    text->coerceformat = COERCE_IMPLICIT_CAST;
    text->location = -1;
    return (Expr *)text;
}

static bool is_sorted_by(const List *clauses, const TargetEntry *entry)
{
    return entry->ressortgroupref != 0 &&
           get_sortgroupref_clause_noerr(entry->ressortgroupref, (List *)clauses) != NULL;
}

static TargetEntry *add_junk(List **targets, Expr *expr)
{
    ListCell *cell;
    foreach (cell, *targets) {
        TargetEntry *entry = lfirst_node(TargetEntry, cell);
        if (equal(entry->expr, expr))
            return entry;
    }
    TargetEntry *entry = makeTargetEntry(expr, (AttrNumber)(list_length(*targets) + 1), NULL, true);
    *targets = lappend(*targets, entry);
    return entry;
}

static void add_clause(List **clauses, TargetEntry *entry, List *targets)
{
    if (!is_sorted_by(*clauses, entry))
        *clauses = lappend(*clauses, clause_of(entry, targets));
}

/* Orders by one target's value. */
static void add_key(List **clauses, List **targets, TargetEntry *entry)
{
    if (IsA(entry->expr, Const))
        return;
    if (!equal_is_identical((Node *)entry->expr))
        entry = add_junk(targets, text_of(entry->expr));
    add_clause(clauses, entry, *targets);
}

static void add_expr_key(List **clauses, List **targets, Expr *expr)
{
    if (!equal_is_identical((Node *)expr))
        expr = text_of(expr);
    add_clause(clauses, add_junk(targets, expr), *targets);
}

/* ---- a SELECT ---- */

/* Of an aggregate without GROUP BY there is one row. */
static bool is_one_row(const Query *query)
{
    return query->hasAggs && query->groupClause == NIL && query->groupingSets == NIL &&
           !query->hasTargetSRFs;
}

static bool var_is_sorted(const Query *query, int relation, int column)
{
    ListCell *cell;
    foreach (cell, query->targetList) {
        const TargetEntry *entry = lfirst_node(TargetEntry, cell);
        const Var *var = (const Var *)entry->expr;
        if (IsA(var, Var) && var->varlevelsup == 0 && var->varno == relation &&
            var->varattno == column && is_sorted_by(query->sortClause, entry))
            return true;
    }
    return false;
}

static Bitmapset *key_columns(Oid table)
{
    Oid constraint;
    return get_primary_key_attnos(table, false, &constraint);
}

/* ORDER BY names the primary key of the one table: nothing ties. */
static bool is_sorted_by_key(const Query *query)
{
    if (list_length(query->jointree->fromlist) != 1 || query->hasTargetSRFs ||
        !IsA(linitial(query->jointree->fromlist), RangeTblRef))
        return false;
    int relation = linitial_node(RangeTblRef, query->jointree->fromlist)->rtindex;
    const RangeTblEntry *entry = rt_fetch(relation, query->rtable);
    if (entry->rtekind != RTE_RELATION || entry->relkind != RELKIND_RELATION ||
        (entry->inh && has_subclass(entry->relid)))
        return false;
    Bitmapset *columns = key_columns(entry->relid);
    int column = -1;
    if (columns == NULL)
        return false;
    while ((column = bms_next_member(columns, column)) >= 0) {
        if (!var_is_sorted(query, relation, column + FirstLowInvalidHeapAttributeNumber))
            return false;
    }
    return true;
}

/* DISTINCT: a sort may name what is selected only; and rows that differ are all there is. */
static bool sort_distinct(Query *query)
{
    ListCell *cell;
    foreach (cell, query->distinctClause) {
        SortGroupClause *clause = lfirst_node(SortGroupClause, cell);
        if (get_sortgroupref_clause_noerr(clause->tleSortGroupRef, query->sortClause) == NULL)
            query->sortClause = lappend(query->sortClause, copyObject(clause));
    }
    if (query->hasDistinctOn)
        return true;
    foreach (cell, query->targetList) {
        const TargetEntry *entry = lfirst_node(TargetEntry, cell);
        if (!entry->resjunk && !equal_is_identical((Node *)entry->expr))
            return false;
    }
    return true;
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

/* What an expression is made of, as keys: the columns and aggregates of one level of a query, and
 * of a grouped query what it is grouped by. Of what comes from outside (LATERAL) all rows have the
 * same. */
struct ingredients {
    List *found;
    List *groups;
    int level; /* of the subquery that is looked at */
};

static void add_ingredient(struct ingredients *in, Node *node)
{
    node = copyObject(node);
    IncrementVarSublevelsUp(node, -in->level, in->level);
    in->found = lappend(in->found, node);
}

static bool is_ingredient(const struct ingredients *in, Node *node)
{
    if (IsA(node, Var))
        return (int)((Var *)node)->varlevelsup == in->level;
    if (IsA(node, Aggref))
        return (int)((Aggref *)node)->agglevelsup == in->level;
    if (IsA(node, GroupingFunc))
        return (int)((GroupingFunc *)node)->agglevelsup == in->level;
    return in->level == 0 && list_member(in->groups, node);
}

static bool collect_ingredients(Node *node, void *context)
{
    struct ingredients *in = context;
    if (node == NULL)
        return false;
    if (is_ingredient(in, node)) {
        add_ingredient(in, node);
        return false;
    }
    if (!IsA(node, Query))
        return expression_tree_walker(node, collect_ingredients, context);
    in->level++;
    query_tree_walker((Query *)node, collect_ingredients, context, 0);
    in->level--;
    return false;
}

static List *ingredients_of(const Query *query, const Node *expr)
{
    ListCell *cell;
    struct ingredients in = {0};
    foreach (cell, query->groupClause)
        in.groups = lappend(in.groups, get_sortgroupclause_expr(lfirst(cell), query->targetList));
    collect_ingredients((Node *)expr, &in);
    return in.found;
}

/* What gives another value at each call is no key; what it is called with is. */
static void add_keys_of_volatile(Query *query, const Expr *expr)
{
    ListCell *cell;
    foreach (cell, ingredients_of(query, (const Node *)expr))
        add_expr_key(&query->sortClause, &query->targetList, lfirst(cell));
}

static void add_keys(Query *query)
{
    /* the list grows behind these */
    int count = list_length(query->targetList);
    for (int i = 0; i < count; i++) {
        TargetEntry *entry = list_nth_node(TargetEntry, query->targetList, i);
        if (contain_volatile_functions((Node *)entry->expr))
            add_keys_of_volatile(query, entry->expr);
        else
            add_key(&query->sortClause, &query->targetList, entry);
    }
}

/* ---- rows of a table, each by itself ---- */

static Expr *column_of(Relation table, int relation, int column)
{
    Form_pg_attribute a = TupleDescAttr(RelationGetDescr(table), column - 1);
    return (Expr *)makeVar(
        relation, (AttrNumber)column, a->atttypid, a->atttypmod, a->attcollation, 0);
}

/* By the primary key, else by every column. */
static void add_table_keys(Query *query, int relation)
{
    Oid id = rt_fetch(relation, query->rtable)->relid;
    Relation table = table_open(id, NoLock); /* locked by the parser */
    Bitmapset *key = key_columns(id);
    for (int column = 1; column <= RelationGetNumberOfAttributes(table); column++) {
        bool is_wanted =
            key == NULL || bms_is_member(column - FirstLowInvalidHeapAttributeNumber, key);
        if (is_wanted && !TupleDescAttr(RelationGetDescr(table), column - 1)->attisdropped)
            add_expr_key(
                &query->sortClause, &query->targetList, column_of(table, relation, column));
    }
    table_close(table, NoLock);
}

/* FOR UPDATE: which of two equal rows is locked, or is CURRENT OF a cursor, shows. */
static void add_locked_keys(Query *query)
{
    ListCell *cell;
    foreach (cell, query->rowMarks) {
        int relation = (int)lfirst_node(RowMarkClause, cell)->rti;
        if (rt_fetch(relation, query->rtable)->rtekind == RTE_RELATION)
            add_table_keys(query, relation);
    }
}

/* A set-returning column cannot be a key twice over, as its text. */
static bool has_set_as_text(const Query *query)
{
    ListCell *cell;
    foreach (cell, query->targetList) {
        const TargetEntry *entry = lfirst_node(TargetEntry, cell);
        if (expression_returns_set((Node *)entry->expr) && !equal_is_identical((Node *)entry->expr))
            return true;
    }
    return false;
}

/* What a subquery that draws depends on is out of reach here. */
static bool has_volatile_subquery(const Query *query)
{
    ListCell *cell;
    if (!query->hasSubLinks)
        return false;
    foreach (cell, query->targetList) {
        Node *expr = (Node *)lfirst_node(TargetEntry, cell)->expr;
        if (checkExprHasSubLink(expr) && contain_volatile_functions(expr))
            return true;
    }
    return false;
}

bool total_order_rows(Query *query)
{
    if (query->commandType != CMD_SELECT)
        return false;
    if (is_one_row(query) || is_sorted_by_key(query))
        return true;
    if (query->setOperations != NULL && !all_identical(query->targetList))
        return false;
    if (has_set_as_text(query) || has_volatile_subquery(query))
        return false;
    if (query->distinctClause != NIL && !sort_distinct(query))
        return false;
    if (query->distinctClause == NIL || query->hasDistinctOn)
        add_keys(query);
    add_locked_keys(query);
    return true;
}

/* ---- UPDATE, DELETE and MERGE ---- */

/* Of several rows that are joined with one target, the first one counts. */
static void add_joined_keys(Query *query, List *values)
{
    ListCell *cell;
    List *vars = pull_var_clause((Node *)values, PVC_RECURSE_AGGREGATES | PVC_RECURSE_WINDOWFUNCS);
    foreach (cell, vars) {
        Var *var = lfirst_node(Var, cell);
        if (var->varlevelsup == 0 && (int)var->varno != query->resultRelation && var->varattno >= 0)
            add_expr_key(&query->sortClause, &query->targetList, copyObject((Expr *)var));
    }
}

/* A view with INSTEAD OF triggers: its rows come from its query, by all columns. */
static bool add_view_keys(Query *query)
{
    ListCell *item, *cell;
    foreach (item, query->jointree->fromlist) {
        if (!IsA(lfirst(item), RangeTblRef))
            return false;
        int source = lfirst_node(RangeTblRef, item)->rtindex;
        const RangeTblEntry *entry = rt_fetch(source, query->rtable);
        if (entry->rtekind != RTE_SUBQUERY)
            return false;
        foreach (cell, entry->subquery->targetList) {
            TargetEntry *column = lfirst_node(TargetEntry, cell);
            if (!column->resjunk)
                add_expr_key(&query->sortClause, &query->targetList,
                    (Expr *)makeVarFromTargetEntry(source, column));
        }
    }
    return true;
}

bool total_order_targets(Query *query)
{
    const RangeTblEntry *target = rt_fetch(query->resultRelation, query->rtable);
    if (query->sortClause != NIL || target->rtekind != RTE_RELATION)
        return false;
    if (target->relkind == RELKIND_VIEW)
        return add_view_keys(query);
    if (target->relkind != RELKIND_RELATION && target->relkind != RELKIND_PARTITIONED_TABLE)
        return false;
    List *values = list_concat(list_copy(query->targetList), list_copy(query->returningList));
    values = list_concat(values, list_copy(query->mergeActionList));
    add_table_keys(query, query->resultRelation);
    add_joined_keys(query, values);
    return true;
}

/* ---- aggregates ---- */

static bool is_float(Oid type)
{
    return type == FLOAT4OID || type == FLOAT8OID;
}

bool total_order_aggregate(Aggref *aggregate)
{
    if (AGGKIND_IS_ORDERED_SET(aggregate->aggkind) || aggregate->aggdistinct != NIL ||
        contain_volatile_functions((Node *)aggregate->args))
        return false;
    int count = list_length(aggregate->args);
    for (int i = 0; i < count; i++) {
        TargetEntry *entry = list_nth_node(TargetEntry, aggregate->args, i);
        Oid type = exprType((Node *)entry->expr);
        /* of arithmetic, 0 and -0 are alike, and texts would be slow */
        if (is_float(type) && is_float(aggregate->aggtype))
            add_clause(&aggregate->aggorder, entry, aggregate->args);
        else
            add_key(&aggregate->aggorder, &aggregate->args, entry);
    }
    return true;
}

/* ---- window functions ---- */

/* Of these the order among peers decides, and more keys change nothing else. */
static bool is_by_place(Oid function)
{
    switch (function) {
    case F_ROW_NUMBER:
    case F_NTILE:
    case F_LAG_ANYELEMENT:
    case F_LAG_ANYELEMENT_INT4:
    case F_LAG_ANYCOMPATIBLE_INT4_ANYCOMPATIBLE:
    case F_LEAD_ANYELEMENT:
    case F_LEAD_ANYELEMENT_INT4:
    case F_LEAD_ANYCOMPATIBLE_INT4_ANYCOMPATIBLE:
        return true;
    default:
        return false;
    }
}

static WindowClause *window_of(const Query *query, Index reference)
{
    ListCell *cell;
    foreach (cell, query->windowClause) {
        WindowClause *window = lfirst_node(WindowClause, cell);
        if (window->winref == reference)
            return window;
    }
    return NULL;
}

/* A window of its own, with more keys: other functions of the same window keep their peers. */
static WindowClause *clone_window(Query *query, const WindowClause *window)
{
    WindowClause *clone = copyObject((WindowClause *)window);
    clone->name = NULL;
    clone->refname = NULL;
    clone->winref = (Index)list_length(query->windowClause) + 1;
    clone->frameOptions = FRAMEOPTION_DEFAULTS; /* they have none */
    clone->startOffset = clone->endOffset = NULL;
    query->windowClause = lappend(query->windowClause, clone);
    return clone;
}

bool total_order_window(Query *query, WindowFunc *function)
{
    WindowClause *window = window_of(query, function->winref);
    if (window == NULL || !is_by_place(function->winfnoid) || query->setOperations != NULL ||
        query->distinctClause != NIL || contain_volatile_functions((Node *)query->targetList))
        return false;
    ListCell *cell;
    WindowClause *clone = clone_window(query, window);
    foreach (cell, ingredients_of(query, (const Node *)query->targetList))
        add_expr_key(&clone->orderClause, &query->targetList, lfirst(cell));
    function->winref = clone->winref;
    return true;
}
