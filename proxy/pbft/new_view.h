/* What a new view must contain (section 4.4 of the PBFT paper), as a pure function of the view
 * changes that it is made from. Every replica computes it, and tests can. */
#ifndef BYZ_PROXY_PBFT_NEW_VIEW_H
#define BYZ_PROXY_PBFT_NEW_VIEW_H

#include "common/message.h"

struct new_view_entry {
    bool null; /* nobody shows that anything prepared here: nothing can be final */
    uint64_t view;
    uint8_t digest[DIGEST_BYTES];
    uint32_t shown_by; /* mask of the senders whose certificate it is */
};

struct new_view_choice {
    uint64_t low;                              /* the highest stable checkpoint: min-s */
    unsigned count;                            /* up to the highest certificate: max-s - min-s */
    struct new_view_entry entries[WINDOW_MAX]; /* for low+1, low+2, … */
};

/* `changes[i]` is replica i's view change, or NULL where it is not in the set. They are of one view
 * and their certificates were verified; `window` bounds what a correct replica can have prepared
 * above its stable checkpoint. */
void new_view_choose(const struct view_change *const changes[static REPLICAS_MAX], unsigned window,
    struct new_view_choice *ret);

#endif
