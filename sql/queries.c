/* planner_hook walks every query of a client, at every depth, after views, rules and row security
 * were expanded: what cannot be the same on all replicas is refused, the rest gets flags.
 *
 * A query that could give different results from rows in another order gets more sort keys.
 *
 * The flags travel in the plan, because a cached plan is run again without being planned again;
 * ExecutorStart adds them to the transaction. What still depends on the physical order of rows is
 * flagged where it is only read, and refused where its result is stored: a wrong read is found by
 * its hash, while stored rows would differ silently. */
#include "sql/queries.h"

#include "sql/builtins.h"
#include "sql/order.h"
#include "sql/own_objects.h"
#include "sql/refuse.h"
#include "sql/transaction.h"

#include "access/sysattr.h"
#include "access/transam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/plannodes.h"
#include "optimizer/planner.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

/* No system cache has this number, so PostgreSQL never acts on an item that carries it. */
#define MARK_CACHE_ID (-1)

static planner_hook_type previous_planner;
static ExecutorStart_hook_type previous_executor_start;
static ExecutorRun_hook_type previous_executor_run;
static ExecutorFinish_hook_type previous_executor_finish;
static ExecutorCheckPerms_hook_type previous_check_perms;
static bool storing;
static int depth; /* of what runs: a query planned inside is a function's or a cursor's */

struct survey {
    const Query *top;
    struct order_use use;
    int flags;
};

bool queries_begin_storing(bool stores)
{
    bool before = storing;
    storing = before || stores;
    return before;
}

void queries_end_storing(bool before)
{
    storing = before;
}

/* ---- the survey of one query ---- */

static void note_uncertain(struct survey *survey, bool is_uncertain)
{
    if (is_uncertain)
        survey->flags |= TRANSACTION_UNCERTAIN;
}

/* OIDs, sizes and statistics differ between replicas. */
static void note_catalogue(struct survey *survey)
{
    if (survey->use.stores)
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
    if (entry->relid < FirstNormalObjectId || entry->relkind == RELKIND_SEQUENCE)
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

static void survey_sublink(struct survey *survey, const SubLink *link)
{
    if (link->subLinkType == ARRAY_SUBLINK && IsA(link->subselect, Query))
        note_uncertain(survey, order_judge_array((Query *)link->subselect, survey->use));
}

static void survey_query(struct survey *survey, Query *query)
{
    note_uncertain(survey, order_judge_query(query, survey->use, query == survey->top));
    survey_row_marks(survey, query);
    /* DO NOTHING takes no lock on the row that it meets */
    if (query->onConflict != NULL && query->onConflict->action == ONCONFLICT_NOTHING)
        survey->flags |= TRANSACTION_UNCERTAIN;
}

static bool survey_walker(Node *node, void *context);

/* nextval('s'::regclass): the OID is only used to find the sequence. */
static bool only_names_sequence(const FuncExpr *call)
{
    switch (call->funcid) {
    case F_NEXTVAL:
    case F_CURRVAL:
    case F_SETVAL_REGCLASS_INT8:
    case F_SETVAL_REGCLASS_INT8_BOOL:
        return IsA(linitial(call->args), Const);
    default:
        return false;
    }
}

static bool survey_call(struct survey *survey, FuncExpr *call)
{
    if (!only_names_sequence(call))
        return expression_tree_walker((Node *)call, survey_walker, survey);
    return expression_tree_walker((Node *)list_copy_tail(call->args, 1), survey_walker, survey);
}

static bool survey_list(struct survey *survey, const List *list)
{
    ListCell *cell;
    foreach (cell, list) {
        if (survey_walker(lfirst(cell), survey))
            return true;
    }
    return false;
}

/* What every statement is made of is walked here: expression_tree_walker takes its time. */
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
    case T_FuncExpr:
        return survey_call(survey, (FuncExpr *)node);
    case T_TargetEntry:
        return survey_walker((Node *)((TargetEntry *)node)->expr, survey);
    case T_List:
        return survey_list(survey, (List *)node);
    case T_FromExpr:
        return survey_list(survey, ((FromExpr *)node)->fromlist) ||
               survey_walker(((FromExpr *)node)->quals, survey);
    case T_OpExpr:
        check_stack_depth();
        return survey_list(survey, ((OpExpr *)node)->args);
    case T_RangeTblRef:
        return false;
    case T_SubLink:
        survey_sublink(survey, (SubLink *)node);
        break;
    case T_Aggref:
        note_uncertain(survey, order_judge_aggregate((Aggref *)node, survey->use));
        break;
    case T_CurrentOfExpr:
        survey->flags |= TRANSACTION_UNCERTAIN;
        break;
    default:
        break;
    }
    return expression_tree_walker(node, survey_walker, survey);
}

/* Changes the query where the order of rows would show. */
static int survey_run(Query *query)
{
    bool stores = storing || query->commandType != CMD_SELECT || query->hasModifyingCTE;
    struct survey survey = {.top = query, .use = {.stores = stores, .in_parts = depth > 0}};
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

int queries_enter(void)
{
    return depth++;
}

void queries_leave(int before)
{
    depth = before;
}

bool queries_are_nested(void)
{
    return depth > 1;
}

static PlannedStmt *run_planner(
    Query *query, const char *text, int cursor_options, ParamListInfo parameters)
{
    PlannedStmt *volatile plan = NULL;
    int before = queries_enter(); /* it runs functions of constants */
    PG_TRY();
    {
        plan = previous_planner != NULL ? previous_planner(query, text, cursor_options, parameters)
                                        : standard_planner(query, text, cursor_options, parameters);
    }
    PG_FINALLY();
    {
        queries_leave(before);
    }
    PG_END_TRY();
    return plan;
}

static PlannedStmt *plan_query(
    Query *query, const char *text, int cursor_options, ParamListInfo parameters)
{
    if (!client_statement_running())
        return run_planner(query, text, cursor_options, parameters);
    query = builtins_call_nextval(query);
    int flags = survey_run(query); /* before the planner scribbles on the tree */
    PlannedStmt *plan = run_planner(query, text, cursor_options, parameters);
    mark_plan(plan, flags);
    return plan;
}

static void run_query(QueryDesc *query, ScanDirection direction, uint64 count, bool execute_once)
{
    int before = queries_enter();
    PG_TRY();
    {
        if (previous_executor_run != NULL)
            previous_executor_run(query, direction, count, execute_once);
        else
            standard_ExecutorRun(query, direction, count, execute_once);
    }
    PG_FINALLY();
    {
        queries_leave(before);
    }
    PG_END_TRY();
}

static bool is_read(const PlannedStmt *plan)
{
    return plan->commandType == CMD_SELECT && !plan->hasModifyingCTE;
}

/* Runs triggers, of what writes. */
static void finish_query(QueryDesc *query)
{
    if (is_read(query->plannedstmt) && previous_executor_finish == NULL) {
        standard_ExecutorFinish(query);
        return;
    }
    int before = queries_enter();
    PG_TRY();
    {
        if (previous_executor_finish != NULL)
            previous_executor_finish(query);
        else
            standard_ExecutorFinish(query);
    }
    PG_FINALLY();
    {
        queries_leave(before);
    }
    PG_END_TRY();
}

static void check_maintenance(const PlannedStmt *plan)
{
    bool reads = is_read(plan) && plan->rowMarks == NIL;
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
            !own_schema_holds(entry->relid))
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
    previous_executor_run = ExecutorRun_hook;
    ExecutorRun_hook = run_query;
    previous_executor_finish = ExecutorFinish_hook;
    ExecutorFinish_hook = finish_query;
    previous_check_perms = ExecutorCheckPerms_hook;
    ExecutorCheckPerms_hook = on_check_permissions;
}
