/* Host names to addresses without stopping the loop (glibc's getaddrinfo_a). Numeric addresses are
 * answered at once. */
#ifndef BYZ_PROXY_NET_RESOLVER_H
#define BYZ_PROXY_NET_RESOLVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct resolver;

enum resolve_state {
    RESOLVE_INVALID = 0,
    RESOLVE_WAIT, /* ask again soon */
    RESOLVE_DONE,
    RESOLVE_FAILED,
};

struct resolver *resolver_new(const char *host, uint16_t port); /* NULL: out of memory */
/* A lookup that is under way finishes first. */
void resolver_free(struct resolver *resolver);
/* Starts a lookup, or asks for the result of the one that is under way. Failed: *ret_reason is a
 * constant text. */
enum resolve_state resolver_ask(struct resolver *resolver, struct sockaddr_storage *ret_address,
    socklen_t *ret_size, const char **ret_reason);

#endif
