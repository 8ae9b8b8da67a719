#include "client/copy_lines.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum column { COLUMN_NUMBER = 0, COLUMN_LINE, COLUMNS };

/* The row of each line. Every one of the n numbers must be new, so all of them are there. */
static bool find_lines(const byz_result *result, int *ret_rows)
{
    int count = byz_row_count(result);
    for (int row = 0; row < count; row++)
        ret_rows[row] = -1;
    for (int row = 0; row < count; row++) {
        unsigned long long number = strtoull(byz_value(result, row, COLUMN_NUMBER), NULL, 10);
        if (number < 1 || number > (unsigned long long)count || ret_rows[number - 1] >= 0)
            return false;
        ret_rows[number - 1] = row;
    }
    return true;
}

static char *join(const byz_result *result, const int *rows, size_t *ret_size)
{
    int count = byz_row_count(result);
    size_t size = 0;
    for (int row = 0; row < count; row++)
        size += byz_value_length(result, row, COLUMN_LINE) + 1;
    char *text = malloc(size + 1), *at = text;
    if (text == NULL)
        return NULL;
    for (int i = 0; i < count; i++) {
        size_t length = byz_value_length(result, rows[i], COLUMN_LINE);
        memcpy(at, byz_value(result, rows[i], COLUMN_LINE), length);
        at += length;
        *at++ = '\n';
    }
    *at = '\0';
    *ret_size = size;
    return text;
}

enum copy_lines copy_lines_join(const byz_result *result, char **ret_text, size_t *ret_size)
{
    if (byz_column_count(result) != COLUMNS)
        return COPY_LINES_INVALID;
    int *rows = calloc((size_t)byz_row_count(result) + 1, sizeof *rows);
    if (rows == NULL)
        return COPY_LINES_NO_MEMORY;
    enum copy_lines end = COPY_LINES_INVALID;
    if (find_lines(result, rows)) {
        char *text = join(result, rows, ret_size);
        end = text != NULL ? COPY_LINES_GOOD : COPY_LINES_NO_MEMORY;
        if (text != NULL)
            *ret_text = text;
    }
    free(rows);
    return end;
}
