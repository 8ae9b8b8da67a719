/* PostgreSQL's lexical rules, as far as they tell words from the rest: standard_conforming_strings
 * is on in every cluster. */
#include "common/statement_order.h"

#include <string.h>

struct scanner {
    const uint8_t *at;
    const uint8_t *end;
    unsigned depth; /* of parentheses */
    bool after_order;
    bool found;
};

static bool is_word_start(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}

static bool is_word_part(uint8_t c)
{
    return is_word_start(c) || (c >= '0' && c <= '9') || c == '$';
}

static bool starts_with(const struct scanner *s, char first, char second)
{
    return s->end - s->at >= 2 && s->at[0] == (uint8_t)first && s->at[1] == (uint8_t)second;
}

static void skip_line(struct scanner *s)
{
    while (s->at < s->end && *s->at != '\n' && *s->at != '\r')
        s->at++;
}

/* They nest. */
static void skip_comment(struct scanner *s)
{
    unsigned depth = 0;
    do {
        if (starts_with(s, '/', '*')) {
            depth++;
            s->at += 2;
        } else if (starts_with(s, '*', '/')) {
            depth--;
            s->at += 2;
        } else {
            s->at++;
        }
    } while (depth > 0 && s->at < s->end);
}

/* A quote inside is written twice, or behind a backslash in E'…'. */
static void skip_quoted(struct scanner *s, bool has_escapes)
{
    uint8_t quote = *s->at++;
    while (s->at < s->end) {
        uint8_t c = *s->at++;
        if (c == '\\' && has_escapes && s->at < s->end)
            s->at++;
        else if (c == quote && s->at < s->end && *s->at == quote)
            s->at++;
        else if (c == quote)
            return;
    }
}

/* The length of $tag$ here, or 0. */
static size_t dollar_tag(const struct scanner *s)
{
    const uint8_t *at = s->at + 1;
    if (at < s->end && is_word_start(*at))
        while (at < s->end && is_word_part(*at) && *at != '$')
            at++;
    return at < s->end && *at == '$' ? (size_t)(at + 1 - s->at) : 0;
}

static void skip_dollars(struct scanner *s)
{
    size_t size = dollar_tag(s);
    const uint8_t *tag = s->at;
    s->at += size > 0 ? size : 1;
    if (size == 0)
        return;
    while ((size_t)(s->end - s->at) >= size) {
        if (memcmp(s->at, tag, size) == 0) {
            s->at += size;
            return;
        }
        s->at++;
    }
    s->at = s->end;
}

static bool word_is(const uint8_t *word, size_t size, const char *wanted)
{
    if (size != strlen(wanted))
        return false;
    for (size_t i = 0; i < size; i++)
        if ((word[i] | 0x20) != (uint8_t)wanted[i])
            return false;
    return true;
}

static void take_word(struct scanner *s)
{
    const uint8_t *word = s->at;
    while (s->at < s->end && is_word_part(*s->at))
        s->at++;
    size_t size = (size_t)(s->at - word);
    bool was_after_order = s->after_order;
    s->after_order = s->depth == 0 && word_is(word, size, "order");
    s->found = s->found || (was_after_order && s->depth == 0 && word_is(word, size, "by"));
    if (s->at < s->end && *s->at == '\'' && word_is(word, size, "e"))
        skip_quoted(s, true);
}

static void take_symbol(struct scanner *s)
{
    uint8_t c = *s->at;
    s->after_order = false;
    if (c == '\'' || c == '"') {
        skip_quoted(s, false);
        return;
    }
    if (c == '$') {
        skip_dollars(s);
        return;
    }
    if (c == '(')
        s->depth++;
    if (c == ')' && s->depth > 0)
        s->depth--;
    s->at++;
}

/* 1order is a number and a word; what PostgreSQL makes of it does not matter here. */
static void take(struct scanner *s)
{
    uint8_t c = *s->at;
    if (c == ' ' || (c >= '\t' && c <= '\r'))
        s->at++;
    else if (starts_with(s, '-', '-'))
        skip_line(s);
    else if (starts_with(s, '/', '*'))
        skip_comment(s);
    else if (is_word_start(c))
        take_word(s);
    else
        take_symbol(s);
}

bool statement_is_ordered(struct slice text)
{
    struct scanner s = {.at = text.data, .end = text.data + text.size};
    while (s.at < s.end && !s.found)
        take(&s);
    return s.found;
}
