/* byzantium.copy_in: COPY … FROM STDIN as an ordinary statement, with the data as a parameter.
 *
 * PostgreSQL's own code parses the lines. What it does with the rows then cannot be used: it would
 * draw an identity column's values from the local sequence, past everything that could make them
 * equal. So the rows become the source of one INSERT, which is judged like a client's, and which
 * fires the same triggers in the same order. */
#include "sql/copy_command.h"
#include "sql/refuse.h"

#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/copyfrom_internal.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "parser/parse_relation.h"
#include "rewrite/prs2lock.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/queryenvironment.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/tuplestore.h"

#define SOURCE_NAME "copied"

/* ---- the data ---- */

struct data {
    const char *at;
    size_t left;
};

/* PostgreSQL's callback has no argument. */
static struct data *current;

static int give_data(void *out, int min, int max)
{
    size_t size = Min(current->left, (size_t)max);
    memcpy(out, current->at, size);
    current->at += size;
    current->left -= size;
    return (int)size;
}

/* ---- the table ---- */

static bool has_insert_rule(const Relation table)
{
    for (int i = 0; table->rd_rules != NULL && i < table->rd_rules->numLocks; i++) {
        if (table->rd_rules->rules[i]->event == CMD_INSERT)
            return true;
    }
    return false;
}

static bool takes_rows(const Relation table)
{
    switch (table->rd_rel->relkind) {
    case RELKIND_RELATION:
    case RELKIND_PARTITIONED_TABLE:
        return true;
    case RELKIND_VIEW:
        return table->trigdesc != NULL && table->trigdesc->trig_insert_instead_row;
    default:
        return false;
    }
}

static void check_table(const Relation table)
{
    if (!takes_rows(table))
        ereport(ERROR, errcode(ERRCODE_WRONG_OBJECT_TYPE),
            errmsg("cannot copy to \"%s\": it is no table", RelationGetRelationName(table)));
    if (has_insert_rule(table))
        refuse("Use INSERT statements instead.",
            "COPY FROM is not available for a table with rules for INSERT");
    if (check_enable_rls(RelationGetRelid(table), InvalidOid, false) == RLS_ENABLED)
        refuse("Use INSERT statements instead.", "COPY FROM not supported with row-level security");
}

/* As DoCopy does, before anything is read. */
static void check_privileges(ParseState *parse, Relation table, List *columns)
{
    ParseNamespaceItem *item =
        addRangeTableEntryForRelation(parse, table, RowExclusiveLock, NULL, false, false);
    RangeTblEntry *entry = item->p_rte;
    ListCell *cell;
    entry->requiredPerms = ACL_INSERT;
    foreach (cell, columns)
        entry->insertedCols = bms_add_member(
            entry->insertedCols, lfirst_int(cell) - FirstLowInvalidHeapAttributeNumber);
    ExecCheckRTPerms(parse->p_rtable, true);
}

/* ---- from lines to rows ---- */

struct rows {
    TupleDesc description; /* the copied columns, and the line's number */
    Tuplestorestate *store;
    int64 count;
};

static struct rows rows_new(TupleDesc table, List *columns)
{
    int count = list_length(columns);
    struct rows rows = {.description = CreateTemplateTupleDesc(count + 1),
        .store = tuplestore_begin_heap(false, false, work_mem)};
    for (int i = 0; i < count; i++) {
        Form_pg_attribute a = TupleDescAttr(table, list_nth_int(columns, i) - 1);
        TupleDescInitEntry(rows.description, (AttrNumber)(i + 1), psprintf("c%d", i + 1),
            a->atttypid, a->atttypmod, a->attndims);
    }
    TupleDescInitEntry(rows.description, (AttrNumber)(count + 1), "number", INT8OID, -1, 0);
    return rows;
}

/* FORCE_NOT_NULL and FORCE_NULL. */
static char *forced(const CopyFromState state, int column, char *field)
{
    if (field == NULL)
        return state->opts.force_notnull_flags[column] ? state->opts.null_print : NULL;
    bool is_null =
        state->opts.force_null_flags[column] && strcmp(field, state->opts.null_print) == 0;
    return is_null ? NULL : field;
}

static Datum read_value(CopyFromState state, int column, char *field, bool *ret_is_null)
{
    Form_pg_attribute a = TupleDescAttr(RelationGetDescr(state->rel), column);
    if (state->opts.csv_mode)
        field = forced(state, column, field);
    state->cur_attname = NameStr(a->attname);
    state->cur_attval = field;
    Datum value = InputFunctionCall(
        &state->in_functions[column], field, state->typioparams[column], a->atttypmod);
    state->cur_attname = NULL;
    state->cur_attval = NULL;
    *ret_is_null = field == NULL;
    return value;
}

static void read_row(CopyFromState state, struct rows *rows, char **fields, int count)
{
    int wanted = list_length(state->attnumlist);
    Datum *values = palloc0(sizeof(*values) * (size_t)(wanted + 1));
    bool *nulls = palloc0(sizeof(*nulls) * (size_t)(wanted + 1));
    if (wanted > 0 && count > wanted)
        ereport(ERROR, errcode(ERRCODE_BAD_COPY_FILE_FORMAT),
            errmsg("extra data after last expected column"));
    for (int i = 0; i < wanted; i++) {
        int column = list_nth_int(state->attnumlist, i) - 1;
        if (i >= count)
            ereport(ERROR, errcode(ERRCODE_BAD_COPY_FILE_FORMAT),
                errmsg("missing data for column \"%s\"",
                    NameStr(TupleDescAttr(RelationGetDescr(state->rel), column)->attname)));
        values[i] = read_value(state, column, fields[i], &nulls[i]);
    }
    values[wanted] = Int64GetDatum(++rows->count);
    tuplestore_putvalues(rows->store, rows->description, values, nulls);
}

static void read_rows(CopyFromState state, struct rows *rows)
{
    MemoryContext of_row =
        AllocSetContextCreate(CurrentMemoryContext, "byzantium copied row", ALLOCSET_DEFAULT_SIZES);
    char **fields;
    int count;
    while (NextCopyFromRawFields(state, &fields, &count)) {
        CHECK_FOR_INTERRUPTS();
        MemoryContext before = MemoryContextSwitchTo(of_row);
        read_row(state, rows, fields, count);
        MemoryContextSwitchTo(before);
        MemoryContextReset(of_row);
    }
    MemoryContextDelete(of_row);
}

/* Clients get an error's detail, but not its context, which has the line. */
static void rethrow_with_line(MemoryContext context)
{
    MemoryContextSwitchTo(context);
    ErrorData *error = CopyErrorData();
    FlushErrorState();
    if (error->detail == NULL)
        error->detail = error->context;
    error->context = NULL;
    ReThrowError(error);
}

static void read_data(CopyFromState state, struct rows *rows, struct data *data)
{
    struct data *outer = current; /* a domain's CHECK may call a function that copies */
    MemoryContext context = CurrentMemoryContext;
    ErrorContextCallback line = {
        .previous = error_context_stack, .callback = CopyFromErrorCallback, .arg = state};
    current = data;
    PG_TRY();
    {
        error_context_stack = &line;
        read_rows(state, rows);
        error_context_stack = line.previous;
    }
    PG_CATCH();
    {
        current = outer;
        error_context_stack = line.previous;
        rethrow_with_line(context);
    }
    PG_END_TRY();
    current = outer;
}

/* ---- from rows to the table ---- */

/* COPY takes given values for GENERATED ALWAYS AS IDENTITY, too. */
static char *insert_of(const Relation table, List *columns)
{
    StringInfoData sql, values;
    ListCell *cell;
    initStringInfo(&sql);
    initStringInfo(&values);
    appendStringInfo(&sql, "INSERT INTO %s",
        quote_qualified_identifier(
            get_namespace_name(RelationGetNamespace(table)), RelationGetRelationName(table)));
    foreach (cell, columns) {
        int i = foreach_current_index(cell);
        Form_pg_attribute a = TupleDescAttr(RelationGetDescr(table), lfirst_int(cell) - 1);
        appendStringInfo(&sql, "%s%s", i == 0 ? " (" : ", ", quote_identifier(NameStr(a->attname)));
        appendStringInfo(&values, "%sc%d", i == 0 ? " " : ", ", i + 1);
    }
    appendStringInfo(&sql,
        "%s OVERRIDING SYSTEM VALUE SELECT%s FROM " SOURCE_NAME " ORDER BY number",
        columns == NIL ? "" : ")", values.data);
    return sql.data;
}

static uint64 insert_rows(const char *sql, const struct rows *rows)
{
    EphemeralNamedRelationData source = {.md = {.name = SOURCE_NAME,
                                             .tupdesc = rows->description,
                                             .enrtype = ENR_NAMED_TUPLESTORE,
                                             .enrtuples = (double)rows->count},
        .reldata = rows->store};
    if (SPI_connect() != SPI_OK_CONNECT || SPI_register_relation(&source) != SPI_OK_REL_REGISTER)
        elog(ERROR, "the copied rows cannot be offered");
    int result = SPI_execute(sql, false, 0);
    if (result != SPI_OK_INSERT)
        elog(ERROR, "the copied rows cannot be inserted: %s", SPI_result_code_string(result));
    uint64 count = SPI_processed;
    SPI_finish();
    return count;
}

/* A load in several statements has one header, in the first. */
static List *options_of(const CopyStmt *statement, bool is_continued)
{
    List *options = NIL;
    ListCell *cell;
    foreach (cell, statement->options) {
        DefElem *option = lfirst_node(DefElem, cell);
        if (!is_continued || strcmp(option->defname, "header") != 0)
            options = lappend(options, option);
    }
    return options;
}

static uint64 copy_in(struct copy_command *command, struct data *data, bool is_continued)
{
    CopyStmt *statement = command->statement;
    Relation table = table_openrv(statement->relation, RowExclusiveLock);
    List *columns = CopyGetAttnums(RelationGetDescr(table), table, statement->attlist);
    check_privileges(command->parse, table, columns);
    check_table(table);
    struct rows rows = rows_new(RelationGetDescr(table), columns);
    CopyFromState state = BeginCopyFrom(command->parse, table, NULL, NULL, false, give_data,
        statement->attlist, options_of(statement, is_continued));
    read_data(state, &rows, data);
    EndCopyFrom(state);
    uint64 count = insert_rows(insert_of(table, columns), &rows);
    tuplestore_end(rows.store);
    table_close(table, NoLock);
    return count;
}

/* byzantium.copy_in(command text, data text, continued boolean): how many rows were stored. */
PG_FUNCTION_INFO_V1(byzantium_copy_in);
Datum byzantium_copy_in(PG_FUNCTION_ARGS)
{
    text *given = PG_GETARG_TEXT_PP(1);
    struct data data = {.at = VARDATA_ANY(given), .left = VARSIZE_ANY_EXHDR(given)};
    copy_command_check_place();
    struct copy_command command = copy_command_read(text_to_cstring(PG_GETARG_TEXT_PP(0)), true);
    PG_RETURN_INT64((int64)copy_in(&command, &data, PG_GETARG_BOOL(2)));
}
