#include "tests/sim/check_requests.h"

#include "tests/sim/executor.h"
#include "tests/sim/fake_crypto.h"
#include "tests/sim/sim.h"

#include <string.h>

static uint64_t session_name(unsigned client, uint64_t session)
{
    return mix64(mix64(session + 1) + client) | 1;
}

static uint64_t name(unsigned client, uint64_t session, uint64_t number)
{
    return mix64(session_name(client, session) + number * 2) | 1;
}

static uint64_t name_and_body(const struct request *m)
{
    return fake_hash(name(m->client, m->session, m->number), m->body.data, m->body.size) | 1;
}

void check_requests_start(struct sim *sim)
{
    struct check_requests *c = &sim->requests;
    map_clear(&c->made);
    map_clear(&c->executed);
    map_clear(&c->sessions);
    c->believed_seq = 0;
}

void check_requests_made(struct sim *sim, const struct request *request)
{
    (void)map_put(&sim->requests.made, name_and_body(request), 1);
}

/* ---- execution ---- */

static void check_order(struct sim *sim, const struct request *m, uint64_t seq)
{
    uint64_t key = session_name(m->client, m->session);
    uint64_t *last = map_find(&sim->requests.sessions, key);
    if (last == NULL)
        (void)map_put(&sim->requests.sessions, key, m->number);
    else if (*last >= m->number)
        violation(sim, "exactly-once",
            "request %llu.%llu of client %u is executed after number "
            "%llu, at %llu",
            (unsigned long long)m->session, (unsigned long long)m->number, m->client,
            (unsigned long long)*last, (unsigned long long)seq);
    else
        *last = m->number;
}

static void check_executed(struct sim *sim, const struct request *m, uint64_t seq)
{
    struct check_requests *c = &sim->requests;
    if (map_find(&c->made, name_and_body(m)) == NULL)
        violation(sim, "validity",
            "request %llu.%llu of client %u was never made, but executed "
            "at %llu",
            (unsigned long long)m->session, (unsigned long long)m->number, m->client,
            (unsigned long long)seq);
    if (!map_put(&c->executed, name(m->client, m->session, m->number), seq))
        violation(sim, "exactly-once", "request %llu.%llu of client %u is executed twice, at %llu",
            (unsigned long long)m->session, (unsigned long long)m->number, m->client,
            (unsigned long long)seq);
    check_order(sim, m, seq);
}

void check_requests_ordered(struct sim *sim, const struct pbft_delivery *d)
{
    for (uint32_t i = 0; i < d->batch.request_count; i++) {
        if (!d->skip[i])
            check_executed(sim, &d->requests[i], d->batch.seq);
    }
}

/* ---- replies ---- */

uint64_t check_requests_result_hash(struct slice result)
{
    return fake_hash(2, result.data, result.size);
}

/* "That session is forgotten" is no result. A correct client's present session never is. */
static void check_refusal(struct sim *sim, unsigned replica, unsigned client, const struct reply *m)
{
    bool correct = !client_is_faulty(sim->plan.clients, client);
    if (correct && m->session == sim->clients[client].session)
        violation(sim, "replies", "r%u forgot the present session of client %u", replica, client);
}

/* Results are equal on all correct replicas, so the first one that a correct replica gives is the
 * one for ever. */
void check_requests_reply(struct sim *sim, unsigned replica, unsigned client, struct slice body)
{
    struct reply m;
    if (sim_is_faulty(sim, replica))
        return;
    if (reply_decode(body, &m) != NULL)
        violation(sim, "replies", "r%u sends a malformed reply", replica);
    if (m.result.size != EXECUTOR_RESULT_BYTES) {
        check_refusal(sim, replica, client, &m);
        return;
    }
    struct check_requests *c = &sim->requests;
    uint64_t key = name(client, m.session, m.number);
    if (map_find(&c->executed, key) == NULL)
        violation(sim, "replies", "r%u answers %llu.%llu of client %u, which was not executed",
            replica, (unsigned long long)m.session, (unsigned long long)m.number, client);
    uint64_t result = check_requests_result_hash(m.result);
    uint64_t key_of_result = mix64(key) | 1;
    if (map_put(&c->executed, key_of_result, result))
        return;
    if (*map_find(&c->executed, key_of_result) != result)
        violation(sim, "replies", "r%u gives another result of %llu.%llu than others", replica,
            (unsigned long long)m.session, (unsigned long long)m.number);
}

void check_requests_believed(
    struct sim *sim, unsigned client, uint64_t session, uint64_t number, uint64_t result)
{
    struct check_requests *c = &sim->requests;
    uint64_t key = name(client, session, number);
    const uint64_t *seq = map_find(&c->executed, key);
    const uint64_t *told = map_find(&c->executed, mix64(key) | 1);
    if (seq == NULL || told == NULL || *told != result)
        violation(sim, "replies",
            "client %u believes an answer to %llu.%llu that no correct "
            "replica gave",
            client, (unsigned long long)session, (unsigned long long)number);
    if (*seq > c->believed_seq)
        c->believed_seq = *seq;
}
