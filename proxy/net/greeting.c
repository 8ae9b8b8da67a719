#include "proxy/net/greeting.h"

#include <assert.h>
#include <string.h>

#define SQLSTATE_PROTOCOL_VIOLATION "08P01"
#define SQLSTATE_REJECTED "08004"
#define SQLSTATE_UNKNOWN_KEY "28000"

struct hello greeting_make(const struct config *config, unsigned self)
{
    struct hello hello = {.version = PROTOCOL_VERSION, .role = HELLO_REPLICA, .id = (uint16_t)self};
    memcpy(hello.cluster, config->digest, DIGEST_BYTES);
    return hello;
}

static enum hello_role role_of(const struct tls_peer *peer)
{
    switch (peer->kind) {
    case TLS_PEER_REPLICA:
        return HELLO_REPLICA;
    case TLS_PEER_CLIENT:
        return HELLO_CLIENT;
    case TLS_PEER_INVALID:
        break;
    }
    return HELLO_INVALID;
}

static struct greeting_refusal refusal(
    const struct config *config, const struct tls_peer *peer, struct slice body)
{
    struct hello hello;
    const char *reason = hello_decode(body, &hello);
    if (reason)
        return (struct greeting_refusal){SQLSTATE_PROTOCOL_VIOLATION, reason};
    if (memcmp(hello.cluster, config->digest, DIGEST_BYTES) != 0)
        return (struct greeting_refusal){SQLSTATE_REJECTED,
            "the configurations differ: both ends must use the same cluster.conf"};
    if (hello.role != role_of(peer) || hello.id != peer->id)
        return (struct greeting_refusal){
            SQLSTATE_UNKNOWN_KEY, "the key belongs to another node than the HELLO says"};
    return (struct greeting_refusal){NULL, NULL};
}

bool greeting_check(const struct config *config, const struct tls_peer *peer, struct slice body,
    struct greeting_refusal *ret_refusal)
{
    struct greeting_refusal found = refusal(config, peer, body);
    if (!found.reason)
        return true;
    *ret_refusal = found;
    return false;
}
