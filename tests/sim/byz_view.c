/* Lies about views: VIEW-CHANGEs that leave certificates out, make them up or show old ones,
 * different ones to different replicas; NEW-VIEWs that do not follow from what they are made of. */
#include "tests/sim/byzantine.h"
#include "tests/sim/forge.h"
#include "tests/sim/sim.h"

#include <string.h>

#define PROOFS_MAX 64

static struct buffer proofs = {.size_max = FRAME_BODY_BYTES_MAX};

/* ---- VIEW-CHANGE ---- */

/* Keeps each certificate with a chance of one half. */
static void forget_some(struct sim *sim, struct view_change *m)
{
    struct reader r = reader_of(m->proofs);
    uint32_t count = 0;
    buffer_clear(&proofs);
    for (uint32_t i = 0; i < m->proof_count; i++) {
        struct proof p;
        if (proof_take(&r, &p) != NULL)
            return;
        if (sim_chance_below(sim, 2) == 0)
            continue;
        proof_put(&proofs, &p);
        count++;
    }
    m->proof_count = count;
    m->proofs = buffer_slice(&proofs);
}

/* A batch that nobody proposed, at this number. */
static struct batch invented_batch(uint64_t seq)
{
    return (struct batch){.seq = seq, .timestamp_us = PLAN_CLOCK_US + seq};
}

/* Whoever is taken in by an invention, or by an old certificate, asks for its content and gets it.
 */
void byz_view_answer(struct sim *sim, unsigned liar, unsigned to, struct slice body)
{
    struct want m;
    if ((sim->plan.habits & HABIT_VIEW_LIES) == 0 || want_decode(body, &m) != NULL)
        return;
    for (uint32_t i = 0; i < m.count; i++) {
        struct batch batch = invented_batch(m.wanted[i].seq);
        adversary_say(sim, liar, to, MESSAGE_CONTENT, forge_content(&batch), 0);
        const struct body *kept = sim->adversary.stash[m.wanted[i].seq % STASH].proposal;
        struct pre_prepare proposal;
        if (kept != NULL && pre_prepare_decode(body_slice(kept), &proposal) == NULL)
            adversary_say(sim, liar, to, MESSAGE_CONTENT, forge_content(&proposal.batch), 0);
    }
}

/* A certificate of the adversary's own making: signatures of accomplices only, the rest is noise
 * (or the same accomplice's again). */
static void put_invention(struct sim *sim, uint64_t view, uint64_t seq)
{
    static uint8_t signatures[2 * FAULTS_MAX][SIGNATURE_BYTES];
    unsigned primary = (unsigned)(view % sim->plan.replicas);
    struct proof p = {.view = view, .seq = seq};
    struct batch batch = invented_batch(seq);
    keys_batch_digest(&sim->keys, &batch, p.digest);
    memset(p.proposal_signature, 9, SIGNATURE_BYTES);
    if (sim_is_faulty(sim, primary))
        forge_phase_signature(
            sim, primary, SIGN_PRE_PREPARE, view, seq, p.digest, p.proposal_signature);
    unsigned count = 0;
    for (unsigned i = 0; i < sim->plan.replicas && count < 2 * sim->plan.faults; i++) {
        if (i == primary)
            continue;
        memset(signatures[count], 11, SIGNATURE_BYTES);
        if (sim_is_faulty(sim, i))
            forge_phase_signature(sim, i, SIGN_PREPARE, view, seq, p.digest, signatures[count]);
        p.signers |= UINT32_C(1) << i;
        count++;
    }
    p.signatures = slice_of(signatures, count * SIGNATURE_BYTES);
    proof_put(&proofs, &p);
}

static void invent_some(struct sim *sim, struct view_change *m)
{
    buffer_clear(&proofs);
    m->proof_count = 0;
    uint64_t last = m->stable.seq + sim->plan.window + sim_chance_below(sim, 3);
    for (uint64_t seq = m->stable.seq + 1; seq <= last && m->proof_count < PROOFS_MAX; seq++) {
        if (sim_chance_below(sim, 2) == 0)
            continue;
        put_invention(sim, m->view - 1 - sim_chance_below(sim, m->view), seq);
        m->proof_count++;
    }
    m->proofs = buffer_slice(&proofs);
}

/* Another digest in an otherwise true certificate. */
static void bend_some(struct sim *sim, struct view_change *m)
{
    struct reader r = reader_of(m->proofs);
    buffer_clear(&proofs);
    for (uint32_t i = 0; i < m->proof_count; i++) {
        struct proof p;
        if (proof_take(&r, &p) != NULL)
            return;
        if (sim_chance_below(sim, 2) == 0)
            p.digest[0] ^= 1;
        if (sim_chance_below(sim, 4) == 0)
            p.view += m->view - 1 > p.view;
        proof_put(&proofs, &p);
    }
    m->proofs = buffer_slice(&proofs);
}

static bool find_stashed(struct sim *sim, uint64_t seq, uint64_t below_view, struct proof *ret)
{
    const struct body *body = sim->adversary.stash[seq % STASH].proof;
    if (body == NULL)
        return false;
    struct reader r = reader_of(body_slice(body));
    return proof_take(&r, ret) == NULL && ret->seq == seq && ret->view < below_view;
}

/* The oldest certificates there are, in place of newer ones, and for what nobody else shows. */
static void show_old_ones(struct sim *sim, struct view_change *m)
{
    buffer_clear(&proofs);
    m->proof_count = 0;
    for (uint64_t seq = m->stable.seq + 1; seq <= m->stable.seq + sim->plan.window; seq++) {
        struct proof p;
        uint64_t patience = (sim->plan.habits & HABIT_HIDING) != 0;
        if (!find_stashed(sim, seq, m->view - patience, &p))
            continue;
        proof_put(&proofs, &p);
        m->proof_count++;
        if (seq <= sim->agreement.highest &&
            sim->agreement.agreed[seq].digest != check_digest(p.digest))
            sim_count(sim, COUNT_OLD_SHOWN);
    }
    m->proofs = buffer_slice(&proofs);
}

/* One of the lies; `m` is true, or at least signed by its sender. */
static void bend(struct sim *sim, struct view_change *m)
{
    /* To hide is to show nothing first, and then what everybody has forgotten. */
    bool hides = (sim->plan.habits & HABIT_HIDING) != 0;
    switch (hides ? 9 : sim_chance_below(sim, 10)) {
    case 0:
    case 8:
        m->proof_count = 0;
        m->proofs = slice_of(NULL, 0);
        break;
    case 1:
        forget_some(sim, m);
        break;
    case 2:
    case 7:
        invent_some(sim, m);
        break;
    case 3:
        bend_some(sim, m);
        break;
    case 4: /* a checkpoint that is not stable */
        m->stable.seq += sim->plan.interval;
        m->proof_count = 0;
        m->proofs = slice_of(NULL, 0);
        break;
    case 5:
    case 6:
    case 9:
        show_old_ones(sim, m);
        break;
    }
}

static struct body *lie_in_view_change(struct sim *sim, unsigned from, struct body *body)
{
    struct view_change m;
    /* Its own new view must stand on what the others have seen. */
    if (view_change_decode(body_slice(body), &m) != NULL || m.replica != from ||
        m.view % sim->plan.replicas == from)
        return NULL;
    bend(sim, &m);
    return forge_view_change(sim, &m);
}

/* A new primary takes the first 2f+1 that come, so lies must be early; and the first word counts,
 * so all hear the same. */
void byz_view_follow(struct sim *sim, uint64_t view)
{
    struct adversary *a = &sim->adversary;
    if (view <= a->lied_view || !adversary_feels_like(sim, HABIT_VIEW_LIES))
        return;
    a->lied_view = view;
    for (unsigned i = 0; i < sim->plan.replicas; i++) {
        struct view_change m = {.view = view, .replica = (uint16_t)i};
        if (!sim_is_faulty(sim, i) || view % sim->plan.replicas == i)
            continue;
        if (a->stable != NULL)
            (void)stable_decode(body_slice(a->stable), &m.stable);
        bend(sim, &m);
        adversary_say_to(sim, i, ~UINT32_C(0), MESSAGE_VIEW_CHANGE, forge_view_change(sim, &m), 0);
    }
}

/* ---- NEW-VIEW ---- */

/* What it carries over, with some of it replaced: by nothing, or by a batch that nobody has. */
static void carry_wrongly(struct sim *sim, unsigned from, struct new_view *m)
{
    static struct buffer carried = {.size_max = FRAME_BODY_BYTES_MAX};
    struct batch null_batch = {0};
    struct reader r = reader_of(m->carried);
    buffer_clear(&carried);
    for (uint32_t i = 0; i < m->carried_count; i++) {
        struct carried c;
        carried_take(&r, &c);
        null_batch.seq = m->low + 1 + i;
        if (sim_chance_below(sim, 2) == 0) {
            keys_batch_digest(&sim->keys, &null_batch, c.digest);
            c.digest[0] ^= sim_chance_below(sim, 4) == 0;
            forge_phase_signature(
                sim, from, SIGN_PRE_PREPARE, m->view, null_batch.seq, c.digest, c.signature);
        }
        carried_put(&carried, &c);
    }
    m->carried = buffer_slice(&carried);
}

/* The last ones are left out: others would be proposed in their place. */
static void carry_less(struct sim *sim, struct new_view *m)
{
    if (m->carried_count == 0)
        return;
    uint32_t left = (uint32_t)sim_chance_below(sim, m->carried_count);
    m->carried = slice_of(m->carried.data, m->carried.size / m->carried_count * left);
    m->carried_count = left;
}

static struct body *lie_in_new_view(struct sim *sim, unsigned from, struct body *body)
{
    struct new_view m;
    if (new_view_decode(body_slice(body), &m) != NULL || m.view % sim->plan.replicas != from)
        return NULL;
    switch (sim_chance_below(sim, 4)) {
    case 0:
        carry_wrongly(sim, from, &m);
        break;
    case 1:
        carry_less(sim, &m);
        break;
    case 2:
        m.low += sim->plan.interval;
        break;
    case 3: /* with fewer view changes behind it */
        m.senders &= m.senders - 1;
        m.digests = slice_of(m.digests.data + DIGEST_BYTES, m.digests.size - DIGEST_BYTES);
        break;
    }
    sim_count(sim, COUNT_NEW_VIEWS_FORGED);
    return forge_new_view(sim, from, &m);
}

struct body *byz_view_change(
    struct sim *sim, unsigned from, unsigned to, enum message_type type, struct body *body)
{
    if (!adversary_feels_like(sim, HABIT_VIEW_LIES))
        return NULL;
    return type == MESSAGE_VIEW_CHANGE ? lie_in_view_change(sim, from, body)
                                       : lie_in_new_view(sim, from, body);
}

/* Out of the blue: leaves a view that works, with nothing to show. Rarely, because a replica's
 * first word of a view is what counts, and better lies are then too late. */
void byz_view_forge(struct sim *sim)
{
    if ((sim->plan.habits & HABIT_HIDING) != 0 || sim_chance_below(sim, 60) != 0 ||
        !adversary_feels_like(sim, HABIT_VIEW_LIES))
        return;
    unsigned liar = adversary_any(sim);
    struct view_change m = {.view = sim->adversary.highest_view + 1 + sim_chance_below(sim, 2),
        .replica = (uint16_t)liar};
    if (sim_chance_below(sim, 2) == 0)
        invent_some(sim, &m);
    adversary_say_to(sim, liar, random_mask(&sim->random, sim->plan.replicas, 700),
        MESSAGE_VIEW_CHANGE, forge_view_change(sim, &m), 0);
}
