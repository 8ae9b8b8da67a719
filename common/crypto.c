#include "common/crypto.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>

/* On initialised contexts these calls fail only for a bug of ours or for want of memory. Nothing
 * that needs a digest or a signature can go on without it, so the process ends. */
static void must(int ok)
{
    if (ok != 1)
        abort();
}

/* ---- SHA-256 ---- */

/* Fetched once: in OpenSSL 3 looking an algorithm up costs more than hashing a short message. */
static pthread_once_t sha256_once = PTHREAD_ONCE_INIT;
static EVP_MD *sha256_algorithm;

static void fetch_sha256(void)
{
    sha256_algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
}

static const EVP_MD *sha256_md(void)
{
    must(pthread_once(&sha256_once, fetch_sha256) == 0);
    must(sha256_algorithm != NULL);
    return sha256_algorithm;
}

void sha256(uint8_t ret_digest[static DIGEST_BYTES], const void *data, size_t size)
{
    must(EVP_Digest(size > 0 ? data : "", size, ret_digest, NULL, sha256_md(), NULL));
}

struct hasher {
    EVP_MD_CTX *context;
};

struct hasher *hasher_new(void)
{
    struct hasher *h = calloc(1, sizeof *h);
    if (h == NULL)
        return NULL;
    h->context = EVP_MD_CTX_new();
    if (h->context == NULL || EVP_DigestInit_ex2(h->context, sha256_md(), NULL) != 1) {
        hasher_free(h);
        return NULL;
    }
    return h;
}

void hasher_free(struct hasher *h)
{
    if (h == NULL)
        return;
    EVP_MD_CTX_free(h->context);
    free(h);
}

void hasher_start(struct hasher *h)
{
    /* NULL: the same algorithm again, without another allocation. */
    must(EVP_DigestInit_ex2(h->context, NULL, NULL));
}

void hasher_add(struct hasher *h, const void *data, size_t size)
{
    if (size > 0)
        must(EVP_DigestUpdate(h->context, data, size));
}

void hasher_finish(struct hasher *h, uint8_t ret_digest[static DIGEST_BYTES])
{
    must(EVP_DigestFinal_ex(h->context, ret_digest, NULL));
}

/* ---- signatures ---- */

struct public_key {
    EVP_PKEY *pkey;
};

struct public_key *public_key_parse(const uint8_t raw[static PUBLIC_KEY_BYTES])
{
    struct public_key *key = calloc(1, sizeof *key);
    if (key == NULL)
        return NULL;
    key->pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, raw, PUBLIC_KEY_BYTES);
    if (key->pkey == NULL) {
        public_key_free(key);
        return NULL;
    }
    return key;
}

void public_key_free(struct public_key *key)
{
    if (key == NULL)
        return;
    EVP_PKEY_free(key->pkey);
    free(key);
}

/* What Ed25519 signs: SHA-256(domain || purpose || data). */
static void signed_digest(EVP_MD_CTX *context, const uint8_t domain[static DIGEST_BYTES],
    enum signature_purpose purpose, const void *data, size_t size,
    uint8_t ret_digest[static DIGEST_BYTES])
{
    assert(purpose > SIGN_INVALID && purpose <= SIGN_SECRET);
    uint8_t purpose_byte = (uint8_t)purpose;
    must(EVP_DigestInit_ex2(context, sha256_md(), NULL));
    must(EVP_DigestUpdate(context, domain, DIGEST_BYTES));
    must(EVP_DigestUpdate(context, &purpose_byte, 1));
    if (size > 0)
        must(EVP_DigestUpdate(context, data, size));
    must(EVP_DigestFinal_ex(context, ret_digest, NULL));
    must(EVP_MD_CTX_reset(context));
}

void sign(const struct private_key *key, const uint8_t domain[static DIGEST_BYTES],
    enum signature_purpose purpose, const void *data, size_t size,
    uint8_t ret_signature[static SIGNATURE_BYTES])
{
    uint8_t digest[DIGEST_BYTES];
    size_t signature_size = SIGNATURE_BYTES;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    must(context != NULL);
    signed_digest(context, domain, purpose, data, size, digest);
    /* No digest algorithm: Ed25519 hashes by itself. */
    must(EVP_DigestSignInit(context, NULL, NULL, NULL, private_key_evp(key)));
    must(EVP_DigestSign(context, ret_signature, &signature_size, digest, DIGEST_BYTES));
    assert(signature_size == SIGNATURE_BYTES);
    EVP_MD_CTX_free(context);
}

bool verify(const struct public_key *key, const uint8_t domain[static DIGEST_BYTES],
    enum signature_purpose purpose, const void *data, size_t size,
    const uint8_t signature[static SIGNATURE_BYTES])
{
    uint8_t digest[DIGEST_BYTES];
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    must(context != NULL);
    signed_digest(context, domain, purpose, data, size, digest);
    must(EVP_DigestVerifyInit(context, NULL, NULL, NULL, key->pkey));
    bool valid = EVP_DigestVerify(context, signature, SIGNATURE_BYTES, digest, DIGEST_BYTES) == 1;
    EVP_MD_CTX_free(context);
    return valid;
}

void random_bytes(void *out, size_t size)
{
    uint8_t *at = out;
    while (size > 0) {
        int part = size > 4096 ? 4096 : (int)size;
        must(RAND_bytes(at, part));
        at += part;
        size -= (size_t)part;
    }
}

/* ---- hexadecimal ---- */

void hex_format(char *out, const uint8_t *data, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        *out++ = digits[data[i] >> 4];
        *out++ = digits[data[i] & 15];
    }
    *out = '\0';
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool hex_parse(const char *text, uint8_t *out, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        int high = hex_digit(text[2 * i]);
        int low = high < 0 ? -1 : hex_digit(text[2 * i + 1]);
        if (low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return text[2 * size] == '\0';
}
