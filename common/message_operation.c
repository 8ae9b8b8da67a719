/* What a client sends to its coordinator alone: operations, and giving one up. */
#include "common/message.h"
#include "common/message_form.h"

void operation_encode(struct buffer *b, const struct operation *m)
{
    put_u64(b, m->session);
    put_u64(b, m->transaction);
    put_u32(b, m->index);
    statement_put(b, &m->statement);
}

const char *operation_decode(struct slice body, struct operation *ret)
{
    /* What cannot be in a COMMIT's list need not be executed. */
    if (body.size > REQUEST_BODY_BYTES_MAX)
        return "longer than a request";
    struct reader r = reader_of(body);
    struct operation m;
    m.session = get_u64(&r);
    m.transaction = get_u64(&r);
    m.index = get_u32(&r);
    const char *reason = statement_take(&r, &m.statement);
    if (reason == NULL)
        reason = form_end(&r);
    if (reason != NULL)
        return reason;
    if (m.transaction == 0)
        return "transactions are numbered from 1";
    if (m.index >= ENTRIES_MAX)
        return "too many operations";
    *ret = m;
    return NULL;
}

void cancel_encode(struct buffer *b, const struct cancel *m)
{
    put_u64(b, m->session);
    put_u64(b, m->transaction);
}

const char *cancel_decode(struct slice body, struct cancel *ret)
{
    struct reader r = reader_of(body);
    struct cancel m;
    m.session = get_u64(&r);
    m.transaction = get_u64(&r);
    const char *reason = form_end(&r);
    if (reason != NULL)
        return reason;
    if (m.transaction == 0)
        return "transactions are numbered from 1";
    *ret = m;
    return NULL;
}
