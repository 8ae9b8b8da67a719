/* Liveness: once the network calms, every correct client is served within a bound of virtual time,
 * and all correct replicas have executed all that is final. */
#ifndef BYZ_TESTS_SIM_CHECK_PROGRESS_H
#define BYZ_TESTS_SIM_CHECK_PROGRESS_H

#include <stdbool.h>

struct sim;

/* Whether the run is over. */
bool check_progress_audit(struct sim *sim);

#endif
