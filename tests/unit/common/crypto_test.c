#include "common/crypto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/byz-crypto-XXXXXX";
static char path[64];
static char error[256];

static void expect_hex(const uint8_t *data, size_t size, const char *expected)
{
    char hex[2 * SIGNATURE_BYTES + 1];
    assert_true(size <= SIGNATURE_BYTES);
    hex_format(hex, data, size);
    assert_string_equal(hex, expected);
}

/* ---- digests ---- */

static void sha256_is_sha256(void **state)
{
    uint8_t digest[DIGEST_BYTES];
    sha256(digest, "abc", 3);
    expect_hex(
        digest, sizeof digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sha256(digest, NULL, 0);
    expect_hex(
        digest, sizeof digest, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void a_hasher_is_used_again(void **state)
{
    uint8_t digest[DIGEST_BYTES], expected[DIGEST_BYTES];
    struct hasher *h = hasher_new();
    assert_non_null(h);
    sha256(expected, "abc", 3);
    for (int i = 0; i < 2; i++) {
        hasher_start(h);
        hasher_add(h, "a", 1);
        hasher_add(h, NULL, 0);
        hasher_add(h, "bc", 2);
        hasher_finish(h, digest);
        assert_memory_equal(digest, expected, DIGEST_BYTES);
    }
    /* Starting forgets what was added. */
    hasher_start(h);
    hasher_add(h, "x", 1);
    hasher_start(h);
    hasher_add(h, "abc", 3);
    hasher_finish(h, digest);
    assert_memory_equal(digest, expected, DIGEST_BYTES);
    hasher_free(h);
    hasher_free(NULL);
}

/* ---- signatures ---- */

static uint8_t domain[DIGEST_BYTES];

static void write_file(const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
}

/* The private key 00 01 02 … 1f; key and signature were computed with another implementation. */
static const char known_key[] = "-----BEGIN PRIVATE KEY-----\n"
                                "MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n"
                                "-----END PRIVATE KEY-----\n";

static void signatures_are_exact(void **state)
{
    uint8_t public[PUBLIC_KEY_BYTES], signature[SIGNATURE_BYTES];
    write_file(known_key, 0600);
    struct private_key *key = private_key_load(path, error, sizeof error);
    assert_non_null(key);
    private_key_public(key, public);
    expect_hex(
        public, sizeof public, "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8");
    memset(domain, 0x11, sizeof domain);
    sign(key, domain, SIGN_REQUEST, "abc", 3, signature);
    expect_hex(signature, sizeof signature,
        "0275cb83f4c8bb248701de03731aeeca6a957480da689ab5267cbed588c11f3e"
        "6cde35254fbafcafd8e34cab70d3b53b4216164552c7b042e0ab80f6f5db4c0a");
    private_key_free(key);
}

static void a_signature_is_for_one_purpose(void **state)
{
    uint8_t raw[PUBLIC_KEY_BYTES], signature[SIGNATURE_BYTES];
    struct private_key *key = private_key_generate();
    struct private_key *other = private_key_generate();
    assert_non_null(key);
    assert_non_null(other);
    private_key_public(key, raw);
    struct public_key *public = public_key_parse(raw);
    assert_non_null(public);
    sign(key, domain, SIGN_PREPARE, "data", 4, signature);
    assert_true(verify(public, domain, SIGN_PREPARE, "data", 4, signature));
    assert_false(verify(public, domain, SIGN_PRE_PREPARE, "data", 4, signature));
    assert_false(verify(public, domain, SIGN_PREPARE, "date", 4, signature));
    assert_false(verify(public, domain, SIGN_PREPARE, "data", 3, signature));
    domain[0] ^= 1;
    assert_false(verify(public, domain, SIGN_PREPARE, "data", 4, signature));
    domain[0] ^= 1;
    for (size_t i = 0; i < SIGNATURE_BYTES; i++) {
        signature[i] ^= 0x10;
        assert_false(verify(public, domain, SIGN_PREPARE, "data", 4, signature));
        signature[i] ^= 0x10;
    }
    sign(other, domain, SIGN_PREPARE, "data", 4, signature);
    assert_false(verify(public, domain, SIGN_PREPARE, "data", 4, signature));
    public_key_free(public);
    private_key_free(key);
    private_key_free(other);
}

static void nothing_can_be_signed(void **state)
{
    uint8_t raw[PUBLIC_KEY_BYTES], signature[SIGNATURE_BYTES];
    struct private_key *key = private_key_generate();
    private_key_public(key, raw);
    struct public_key *public = public_key_parse(raw);
    sign(key, domain, SIGN_CHECKPOINT, NULL, 0, signature);
    assert_true(verify(public, domain, SIGN_CHECKPOINT, NULL, 0, signature));
    assert_false(verify(public, domain, SIGN_CHECKPOINT, "", 1, signature));
    public_key_free(public);
    public_key_free(NULL);
    private_key_free(key);
    private_key_free(NULL);
}

static void a_public_key_that_is_no_point_verifies_nothing(void **state)
{
    uint8_t raw[PUBLIC_KEY_BYTES], signature[SIGNATURE_BYTES] = {0};
    memset(raw, 0xff, sizeof raw);
    struct public_key *public = public_key_parse(raw);
    if (public != NULL)
        assert_false(verify(public, domain, SIGN_REQUEST, "x", 1, signature));
    public_key_free(public);
}

/* ---- key files ---- */

static void a_key_file_is_read_back(void **state)
{
    uint8_t before[PUBLIC_KEY_BYTES], after[PUBLIC_KEY_BYTES];
    struct private_key *key = private_key_generate();
    unlink(path);
    assert_true(private_key_save(key, path, error, sizeof error));
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    struct private_key *again = private_key_load(path, error, sizeof error);
    assert_non_null(again);
    private_key_public(key, before);
    private_key_public(again, after);
    assert_memory_equal(before, after, PUBLIC_KEY_BYTES);

    char expected[256];
    snprintf(expected, sizeof expected, "%s: File exists", path);
    assert_false(private_key_save(key, path, error, sizeof error));
    assert_string_equal(error, expected);
    private_key_free(key);
    private_key_free(again);
}

static void expect_refusal(const char *expected_reason)
{
    char expected[256];
    snprintf(expected, sizeof expected, "%s: %s", path, expected_reason);
    assert_null(private_key_load(path, error, sizeof error));
    assert_string_equal(error, expected);
}

static void an_open_key_file_is_refused(void **state)
{
    static const mode_t modes[] = {0640, 0604, 0620, 0602, 0610, 0601, 0644, 0777};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        write_file(known_key, modes[i]);
        expect_refusal("accessible to group or others; set its mode to 0600");
    }
}

static void what_is_no_key_is_refused(void **state)
{
    write_file("", 0600);
    expect_refusal("not an unencrypted private key in PEM form");
    write_file("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", 0600);
    expect_refusal("not an unencrypted private key in PEM form");
    char *large = calloc(1, 5001);
    memset(large, 'x', 5000);
    write_file(large, 0600);
    free(large);
    expect_refusal("file too long");
    unlink(path);
    expect_refusal("No such file or directory");
    assert_int_equal(mkdir(path, 0700), 0);
    expect_refusal("not a regular file");
    rmdir(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    expect_refusal("not a regular file");
    unlink(path);
}

static void write_key(EVP_PKEY *pkey, const EVP_CIPHER *cipher)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_PKCS8PrivateKey(file, pkey, cipher, cipher == NULL ? NULL : "pass",
                         cipher == NULL ? 0 : 4, NULL, NULL),
        1);
    fclose(file);
    assert_int_equal(chmod(path, 0600), 0);
    EVP_PKEY_free(pkey);
}

static void other_kinds_of_keys_are_refused(void **state)
{
    write_key(EVP_PKEY_Q_keygen(NULL, NULL, "X25519"), NULL);
    expect_refusal("the key is not an Ed25519 key");
    write_key(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), NULL);
    expect_refusal("the key is not an Ed25519 key");
}

/* … without asking for the passphrase on the terminal. */
static void an_encrypted_key_is_refused(void **state)
{
    write_key(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), EVP_aes_128_cbc());
    expect_refusal("not an unencrypted private key in PEM form");
}

/* ---- the rest ---- */

static void hexadecimal_is_strict(void **state)
{
    uint8_t out[3];
    assert_true(hex_parse("00aBff", out, 3));
    expect_hex(out, 3, "00abff");
    assert_false(hex_parse("00abf", out, 3));
    assert_false(hex_parse("00abff0", out, 3));
    assert_false(hex_parse("00abff00", out, 3));
    assert_false(hex_parse("00ab g", out, 3));
    assert_false(hex_parse("0x00ab", out, 3));
    assert_false(hex_parse(" 00abf", out, 3));
    assert_false(hex_parse("", out, 3));
    assert_true(hex_parse("", out, 0));
}

static void random_bytes_fill_the_buffer(void **state)
{
    static uint8_t out[10000];
    random_bytes(out, sizeof out);
    unsigned counts[256] = {0};
    for (size_t i = 0; i < sizeof out; i++)
        counts[out[i]]++;
    for (size_t i = 0; i < 256; i++)
        assert_in_range(counts[i], 1, 120); /* 39 expected */
}

static int set_up(void **state)
{
    if (mkdtemp(directory) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/key", directory);
    return 0;
}

static int tear_down(void **state)
{
    unlink(path);
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_is_sha256),
        cmocka_unit_test(a_hasher_is_used_again),
        cmocka_unit_test(signatures_are_exact),
        cmocka_unit_test(a_signature_is_for_one_purpose),
        cmocka_unit_test(nothing_can_be_signed),
        cmocka_unit_test(a_public_key_that_is_no_point_verifies_nothing),
        cmocka_unit_test(a_key_file_is_read_back),
        cmocka_unit_test(an_open_key_file_is_refused),
        cmocka_unit_test(what_is_no_key_is_refused),
        cmocka_unit_test(other_kinds_of_keys_are_refused),
        cmocka_unit_test(an_encrypted_key_is_refused),
        cmocka_unit_test(hexadecimal_is_strict),
        cmocka_unit_test(random_bytes_fill_the_buffer),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
