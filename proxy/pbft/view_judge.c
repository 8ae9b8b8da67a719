/* Everybody else judges a NEW-VIEW: it must follow from the view changes that it names. */
#include "proxy/pbft/core.h"
#include "proxy/pbft/evidence.h"

#include <assert.h>
#include <string.h>

static bool new_view_is_signed(struct pbft *core, const struct new_view *m)
{
    const struct pbft_crypto *crypto = &core->options.crypto;
    view_put_signed_part(core, m->view, m->content, &core->scratch);
    return crypto->verify_replica(crypto->context, core_primary_of(core, m->view), SIGN_NEW_VIEW,
        core->scratch.data, core->scratch.size, m->signature);
}

static const char *check_carried(struct pbft *core, const struct new_view *m)
{
    const struct new_view_choice *c = &core->view.choice;
    if (m->low != c->low || m->carried_count != c->count)
        return "a new view that does not follow from its view changes";
    struct reader r = reader_of(m->carried);
    for (unsigned i = 0; i < c->count; i++) {
        uint64_t seq = c->low + 1 + i;
        struct carried carried;
        carried_take(&r, &carried);
        uint8_t null_digest[DIGEST_BYTES];
        struct batch null;
        view_null_batch(core, seq, &null, null_digest);
        const uint8_t *expected = c->entries[i].null ? null_digest : c->entries[i].digest;
        if (memcmp(carried.digest, expected, DIGEST_BYTES) != 0)
            return "a new view that carries over another batch than its view changes show";
        if (!core_phase_is_signed(core, SIGN_PRE_PREPARE, m->view, seq, carried.digest,
                core_primary_of(core, m->view), carried.signature))
            return "a new view with a wrong signature of a batch";
    }
    return NULL;
}

static const char *check(
    struct pbft *core, const struct new_view *m, struct held_change *const basis[])
{
    const struct view_change *changes[REPLICAS_MAX] = {0};
    for (unsigned i = 0; i < core->replica_count; i++) {
        if (basis[i] == NULL)
            continue;
        if (!view_change_is_proved(core, basis[i]))
            return "a new view made from a view change that proves nothing";
        changes[i] = &basis[i]->m;
    }
    new_view_choose(changes, core->options.window, &core->view.choice);
    return check_carried(core, m);
}

static void content_digest(
    struct pbft *core, const struct new_view *m, uint8_t ret[static DIGEST_BYTES])
{
    const struct pbft_crypto *crypto = &core->options.crypto;
    crypto->digest(crypto->context, m->content.data, m->content.size, ret);
}

/* The view was entered: the same again, or its primary contradicts itself. */
static const char *compare_new_view(struct pbft *core, const struct new_view *m)
{
    const struct new_view *first = &core->view.m;
    if (core->view.number == 0 || slice_equal(first->content, m->content))
        return NULL;
    if (!new_view_is_signed(core, m))
        return "new view with a wrong signature";
    uint8_t digest[2][DIGEST_BYTES];
    content_digest(core, first, digest[0]);
    content_digest(core, m, digest[1]);
    evidence_new_view(core, core_primary(core), m->view, (struct said){digest[0], first->signature},
        (struct said){digest[1], m->signature});
    return "a second, different new view";
}

const char *new_view_receive(struct pbft *core, unsigned from, struct slice body)
{
    struct new_view m;
    const char *reason = new_view_decode(body, &m);
    if (reason != NULL)
        return reason;
    struct view *v = &core->view;
    if (m.view == v->number && v->active)
        return compare_new_view(core, &m);
    if (m.view < v->number || core_primary_of(core, m.view) == core->options.self)
        return NULL;
    if (m.senders >> core->replica_count != 0 ||
        (unsigned)__builtin_popcount(m.senders) < core_quorum(core))
        return "a new view made from too few view changes";
    if (!new_view_is_signed(core, &m))
        return "new view with a wrong signature";
    struct held_change *basis[REPLICAS_MAX];
    if (!view_find_basis(core, &m, basis))
        return NULL;
    if (v->refused_us != 0 && core_elapsed(core, v->refused_us) < core->options.retransmit_us)
        return NULL;
    reason = check(core, &m, basis);
    if (reason != NULL) {
        v->refused_us = core->now_us;
        if (m.view == v->number)
            suspicion_raise(core, reason);
        return reason;
    }
    buffer_clear(&v->body);
    put_raw(&v->body, body.data, body.size);
    assert(!v->body.failed);
    view_enter(core);
    return NULL;
}
