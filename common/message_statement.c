/* Statements with their parameters, and the entries of a transaction's list. Both stand inside
 * other messages, so they are put and taken. */
#include "common/message.h"
#include "common/message_form.h"
#include "common/result_hash.h"

void parameter_put(struct buffer *b, const struct parameter *p)
{
    put_u32(b, p->type_oid);
    put_bool(b, p->is_null);
    if (!p->is_null)
        put_bytes(b, p->value);
}

const char *parameter_take(struct reader *r, struct parameter *ret)
{
    struct parameter p = {0};
    p.type_oid = get_u32(r);
    p.is_null = get_bool(r);
    if (!p.is_null)
        p.value = get_bytes(r, REQUEST_BODY_BYTES_MAX);
    if (r->failed)
        return REASON_TRUNCATED;
    if (p.type_oid >= FIRST_USER_OID)
        return form_reject(r, "a parameter's type is user-defined");
    if (!form_is_text(p.value))
        return form_reject(r, "NUL in a parameter");
    *ret = p;
    return NULL;
}

void statement_put(struct buffer *b, const struct statement *s)
{
    put_bytes(b, s->text);
    put_u32(b, s->parameter_count);
    put_raw(b, s->parameters.data, s->parameters.size);
}

const char *statement_take(struct reader *r, struct statement *ret)
{
    struct statement s = {.text = get_bytes(r, STATEMENT_BYTES_MAX)};
    s.parameter_count = get_u32(r);
    if (r->failed)
        return REASON_TRUNCATED;
    if (!form_is_text(s.text))
        return form_reject(r, "NUL in a statement");
    if (s.parameter_count > PARAMETERS_MAX)
        return form_reject(r, "too many parameters");
    const uint8_t *begin = r->at;
    for (uint32_t i = 0; i < s.parameter_count; i++) {
        struct parameter ignored;
        const char *reason = parameter_take(r, &ignored);
        if (reason != NULL)
            return reason;
    }
    s.parameters = slice_of(begin, (size_t)(r->at - begin));
    *ret = s;
    return NULL;
}

void entry_put(struct buffer *b, const struct entry *e)
{
    statement_put(b, &e->statement);
    put_bytes(b, e->choices);
    put_u16(b, e->executor);
    put_u16(b, e->hash_version);
    put_bool(b, e->failed);
    put_raw(b, e->result_hash, DIGEST_BYTES);
}

const char *entry_take(struct reader *r, struct entry *ret)
{
    struct entry e;
    const char *reason = statement_take(r, &e.statement);
    if (reason != NULL)
        return reason;
    e.choices = get_bytes(r, CHOICES_BYTES_MAX);
    e.executor = get_u16(r);
    e.hash_version = get_u16(r);
    e.failed = get_bool(r);
    get_raw(r, e.result_hash, DIGEST_BYTES);
    if (r->failed)
        return REASON_TRUNCATED;
    /* A replica that ignored choices would execute something else than the coordinator did. */
    if (e.choices.size != 0)
        return form_reject(r, "recorded choices are not part of this version");
    if (e.executor >= REPLICAS_MAX)
        return form_reject(r, "executor out of range");
    if (e.hash_version != RESULT_HASH_VERSION)
        return form_reject(r, "unknown version of the result hash");
    *ret = e;
    return NULL;
}
