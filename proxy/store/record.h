/* How a record stands in the file: key = type, sequence number; value = SHA-256, content.
 *
 * The digest covers key and content, so that a record that was damaged, or that stands under
 * another's key, is recognised (LMDB's pages have no checksums). */
#ifndef BYZ_PROXY_STORE_RECORD_H
#define BYZ_PROXY_STORE_RECORD_H

#include "common/codec.h"
#include "common/crypto.h"

/* Type 0 is kept for the record that says whose store this is. */
#define RECORD_META 0
#define RECORD_TYPE_MAX 255
#define RECORD_KEY_BYTES 9

/* Big-endian, so that LMDB's byte order is the order of sequence numbers within a type. */
void record_key(uint8_t ret_key[static RECORD_KEY_BYTES], uint8_t type, uint64_t seq);
/* False: not a key of ours. */
bool record_key_parse(struct slice key, uint8_t *ret_type, uint64_t *ret_seq);

void record_digest(struct hasher *hasher, const uint8_t key[static RECORD_KEY_BYTES],
    struct slice content, uint8_t ret_digest[static DIGEST_BYTES]);
/* Finds the content in a stored value; false when the record is damaged. */
bool record_open(struct hasher *hasher, const uint8_t key[static RECORD_KEY_BYTES],
    struct slice stored, struct slice *ret_content);

/* Whose store this is. */
struct record_owner {
    uint8_t cluster[DIGEST_BYTES];
    uint16_t replica;
    bool lost; /* the store before this one was lost (common/birth.h) */
};
void record_owner_encode(struct buffer *b, const struct record_owner *owner);
/* NULL, or why the bytes are no such record of this version. */
const char *record_owner_decode(struct slice bytes, struct record_owner *ret);

#endif
