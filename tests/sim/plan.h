/* What a run is like, drawn from its seed before it starts: sizes, times, what the network and the
 * disks do, who lies and how. */
#ifndef BYZ_TESTS_SIM_PLAN_H
#define BYZ_TESTS_SIM_PLAN_H

#include "tests/sim/keys.h"
#include "tests/sim/random.h"

#define PLAN_CLOCK_US UINT64_C(1700000000000000)

/* Ways of a faulty replica. It runs the real core; these change what the core says, and add to it.
 * All faulty replicas of a run are one adversary: they share what they know and sign for each other
 * (byzantine.h). */
enum habit {
    HABIT_SILENCE = 1 << 0,      /* keeps some types of message to itself */
    HABIT_SELECTION = 1 << 1,    /* tells some replicas only */
    HABIT_EQUIVOCATION = 1 << 2, /* as primary: two batches at one number */
    HABIT_TWO_VOTES = 1 << 3,    /* PREPARE and COMMIT for whatever helps, often twice */
    HABIT_STATE_LIES = 1 << 4,   /* CHECKPOINT, STATUS, fetched batches */
    HABIT_TIME_GAMES = 1 << 5,   /* as primary: wrong times */
    HABIT_SLOWNESS = 1 << 6,     /* late, within what is just allowed or beyond */
    HABIT_INVENTION = 1 << 7,    /* as primary: requests that nobody made */
    HABIT_REPLAY = 1 << 8,       /* old messages again */
    HABIT_GARBAGE = 1 << 9,      /* damaged and random bytes */
    HABIT_BEYOND = 1 << 10,      /* numbers outside of the water marks, future views */
    HABIT_VIEW_LIES = 1 << 11,   /* VIEW-CHANGE and NEW-VIEW */
    HABIT_SEED_LIES = 1 << 12,   /* CONTRIBUTION */
    HABIT_HIDING = 1 << 13,      /* as primary, and master of the network: prepares alone */
};
#define HABITS 14

/* Ways of a faulty client. */
enum trick {
    TRICK_TWO_BODIES = 1 << 0,    /* different requests under one number */
    TRICK_BAD_SIGNATURE = 1 << 1, /* to some */
    TRICK_BACKUPS_ONLY = 1 << 2,  /* the primary never hears it */
    TRICK_FLOOD = 1 << 3,         /* the same again and again */
    TRICK_OLD_NUMBERS = 1 << 4,   /* and sessions of the past */
    TRICK_MANY_SESSIONS = 1 << 5,
};
#define TRICKS 6

struct plan_network {
    uint64_t latency_us;
    uint64_t jitter_us;
    unsigned loss_permille;
    unsigned duplicate_permille;
    unsigned late_permille; /* comes up to late_us later */
    uint64_t late_us;
    bool ordered; /* a link keeps the order, as TCP does */
};

struct plan {
    uint64_t seed;
    unsigned faults;
    unsigned replicas;
    bool real_crypto;
    bool must_progress; /* the core can be expected to serve clients once the network calms */

    /* the core's options */
    unsigned window;
    unsigned interval;
    unsigned batch_requests;
    unsigned in_flight;
    unsigned sessions;
    uint64_t clock_skew_us;
    uint64_t heartbeat_us;
    uint64_t retransmit_us;
    uint64_t view_change_timeout_us;

    /* the world */
    uint64_t calm_us;     /* from then on the network and the disks are good */
    uint64_t patience_us; /* what may pass until everybody has been served */
    struct plan_network storm;
    struct plan_network calm;
    uint64_t flush_us;
    uint64_t execution_us;
    unsigned more_time;    /* what executors say: 0 never, 1 always, 2 depends on their state */
    unsigned fault_gap_us; /* mean time between the injector's deeds; 0: none */
    uint32_t fault_kinds;  /* mask of what it does (faults.h) */

    /* the clients */
    unsigned clients;        /* correct ones, keys 0… */
    unsigned faulty_clients; /* … and then these */
    unsigned requests;       /* of each, in the storm and after it */
    uint64_t think_us;
    uint32_t tricks;

    /* the adversary */
    uint32_t faulty;        /* mask of replicas */
    uint32_t habits;        /* … of theirs */
    unsigned zeal_permille; /* how often they follow a habit */
};

/* `faults`: 0 draws it from the seed. */
void plan_draw(struct plan *ret, uint64_t seed, unsigned faults);

#endif
