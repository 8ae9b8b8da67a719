#include "proxy/json.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

struct json json_of(struct buffer *out)
{
    return (struct json){.out = out};
}

static void raw(struct json *j, const char *text)
{
    put_raw(j->out, text, strlen(text));
}

/* What stands before a value: the comma, and the key. */
static void introduce(struct json *j, const char *key)
{
    if (j->more[j->depth])
        raw(j, ",");
    j->more[j->depth] = true;
    if (!key)
        return;
    raw(j, "\"");
    raw(j, key);
    raw(j, "\":");
}

static void open_level(struct json *j, const char *key, const char *bracket)
{
    introduce(j, key);
    raw(j, bracket);
    j->depth++;
    assert(j->depth < JSON_DEPTH_MAX);
    j->more[j->depth] = false;
}

static void close_level(struct json *j, const char *bracket)
{
    assert(j->depth > 0);
    j->depth--;
    raw(j, bracket);
}

void json_object(struct json *j, const char *key)
{
    open_level(j, key, "{");
}

void json_object_end(struct json *j)
{
    close_level(j, "}");
}

void json_array(struct json *j, const char *key)
{
    open_level(j, key, "[");
}

void json_array_end(struct json *j)
{
    close_level(j, "]");
}

void json_number(struct json *j, const char *key, uint64_t value)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRIu64, value);
    introduce(j, key);
    raw(j, digits);
}

void json_bool(struct json *j, const char *key, bool value)
{
    introduce(j, key);
    raw(j, value ? "true" : "false");
}

void json_null(struct json *j, const char *key)
{
    introduce(j, key);
    raw(j, "null");
}

/* ---- strings ---- */

static bool is_continuation(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

/* Bytes of the character that begins here; 0: this is none (overlong forms, surrogates and what
 * lies beyond U+10FFFF are none either). */
static size_t character_size(struct slice text)
{
    uint8_t first = text.data[0];
    size_t size = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (size == 0 || first > 0xf4 || size > text.size)
        return 0;
    for (size_t i = 1; i < size; i++)
        if (!is_continuation(text.data[i]))
            return 0;
    uint8_t second = size > 1 ? text.data[1] : 0;
    bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
    bool beyond = (first == 0xed && second > 0x9f) || (first == 0xf4 && second > 0x8f);
    return overlong || beyond ? 0 : size;
}

static void put_ascii(struct json *j, uint8_t c)
{
    char escape[8];
    if (c == '"' || c == '\\')
        snprintf(escape, sizeof escape, "\\%c", c);
    else if (c == 0)
        snprintf(escape, sizeof escape, "%s", REPLACEMENT);
    else if (c < 0x20 || c == 0x7f)
        snprintf(escape, sizeof escape, "\\u%04x", (unsigned)c);
    else
        snprintf(escape, sizeof escape, "%c", c);
    raw(j, escape);
}

void json_slice(struct json *j, const char *key, struct slice value)
{
    introduce(j, key);
    raw(j, "\"");
    while (value.size > 0) {
        size_t size = character_size(value);
        if (size == 1)
            put_ascii(j, value.data[0]);
        else if (size == 0)
            raw(j, REPLACEMENT);
        else
            put_raw(j->out, value.data, size);
        size_t taken = size > 0 ? size : 1;
        value = slice_of(value.data + taken, value.size - taken);
    }
    raw(j, "\"");
}

void json_text(struct json *j, const char *key, const char *value)
{
    if (value)
        json_slice(j, key, slice_text(value));
    else
        json_null(j, key);
}
