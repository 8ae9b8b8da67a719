#include "client/conninfo.h"

#include "common/limits.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_S_MAX 86400

/* In the order of enum conninfo_keyword. A keyword without a default must be given. */
static const struct keyword {
    const char *name;
    const char *environment;
    const char *standard;
} keywords[CONNINFO_KEYWORDS] = {
    [CONNINFO_CONFIG] = {"config", "BYZCONFIG", NULL},
    [CONNINFO_CLIENT] = {"client", "BYZCLIENT", NULL},
    [CONNINFO_KEY] = {"key", "BYZKEY", NULL},
    [CONNINFO_COORDINATOR] = {"coordinator", "BYZCOORDINATOR", "random"},
    [CONNINFO_CONNECT_TIMEOUT] = {"connect_timeout", "BYZCONNECT_TIMEOUT", "10"},
    [CONNINFO_REQUEST_TIMEOUT] = {"request_timeout", "BYZREQUEST_TIMEOUT", "30"},
    [CONNINFO_OPERATION_TIMEOUT] = {"operation_timeout", "BYZOPERATION_TIMEOUT", "10"},
    [CONNINFO_READS] = {"reads", "BYZREADS", "off"},
};

struct message {
    char *text;
    size_t size;
};

__attribute__((format(printf, 2, 3))) static bool refuse(
    struct message out, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(out.text, out.size, format, arguments);
    va_end(arguments);
    return false;
}

static const char *skip_spaces(const char *at)
{
    while (isspace((unsigned char)*at))
        at++;
    return at;
}

/* ---- one "keyword = value" ---- */

static int keyword_find(const char *name, size_t size)
{
    for (int k = 0; k < CONNINFO_KEYWORDS; k++)
        if (strlen(keywords[k].name) == size && memcmp(keywords[k].name, name, size) == 0)
            return k;
    return -1;
}

/* Reads a keyword and its "=". */
static bool take_keyword(const char **at, int *ret_keyword, struct message error)
{
    const char *begin = *at;
    size_t size = strcspn(begin, "= \t\r\n\v\f");
    const char *after = skip_spaces(begin + size);
    if (*after != '=')
        return refuse(
            error, "missing \"=\" after \"%.*s\" in the connection string", (int)size, begin);
    int keyword = keyword_find(begin, size);
    if (keyword < 0)
        return refuse(error, "unknown keyword \"%.*s\" in the connection string", (int)size, begin);
    *ret_keyword = keyword;
    *at = skip_spaces(after + 1);
    return true;
}

/* Unescapes a value into `out`, which has room for the whole rest of the string. */
static bool take_value(const char **at, char *out, struct message error)
{
    const char *from = *at;
    bool quoted = *from == '\'';
    if (quoted)
        from++;
    while (*from != '\0' && (quoted ? *from != '\'' : !isspace((unsigned char)*from))) {
        if (*from == '\\' && from[1] != '\0')
            from++;
        *out++ = *from++;
    }
    *out = '\0';
    if (quoted && *from != '\'')
        return refuse(error, "unterminated quoted value in the connection string");
    *at = quoted ? from + 1 : from;
    return true;
}

static bool set_value(struct conninfo *info, int keyword, const char *value)
{
    char *copy = strdup(value);
    if (copy == NULL)
        return false;
    free(info->values[keyword]); /* as in libpq, the last one counts */
    info->values[keyword] = copy;
    return true;
}

static bool parse_text(const char *text, struct conninfo *info, struct message error)
{
    char *value = malloc(strlen(text) + 1);
    bool good = value != NULL;
    const char *at = skip_spaces(text);
    while (good && *at != '\0') {
        int keyword = -1;
        good = take_keyword(&at, &keyword, error) && take_value(&at, value, error) &&
               set_value(info, keyword, value);
        at = skip_spaces(at);
    }
    free(value);
    return good;
}

/* ---- environment and defaults ---- */

static bool complete(struct conninfo *info, struct message error)
{
    for (int k = 0; k < CONNINFO_KEYWORDS; k++) {
        const char *value = info->values[k];
        if (value == NULL)
            value = getenv(keywords[k].environment);
        if (value == NULL)
            value = keywords[k].standard;
        if (value == NULL || *value == '\0')
            return refuse(error, "\"%s\" is needed: name it in the connection string or in %s",
                keywords[k].name, keywords[k].environment);
        if (info->values[k] == NULL && !set_value(info, k, value))
            return false;
    }
    return true;
}

/* ---- meanings ---- */

static bool parse_number(const char *text, unsigned long max, unsigned *ret)
{
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (!isdigit((unsigned char)*text) || *end != '\0' || errno != 0 || value > max)
        return false;
    *ret = (unsigned)value;
    return true;
}

static bool interpret_timeout(
    const struct conninfo *info, int keyword, unsigned *ret, struct message error)
{
    if (parse_number(info->values[keyword], TIMEOUT_S_MAX, ret) && *ret > 0)
        return true;
    return refuse(error, "%s must be a number of seconds between 1 and %d, not \"%s\"",
        keywords[keyword].name, TIMEOUT_S_MAX, info->values[keyword]);
}

static bool interpret_coordinator(struct conninfo *info, struct message error)
{
    const char *text = info->values[CONNINFO_COORDINATOR];
    if (strcmp(text, "random") == 0)
        info->policy = COORDINATOR_RANDOM;
    else if (strcmp(text, "round-robin") == 0)
        info->policy = COORDINATOR_ROUND_ROBIN;
    else if (parse_number(text, REPLICAS_MAX - 1, &info->coordinator))
        info->policy = COORDINATOR_FIXED;
    else
        return refuse(error,
            "coordinator must be \"random\", \"round-robin\" or a replica's number, not \"%s\"",
            text);
    return true;
}

static bool interpret_reads(struct conninfo *info, struct message error)
{
    const char *text = info->values[CONNINFO_READS];
    info->reads = strcmp(text, "on") == 0;
    if (!info->reads && strcmp(text, "off") != 0)
        return refuse(error, "reads must be \"on\" or \"off\", not \"%s\"", text);
    return true;
}

static bool interpret(struct conninfo *info, struct message error)
{
    return interpret_coordinator(info, error) && interpret_reads(info, error) &&
           interpret_timeout(info, CONNINFO_CONNECT_TIMEOUT, &info->connect_timeout_s, error) &&
           interpret_timeout(info, CONNINFO_REQUEST_TIMEOUT, &info->request_timeout_s, error) &&
           interpret_timeout(info, CONNINFO_OPERATION_TIMEOUT, &info->operation_timeout_s, error);
}

bool conninfo_parse(const char *text, struct conninfo *ret, char *ret_error, size_t error_size)
{
    struct message error = {ret_error, error_size};
    struct conninfo info = {0};
    ret_error[0] = '\0';
    if (parse_text(text, &info, error) && complete(&info, error) && interpret(&info, error)) {
        *ret = info;
        return true;
    }
    conninfo_free(&info);
    return false;
}

void conninfo_free(struct conninfo *info)
{
    for (int k = 0; k < CONNINFO_KEYWORDS; k++) {
        free(info->values[k]);
        info->values[k] = NULL;
    }
}
