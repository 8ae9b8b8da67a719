/* Ordered requests, and the order (BEGIN, COMMIT, ROLLBACK) inside a request. To agreement a
 * request's body is opaque; the executor decodes it as an order. */
#include "common/message.h"
#include "common/message_form.h"

void request_put_signed_part(struct buffer *b, const struct request *m)
{
    put_u16(b, m->client);
    put_u64(b, m->session);
    put_u64(b, m->number);
    put_bytes(b, m->body);
}

void request_encode(struct buffer *b, const struct request *m)
{
    request_put_signed_part(b, m);
    put_raw(b, m->signature, SIGNATURE_BYTES);
}

const char *request_take(struct reader *r, struct request *ret)
{
    struct request m;
    m.client = get_u16(r);
    m.session = get_u64(r);
    m.number = get_u64(r);
    m.body = get_bytes(r, REQUEST_BODY_BYTES_MAX);
    get_raw(r, m.signature, SIGNATURE_BYTES);
    if (r->failed)
        return REASON_TRUNCATED;
    if (m.client >= CLIENT_KEYS_MAX)
        return form_reject(r, "client number out of range");
    if (m.number == 0)
        return form_reject(r, "requests are numbered from 1");
    *ret = m;
    return NULL;
}

const char *request_decode(struct slice body, struct request *ret)
{
    struct reader r = reader_of(body);
    struct request m;
    const char *reason = request_take(&r, &m);
    if (reason == NULL)
        reason = form_end(&r);
    if (reason == NULL)
        *ret = m;
    return reason;
}

/* ---- orders ---- */

void order_encode(struct buffer *b, const struct order *m)
{
    put_u8(b, (uint8_t)m->kind);
    switch (m->kind) {
    case ORDER_INVALID:
        b->failed = true;
        break;
    case ORDER_BEGIN:
        put_u16(b, m->coordinator);
        break;
    case ORDER_COMMIT:
    case ORDER_ROLLBACK:
        put_u64(b, m->transaction);
        put_u32(b, m->entry_count);
        put_raw(b, m->entries.data, m->entries.size);
        break;
    }
}

static const char *take_begin(struct reader *r, struct order *m)
{
    m->coordinator = get_u16(r);
    return m->coordinator < REPLICAS_MAX ? NULL : form_reject(r, "coordinator out of range");
}

static const char *take_list(struct reader *r, struct order *m)
{
    m->transaction = get_u64(r);
    m->entry_count = get_u32(r);
    if (r->failed)
        return REASON_TRUNCATED;
    if (m->transaction == 0)
        return form_reject(r, "transactions are numbered from 1");
    if (m->entry_count > ENTRIES_MAX)
        return form_reject(r, "too many operations");
    const uint8_t *begin = r->at;
    for (uint32_t i = 0; i < m->entry_count; i++) {
        struct entry ignored;
        const char *reason = entry_take(r, &ignored);
        if (reason != NULL)
            return reason;
    }
    m->entries = slice_of(begin, (size_t)(r->at - begin));
    return NULL;
}

static const char *take_order(struct reader *r, struct order *m)
{
    m->kind = get_u8(r);
    switch (m->kind) {
    case ORDER_INVALID:
        break;
    case ORDER_BEGIN:
        return take_begin(r, m);
    case ORDER_COMMIT:
    case ORDER_ROLLBACK:
        return take_list(r, m);
    }
    return r->failed ? REASON_TRUNCATED : form_reject(r, "unknown kind of order");
}

const char *order_decode(struct slice body, struct order *ret)
{
    if (body.size > REQUEST_BODY_BYTES_MAX)
        return "longer than a request";
    struct reader r = reader_of(body);
    struct order m = {0};
    const char *reason = take_order(&r, &m);
    if (reason == NULL)
        reason = form_end(&r);
    if (reason == NULL)
        *ret = m;
    return reason;
}
