#include "common/message_form.h"

#include <string.h>

const char *form_end(const struct reader *r)
{
    if (r->failed)
        return REASON_TRUNCATED;
    return reader_done(r) ? NULL : REASON_TRAILING;
}

const char *form_reject(struct reader *r, const char *reason)
{
    r->failed = true;
    return reason;
}

bool form_is_text(struct slice text)
{
    return text.size == 0 || memchr(text.data, 0, text.size) == NULL;
}

bool form_is_sqlstate(const char sqlstate[static SQLSTATE_BYTES])
{
    for (int i = 0; i < SQLSTATE_BYTES; i++) {
        char c = sqlstate[i];
        if (!(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z'))
            return false;
    }
    return true;
}

bool form_is_success(const char sqlstate[static SQLSTATE_BYTES])
{
    return memcmp(sqlstate, "00000", SQLSTATE_BYTES) == 0;
}

void form_put_text(struct buffer *b, struct slice text, size_t size_max)
{
    if (text.size > size_max) {
        text.size = size_max;
        /* 10xxxxxx continues a UTF-8 character: do not keep a part of one. */
        while (text.size > 0 && (text.data[text.size] & 0xc0) == 0x80)
            text.size--;
    }
    put_bytes(b, text);
}
