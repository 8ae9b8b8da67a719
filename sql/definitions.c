/* DDL by allow-list: objects inside the database that the client's role can own, kept in ordinary
 * tables. What lives in a session, outside transactions, outside the database or on one machine is
 * not on the list. */
#include "sql/definitions.h"

#include "sql/extensions.h"
#include "sql/refuse.h"

#include "commands/defrem.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "nodes/value.h"
#include "utils/rel.h"

static bool is_clients_object(ObjectType type)
{
    switch (type) {
    case OBJECT_AGGREGATE:
    case OBJECT_ATTRIBUTE:
    case OBJECT_CAST:
    case OBJECT_COLLATION:
    case OBJECT_COLUMN:
    case OBJECT_DEFAULT:
    case OBJECT_DOMAIN:
    case OBJECT_DOMCONSTRAINT:
    case OBJECT_EXTENSION:
    case OBJECT_FUNCTION:
    case OBJECT_INDEX:
    case OBJECT_MATVIEW:
    case OBJECT_OPERATOR:
    case OBJECT_POLICY:
    case OBJECT_PROCEDURE:
    case OBJECT_ROUTINE:
    case OBJECT_RULE:
    case OBJECT_SCHEMA:
    case OBJECT_SEQUENCE:
    case OBJECT_STATISTIC_EXT:
    case OBJECT_TABCONSTRAINT:
    case OBJECT_TABLE:
    case OBJECT_TRIGGER:
    case OBJECT_TSCONFIGURATION:
    case OBJECT_TYPE:
    case OBJECT_VIEW:
        return true;
    default:
        return false;
    }
}

static void check_relation(const RangeVar *relation)
{
    if (relation->relpersistence == RELPERSISTENCE_TEMP ||
        (relation->schemaname != NULL && strcmp(relation->schemaname, "pg_temp") == 0))
        refuse("Create an ordinary table, and drop it at the end.",
            "temporary objects are not replicated");
    if (relation->relpersistence == RELPERSISTENCE_UNLOGGED)
        refuse("Create an ordinary table.",
            "unlogged tables are emptied when one replica's server crashes");
}

static void check_concurrently(bool concurrently)
{
    if (concurrently)
        refuse("Leave CONCURRENTLY out.", "CONCURRENTLY needs a transaction of its own");
}

static bool has_identity(const ColumnDef *column)
{
    ListCell *cell;
    foreach (cell, column->constraints) {
        if (lfirst_node(Constraint, cell)->contype == CONSTR_IDENTITY)
            return true;
    }
    return false;
}

static bool names_system_column(Node *node, void *context)
{
    static const char *const names[] = {"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"};
    if (node == NULL)
        return false;
    if (!IsA(node, ColumnRef))
        return raw_expression_tree_walker(node, names_system_column, context);
    const Node *last = llast(((ColumnRef *)node)->fields);
    for (size_t i = 0; i < lengthof(names); i++) {
        if (IsA(last, String) && strcmp(strVal(last), names[i]) == 0)
            return true;
    }
    return false;
}

/* USING runs without being planned, so queries.c does not see it. */
static void check_transform(const ColumnDef *column)
{
    if (names_system_column(column->raw_default, NULL))
        refuse("Give the table a key of your own and use that.",
            "system columns (ctid, xmin, xmax, cmin, cmax, tableoid) are not deterministic across "
            "replicas");
}

static void check_alter_command(const AlterTableCmd *command)
{
    switch (command->subtype) {
    case AT_AddColumn:
    case AT_AddColumnRecurse:
        if (command->def != NULL && IsA(command->def, ColumnDef) &&
            has_identity((ColumnDef *)command->def))
            refuse("Add the column, fill it, and then ALTER COLUMN … ADD GENERATED.",
                "an added identity column is filled in the physical order of rows");
        return;
    case AT_AlterColumnType:
        check_transform((ColumnDef *)command->def);
        return;
    case AT_SetUnLogged:
        refuse(NULL, "unlogged tables are emptied when one replica's server crashes");
    case AT_ChangeOwner:
    case AT_SetTableSpace:
        refuse("Ask the administrator.", "owner and tablespace cannot be changed by a client");
    case AT_DetachPartition:
        check_concurrently(((PartitionCmd *)command->def)->concurrent);
        return;
    default:
        return;
    }
}

static void check_alter_table(const AlterTableStmt *statement)
{
    ListCell *cell;
    foreach (cell, statement->cmds)
        check_alter_command(lfirst_node(AlterTableCmd, cell));
}

/* SET role and its kin would carry into what the function calls. */
static void check_function_setting(const VariableSetStmt *set)
{
    bool is_reset = set->kind == VAR_RESET || set->kind == VAR_RESET_ALL;
    if (!is_reset && strcmp(set->name, "search_path") != 0)
        refuse("Only SET search_path is allowed.", "a function cannot change settings or the role");
}

static void check_function_language(const char *language)
{
    if (strcmp(language, "sql") != 0 && strcmp(language, "plpgsql") != 0)
        refuse("Write the function in SQL or PL/pgSQL.",
            "functions in language %s are not known to be deterministic", language);
}

static void check_function_options(List *options)
{
    ListCell *cell;
    foreach (cell, options) {
        DefElem *option = lfirst_node(DefElem, cell);
        if (strcmp(option->defname, "set") == 0)
            check_function_setting(castNode(VariableSetStmt, option->arg));
        if (strcmp(option->defname, "language") == 0)
            check_function_language(strVal(option->arg));
    }
}

/* The operating system's locales are not the same everywhere; ICU takes any name. */
static void check_collation(const DefineStmt *statement)
{
    ListCell *cell;
    foreach (cell, statement->definition) {
        DefElem *option = lfirst_node(DefElem, cell);
        if (strcmp(option->defname, "provider") == 0 &&
            pg_strcasecmp(defGetString(option), "icu") == 0)
            return;
    }
    refuse("Write provider = icu.", "a collation of the operating system may be missing elsewhere");
}

static bool definition_allowed_define(const DefineStmt *statement)
{
    if (statement->kind == OBJECT_COLLATION)
        check_collation(statement);
    return is_clients_object(statement->kind);
}

static void check_create_as(const CreateTableAsStmt *statement)
{
    check_relation(statement->into->rel);
    const Query *query = castNode(Query, statement->query);
    if (query->utilityStmt != NULL && IsA(query->utilityStmt, ExecuteStmt))
        refuse("Write the query out.", "EXECUTE is not allowed in a client's transaction");
}

static bool definition_allowed_create(const Node *statement)
{
    switch (nodeTag(statement)) {
    case T_CreateStmt:
        check_relation(((CreateStmt *)statement)->relation);
        return true;
    case T_CreateTableAsStmt:
        check_create_as((CreateTableAsStmt *)statement);
        return true;
    case T_ViewStmt:
        check_relation(((ViewStmt *)statement)->view);
        return true;
    case T_CreateSeqStmt:
        check_relation(((CreateSeqStmt *)statement)->sequence);
        return true;
    case T_IndexStmt:
        check_concurrently(((IndexStmt *)statement)->concurrent);
        return true;
    case T_CreateFunctionStmt:
        check_function_options(((CreateFunctionStmt *)statement)->options);
        return true;
    case T_DefineStmt:
        return definition_allowed_define((DefineStmt *)statement);
    case T_CreateExtensionStmt:
        extensions_check_create((CreateExtensionStmt *)statement);
        return true;
    case T_CreateSchemaStmt:
    case T_CreateStatsStmt:
    case T_CreateTrigStmt:
    case T_RuleStmt:
    case T_CreateDomainStmt:
    case T_CompositeTypeStmt:
    case T_CreateEnumStmt:
    case T_CreateRangeStmt:
    case T_CreateCastStmt:
    case T_CreatePolicyStmt:
        return true;
    default:
        return false;
    }
}

static bool definition_allowed_drop(const DropStmt *statement)
{
    check_concurrently(statement->concurrent);
    return is_clients_object(statement->removeType);
}

static bool definition_allowed_grant(const GrantStmt *statement)
{
    return statement->targtype != ACL_TARGET_DEFAULTS && is_clients_object(statement->objtype);
}

static bool definition_allowed_alter(const Node *statement)
{
    switch (nodeTag(statement)) {
    case T_AlterTableStmt:
        check_alter_table((AlterTableStmt *)statement);
        return is_clients_object(((AlterTableStmt *)statement)->objtype);
    case T_AlterFunctionStmt:
        check_function_options(((AlterFunctionStmt *)statement)->actions);
        return true;
    case T_RenameStmt:
        return is_clients_object(((RenameStmt *)statement)->renameType);
    case T_AlterObjectSchemaStmt:
        return is_clients_object(((AlterObjectSchemaStmt *)statement)->objectType);
    case T_CommentStmt:
        return is_clients_object(((CommentStmt *)statement)->objtype);
    case T_DropStmt:
        return definition_allowed_drop((DropStmt *)statement);
    case T_GrantStmt:
        return definition_allowed_grant((GrantStmt *)statement);
    case T_RefreshMatViewStmt:
        check_concurrently(((RefreshMatViewStmt *)statement)->concurrent);
        return true;
    case T_AlterDefaultPrivilegesStmt:
    case T_AlterSeqStmt:
    case T_AlterStatsStmt:
    case T_AlterTSConfigurationStmt:
    case T_AlterDomainStmt:
    case T_AlterEnumStmt:
    case T_AlterTypeStmt:
    case T_AlterOperatorStmt:
    case T_AlterPolicyStmt:
    case T_TruncateStmt:
        return true;
    default:
        return false;
    }
}

bool definition_allowed(const Node *statement)
{
    return definition_allowed_create(statement) || definition_allowed_alter(statement);
}
