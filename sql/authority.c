/* The tables are read and written by SPI, as the superuser and with the guard suspended: what a
 * client may ask for is in the functions' arguments alone. */
#include "sql/authority.h"

#include "sql/own_objects.h"
#include "sql/queries.h"
#include "sql/transaction.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "parser/scansup.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#define ADMINISTRATOR "byz_admin"
#define ROLE_BYTES_MAX 128

/* Whose transaction it is; "" if nobody said so. Client SQL reaches neither. */
static char current_client[NAMEDATALEN];

/* ---- SQL behind the guard's back ---- */

struct inside {
    const char *sql;
    int count;
    Oid types[3];
    Datum values[3];
    char *ret_text; /* the first value of the first row, or "" */
    size_t text_size;
};

static void run_inside(const struct inside *inside)
{
    if (SPI_execute_with_args(inside->sql, inside->count, (Oid *)inside->types,
            (Datum *)inside->values, NULL, false, 0) < 0)
        elog(ERROR, "byzantium could not run: %s", inside->sql);
    if (inside->ret_text == NULL)
        return;
    char *text =
        SPI_processed > 0 ? SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1) : NULL;
    strlcpy(inside->ret_text, text != NULL ? text : "", inside->text_size);
}

static void run(const struct inside *inside)
{
    Oid user;
    int context;
    GetUserIdAndSecContext(&user, &context);
    bool before = client_guard_suspend(true);
    PG_TRY();
    {
        SetUserIdAndSecContext(BOOTSTRAP_SUPERUSERID, context | SECURITY_LOCAL_USERID_CHANGE);
        if (SPI_connect() != SPI_OK_CONNECT)
            elog(ERROR, "SPI_connect failed");
        PushActiveSnapshot(GetLatestSnapshot());
        run_inside(inside);
        PopActiveSnapshot();
        SPI_finish();
    }
    PG_FINALLY();
    {
        SetUserIdAndSecContext(user, context);
        (void)client_guard_suspend(before);
    }
    PG_END_TRY();
}

static void run_with_texts(const char *sql, int count, const char *first, const char *second)
{
    struct inside inside = {.sql = sql,
        .count = count,
        .types = {TEXTOID, TEXTOID},
        .values = {CStringGetTextDatum(first), CStringGetTextDatum(second)}};
    run(&inside);
}

/* ---- the client's role ---- */

static bool has_row(const char *role)
{
    char text[ROLE_BYTES_MAX];
    struct inside inside = {
        .sql = "SELECT role FROM byzantium.authority WHERE client = $1 AND role = $2",
        .count = 2,
        .types = {TEXTOID, TEXTOID},
        .values = {CStringGetTextDatum(current_client), CStringGetTextDatum(role)},
        .ret_text = text,
        .text_size = sizeof(text)};
    run(&inside);
    return text[0] != '\0';
}

enum column { COLUMN_CLIENT = 1, COLUMN_ROLE, COLUMN_IS_DEFAULT };

static bool take_default(HeapTuple row, TupleDesc description, char ret_role[static ROLE_BYTES_MAX])
{
    bool is_null;
    if (!DatumGetBool(heap_getattr(row, COLUMN_IS_DEFAULT, description, &is_null)))
        return false;
    text_to_cstring_buffer(DatumGetTextPP(heap_getattr(row, COLUMN_ROLE, description, &is_null)),
        ret_role, ROLE_BYTES_MAX);
    return true;
}

/* Each transaction asks: by hand, since SPI would cost as much as a short transaction. */
static bool find_default_role(const char *client, char ret_role[static ROLE_BYTES_MAX])
{
    Oid id = get_relname_relid("authority", own_schema());
    Relation table = table_open(id, AccessShareLock);
    Snapshot latest = RegisterSnapshot(GetLatestSnapshot());
    ScanKeyData key;
    ScanKeyInit(&key, COLUMN_CLIENT, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(client));
    key.sk_collation = TupleDescAttr(RelationGetDescr(table), COLUMN_CLIENT - 1)->attcollation;
    SysScanDesc scan =
        systable_beginscan(table, RelationGetPrimaryKeyIndex(table), true, latest, 1, &key);
    HeapTuple row;
    bool found = false;
    while (!found && HeapTupleIsValid(row = systable_getnext(scan)))
        found = take_default(row, RelationGetDescr(table), ret_role);
    systable_endscan(scan);
    UnregisterSnapshot(latest);
    table_close(table, AccessShareLock);
    return found;
}

void authority_start(const char *client)
{
    char role[ROLE_BYTES_MAX];
    strlcpy(current_client, client, sizeof(current_client));
    if (client[0] != '\0' && find_default_role(client, role))
        (void)set_config_option(
            "role", role, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
}

void authority_end(void)
{
    current_client[0] = '\0';
}

bool authority_allows_role(const char *role)
{
    return strcmp(role, ADMINISTRATOR) != 0 && has_row(role);
}

/* ---- commands ---- */

/* The whole statement must be the command: a view, a default or a trigger that another client made
 * could call it with the rights of the administrator who happens to use them. */
static bool is_whole_statement(void)
{
    static const char wanted[] = "select " SCHEMA_NAME ".";
    const char *text = debug_query_string + strlen(CLIENT_PREFIX);
    while (scanner_isspace(*text))
        text++;
    return pg_strncasecmp(text, wanted, strlen(wanted)) == 0 && !queries_are_nested();
}

static void check_administrator(void)
{
    if (superuser_arg(GetUserId()) && !client_statement_running())
        return; /* an administrator of the server */
    if (!client_statement_running() || !has_row(ADMINISTRATOR))
        ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
            errmsg("client \"%s\" is no administrator of the cluster", current_client));
    if (!is_whole_statement())
        ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
            errmsg("an administrator's command is a statement of its own"),
            errhint("Write SELECT " SCHEMA_NAME ".authorize(…)."));
    /* open transactions were judged by what was allowed before */
    transaction_flags_add(TRANSACTION_BARRIER);
}

bool authority_is_command(Oid function)
{
    static const char *const names[] = {
        "authorize", "deauthorize", "allow", "disallow", "copy_in", "copy_out"};
    const char *name = get_func_name(function);
    for (size_t i = 0; name != NULL && i < lengthof(names); i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

static void check_role_name(const char *role)
{
    static const char *const own[] = {"byz_app", "byz_dba", "byz_client"};
    bool is_reserved = IsReservedName(role);
    for (size_t i = 0; i < lengthof(own); i++)
        is_reserved = is_reserved || strcmp(role, own[i]) == 0;
    Oid existing = get_role_oid(role, true);
    if (is_reserved || (OidIsValid(existing) && superuser_arg(existing)))
        ereport(
            ERROR, errcode(ERRCODE_RESERVED_NAME), errmsg("role \"%s\" is not for clients", role));
}

static void make_role(const char *role)
{
    const char *quoted = quote_identifier(role);
    if (!OidIsValid(get_role_oid(role, true)))
        run_with_texts(psprintf("CREATE ROLE %s NOLOGIN", quoted), 0, "", "");
    run_with_texts(psprintf("GRANT byz_client TO %s", quoted), 0, "", "");
    /* so that its sessions may become it; byz_app does not inherit */
    run_with_texts(psprintf("GRANT %s TO byz_app", quoted), 0, "", "");
}

/* byzantium.authorize(client text, role text, is_default boolean): the client's key may use the
 * role, which is created if there is none of the name. */
PG_FUNCTION_INFO_V1(byzantium_authorize);
Datum byzantium_authorize(PG_FUNCTION_ARGS)
{
    const char *client = text_to_cstring(PG_GETARG_TEXT_PP(0));
    const char *role = text_to_cstring(PG_GETARG_TEXT_PP(1));
    bool is_default = PG_GETARG_BOOL(2);
    check_administrator();
    if (strcmp(role, ADMINISTRATOR) != 0) {
        check_role_name(role);
        make_role(role);
    } else if (is_default) {
        ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
            errmsg("statements do not run as " ADMINISTRATOR));
    }
    if (is_default)
        run_with_texts(
            "UPDATE byzantium.authority SET is_default = false WHERE client = $1", 1, client, "");
    run_with_texts(is_default ? "INSERT INTO byzantium.authority VALUES ($1, $2, true)"
                                " ON CONFLICT (client, role) DO UPDATE SET is_default = true"
                              : "INSERT INTO byzantium.authority VALUES ($1, $2, false)"
                                " ON CONFLICT (client, role) DO UPDATE SET is_default = false",
        2, client, role);
    PG_RETURN_VOID();
}

/* byzantium.deauthorize(client text, role text) */
PG_FUNCTION_INFO_V1(byzantium_deauthorize);
Datum byzantium_deauthorize(PG_FUNCTION_ARGS)
{
    check_administrator();
    run_with_texts("DELETE FROM byzantium.authority WHERE client = $1 AND role = $2", 2,
        text_to_cstring(PG_GETARG_TEXT_PP(0)), text_to_cstring(PG_GETARG_TEXT_PP(1)));
    PG_RETURN_VOID();
}

/* ---- functions ---- */

static void change_function(const char *sql, Oid function)
{
    struct inside inside = {
        .sql = sql, .count = 1, .types = {REGPROCEDUREOID}, .values = {ObjectIdGetDatum(function)}};
    check_administrator();
    if (namespace_is_ours(get_func_namespace(function)))
        ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
            errmsg("functions of schema " SCHEMA_NAME " are not for clients"));
    run(&inside);
}

/* byzantium.allow(function regprocedure): clients may call it; the administrator answers for that
 * it gives all replicas the same. Its transactions are uncertain. */
PG_FUNCTION_INFO_V1(byzantium_allow);
Datum byzantium_allow(PG_FUNCTION_ARGS)
{
    change_function("INSERT INTO byzantium.allowed_functions VALUES ($1) ON CONFLICT DO NOTHING",
        PG_GETARG_OID(0));
    PG_RETURN_VOID();
}

/* byzantium.disallow(function regprocedure) */
PG_FUNCTION_INFO_V1(byzantium_disallow);
Datum byzantium_disallow(PG_FUNCTION_ARGS)
{
    change_function(
        "DELETE FROM byzantium.allowed_functions WHERE function = $1", PG_GETARG_OID(0));
    PG_RETURN_VOID();
}

bool authority_allows_function(Oid function)
{
    char text[ROLE_BYTES_MAX];
    if (!OidIsValid(get_relname_relid("allowed_functions", own_schema())))
        return false; /* no database of ours */
    struct inside inside = {
        .sql = "SELECT 'yes' FROM byzantium.allowed_functions WHERE function = $1",
        .count = 1,
        .types = {REGPROCEDUREOID},
        .values = {ObjectIdGetDatum(function)},
        .ret_text = text,
        .text_size = sizeof(text)};
    run(&inside);
    return text[0] != '\0';
}
