#include "common/tls.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

/* Our certificates have about 250 bytes. A stranger must not make us hold more than this. */
#define CERTIFICATE_BYTES_MAX 4096

void tls_error_text(char *out, size_t size)
{
    const char *data;
    int flags;
    unsigned long code = ERR_get_error_all(NULL, NULL, NULL, &data, &flags);
    const char *reason = code == 0 ? "no details" : ERR_reason_error_string(code);
    if (reason == NULL)
        reason = ERR_SYSTEM_ERROR(code) ? strerror(ERR_GET_REASON(code)) : "unknown error";
    if (code != 0 && (flags & ERR_TXT_STRING) != 0 && data[0] != '\0')
        snprintf(out, size, "%s (%s)", reason, data);
    else
        snprintf(out, size, "%s", reason);
    ERR_clear_error();
}

/* ---- who is there ---- */

static bool key_of(X509 *certificate, uint8_t ret_key[static PUBLIC_KEY_BYTES])
{
    EVP_PKEY *pkey = certificate == NULL ? NULL : X509_get0_pubkey(certificate);
    size_t size = PUBLIC_KEY_BYTES;
    return pkey != NULL && EVP_PKEY_is_a(pkey, "ED25519") &&
           EVP_PKEY_get_raw_public_key(pkey, ret_key, &size) == 1 && size == PUBLIC_KEY_BYTES;
}

static bool peer_of_key(
    const struct config *config, const uint8_t key[static PUBLIC_KEY_BYTES], struct tls_peer *ret)
{
    for (unsigned i = 0; i < config->replica_count; i++) {
        if (memcmp(config->replicas[i].public_key, key, PUBLIC_KEY_BYTES) == 0) {
            *ret = (struct tls_peer){.kind = TLS_PEER_REPLICA, .id = i};
            return true;
        }
    }
    for (unsigned i = 0; i < config->client_count; i++) {
        if (memcmp(config->clients[i].public_key, key, PUBLIC_KEY_BYTES) == 0) {
            *ret = (struct tls_peer){.kind = TLS_PEER_CLIENT, .id = i};
            return true;
        }
    }
    return false;
}

bool tls_peer_of(SSL *ssl, const struct config *config, struct tls_peer *ret)
{
    uint8_t key[PUBLIC_KEY_BYTES];
    return SSL_is_init_finished(ssl) && SSL_get_verify_result(ssl) == X509_V_OK &&
           key_of(SSL_get0_peer_certificate(ssl), key) && peer_of_key(config, key, ret);
}

/* Replaces X.509's chain building: the certificate only carries the key. That the peer has the
 * private half is shown by TLS itself (CertificateVerify), not by the certificate. */
static int verify_certificate(X509_STORE_CTX *store, void *context)
{
    const struct config *config = context;
    const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    uint8_t key[PUBLIC_KEY_BYTES];
    struct tls_peer peer;
    bool known = key_of(X509_STORE_CTX_get0_cert(store), key) && peer_of_key(config, key, &peer);
    /* Who dials must reach a replica: a client's key must not pass for one. */
    bool allowed = known && (SSL_is_server(ssl) || peer.kind == TLS_PEER_REPLICA);
    X509_STORE_CTX_set_error(store, allowed ? X509_V_OK : X509_V_ERR_CERT_UNTRUSTED);
    return allowed ? 1 : 0;
}

/* ---- our certificate ---- */

/* Valid always: whether a key is accepted is the configuration's matter, and a wrong clock must not
 * take a replica off the net. */
static bool fill_certificate(X509 *certificate, EVP_PKEY *key)
{
    X509_NAME *name = X509_get_subject_name(certificate);
    return X509_set_version(certificate, X509_VERSION_3) == 1 &&
           ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) == 1 &&
           ASN1_TIME_set_string_X509(X509_getm_notBefore(certificate), "19700101000000Z") == 1 &&
           ASN1_TIME_set_string_X509(X509_getm_notAfter(certificate), "99991231235959Z") == 1 &&
           X509_NAME_add_entry_by_txt(
               name, "CN", MBSTRING_ASC, (const unsigned char *)"byzantium", -1, -1, 0) == 1 &&
           X509_set_issuer_name(certificate, name) == 1 && X509_set_pubkey(certificate, key) == 1 &&
           X509_sign(certificate, key, NULL) > 0;
}

static bool use_key(SSL_CTX *context, const struct private_key *key)
{
    EVP_PKEY *pkey = private_key_evp(key);
    X509 *certificate = X509_new();
    bool ok = certificate != NULL && fill_certificate(certificate, pkey) &&
              SSL_CTX_use_certificate(context, certificate) == 1 &&
              SSL_CTX_use_PrivateKey(context, pkey) == 1;
    X509_free(certificate); /* the context holds its own reference */
    return ok;
}

/* ---- contexts ---- */

static bool restrict_protocol(SSL_CTX *context)
{
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    /* Or else who sends nothing but TLS's own messages (KeyUpdate), as fast as they are read, would
     * keep one SSL_read, and with it its caller, busy for ever. */
    SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_max_cert_list(context, CERTIFICATE_BYTES_MAX);
    return SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_ciphersuites(
               context, "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256") == 1 &&
           SSL_CTX_set1_groups_list(context, "X25519") == 1 &&
           SSL_CTX_set1_sigalgs_list(context, "ed25519") == 1 &&
           SSL_CTX_set_num_tickets(context, 0) == 1 && SSL_CTX_set_max_early_data(context, 0) == 1;
}

SSL_CTX *tls_context_new(const struct config *config, const struct private_key *key, bool server,
    char *ret_error, size_t error_size)
{
    SSL_CTX *context = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
    if (context != NULL && restrict_protocol(context) && use_key(context, key)) {
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
        SSL_CTX_set_cert_verify_callback(context, verify_certificate, (void *)config);
        return context;
    }
    char reason[256];
    tls_error_text(reason, sizeof reason);
    snprintf(ret_error, error_size, "TLS: %s", reason);
    SSL_CTX_free(context);
    return NULL;
}
