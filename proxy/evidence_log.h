/* The proofs of lies that this replica came upon: a file each, in the folder "evidence" of the
 * store, so that they lie on the same disk and outlive the process. common/evidence.h has the
 * format, `byzctl evidence` the reader.
 *
 * One file for each replica, kind and place (view, sequence number), and so many of each replica
 * at most: one convicts it, and a liar must not be able to fill the disk. Agreement does not
 * depend on them: what cannot be written is told and given up. */
#ifndef BYZ_PROXY_EVIDENCE_LOG_H
#define BYZ_PROXY_EVIDENCE_LOG_H

#include "common/evidence.h"

#include <limits.h>

#define EVIDENCE_KEPT_MAX 64 /* of each replica */

struct evidence_log {
    char directory[PATH_MAX];
    unsigned kept[REPLICAS_MAX]; /* files of each replica */
};

enum evidence_result {
    EVIDENCE_INVALID = 0, /* it proves nothing: ret_reason says why */
    EVIDENCE_KEPT,        /* in a file now, durably */
    EVIDENCE_KNOWN,       /* there is such a file already */
    EVIDENCE_FULL,        /* that replica is convicted often enough */
    EVIDENCE_FAILED,      /* of the disk: ret_reason says why */
};

/* Counts what is there. False: the path is too long. */
bool evidence_log_start(struct evidence_log *log, const char *store_path);
/* Checks that it is a proof before it writes. `ret_path` is the file's, if it is or was kept. */
enum evidence_result evidence_log_keep(struct evidence_log *log, const struct evidence *evidence,
    char ret_path[static PATH_MAX], char *ret_reason, size_t reason_size);
unsigned evidence_log_count(const struct evidence_log *log);

#endif
