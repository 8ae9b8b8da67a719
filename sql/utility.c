/* ProcessUtility_hook: an allow-list of the statements that are not queries, at every depth (DO,
 * functions, EXECUTE, rules). */
#include "sql/utility.h"

#include "sql/authority.h"
#include "sql/builtins.h"
#include "sql/definitions.h"
#include "sql/queries.h"
#include "sql/refuse.h"
#include "sql/sequence_ddl.h"
#include "sql/transaction.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "nodes/parsenodes.h"
#include "nodes/value.h"
#include "tcop/cmdtag.h"
#include "tcop/utility.h"
#include "utils/lsyscache.h"

#define SAVEPOINT_PREFIX "byz_"

static ProcessUtility_hook_type previous_utility;

/* ---- transaction control ---- */

/* Runs in a failed transaction, too: no look-up in the catalogue here. */
static void check_transaction_control(const TransactionStmt *statement)
{
    switch (statement->kind) {
    case TRANS_STMT_SAVEPOINT:
    case TRANS_STMT_RELEASE:
    case TRANS_STMT_ROLLBACK_TO:
        if (strncmp(statement->savepoint_name, SAVEPOINT_PREFIX, strlen(SAVEPOINT_PREFIX)) == 0)
            refuse("Choose another name.",
                "savepoints whose names begin with \"" SAVEPOINT_PREFIX "\" are the proxy's");
        transaction_rollback_to_requested(statement->kind == TRANS_STMT_ROLLBACK_TO);
        return;
    case TRANS_STMT_BEGIN:
    case TRANS_STMT_START:
        refuse("Begin transactions with byz_begin.", "a transaction is open already");
    case TRANS_STMT_COMMIT:
    case TRANS_STMT_ROLLBACK:
        refuse("End the transaction with byz_commit or byz_rollback.",
            "an operation cannot end its transaction");
    case TRANS_STMT_PREPARE:
    case TRANS_STMT_COMMIT_PREPARED:
    case TRANS_STMT_ROLLBACK_PREPARED:
        refuse(NULL, "two-phase commit is not available in a client's transaction");
    }
}

/* ---- settings ---- */

/* To one of the client's own roles, and for this transaction alone. */
static bool is_allowed_role(const VariableSetStmt *statement)
{
    if (statement->kind != VAR_SET_VALUE || !statement->is_local ||
        strcmp(statement->name, "role") != 0 || list_length(statement->args) != 1)
        return false;
    const A_Const *value = linitial_node(A_Const, statement->args);
    return IsA(&value->val, String) && authority_allows_role(strVal(&value->val));
}

static void check_set(const VariableSetStmt *statement, bool is_nested)
{
    bool is_assignment = statement->kind == VAR_SET_VALUE || statement->kind == VAR_SET_DEFAULT ||
                         statement->kind == VAR_SET_CURRENT;
    if (is_assignment && statement->is_local && strcmp(statement->name, "search_path") == 0)
        return;
    if (!is_nested && is_allowed_role(statement))
        return;
    refuse("Only SET LOCAL search_path is allowed: other settings are equal on all replicas.",
        "settings cannot be changed in a client's transaction");
}

/* Settings that are pinned, or equal because the cluster's configuration is. */
static void check_show(const VariableShowStmt *statement)
{
    static const char *const equal[] = {"bytea_output", "client_encoding", "datestyle",
        "default_transaction_isolation", "extra_float_digits", "integer_datetimes", "intervalstyle",
        "lc_collate", "lc_ctype", "lc_messages", "lc_monetary", "lc_numeric", "lc_time",
        "search_path", "server_encoding", "server_version", "server_version_num",
        "standard_conforming_strings", "timezone", "transaction_isolation"};
    for (size_t i = 0; i < lengthof(equal); i++) {
        if (pg_strcasecmp(statement->name, equal[i]) == 0)
            return;
    }
    refuse(NULL, "setting \"%s\" may differ between replicas", statement->name);
}

/* ---- other statements that leave the catalogue alone ---- */

static void check_do(const DoStmt *statement)
{
    ListCell *cell;
    foreach (cell, statement->args) {
        DefElem *option = lfirst_node(DefElem, cell);
        if (strcmp(option->defname, "language") == 0 && strcmp(strVal(option->arg), "plpgsql") != 0)
            refuse("Write the block in PL/pgSQL.", "language %s is not known to be deterministic",
                strVal(option->arg));
    }
}

/* A view is refused because LOCK goes on to the tables under it with its owner's rights. */
static void check_lock(const LockStmt *statement)
{
    ListCell *cell;
    foreach (cell, statement->relations) {
        Oid relation = RangeVarGetRelid(lfirst_node(RangeVar, cell), NoLock, true);
        if (!OidIsValid(relation))
            continue; /* PostgreSQL's own error follows */
        char kind = get_rel_relkind(relation);
        if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE)
            refuse("Lock the tables themselves.", "LOCK of a view is not allowed");
        if (namespace_is_ours(get_rel_namespace(relation)))
            ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                errmsg("schema " SCHEMA_NAME " is not for clients"));
    }
    if (statement->nowait)
        transaction_flags_add(TRANSACTION_UNCERTAIN);
}

static void check_cursor(const DeclareCursorStmt *statement)
{
    if ((statement->options & CURSOR_OPT_HOLD) != 0)
        refuse("Read the rows before the transaction ends.",
            "WITH HOLD cursors outlive their transaction");
}

/* The proxy's SET CONSTRAINTS ALL IMMEDIATE stands before the vote, so that nothing is left that
 * could fail at COMMIT. A trigger that it fires must not defer anything again: that COMMIT would
 * fail on all replicas, when all have voted for it. */
static void check_constraints(const ConstraintsSetStmt *statement, bool is_nested)
{
    if (statement->deferred && is_nested)
        refuse("Run it as a statement of its own.",
            "SET CONSTRAINTS … DEFERRED is not allowed in a function");
}

/* True for an allowed statement that leaves the catalogue as it is. */
static bool plain_allowed(const Node *statement, bool is_nested)
{
    switch (nodeTag(statement)) {
    case T_TransactionStmt:
        check_transaction_control((TransactionStmt *)statement);
        return true;
    case T_VariableSetStmt:
        check_set((VariableSetStmt *)statement, is_nested);
        return true;
    case T_VariableShowStmt:
        check_show((VariableShowStmt *)statement);
        return true;
    case T_ConstraintsSetStmt:
        check_constraints((ConstraintsSetStmt *)statement, is_nested);
        return true;
    case T_ClosePortalStmt:
        return true;
    case T_LockStmt:
        check_lock((LockStmt *)statement);
        return true;
    case T_DeclareCursorStmt:
        check_cursor((DeclareCursorStmt *)statement);
        transaction_flags_add(TRANSACTION_UNCERTAIN);
        return true;
    case T_DoStmt:
        check_do((DoStmt *)statement);
        transaction_flags_add(TRANSACTION_UNCERTAIN);
        return true;
    case T_FetchStmt:
    case T_CallStmt:
        transaction_flags_add(TRANSACTION_UNCERTAIN);
        return true;
    default:
        return false;
    }
}

/* ---- what is refused ---- */

static const char *hint_for(const Node *statement)
{
    switch (nodeTag(statement)) {
    case T_CopyStmt:
        return "Use byz_copy_in or byz_copy_out (libbyzclient).";
    case T_NotifyStmt:
    case T_ListenStmt:
    case T_UnlistenStmt:
        return "Notify through the application, after the commit.";
    case T_PrepareStmt:
    case T_ExecuteStmt:
    case T_DeallocateStmt:
        return "Send the statement itself, with parameters.";
    case T_ExplainStmt:
        return "Plans and timings differ between replicas: use byzctl psql on one of them.";
    case T_VacuumStmt:
    case T_ClusterStmt:
    case T_ReindexStmt:
    case T_CheckPointStmt:
        return "This is each replica's own maintenance, for its administrator.";
    case T_CreateRoleStmt:
    case T_AlterRoleStmt:
    case T_DropRoleStmt:
    case T_GrantRoleStmt:
        return "Roles come from the cluster's administrator: SELECT " SCHEMA_NAME ".authorize(…).";
    default:
        return "This is for the administrator, on all replicas alike.";
    }
}

/* True for DDL. */
static bool check_statement(Node *statement, bool is_nested)
{
    transaction_rollback_to_requested(false);
    if (plain_allowed(statement, is_nested))
        return false;
    if (!definition_allowed(statement))
        refuse(hint_for(statement), "%s is not allowed in a client's transaction",
            CreateCommandName(statement));
    transaction_flags_add(TRANSACTION_BARRIER);
    return true;
}

/* ---- the hook ---- */

static void run_utility(PlannedStmt *plan, const char *text, bool read_only_tree,
    ProcessUtilityContext context, ParamListInfo parameters, QueryEnvironment *environment,
    DestReceiver *receiver, QueryCompletion *completion)
{
    if (previous_utility != NULL)
        previous_utility(
            plan, text, read_only_tree, context, parameters, environment, receiver, completion);
    else
        standard_ProcessUtility(
            plan, text, read_only_tree, context, parameters, environment, receiver, completion);
}

/* CREATE TABLE AS and REFRESH store what their query returns. */
static bool stores_a_query(const Node *statement)
{
    return IsA(statement, CreateTableAsStmt) || IsA(statement, RefreshMatViewStmt);
}

/* DDL that may call functions for stored rows, in their physical order. */
static bool fills_rows(const Node *statement)
{
    return !stores_a_query(statement) && !IsA(statement, TruncateStmt);
}

static void run_inside(bool is_definition, PlannedStmt *plan, const char *text, bool read_only_tree,
    ProcessUtilityContext context, ParamListInfo parameters, QueryEnvironment *environment,
    DestReceiver *receiver, QueryCompletion *completion)
{
    Node *statement = plan->utilityStmt;
    bool storing = queries_begin_storing(stores_a_query(statement));
    bool forbidden = builtins_forbid_draws(is_definition && fills_rows(statement));
    bool restarting = sequence_ddl_restarting(statement);
    bool suspended = client_guard_suspend(IsA(statement, CreateExtensionStmt));
    int depth = queries_enter();
    PG_TRY();
    {
        sequence_ddl_before(statement);
        run_utility(
            plan, text, read_only_tree, context, parameters, environment, receiver, completion);
        sequence_ddl_after(statement);
    }
    PG_FINALLY();
    {
        queries_leave(depth);
        (void)client_guard_suspend(suspended);
        queries_end_storing(storing);
        builtins_allow_draws(forbidden);
        sequence_ddl_restore(restarting);
    }
    PG_END_TRY();
}

static void on_utility(PlannedStmt *plan, const char *text, bool read_only_tree,
    ProcessUtilityContext context, ParamListInfo parameters, QueryEnvironment *environment,
    DestReceiver *receiver, QueryCompletion *completion)
{
    if (client_statement_running()) {
        bool is_definition =
            check_statement(plan->utilityStmt, context != PROCESS_UTILITY_TOPLEVEL);
        run_inside(is_definition, plan, text, read_only_tree, context, parameters, environment,
            receiver, completion);
        return;
    }
    if (maintenance_running())
        refuse(NULL, "a function of an index can only read while a replica maintains its table");
    run_utility(plan, text, read_only_tree, context, parameters, environment, receiver, completion);
}

void utility_init(void)
{
    previous_utility = ProcessUtility_hook;
    ProcessUtility_hook = on_utility;
}
