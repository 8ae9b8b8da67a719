#include "proxy/net/frame.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Memory up to here is kept from frame to frame. */
#define BODY_KEEP_BYTES (64u << 10)

void frame_input_init(struct frame_input *in, size_t body_bytes_max)
{
    assert(body_bytes_max <= FRAME_BODY_BYTES_MAX);
    *in = (struct frame_input){.body_bytes_max = body_bytes_max};
}

void frame_input_free(struct frame_input *in)
{
    free(in->body);
    *in = (struct frame_input){0};
}

static size_t announced(const struct frame_input *in)
{
    const uint8_t *h = in->header;
    return (size_t)h[0] << 24 | (size_t)h[1] << 16 | (size_t)h[2] << 8 | h[3];
}

static void take_header(struct frame_input *in, struct slice *bytes)
{
    size_t wanted = FRAME_HEADER_BYTES - in->header_size;
    size_t size = wanted < bytes->size ? wanted : bytes->size;
    memcpy(in->header + in->header_size, bytes->data, size);
    in->header_size += size;
    *bytes = slice_of(bytes->data + size, bytes->size - size);
}

/* Room for `size` bytes of a body of `total`: doubling, so that a claimed length costs nothing. */
static bool make_room(struct frame_input *in, size_t size, size_t total)
{
    if (size <= in->body_capacity)
        return true;
    size_t capacity = in->body_capacity ? in->body_capacity : 4096;
    while (capacity < size)
        capacity *= 2;
    if (capacity > total)
        capacity = total;
    uint8_t *body = realloc(in->body, capacity);
    if (!body)
        return false;
    in->body = body;
    in->body_capacity = capacity;
    return true;
}

static void reset(struct frame_input *in)
{
    in->header_size = 0;
    in->body_size = 0;
}

/* The memory of the frame handed out last is given back when the next one begins. */
static void shrink(struct frame_input *in)
{
    if (in->body_capacity <= BODY_KEEP_BYTES)
        return;
    free(in->body);
    in->body = NULL;
    in->body_capacity = 0;
}

enum frame_result frame_take(struct frame_input *in, struct slice *bytes, struct frame *ret_frame)
{
    if (in->header_size == 0)
        shrink(in);
    if (bytes->size == 0)
        return FRAME_MORE;
    if (in->header_size < FRAME_HEADER_BYTES)
        take_header(in, bytes);
    if (in->header_size < FRAME_HEADER_BYTES)
        return FRAME_MORE;
    size_t total = announced(in);
    if (total > in->body_bytes_max)
        return FRAME_OVERSIZE;
    size_t wanted = total - in->body_size;
    struct slice part = slice_of(bytes->data, wanted < bytes->size ? wanted : bytes->size);
    bool whole = in->body_size == 0 && part.size == total;
    if (!whole) {
        if (!make_room(in, in->body_size + part.size, total))
            return FRAME_NO_MEMORY;
        if (part.size > 0)
            memcpy(in->body + in->body_size, part.data, part.size);
        in->body_size += part.size;
    }
    *bytes = slice_of(bytes->data + part.size, bytes->size - part.size);
    if (!whole && in->body_size < total)
        return FRAME_MORE;
    ret_frame->type = in->header[4];
    ret_frame->body = whole ? part : slice_of(in->body, total);
    reset(in);
    return FRAME_COMPLETE;
}

bool frame_partial(const struct frame_input *in)
{
    return in->header_size > 0;
}

void frame_header_put(uint8_t ret_header[static FRAME_HEADER_BYTES], uint8_t type, size_t size)
{
    assert(size <= FRAME_BODY_BYTES_MAX);
    ret_header[0] = (uint8_t)(size >> 24);
    ret_header[1] = (uint8_t)(size >> 16);
    ret_header[2] = (uint8_t)(size >> 8);
    ret_header[3] = (uint8_t)size;
    ret_header[4] = type;
}
