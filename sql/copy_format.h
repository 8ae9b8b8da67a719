/* One row in COPY's text or CSV format, byte for byte as PostgreSQL's COPY TO writes it, without
 * the newline at its end. */
#ifndef BYZ_SQL_COPY_FORMAT_H
#define BYZ_SQL_COPY_FORMAT_H

#include "postgres.h"

#include "commands/copy.h"
#include "lib/stringinfo.h"

struct copy_field {
    const char *text; /* NULL: SQL NULL */
    bool is_quoted;   /* in CSV, whatever it holds */
};

void copy_format_row(
    StringInfo out, const CopyFormatOptions *options, const struct copy_field *fields, int count);

#endif
