/* The coordinator's answer to an operation: COLUMNS, ROWS (any number), END; or END alone. */
#include "common/message.h"
#include "common/message_form.h"
#include "common/result_hash.h"

static void key_put(struct buffer *b, const struct result_key *key)
{
    put_u64(b, key->session);
    put_u64(b, key->transaction);
    put_u32(b, key->index);
}

static const char *key_take(struct reader *r, struct result_key *ret)
{
    struct result_key key;
    key.session = get_u64(r);
    key.transaction = get_u64(r);
    key.index = get_u32(r);
    if (r->failed)
        return REASON_TRUNCATED;
    if (key.transaction == 0)
        return form_reject(r, "transactions are numbered from 1");
    if (key.index >= ENTRIES_MAX)
        return form_reject(r, "too many operations");
    *ret = key;
    return NULL;
}

/* ---- columns ---- */

void column_put(struct buffer *b, const struct column *c)
{
    put_bytes(b, c->name);
    put_u32(b, c->type_oid);
}

const char *column_take(struct reader *r, struct column *ret)
{
    struct column c = {.name = get_bytes(r, NAME_BYTES_MAX)};
    c.type_oid = get_u32(r);
    if (r->failed)
        return REASON_TRUNCATED;
    if (!form_is_text(c.name))
        return form_reject(r, "NUL in a column's name");
    if (c.type_oid >= FIRST_USER_OID)
        return form_reject(r, "a user-defined type must be sent as 0");
    *ret = c;
    return NULL;
}

void result_columns_encode(struct buffer *b, const struct result_columns *m)
{
    key_put(b, &m->key);
    put_u32(b, m->count);
    put_raw(b, m->columns.data, m->columns.size);
}

static const char *take_columns(struct reader *r, struct result_columns *m)
{
    m->count = get_u32(r);
    if (r->failed)
        return REASON_TRUNCATED;
    if (m->count > COLUMNS_MAX)
        return form_reject(r, "too many columns");
    const uint8_t *begin = r->at;
    for (uint32_t i = 0; i < m->count; i++) {
        struct column ignored;
        const char *reason = column_take(r, &ignored);
        if (reason != NULL)
            return reason;
    }
    m->columns = slice_of(begin, (size_t)(r->at - begin));
    return form_end(r);
}

const char *result_columns_decode(struct slice body, struct result_columns *ret)
{
    struct reader r = reader_of(body);
    struct result_columns m;
    const char *reason = key_take(&r, &m.key);
    if (reason == NULL)
        reason = take_columns(&r, &m);
    if (reason == NULL)
        *ret = m;
    return reason;
}

/* ---- rows ---- */

/* The form of one canonical row. That it has as many values as the result has columns is for the
 * receiver of the columns to check. */
static const char *row_reason(struct slice row)
{
    struct reader r = reader_of(row);
    for (unsigned columns = 0; reader_left(&r) > 0; columns++) {
        bool is_null;
        struct slice value;
        if (columns == COLUMNS_MAX)
            return "too many columns";
        if (!row_take(&r, &is_null, &value))
            return "malformed row";
        if (!form_is_text(value))
            return "NUL in a value";
    }
    return NULL;
}

void result_rows_encode(struct buffer *b, const struct result_rows *m)
{
    key_put(b, &m->key);
    put_u32(b, m->count);
    put_raw(b, m->rows.data, m->rows.size);
}

static const char *take_rows(struct reader *r, struct result_rows *m)
{
    m->count = get_u32(r);
    if (r->failed)
        return REASON_TRUNCATED;
    if (m->count > RESULT_ROWS_MAX)
        return form_reject(r, "too many rows");
    const uint8_t *begin = r->at;
    for (uint32_t i = 0; i < m->count; i++) {
        struct slice row = get_bytes(r, RESULT_BYTES_MAX);
        const char *reason = r->failed ? REASON_TRUNCATED : row_reason(row);
        if (reason != NULL)
            return reason;
    }
    m->rows = slice_of(begin, (size_t)(r->at - begin));
    return form_end(r);
}

const char *result_rows_decode(struct slice body, struct result_rows *ret)
{
    struct reader r = reader_of(body);
    struct result_rows m;
    const char *reason = key_take(&r, &m.key);
    if (reason == NULL)
        reason = take_rows(&r, &m);
    if (reason == NULL)
        *ret = m;
    return reason;
}

/* ---- end ---- */

void result_end_encode(struct buffer *b, const struct result_end *m)
{
    key_put(b, &m->key);
    put_bool(b, m->failed);
    put_raw(b, m->sqlstate, SQLSTATE_BYTES);
    form_put_text(b, m->text, ERROR_TEXT_BYTES_MAX);
    form_put_text(b, m->hint, ERROR_TEXT_BYTES_MAX);
}

static const char *take_end(struct reader *r, struct result_end *m)
{
    m->failed = get_bool(r);
    get_raw(r, m->sqlstate, SQLSTATE_BYTES);
    m->text = get_bytes(r, ERROR_TEXT_BYTES_MAX);
    m->hint = get_bytes(r, ERROR_TEXT_BYTES_MAX);
    const char *reason = form_end(r);
    if (reason != NULL)
        return reason;
    if (!form_is_sqlstate(m->sqlstate))
        return "malformed SQLSTATE";
    if (m->failed == form_is_success(m->sqlstate))
        return "the SQLSTATE contradicts success or failure";
    if (!form_is_text(m->text) || !form_is_text(m->hint))
        return "NUL in a text";
    return NULL;
}

const char *result_end_decode(struct slice body, struct result_end *ret)
{
    struct reader r = reader_of(body);
    struct result_end m;
    const char *reason = key_take(&r, &m.key);
    if (reason == NULL)
        reason = take_end(&r, &m);
    if (reason == NULL)
        *ret = m;
    return reason;
}
