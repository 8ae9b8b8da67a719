/* What the parts of the configuration share: the table of limits, and the checks that need the
 * whole. */
#ifndef BYZ_COMMON_CONFIG_INTERNAL_H
#define BYZ_COMMON_CONFIG_INTERNAL_H

#include "common/config.h"

/* One numeric option of the section "cluster". */
struct config_limit {
    const char *name;
    size_t offset; /* of the unsigned in struct config */
    unsigned initial;
    unsigned minimum;
    unsigned maximum;
    const char *help; /* one line for the file that byzctl writes */
};

#define CONFIG_LIMITS 19
extern const struct config_limit config_limits[CONFIG_LIMITS];

unsigned config_limit_get(const struct config *config, const struct config_limit *limit);
void config_limit_set(struct config *config, const struct config_limit *limit, unsigned value);

/* What is wrong with a configuration, and where. */
enum config_place { PLACE_CLUSTER, PLACE_REPLICA, PLACE_CLIENT, PLACE_SETTING };
struct config_problem {
    enum config_place place;
    unsigned index;     /* of the replica, client or setting */
    const char *option; /* of the cluster; NULL: none in particular */
    const char *other;  /* the option that it contradicts, or NULL */
    char text[256];
};

/* Everything that can be checked without the file. True when all is well. */
bool config_check(const struct config *config, struct config_problem *ret);

/* The form of names. */
bool config_is_name(const char *text);         /* clusters, clients: they become file names */
bool config_is_setting_name(const char *text); /* PostgreSQL's parameters */
bool config_is_host(const char *text);
bool config_is_printable(const char *text); /* not empty, no control characters */

/* Sorts the settings and computes the digest of a checked configuration. False: out of memory. */
bool config_seal(struct config *config);

#endif
