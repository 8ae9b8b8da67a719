/* TLS 1.3 with mutual authentication between keys that the configuration names.
 *
 * There is no certificate authority. Every node shows a self-signed certificate around its Ed25519
 * key, made at start; the other end accepts exactly the public keys in its configuration and learns
 * from the key who it talks to. Here are only contexts and identities: sockets belong to the
 * callers. */
#ifndef BYZ_COMMON_TLS_H
#define BYZ_COMMON_TLS_H

#include "common/config.h"
#include "common/crypto.h"

#include <openssl/types.h>

enum tls_peer_kind { TLS_PEER_INVALID = 0, TLS_PEER_REPLICA = 1, TLS_PEER_CLIENT = 2 };

struct tls_peer {
    enum tls_peer_kind kind;
    unsigned id; /* replica index or client index */
};

/* Contexts for accepting (server) and dialling (client) links with this key. NULL on failure, with
 * a message. `config` must outlive the context. TLS 1.3 only, session tickets and early data off,
 * both ends must present a certificate whose key is in the configuration; a dialled server must be
 * a replica. */
SSL_CTX *tls_context_new(const struct config *config, const struct private_key *key, bool server,
    char *ret_error, size_t error_size);

/* Who is at the other end of an established link. False: unknown key (cannot happen after a
 * successful handshake, but is checked). */
bool tls_peer_of(SSL *ssl, const struct config *config, struct tls_peer *ret);

/* The text of OpenSSL's error queue, for logs; clears the queue. */
void tls_error_text(char *out, size_t size);

#endif
