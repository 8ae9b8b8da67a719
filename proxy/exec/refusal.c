#include "proxy/exec/refusal.h"

#include <string.h>

void refusal_send(const struct exec_ops *ops, unsigned client, struct result_key key,
    const char sqlstate[static 5], const char *text)
{
    struct result_end end = {.key = key, .failed = true, .text = slice_text(text)};
    memcpy(end.sqlstate, sqlstate, sizeof end.sqlstate);
    struct buffer body = BUFFER_INIT(FRAME_BODY_BYTES_MAX);
    result_end_encode(&body, &end);
    if (!body.failed)
        (void)ops->result(
            ops->context, client, key.session, MESSAGE_RESULT_END, buffer_slice(&body));
    buffer_free(&body);
}
