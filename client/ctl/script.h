/* Splits a script into statements as psql does: at semicolons outside quotes, dollar quotes,
 * comments, brackets and the BEGIN … END bodies of SQL functions. Pure; borrows the text. */
#ifndef BYZ_CLIENT_CTL_SCRIPT_H
#define BYZ_CLIENT_CTL_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>

/* What a statement means to byzctl run: transaction control goes through the library's own calls.
 */
enum script_kind {
    SCRIPT_INVALID = 0,
    SCRIPT_STATEMENT = 1,
    SCRIPT_BEGIN = 2,
    SCRIPT_COMMIT = 3,
    SCRIPT_ROLLBACK = 4,   /* of the transaction; ROLLBACK TO is a statement */
    SCRIPT_META = 5,       /* a line that begins with a backslash: psql's own, not SQL */
    SCRIPT_UNFINISHED = 6, /* the script ends inside a quote or comment */
    SCRIPT_COPY_IN = 7,    /* COPY … FROM STDIN, with its data */
    SCRIPT_COPY_OUT = 8,   /* COPY … TO STDOUT */
};

struct script_statement {
    enum script_kind kind;
    const char *text; /* without leading blanks and comments, and without the semicolon */
    size_t size;
    unsigned line; /* of its first character, from 1 */
    /* SCRIPT_COPY_IN: the lines behind the statement's, up to a line "\." or the script's end. */
    const char *data;
    size_t data_size;
};

struct script {
    const char *at;
    const char *end;
    unsigned line;
};

struct script script_of(const char *text, size_t size);
/* The next statement; false when nothing but blanks and comments is left. */
bool script_next(struct script *script, struct script_statement *ret);

#endif
