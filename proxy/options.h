/* The command line and the environment of byzproxy. */
#ifndef BYZ_PROXY_OPTIONS_H
#define BYZ_PROXY_OPTIONS_H

#include "proxy/log.h"

#include <stdbool.h>
#include <stddef.h>

struct options {
    const char *config;
    int replica;
    const char *key;
    const char *store;
    const char *postgres;
    const char *pid_file;    /* NULL: none */
    const char *status_file; /* NULL: none */
    unsigned store_gib;
    bool lost_log;
    enum log_level log_level;
};

enum options_result {
    OPTIONS_INVALID = 0, /* ret_error says why */
    OPTIONS_RUN,
    OPTIONS_HELP,
    OPTIONS_VERSION,
};

/* Strings are borrowed from argv and the environment. */
enum options_result options_parse(
    int argc, char **argv, struct options *ret, char *ret_error, size_t error_size);
extern const char options_help[];

#endif
