#include "client/error.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void error_clear(struct error *error)
{
    memcpy(error->sqlstate, SQLSTATE_SUCCESS, 6);
    error->message[0] = '\0';
}

void error_set(struct error *error, const char *sqlstate, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    /* Two bytes less than there are: for the newline. */
    vsnprintf(error->message, sizeof error->message - 1, format, arguments);
    va_end(arguments);
    size_t size = strlen(error->message);
    if (size == 0 || error->message[size - 1] != '\n')
        memcpy(error->message + size, "\n", 2);
    assert(strlen(sqlstate) == 5);
    memcpy(error->sqlstate, sqlstate, 6);
}

/* ---- suspicions ---- */

/* The graver, the higher. A proven wrong answer must not be hidden by a late one. */
static int gravity(byz_suspicion_type type)
{
    switch (type) {
    case BYZ_SUSPICION_NONE:
        return 0;
    case BYZ_SUSPICION_SILENT:
        return 1;
    case BYZ_SUSPICION_UNCONFIRMED:
        return 2;
    case BYZ_SUSPICION_PROTOCOL:
        return 3;
    case BYZ_SUSPICION_WRONG_REPLY:
        return 4;
    case BYZ_SUSPICION_WRONG_RESULT:
        return 5;
    }
    return 0;
}

void suspicion_clear(struct suspicion *suspicion)
{
    *suspicion = (struct suspicion){.replica = -1};
}

void suspicion_note(
    struct suspicion *suspicion, unsigned replica, byz_suspicion_type type, const char *format, ...)
{
    if (gravity(type) <= gravity(suspicion->type))
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(suspicion->message, sizeof suspicion->message, format, arguments);
    va_end(arguments);
    suspicion->replica = (int)replica;
    suspicion->type = type;
}

/* ---- texts from outside ---- */

static bool is_control(uint8_t c)
{
    return (c < ' ' && c != '\n' && c != '\t') || c == 0x7f;
}

/* The largest part of `text` up to size_max bytes that ends between two UTF-8 characters. */
static size_t cut(struct slice text, size_t size_max)
{
    if (text.size <= size_max)
        return text.size;
    size_t size = size_max;
    while (size > 0 && (text.data[size] & 0xc0) == 0x80)
        size--;
    return size;
}

void text_copy(char *out, size_t out_size, struct slice text)
{
    assert(out_size > 0);
    size_t size = cut(text, out_size - 1);
    for (size_t i = 0; i < size; i++)
        out[i] = is_control(text.data[i]) ? '?' : (char)text.data[i];
    out[size] = '\0';
}

void text_excerpt(char *out, size_t out_size, struct slice statement)
{
    static const char ellipsis[] = "…";
    assert(out_size > sizeof ellipsis);
    if (statement.size < out_size) {
        text_copy(out, out_size, statement);
    } else {
        text_copy(out, out_size - sizeof ellipsis + 1, statement);
        memcpy(out + strlen(out), ellipsis, sizeof ellipsis);
    }
    for (char *c = out; *c != '\0'; c++)
        if (*c == '\n' || *c == '\t')
            *c = ' ';
}
