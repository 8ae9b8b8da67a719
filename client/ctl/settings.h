/* The PostgreSQL settings that must be equal on all replicas: read from a file in the syntax of
 * postgresql.conf (sql/postgresql.byzantium.conf) into the cluster's configuration. */
#ifndef BYZ_CLIENT_CTL_SETTINGS_H
#define BYZ_CLIENT_CTL_SETTINGS_H

#include "common/config.h"

/* Reads one line. 1: a setting, stored in *ret; 0: nothing but blanks and comment; -1: malformed.
 */
int settings_parse_line(const char *line, struct config_setting *ret);
/* Adds the file's settings to config. False with a message that names file and line. */
bool settings_load(struct config *config, const char *path, char *ret_error, size_t error_size);
/* Adds one, or replaces the value of one that is there. False when there is no room for it. */
bool settings_add(struct config *config, const char *name, const char *value);

#endif
