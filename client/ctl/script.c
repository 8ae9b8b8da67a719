#include "client/ctl/script.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

struct script script_of(const char *text, size_t size)
{
    return (struct script){.at = text, .end = text + size, .line = 1};
}

static bool at_text(const struct script *s, const char *text)
{
    size_t size = strlen(text);
    return (size_t)(s->end - s->at) >= size && memcmp(s->at, text, size) == 0;
}

static void step(struct script *s)
{
    if (*s->at == '\n')
        s->line++;
    s->at++;
}

static void step_to(struct script *s, const char *to)
{
    while (s->at < to)
        step(s);
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || (c & 0x80);
}

/* ---- things that hide semicolons: each returns false when the script ends inside ---- */

static bool skip_line_comment(struct script *s)
{
    while (s->at < s->end && *s->at != '\n')
        s->at++;
    return true;
}

/* Block comments nest in SQL. */
static bool skip_block_comment(struct script *s)
{
    unsigned depth = 0;
    do {
        if (s->at >= s->end)
            return false;
        if (at_text(s, "/*")) {
            depth++;
            s->at += 2;
        } else if (at_text(s, "*/")) {
            depth--;
            s->at += 2;
        } else {
            step(s);
        }
    } while (depth > 0);
    return true;
}

/* A doubled quote is two quotes in a row to this function, which comes to the same. */
static bool skip_quoted(struct script *s, bool backslashes)
{
    char quote = *s->at;
    step(s);
    while (s->at < s->end) {
        bool escaped = backslashes && *s->at == '\\' && s->at + 1 < s->end;
        bool closes = *s->at == quote;
        if (escaped)
            step(s);
        step(s);
        if (closes)
            return true;
    }
    return false;
}

/* The length of a dollar quote's tag with both dollars, 0 if this is none ($1 is a parameter). */
static size_t dollar_tag(const struct script *s)
{
    const char *at = s->at + 1;
    if (at < s->end && isdigit((unsigned char)*at))
        return 0;
    while (at < s->end && is_word(*at))
        at++;
    return at < s->end && *at == '$' ? (size_t)(at - s->at) + 1 : 0;
}

static bool skip_dollar_quoted(struct script *s, size_t tag_size)
{
    const char *tag = s->at;
    const char *close =
        memmem(s->at + tag_size, (size_t)(s->end - s->at) - tag_size, tag, tag_size);
    step_to(s, close ? close + tag_size : s->end);
    return close != NULL;
}

/* ---- words ---- */

struct word {
    const char *text;
    size_t size;
};

static bool word_is(struct word w, const char *text)
{
    return strlen(text) == w.size && strncasecmp(w.text, text, w.size) == 0;
}

static struct word take_word(struct script *s)
{
    struct word w = {.text = s->at};
    while (s->at < s->end && (is_word(*s->at) || *s->at == '$'))
        s->at++;
    w.size = (size_t)(s->at - w.text);
    return w;
}

/* psql's rule for CREATE FUNCTION … BEGIN ATOMIC … END: semicolons inside do not end it. */
struct routine {
    unsigned words; /* seen so far, as far as they matter */
    bool creates;   /* CREATE [OR REPLACE] */
    bool routine;   /* … FUNCTION or PROCEDURE */
    unsigned depth; /* of BEGIN and CASE */
};

static void routine_word(struct routine *r, struct word w)
{
    r->words++;
    if (r->words == 1)
        r->creates = word_is(w, "create");
    else if (r->words <= 4 && r->creates && (word_is(w, "function") || word_is(w, "procedure")))
        r->routine = true;
    if (!r->routine)
        return;
    if (word_is(w, "begin") || (r->depth > 0 && word_is(w, "case")))
        r->depth++;
    else if (r->depth > 0 && word_is(w, "end"))
        r->depth--;
}

/* ---- statements ---- */

static bool skip_blanks_and_comments(struct script *s)
{
    while (s->at < s->end) {
        if (isspace((unsigned char)*s->at) || *s->at == ';') {
            step(s);
        } else if (at_text(s, "--")) {
            skip_line_comment(s);
        } else if (at_text(s, "/*")) {
            if (!skip_block_comment(s))
                return false;
        } else {
            return true;
        }
    }
    return true;
}

static bool skip_word(struct script *s, struct routine *routine)
{
    struct word w = take_word(s);
    bool escapes = word_is(w, "e") && s->at < s->end && *s->at == '\'';
    if (escapes)
        return skip_quoted(s, true);
    routine_word(routine, w);
    return true;
}

/* Over one token of a statement. */
static bool skip_token(struct script *s, struct routine *routine, int *brackets)
{
    size_t tag = *s->at == '$' ? dollar_tag(s) : 0;
    if (tag > 0)
        return skip_dollar_quoted(s, tag);
    if (is_word(*s->at))
        return skip_word(s, routine);
    if (at_text(s, "--"))
        return skip_line_comment(s);
    if (at_text(s, "/*"))
        return skip_block_comment(s);
    if (*s->at == '\'' || *s->at == '"')
        return skip_quoted(s, false);
    if (*s->at == '(')
        ++*brackets;
    else if (*s->at == ')' && *brackets > 0)
        --*brackets;
    step(s);
    return true;
}

/* To the semicolon or the end. */
static bool skip_statement(struct script *s)
{
    struct routine routine = {0};
    int brackets = 0;
    while (s->at < s->end) {
        if (*s->at == ';' && brackets == 0 && routine.depth == 0)
            return true;
        if (!skip_token(s, &routine, &brackets))
            return false;
    }
    return true;
}

/* BEGIN and its like, with no more behind it than WORK or TRANSACTION. Anything else that begins
 * so is left to the replicas, which refuse it with PostgreSQL's words. */
static enum script_kind classify(const char *text, size_t size)
{
    struct script s = script_of(text, size);
    struct word words[3] = {{0}};
    unsigned count = 0;
    while (count < 3 && skip_blanks_and_comments(&s) && s.at < s.end) {
        if (!is_word(*s.at))
            return SCRIPT_STATEMENT;
        words[count++] = take_word(&s);
    }
    bool alone = count == 1 ||
                 (count == 2 && (word_is(words[1], "work") || word_is(words[1], "transaction")));
    if (!alone)
        return SCRIPT_STATEMENT;
    if (word_is(words[0], "begin") || (count == 2 && word_is(words[0], "start")))
        return SCRIPT_BEGIN;
    if (word_is(words[0], "commit") || word_is(words[0], "end"))
        return SCRIPT_COMMIT;
    if (word_is(words[0], "rollback") || word_is(words[0], "abort"))
        return SCRIPT_ROLLBACK;
    return SCRIPT_STATEMENT;
}

/* COPY … FROM STDIN and COPY … TO STDOUT, outside brackets. */
static enum script_kind classify_copy(const char *text, size_t size)
{
    struct script s = script_of(text, size);
    struct routine none = {0};
    struct word before = {0};
    int brackets = 0;
    if (!word_is(take_word(&s), "copy"))
        return SCRIPT_STATEMENT;
    while (s.at < s.end) {
        struct script ahead = s;
        struct word w = take_word(&ahead);
        if (brackets == 0 && word_is(before, "from") && word_is(w, "stdin"))
            return SCRIPT_COPY_IN;
        if (brackets == 0 && word_is(before, "to") && word_is(w, "stdout"))
            return SCRIPT_COPY_OUT;
        if (w.size > 0)
            before = w;
        (void)skip_token(&s, &none, &brackets);
    }
    return SCRIPT_STATEMENT;
}

/* The data begins with the next line. */
static void take_data(struct script *s, struct script_statement *ret)
{
    skip_line_comment(s);
    if (s->at < s->end)
        step(s);
    ret->data = s->at;
    while (s->at < s->end) {
        const char *line = s->at;
        skip_line_comment(s);
        size_t size = (size_t)(s->at - line);
        bool is_end = (size == 2 || (size == 3 && line[2] == '\r')) && memcmp(line, "\\.", 2) == 0;
        ret->data_size = (size_t)((is_end ? line : s->at) - ret->data);
        if (s->at < s->end)
            step(s);
        if (is_end)
            return;
        ret->data_size = (size_t)(s->at - ret->data);
    }
}

bool script_next(struct script *s, struct script_statement *ret)
{
    unsigned line = s->line;
    const char *from = s->at;
    if (!skip_blanks_and_comments(s)) {
        *ret = (struct script_statement){
            .kind = SCRIPT_UNFINISHED, .text = from, .size = (size_t)(s->end - from), .line = line};
        return true;
    }
    if (s->at >= s->end)
        return false;
    *ret = (struct script_statement){.text = s->at, .line = s->line};
    if (*s->at == '\\') {
        skip_line_comment(s);
        ret->kind = SCRIPT_META;
    } else if (!skip_statement(s)) {
        ret->kind = SCRIPT_UNFINISHED;
    }
    ret->size = (size_t)(s->at - ret->text);
    if (s->at < s->end)
        step(s);
    if (ret->kind == SCRIPT_INVALID)
        ret->kind = classify(ret->text, ret->size);
    if (ret->kind == SCRIPT_STATEMENT)
        ret->kind = classify_copy(ret->text, ret->size);
    if (ret->kind == SCRIPT_COPY_IN)
        take_data(s, ret);
    return true;
}
