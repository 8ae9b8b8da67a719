/* SHA-256 and Ed25519 through OpenSSL 3. No other primitive is used outside TLS.
 *
 * A signature covers a domain: the cluster's identity and a purpose, so that bytes signed for one
 * cluster or one kind of message mean nothing elsewhere (and nothing to TLS, which signs with the
 * same key under its own context string). */
#ifndef BYZ_COMMON_CRYPTO_H
#define BYZ_COMMON_CRYPTO_H

#include "common/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct evp_pkey_st; /* OpenSSL's EVP_PKEY */

void sha256(uint8_t ret_digest[static DIGEST_BYTES], const void *data, size_t size);

/* Incremental SHA-256. Opaque; one allocation at creation, none per digest. */
struct hasher;
struct hasher *hasher_new(void); /* NULL: out of memory */
void hasher_free(struct hasher *h);
void hasher_start(struct hasher *h);
void hasher_add(struct hasher *h, const void *data, size_t size);
void hasher_finish(struct hasher *h, uint8_t ret_digest[static DIGEST_BYTES]);

/* A node's private key, Ed25519. */
struct private_key;
struct private_key *private_key_generate(void);
/* Reads a PEM (PKCS#8) file. On failure returns NULL and puts a message that names the file into
 * ret_error. Refuses a file that group or others can read, and keys that are not Ed25519. */
struct private_key *private_key_load(const char *path, char *ret_error, size_t error_size);
/* Writes PEM with mode 0600; fails if the file exists. */
bool private_key_save(
    const struct private_key *key, const char *path, char *ret_error, size_t error_size);
void private_key_free(struct private_key *key);
void private_key_public(const struct private_key *key, uint8_t ret_key[static PUBLIC_KEY_BYTES]);
struct evp_pkey_st *private_key_evp(const struct private_key *key); /* borrowed, for tls.c */

/* A parsed public key (parsing once makes verification cheaper). */
struct public_key;
struct public_key *public_key_parse(const uint8_t raw[static PUBLIC_KEY_BYTES]);
void public_key_free(struct public_key *key);

/* What a signature is for. The values are part of the protocol. */
enum signature_purpose {
    SIGN_INVALID = 0,
    SIGN_REQUEST = 1,
    SIGN_PRE_PREPARE = 2,
    SIGN_PREPARE = 3,
    SIGN_CHECKPOINT = 4,
    SIGN_VIEW_CHANGE = 5,
    SIGN_NEW_VIEW = 6,
    SIGN_CONTRIBUTION = 7,
    SIGN_SECRET = 8, /* never shown: a replica's own source of what it will reveal (seed.h) */
};

/* Both hash domain || purpose || data first (SHA-256) and sign the digest; `domain` is the
 * cluster's identity (config.h). */
void sign(const struct private_key *key, const uint8_t domain[static DIGEST_BYTES],
    enum signature_purpose purpose, const void *data, size_t size,
    uint8_t ret_signature[static SIGNATURE_BYTES]);
bool verify(const struct public_key *key, const uint8_t domain[static DIGEST_BYTES],
    enum signature_purpose purpose, const void *data, size_t size,
    const uint8_t signature[static SIGNATURE_BYTES]);

/* Cryptographically strong random bytes (session numbers). */
void random_bytes(void *out, size_t size);

/* Hexadecimal; `out` has 2*size+1 characters. hex_parse returns false on anything but exactly
 * 2*size hexadecimal digits. */
void hex_format(char *out, const uint8_t *data, size_t size);
bool hex_parse(const char *text, uint8_t *out, size_t size);

#endif
