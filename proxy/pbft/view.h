/* Views: which replica leads, and how the next one takes over (section 4.4 of the PBFT paper).
 *
 *     active ── f+1 replicas suspect the primary, or f+1 view changes of later views ──► changing
 *        ▲                                                                                 │
 *        └── NEW-VIEW, proved by 2f+1 VIEW-CHANGEs ◄── its primary makes it from them ◄────┘
 *
 * While a view change is under way nothing of any view is prepared or committed here: the
 * VIEW-CHANGE says once and for all what prepared before. Its contents are certificates, so nobody
 * has to be believed. view_change.c collects them, new_view.c computes what follows from them,
 * view_make.c and view_judge.c say it and check it, view.c enters the new view, view_carry.c
 * carries the old batches over, suspicion.c decides when. */
#ifndef BYZ_PROXY_PBFT_VIEW_H
#define BYZ_PROXY_PBFT_VIEW_H

#include "common/message.h"
#include "proxy/pbft/new_view.h"
#include "proxy/pbft/slots.h"

struct pbft;

struct held_change {
    bool present;
    bool judged; /* its certificates were looked at: */
    bool proved; /* … and prove what it says */
    struct buffer body;
    struct view_change m; /* borrowed from `body` */
    uint8_t digest[DIGEST_BYTES];
};

struct view {
    uint64_t number;
    bool active;
    uint64_t entered_us;
    unsigned changes_made; /* VIEW-CHANGEs that this replica sent since it started */

    /* changing */
    struct held_change changes[REPLICAS_MAX]; /* each replica's latest */
    /* An earlier one of a replica that has gone on: somebody passes on what a view was made from */
    struct held_change passed_on[REPLICAS_MAX];
    bool just_left;      /* the view before, in this step: what it sent must stay as it is */
    bool resumed;        /* after a restart: the view change is to be said again */
    bool quorum;         /* 2f+1 of them are for this view, */
    uint64_t quorum_us;  /* since then */
    unsigned doublings;  /* of the time-out */
    uint64_t want_us;    /* the last WANT */
    uint64_t refused_us; /* a NEW-VIEW was last found to be false, which costs */
    struct new_view_choice choice; /* a new primary's: what it waits for contents of */

    /* active: what the view began with */
    struct held_change basis[REPLICAS_MAX]; /* the view changes that it was made from */
    struct buffer body;                     /* its NEW-VIEW; empty in the first view */
    struct new_view m;
    uint64_t low;        /* sequence numbers in (low, high] are carried over */
    uint64_t high;       /* … */
    uint64_t carry_next; /* the first one that this replica has not carried yet */
};

bool view_init(struct view *view, unsigned faults, unsigned window);
void view_release(struct view *view);

/* ---- view_change.c ---- */

/* Leaves the view for a later one. */
void view_change_start(struct pbft *core, uint64_t number);
void view_change_send(struct pbft *core, unsigned to, const struct held_change *held);
const char *view_change_receive(struct pbft *core, unsigned from, struct slice body);
/* Sends a replica its own view changes: it has lost its log. */
void view_change_return(struct pbft *core, unsigned to);
/* Follows f+1 others to a later view. */
void view_change_join(struct pbft *core);
/* The replica's view change for this view, with this digest of its content; NULL: not here. */
struct held_change *view_change_find(struct view *view, unsigned replica, uint64_t number,
    const uint8_t digest[static DIGEST_BYTES]);
/* Does it prove what it says? Looked at once. */
bool view_change_is_proved(struct pbft *core, struct held_change *held);
/* Takes over an encoded message that was checked. */
void view_change_hold(struct pbft *core, struct held_change *held, struct slice body);

/* ---- making, judging, entering, carrying over ---- */

/* The new view's primary: makes it as soon as it can. */
void view_make(struct pbft *core);
const char *new_view_receive(struct pbft *core, unsigned from, struct slice body);
/* Sends the NEW-VIEW and what it was made from to a replica that is behind. */
void view_help(struct pbft *core, unsigned to);
/* Carries some more batches over into the view that was entered. */
void view_carry(struct pbft *core);
bool view_is_carried(const struct pbft *core);
/* Asks for contents that are missing. */
void view_ask(struct pbft *core);
const char *want_receive(struct pbft *core, unsigned from, struct slice body);
/* At the step's end, as status_help. */
void view_answer(struct pbft *core);
const char *content_receive(struct pbft *core, unsigned from, struct slice body);
/* The content of a wanted batch has come, by whatever way. */
void view_take_wanted(struct pbft *core, struct slot *slot, const struct batch *batch,
    const uint8_t digest[static DIGEST_BYTES]);
/* What the view carries over at seq, which is in (low, high]. */
struct carried view_carried_at(const struct view *view, uint64_t seq);
/* The batch that stands where nothing can have been agreed on. */
void view_null_batch(
    struct pbft *core, uint64_t seq, struct batch *ret, uint8_t ret_digest[static DIGEST_BYTES]);
/* The NEW-VIEW of the view entered, from the durable log. */
void view_restore(struct view *view, struct slice body);
/* The first step after a restart: goes on where the log says. */
void view_resume(struct pbft *core);

/* ---- between these files ---- */

/* Enters the view whose NEW-VIEW, made or judged, is in core->view.body. */
void view_enter(struct pbft *core);
/* The view changes that a NEW-VIEW names. False when one of them is not here: who has entered sends
 * them again before it sends the NEW-VIEW again. */
bool view_find_basis(
    struct pbft *core, const struct new_view *m, struct held_change *ret[static REPLICAS_MAX]);
/* What a NEW-VIEW's signature covers, into the emptied `out`. */
void view_put_signed_part(
    struct pbft *core, uint64_t view, struct slice content, struct buffer *out);
/* Can this replica carry over what the choice names at seq? */
bool view_has_content(struct pbft *core, uint64_t seq, const struct new_view_entry *entry);

#endif
