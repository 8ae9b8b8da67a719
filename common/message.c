#include "common/message.h"
#include "common/message_form.h"

const char *message_name(uint8_t type)
{
    switch ((enum message_type)type) {
    case MESSAGE_INVALID:
        break;
    case MESSAGE_HELLO:
        return "HELLO";
    case MESSAGE_GOODBYE:
        return "GOODBYE";
    case MESSAGE_REQUEST:
        return "REQUEST";
    case MESSAGE_OPERATION:
        return "OPERATION";
    case MESSAGE_STATUS_QUERY:
        return "STATUS_QUERY";
    case MESSAGE_CANCEL:
        return "CANCEL";
    case MESSAGE_QUERY:
        return "QUERY";
    case MESSAGE_REPLY:
        return "REPLY";
    case MESSAGE_RESULT_COLUMNS:
        return "RESULT_COLUMNS";
    case MESSAGE_RESULT_ROWS:
        return "RESULT_ROWS";
    case MESSAGE_RESULT_END:
        return "RESULT_END";
    case MESSAGE_STATUS_TEXT:
        return "STATUS_TEXT";
    case MESSAGE_ANSWER:
        return "ANSWER";
    case MESSAGE_PRE_PREPARE:
        return "PRE_PREPARE";
    case MESSAGE_PREPARE:
        return "PREPARE";
    case MESSAGE_COMMIT:
        return "COMMIT";
    case MESSAGE_CHECKPOINT:
        return "CHECKPOINT";
    case MESSAGE_STATUS:
        return "STATUS";
    case MESSAGE_FETCH:
        return "FETCH";
    case MESSAGE_BATCH:
        return "BATCH";
    case MESSAGE_STABLE:
        return "STABLE";
    case MESSAGE_CONTRIBUTION:
        return "CONTRIBUTION";
    case MESSAGE_RELAY:
        return "RELAY";
    case MESSAGE_VIEW_CHANGE:
        return "VIEW_CHANGE";
    case MESSAGE_NEW_VIEW:
        return "NEW_VIEW";
    case MESSAGE_WANT:
        return "WANT";
    case MESSAGE_CONTENT:
        return "CONTENT";
    case MESSAGE_VOTE:
        return "VOTE";
    }
    return "?";
}

void hello_encode(struct buffer *b, const struct hello *m)
{
    put_u16(b, m->version);
    put_u8(b, (uint8_t)m->role);
    put_u16(b, m->id);
    put_raw(b, m->cluster, DIGEST_BYTES);
}

static const char *hello_id_reason(const struct hello *m)
{
    switch (m->role) {
    case HELLO_INVALID:
        break;
    case HELLO_REPLICA:
        return m->id < REPLICAS_MAX ? NULL : "replica number out of range";
    case HELLO_CLIENT:
        return m->id < CLIENT_KEYS_MAX ? NULL : "client number out of range";
    }
    return "unknown role";
}

const char *hello_decode(struct slice body, struct hello *ret)
{
    struct reader r = reader_of(body);
    struct hello m = {.version = get_u16(&r)};
    /* Only the version is at the same place in every version of the protocol. */
    if (!r.failed && m.version != PROTOCOL_VERSION)
        return "another version of the protocol";
    m.role = get_u8(&r);
    m.id = get_u16(&r);
    get_raw(&r, m.cluster, DIGEST_BYTES);
    const char *reason = form_end(&r);
    if (reason == NULL)
        reason = hello_id_reason(&m);
    if (reason == NULL)
        *ret = m;
    return reason;
}

void goodbye_encode(struct buffer *b, const struct goodbye *m)
{
    put_raw(b, m->sqlstate, SQLSTATE_BYTES);
    form_put_text(b, m->text, ERROR_TEXT_BYTES_MAX);
}

const char *goodbye_decode(struct slice body, struct goodbye *ret)
{
    struct reader r = reader_of(body);
    struct goodbye m;
    get_raw(&r, m.sqlstate, SQLSTATE_BYTES);
    m.text = get_bytes(&r, ERROR_TEXT_BYTES_MAX);
    const char *reason = form_end(&r);
    if (reason != NULL)
        return reason;
    if (!form_is_sqlstate(m.sqlstate))
        return "malformed SQLSTATE";
    if (!form_is_text(m.text))
        return "NUL in a text";
    *ret = m;
    return NULL;
}
