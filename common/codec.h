/* Canonical encoding of integers and byte strings, bounded in both directions.
 *
 * Integers are big-endian and of fixed width; a byte string is a 32-bit length and the bytes. There
 * is exactly one encoding of a value, because signatures and digests cover encoded bytes.
 *
 * Errors are sticky: after the first failure a reader yields zeros and empty slices, a writer
 * writes nothing, and one check at the end is enough. Neither ever reads or writes out of bounds.
 */
#ifndef BYZ_COMMON_CODEC_H
#define BYZ_COMMON_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that somebody else owns (borrowed). An empty slice may have NULL data. */
struct slice {
    const uint8_t *data;
    size_t size;
};

struct slice slice_of(const void *data, size_t size);
struct slice slice_text(const char *text);
bool slice_equal(struct slice a, struct slice b);

/* A growing byte buffer with a ceiling. Zero-initialise with BUFFER_INIT(max) or buffer_init. */
struct buffer {
    uint8_t *data;
    size_t size;
    size_t capacity;
    size_t size_max;
    bool failed; /* an append would have exceeded size_max, or memory ran out */
};

#define BUFFER_INIT(max) ((struct buffer){.size_max = (max)})

void buffer_init(struct buffer *b, size_t size_max);
/* Makes room for `capacity` bytes (at most size_max) now, so that later appends do not allocate.
 * Returns false when memory ran out. */
bool buffer_reserve(struct buffer *b, size_t capacity);
/* Forgets the content and the failure, keeps the memory. */
void buffer_clear(struct buffer *b);
void buffer_free(struct buffer *b);
struct slice buffer_slice(const struct buffer *b);

void put_u8(struct buffer *b, uint8_t value);
void put_u16(struct buffer *b, uint16_t value);
void put_u32(struct buffer *b, uint32_t value);
void put_u64(struct buffer *b, uint64_t value);
void put_bool(struct buffer *b, bool value);
void put_raw(struct buffer *b, const void *data, size_t size); /* no length */
void put_bytes(struct buffer *b, struct slice bytes);          /* u32 length, bytes */

struct reader {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
};

struct reader reader_of(struct slice bytes);
uint8_t get_u8(struct reader *r);
uint16_t get_u16(struct reader *r);
uint32_t get_u32(struct reader *r);
uint64_t get_u64(struct reader *r);
bool get_bool(struct reader *r);                           /* anything but 0 and 1 fails */
void get_raw(struct reader *r, void *out, size_t size);    /* zeros on failure */
struct slice get_slice(struct reader *r, size_t size);     /* exactly size bytes, borrowed */
struct slice get_bytes(struct reader *r, size_t size_max); /* u32 length <= size_max, borrowed */
size_t reader_left(const struct reader *r);
/* True when nothing failed and nothing is left: trailing bytes make an encoding invalid. */
bool reader_done(const struct reader *r);

#endif
