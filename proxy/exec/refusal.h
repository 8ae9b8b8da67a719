/* Answers to operations that PostgreSQL does not get to see. */
#ifndef BYZ_PROXY_EXEC_REFUSAL_H
#define BYZ_PROXY_EXEC_REFUSAL_H

#include "proxy/exec/exec.h"

/* Sends RESULT_END with an error. Dropped if the link does not take it: the client asks again. */
void refusal_send(const struct exec_ops *ops, unsigned client, struct result_key key,
    const char sqlstate[static 5], const char *text);

#endif
