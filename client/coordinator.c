#include "client/coordinator.h"

#include "client/clock.h"
#include "client/conn.h"

#define AVOID_US 30000000u

static unsigned random_below(unsigned bound)
{
    uint32_t number;
    random_bytes(&number, sizeof number);
    return number % bound;
}

void coordinator_init(struct byz_conn *conn)
{
    conn->coordinators = (struct coordinators){.next = random_below(conn->config->replica_count)};
}

void coordinator_avoid(struct byz_conn *conn, unsigned replica)
{
    conn->coordinators.avoid_until_us[replica] = clock_now_us() + AVOID_US;
}

/* Where the search begins. */
static unsigned first_choice(struct byz_conn *conn)
{
    unsigned count = conn->config->replica_count;
    switch (conn->info.policy) {
    case COORDINATOR_INVALID:
    case COORDINATOR_RANDOM:
        break;
    case COORDINATOR_ROUND_ROBIN:
        conn->coordinators.next = (conn->coordinators.next + 1) % count;
        return conn->coordinators.next;
    case COORDINATOR_FIXED:
        return conn->info.coordinator;
    }
    return random_below(count);
}

/* The first connected one from `first` on. A fixed wish is stronger than a bad reputation. */
static int search(const struct byz_conn *conn, uint32_t except, unsigned first, bool forgiving)
{
    unsigned count = conn->config->replica_count;
    uint64_t now_us = clock_now_us();
    for (unsigned i = 0; i < count; i++) {
        unsigned replica = (first + i) % count;
        bool wished = conn->info.policy == COORDINATOR_FIXED && replica == conn->info.coordinator;
        if ((except >> replica & 1) != 0 || !links_ready(conn->links, replica))
            continue;
        if (forgiving || wished || conn->coordinators.avoid_until_us[replica] <= now_us)
            return (int)replica;
    }
    return -1;
}

int coordinator_choose(struct byz_conn *conn, uint32_t except, uint64_t until_us)
{
    unsigned first = first_choice(conn);
    uint32_t all = ((uint32_t)1 << conn->config->replica_count) - 1;
    while (true) {
        int replica = search(conn, except, first, false);
        if (replica < 0)
            replica = search(conn, except, first, true);
        if (replica >= 0 || (except & all) == all || clock_now_us() >= until_us)
            return replica;
        links_poll(conn->links, until_us);
    }
}
