/* A node's private key and its file. */
#include "common/crypto.h"
#include "common/file.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>

#define KEY_FILE_BYTES_MAX 4096

struct private_key {
    EVP_PKEY *pkey;
};

/* Takes pkey, even on failure. */
static struct private_key *wrap(EVP_PKEY *pkey)
{
    struct private_key *key = calloc(1, sizeof *key);
    if (key == NULL) {
        EVP_PKEY_free(pkey);
        return NULL;
    }
    key->pkey = pkey;
    return key;
}

struct private_key *private_key_generate(void)
{
    EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    return pkey == NULL ? NULL : wrap(pkey);
}

void private_key_free(struct private_key *key)
{
    if (key == NULL)
        return;
    EVP_PKEY_free(key->pkey);
    free(key);
}

void private_key_public(const struct private_key *key, uint8_t ret_key[static PUBLIC_KEY_BYTES])
{
    size_t size = PUBLIC_KEY_BYTES;
    int ok = EVP_PKEY_get_raw_public_key(key->pkey, ret_key, &size);
    assert(ok == 1 && size == PUBLIC_KEY_BYTES);
}

struct evp_pkey_st *private_key_evp(const struct private_key *key)
{
    return key->pkey;
}

/* ---- reading ---- */

/* An encrypted file is refused; OpenSSL must not ask for a passphrase on the terminal. */
static int no_passphrase(char *out, int size, int writing, void *context)
{
    return -1;
}

static struct private_key *parse_pem(
    const char *pem, size_t size, const char *path, char *ret_error, size_t error_size)
{
    BIO *bio = BIO_new_mem_buf(pem, (int)size);
    EVP_PKEY *pkey = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    BIO_free(bio);
    ERR_clear_error();
    if (pkey == NULL) {
        snprintf(ret_error, error_size, "%s: not an unencrypted private key in PEM form", path);
        return NULL;
    }
    if (!EVP_PKEY_is_a(pkey, "ED25519")) {
        snprintf(ret_error, error_size, "%s: the key is not an Ed25519 key", path);
        EVP_PKEY_free(pkey);
        return NULL;
    }
    struct private_key *key = wrap(pkey);
    if (key == NULL)
        snprintf(ret_error, error_size, "%s: out of memory", path);
    return key;
}

struct private_key *private_key_load(const char *path, char *ret_error, size_t error_size)
{
    char pem[KEY_FILE_BYTES_MAX];
    struct private_key *key = NULL;
    ssize_t size = file_read(path, true, pem, sizeof pem, ret_error, error_size);
    if (size >= 0)
        key = parse_pem(pem, (size_t)size, path, ret_error, error_size);
    OPENSSL_cleanse(pem, sizeof pem);
    return key;
}

/* ---- writing ---- */

bool private_key_save(
    const struct private_key *key, const char *path, char *ret_error, size_t error_size)
{
    char *pem = NULL;
    BIO *bio = BIO_new(BIO_s_secmem());
    if (bio == NULL ||
        PEM_write_bio_PKCS8PrivateKey(bio, key->pkey, NULL, NULL, 0, NULL, NULL) != 1) {
        snprintf(ret_error, error_size, "%s: out of memory", path);
        BIO_free(bio);
        return false;
    }
    long size = BIO_get_mem_data(bio, &pem);
    bool ok = file_write_new(path, 0600, pem, (size_t)size, ret_error, error_size);
    BIO_free(bio); /* wipes it */
    return ok;
}
