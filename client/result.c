#include "client/result.h"

#include "client/error.h"
#include "common/result_hash.h"

#include <stdlib.h>
#include <string.h>

/* In the arena a value is a 32-bit length, the bytes and a NUL; SQL NULL is a length alone. */
#define LENGTH_NULL UINT32_MAX
#define NAMES_BYTES_MAX (COLUMNS_MAX * (NAME_BYTES_MAX + 1))
/* A canonical NULL is one byte and takes four here; everything else keeps its size. */
#define VALUES_BYTES_MAX ((size_t)4 * RESULT_BYTES_MAX)

struct byz_result {
    bool ok;
    char sqlstate[6];
    char *message;
    char *command_tag;
    int column_count;
    int row_count;
    int row_capacity;
    struct result_column {
        size_t name; /* offset in `names` */
        uint32_t type_oid;
    } * columns;
    size_t *rows; /* offsets in `values` */
    struct buffer names;
    struct buffer values;
};

struct byz_result *result_new(void)
{
    struct byz_result *result = calloc(1, sizeof *result);
    if (result == NULL)
        return NULL;
    memcpy(result->sqlstate, "00000", 6);
    buffer_init(&result->names, NAMES_BYTES_MAX);
    buffer_init(&result->values, VALUES_BYTES_MAX);
    return result;
}

void result_reset(struct byz_result *result)
{
    result->ok = false;
    result->column_count = result->row_count = result->row_capacity = 0;
    free(result->columns);
    free(result->rows);
    result->columns = NULL;
    result->rows = NULL;
    buffer_free(&result->names);
    buffer_free(&result->values);
}

void byz_clear(struct byz_result *result)
{
    if (result == NULL)
        return;
    result_reset(result);
    free(result->message);
    free(result->command_tag);
    free(result);
}

/* ---- building ---- */

bool result_set_columns(struct byz_result *result, const struct result_columns *columns)
{
    struct reader r = reader_of(columns->columns);
    result_reset(result);
    if (columns->count == 0)
        return true;
    result->columns = calloc(columns->count, sizeof *result->columns);
    if (result->columns == NULL)
        return false;
    for (uint32_t i = 0; i < columns->count; i++) {
        struct column column = {0};
        if (column_take(&r, &column) != NULL)
            return false;
        result->columns[i] = (struct result_column){result->names.size, column.type_oid};
        put_raw(&result->names, column.name.data, column.name.size);
        put_u8(&result->names, 0);
    }
    result->column_count = (int)columns->count;
    return !result->names.failed;
}

static bool row_reserve(struct byz_result *result)
{
    if (result->row_count < result->row_capacity)
        return true;
    int capacity = result->row_capacity == 0 ? 16 : result->row_capacity * 2;
    size_t *rows = realloc(result->rows, (size_t)capacity * sizeof *rows);
    if (rows == NULL)
        return false;
    result->rows = rows;
    result->row_capacity = capacity;
    return true;
}

bool result_add_row(struct byz_result *result, struct slice row)
{
    if (result->row_count >= RESULT_ROWS_MAX || !row_reserve(result))
        return false;
    struct reader r = reader_of(row);
    result->rows[result->row_count] = result->values.size;
    while (reader_left(&r) > 0) {
        bool is_null = false;
        struct slice value = {0};
        if (!row_take(&r, &is_null, &value))
            return false;
        put_u32(&result->values, is_null ? LENGTH_NULL : (uint32_t)value.size);
        if (is_null)
            continue;
        put_raw(&result->values, value.data, value.size);
        put_u8(&result->values, 0);
    }
    result->row_count++;
    return !result->values.failed;
}

bool result_succeed(struct byz_result *result, struct slice command_tag)
{
    char *copy = malloc(command_tag.size + 1);
    if (copy == NULL)
        return false;
    if (command_tag.size > 0)
        memcpy(copy, command_tag.data, command_tag.size);
    copy[command_tag.size] = '\0';
    free(result->command_tag);
    result->command_tag = copy;
    result->ok = true;
    return true;
}

bool result_fail(struct byz_result *result, const char *sqlstate, const char *message)
{
    result_reset(result);
    result->ok = false;
    memcpy(result->sqlstate, sqlstate, 5);
    free(result->message);
    result->message = strdup(message);
    return result->message != NULL;
}

/* ---- accessors ---- */

int byz_result_ok(const struct byz_result *result)
{
    return result != NULL && result->ok;
}

const char *byz_result_error_message(const struct byz_result *result)
{
    return result == NULL || result->message == NULL ? "" : result->message;
}

const char *byz_result_sqlstate(const struct byz_result *result)
{
    return result == NULL ? SQLSTATE_MEMORY : result->sqlstate;
}

int byz_row_count(const struct byz_result *result)
{
    return result == NULL ? 0 : result->row_count;
}

int byz_column_count(const struct byz_result *result)
{
    return result == NULL ? 0 : result->column_count;
}

static const struct result_column *column_at(const struct byz_result *result, int column)
{
    if (result == NULL || column < 0 || column >= result->column_count)
        return NULL;
    return &result->columns[column];
}

const char *byz_column_name(const struct byz_result *result, int column)
{
    const struct result_column *c = column_at(result, column);
    return c == NULL ? NULL : (const char *)result->names.data + c->name;
}

uint32_t byz_column_type(const struct byz_result *result, int column)
{
    const struct result_column *c = column_at(result, column);
    return c == NULL ? 0 : c->type_oid;
}

struct cell {
    bool is_null;
    const char *text; /* "" for NULL; NULL where there is no cell */
    size_t length;
};

/* Walks the row: rows are short, and an offset for each value would outweigh small values. */
static struct cell cell_at(const struct byz_result *result, int row, int column)
{
    struct cell none = {0};
    if (column_at(result, column) == NULL || row < 0 || row >= result->row_count)
        return none;
    size_t begin = result->rows[row];
    struct reader r = reader_of(slice_of(result->values.data + begin, result->values.size - begin));
    for (int i = 0;; i++) {
        uint32_t length = get_u32(&r);
        bool is_null = length == LENGTH_NULL;
        struct slice text = get_slice(&r, is_null ? 0 : (size_t)length + 1);
        if (r.failed)
            return none;
        if (i == column)
            return (struct cell){.is_null = is_null,
                .text = is_null ? "" : (const char *)text.data,
                .length = is_null ? 0 : length};
    }
}

int byz_is_null(const struct byz_result *result, int row, int column)
{
    return cell_at(result, row, column).is_null;
}

const char *byz_value(const struct byz_result *result, int row, int column)
{
    return cell_at(result, row, column).text;
}

size_t byz_value_length(const struct byz_result *result, int row, int column)
{
    return cell_at(result, row, column).length;
}

const char *byz_command_tag(const struct byz_result *result)
{
    return result == NULL || result->command_tag == NULL ? "" : result->command_tag;
}

/* The tag's last word: "INSERT 0 5", "UPDATE 3", "SELECT 1"; "CREATE TABLE" has no number. */
long long byz_affected_rows(const struct byz_result *result)
{
    const char *tag = byz_command_tag(result);
    const char *space = strrchr(tag, ' ');
    if (space == NULL || space[1] < '0' || space[1] > '9')
        return 0;
    char *end;
    long long rows = strtoll(space + 1, &end, 10);
    return *end == '\0' ? rows : 0;
}
