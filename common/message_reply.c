/* Outcomes of ordered requests, and the replies that carry them to clients. */
#include "common/message.h"
#include "common/message_form.h"

#include <string.h>

void outcome_put(struct buffer *b, const struct outcome *o)
{
    put_u8(b, (uint8_t)o->kind);
    put_u8(b, (uint8_t)o->verdict);
    put_raw(b, o->sqlstate, SQLSTATE_BYTES);
    put_u32(b, o->statement);
    put_bool(b, o->barrier);
    put_u64(b, o->epoch);
}

static bool verdict_is_known(enum verdict verdict)
{
    switch (verdict) {
    case VERDICT_NONE:
    case VERDICT_CONFIRMED:
    case VERDICT_UNCONFIRMED:
    case VERDICT_LIED:
        return true;
    }
    return false;
}

/* Fields that mean nothing for this kind must be zero: equal outcomes are equal bytes. */
static const char *kind_reason(const struct outcome *o)
{
    bool success = form_is_success(o->sqlstate);
    switch (o->kind) {
    case OUTCOME_INVALID:
        break;
    case OUTCOME_BEGUN:
        return success && !o->barrier ? NULL : "not the outcome of a BEGIN";
    case OUTCOME_COMMITTED:
        return success ? NULL : "committed with an error";
    case OUTCOME_ROLLED_BACK:
        return success && !o->barrier && o->epoch == 0 ? NULL : "not the outcome of a ROLLBACK";
    case OUTCOME_ABORTED:
    case OUTCOME_REFUSED:
        return !success && !o->barrier && o->epoch == 0 ? NULL : "not the outcome of a failure";
    }
    return "unknown kind of outcome";
}

const char *outcome_take(struct reader *r, struct outcome *ret)
{
    struct outcome o;
    o.kind = get_u8(r);
    o.verdict = get_u8(r);
    get_raw(r, o.sqlstate, SQLSTATE_BYTES);
    o.statement = get_u32(r);
    o.barrier = get_bool(r);
    o.epoch = get_u64(r);
    if (r->failed)
        return REASON_TRUNCATED;
    if (!form_is_sqlstate(o.sqlstate))
        return form_reject(r, "malformed SQLSTATE");
    if (!verdict_is_known(o.verdict))
        return form_reject(r, "unknown verdict");
    /* Equal to the limit: what failed stands after the last entry (deferred constraints). */
    if (o.statement > ENTRIES_MAX)
        return form_reject(r, "statement out of range");
    const char *reason = kind_reason(&o);
    if (reason != NULL)
        return form_reject(r, reason);
    *ret = o;
    return NULL;
}

bool outcome_equal(const struct outcome *a, const struct outcome *b)
{
    return a->kind == b->kind && a->verdict == b->verdict &&
           memcmp(a->sqlstate, b->sqlstate, SQLSTATE_BYTES) == 0 && a->statement == b->statement &&
           a->barrier == b->barrier && a->epoch == b->epoch;
}

void reply_encode(struct buffer *b, const struct reply *m)
{
    put_u64(b, m->view);
    put_u64(b, m->session);
    put_u64(b, m->number);
    put_bytes(b, m->result);
}

const char *reply_decode(struct slice body, struct reply *ret)
{
    struct reader r = reader_of(body);
    struct reply m;
    m.view = get_u64(&r);
    m.session = get_u64(&r);
    m.number = get_u64(&r);
    m.result = get_bytes(&r, REPLY_BYTES_MAX);
    const char *reason = form_end(&r);
    if (reason != NULL)
        return reason;
    if (m.number == 0)
        return "requests are numbered from 1";
    *ret = m;
    return NULL;
}
