/* The proxy's log: PostgreSQL-like lines on standard error, for a DBA to read and grep.
 *
 *     2026-11-20 08:34:34.123 UTC [4711] LOG:  replica 2: primary is replica 0
 *
 * A line is one write(2), so lines of several processes do not mix. Control characters are
 * replaced, because texts may come from clients. Never hand secrets (keys, conninfo passwords). */
#ifndef BYZ_PROXY_LOG_H
#define BYZ_PROXY_LOG_H

#include <stdbool.h>

enum log_level {
    LEVEL_INVALID = 0,
    LEVEL_DEBUG,
    LEVEL_LOG,     /* what a DBA wants to know */
    LEVEL_WARNING, /* what a DBA should look at */
    LEVEL_FATAL,   /* this process ends */
};

#define LOG_LINE_BYTES_MAX 2048

/* Lines below `level` are dropped. `replica` < 0 leaves the number out. */
void log_start(enum log_level level, int replica);
/* "debug", "log", "warning", "fatal"; LEVEL_INVALID for anything else. */
enum log_level log_level_parse(const char *name);

void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What to do about the line just written. */
void log_hint(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
