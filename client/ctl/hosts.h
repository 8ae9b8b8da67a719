/* Addresses of replicas as byzctl init --hosts takes them: "one:7400,two:7400,[::1]:7400,…". */
#ifndef BYZ_CLIENT_CTL_HOSTS_H
#define BYZ_CLIENT_CTL_HOSTS_H

#include "common/config.h"

/* Stores the addresses in config->replicas and their number in *ret_count. False with a message. */
bool hosts_parse(struct config *config, const char *text, unsigned *ret_count, char *ret_error,
    size_t error_size);

#endif
