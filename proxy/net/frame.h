/* Frames: how messages follow each other on a link.
 *
 * A frame is a 4-byte length of the body, a type byte and the body. The assembler takes bytes as
 * they come and hands on whole frames. A body that is longer than the ceiling is refused from its
 * header alone; memory grows with the bytes that really came, never with the length that a header
 * claims. */
#ifndef BYZ_PROXY_NET_FRAME_H
#define BYZ_PROXY_NET_FRAME_H

#include "common/codec.h"
#include "common/limits.h"

struct frame_input {
    size_t body_bytes_max;
    uint8_t header[FRAME_HEADER_BYTES];
    size_t header_size; /* bytes of the header that have come */
    uint8_t *body;      /* bytes of the body that have come, when it spans several reads */
    size_t body_size;
    size_t body_capacity;
};

struct frame {
    uint8_t type; /* an enum message_type if the sender is honest */
    struct slice body;
};

enum frame_result {
    FRAME_RESULT_INVALID = 0,
    FRAME_MORE,      /* all bytes were taken, the frame is not complete */
    FRAME_COMPLETE,  /* *ret_frame is valid until the next call and while the bytes are */
    FRAME_OVERSIZE,  /* the sender announces more than it may */
    FRAME_NO_MEMORY, /* memory ran out */
};

void frame_input_init(struct frame_input *in, size_t body_bytes_max);
void frame_input_free(struct frame_input *in);
/* Takes bytes off the front of *bytes until one frame is complete. */
enum frame_result frame_take(struct frame_input *in, struct slice *bytes, struct frame *ret_frame);
/* Is a frame partly here? */
bool frame_partial(const struct frame_input *in);

void frame_header_put(uint8_t ret_header[static FRAME_HEADER_BYTES], uint8_t type, size_t size);

#endif
