#include "client/copy_parts.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define WORD_BYTES_MAX 16

/* ---- the command's options ---- */

/* A token of SQL, as far as options of COPY need it: a word, a string's first character, or another
 * character. */
struct token {
    char word[WORD_BYTES_MAX]; /* in a string, too; "" if it is longer */
    bool is_string;
    char first; /* of a string: its first character, escapes undone */
};

static bool is_word_character(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static void keep_word(struct token *token, const char *text, size_t size)
{
    if (size >= sizeof token->word)
        return;
    memcpy(token->word, text, size);
    token->word[size] = '\0';
}

static char unescaped(const char *text, bool has_escapes)
{
    static const char letters[] = "bfnrt", meant[] = "\b\f\n\r\t";
    if (!has_escapes || text[0] != '\\')
        return text[0];
    const char *letter = text[1] != '\0' ? strchr(letters, text[1]) : NULL;
    return letter != NULL ? meant[letter - letters] : text[1];
}

/* Behind the string's closing quote. */
static const char *take_string(const char *at, bool has_escapes, struct token *ret)
{
    const char *from = ++at;
    ret->is_string = true;
    ret->first = unescaped(from, has_escapes);
    for (; *at != '\0'; at++) {
        if (has_escapes && *at == '\\' && at[1] != '\0')
            at++;
        else if (*at == '\'' && at[1] == '\'')
            at++;
        else if (*at == '\'')
            break;
    }
    keep_word(ret, from, (size_t)(at - from));
    return *at == '\0' ? at : at + 1;
}

static const char *skip_comment(const char *at)
{
    while (*at != '\0' && !(at[0] == '*' && at[1] == '/'))
        at++;
    return *at == '\0' ? at : at + 2;
}

static const char *skip_blanks(const char *at)
{
    for (;;) {
        if (isspace((unsigned char)*at)) {
            at++;
        } else if (at[0] == '-' && at[1] == '-') {
            at += strcspn(at, "\n");
        } else if (at[0] == '/' && at[1] == '*') {
            at = skip_comment(at + 2);
        } else {
            return at;
        }
    }
}

/* A name in double quotes is no option. */
static const char *skip_name(const char *at)
{
    size_t size = 1 + strcspn(at + 1, "\"");
    return at[size] == '\0' ? at + size : at + size + 1;
}

static const char *take_token(const char *at, struct token *ret)
{
    *ret = (struct token){0};
    if (*at == '\'')
        return take_string(at, false, ret);
    if ((*at == 'e' || *at == 'E') && at[1] == '\'')
        return take_string(at + 1, true, ret);
    if (*at == '"')
        return skip_name(at);
    if (!is_word_character(*at))
        return at + 1;
    const char *from = at;
    while (is_word_character(*at))
        at++;
    keep_word(ret, from, (size_t)(at - from));
    return at;
}

static bool word_is(const struct token *token, const char *word)
{
    return strcasecmp(token->word, word) == 0;
}

struct copy_format copy_format_of(const char *command)
{
    struct copy_format format = {.quote = '"'};
    struct token token, before = {0};
    char *wanted = NULL; /* what the next string says: QUOTE '…', QUOTE AS '…' */
    bool in_options = false;
    for (const char *at = skip_blanks(command); *at != '\0'; at = skip_blanks(at)) {
        at = take_token(at, &token);
        if (wanted != NULL && token.is_string)
            *wanted = token.first;
        if (!in_options)
            in_options = word_is(&token, "stdin");
        else if (word_is(&token, "csv") && (!token.is_string || word_is(&before, "format")))
            format.is_csv = true;
        if (!word_is(&token, "as"))
            wanted = NULL;
        if (in_options && !token.is_string && word_is(&token, "quote"))
            wanted = &format.quote;
        if (in_options && !token.is_string && word_is(&token, "escape"))
            wanted = &format.escape;
        before = token;
    }
    if (format.escape == '\0')
        format.escape = format.quote;
    return format;
}

/* ---- records ---- */

/* PostgreSQL's rule for text: a backslash takes the next character, a newline too. */
static size_t text_record(const char *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (data[i] == '\n')
            return i + 1;
        if (data[i] == '\\')
            i++;
    }
    return size;
}

/* … and for CSV. */
static size_t csv_record(const struct copy_format *format, const char *data, size_t size)
{
    char escape = format->escape == format->quote ? '\0' : format->escape;
    bool in_quotes = false, escaped = false;
    for (size_t i = 0; i < size; i++) {
        if (in_quotes && data[i] == escape)
            escaped = !escaped;
        if (data[i] == format->quote && !escaped)
            in_quotes = !in_quotes;
        if (data[i] != escape)
            escaped = false;
        if (data[i] == '\n' && !in_quotes)
            return i + 1;
    }
    return size;
}

static bool is_marker(const char *record, size_t size)
{
    while (size > 0 && (record[size - 1] == '\n' || record[size - 1] == '\r'))
        size--;
    return size == 2 && memcmp(record, "\\.", 2) == 0;
}

struct copy_part copy_part_first(
    const struct copy_format *format, const char *data, size_t size, size_t size_max)
{
    struct copy_part part = {.is_last = size == 0};
    while (!part.is_last) {
        const char *record = data + part.size;
        size_t left = size - part.size;
        /* what is longer than any part needs no search for its end */
        size_t looked_at = left < size_max + 1 ? left : size_max + 1;
        size_t record_size =
            format->is_csv ? csv_record(format, record, looked_at) : text_record(record, looked_at);
        if (record_size > size_max - part.size)
            return part;
        part.size += record_size;
        part.is_last = part.size == size || is_marker(record, record_size);
    }
    return part;
}
