#include "sql/copy_command.h"

#include "sql/queries.h"
#include "sql/refuse.h"
#include "sql/transaction.h"

#include "mb/pg_wchar.h"
#include "parser/parser.h"
#include "parser/scansup.h"
#include "tcop/tcopprot.h"
#include "utils/elog.h"

/* A place in the command is none in the statement around it. */
static void place_error(void *text)
{
    int position = geterrposition();
    if (position <= 0)
        return;
    errposition(0);
    internalerrposition(position);
    internalerrquery(text);
}

static CopyStmt *only_copy(const List *statements)
{
    if (list_length(statements) != 1 || !IsA(linitial_node(RawStmt, statements)->stmt, CopyStmt))
        ereport(ERROR, errcode(ERRCODE_SYNTAX_ERROR), errmsg("the command is not one COPY"));
    return castNode(CopyStmt, linitial_node(RawStmt, statements)->stmt);
}

static void check_direction(const CopyStmt *statement, bool is_from)
{
    if (statement->is_program || statement->filename != NULL)
        refuse("Write STDIN or STDOUT.", "COPY cannot reach the server's files and programs");
    if (statement->is_from != is_from)
        refuse(is_from ? "Use byz_copy_out." : "Use byz_copy_in.", "COPY goes the other way here");
    if (statement->whereClause != NULL)
        refuse("Copy into another table, and INSERT … SELECT from there.",
            "COPY FROM with WHERE is not available");
}

/* The data is a text in the database's own encoding, and no place for bytes. */
static void check_options(const CopyFormatOptions *options)
{
    if (options->binary)
        refuse("Use the format text or csv.", "COPY in binary format is not available");
    if (options->file_encoding >= 0 && options->file_encoding != GetDatabaseEncoding())
        refuse("Convert the data before.", "COPY knows no other encoding than %s",
            GetDatabaseEncodingName());
    if (options->freeze)
        refuse("Leave FREEZE out.", "COPY FREEZE is not available");
    if (options->convert_selectively)
        refuse(NULL, "convert_selectively is not available");
}

static void read_inside(struct copy_command *command, bool is_from)
{
    command->statement = only_copy(raw_parser(command->text, RAW_PARSE_DEFAULT));
    check_direction(command->statement, is_from);
    ProcessCopyOptions(command->parse, &command->options, is_from, command->statement->options);
    check_options(&command->options);
}

struct copy_command copy_command_read(const char *text, bool is_from)
{
    struct copy_command command = {.text = text, .parse = make_parsestate(NULL)};
    command.parse->p_sourcetext = text;
    ErrorContextCallback placing = {
        .previous = error_context_stack, .callback = place_error, .arg = (void *)(uintptr_t)text};
    error_context_stack = &placing;
    read_inside(&command, is_from);
    error_context_stack = placing.previous;
    return command;
}

/* What a client may not store it may read, so what it reads here must not be stored by a statement
 * around it. */
static bool is_select(void)
{
    if (!client_statement_running())
        return true;
    const char *text = debug_query_string + strlen(CLIENT_PREFIX);
    while (scanner_isspace(*text))
        text++;
    return pg_strncasecmp(text, "select", strlen("select")) == 0;
}

void copy_command_check_place(void)
{
    if (queries_are_nested() || !is_select())
        refuse("Run it as a statement of its own.", "COPY is not available inside a query");
}
