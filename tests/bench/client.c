#include "tests/bench/client.h"

#include <stdio.h>

#define RETRIES_MAX 1000

bool client_open(struct client *client, struct run *run, unsigned number)
{
    *client = (struct client){.run = run};
    dice_seed(&client->dice, run->seed, number);
    client->session = run->system->open(&run->target, number, &client->failure);
    client->failed = client->session == NULL;
    return !client->failed;
}

void client_close(struct client *client)
{
    if (client->session)
        client->run->system->close(client->session);
    client->session = NULL;
    samples_free(&client->samples);
}

/* False: the run ended first, or the client has to give up. */
static bool run_to_success(struct client *c, const struct transaction *t)
{
    for (unsigned tried = 0; tried < RETRIES_MAX; tried++) {
        enum outcome outcome = c->run->system->run(c->session, t, &c->tally, &c->failure);
        if (outcome == OUTCOME_DONE)
            return true;
        if (outcome == OUTCOME_FAILED)
            break;
        c->tally.retries++;
        if (atomic_load(&c->run->stopping))
            return false;
    }
    c->failed = true;
    return false;
}

void *client_main(void *context)
{
    struct client *c = context;
    struct run *run = c->run;
    while (!atomic_load(&run->stopping)) {
        struct transaction t = {0};
        run->target.workload->pick(&c->dice, run->scale, &t);
        struct tally before = c->tally;
        bool counted = atomic_load(&run->measuring);
        uint64_t begun = clock_us();
        if (!run_to_success(c, &t))
            break;
        c->done++;
        if (!counted || !atomic_load(&run->measuring))
            c->tally = before;
        else if (!samples_add(&c->samples, clock_us() - begun)) {
            c->failed = true;
            snprintf(c->failure.text, sizeof c->failure.text, "out of memory");
            break;
        }
    }
    return NULL;
}
