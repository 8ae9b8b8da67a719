/* Handshakes over memory, between every kind of key and every kind of end. */
#include "common/tls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#define REPLICAS 4
#define CLIENTS 2

static struct config config;
static struct private_key *replica_keys[REPLICAS];
static struct private_key *client_keys[CLIENTS];
static struct private_key *stranger;
static char error[256];

/* Both ends of a link, joined by memory. */
struct pair {
    SSL *client;
    SSL *server;
    bool established;
};

static SSL_CTX *context_of(const struct private_key *key, bool server)
{
    SSL_CTX *context = tls_context_new(&config, key, server, error, sizeof error);
    if (context == NULL)
        fail_msg("%s", error);
    return context;
}

static bool finished_or_failed(SSL *ssl, int result)
{
    int reason = SSL_get_error(ssl, result);
    return result == 1 || (reason != SSL_ERROR_WANT_READ && reason != SSL_ERROR_WANT_WRITE);
}

/* Takes the contexts. Shakes hands until both ends are through or one gives up. */
static struct pair connect_contexts(SSL_CTX *dialling, SSL_CTX *accepting)
{
    struct pair p = {.client = SSL_new(dialling), .server = SSL_new(accepting)};
    BIO *client_side, *server_side;
    assert_int_equal(BIO_new_bio_pair(&client_side, 0, &server_side, 0), 1);
    SSL_set_bio(p.client, client_side, client_side);
    SSL_set_bio(p.server, server_side, server_side);
    SSL_set_connect_state(p.client);
    SSL_set_accept_state(p.server);
    int client = 0, server = 0;
    for (int round = 0; round < 20 && (client != 1 || server != 1); round++) {
        client = SSL_do_handshake(p.client);
        bool client_over = finished_or_failed(p.client, client);
        server = SSL_do_handshake(p.server);
        if (client_over && client != 1 && finished_or_failed(p.server, server))
            break;
    }
    p.established = client == 1 && server == 1;
    SSL_CTX_free(dialling);
    SSL_CTX_free(accepting);
    return p;
}

static struct pair connect_keys(
    const struct private_key *dialling, const struct private_key *accepting)
{
    return connect_contexts(context_of(dialling, false), context_of(accepting, true));
}

static void disconnect(struct pair *p)
{
    SSL_free(p->client);
    SSL_free(p->server);
    ERR_clear_error();
}

static void expect_peer(SSL *ssl, enum tls_peer_kind kind, unsigned id)
{
    struct tls_peer peer;
    assert_true(tls_peer_of(ssl, &config, &peer));
    assert_int_equal(peer.kind, kind);
    assert_int_equal(peer.id, id);
}

/* Bytes reach the other end. */
static void expect_traffic(struct pair *p)
{
    char in[16];
    assert_int_equal(SSL_write(p->client, "ping", 4), 4);
    assert_int_equal(SSL_read(p->server, in, sizeof in), 4);
    assert_memory_equal(in, "ping", 4);
    assert_int_equal(SSL_write(p->server, "pong", 4), 4);
    assert_int_equal(SSL_read(p->client, in, sizeof in), 4);
    assert_memory_equal(in, "pong", 4);
}

static void replicas_know_each_other(void **state)
{
    struct pair p = connect_keys(replica_keys[2], replica_keys[1]);
    assert_true(p.established);
    expect_peer(p.client, TLS_PEER_REPLICA, 1);
    expect_peer(p.server, TLS_PEER_REPLICA, 2);
    expect_traffic(&p);
    disconnect(&p);
}

static void a_client_reaches_a_replica(void **state)
{
    struct pair p = connect_keys(client_keys[1], replica_keys[3]);
    assert_true(p.established);
    expect_peer(p.client, TLS_PEER_REPLICA, 3);
    expect_peer(p.server, TLS_PEER_CLIENT, 1);
    expect_traffic(&p);
    disconnect(&p);
}

/* The two ends of what must not be a link: the one that refuses never is through. */
static void expect_refusal_by_server(struct pair p)
{
    struct tls_peer peer;
    assert_false(p.established);
    assert_false(SSL_is_init_finished(p.server));
    assert_false(tls_peer_of(p.server, &config, &peer));
    disconnect(&p);
}

static void expect_refusal_by_client(struct pair p)
{
    struct tls_peer peer;
    assert_false(p.established);
    assert_false(SSL_is_init_finished(p.client));
    assert_false(tls_peer_of(p.client, &config, &peer));
    disconnect(&p);
}

static void an_unknown_key_is_refused(void **state)
{
    expect_refusal_by_server(connect_keys(stranger, replica_keys[0]));
    expect_refusal_by_client(connect_keys(replica_keys[0], stranger));
    expect_refusal_by_client(connect_keys(client_keys[0], stranger));
}

static void a_client_does_not_pass_for_a_replica(void **state)
{
    expect_refusal_by_client(connect_keys(replica_keys[0], client_keys[0]));
    expect_refusal_by_client(connect_keys(client_keys[1], client_keys[0]));
}

static void a_certificate_is_needed(void **state)
{
    SSL_CTX *bare = SSL_CTX_new(TLS_client_method());
    assert_non_null(bare);
    expect_refusal_by_server(connect_contexts(bare, context_of(replica_keys[0], true)));
}

/* Somebody who shows replica 1's certificate and signs with a key of his own: OpenSSL compares only
 * the public half when it is given a key for a certificate. */
static EVP_PKEY *mismatched_key(void)
{
    uint8_t private[32];
    size_t size = sizeof private;
    assert_int_equal(EVP_PKEY_get_raw_private_key(private_key_evp(stranger), private, &size), 1);
    OSSL_PARAM parts[] = {OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
                              config.replicas[1].public_key, PUBLIC_KEY_BYTES),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, private, sizeof private), OSSL_PARAM_END};
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(NULL, "ED25519", NULL);
    assert_int_equal(EVP_PKEY_fromdata_init(maker), 1);
    assert_int_equal(EVP_PKEY_fromdata(maker, &key, EVP_PKEY_KEYPAIR, parts), 1);
    EVP_PKEY_CTX_free(maker);
    return key;
}

static SSL_CTX *impostor(bool server)
{
    struct pair p = connect_keys(replica_keys[0], replica_keys[1]);
    X509 *stolen = SSL_get1_peer_certificate(p.client);
    EVP_PKEY *key = mismatched_key();
    SSL_CTX *context = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
    disconnect(&p);
    assert_int_equal(SSL_CTX_use_certificate(context, stolen), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(context, key), 1);
    EVP_PKEY_free(key);
    X509_free(stolen);
    return context;
}

static void a_copied_certificate_is_worth_nothing(void **state)
{
    expect_refusal_by_server(connect_contexts(impostor(false), context_of(replica_keys[0], true)));
    expect_refusal_by_client(connect_contexts(context_of(replica_keys[0], false), impostor(true)));
}

static void only_tls_1_3_is_spoken(void **state)
{
    SSL_CTX *old = context_of(client_keys[0], false);
    SSL_CTX_set_min_proto_version(old, TLS1_2_VERSION);
    SSL_CTX_set_max_proto_version(old, TLS1_2_VERSION);
    expect_refusal_by_server(connect_contexts(old, context_of(replica_keys[0], true)));

    struct pair p = connect_keys(client_keys[0], replica_keys[0]);
    assert_int_equal(SSL_version(p.client), TLS1_3_VERSION);
    assert_string_equal(SSL_get_cipher_name(p.client), "TLS_AES_128_GCM_SHA256");
    disconnect(&p);
}

static void no_session_is_resumed(void **state)
{
    struct pair p = connect_keys(client_keys[0], replica_keys[0]);
    char in[1];
    assert_true(p.established);
    assert_int_equal(SSL_read(p.client, in, 1), -1); /* takes in what followed the handshake */
    assert_false(SSL_SESSION_is_resumable(SSL_get0_session(p.client)));
    disconnect(&p);
}

static void who_is_there_is_asked_after_the_handshake(void **state)
{
    struct tls_peer peer;
    SSL_CTX *context = context_of(client_keys[0], false);
    SSL *ssl = SSL_new(context);
    assert_false(tls_peer_of(ssl, &config, &peer));
    SSL_free(ssl);
    SSL_CTX_free(context);
}

static void errors_have_a_text(void **state)
{
    char text[256];
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    assert_int_equal(SSL_CTX_use_PrivateKey(context, NULL), 0);
    tls_error_text(text, sizeof text);
    assert_string_equal(text, "passed a null parameter");
    assert_int_equal(ERR_peek_error(), 0);
    tls_error_text(text, sizeof text);
    assert_string_equal(text, "no details");
    SSL_CTX_free(context);
}

static int set_up(void **state)
{
    config_defaults(&config);
    config.replica_count = REPLICAS;
    config.client_count = CLIENTS;
    config.clients = calloc(CLIENTS, sizeof *config.clients);
    stranger = private_key_generate();
    if (config.clients == NULL || stranger == NULL)
        return -1;
    for (unsigned i = 0; i < REPLICAS; i++) {
        replica_keys[i] = private_key_generate();
        private_key_public(replica_keys[i], config.replicas[i].public_key);
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        client_keys[i] = private_key_generate();
        private_key_public(client_keys[i], config.clients[i].public_key);
    }
    return 0;
}

static int tear_down(void **state)
{
    for (unsigned i = 0; i < REPLICAS; i++)
        private_key_free(replica_keys[i]);
    for (unsigned i = 0; i < CLIENTS; i++)
        private_key_free(client_keys[i]);
    private_key_free(stranger);
    free(config.clients);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replicas_know_each_other),
        cmocka_unit_test(a_client_reaches_a_replica),
        cmocka_unit_test(an_unknown_key_is_refused),
        cmocka_unit_test(a_client_does_not_pass_for_a_replica),
        cmocka_unit_test(a_certificate_is_needed),
        cmocka_unit_test(a_copied_certificate_is_worth_nothing),
        cmocka_unit_test(only_tls_1_3_is_spoken),
        cmocka_unit_test(no_session_is_resumed),
        cmocka_unit_test(who_is_there_is_asked_after_the_handshake),
        cmocka_unit_test(errors_have_a_text),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
