/* COPY without its sub-protocol: the data is a parameter of an ordinary statement, the lines are
 * the rows of one (schema byzantium, sql/copy_in.c and copy_out.c). */
#include "client/byzclient.h"

#include "client/conn.h"
#include "client/copy_lines.h"
#include "client/copy_parts.h"

#include <stdlib.h>
#include <string.h>

/* A load in parts meets other transactions more than once. */
#define PART_RETRIES_MAX 5

_Static_assert(BYZ_COPY_BYTES_MAX < REQUEST_BODY_BYTES_MAX, "a part fits in a transaction");

/* An unconnected connection keeps the reason why. */
static int fail_copy(struct byz_conn *conn, const char *sqlstate, const char *text)
{
    if (conn->connected)
        error_set(&conn->error, sqlstate, "%s", text);
    return -1;
}

/* ---- in ---- */

struct load {
    struct byz_conn *conn;
    const char *command;
    struct copy_format format;
    bool is_alone; /* each part is a transaction of its own */
    bool is_continued;
    uint64_t rows;
};

static int take_rows(struct load *load, const byz_result *result)
{
    if (byz_row_count(result) != 1 || byz_column_count(result) != 1)
        return fail_copy(load->conn, SQLSTATE_LIED, "the coordinator did not answer to COPY");
    load->rows += strtoull(byz_value(result, 0, 0), NULL, 10);
    return 0;
}

static int load_text(struct load *load, const char *text)
{
    const char *values[] = {load->command, text, load->is_continued ? "t" : "f"};
    int status = -1;
    bool again = true;
    for (unsigned tries = 0; again && tries < PART_RETRIES_MAX; tries++) {
        byz_result *result =
            byz_exec_params(load->conn, "SELECT byzantium.copy_in($1, $2, $3)", 3, NULL, values);
        if (result == NULL)
            return fail_copy(load->conn, SQLSTATE_MEMORY, "out of memory");
        again = load->is_alone && strcmp(byz_result_sqlstate(result), SQLSTATE_CONFLICT) == 0;
        if (byz_result_ok(result))
            status = take_rows(load, result);
        byz_clear(result);
    }
    return status;
}

static int load_part(struct load *load, const char *data, size_t size)
{
    char *text = malloc(size + 1);
    if (text == NULL)
        return fail_copy(load->conn, SQLSTATE_MEMORY, "out of memory");
    memcpy(text, data, size);
    text[size] = '\0';
    int status = load_text(load, text);
    free(text);
    load->is_continued = true;
    return status;
}

static int load_parts(struct load *load, const char *data, size_t size)
{
    struct copy_part part;
    do {
        part = copy_part_first(&load->format, data, size, BYZ_COPY_BYTES_MAX);
        if (part.size == 0 && !part.is_last)
            return fail_copy(
                load->conn, SQLSTATE_LIMIT, "a line is longer than a statement can be");
        if (load_part(load, data, part.size) != 0)
            return -1;
        data += part.size;
        size -= part.size;
    } while (!part.is_last);
    return 0;
}

static int load_checked(struct load *load, const char *data, size_t size)
{
    if (memchr(data, '\0', size) != NULL)
        return fail_copy(load->conn, SQLSTATE_BAD_PARAMETER, "the data contains a zero byte");
    if (!load->is_alone && size > BYZ_COPY_BYTES_MAX)
        return fail_copy(
            load->conn, SQLSTATE_LIMIT, "the data is longer than one transaction can hold");
    return load_parts(load, data, size);
}

int byz_copy_in(
    byz_conn *conn, const char *command, const char *data, size_t size, uint64_t *ret_rows)
{
    if (ret_rows != NULL)
        *ret_rows = 0;
    if (conn == NULL)
        return -1;
    if (command == NULL || (data == NULL && size > 0))
        return fail_copy(conn, SQLSTATE_BAD_PARAMETER, "no command, or no data");
    struct load load = {.conn = conn,
        .command = command,
        .format = copy_format_of(command),
        .is_alone = conn->transaction.status == BYZ_TRANSACTION_NONE};
    int status = load_checked(&load, data != NULL ? data : "", size);
    if (ret_rows != NULL)
        *ret_rows = load.rows;
    return status;
}

/* ---- out ---- */

static char *take_lines(struct byz_conn *conn, const byz_result *result, size_t *ret_size)
{
    char *text = NULL;
    switch (copy_lines_join(result, &text, ret_size)) {
    case COPY_LINES_INVALID:
        (void)fail_copy(conn, SQLSTATE_LIED, "the coordinator did not answer to COPY");
        break;
    case COPY_LINES_NO_MEMORY:
        (void)fail_copy(conn, SQLSTATE_MEMORY, "out of memory");
        break;
    case COPY_LINES_GOOD:
        break;
    }
    return text;
}

char *byz_copy_out(byz_conn *conn, const char *command, size_t *ret_size)
{
    size_t size = 0;
    if (conn == NULL)
        return NULL;
    if (command == NULL) {
        (void)fail_copy(conn, SQLSTATE_BAD_PARAMETER, "no command");
        return NULL;
    }
    byz_result *result =
        byz_exec_params(conn, "SELECT number, line FROM byzantium.copy_out($1)", 1, NULL, &command);
    char *text = NULL;
    if (result == NULL)
        (void)fail_copy(conn, SQLSTATE_MEMORY, "out of memory");
    else if (byz_result_ok(result))
        text = take_lines(conn, result, &size);
    byz_clear(result);
    if (ret_size != NULL)
        *ret_size = size;
    return text;
}
