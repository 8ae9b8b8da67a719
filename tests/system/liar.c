/* A Byzantine replica, for the system tests.
 *
 *     liar CONFIG REPLICA KEY SEQ CHECKPOINT
 *
 * takes the place of a replica whose own proxy is down, dials those that it is its part to dial
 * (the lower numbers), and contradicts itself: two prepares at SEQ, two checkpoints at CHECKPOINT,
 * two contributions, two view changes. Once more each, because a repeated lie must be no new one.
 * The exit code is 0 if all of it was sent. */
#include "common/config.h"
#include "common/message.h"
#include "tests/system/raw_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_MS 8000
#define ROUNDS 2

struct liar {
    struct config *config;
    struct private_key *key;
    unsigned self;
    uint64_t seq;
    uint64_t checkpoint;
    struct raw_link *link;
    struct buffer body;
    struct buffer part; /* that is signed */
};

static void sign_part(
    struct liar *l, enum signature_purpose purpose, uint8_t ret[static SIGNATURE_BYTES])
{
    sign(l->key, l->config->identity, purpose, l->part.data, l->part.size, ret);
    buffer_clear(&l->part);
}

static bool send_body(struct liar *l, enum message_type type)
{
    char error[256];
    bool sent = raw_link_send(l->link, type, buffer_slice(&l->body), error, sizeof error);
    if (!sent)
        fprintf(stderr, "%s: %s\n", message_name((uint8_t)type), error);
    buffer_clear(&l->body);
    return sent;
}

static bool prepare(struct liar *l, uint8_t word)
{
    struct prepare m = {.seq = l->seq, .digest = {word}, .replica = (uint16_t)l->self};
    phase_put_signed_part(&l->part, m.view, m.seq, m.digest, m.replica);
    sign_part(l, SIGN_PREPARE, m.signature);
    prepare_encode(&l->body, &m);
    return send_body(l, MESSAGE_PREPARE);
}

static bool checkpoint(struct liar *l, uint8_t word)
{
    struct checkpoint m = {.seq = l->checkpoint, .digest = {word}, .replica = (uint16_t)l->self};
    checkpoint_put_signed_part(&l->part, &m);
    sign_part(l, SIGN_CHECKPOINT, m.signature);
    checkpoint_encode(&l->body, &m);
    return send_body(l, MESSAGE_CHECKPOINT);
}

/* A number that no honest predecessor has used: the replica's own proxy contributed before. */
static bool contribution(struct liar *l, uint8_t word)
{
    struct contribution m = {
        .number = UINT64_C(1) << 40, .reveal = {word}, .replica = (uint16_t)l->self};
    contribution_put_signed_part(&l->part, &m);
    sign_part(l, SIGN_CONTRIBUTION, m.signature);
    contribution_encode(&l->body, &m);
    return send_body(l, MESSAGE_CONTRIBUTION);
}

/* To a view whose primary is not suspected by anybody else: nothing comes of it. */
static bool view_change(struct liar *l, uint8_t word)
{
    uint8_t digest[DIGEST_BYTES], signature[SIGNATURE_BYTES];
    struct proof proof = {.seq = word};
    struct buffer proofs = BUFFER_INIT(PROOF_BYTES_MAX);
    proof_put(&proofs, &proof);
    struct view_change m = {
        .view = 7, .replica = (uint16_t)l->self, .proof_count = 1, .proofs = buffer_slice(&proofs)};
    view_change_put_content(&l->body, &m);
    sha256(digest, l->body.data, l->body.size);
    view_change_put_signed_part(&l->part, m.view, m.replica, digest);
    sign_part(l, SIGN_VIEW_CHANGE, signature);
    put_raw(&l->body, signature, sizeof signature);
    buffer_free(&proofs);
    return send_body(l, MESSAGE_VIEW_CHANGE);
}

static bool lie(struct liar *l)
{
    bool sent = true;
    for (unsigned round = 0; sent && round < ROUNDS; round++)
        for (uint8_t word = 1; sent && word <= 2; word++)
            sent = prepare(l, word) && checkpoint(l, word) && contribution(l, word) &&
                   view_change(l, word);
    return sent;
}

/* Until it says something after all of this, what was sent may not have been read. */
static bool wait_answer(struct liar *l)
{
    char error[256];
    struct slice body;
    uint8_t type;
    for (unsigned i = 0; i < 3; i++)
        if (!raw_link_receive(l->link, &type, &body, error, sizeof error)) {
            fprintf(stderr, "%s\n", error);
            return false;
        }
    return true;
}

static bool lie_to(struct liar *l, unsigned replica)
{
    char error[512];
    l->link = raw_link_open_as(
        l->config, l->key, HELLO_REPLICA, l->self, replica, PATIENCE_MS, error, sizeof error);
    if (!l->link) {
        fprintf(stderr, "replica %u: no link: %s\n", replica, error);
        return false;
    }
    bool done = lie(l) && wait_answer(l);
    raw_link_close(l->link);
    return done;
}

int main(int argc, char **argv)
{
    char error[512];
    if (argc != 6) {
        fprintf(stderr, "usage: liar CONFIG REPLICA KEY SEQ CHECKPOINT\n");
        return 2;
    }
    struct liar l = {.config = config_load(argv[1], error, sizeof error),
        .self = (unsigned)strtoul(argv[2], NULL, 10),
        .key = private_key_load(argv[3], error, sizeof error),
        .seq = strtoull(argv[4], NULL, 10),
        .checkpoint = strtoull(argv[5], NULL, 10),
        .body = BUFFER_INIT(FRAME_BODY_BYTES_MAX),
        .part = BUFFER_INIT(1024)};
    bool good = l.config && l.key && l.self < l.config->replica_count;
    if (!good)
        fprintf(stderr, "%s\n", error);
    for (unsigned i = 0; good && i < l.self; i++)
        good = lie_to(&l, i);
    config_free(l.config);
    private_key_free(l.key);
    buffer_free(&l.body);
    buffer_free(&l.part);
    return good ? 0 : 1;
}
