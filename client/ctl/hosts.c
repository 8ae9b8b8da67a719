#include "client/ctl/hosts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Up to the colon before the port; an IPv6 address has more colons and stands in brackets. */
static const char *take_host(const char *at, struct config_replica *ret)
{
    bool bracket = *at == '[';
    at += bracket;
    size_t length = strcspn(at, bracket ? "]," : ":,");
    if (length == 0 || length > HOST_BYTES_MAX)
        return NULL;
    memcpy(ret->host, at, length);
    ret->host[length] = '\0';
    at += length;
    if (bracket && *at++ != ']')
        return NULL;
    return *at == ':' ? at + 1 : NULL;
}

static const char *take_port(const char *at, struct config_replica *ret)
{
    size_t length = strspn(at, "0123456789");
    if (length == 0 || length > 5)
        return NULL;
    unsigned long port = strtoul(at, NULL, 10);
    if (port == 0 || port > 65535)
        return NULL;
    ret->port = (uint16_t)port;
    return at + length;
}

bool hosts_parse(struct config *config, const char *text, unsigned *ret_count, char *ret_error,
    size_t error_size)
{
    unsigned count = 0;
    const char *at = text;
    while (at && count < REPLICAS_MAX) {
        const char *from = at;
        struct config_replica *replica = &config->replicas[count++];
        at = take_host(at, replica);
        at = at ? take_port(at, replica) : NULL;
        if (!at || (*at != ',' && *at != '\0')) {
            snprintf(ret_error, error_size, "replica %u: \"%.*s\" is not of the form HOST:PORT",
                count - 1, (int)strcspn(from, ","), from);
            return false;
        }
        if (*at == '\0') {
            *ret_count = count;
            return true;
        }
        at++;
    }
    snprintf(ret_error, error_size, "more than %d replicas", REPLICAS_MAX);
    return false;
}
