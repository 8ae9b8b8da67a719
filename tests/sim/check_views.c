/* A correct replica's own VIEW-CHANGE shows everything that it ever said COMMIT to, with proof; its
 * NEW-VIEW keeps what is final. Both are on disk before they leave. */
#include "tests/sim/sim.h"

#include <string.h>

/* Proofs of one view change by place above its stable checkpoint. */
#define PLACES (1 + 4 * 8)

static uint64_t content_digest(struct sim *sim, struct slice content)
{
    uint8_t digest[DIGEST_BYTES];
    keys_digest(&sim->keys, content, digest);
    return check_digest(digest);
}

static void check_view_on_disk(struct sim *sim, unsigned replica, const char *what, uint64_t view)
{
    const struct disk *disk = &sim->replicas[replica].disk;
    const struct body *record = disk_read(disk, PBFT_RECORD_VIEW, 1);
    struct reader r = reader_of(record == NULL ? slice_of(NULL, 0) : body_slice(record));
    if (get_u64(&r) < view || !disk_is_flushed(disk, PBFT_RECORD_VIEW, 1))
        violation(sim, "persist first", "r%u sends its %s for view %llu, which is not on disk",
            replica, what, (unsigned long long)view);
}

/* ---- VIEW-CHANGE ---- */

static bool is_signed(struct sim *sim, unsigned replica, enum signature_purpose purpose,
    const struct proof *p, const uint8_t signature[static SIGNATURE_BYTES])
{
    uint8_t bytes[64];
    struct buffer b = {.data = bytes, .capacity = sizeof bytes, .size_max = sizeof bytes};
    phase_put_signed_part(&b, p->view, p->seq, p->digest, (uint16_t)replica);
    return keys_verify_replica(&sim->keys, replica, purpose, buffer_slice(&b), signature);
}

static bool proves(struct sim *sim, const struct proof *p)
{
    unsigned primary = (unsigned)(p->view % sim->plan.replicas);
    if ((p->signers >> primary & 1) != 0 ||
        (unsigned)__builtin_popcount(p->signers) < 2 * sim->plan.faults ||
        !is_signed(sim, primary, SIGN_PRE_PREPARE, p, p->proposal_signature))
        return false;
    const uint8_t *signature = p->signatures.data;
    for (unsigned i = 0; i < REPLICAS_MAX; i++) {
        if ((p->signers >> i & 1) == 0)
            continue;
        if (!is_signed(sim, i, SIGN_PREPARE, p, signature))
            return false;
        signature += SIGNATURE_BYTES;
    }
    return true;
}

static void take_proofs(struct sim *sim, unsigned replica, const struct view_change *m,
    struct proof proofs[static PLACES])
{
    struct reader r = reader_of(m->proofs);
    for (uint32_t i = 0; i < m->proof_count; i++) {
        struct proof p;
        if (proof_take(&r, &p) != NULL || p.seq - m->stable.seq >= PLACES || p.view >= m->view ||
            !proves(sim, &p))
            violation(sim, "view change", "r%u shows a certificate that proves nothing", replica);
        proofs[p.seq - m->stable.seq] = p;
    }
}

/* The COMMIT at this number, in this view. */
static bool shows(
    struct sim *sim, unsigned replica, uint64_t seq, uint64_t view, const struct proof *p)
{
    if (p->seq != seq || p->view < view)
        return false;
    uint32_t said = statements_mask(
        &sim->promises.statements, STATEMENT_COMMIT, view, seq, check_digest(p->digest));
    return p->view > view || (said >> replica & 1) != 0;
}

static void check_shows_all(struct sim *sim, unsigned replica, const struct view_change *m)
{
    struct proof proofs[PLACES] = {0};
    take_proofs(sim, replica, m, proofs);
    for (unsigned place = 1; place < PLACES; place++) {
        uint64_t seq = m->stable.seq + place;
        const uint64_t *view =
            map_find(&sim->promises.owed, check_promises_owed_name(replica, seq));
        if (view != NULL && !shows(sim, replica, seq, *view, &proofs[place]))
            violation(sim, "view change",
                "r%u said COMMIT at %llu in view %llu and does not show it in its VIEW-CHANGE",
                replica, (unsigned long long)seq, (unsigned long long)*view);
    }
}

static void check_stable(struct sim *sim, unsigned replica, uint64_t seq)
{
    uint32_t said = statements_said(&sim->promises.statements, STATEMENT_CHECKPOINT, 0, seq);
    said |= UINT32_C(1) << replica | replicas_without_log(sim);
    if (seq > 0 &&
        !check_promises_is_quorum(sim, (unsigned)__builtin_popcount(said & ~sim->plan.faulty)))
        violation(sim, "view change", "r%u shows checkpoint %llu as stable, which it is not",
            replica, (unsigned long long)seq);
}

void check_views_change(struct sim *sim, unsigned replica, struct slice body)
{
    struct view_change m;
    check_promises_form(sim, replica, "VIEW-CHANGE", view_change_decode(body, &m));
    if (m.replica != replica)
        return; /* another's, for whoever lacks it */
    uint64_t digest = content_digest(sim, m.content);
    if (!check_promises_say(sim, replica, STATEMENT_VIEW_CHANGE, m.view, 0, digest))
        return;
    sim_count(sim, COUNT_VIEW_CHANGES);
    check_view_on_disk(sim, replica, "VIEW-CHANGE", m.view);
    check_stable(sim, replica, m.stable.seq);
    check_shows_all(sim, replica, &m);
}

/* ---- NEW-VIEW ---- */

void check_views_new(struct sim *sim, unsigned replica, struct slice body)
{
    struct new_view m;
    check_promises_form(sim, replica, "NEW-VIEW", new_view_decode(body, &m));
    if (m.view % sim->plan.replicas != replica)
        return;
    uint64_t digest = content_digest(sim, m.content);
    if (!check_promises_say(sim, replica, STATEMENT_NEW_VIEW, m.view, 0, digest))
        return;
    sim_count(sim, COUNT_NEW_VIEWS);
    check_stable(sim, replica, m.low);
    check_view_on_disk(sim, replica, "NEW-VIEW", m.view);
    struct reader r = reader_of(m.carried);
    for (uint32_t i = 0; i < m.carried_count; i++) {
        struct carried c;
        carried_take(&r, &c);
        uint64_t seq = m.low + 1 + i, carried = check_digest(c.digest);
        (void)check_promises_say(sim, replica, STATEMENT_PROPOSAL, m.view, seq, carried);
        check_promises_keeps_final(sim, replica, m.view, seq, carried);
        sim_count(sim, COUNT_CARRIED);
    }
    for (uint64_t seq = m.low + m.carried_count + 1; seq <= m.low + sim->plan.window; seq++)
        check_promises_keeps_final(sim, replica, m.view, seq, 0);
}
