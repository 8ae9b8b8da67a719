#include "proxy/store/record.h"

#include <assert.h>
#include <string.h>

#define STORE_MAGIC "BYZSTORE"
#define STORE_VERSION 2

void record_key(uint8_t ret_key[static RECORD_KEY_BYTES], uint8_t type, uint64_t seq)
{
    ret_key[0] = type;
    for (unsigned i = 0; i < 8; i++)
        ret_key[1 + i] = (uint8_t)(seq >> (56 - 8 * i));
}

bool record_key_parse(struct slice key, uint8_t *ret_type, uint64_t *ret_seq)
{
    struct reader r = reader_of(key);
    uint8_t type = get_u8(&r);
    uint64_t seq = get_u64(&r);
    if (!reader_done(&r))
        return false;
    *ret_type = type;
    *ret_seq = seq;
    return true;
}

void record_digest(struct hasher *hasher, const uint8_t key[static RECORD_KEY_BYTES],
    struct slice content, uint8_t ret_digest[static DIGEST_BYTES])
{
    hasher_start(hasher);
    hasher_add(hasher, key, RECORD_KEY_BYTES);
    if (content.size > 0)
        hasher_add(hasher, content.data, content.size);
    hasher_finish(hasher, ret_digest);
}

bool record_open(struct hasher *hasher, const uint8_t key[static RECORD_KEY_BYTES],
    struct slice stored, struct slice *ret_content)
{
    if (stored.size < DIGEST_BYTES)
        return false;
    struct slice content = slice_of(stored.data + DIGEST_BYTES, stored.size - DIGEST_BYTES);
    uint8_t digest[DIGEST_BYTES];
    record_digest(hasher, key, content, digest);
    if (memcmp(digest, stored.data, DIGEST_BYTES) != 0)
        return false;
    *ret_content = content;
    return true;
}

void record_owner_encode(struct buffer *b, const struct record_owner *owner)
{
    put_raw(b, STORE_MAGIC, strlen(STORE_MAGIC));
    put_u32(b, STORE_VERSION);
    put_raw(b, owner->cluster, DIGEST_BYTES);
    put_u16(b, owner->replica);
    put_bool(b, owner->lost);
}

const char *record_owner_decode(struct slice bytes, struct record_owner *ret)
{
    struct reader r = reader_of(bytes);
    char magic[sizeof STORE_MAGIC - 1];
    struct record_owner owner;
    get_raw(&r, magic, sizeof magic);
    if (r.failed || memcmp(magic, STORE_MAGIC, sizeof magic) != 0)
        return "it is not a byzproxy store";
    if (get_u32(&r) != STORE_VERSION)
        return "it was written by another version of byzproxy";
    get_raw(&r, owner.cluster, sizeof owner.cluster);
    owner.replica = get_u16(&r);
    owner.lost = get_bool(&r);
    if (!reader_done(&r))
        return "its owner record is malformed";
    *ret = owner;
    return NULL;
}
