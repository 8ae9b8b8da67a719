/* What a faulty client does instead of asking properly. */
#ifndef BYZ_TESTS_SIM_CLIENT_TRICKS_H
#define BYZ_TESTS_SIM_CLIENT_TRICKS_H

struct sim;

/* One deed, whenever its timer comes. */
void client_trick(struct sim *sim, unsigned client);

#endif
