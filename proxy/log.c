#include "proxy/log.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static enum log_level level_least = LEVEL_LOG;
static int replica_shown = -1;

void log_start(enum log_level level, int replica)
{
    assert(level != LEVEL_INVALID);
    level_least = level;
    replica_shown = replica;
}

enum log_level log_level_parse(const char *name)
{
    static const struct {
        const char *name;
        enum log_level level;
    } table[] = {{"debug", LEVEL_DEBUG}, {"log", LEVEL_LOG}, {"warning", LEVEL_WARNING},
        {"fatal", LEVEL_FATAL}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strcmp(name, table[i].name) == 0)
            return table[i].level;
    return LEVEL_INVALID;
}

static const char *level_word(enum log_level level)
{
    switch (level) {
    case LEVEL_DEBUG:
        return "DEBUG";
    case LEVEL_LOG:
        return "LOG";
    case LEVEL_WARNING:
        return "WARNING";
    case LEVEL_FATAL:
        return "FATAL";
    case LEVEL_INVALID:
        break;
    }
    assert(!"a log level");
    return "";
}

/* Appends to a line that is cut, never overrun; returns its new length. */
__attribute__((format(printf, 3, 0))) static size_t line_add(
    char line[static LOG_LINE_BYTES_MAX], size_t length, const char *format, va_list arguments)
{
    if (length >= LOG_LINE_BYTES_MAX - 1)
        return length;
    int added = vsnprintf(line + length, LOG_LINE_BYTES_MAX - length, format, arguments);
    if (added < 0)
        return length;
    size_t room = LOG_LINE_BYTES_MAX - 1 - length;
    return length + ((size_t)added < room ? (size_t)added : room);
}

__attribute__((format(printf, 3, 4))) static size_t line_format(
    char line[static LOG_LINE_BYTES_MAX], size_t length, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    length = line_add(line, length, format, arguments);
    va_end(arguments);
    return length;
}

static size_t line_begin(char line[static LOG_LINE_BYTES_MAX], const char *word)
{
    struct timespec now;
    struct tm utc;
    char stamp[32];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S", &utc);
    size_t length = line_format(
        line, 0, "%s.%03ld UTC [%ld] %s:  ", stamp, now.tv_nsec / 1000000, (long)getpid(), word);
    if (replica_shown >= 0)
        length = line_format(line, length, "replica %d: ", replica_shown);
    return length;
}

static void line_end(char line[static LOG_LINE_BYTES_MAX], size_t length)
{
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    line[length++] = '\n';
    /* A log that cannot be written (a full disk) is no reason to stop serving. */
    ssize_t written = write(STDERR_FILENO, line, length);
    (void)written;
}

void log_line(enum log_level level, const char *format, ...)
{
    if (level < level_least)
        return;
    char line[LOG_LINE_BYTES_MAX];
    size_t length = line_begin(line, level_word(level));
    va_list arguments;
    va_start(arguments, format);
    length = line_add(line, length, format, arguments);
    va_end(arguments);
    line_end(line, length);
}

void log_hint(const char *format, ...)
{
    char line[LOG_LINE_BYTES_MAX];
    size_t length = line_begin(line, "HINT");
    va_list arguments;
    va_start(arguments, format);
    length = line_add(line, length, format, arguments);
    va_end(arguments);
    line_end(line, length);
}
