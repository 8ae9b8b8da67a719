/* Misfortunes of correct nodes, until the calm: power, network, clocks, disks. */
#ifndef BYZ_TESTS_SIM_FAULTS_H
#define BYZ_TESTS_SIM_FAULTS_H

#include "tests/sim/schedule.h"

struct sim;

enum fault_kind {
    FAULT_CRASH = 0,  /* one replica, at once or between two effects of an update */
    FAULT_POWER,      /* all of them at the same time */
    FAULT_PARTITION,  /* two halves */
    FAULT_ONE_WAY,    /* some links, in one direction */
    FAULT_ISOLATION,  /* one replica hears and is heard by nobody */
    FAULT_LEADER,     /* the same for who is primary now */
    FAULT_JAM,        /* messages of some types do not pass on some links: the most spiteful of all
                         networks, which leaves every replica at another point of the protocol */
    FAULT_PAUSE,      /* SIGSTOP for a while */
    FAULT_CLOCK_JUMP, /* a wall clock steps, or drifts off */
    FAULT_DISK_FULL,  /* the next write fails: the replica stops, as the daemon does */
    FAULT_DISK_DAMAGE,
    FAULT_KINDS,
};

struct faults {
    unsigned logs_lost;    /* each of them counts as a faulty replica from then on */
    uint32_t clocks_wrong; /* mask of replicas whose clock was ever further off than is allowed */
    int64_t clock_ahead_us_max; /* of any replica, ever */
};

void faults_start(struct sim *sim);
void faults_happen(struct sim *sim, const struct event *event);
/* Everything is mended, everybody is up. */
void faults_calm(struct sim *sim);

#endif
