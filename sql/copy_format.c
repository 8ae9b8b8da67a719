#include "sql/copy_format.h"

/* ---- text ---- */

/* The letter that stands for a control character behind a backslash, or 0. */
static char escape_letter(char c)
{
    switch (c) {
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    case '\v':
        return 'v';
    default:
        return '\0';
    }
}

static void put_text(StringInfo out, const char *text, char delimiter)
{
    for (; *text != '\0'; text++) {
        char letter = escape_letter(*text);
        if (letter != '\0' || *text == '\\' || *text == delimiter)
            appendStringInfoChar(out, '\\');
        appendStringInfoChar(out, letter != '\0' ? letter : *text);
    }
}

/* ---- CSV ---- */

static bool needs_quotes(const char *text, const CopyFormatOptions *options, bool is_single)
{
    const char special[] = {options->delim[0], options->quote[0], '\n', '\r', '\0'};
    if (strcmp(text, options->null_print) == 0)
        return true;
    /* alone on its line it would end the data */
    return (is_single && strcmp(text, "\\.") == 0) || strpbrk(text, special) != NULL;
}

static void put_quoted(StringInfo out, const char *text, const CopyFormatOptions *options)
{
    char quote = options->quote[0], escape = options->escape[0];
    appendStringInfoChar(out, quote);
    for (; *text != '\0'; text++) {
        if (*text == quote || *text == escape)
            appendStringInfoChar(out, escape);
        appendStringInfoChar(out, *text);
    }
    appendStringInfoChar(out, quote);
}

static void put_csv(StringInfo out, const struct copy_field *field,
    const CopyFormatOptions *options, bool is_single)
{
    if (field->is_quoted || needs_quotes(field->text, options, is_single))
        put_quoted(out, field->text, options);
    else
        appendStringInfoString(out, field->text);
}

void copy_format_row(
    StringInfo out, const CopyFormatOptions *options, const struct copy_field *fields, int count)
{
    for (int i = 0; i < count; i++) {
        if (i > 0)
            appendStringInfoChar(out, options->delim[0]);
        if (fields[i].text == NULL)
            appendStringInfoString(out, options->null_print);
        else if (options->csv_mode)
            put_csv(out, &fields[i], options, count == 1);
        else
            put_text(out, fields[i].text, options->delim[0]);
    }
}
