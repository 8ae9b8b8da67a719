/* What the replicas say of themselves, asked over the network, and the table of it. */
#ifndef BYZ_CLIENT_CTL_OVERVIEW_H
#define BYZ_CLIENT_CTL_OVERVIEW_H

#include "client/ctl/ctl.h"

#define STATUS_BYTES_MAX 8192

struct replica_view {
    bool reached;
    char text[STATUS_BYTES_MAX]; /* "name=value" lines if reached, else why it was not */
};

struct overview {
    unsigned replica_count;
    unsigned ready; /* replicas that execute */
    struct replica_view replicas[REPLICAS_MAX];
};

/* Asks every replica, as client admin. False after saying why no question was possible. */
bool overview_ask(const struct ctl *ctl, const struct config *config, struct overview *ret);
/* Copies the value of `name` in a status text; false and "" if it is not there. */
bool overview_value(const char *text, const char *name, char *out, size_t size);
unsigned long long overview_number(const char *text, const char *name);
bool overview_is_ready(const struct replica_view *view);
void overview_print(const struct overview *overview);

#endif
