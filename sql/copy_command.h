/* The text of a COPY command, as byzantium.copy_in and copy_out get it: parsed by PostgreSQL, and
 * checked to be one that moves rows between a table or query and the client. */
#ifndef BYZ_SQL_COPY_COMMAND_H
#define BYZ_SQL_COPY_COMMAND_H

#include "postgres.h"

#include "commands/copy.h"
#include "nodes/parsenodes.h"
#include "parser/parse_node.h"

struct copy_command {
    const char *text;
    CopyStmt *statement;
    ParseState *parse;
    CopyFormatOptions options;
};

/* Raises PostgreSQL's error for what it cannot parse, and refuses what is not COPY … FROM STDIN
 * (`is_from`) or COPY … TO STDOUT, in text or CSV. */
struct copy_command copy_command_read(const char *text, bool is_from);

/* PostgreSQL's rule, too: COPY is no part of another statement. */
void copy_command_check_place(void);

#endif
