#include "tests/sim/forge.h"

#include "tests/sim/sim.h"

#include <assert.h>
#include <string.h>

/* The message under construction, and what a signature covers. */
static struct buffer message = {.size_max = FRAME_BODY_BYTES_MAX};
static struct buffer part = {.size_max = FRAME_BODY_BYTES_MAX};

static struct body *finish(void)
{
    assert(!message.failed);
    return body_new(buffer_slice(&message));
}

void forge_sign(struct sim *sim, unsigned replica, enum signature_purpose purpose,
    struct slice data, uint8_t ret[static SIGNATURE_BYTES])
{
    assert(sim_is_faulty(sim, replica));
    keys_sign_replica(&sim->keys, replica, purpose, data, ret);
}

void forge_phase_signature(struct sim *sim, unsigned replica, enum signature_purpose purpose,
    uint64_t view, uint64_t seq, const uint8_t digest[static DIGEST_BYTES],
    uint8_t ret[static SIGNATURE_BYTES])
{
    buffer_clear(&part);
    phase_put_signed_part(&part, view, seq, digest, (uint16_t)replica);
    forge_sign(sim, replica, purpose, buffer_slice(&part), ret);
}

struct body *forge_pre_prepare(
    struct sim *sim, unsigned replica, uint64_t view, const struct batch *batch)
{
    struct pre_prepare m = {.view = view, .batch = *batch};
    uint8_t digest[DIGEST_BYTES];
    keys_batch_digest(&sim->keys, batch, digest);
    forge_phase_signature(sim, replica, SIGN_PRE_PREPARE, view, batch->seq, digest, m.signature);
    buffer_clear(&message);
    pre_prepare_encode(&message, &m);
    return finish();
}

struct body *forge_prepare(struct sim *sim, unsigned replica, uint64_t view, uint64_t seq,
    const uint8_t digest[static DIGEST_BYTES])
{
    struct prepare m = {.view = view, .seq = seq, .replica = (uint16_t)replica};
    memcpy(m.digest, digest, DIGEST_BYTES);
    forge_phase_signature(sim, replica, SIGN_PREPARE, view, seq, digest, m.signature);
    buffer_clear(&message);
    prepare_encode(&message, &m);
    return finish();
}

struct body *forge_commit(uint64_t view, uint64_t seq, const uint8_t digest[static DIGEST_BYTES])
{
    struct commit m = {.view = view, .seq = seq};
    memcpy(m.digest, digest, DIGEST_BYTES);
    buffer_clear(&message);
    commit_encode(&message, &m);
    return finish();
}

struct body *forge_checkpoint(
    struct sim *sim, unsigned replica, uint64_t seq, const uint8_t digest[static DIGEST_BYTES])
{
    struct checkpoint m = {.seq = seq, .replica = (uint16_t)replica};
    memcpy(m.digest, digest, DIGEST_BYTES);
    buffer_clear(&part);
    checkpoint_put_signed_part(&part, &m);
    forge_sign(sim, replica, SIGN_CHECKPOINT, buffer_slice(&part), m.signature);
    buffer_clear(&message);
    checkpoint_encode(&message, &m);
    return finish();
}

struct body *forge_status(const struct status *status)
{
    buffer_clear(&message);
    status_encode(&message, status);
    return finish();
}

struct body *forge_fetched(const struct batch *batch)
{
    struct fetched m = {.batch = *batch};
    buffer_clear(&message);
    fetched_encode(&message, &m);
    return finish();
}

struct body *forge_content(const struct batch *batch)
{
    buffer_clear(&message);
    content_encode(&message, batch);
    return finish();
}

struct body *forge_contribution(struct sim *sim, const struct contribution *unsigned_one)
{
    struct contribution m = *unsigned_one;
    buffer_clear(&part);
    contribution_put_signed_part(&part, &m);
    forge_sign(sim, m.replica, SIGN_CONTRIBUTION, buffer_slice(&part), m.signature);
    buffer_clear(&message);
    contribution_encode(&message, &m);
    return finish();
}

struct body *forge_view_change(struct sim *sim, const struct view_change *unsigned_one)
{
    const struct view_change *m = unsigned_one;
    uint8_t digest[DIGEST_BYTES], signature[SIGNATURE_BYTES];
    buffer_clear(&message);
    view_change_put_content(&message, m);
    keys_digest(&sim->keys, buffer_slice(&message), digest);
    buffer_clear(&part);
    view_change_put_signed_part(&part, m->view, m->replica, digest);
    forge_sign(sim, m->replica, SIGN_VIEW_CHANGE, buffer_slice(&part), signature);
    put_raw(&message, signature, SIGNATURE_BYTES);
    return finish();
}

struct body *forge_new_view(struct sim *sim, unsigned replica, const struct new_view *unsigned_one)
{
    uint8_t digest[DIGEST_BYTES], signature[SIGNATURE_BYTES];
    buffer_clear(&message);
    new_view_put_content(&message, unsigned_one);
    keys_digest(&sim->keys, buffer_slice(&message), digest);
    buffer_clear(&part);
    new_view_put_signed_part(&part, unsigned_one->view, digest);
    forge_sign(sim, replica, SIGN_NEW_VIEW, buffer_slice(&part), signature);
    put_raw(&message, signature, SIGNATURE_BYTES);
    return finish();
}
