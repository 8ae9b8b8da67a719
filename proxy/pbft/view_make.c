/* The new view's primary makes it, from view changes whose batches it can get. */
#include "proxy/pbft/core.h"

#include <assert.h>
#include <string.h>

static uint32_t proved_changes(struct pbft *core)
{
    uint32_t mask = 0;
    for (unsigned i = 0; i < core->replica_count; i++) {
        struct held_change *held = &core->view.changes[i];
        if (held->present && held->m.view == core->view.number && view_change_is_proved(core, held))
            mask |= UINT32_C(1) << i;
    }
    return mask;
}

static void choose(struct pbft *core, uint32_t mask)
{
    const struct view_change *changes[REPLICAS_MAX] = {0};
    for (unsigned i = 0; i < core->replica_count; i++) {
        if ((mask >> i & 1) != 0)
            changes[i] = &core->view.changes[i].m;
    }
    new_view_choose(changes, core->options.window, &core->view.choice);
}

/* Who shows a batch that this replica does not have? */
static uint32_t blocked_by_content(struct pbft *core)
{
    const struct new_view_choice *c = &core->view.choice;
    uint32_t mask = 0;
    for (unsigned i = 0; i < c->count; i++) {
        if (!view_has_content(core, c->low + 1 + i, &c->entries[i]))
            mask |= c->entries[i].shown_by;
    }
    return mask;
}

/* A faulty replica may show a certificate for a batch that no correct one kept. The view must not
 * wait for it for ever: correct replicas keep what they show, so 2f+1 view changes whose batches
 * can all be had come together in the end. Until then the choice says what to ask for. */
static bool choose_with_contents(struct pbft *core, uint32_t *ret_mask)
{
    uint32_t mask = proved_changes(core);
    uint32_t blocked = 0;
    do {
        mask &= ~blocked;
        if ((unsigned)__builtin_popcount(mask) < core_quorum(core))
            break;
        choose(core, mask);
        blocked = blocked_by_content(core);
    } while (blocked != 0);
    *ret_mask = mask;
    return (unsigned)__builtin_popcount(mask) >= core_quorum(core);
}

static void sign_phase(struct pbft *core, uint64_t seq, struct carried *carried)
{
    const struct pbft_crypto *crypto = &core->options.crypto;
    buffer_clear(&core->scratch);
    phase_put_signed_part(
        &core->scratch, core->view.number, seq, carried->digest, (uint16_t)core_primary(core));
    crypto->sign(crypto->context, SIGN_PRE_PREPARE, core->scratch.data, core->scratch.size,
        carried->signature);
}

static void put_carried(struct pbft *core, struct buffer *b)
{
    const struct new_view_choice *c = &core->view.choice;
    for (unsigned i = 0; i < c->count; i++) {
        struct carried carried;
        struct batch null;
        if (c->entries[i].null)
            view_null_batch(core, c->low + 1 + i, &null, carried.digest);
        else
            memcpy(carried.digest, c->entries[i].digest, DIGEST_BYTES);
        sign_phase(core, c->low + 1 + i, &carried);
        carried_put(b, &carried);
    }
}

static void put_new_view(struct pbft *core, uint32_t senders)
{
    struct view *v = &core->view;
    const struct pbft_crypto *crypto = &core->options.crypto;
    buffer_clear(&v->body);
    struct new_view m = {.view = v->number,
        .senders = senders,
        .low = v->choice.low,
        .carried_count = v->choice.count};
    uint8_t digests[REPLICAS_MAX * DIGEST_BYTES];
    for (unsigned i = 0; i < core->replica_count; i++) {
        if ((senders >> i & 1) != 0) {
            memcpy(digests + m.digests.size, v->changes[i].digest, DIGEST_BYTES);
            m.digests.size += DIGEST_BYTES;
        }
    }
    m.digests.data = digests;
    new_view_put_content(&v->body, &m); /* without the carried ones, which follow */
    put_carried(core, &v->body);
    view_put_signed_part(core, v->number, buffer_slice(&v->body), &core->scratch);
    uint8_t signature[SIGNATURE_BYTES];
    crypto->sign(crypto->context, SIGN_NEW_VIEW, core->scratch.data, core->scratch.size, signature);
    put_raw(&v->body, signature, SIGNATURE_BYTES);
    assert(!v->body.failed);
}

void view_make(struct pbft *core)
{
    struct view *v = &core->view;
    uint32_t senders;
    if (v->active || !v->quorum || v->just_left || !core_is_primary(core) || core->silence.silent)
        return;
    if (!choose_with_contents(core, &senders)) {
        view_ask(core);
        return;
    }
    put_new_view(core, senders);
    view_enter(core);
    emit_send(core, PBFT_TO_ALL, MESSAGE_NEW_VIEW, buffer_slice(&v->body));
}
