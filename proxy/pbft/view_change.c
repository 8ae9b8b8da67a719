#include "proxy/pbft/certificate.h"
#include "proxy/pbft/core.h"
#include "proxy/pbft/evidence.h"

#include <assert.h>
#include <string.h>

static size_t change_bytes_max(unsigned faults, unsigned window)
{
    size_t quorum = 2 * (size_t)faults + 1;
    size_t proof = 8 + 8 + DIGEST_BYTES + 4 + quorum * SIGNATURE_BYTES;
    /* A certificate of stability may have all signatures. */
    size_t stable = 8 + DIGEST_BYTES + 4 + (3 * (size_t)faults + 1) * SIGNATURE_BYTES;
    return 8 + 2 + stable + 4 + window * proof + SIGNATURE_BYTES;
}

bool view_init(struct view *view, unsigned faults, unsigned window)
{
    size_t bytes = change_bytes_max(faults, window);
    for (unsigned i = 0; i < 3 * faults + 1; i++) {
        buffer_init(&view->changes[i].body, bytes);
        buffer_init(&view->basis[i].body, bytes);
        buffer_init(&view->passed_on[i].body, bytes);
        if (!buffer_reserve(&view->passed_on[i].body, bytes) ||
            !buffer_reserve(&view->changes[i].body, bytes) ||
            !buffer_reserve(&view->basis[i].body, bytes))
            return false;
    }
    view->active = true;
    view->carry_next = 1;
    buffer_init(&view->body, NEW_VIEW_BYTES_MAX);
    return buffer_reserve(&view->body, NEW_VIEW_BYTES_MAX);
}

void view_release(struct view *view)
{
    for (unsigned i = 0; i < REPLICAS_MAX; i++) {
        buffer_free(&view->changes[i].body);
        buffer_free(&view->basis[i].body);
        buffer_free(&view->passed_on[i].body);
    }
    buffer_free(&view->body);
}

void view_change_hold(struct pbft *core, struct held_change *held, struct slice body)
{
    buffer_clear(&held->body);
    put_raw(&held->body, body.data, body.size);
    assert(!held->body.failed);
    const char *reason = view_change_decode(buffer_slice(&held->body), &held->m);
    assert(reason == NULL);
    const struct pbft_crypto *crypto = &core->options.crypto;
    crypto->digest(crypto->context, held->m.content.data, held->m.content.size, held->digest);
    held->present = true;
    held->judged = false;
    held->proved = false;
}

/* ---- this replica's own ---- */

/* C and P of the paper: the stable checkpoint, and what prepared above it in any view. */
static void put_content(struct pbft *core, struct buffer *b)
{
    uint64_t low = checkpoint_certificate(core).seq;
    assert(low >= core->slots.low);
    struct view_change m = {.view = core->view.number,
        .replica = (uint16_t)core->options.self,
        .stable = checkpoint_certificate(core)};
    for (uint64_t seq = low + 1; seq <= core->slots.high; seq++)
        m.proof_count += slots_at(&core->slots, seq)->prepared.held;
    view_change_put_content(b, &m);
    for (uint64_t seq = low + 1; seq <= core->slots.high; seq++) {
        const struct slot *slot = slots_at(&core->slots, seq);
        if (slot->prepared.held)
            certificate_put(slot, b);
    }
}

static void make_own(struct pbft *core)
{
    struct held_change *own = &core->view.changes[core->options.self];
    const struct pbft_crypto *crypto = &core->options.crypto;
    buffer_clear(&own->body);
    put_content(core, &own->body);
    crypto->digest(crypto->context, own->body.data, own->body.size, own->digest);
    buffer_clear(&core->scratch);
    view_change_put_signed_part(
        &core->scratch, core->view.number, (uint16_t)core->options.self, own->digest);
    uint8_t signature[SIGNATURE_BYTES];
    crypto->sign(
        crypto->context, SIGN_VIEW_CHANGE, core->scratch.data, core->scratch.size, signature);
    put_raw(&own->body, signature, SIGNATURE_BYTES);
    assert(!own->body.failed);
    const char *reason = view_change_decode(buffer_slice(&own->body), &own->m);
    assert(reason == NULL);
    own->present = true;
    own->judged = true;
    own->proved = true;
}

void view_change_start(struct pbft *core, uint64_t number)
{
    assert(number > core->view.number);
    if (core->silence.silent)
        return;
    suspicion_view_left(core);
    core_set_view(core, number);
    core->view.active = false;
    core->view.just_left = true;
    core->again = true;
    core->view.changes_made++;
    make_own(core);
    const struct held_change *own = &core->view.changes[core->options.self];
    /* A promise: from here on nothing prepares in an earlier view, whatever happens to us. */
    emit_record(
        core, PBFT_RECORD_VIEW_CHANGE, true, core->options.self + 1u, buffer_slice(&own->body));
    core_record_view(core);
    view_change_send(core, PBFT_TO_ALL, own);
}

void view_change_send(struct pbft *core, unsigned to, const struct held_change *held)
{
    assert(held->present);
    emit_send(core, to, MESSAGE_VIEW_CHANGE, buffer_slice(&held->body));
}

/* ---- the others' ---- */

static bool is_signed(struct pbft *core, const struct view_change *m, const uint8_t *digest)
{
    buffer_clear(&core->scratch);
    view_change_put_signed_part(&core->scratch, m->view, m->replica, digest);
    const struct pbft_crypto *crypto = &core->options.crypto;
    return crypto->verify_replica(crypto->context, m->replica, SIGN_VIEW_CHANGE, core->scratch.data,
        core->scratch.size, m->signature);
}

static bool is_it(
    const struct held_change *held, uint64_t number, const uint8_t digest[static DIGEST_BYTES])
{
    return held->present && held->m.view == number &&
           memcmp(held->digest, digest, DIGEST_BYTES) == 0;
}

struct held_change *view_change_find(
    struct view *view, unsigned replica, uint64_t number, const uint8_t digest[static DIGEST_BYTES])
{
    if (is_it(&view->changes[replica], number, digest))
        return &view->changes[replica];
    if (is_it(&view->passed_on[replica], number, digest))
        return &view->passed_on[replica];
    return NULL;
}

/* Its sender's first word of its latest view is kept. What others pass on is kept beside it: a new
 * view may have been made from the sender's other word, or from that of a view which it has left.
 */
static const char *take(
    struct pbft *core, unsigned from, const struct view_change *m, struct slice body)
{
    struct held_change *held = &core->view.changes[m->replica];
    uint8_t digest[DIGEST_BYTES];
    const struct pbft_crypto *crypto = &core->options.crypto;
    crypto->digest(crypto->context, m->content.data, m->content.size, digest);
    if (view_change_find(&core->view, m->replica, m->view, digest) != NULL)
        return NULL;
    if (!is_signed(core, m, digest))
        return "view change with a wrong signature";
    bool is_own = m->replica == core->options.self;
    if (is_own) /* this replica lost its log, and learns what it has said */
        silence_learn_view(core, m->view);
    bool newer = !is_own && (!held->present || held->m.view < m->view);
    if (!newer && !is_own && held->m.view == m->view)
        evidence_view_change(core, m->replica, m->view,
            (struct said){held->digest, held->m.signature}, (struct said){digest, m->signature});
    if (!newer && from == m->replica)
        return held->m.view == m->view ? "a second, different view change" : NULL;
    view_change_hold(core, newer ? held : &core->view.passed_on[m->replica], body);
    return NULL;
}

const char *view_change_receive(struct pbft *core, unsigned from, struct slice body)
{
    struct view_change m;
    const char *reason = view_change_decode(body, &m);
    if (reason != NULL)
        return reason;
    if (m.replica >= core->replica_count)
        return "view change of an unknown replica";
    if (body.size > core->view.changes[0].body.size_max)
        return "view change with more than the window holds";
    if (m.view < core->view.number || (m.view == core->view.number && core->view.active))
        return NULL;
    return take(core, from, &m, body);
}

static bool proofs_hold(struct pbft *core, const struct view_change *m)
{
    struct reader r = reader_of(m->proofs);
    for (uint32_t i = 0; i < m->proof_count; i++) {
        struct proof proof;
        const char *reason = proof_take(&r, &proof);
        assert(reason == NULL); /* decoded before */
        if (proof.seq - m->stable.seq > core->options.window ||
            !certificate_proves_prepared(core, &proof))
            return false;
    }
    return true;
}

bool view_change_is_proved(struct pbft *core, struct held_change *held)
{
    assert(held->present);
    if (!held->judged) {
        held->judged = true;
        held->proved =
            certificate_proves_stable(core, &held->m.stable) && proofs_hold(core, &held->m);
    }
    return held->proved;
}

void view_change_return(struct pbft *core, unsigned to)
{
    if (core->view.changes[to].present)
        view_change_send(core, to, &core->view.changes[to]);
    if (core->view.basis[to].present)
        view_change_send(core, to, &core->view.basis[to]);
}

/* The highest view that f+1 others go to, or beyond: one of them is correct, and had a reason. */
static uint64_t followed_view(const struct pbft *core)
{
    uint64_t best = 0;
    for (unsigned i = 0; i < core->replica_count; i++) {
        const struct held_change *candidate = &core->view.changes[i];
        unsigned supporters = 0;
        for (unsigned j = 0; candidate->present && j < core->replica_count; j++) {
            const struct held_change *held = &core->view.changes[j];
            supporters +=
                j != core->options.self && held->present && held->m.view >= candidate->m.view;
        }
        if (supporters >= core_weak_quorum(core) && candidate->m.view > best)
            best = candidate->m.view;
    }
    return best;
}

/* Who went further has been in this view, too, and may not repeat its view change for it. */
static unsigned count_changes(struct pbft *core)
{
    unsigned count = 0;
    for (unsigned i = 0; i < core->replica_count; i++) {
        struct held_change *held = &core->view.changes[i];
        if (held->present && held->m.view == core->view.number)
            count += view_change_is_proved(core, held);
        else
            count += held->present && held->m.view > core->view.number;
    }
    return count;
}

void view_change_join(struct pbft *core)
{
    uint64_t number = followed_view(core);
    if (number > core->view.number)
        view_change_start(core, number);
    /* The new primary's time begins when it can have what it needs, so that a replica which left
     * alone does not run on through the views. */
    if (!core->view.active && !core->view.quorum && count_changes(core) >= core_quorum(core)) {
        core->view.quorum = true;
        core->view.quorum_us = core->now_us;
    }
}
