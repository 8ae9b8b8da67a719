#include "common/codec.h"

#include <stdlib.h>
#include <string.h>

#define CAPACITY_MIN 256

/* ---- slices ---- */

struct slice slice_of(const void *data, size_t size)
{
    return (struct slice){.data = data, .size = size};
}

struct slice slice_text(const char *text)
{
    return slice_of(text, strlen(text));
}

bool slice_equal(struct slice a, struct slice b)
{
    /* memcmp must not see the NULL of an empty slice. */
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* ---- writing ---- */

void buffer_init(struct buffer *b, size_t size_max)
{
    *b = BUFFER_INIT(size_max);
}

bool buffer_reserve(struct buffer *b, size_t capacity)
{
    if (capacity > b->size_max)
        capacity = b->size_max;
    if (capacity <= b->capacity)
        return true;
    uint8_t *data = realloc(b->data, capacity);
    if (data == NULL)
        return false;
    b->data = data;
    b->capacity = capacity;
    return true;
}

void buffer_clear(struct buffer *b)
{
    b->size = 0;
    b->failed = false;
}

void buffer_free(struct buffer *b)
{
    free(b->data);
    *b = BUFFER_INIT(b->size_max);
}

struct slice buffer_slice(const struct buffer *b)
{
    return slice_of(b->data, b->size);
}

/* Doubles, so that appending is linear in all; never beyond the ceiling. */
static bool grow(struct buffer *b, size_t needed)
{
    size_t capacity = b->capacity < CAPACITY_MIN ? CAPACITY_MIN : b->capacity;
    while (capacity < needed)
        capacity = capacity > SIZE_MAX / 2 ? needed : capacity * 2;
    return buffer_reserve(b, capacity);
}

/* The place for the next `size` bytes, or NULL after a failure. */
static uint8_t *append(struct buffer *b, size_t size)
{
    if (b->failed)
        return NULL;
    if (size > b->size_max - b->size ||
        (size > b->capacity - b->size && !grow(b, b->size + size))) {
        b->failed = true;
        return NULL;
    }
    uint8_t *at = b->data + b->size;
    b->size += size;
    return at;
}

static void put_integer(struct buffer *b, uint64_t value, size_t width)
{
    uint8_t *at = append(b, width);
    if (at == NULL)
        return;
    for (size_t i = width; i > 0; i--, value >>= 8)
        at[i - 1] = (uint8_t)value;
}

void put_u8(struct buffer *b, uint8_t value)
{
    put_integer(b, value, 1);
}

void put_u16(struct buffer *b, uint16_t value)
{
    put_integer(b, value, 2);
}

void put_u32(struct buffer *b, uint32_t value)
{
    put_integer(b, value, 4);
}

void put_u64(struct buffer *b, uint64_t value)
{
    put_integer(b, value, 8);
}

void put_bool(struct buffer *b, bool value)
{
    put_integer(b, value ? 1 : 0, 1);
}

void put_raw(struct buffer *b, const void *data, size_t size)
{
    if (size == 0)
        return;
    uint8_t *at = append(b, size);
    if (at != NULL)
        memcpy(at, data, size);
}

void put_bytes(struct buffer *b, struct slice bytes)
{
    if (bytes.size > UINT32_MAX) {
        b->failed = true;
        return;
    }
    put_u32(b, (uint32_t)bytes.size);
    put_raw(b, bytes.data, bytes.size);
}

/* ---- reading ---- */

struct reader reader_of(struct slice bytes)
{
    /* An empty slice's NULL takes part in no arithmetic. */
    const uint8_t *end = bytes.size == 0 ? bytes.data : bytes.data + bytes.size;
    return (struct reader){.at = bytes.data, .end = end};
}

size_t reader_left(const struct reader *r)
{
    return r->failed ? 0 : (size_t)(r->end - r->at);
}

bool reader_done(const struct reader *r)
{
    return !r->failed && r->at == r->end;
}

struct slice get_slice(struct reader *r, size_t size)
{
    if (r->failed || size > reader_left(r)) {
        r->failed = true;
        return slice_of(NULL, 0);
    }
    struct slice taken = slice_of(r->at, size);
    if (size > 0)
        r->at += size;
    return taken;
}

static uint64_t get_integer(struct reader *r, size_t width)
{
    struct slice bytes = get_slice(r, width);
    uint64_t value = 0;
    for (size_t i = 0; i < bytes.size; i++)
        value = value << 8 | bytes.data[i];
    return value;
}

uint8_t get_u8(struct reader *r)
{
    return (uint8_t)get_integer(r, 1);
}

uint16_t get_u16(struct reader *r)
{
    return (uint16_t)get_integer(r, 2);
}

uint32_t get_u32(struct reader *r)
{
    return (uint32_t)get_integer(r, 4);
}

uint64_t get_u64(struct reader *r)
{
    return get_integer(r, 8);
}

bool get_bool(struct reader *r)
{
    uint8_t value = get_u8(r);
    if (value > 1)
        r->failed = true;
    return value == 1;
}

void get_raw(struct reader *r, void *out, size_t size)
{
    struct slice bytes = get_slice(r, size);
    if (bytes.size > 0)
        memcpy(out, bytes.data, size);
    else if (size > 0)
        memset(out, 0, size);
}

struct slice get_bytes(struct reader *r, size_t size_max)
{
    uint32_t size = get_u32(r);
    if (size > size_max)
        r->failed = true;
    return get_slice(r, size);
}
