/* The limits of cluster.conf by name, for `byzctl init --set`. */
#ifndef BYZ_CLIENT_CTL_LIMITS_TABLE_H
#define BYZ_CLIENT_CTL_LIMITS_TABLE_H

#include "common/config.h"

/* Sets one from "name=number". False after saying what is wrong; whether the number makes sense is
 * config_load's to say. */
bool limits_set(struct config *config, const char *text);

#endif
