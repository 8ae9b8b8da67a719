/* The connection string: libpq's "keyword = value" syntax, environment variables, defaults.
 *
 * Values may stand in single quotes; a backslash takes the next character literally. A keyword
 * that the string does not name comes from the environment, then from its default. */
#ifndef BYZ_CLIENT_CONNINFO_H
#define BYZ_CLIENT_CONNINFO_H

#include <stdbool.h>
#include <stddef.h>

enum conninfo_keyword {
    CONNINFO_CONFIG,
    CONNINFO_CLIENT,
    CONNINFO_KEY,
    CONNINFO_COORDINATOR,
    CONNINFO_CONNECT_TIMEOUT,
    CONNINFO_REQUEST_TIMEOUT,
    CONNINFO_OPERATION_TIMEOUT,
    CONNINFO_READS,
};
#define CONNINFO_KEYWORDS 8

/* Who coordinates a transaction when byz_begin is not told. */
enum coordinator_policy {
    COORDINATOR_INVALID = 0,
    COORDINATOR_RANDOM,
    COORDINATOR_ROUND_ROBIN,
    COORDINATOR_FIXED,
};

struct conninfo {
    char *values[CONNINFO_KEYWORDS]; /* owned; every one is set after conninfo_parse */
    enum coordinator_policy policy;
    unsigned coordinator; /* COORDINATOR_FIXED */
    unsigned connect_timeout_s;
    unsigned request_timeout_s;
    unsigned operation_timeout_s;
    bool reads; /* ordered requests wait for 2f+1 equal replies */
};

/* Returns false with a message that names the keyword, or an empty message when memory ran out.
 * `ret` needs conninfo_free only after success. */
bool conninfo_parse(const char *text, struct conninfo *ret, char *ret_error, size_t error_size);
void conninfo_free(struct conninfo *info);

#endif
