/* Entering a view: from its NEW-VIEW, which was made or judged, or from the durable log. */
#include "proxy/pbft/view.h"

#include "proxy/pbft/core.h"

#include <assert.h>
#include <string.h>

void view_null_batch(
    struct pbft *core, uint64_t seq, struct batch *ret, uint8_t ret_digest[static DIGEST_BYTES])
{
    *ret = (struct batch){.seq = seq};
    core_batch_digest(core, ret, ret_digest);
}

void view_put_signed_part(
    struct pbft *core, uint64_t view, struct slice content, struct buffer *out)
{
    uint8_t digest[DIGEST_BYTES];
    const struct pbft_crypto *crypto = &core->options.crypto;
    crypto->digest(crypto->context, content.data, content.size, digest);
    buffer_clear(out);
    new_view_put_signed_part(out, view, digest);
}

/* ---- entering ---- */

bool view_find_basis(
    struct pbft *core, const struct new_view *m, struct held_change *ret[static REPLICAS_MAX])
{
    struct reader r = reader_of(m->digests);
    bool all = true;
    for (unsigned i = 0; i < core->replica_count; i++) {
        ret[i] = NULL;
        if ((m->senders >> i & 1) == 0)
            continue;
        uint8_t digest[DIGEST_BYTES];
        get_raw(&r, digest, DIGEST_BYTES);
        ret[i] = view_change_find(&core->view, i, m->view, digest);
        all = all && ret[i] != NULL;
    }
    return all;
}

/* The view changes that the NEW-VIEW names are kept apart from those that come from now on: who is
 * behind will want to see them. */
static void keep_basis(struct pbft *core)
{
    struct view *v = &core->view;
    struct held_change *found[REPLICAS_MAX];
    bool all = view_find_basis(core, &v->m, found);
    assert(all);
    for (unsigned i = 0; i < core->replica_count; i++) {
        v->basis[i].present = false;
        if (found[i] == NULL)
            continue;
        struct held_change held = v->basis[i];
        v->basis[i] = *found[i];
        *found[i] = held;
        emit_record(core, PBFT_RECORD_VIEW_CHANGE, true, i + 1, buffer_slice(&v->basis[i].body));
    }
}

static void set_range(struct view *v)
{
    v->low = v->m.low;
    v->high = v->m.low + v->m.carried_count;
    v->carry_next = v->low + 1;
}

/* What the view does not carry over is gone, unless it is final here (it may have become so in a
 * later view, if this replica is behind). */
static void retire_rest(struct pbft *core)
{
    const struct view *v = &core->view;
    for (uint64_t seq = core->slots.low + 1; seq <= core->slots.high; seq++) {
        struct slot *slot = slots_at(&core->slots, seq);
        bool carried = seq > v->low && seq <= v->high;
        if (!carried && !slot_is_committed(slot) && slot->view < v->number)
            slot_retire(slot);
    }
}

/* core->view.body has the NEW-VIEW, checked. */
void view_enter(struct pbft *core)
{
    struct view *v = &core->view;
    const char *reason = new_view_decode(buffer_slice(&v->body), &v->m);
    assert(reason == NULL);
    if (v->m.view != v->number)
        core_set_view(core, v->m.view);
    v->active = true;
    v->entered_us = core->now_us;
    keep_basis(core);
    set_range(v);
    retire_rest(core);
    suspicion_view_entered(core);
    /* Durable before anything of this view leaves: a restarted replica must carry over the same. */
    emit_record(core, PBFT_RECORD_NEW_VIEW, true, 1, buffer_slice(&v->body));
    core_record_view(core);
    core->status_due = true; /* the others learn at once where this replica is */
}

/* ---- helping ---- */

void view_help(struct pbft *core, unsigned to)
{
    const struct view *v = &core->view;
    if (!v->active) {
        const struct held_change *own = &v->changes[core->options.self];
        if (own->present && own->m.view == v->number)
            view_change_send(core, to, own);
        return;
    }
    if (v->number == 0)
        return;
    for (unsigned i = 0; i < core->replica_count; i++) {
        if (v->basis[i].present)
            view_change_send(core, to, &v->basis[i]);
    }
    emit_send(core, to, MESSAGE_NEW_VIEW, buffer_slice(&v->body));
}

/* ---- after a restart ---- */

void view_restore(struct view *view, struct slice body)
{
    buffer_clear(&view->body);
    put_raw(&view->body, body.data, body.size);
    assert(!view->body.failed);
    const char *reason = new_view_decode(buffer_slice(&view->body), &view->m);
    assert(reason == NULL);
    set_range(view);
}

/* The log has the batches as they were first accepted, and the NEW-VIEW; carrying over again makes
 * the same of them. */
void view_resume(struct pbft *core)
{
    struct view *v = &core->view;
    if (v->active) {
        retire_rest(core);
        return;
    }
    v->resumed = v->changes[core->options.self].present;
}
