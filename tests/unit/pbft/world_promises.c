/* The checkers of what a correct replica sends: is it on disk, does it contradict what it said
 * before, does it accuse a correct replica? */
#include "tests/unit/pbft/forge.h"
#include "tests/unit/pbft/world.h"

#include <string.h>

static bool is_stable(const struct disk *disk, uint64_t seq)
{
    const struct disk_record *state = disk_last(disk, PBFT_RECORD_STATE);
    return state != NULL && seq <= state->seq;
}

/* Known to be final: others can show it, so less must be kept here. */
static bool is_final(const struct disk *disk, uint64_t seq)
{
    return is_stable(disk, seq) || disk_read(disk, PBFT_RECORD_COMMITTED, seq) != NULL;
}

static void check_batch(struct world *w, const struct disk *disk, uint64_t seq,
    const uint8_t digest[static DIGEST_BYTES])
{
    if (is_stable(disk, seq))
        return;
    if (!disk_is_flushed(disk, PBFT_RECORD_BATCH, seq))
        world_fail(w, "a promise was sent before it was flushed");
    if (is_final(disk, seq))
        return;
    const struct disk_record *r = disk_read(disk, PBFT_RECORD_BATCH, seq);
    struct pre_prepare m;
    uint8_t found[DIGEST_BYTES];
    if (pre_prepare_decode(buffer_slice(&r->value), &m) != NULL)
        world_fail(w, "a damaged record");
    forge_batch_digest(&m.batch, found);
    if (memcmp(found, digest, DIGEST_BYTES) != 0)
        world_fail(w, "another batch was flushed than the one promised");
}

static void check_commit(struct world *w, const struct disk *disk, const struct commit *m)
{
    if (is_final(disk, m->seq))
        return;
    if (!disk_is_flushed(disk, PBFT_RECORD_PREPARED, m->seq))
        world_fail(w, "a COMMIT was sent before its certificate was flushed");
    struct proof proof;
    struct reader r =
        reader_of(buffer_slice(&disk_read(disk, PBFT_RECORD_PREPARED, m->seq)->value));
    if (proof_take(&r, &proof) != NULL || !reader_done(&r))
        world_fail(w, "a damaged certificate");
    if (proof.view != m->view || memcmp(proof.digest, m->digest, DIGEST_BYTES) != 0)
        world_fail(w, "a COMMIT was sent for another batch than the certificate on disk");
}

static void check_view(struct world *w, const struct disk *disk, uint64_t view)
{
    if (!disk_is_flushed(disk, PBFT_RECORD_VIEW, 1))
        world_fail(w, "a view was not flushed before it was acted on");
    struct reader r = reader_of(buffer_slice(&disk_read(disk, PBFT_RECORD_VIEW, 1)->value));
    if (get_u64(&r) < view)
        world_fail(w, "a replica acts in a later view than the one on disk");
}

static void check_message(struct world *w, unsigned replica, const struct pbft_send *send)
{
    const struct disk *disk = &w->nodes[replica].disk;
    struct pre_prepare pre_prepare;
    struct prepare prepare;
    struct commit commit;
    struct view_change change;
    struct new_view new_view;
    if (send->type == MESSAGE_PRE_PREPARE && pre_prepare_decode(send->body, &pre_prepare) == NULL) {
        uint8_t digest[DIGEST_BYTES];
        forge_batch_digest(&pre_prepare.batch, digest);
        check_batch(w, disk, pre_prepare.batch.seq, digest);
    } else if (send->type == MESSAGE_PREPARE && prepare_decode(send->body, &prepare) == NULL) {
        check_batch(w, disk, prepare.seq, prepare.digest);
        if (prepare.view > 0)
            check_view(w, disk, prepare.view);
    } else if (send->type == MESSAGE_COMMIT && commit_decode(send->body, &commit) == NULL) {
        check_commit(w, disk, &commit);
    } else if (send->type == MESSAGE_VIEW_CHANGE &&
               view_change_decode(send->body, &change) == NULL && change.replica == replica) {
        check_view(w, disk, change.view);
        if (!disk_is_flushed(disk, PBFT_RECORD_VIEW_CHANGE, replica + 1))
            world_fail(w, "a VIEW-CHANGE was sent before it was flushed");
    } else if (send->type == MESSAGE_NEW_VIEW && new_view_decode(send->body, &new_view) == NULL) {
        check_view(w, disk, new_view.view);
        if (!disk_is_flushed(disk, PBFT_RECORD_NEW_VIEW, 1))
            world_fail(w, "a NEW-VIEW was sent before it was flushed");
    }
}

void world_check_promises(struct world *w, unsigned replica, const struct pbft_update *update)
{
    struct world_node *node = &w->nodes[replica];
    for (unsigned i = 0; i < update->send_count; i++)
        check_message(w, replica, &update->sends[i]);
    const char *reason = statements_add_update(node->said, update);
    if (reason != NULL) {
        world_trace(w, "r%u       contradicts itself: %s", replica, reason);
        world_fail(w, reason);
    }
    for (unsigned i = 0; i < update->evidence_count; i++) {
        if (w->nodes[update->evidence[i].replica].conduct == CONDUCT_CORRECT)
            world_fail(w, "evidence against a correct replica");
    }
    node->evidence_count += update->evidence_count;
}
