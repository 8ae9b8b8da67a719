/* Taking one replica's dump. */
#ifndef BYZ_CLIENT_CTL_DUMP_H
#define BYZ_CLIENT_CTL_DUMP_H

#include "client/ctl/ctl.h"

/* Appends the output of pg_dump to `out`. False after saying why there is none. */
bool dump_take(
    const struct ctl *ctl, const struct config *config, unsigned replica, struct buffer *out);

#define DUMP_BYTES_MAX ((size_t)8 << 30)

#endif
