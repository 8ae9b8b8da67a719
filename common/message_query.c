/* Questions that need no order, and the answers to them (PBFT's read-only operations). */
#include "common/message.h"
#include "common/message_form.h"

void query_encode(struct buffer *b, const struct query *m)
{
    put_u64(b, m->session);
    put_u64(b, m->number);
    put_u8(b, (uint8_t)m->kind);
}

static bool kind_is_known(enum query_kind kind)
{
    switch (kind) {
    case QUERY_INVALID:
        return false;
    case QUERY_EPOCH:
        return true;
    }
    return false;
}

const char *query_decode(struct slice body, struct query *ret)
{
    struct reader r = reader_of(body);
    struct query m;
    m.session = get_u64(&r);
    m.number = get_u64(&r);
    m.kind = get_u8(&r);
    const char *reason = form_end(&r);
    if (reason != NULL)
        return reason;
    if (m.number == 0)
        return "queries are numbered from 1";
    if (!kind_is_known(m.kind))
        return "unknown kind of query";
    *ret = m;
    return NULL;
}

void query_answer_encode(struct buffer *b, const struct query_answer *m)
{
    put_u64(b, m->session);
    put_u64(b, m->number);
    put_bytes(b, m->answer);
}

const char *query_answer_decode(struct slice body, struct query_answer *ret)
{
    struct reader r = reader_of(body);
    struct query_answer m;
    m.session = get_u64(&r);
    m.number = get_u64(&r);
    m.answer = get_bytes(&r, REPLY_BYTES_MAX);
    const char *reason = form_end(&r);
    if (reason != NULL)
        return reason;
    if (m.number == 0)
        return "queries are numbered from 1";
    *ret = m;
    return NULL;
}

void epoch_answer_put(struct buffer *b, const struct epoch_answer *m)
{
    put_u64(b, m->epoch);
    put_u64(b, m->barrier_epoch);
}

const char *epoch_answer_decode(struct slice answer, struct epoch_answer *ret)
{
    struct reader r = reader_of(answer);
    struct epoch_answer m;
    m.epoch = get_u64(&r);
    m.barrier_epoch = get_u64(&r);
    const char *reason = form_end(&r);
    if (reason != NULL)
        return reason;
    if (m.barrier_epoch > m.epoch)
        return "a barrier in the future";
    *ret = m;
    return NULL;
}
