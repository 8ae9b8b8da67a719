/* Fuzzes every decoder: the first byte is a message type, the rest a body. A body that decodes must
 * encode to the same bytes, because signatures and digests cover encodings. Linked either with
 * libFuzzer or with replay_main.c. */
#include "tests/fuzz/fuzz_message.h"

#include "common/limits.h"
#include "tests/fuzz/message_recode.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct slice body = slice_of(data + 1, size - 1);
    struct buffer again = BUFFER_INIT(FRAME_BODY_BYTES_MAX);
    const char *reason = message_recode(data[0], body, &again);
    if (reason == NULL && (again.failed || !slice_equal(body, buffer_slice(&again)))) {
        fprintf(stderr, "message type %u: the encoding is not canonical\n", data[0]);
        abort();
    }
    buffer_free(&again);
    return 0;
}
