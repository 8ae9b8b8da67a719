#include "tests/unit/pbft/views.h"

#include "proxy/pbft/core.h"
#include "tests/unit/pbft/forge.h"

#include <assert.h>

static unsigned replicas(const struct single *s)
{
    return 3 * s->options.faults + 1;
}

void views_suspect(struct single *s, unsigned from)
{
    struct status m = {.view = s->view, .active = true, .suspects = true};
    forge_status_of(&s->out, &m);
    single_message(s, from, MESSAGE_STATUS);
}

void views_change(struct single *s, unsigned from, uint64_t view)
{
    forge_empty_view_change(&s->out, from, view);
    single_message(s, from, MESSAGE_VIEW_CHANGE);
}

void views_change_with(struct single *s, struct forged_change *change)
{
    unsigned from = change->replica;
    forge_view_change(&s->out, change);
    single_message(s, from, MESSAGE_VIEW_CHANGE);
}

void views_leave(struct single *s)
{
    unsigned wanted = s->options.faults + 1;
    for (unsigned i = 0; wanted > 0; i++) {
        if (i == s->options.self)
            continue;
        views_suspect(s, i);
        wanted--;
    }
}

struct slice views_held(const struct single *s, unsigned replica)
{
    const struct held_change *held = &s->core->view.changes[replica];
    assert(held->present);
    return buffer_slice(&held->body);
}

struct view_change views_own(const struct single *s)
{
    struct view_change m = {0};
    const struct pbft_send *send = single_send_of(s, MESSAGE_VIEW_CHANGE);
    assert(send != NULL);
    const char *reason = view_change_decode(send->body, &m);
    assert(reason == NULL && m.replica == s->options.self);
    return m;
}

uint32_t views_backups(const struct single *s, uint64_t view)
{
    uint32_t mask = 0;
    for (unsigned i = 0; (unsigned)__builtin_popcount(mask) < 2 * s->options.faults; i++) {
        if (i != view % replicas(s))
            mask |= UINT32_C(1) << i;
    }
    return mask;
}

static void enter(struct single *s, uint64_t view, const struct batch *batch)
{
    unsigned primary = (unsigned)(view % replicas(s));
    assert(primary != s->options.self);
    struct forged_new_view m = {.primary = primary, .view = view};
    for (unsigned i = 0; i < replicas(s); i++) {
        if (i == s->options.self || (unsigned)__builtin_popcount(m.senders) > 2 * s->options.faults)
            continue;
        struct forged_change change = {.replica = i, .view = view};
        uint8_t digest[DIGEST_BYTES];
        if (batch != NULL && m.senders == 0) {
            forge_batch_digest(batch, digest);
            forge_add_proof(
                &change, replicas(s), s->view, batch->seq, digest, views_backups(s, s->view));
            while (m.carried_count + 1 < batch->seq)
                forge_add_null(&m);
            forge_add_carried(&m, digest);
        }
        forge_view_change(&s->out, &change);
        forge_add_change(&m, buffer_slice(&s->out));
        single_message(s, i, MESSAGE_VIEW_CHANGE);
    }
    forge_new_view(&s->out, &m);
    single_message(s, primary, MESSAGE_NEW_VIEW);
    assert(s->update.invalid == NULL && single_info(s).active && single_info(s).view == view);
    s->view = view;
}

void views_enter(struct single *s, uint64_t view)
{
    enter(s, view, NULL);
}

void views_enter_with(struct single *s, uint64_t view, const struct batch *batch)
{
    enter(s, view, batch);
}

void views_digest_of(struct single *s, uint64_t seq, uint8_t ret[static DIGEST_BYTES])
{
    struct batch batch = single_batch(s, seq);
    forge_batch_digest(&batch, ret);
}

void views_prepare_at(struct single *s, uint64_t seq)
{
    struct batch batch = single_batch(s, seq);
    single_pre_prepare(s, &batch);
    single_prepares(s, &batch, 1);
    assert(single_sent(s, MESSAGE_COMMIT) == 1);
}

/* A VIEW-CHANGE of view 1 that shows that single_batch(seq) prepared in view 0. */
struct forged_change views_showing(struct single *s, unsigned replica, uint64_t seq)
{
    struct forged_change change = {.replica = replica, .view = 1};
    uint8_t digest[DIGEST_BYTES];
    views_digest_of(s, seq, digest);
    forge_add_proof(&change, 4, 0, seq, digest, 0xa);
    return change;
}

void views_offer(struct single *s, const struct forged_new_view *m)
{
    forge_new_view(&s->out, m);
    single_message(s, m->primary, MESSAGE_NEW_VIEW);
}

void views_want(struct single *s, unsigned from, uint64_t seq)
{
    uint8_t digest[DIGEST_BYTES];
    views_digest_of(s, seq, digest);
    forge_want(&s->out, seq, digest);
    single_message(s, from, MESSAGE_WANT);
}
