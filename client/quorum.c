#include "client/quorum.h"

#include <assert.h>
#include <string.h>

void quorum_start(struct quorum *quorum, unsigned replica_count, unsigned needed)
{
    assert(replica_count <= REPLICAS_MAX && needed >= 2 && needed <= replica_count);
    *quorum = (struct quorum){
        .replica_count = replica_count,
        .needed = needed,
        .decided = -1,
    };
}

bool quorum_has(const struct quorum *quorum, unsigned replica)
{
    assert(replica < quorum->replica_count);
    return (quorum->replied >> replica & 1) != 0;
}

unsigned quorum_replies(const struct quorum *quorum)
{
    return (unsigned)__builtin_popcount(quorum->replied);
}

static struct slice result_of(const struct quorum *quorum, unsigned replica)
{
    return slice_of(quorum->results[replica].bytes, quorum->results[replica].size);
}

/* How many replicas reported the same bytes as this one. */
static unsigned support(const struct quorum *quorum, unsigned replica)
{
    unsigned count = 0;
    for (unsigned i = 0; i < quorum->replica_count; i++)
        if (quorum_has(quorum, i) && slice_equal(result_of(quorum, i), result_of(quorum, replica)))
            count++;
    return count;
}

/* True while some result could still get enough. */
static bool is_possible(const struct quorum *quorum)
{
    unsigned best = 0;
    for (unsigned i = 0; i < quorum->replica_count; i++) {
        unsigned count = quorum_has(quorum, i) ? support(quorum, i) : 0;
        if (count > best)
            best = count;
    }
    unsigned outstanding = quorum->replica_count - quorum_replies(quorum);
    return best + outstanding >= quorum->needed;
}

enum quorum_state quorum_state(const struct quorum *quorum)
{
    if (quorum->decided >= 0)
        return QUORUM_DECIDED;
    return is_possible(quorum) ? QUORUM_WAITING : QUORUM_IMPOSSIBLE;
}

enum quorum_state quorum_add(struct quorum *quorum, unsigned replica, struct slice result)
{
    assert(replica < quorum->replica_count);
    assert(result.size <= REPLY_BYTES_MAX);
    if (!quorum_has(quorum, replica)) {
        quorum->replied |= (uint32_t)1 << replica;
        quorum->results[replica].size = result.size;
        if (result.size > 0)
            memcpy(quorum->results[replica].bytes, result.data, result.size);
        if (quorum->decided < 0 && support(quorum, replica) >= quorum->needed)
            quorum->decided = (int)replica;
    }
    return quorum_state(quorum);
}

struct slice quorum_result(const struct quorum *quorum)
{
    if (quorum->decided < 0)
        return slice_of(NULL, 0);
    return result_of(quorum, (unsigned)quorum->decided);
}

uint32_t quorum_dissenters(const struct quorum *quorum)
{
    uint32_t dissenters = 0;
    if (quorum->decided < 0)
        return 0;
    for (unsigned i = 0; i < quorum->replica_count; i++)
        if (quorum_has(quorum, i) && !slice_equal(result_of(quorum, i), quorum_result(quorum)))
            dissenters |= (uint32_t)1 << i;
    return dissenters;
}
