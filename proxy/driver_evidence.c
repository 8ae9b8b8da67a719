/* What the core can prove against a replica goes into a file, the log and the database. */
#include "proxy/driver_internal.h"

#include "proxy/log.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static void fill(const struct driver *d, const struct pbft_evidence *from, struct evidence *to)
{
    const struct config *config = d->options.config;
    assert(from->replica < config->replica_count);
    *to = (struct evidence){.replica = from->replica, .purpose = from->purpose};
    memcpy(to->cluster, config->identity, DIGEST_BYTES);
    memcpy(to->public_key, config->replicas[from->replica].public_key, PUBLIC_KEY_BYTES);
    for (unsigned i = 0; i < 2; i++) {
        struct evidence_statement *s = &to->statement[i];
        assert(from->statement[i].size <= sizeof s->bytes);
        memcpy(s->bytes, from->statement[i].data, from->statement[i].size);
        s->size = from->statement[i].size;
        memcpy(s->signature, from->signature[i], SIGNATURE_BYTES);
    }
}

static void accuse(struct driver *d, const struct evidence *evidence, const char *path)
{
    struct evidence_claim claim;
    char deed[160];
    const char *reason = evidence_claim(evidence, 0, &claim);
    assert(!reason);
    evidence_describe(evidence, deed, sizeof deed);
    log_line(
        LEVEL_WARNING, "replica %u lies, and that can be proved: it %s", evidence->replica, deed);
    log_hint("Its operator should hear of it. The proof: byzctl evidence verify %s", path);
    bool has_batch =
        evidence->purpose != SIGN_CONTRIBUTION && claim.number > 0 && claim.number <= INT64_MAX;
    struct suspicion suspicion = {.kind = SUSPICION_PROVEN,
        .replica = evidence->replica,
        .seq = has_batch ? claim.number : 0,
        .detail = slice_text(deed)};
    driver_suspect(d, &suspicion);
}

/* Once for each replica, until one is kept again. */
static void complain(struct driver *d, unsigned replica, const char *what, const char *reason)
{
    if (d->evidence_complained[replica])
        return;
    d->evidence_complained[replica] = true;
    log_line(LEVEL_WARNING, "%s against replica %u: %s", what, replica, reason);
}

void driver_keep_evidence(struct driver *d, const struct pbft_evidence *from)
{
    struct evidence evidence;
    char path[PATH_MAX], reason[PATH_MAX + 128];
    fill(d, from, &evidence);
    switch (evidence_log_keep(&d->evidence, &evidence, path, reason, sizeof reason)) {
    case EVIDENCE_KEPT:
        d->evidence_complained[from->replica] = false;
        accuse(d, &evidence, path);
        return;
    case EVIDENCE_KNOWN:
        return;
    case EVIDENCE_FULL:
        complain(d, from->replica, "no more evidence is kept", "there is enough of it");
        return;
    case EVIDENCE_FAILED:
        complain(d, from->replica, "evidence cannot be kept", reason);
        return;
    case EVIDENCE_INVALID:
        complain(d, from->replica, "what was taken for evidence proves nothing", reason);
        return;
    }
    assert(!"a result");
}
