/* byzantium.copy_out: COPY … TO STDOUT as an ordinary query, a row for each line.
 *
 * COPY reads a table in its physical order. Here the table is read by a query: by its primary key,
 * or, like every query inside a function, by all columns (order.h). Each line has its number, so
 * that a result, compared as a set of rows, is compared in its order, too. */
#include "sql/copy_command.h"
#include "sql/copy_format.h"
#include "sql/refuse.h"

#include "common/limits.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "executor/executor.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "funcapi.h"
#include "nodes/makefuncs.h"
#include "tcop/dest.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* ---- the query that reads a table ---- */

static void check_table(const Relation table)
{
    if (table->rd_rel->relkind != RELKIND_RELATION)
        ereport(ERROR, errcode(ERRCODE_WRONG_OBJECT_TYPE),
            errmsg("cannot copy from \"%s\": it is no table", RelationGetRelationName(table)),
            errhint("Try the COPY (SELECT ...) TO variant."));
}

static Node *column_of(const Relation table, int column)
{
    ColumnRef *reference = makeNode(ColumnRef);
    Form_pg_attribute a = TupleDescAttr(RelationGetDescr(table), column - 1);
    reference->fields = list_make1(makeString(pstrdup(NameStr(a->attname))));
    reference->location = -1;
    return (Node *)reference;
}

static ResTarget *target_of(Node *value)
{
    ResTarget *target = makeNode(ResTarget);
    target->val = value;
    target->location = -1;
    return target;
}

/* By the primary key, if all of it is read: whoever may read some columns only may not sort by
 * others. */
static List *order_of(const Relation table, const List *columns)
{
    Oid constraint;
    List *order = NIL;
    Bitmapset *key = get_primary_key_attnos(RelationGetRelid(table), false, &constraint);
    int member = -1;
    while ((member = bms_next_member(key, member)) >= 0) {
        int column = member + FirstLowInvalidHeapAttributeNumber;
        SortBy *by = makeNode(SortBy);
        if (!list_member_int(columns, column))
            return NIL;
        by->node = column_of(table, column);
        by->location = -1;
        order = lappend(order, by);
    }
    return order;
}

static void check_forced(const Relation table, const List *columns, List *names)
{
    if (names != NIL &&
        list_difference_int(CopyGetAttnums(RelationGetDescr(table), table, names), columns) != NIL)
        ereport(ERROR, errcode(ERRCODE_INVALID_COLUMN_REFERENCE),
            errmsg("FORCE_QUOTE names a column that is not referenced by COPY"));
}

static Node *select_of(const struct copy_command *command)
{
    const CopyStmt *statement = command->statement;
    Relation table = table_openrv(statement->relation, AccessShareLock);
    check_table(table);
    List *columns = CopyGetAttnums(RelationGetDescr(table), table, statement->attlist);
    check_forced(table, columns, command->options.force_quote);
    SelectStmt *select = makeNode(SelectStmt);
    RangeVar *from = makeRangeVar(get_namespace_name(RelationGetNamespace(table)),
        pstrdup(RelationGetRelationName(table)), -1);
    ListCell *cell;
    from->inh = false;
    select->fromClause = list_make1(from);
    foreach (cell, columns)
        select->targetList =
            lappend(select->targetList, target_of(column_of(table, lfirst_int(cell))));
    select->sortClause = order_of(table, columns);
    table_close(table, NoLock);
    return (Node *)select;
}

/* ---- the lines ---- */

struct writer {
    DestReceiver receiver; /* first: PostgreSQL knows this part only */
    const CopyFormatOptions *options;
    ReturnSetInfo *lines;
    int64 number;
    size_t bytes;
    int columns;
    FmgrInfo *output;
    struct copy_field *fields;
    MemoryContext of_row;
};

static void put_line(struct writer *writer)
{
    StringInfoData line;
    initStringInfo(&line);
    copy_format_row(&line, writer->options, writer->fields, writer->columns);
    writer->bytes += (size_t)line.len;
    if (writer->bytes > RESULT_BYTES_MAX)
        ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
            errmsg("COPY TO is longer than %d bytes", RESULT_BYTES_MAX),
            errhint("Copy the rows in several statements, with COPY (SELECT … WHERE …) TO."));
    Datum values[] = {Int64GetDatum(++writer->number),
        PointerGetDatum(cstring_to_text_with_len(line.data, line.len))};
    bool nulls[] = {false, false};
    tuplestore_putvalues(writer->lines->setResult, writer->lines->setDesc, values, nulls);
}

static void put_header(struct writer *writer, TupleDesc description)
{
    struct copy_field *fields = writer->fields;
    writer->fields = palloc0(sizeof(*fields) * (size_t)writer->columns);
    for (int i = 0; i < writer->columns; i++)
        writer->fields[i].text = NameStr(TupleDescAttr(description, i)->attname);
    put_line(writer);
    writer->fields = fields;
}

static void force_quotes(struct writer *writer, TupleDesc description)
{
    ListCell *cell;
    for (int i = 0; i < writer->columns; i++)
        writer->fields[i].is_quoted = writer->options->force_quote_all;
    if (writer->options->force_quote == NIL)
        return;
    foreach (cell, CopyGetAttnums(description, NULL, writer->options->force_quote))
        writer->fields[lfirst_int(cell) - 1].is_quoted = true;
}

static void start(DestReceiver *receiver, int operation, TupleDesc description)
{
    struct writer *writer = (struct writer *)receiver;
    writer->columns = description->natts;
    writer->output = palloc0(sizeof(*writer->output) * (size_t)writer->columns);
    writer->fields = palloc0(sizeof(*writer->fields) * (size_t)writer->columns);
    for (int i = 0; i < writer->columns; i++) {
        Oid function;
        bool is_varlena;
        getTypeOutputInfo(TupleDescAttr(description, i)->atttypid, &function, &is_varlena);
        fmgr_info(function, &writer->output[i]);
    }
    force_quotes(writer, description);
    if (writer->options->header_line != COPY_HEADER_FALSE)
        put_header(writer, description);
    writer->of_row =
        AllocSetContextCreate(CurrentMemoryContext, "byzantium copied row", ALLOCSET_DEFAULT_SIZES);
}

static bool receive(TupleTableSlot *slot, DestReceiver *receiver)
{
    struct writer *writer = (struct writer *)receiver;
    MemoryContext before = MemoryContextSwitchTo(writer->of_row);
    slot_getallattrs(slot);
    for (int i = 0; i < writer->columns; i++)
        writer->fields[i].text = slot->tts_isnull[i]
                                     ? NULL
                                     : OutputFunctionCall(&writer->output[i], slot->tts_values[i]);
    put_line(writer);
    MemoryContextSwitchTo(before);
    MemoryContextReset(writer->of_row);
    return true;
}

static void finish(DestReceiver *receiver)
{
}

/* ---- running it ---- */

static Query *analyze(const struct copy_command *command)
{
    RawStmt *raw = makeNode(RawStmt);
    raw->stmt = command->statement->query != NULL ? command->statement->query : select_of(command);
    raw->stmt_location = -1;
    List *queries = pg_analyze_and_rewrite_fixedparams(raw, command->text, NULL, 0, NULL);
    Query *query = list_length(queries) == 1 ? linitial_node(Query, queries) : NULL;
    if (query == NULL || query->commandType != CMD_SELECT || query->hasModifyingCTE)
        refuse("Run the statement by itself, with RETURNING.", "COPY TO takes a SELECT only");
    return query;
}

static void run(PlannedStmt *plan, const char *text, struct writer *writer)
{
    PushCopiedSnapshot(GetActiveSnapshot());
    UpdateActiveSnapshotCommandId();
    QueryDesc *query = CreateQueryDesc(
        plan, text, GetActiveSnapshot(), InvalidSnapshot, &writer->receiver, NULL, NULL, 0);
    ExecutorStart(query, 0);
    ExecutorRun(query, ForwardScanDirection, 0, true);
    ExecutorFinish(query);
    ExecutorEnd(query);
    FreeQueryDesc(query);
    PopActiveSnapshot();
}

/* byzantium.copy_out(command text) returns table (number bigint, line text) */
PG_FUNCTION_INFO_V1(byzantium_copy_out);
Datum byzantium_copy_out(PG_FUNCTION_ARGS)
{
    copy_command_check_place();
    struct copy_command command = copy_command_read(text_to_cstring(PG_GETARG_TEXT_PP(0)), false);
    InitMaterializedSRF(fcinfo, 0);
    struct writer writer = {.receiver = {.receiveSlot = receive,
                                .rStartup = start,
                                .rShutdown = finish,
                                .rDestroy = finish,
                                .mydest = DestNone},
        .options = &command.options,
        .lines = (ReturnSetInfo *)fcinfo->resultinfo};
    Query *query = analyze(&command);
    run(pg_plan_query(query, command.text, 0, NULL), command.text, &writer);
    PG_RETURN_NULL();
}
