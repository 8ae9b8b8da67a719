#include "common/result_hash.h"

#include "common/crypto.h"
#include "common/statement_order.h"

#include <stdlib.h>
#include <string.h>

/* First byte after the version: what the digest is of. */
#define KIND_ROWS 1
#define KIND_ERROR 2
#define KIND_ROWS_IN_ORDER 3
/* Before each column, and after the last one. */
#define MARK_COLUMN 1
#define MARK_COLUMNS_END 0

#define ROWS_CAPACITY_MIN 64

struct result_hash {
    struct hasher *outer; /* the whole result */
    uint8_t (*rows)[DIGEST_BYTES];
    size_t row_count;
    size_t row_capacity;
    size_t row_bytes;
    bool no_memory;
    bool in_order;
};

struct result_hash *result_hash_new(void)
{
    struct result_hash *h = calloc(1, sizeof *h);
    if (h == NULL)
        return NULL;
    h->outer = hasher_new();
    if (h->outer == NULL) {
        result_hash_free(h);
        return NULL;
    }
    return h;
}

void result_hash_free(struct result_hash *h)
{
    if (h == NULL)
        return;
    hasher_free(h->outer);
    free(h->rows);
    free(h);
}

static void add_integer(struct result_hash *h, uint32_t value, size_t width)
{
    uint8_t bytes[4];
    for (size_t i = width; i > 0; i--, value >>= 8)
        bytes[i - 1] = (uint8_t)value;
    hasher_add(h->outer, bytes, width);
}

static void add_bytes(struct result_hash *h, struct slice bytes)
{
    add_integer(h, (uint32_t)bytes.size, 4);
    hasher_add(h->outer, bytes.data, bytes.size);
}

static void start(struct result_hash *h, bool in_order)
{
    h->in_order = in_order;
    h->row_count = 0;
    h->row_bytes = 0;
    h->no_memory = false;
    hasher_start(h->outer);
    add_integer(h, RESULT_HASH_VERSION, 2);
    add_integer(h, in_order ? KIND_ROWS_IN_ORDER : KIND_ROWS, 1);
}

void result_hash_start(struct result_hash *h)
{
    start(h, false);
}

void result_hash_start_for(struct result_hash *h, struct slice statement)
{
    start(h, statement_is_ordered(statement));
}

void result_hash_column(struct result_hash *h, struct slice name, uint32_t type_oid)
{
    add_integer(h, MARK_COLUMN, 1);
    add_bytes(h, name);
    add_integer(h, type_oid < FIRST_USER_OID ? type_oid : 0, 4);
}

static bool make_room(struct result_hash *h)
{
    if (h->row_count < h->row_capacity)
        return true;
    size_t capacity = h->row_capacity == 0 ? ROWS_CAPACITY_MIN : h->row_capacity * 2;
    void *rows = realloc(h->rows, capacity * sizeof *h->rows);
    if (rows == NULL) {
        h->no_memory = true;
        return false;
    }
    h->rows = rows;
    h->row_capacity = capacity;
    return true;
}

bool result_hash_row(struct result_hash *h, struct slice row)
{
    if (h->row_count >= RESULT_ROWS_MAX || row.size > RESULT_BYTES_MAX - h->row_bytes)
        return false;
    if (!make_room(h))
        return false;
    sha256(h->rows[h->row_count++], row.data, row.size);
    h->row_bytes += row.size;
    return true;
}

bool result_hash_no_memory(const struct result_hash *h)
{
    return h->no_memory;
}

static int compare_rows(const void *a, const void *b)
{
    return memcmp(a, b, DIGEST_BYTES);
}

void result_hash_finish(
    struct result_hash *h, struct slice command_tag, uint8_t ret_digest[static DIGEST_BYTES])
{
    if (!h->in_order && h->row_count > 1)
        qsort(h->rows, h->row_count, sizeof *h->rows, compare_rows);
    add_integer(h, MARK_COLUMNS_END, 1);
    add_integer(h, (uint32_t)h->row_count, 4);
    hasher_add(h->outer, h->rows, h->row_count * DIGEST_BYTES);
    add_bytes(h, command_tag);
    hasher_finish(h->outer, ret_digest);
}

void result_hash_error(const char sqlstate[static 5], uint8_t ret_digest[static DIGEST_BYTES])
{
    uint8_t bytes[2 + 1 + 5] = {RESULT_HASH_VERSION >> 8, RESULT_HASH_VERSION & 0xff, KIND_ERROR};
    memcpy(bytes + 3, sqlstate, 5);
    sha256(ret_digest, bytes, sizeof bytes);
}

void row_put_null(struct buffer *row)
{
    put_u8(row, 0);
}

void row_put_value(struct buffer *row, struct slice value)
{
    put_u8(row, 1);
    put_bytes(row, value);
}

bool row_take(struct reader *row, bool *ret_is_null, struct slice *ret_value)
{
    bool has_value = get_bool(row);
    struct slice value = slice_of(NULL, 0);
    if (has_value)
        value = get_bytes(row, RESULT_BYTES_MAX);
    if (row->failed)
        return false;
    *ret_is_null = !has_value;
    *ret_value = value;
    return true;
}
