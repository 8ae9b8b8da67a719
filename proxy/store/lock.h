/* One process owns a store: an advisory lock on the file LOCK, released by the kernel when the
 * process ends, however it ends. */
#ifndef BYZ_PROXY_STORE_LOCK_H
#define BYZ_PROXY_STORE_LOCK_H

#include <stddef.h>

/* Returns the descriptor that holds the lock, or -1 with a message that names the owner. */
int lock_take(const char *directory, char *ret_error, size_t error_size);
/* -1 does nothing. */
void lock_release(int fd);

#endif
