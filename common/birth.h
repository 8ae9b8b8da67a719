/* What it means that a replica's folder has no durable log: a mark in the folder says so.
 *
 * A replica whose log is gone does not know what it promised, and must not start as if it had
 * promised nothing. Whether a log was lost or has never been there cannot be seen from its absence;
 * so whoever makes a replica leaves a mark, and byzproxy makes a log only where there is one:
 *
 *     NEW    this replica's key has never signed anything (byzctl init)
 *     LOST   there was a log: be silent in agreement until that is safe (proxy/pbft/silence.h)
 *
 * The mark is consumed when the log is made. Where both stand, LOST counts. */
#ifndef BYZ_COMMON_BIRTH_H
#define BYZ_COMMON_BIRTH_H

#include <stdbool.h>
#include <stddef.h>

enum birth { BIRTH_UNKNOWN = 0, BIRTH_NEW, BIRTH_LOST };

/* Does the folder hold a log, of whatever content? */
bool birth_has_log(const char *directory);
enum birth birth_read(const char *directory);
/* Leaves the mark, durably; the folder is made if it is missing. False with a message. */
bool birth_mark(const char *directory, enum birth birth, char *ret_error, size_t error_size);
/* Removes both. A mark that stays does no harm as long as the log is there. */
void birth_forget(const char *directory);

#endif
