/* planner_hook walks every query of a client, at every depth, after views, rules and row security
 * were expanded: what cannot be the same on all replicas is refused, the rest gets flags.
 *
 * The flags travel in the plan, because a cached plan is run again without being planned again;
 * ExecutorStart adds them to the transaction. A construct that depends on the physical order of
 * rows is flagged where it is only read, and refused where its result is stored: a wrong read is
 * found by its hash, while stored rows would differ silently. */
#include "sql/queries.h"

#include "sql/order.h"
#include "sql/refuse.h"
#include "sql/transaction.h"

#include "access/sysattr.h"
#include "access/transam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/plannodes.h"
#include "optimizer/planner.h"
#include "utils/lsyscache.h"

/* No system cache has this number, so PostgreSQL never acts on an item that carries it. */
#define MARK_CACHE_ID (-1)

static planner_hook_type previous_planner;
static ExecutorStart_hook_type previous_executor_start;
static ExecutorCheckPerms_hook_type previous_check_perms;
static bool storing;

struct survey {
    bool stores; /* what this query returns is stored */
    int flags;
};

bool queries_set_storing(bool now)
{
    bool before = storing;
    storing = now;
    return before;
}

/* ---- the survey of one query ---- */

static void note_order(struct survey *survey, enum order_dependence order, const char *what)
{
    if (order == ORDER_NONE)
        return;
    if (order == ORDER_PHYSICAL && survey->stores)
        refuse("Add ORDER BY over a unique key, or run it as a query of its own.",
            "%s without ORDER BY depends on the physical order of rows", what);
    survey->flags |= TRANSACTION_UNCERTAIN;
}

/* OIDs, sizes and statistics differ between replicas. */
static void note_catalogue(struct survey *survey)
{
    if (survey->stores)
        refuse("Read it in a query of its own.",
            "a statement that stores rows cannot read the system catalogue");
    survey->flags |= TRANSACTION_UNCERTAIN;
}

static void refuse_system_column(void)
{
    refuse("Give the table a key of your own and use that.",
        "system columns (ctid, xmin, xmax, cmin, cmax) are not deterministic across replicas");
}

static void survey_var(struct survey *survey, const Var *var)
{
    if (var->varattno == TableOidAttributeNumber)
        note_catalogue(survey);
    else if (var->varattno < 0)
        refuse_system_column();
}

/* regclass and its kin: OIDs that are read and shown as names. */
static bool is_catalogue_name(Oid type)
{
    switch (type) {
    case REGCLASSOID:
    case REGCOLLATIONOID:
    case REGCONFIGOID:
    case REGDICTIONARYOID:
    case REGNAMESPACEOID:
    case REGOPERATOROID:
    case REGOPEROID:
    case REGPROCEDUREOID:
    case REGPROCOID:
    case REGROLEOID:
    case REGTYPEOID:
        return true;
    default:
        return false;
    }
}

/* PL/pgSQL hands the fields of OLD and NEW to its expressions as parameters. */
static void survey_param(struct survey *survey, const Param *param)
{
    if (param->paramtype == TIDOID || param->paramtype == XIDOID || param->paramtype == CIDOID)
        refuse_system_column();
    if (is_catalogue_name(param->paramtype))
        survey->flags |= TRANSACTION_UNCERTAIN;
}

/* The parser has made 't'::regclass an OID, which replicas do not share, without asking for the
 * function that looked it up. */
static void survey_const(struct survey *survey, const Const *value)
{
    if (is_catalogue_name(value->consttype) && !value->constisnull &&
        DatumGetObjectId(value->constvalue) >= FirstNormalObjectId)
        survey->flags |= TRANSACTION_UNCERTAIN;
}

static void survey_relation(struct survey *survey, const RangeTblEntry *entry)
{
    if (entry->rtekind != RTE_RELATION)
        return;
    if (entry->tablesample != NULL)
        refuse("Select by a column's value instead.",
            "TABLESAMPLE is not deterministic across replicas");
    if (entry->relkind == RELKIND_FOREIGN_TABLE)
        refuse(NULL, "foreign tables are not replicated");
    if (entry->relid < FirstNormalObjectId)
        note_catalogue(survey);
}

static void survey_row_marks(struct survey *survey, const Query *query)
{
    ListCell *cell;
    foreach (cell, query->rowMarks) {
        if (lfirst_node(RowMarkClause, cell)->waitPolicy != LockWaitBlock)
            survey->flags |= TRANSACTION_UNCERTAIN;
    }
}

/* UPDATE … FROM and DELETE … USING: of several rows that match one of the target's, the first one
 * that the plan meets counts. */
static bool joins_may_pick(const Query *query)
{
    bool joins = query->jointree != NULL && list_length(query->jointree->fromlist) > 1;
    return joins && (query->commandType == CMD_UPDATE ||
                        (query->commandType == CMD_DELETE && query->returningList != NIL));
}

static void survey_sublink(struct survey *survey, const SubLink *link)
{
    if (link->subLinkType != ARRAY_SUBLINK || !IsA(link->subselect, Query))
        return;
    bool is_sorted = ((const Query *)link->subselect)->sortClause != NIL;
    note_order(survey, is_sorted ? ORDER_TIES : ORDER_PHYSICAL, "ARRAY(SELECT …)");
}

static void survey_query(struct survey *survey, const Query *query)
{
    note_order(survey, order_of_query(query), "LIMIT, OFFSET, DISTINCT ON or a window function");
    survey_row_marks(survey, query);
    if (joins_may_pick(query))
        survey->flags |= TRANSACTION_UNCERTAIN;
    /* DO NOTHING takes no lock on the row that it meets */
    if (query->onConflict != NULL && query->onConflict->action == ONCONFLICT_NOTHING)
        survey->flags |= TRANSACTION_UNCERTAIN;
}

static bool survey_walker(Node *node, void *context)
{
    struct survey *survey = context;
    if (node == NULL)
        return false;
    switch (nodeTag(node)) {
    case T_Query:
        survey_query(survey, (Query *)node);
        return query_tree_walker((Query *)node, survey_walker, survey, QTW_EXAMINE_RTES_BEFORE);
    case T_RangeTblEntry:
        survey_relation(survey, (RangeTblEntry *)node);
        return false; /* query_tree_walker goes into it */
    case T_Var:
        survey_var(survey, (Var *)node);
        return false;
    case T_Param:
        survey_param(survey, (Param *)node);
        return false;
    case T_Const:
        survey_const(survey, (Const *)node);
        return false;
    case T_SubLink:
        survey_sublink(survey, (SubLink *)node);
        break;
    case T_Aggref:
        note_order(survey, order_of_aggregate((Aggref *)node), "an aggregate");
        break;
    case T_NextValueExpr:
        refuse("Give the identity column's value explicitly.",
            "identity columns are not deterministic across replicas");
    case T_CurrentOfExpr:
        survey->flags |= TRANSACTION_UNCERTAIN;
        break;
    default:
        break;
    }
    return expression_tree_walker(node, survey_walker, survey);
}

static int survey_run(const Query *query)
{
    struct survey survey = {
        .stores = storing || query->commandType != CMD_SELECT || query->hasModifyingCTE};
    survey_walker((Node *)query, &survey);
    return survey.flags;
}

/* ---- the mark in the plan ---- */

/* invalItems is the one list of a plan that is copied with it and that nobody else interprets. */
static void mark_plan(PlannedStmt *plan, int flags)
{
    PlanInvalItem *mark = makeNode(PlanInvalItem);
    mark->cacheId = MARK_CACHE_ID;
    mark->hashValue = (uint32)flags;
    plan->invalItems = lappend(plan->invalItems, mark);
}

/* A plan without a mark was not judged (it was made outside client statements). */
static int plan_flags(const PlannedStmt *plan)
{
    ListCell *cell;
    foreach (cell, plan->invalItems) {
        const PlanInvalItem *item = lfirst_node(PlanInvalItem, cell);
        if (item->cacheId == MARK_CACHE_ID)
            return (int)item->hashValue;
    }
    return TRANSACTION_UNCERTAIN;
}

/* ---- the hooks ---- */

static PlannedStmt *plan_query(
    Query *query, const char *text, int cursor_options, ParamListInfo parameters)
{
    bool judged = client_statement_running();
    int flags = judged ? survey_run(query) : 0; /* before the planner scribbles on the tree */
    PlannedStmt *plan = previous_planner != NULL
                            ? previous_planner(query, text, cursor_options, parameters)
                            : standard_planner(query, text, cursor_options, parameters);
    if (judged)
        mark_plan(plan, flags);
    return plan;
}

static void check_maintenance(const PlannedStmt *plan)
{
    bool reads = plan->commandType == CMD_SELECT && !plan->hasModifyingCTE && plan->rowMarks == NIL;
    if (!reads && maintenance_running())
        refuse(NULL, "a function of an index cannot write while a replica maintains its table");
}

static void on_executor_start(QueryDesc *query, int executor_flags)
{
    check_maintenance(query->plannedstmt);
    if (client_statement_running())
        transaction_flags_add(plan_flags(query->plannedstmt));
    if (previous_executor_start != NULL)
        previous_executor_start(query, executor_flags);
    else
        standard_ExecutorStart(query, executor_flags);
}

/* Schema byzantium is the proxy's: it differs between replicas, and it says what was applied. */
static bool on_check_permissions(List *range_table, bool must_raise)
{
    ListCell *cell;
    foreach (cell, range_table) {
        const RangeTblEntry *entry = lfirst_node(RangeTblEntry, cell);
        if (!client_statement_running() || entry->rtekind != RTE_RELATION ||
            !namespace_is_ours(get_rel_namespace(entry->relid)))
            continue;
        if (!must_raise)
            return false;
        ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
            errmsg("schema " SCHEMA_NAME " is not for clients"));
    }
    return previous_check_perms == NULL || previous_check_perms(range_table, must_raise);
}

void queries_init(void)
{
    previous_planner = planner_hook;
    planner_hook = plan_query;
    previous_executor_start = ExecutorStart_hook;
    ExecutorStart_hook = on_executor_start;
    previous_check_perms = ExecutorCheckPerms_hook;
    ExecutorCheckPerms_hook = on_check_permissions;
}
