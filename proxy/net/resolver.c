#include "proxy/net/resolver.h"

#include "common/config.h"
#include "common/limits.h"

#include <assert.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct resolver {
    char host[HOST_BYTES_MAX + 1];
    char service[8];
    struct addrinfo hints;
    struct gaicb request;
    bool asked;
};

struct resolver *resolver_new(const char *host, uint16_t port)
{
    struct resolver *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    assert(strlen(host) < sizeof r->host);
    snprintf(r->host, sizeof r->host, "%s", host);
    snprintf(r->service, sizeof r->service, "%u", port);
    return r;
}

void resolver_free(struct resolver *resolver)
{
    if (!resolver)
        return;
    if (resolver->asked && gai_cancel(&resolver->request) == EAI_NOTCANCELED) {
        const struct gaicb *list[] = {&resolver->request};
        while (gai_error(&resolver->request) == EAI_INPROGRESS)
            gai_suspend(list, 1, NULL);
    }
    if (resolver->asked && resolver->request.ar_result)
        freeaddrinfo(resolver->request.ar_result);
    free(resolver);
}

static enum resolve_state answer(
    struct addrinfo *list, struct sockaddr_storage *ret_address, socklen_t *ret_size)
{
    assert(list->ai_addrlen <= sizeof *ret_address);
    memcpy(ret_address, list->ai_addr, list->ai_addrlen);
    *ret_size = list->ai_addrlen;
    freeaddrinfo(list);
    return RESOLVE_DONE;
}

static enum resolve_state begin(struct resolver *r, const char **ret_reason)
{
    r->hints = (struct addrinfo){.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    r->request =
        (struct gaicb){.ar_name = r->host, .ar_service = r->service, .ar_request = &r->hints};
    struct gaicb *list[] = {&r->request};
    int rc = getaddrinfo_a(GAI_NOWAIT, list, 1, NULL);
    if (rc != 0) {
        *ret_reason = gai_strerror(rc);
        return RESOLVE_FAILED;
    }
    r->asked = true;
    return RESOLVE_WAIT;
}

enum resolve_state resolver_ask(struct resolver *resolver, struct sockaddr_storage *ret_address,
    socklen_t *ret_size, const char **ret_reason)
{
    struct addrinfo numeric = {
        .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *list;
    if (!resolver->asked) {
        if (getaddrinfo(resolver->host, resolver->service, &numeric, &list) == 0)
            return answer(list, ret_address, ret_size);
        return begin(resolver, ret_reason);
    }
    int rc = gai_error(&resolver->request);
    if (rc == EAI_INPROGRESS)
        return RESOLVE_WAIT;
    resolver->asked = false;
    if (rc == 0)
        return answer(resolver->request.ar_result, ret_address, ret_size);
    *ret_reason = gai_strerror(rc);
    return RESOLVE_FAILED;
}
