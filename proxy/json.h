/* Writing JSON into a bounded buffer.
 *
 * Whatever the strings hold, what comes out is valid JSON that PostgreSQL's jsonb takes: bytes that
 * are no UTF-8 and U+0000, which jsonb refuses, come out as U+FFFD. A buffer that is too small
 * fails (buffer.failed) and then holds an incomplete text: check once at the end. */
#ifndef BYZ_PROXY_JSON_H
#define BYZ_PROXY_JSON_H

#include "common/codec.h"

#define JSON_DEPTH_MAX 8

struct json {
    struct buffer *out; /* borrowed */
    unsigned depth;
    bool more[JSON_DEPTH_MAX]; /* a value stands before, on this level */
};

struct json json_of(struct buffer *out);

/* `key` is NULL in arrays and at the top. Keys are our own: plain ASCII that needs no escaping. */
void json_object(struct json *j, const char *key);
void json_object_end(struct json *j);
void json_array(struct json *j, const char *key);
void json_array_end(struct json *j);

void json_number(struct json *j, const char *key, uint64_t value);
void json_bool(struct json *j, const char *key, bool value);
void json_null(struct json *j, const char *key);
void json_text(struct json *j, const char *key, const char *value); /* NULL writes null */
void json_slice(struct json *j, const char *key, struct slice value);

#endif
