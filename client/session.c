#include "client/session.h"

#include "client/clock.h"
#include "common/crypto.h"

#define RANDOM_MASK ((1u << SESSION_RANDOM_BITS) - 1)

/* How far ahead of this machine's clock an id is looked for: second, half minute, quarter of an
 * hour, nine hours, twelve days. */
static const uint64_t ahead_s[] = {0, 1, 32, 1024, 32768, 1048576};
#define REFUSED_MAX (sizeof ahead_s / sizeof ahead_s[0] - 1)

uint64_t session_id_after(uint64_t last_id, uint64_t utc_us, uint64_t ahead_us, uint16_t random)
{
    uint64_t last_us = last_id >> SESSION_RANDOM_BITS;
    if (utc_us <= last_us)
        utc_us = last_us + 1;
    return (utc_us + ahead_us) << SESSION_RANDOM_BITS | (random & RANDOM_MASK);
}

static void renew(struct session *session, uint64_t ahead_us)
{
    uint16_t random;
    random_bytes(&random, sizeof random);
    session->id = session_id_after(session->id, clock_utc_us(), ahead_us, random);
    session->number = 0;
}

void session_start(struct session *session)
{
    renew(session, 0);
}

bool session_raise(struct session *session)
{
    if (session->refused >= REFUSED_MAX)
        return false;
    renew(session, ahead_s[session->refused] * 1000000u);
    session->refused++;
    return true;
}

void session_accepted(struct session *session)
{
    session->refused = 0;
}

void session_saw(struct session *session, uint64_t epoch)
{
    if (epoch > session->epoch)
        session->epoch = epoch;
}
