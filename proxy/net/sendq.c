#include "proxy/net/sendq.h"

#include "proxy/net/frame.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Memory up to here is kept when the queue is empty. */
#define QUEUE_KEEP_BYTES (256u << 10)

void sendq_init(struct sendq *q, size_t bytes_max)
{
    *q = (struct sendq){.bytes_max = bytes_max};
}

void sendq_free(struct sendq *q)
{
    free(q->data);
    *q = (struct sendq){0};
}

size_t sendq_size(const struct sendq *q)
{
    return q->end - q->start;
}

static void compact(struct sendq *q)
{
    if (q->start == 0)
        return;
    memmove(q->data, q->data + q->start, sendq_size(q));
    q->end -= q->start;
    q->start = 0;
}

static bool make_room(struct sendq *q, size_t size)
{
    if (size <= q->capacity - q->end)
        return true;
    /* Moving is worth it when it frees as much as it moves; else the memory doubles. */
    if (q->start >= sendq_size(q))
        compact(q);
    if (size <= q->capacity - q->end)
        return true;
    size_t capacity = q->capacity ? q->capacity : 4096;
    while (capacity - q->end < size)
        capacity *= 2;
    uint8_t *data = realloc(q->data, capacity);
    if (!data)
        return false;
    q->data = data;
    q->capacity = capacity;
    return true;
}

bool sendq_put(struct sendq *q, uint8_t type, struct slice body)
{
    size_t size = FRAME_HEADER_BYTES + body.size;
    if (body.size > FRAME_BODY_BYTES_MAX || sendq_size(q) > q->bytes_max ||
        size > q->bytes_max - sendq_size(q) || !make_room(q, size))
        return false;
    frame_header_put(q->data + q->end, type, body.size);
    if (body.size > 0)
        memcpy(q->data + q->end + FRAME_HEADER_BYTES, body.data, body.size);
    q->end += size;
    return true;
}

struct slice sendq_next(const struct sendq *q)
{
    return slice_of(q->data ? q->data + q->start : NULL, sendq_size(q));
}

void sendq_sent(struct sendq *q, size_t size)
{
    assert(size <= sendq_size(q));
    q->start += size;
    if (q->start < q->end)
        return;
    q->start = 0;
    q->end = 0;
    if (q->capacity > QUEUE_KEEP_BYTES) {
        free(q->data);
        q->data = NULL;
        q->capacity = 0;
    }
}
