/* Evidence: two statements that one replica signed and that contradict each other, so that a
 * correct replica signs only one of them. A record is self-contained: whoever knows the replica's
 * public key can check it, and needs to believe nobody for it.
 *
 *     # Replica 2 prepared two different batches: view 3, batch 17.
 *     format = 1
 *     cluster = <64 hex digits>           the cluster's identity (config.h)
 *     replica = 2
 *     public_key = <64 hex digits>
 *     kind = prepare
 *     statement_1 = <hex digits>          the signed bytes (docs/protocol.md)
 *     signature_1 = <128 hex digits>
 *     statement_2 = <hex digits>
 *     signature_2 = <128 hex digits>
 *
 * One option a line, each exactly once, in any order; `#` begins a comment. A record names the key
 * that it is about, and anybody can sign contradictions with a key of his own: what convicts a
 * replica is that the key is the one that the cluster's configuration gives it
 * (evidence_against). */
#ifndef BYZ_COMMON_EVIDENCE_H
#define BYZ_COMMON_EVIDENCE_H

#include "common/codec.h"
#include "common/crypto.h"

struct config;

#define EVIDENCE_STATEMENT_BYTES_MAX 80
#define EVIDENCE_FILE_BYTES_MAX 8192
#define EVIDENCE_NAME_BYTES_MAX 96

_Static_assert(EVIDENCE_STATEMENT_BYTES_MAX >= CONTRIBUTION_BYTES - SIGNATURE_BYTES,
    "the largest statement fits");

struct evidence_statement {
    uint8_t bytes[EVIDENCE_STATEMENT_BYTES_MAX];
    size_t size;
    uint8_t signature[SIGNATURE_BYTES];
};

struct evidence {
    uint8_t cluster[DIGEST_BYTES];
    unsigned replica;
    uint8_t public_key[PUBLIC_KEY_BYTES];
    enum signature_purpose purpose;
    struct evidence_statement statement[2];
};

/* What a statement says. Which fields mean something depends on the purpose; the others are 0. */
struct evidence_claim {
    uint64_t view;
    uint64_t number;      /* of the batch, the checkpoint or the contribution */
    unsigned replica;     /* who says it; a new view does not name its sender */
    struct slice content; /* of which there is only one: a digest, or a contribution's values */
};

/* "prepare" and so on; NULL for a purpose that makes no evidence. */
const char *evidence_kind(enum signature_purpose purpose);
/* Decodes statement `index`. NULL, or why it is none. */
const char *evidence_claim(
    const struct evidence *evidence, unsigned index, struct evidence_claim *ret);

/* NULL if the holder of evidence->public_key signed two statements that contradict each other, or
 * why that is not shown. */
const char *evidence_invalid_reason(const struct evidence *evidence);
/* NULL if the key is that of this replica of this cluster, or why it is not. */
const char *evidence_against(const struct evidence *evidence, const struct config *config);

/* Appends the file's text. */
void evidence_format(struct buffer *b, const struct evidence *evidence);
/* Reads it back. False with a message "file:line: …"; whether it proves anything is not asked. */
bool evidence_parse(
    const char *file, struct slice text, struct evidence *ret, char *ret_error, size_t error_size);
bool evidence_load(const char *path, struct evidence *ret, char *ret_error, size_t error_size);
/* What it is about, in words for people: "prepared two different batches: view 3, batch 17". The
 * statements have been decoded before. */
void evidence_describe(const struct evidence *evidence, char *out, size_t size);
/* The file's name: one for each replica, kind and place, "replica2-prepare-view3-batch17.evidence".
 * The statements have been decoded before. */
void evidence_name(const struct evidence *evidence, char out[static EVIDENCE_NAME_BYTES_MAX]);

#endif
