#include "tests/sim/check_promises.h"

#include "tests/sim/sim.h"

#include <string.h>

void check_promises_start(struct sim *sim)
{
    struct check_promises *c = &sim->promises;
    statements_clear(&c->statements);
    map_clear(&c->owed);
    c->highest_view = 0;
    memset(c->view, 0, sizeof c->view);
}

/* ---- what was said ---- */

static const char *kind_name(enum statement_kind kind)
{
    static const char *const names[] = {"?", "PRE-PREPARE", "PREPARE", "COMMIT", "CHECKPOINT",
        "VIEW-CHANGE", "NEW-VIEW", "CONTRIBUTION"};
    return names[kind];
}

/* A replica never goes back to a view: not after its VIEW-CHANGE, and not after a restart. Only one
 * that lost its log may, if nobody is left who heard the VIEW-CHANGE (else it is told): it counts
 * as one of the f, and the others' certificates suffice without it. */
static void check_view(
    struct sim *sim, unsigned replica, enum statement_kind kind, uint64_t view, uint64_t number)
{
    struct check_promises *c = &sim->promises;
    if (kind == STATEMENT_CHECKPOINT || kind == STATEMENT_CONTRIBUTION)
        return;
    if (view < c->view[replica] && !sim->replicas[replica].lost_log)
        violation(sim, "view", "r%u says %s in view %llu at %llu when it is in view %llu", replica,
            kind_name(kind), (unsigned long long)view, (unsigned long long)number,
            (unsigned long long)c->view[replica]);
    c->view[replica] = view;
    if (view > c->highest_view)
        c->highest_view = view;
}

bool check_promises_say(struct sim *sim, unsigned replica, enum statement_kind kind, uint64_t view,
    uint64_t number, uint64_t digest)
{
    enum statement_result result =
        statements_add(&sim->promises.statements, kind, replica, view, number, digest);
    bool excused = kind == STATEMENT_VIEW_CHANGE && sim->replicas[replica].lost_log;
    if (result == STATEMENT_CONTRADICTED && !excused)
        violation(sim, "contradiction", "r%u says two %s in view %llu at %llu", replica,
            kind_name(kind), (unsigned long long)view, (unsigned long long)number);
    if (result == STATEMENT_NEW)
        check_view(sim, replica, kind, view, number);
    return result == STATEMENT_NEW;
}

bool check_promises_is_quorum(const struct sim *sim, unsigned correct)
{
    unsigned liars = (unsigned)__builtin_popcount(sim->plan.faulty);
    return correct + liars >= 2 * sim->plan.faults + 1;
}

unsigned check_promises_commits(
    const struct sim *sim, uint64_t seq, uint64_t digest, uint64_t below_view, uint32_t with)
{
    unsigned best = 0;
    for (uint64_t view = 0; view <= sim->promises.highest_view && view < below_view; view++) {
        uint32_t mask =
            statements_mask(&sim->promises.statements, STATEMENT_COMMIT, view, seq, digest);
        unsigned count = (unsigned)__builtin_popcount(mask | with);
        if (count > best)
            best = count;
    }
    return best;
}

void check_promises_keeps_final(
    struct sim *sim, unsigned replica, uint64_t view, uint64_t seq, uint64_t digest)
{
    if (seq > sim->agreement.highest || sim->agreement.agreed[seq].digest == digest)
        return;
    if (check_promises_is_quorum(
            sim, check_promises_commits(sim, seq, sim->agreement.agreed[seq].digest, view, 0)))
        violation(sim, "new view",
            "r%u supports another batch at %llu in view %llu than became final before", replica,
            (unsigned long long)seq, (unsigned long long)view);
}

uint64_t check_promises_owed_name(unsigned replica, uint64_t seq)
{
    return mix64(seq * 64 + replica) | 1;
}

/* ---- on disk before it leaves ---- */

static uint64_t batch_digest_of(struct sim *sim, const struct batch *batch)
{
    uint8_t digest[DIGEST_BYTES];
    keys_batch_digest(&sim->keys, batch, digest);
    return check_digest(digest);
}

static void check_on_disk(
    struct sim *sim, unsigned replica, const char *what, uint64_t seq, uint64_t digest)
{
    const struct disk *disk = &sim->replicas[replica].disk;
    /* What went bad since it was written is another matter. */
    if (seq <= disk_last(disk, PBFT_RECORD_STATE) || disk->damaged)
        return;
    const struct body *record = disk_read(disk, PBFT_RECORD_BATCH, seq);
    struct pre_prepare m;
    if (record == NULL || !disk_is_flushed(disk, PBFT_RECORD_BATCH, seq) ||
        pre_prepare_decode(body_slice(record), &m) != NULL ||
        batch_digest_of(sim, &m.batch) != digest)
        violation(sim, "persist first", "r%u sends %s at %llu and does not have that batch on disk",
            replica, what, (unsigned long long)seq);
}

/* ---- one rule a message ---- */

void check_promises_form(struct sim *sim, unsigned replica, const char *message, const char *reason)
{
    if (reason != NULL)
        violation(sim, "form", "r%u sends a malformed %s: %s", replica, message, reason);
}

static void check_proposal(struct sim *sim, unsigned replica, struct slice body)
{
    struct pre_prepare m;
    check_promises_form(sim, replica, "PRE-PREPARE", pre_prepare_decode(body, &m));
    if (m.view % sim->plan.replicas != replica)
        return; /* a backup passes it on, for whoever lacks it */
    uint64_t digest = batch_digest_of(sim, &m.batch);
    if (!check_promises_say(sim, replica, STATEMENT_PROPOSAL, m.view, m.batch.seq, digest))
        return;
    check_promises_keeps_final(sim, replica, m.view, m.batch.seq, digest);
    check_on_disk(sim, replica, "PRE-PREPARE", m.batch.seq, digest);
}

static void check_prepare(struct sim *sim, unsigned replica, struct slice body)
{
    struct prepare m;
    check_promises_form(sim, replica, "PREPARE", prepare_decode(body, &m));
    if (m.replica != replica)
        check_promises_form(sim, replica, "PREPARE", "in another's name");
    uint64_t digest = check_digest(m.digest);
    if (!check_promises_say(sim, replica, STATEMENT_PREPARE, m.view, m.seq, digest))
        return;
    check_promises_keeps_final(sim, replica, m.view, m.seq, digest);
    check_on_disk(sim, replica, "PREPARE", m.seq, digest);
}

/* 2f+1 replicas stand behind the batch in this view (PRE-PREPARE or PREPARE); this one does, even
 * if it said nothing but COMMIT yet. */
static bool is_prepared(const struct sim *sim, unsigned replica, const struct commit *m)
{
    const struct statements *s = &sim->promises.statements;
    uint64_t digest = check_digest(m->digest);
    uint32_t mask = statements_mask(s, STATEMENT_PREPARE, m->view, m->seq, digest) |
                    statements_mask(s, STATEMENT_PROPOSAL, m->view, m->seq, digest) |
                    UINT32_C(1) << replica;
    return check_promises_is_quorum(sim, (unsigned)__builtin_popcount(mask));
}

/* Final without this replica's word of today. (It may have fallen when it was about to say COMMIT
 * in an earlier view, and know what nobody else does.) */
static bool was_final(const struct sim *sim, unsigned replica, const struct commit *m)
{
    uint64_t digest = check_digest(m->digest);
    uint32_t others =
        statements_mask(&sim->promises.statements, STATEMENT_COMMIT, m->view, m->seq, digest);
    others &= ~(UINT32_C(1) << replica);
    return check_promises_is_quorum(sim, (unsigned)__builtin_popcount(others)) ||
           check_promises_is_quorum(
               sim, check_promises_commits(sim, m->seq, digest, m->view, UINT32_C(1) << replica));
}

/* The certificate, on disk. */
static bool has_certificate(const struct sim *sim, unsigned replica, const struct commit *m)
{
    const struct disk *disk = &sim->replicas[replica].disk;
    const struct body *record = disk_read(disk, PBFT_RECORD_PREPARED, m->seq);
    if (record == NULL || !disk_is_flushed(disk, PBFT_RECORD_PREPARED, m->seq))
        return false;
    struct reader r = reader_of(body_slice(record));
    struct proof proof;
    return proof_take(&r, &proof) == NULL && proof.view == m->view &&
           memcmp(proof.digest, m->digest, DIGEST_BYTES) == 0;
}

/* From now on it is this replica's duty to show the certificate in every view change. */
static void owe(struct sim *sim, unsigned replica, const struct commit *m)
{
    uint64_t name = check_promises_owed_name(replica, m->seq);
    uint64_t *view = map_find(&sim->promises.owed, name);
    if (view == NULL)
        (void)map_put(&sim->promises.owed, name, m->view);
    else
        *view = m->view;
}

/* Who calls a final batch final once more needs no certificate: others have it. */
static void check_commit(struct sim *sim, unsigned replica, struct slice body)
{
    struct commit m;
    check_promises_form(sim, replica, "COMMIT", commit_decode(body, &m));
    uint64_t digest = check_digest(m.digest);
    if (!check_promises_say(sim, replica, STATEMENT_COMMIT, m.view, m.seq, digest))
        return;
    if (has_certificate(sim, replica, &m))
        owe(sim, replica, &m);
    else if (!was_final(sim, replica, &m))
        violation(sim, "persist first", "r%u says COMMIT at %llu without a certificate on disk",
            replica, (unsigned long long)m.seq);
    if (!is_prepared(sim, replica, &m) && !was_final(sim, replica, &m))
        violation(sim, "certificate", "r%u says COMMIT at %llu to what 2f+1 have not prepared",
            replica, (unsigned long long)m.seq);
}

static void check_equal_states(struct sim *sim, unsigned replica, uint64_t seq, uint64_t digest)
{
    const struct statements *s = &sim->promises.statements;
    uint32_t equal = statements_mask(s, STATEMENT_CHECKPOINT, 0, seq, digest);
    if (equal != statements_said(s, STATEMENT_CHECKPOINT, 0, seq))
        violation(sim, "agreement", "r%u signs another state than others at %llu", replica,
            (unsigned long long)seq);
}

static void check_checkpoint(struct sim *sim, unsigned replica, struct slice body)
{
    struct checkpoint m;
    check_promises_form(sim, replica, "CHECKPOINT", checkpoint_decode(body, &m));
    if (m.replica != replica)
        check_promises_form(sim, replica, "CHECKPOINT", "in another's name");
    uint64_t digest = check_digest(m.digest);
    if (!check_promises_say(sim, replica, STATEMENT_CHECKPOINT, 0, m.seq, digest))
        return;
    check_equal_states(sim, replica, m.seq, digest);
    const struct disk *disk = &sim->replicas[replica].disk;
    if (m.seq > disk_last(disk, PBFT_RECORD_STATE) &&
        !disk_is_flushed(disk, PBFT_RECORD_OUTCOMES, m.seq))
        violation(sim, "persist first",
            "r%u sends CHECKPOINT %llu and does not have it as final on disk", replica,
            (unsigned long long)m.seq);
}

static void check_contribution(struct sim *sim, unsigned replica, struct slice body)
{
    struct contribution m;
    check_promises_form(sim, replica, "CONTRIBUTION", contribution_decode(body, &m));
    if (m.replica != replica)
        check_promises_form(sim, replica, "CONTRIBUTION", "in another's name");
    uint64_t digest = check_digest(m.reveal) ^ mix64(check_digest(m.commitment));
    (void)check_promises_say(sim, replica, STATEMENT_CONTRIBUTION, 0, m.number, digest);
}

void check_promises_send(
    struct sim *sim, unsigned replica, enum message_type type, struct slice body)
{
    if (sim_is_faulty(sim, replica))
        return;
    if (type == MESSAGE_PRE_PREPARE)
        check_proposal(sim, replica, body);
    else if (type == MESSAGE_PREPARE)
        check_prepare(sim, replica, body);
    else if (type == MESSAGE_COMMIT)
        check_commit(sim, replica, body);
    else if (type == MESSAGE_CHECKPOINT)
        check_checkpoint(sim, replica, body);
    else if (type == MESSAGE_VIEW_CHANGE)
        check_views_change(sim, replica, body);
    else if (type == MESSAGE_NEW_VIEW)
        check_views_new(sim, replica, body);
    else if (type == MESSAGE_CONTRIBUTION)
        check_contribution(sim, replica, body);
}

/* ---- stable checkpoints ---- */

/* It counts its own signature, which has perhaps not left yet; one that is silent because it lost
 * its log lets others see its signature in certificates only. */
static void check_stable(struct sim *sim, unsigned replica, const struct pbft_record *record)
{
    uint32_t said =
        statements_said(&sim->promises.statements, STATEMENT_CHECKPOINT, 0, record->seq);
    said |= UINT32_C(1) << replica | replicas_without_log(sim);
    unsigned count = (unsigned)__builtin_popcount(said & ~sim->plan.faulty);
    sim_count(sim, COUNT_STABLE);
    if (!check_promises_is_quorum(sim, count))
        violation(sim, "certificate",
            "r%u calls checkpoint %llu stable, but only %u correct replicas signed it", replica,
            (unsigned long long)record->seq, count);
}

/* ---- accusations ---- */

static void check_evidence(struct sim *sim, unsigned replica, const struct pbft_evidence *e)
{
    if (!sim_is_faulty(sim, e->replica))
        violation(
            sim, "evidence", "r%u has evidence against r%u, who is correct", replica, e->replica);
    for (unsigned i = 0; i < 2; i++) {
        if (!keys_verify_replica(
                &sim->keys, e->replica, e->purpose, e->statement[i], e->signature[i]))
            violation(sim, "evidence", "r%u keeps evidence that nobody can verify", replica);
    }
    if (slice_equal(e->statement[0], e->statement[1]))
        violation(sim, "evidence", "r%u keeps one statement as if it were two", replica);
    sim_count(sim, COUNT_EVIDENCE);
    TRACE(sim, "r%u   has evidence against r%u", replica, e->replica);
}

void check_promises_update(struct sim *sim, unsigned replica)
{
    const struct pbft_update *u = &sim->update;
    if (sim_is_faulty(sim, replica))
        return;
    for (unsigned i = 0; i < u->evidence_count; i++)
        check_evidence(sim, replica, &u->evidence[i]);
    for (unsigned i = 0; i < u->persist_count; i++) {
        if (u->persist[i].type == PBFT_RECORD_STATE)
            check_stable(sim, replica, &u->persist[i]);
    }
    if (u->diverged != NULL)
        violation(sim, "divergence", "r%u stops: %s", replica, u->diverged);
}

/* Is it the sender's own proposal? Others pass on what they took, perhaps because a faulty client
 * gave them the same bytes. */
static bool is_own_proposal(const struct sim *sim, const struct pbft_event *event)
{
    struct reader r = reader_of(event->message_body);
    return event->message_type == MESSAGE_PRE_PREPARE &&
           get_u64(&r) % sim->plan.replicas == event->from;
}

/* Not every refusal is an accusation (clocks differ, messages cross), but these are: a bad
 * signature, and a proposal with a request that nobody made. */
void check_promises_invalid(struct sim *sim, unsigned replica, const struct pbft_event *event)
{
    const char *reason = sim->update.invalid;
    TRACE(sim, "r%u   drops it: %s", replica, reason);
    if (event->type != PBFT_MESSAGE || sim_is_faulty(sim, replica) ||
        sim_is_faulty(sim, event->from))
        return;
    if (strstr(reason, "wrong signature") != NULL ||
        (strstr(reason, "neither sent here nor signed") != NULL && is_own_proposal(sim, event)))
        violation(sim, "accusation", "r%u refuses what r%u says, who is correct: %s", replica,
            event->from, reason);
}
