/* View changes around one core under a test's hand (single.h): what the others send. */
#ifndef BYZ_TESTS_PBFT_VIEWS_H
#define BYZ_TESTS_PBFT_VIEWS_H

#include "tests/unit/pbft/forge_view.h"
#include "tests/unit/pbft/single.h"

/* Says in its STATUS of s->view that it would leave. */
void views_suspect(struct single *s, unsigned from);
/* Hands in a VIEW-CHANGE of its own; with nothing to show, or as forged. */
void views_change(struct single *s, unsigned from, uint64_t view);
void views_change_with(struct single *s, struct forged_change *change);
/* The first f+1 other replicas suspect: the core leaves s->view (s->view is left alone). */
void views_leave(struct single *s);
/* Enters `view` as a backup: 2f+1 others have nothing to show, and its primary says so. s->view
 * follows. */
void views_enter(struct single *s, uint64_t view);
/* … with one of them showing that this batch prepared, in s->view (before it follows). */
void views_enter_with(struct single *s, uint64_t view, const struct batch *batch);
/* The body that the core holds of this replica's VIEW-CHANGE. */
struct slice views_held(const struct single *s, unsigned replica);
/* The core's own VIEW-CHANGE in the last update, decoded; the test fails if there is none. */
struct view_change views_own(const struct single *s);
/* Any 2f backups of this view, as a mask. */
uint32_t views_backups(const struct single *s, uint64_t view);

/* Four replicas only: */

/* Of single_batch(seq). */
void views_digest_of(struct single *s, uint64_t seq, uint8_t ret[static DIGEST_BYTES]);
/* single_batch(seq) prepares at the core, a backup of s->view. */
void views_prepare_at(struct single *s, uint64_t seq);
/* A VIEW-CHANGE of view 1 that shows that single_batch(seq) prepared in view 0. */
struct forged_change views_showing(struct single *s, unsigned replica, uint64_t seq);
/* Hands in a NEW-VIEW of its primary. */
void views_offer(struct single *s, const struct forged_new_view *m);
/* Asks for the content of single_batch(seq). */
void views_want(struct single *s, unsigned from, uint64_t seq);

#endif
