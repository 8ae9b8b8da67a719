/* One replica's byzproxy: starting and stopping it. */
#ifndef BYZ_CLIENT_CTL_PROXY_H
#define BYZ_CLIENT_CTL_PROXY_H

#include "client/ctl/ctl.h"
#include "client/ctl/process.h"

/* Starts it as a daemon with log and pid file; true at once if it runs. */
bool proxy_start(const struct ctl *ctl, const struct config *config, unsigned replica);
/* Stops it in order; true if it did not run. */
bool proxy_stop(const struct ctl *ctl, unsigned replica);
bool proxy_running(const struct ctl *ctl, unsigned replica, struct process_id *ret);

#endif
