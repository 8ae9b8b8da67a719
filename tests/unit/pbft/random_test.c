/* Random networks, crashes and liars, many seeds: agreement and exactly-once always (the world's
 * checkers), and once the network is calm and the correct replicas are up, every client is served
 * and all correct replicas come to the same state.
 *
 * One seed again:  PBFT_SEED=17 pbft_random_test
 * More of them:    PBFT_SEEDS=5000 pbft_random_test */
#include "tests/unit/pbft/world.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#define SEEDS 80
#define STORM_US 2500000
#define CALM_US 20000000
#define SILENCE_US 60000000
#define SLICE_US 50000
#define REQUESTS 25

/* What the storms of all seeds reached, so that a storm that became a breeze is noticed. */
static struct reached {
    unsigned fetches;
    unsigned invalid;
    unsigned restarts;
    unsigned evidence;
    unsigned left;        /* views that were left, */
    unsigned contents;    /* … and batches that the next one had to ask for */
    unsigned contributed; /* batches with contributions to the seed */
    unsigned relayed;     /* requests */
    unsigned silent;      /* replicas that lost their log and speak again */
    uint64_t stable;
} reached;

static void note_reached(const struct world *w)
{
    uint64_t view = 0;
    for (unsigned i = 0; i < w->n; i++) {
        const struct world_node *node = &w->nodes[i];
        struct pbft_info info = world_info(w, i);
        reached.fetches += node->fetch_count;
        reached.invalid += node->invalid_count;
        reached.restarts += node->incarnation - 1;
        reached.evidence += node->evidence_count;
        reached.stable += info.stable;
        if (node->conduct == CONDUCT_CORRECT && info.view > view)
            view = info.view;
    }
    reached.left += (unsigned)view;
    reached.contents += w->sent_count[MESSAGE_CONTENT];
    reached.contributed += w->contributed;
    reached.relayed += w->sent_count[MESSAGE_RELAY];
}

static struct world *storm_world(uint64_t seed, unsigned faults)
{
    struct world_options options = {
        .faults = faults,
        .seed = seed,
        .window = 16,
        .interval = 4,
        .in_flight = 4,
        .loss_percent = (unsigned)(seed % 4 * 7),
        .duplicate_percent = (unsigned)(seed % 3 * 8),
        .latency_us_min = 100,
        .latency_us_max = 100 + seed % 5 * 4000,
        .execution_us = 300,
    };
    struct world *w = world_new(&options);
    for (unsigned i = 0; i < w->n; i++)
        w->nodes[i].clock_offset_us = world_random(w, 200000);
    for (unsigned i = 0; i < 5; i++) {
        world_add_client(w, i % 3, 1000 + i);
        world_ask(w, i, REQUESTS);
    }
    return w;
}

/* Up to `count` that are not correct; every second time the first primary is among them. */
static void choose_faulty(struct world *w, unsigned count)
{
    static const enum conduct conducts[] = {CONDUCT_SILENT, CONDUCT_GARBAGE, CONDUCT_LIAR,
        CONDUCT_EQUIVOCATOR, CONDUCT_AHEAD, CONDUCT_SCHEMER};
    for (unsigned i = 0; i < count; i++) {
        bool primary = i == 0 && world_random(w, 2) == 0;
        unsigned replica = primary ? 0 : (unsigned)world_random(w, w->n);
        w->nodes[replica].conduct = conducts[world_random(w, 6)];
    }
}

static void crash_and_restart(struct world *w)
{
    unsigned replica = (unsigned)world_random(w, w->n);
    struct world_node *node = &w->nodes[replica];
    if (!node->up)
        world_restart(w, replica);
    else if (node->conduct == CONDUCT_CORRECT && world_random(w, 3) == 0)
        world_crash(w, replica);
    else if (node->conduct == CONDUCT_CORRECT)
        node->cut_off = !node->cut_off;
}

static void storm(struct world *w)
{
    while (w->now_us < STORM_US) {
        world_run(w, w->now_us + SLICE_US);
        if (world_random(w, 4) == 0)
            crash_and_restart(w);
        w->more_time = world_random(w, 2) == 0;
    }
}

static void calm_down(struct world *w)
{
    w->options.loss_percent = 0;
    w->more_time = false;
    for (unsigned i = 0; i < w->n; i++) {
        w->nodes[i].cut_off = false;
        if (!w->nodes[i].up)
            world_restart(w, i);
    }
}

static bool all_equal(const struct world *w)
{
    const struct world_node *first = NULL;
    for (unsigned i = 0; i < w->n; i++) {
        const struct world_node *node = &w->nodes[i];
        if (node->conduct != CONDUCT_CORRECT)
            continue;
        struct pbft_info info = world_info(w, i);
        if (info.executed != info.delivered)
            return false;
        if (first != NULL &&
            (node->app.hash != first->app.hash || node->app.count != first->app.count))
            return false;
        first = node;
    }
    return true;
}

static void finish(struct world *w)
{
    uint64_t end_us = w->now_us + CALM_US;
    while (w->now_us < end_us && !(world_clients_done(w) && all_equal(w)))
        world_run(w, w->now_us + SLICE_US);
    if (!world_clients_done(w))
        world_fail(w, "a client waits for ever");
    if (!all_equal(w))
        world_fail(w, "correct replicas did not come to the same state");
    if (w->executed_count != 5 * REQUESTS)
        world_fail(w, "not every request was executed exactly once");
    note_reached(w);
    world_free(w);
}

static void run_with(struct world *w)
{
    storm(w);
    calm_down(w);
    finish(w);
}

static void run_seed(uint64_t seed, unsigned faults)
{
    struct world *w = storm_world(seed, faults);
    choose_faulty(w, faults);
    run_with(w);
}

/* The first primary equivocates: it cannot split the others, and it is replaced. */
static void run_equivocating_seed(uint64_t seed, unsigned faults)
{
    struct world *w = storm_world(seed, faults);
    w->nodes[0].conduct = CONDUCT_EQUIVOCATOR;
    run_with(w);
}

/* One replica loses its disk in the middle of everything, and counts as faulty until it speaks
 * again. */
static void run_lost_log_seed(uint64_t seed, unsigned faults)
{
    struct world *w = storm_world(seed, faults);
    choose_faulty(w, faults - 1);
    unsigned replica = (unsigned)world_random(w, w->n);
    w->nodes[replica].conduct = CONDUCT_CORRECT;
    world_run(w, STORM_US / 10 + world_random(w, STORM_US / 2));
    world_crash(w, replica);
    world_lose_log(w, replica);
    world_restart(w, replica);
    storm(w);
    calm_down(w);
    uint64_t end_us = w->now_us + SILENCE_US;
    while (w->now_us < end_us && (world_info(w, replica).silent || !world_clients_done(w)))
        world_run(w, w->now_us + SLICE_US);
    if (world_info(w, replica).silent)
        world_fail(w, "a replica that lost its log is silent for ever");
    reached.silent++;
    finish(w);
}

static uint64_t from_environment(const char *name)
{
    const char *text = getenv(name);
    return text == NULL ? 0 : strtoull(text, NULL, 10);
}

static void each_seed(void (*run)(uint64_t seed, unsigned faults), unsigned faults, uint64_t seeds)
{
    uint64_t first = from_environment("PBFT_SEED");
    uint64_t many = from_environment("PBFT_SEEDS");
    uint64_t last = first != 0 ? first : many != 0 ? many : seeds;
    for (uint64_t seed = first != 0 ? first : 1; seed <= last; seed++)
        run(seed, faults);
}

static bool is_whole_run(void)
{
    return from_environment("PBFT_SEED") == 0 && from_environment("PBFT_SEEDS") == 0;
}

static void expect_reached(uint64_t seeds)
{
    if (!is_whole_run())
        return;
    assert_true(reached.fetches > seeds);
    assert_true(reached.invalid > seeds);
    assert_true(reached.restarts > seeds);
    assert_true(reached.stable > seeds * 8);
    assert_true(reached.left > seeds);
    assert_true(reached.contents > seeds);
    assert_true(reached.contributed > seeds);
    assert_true(reached.relayed > seeds);
    assert_true(reached.evidence > seeds / 4);
}

static void four_replicas_agree_and_get_on(void **state)
{
    reached = (struct reached){0};
    each_seed(run_seed, 1, SEEDS);
    expect_reached(SEEDS);
}

static void seven_replicas_agree_and_get_on(void **state)
{
    reached = (struct reached){0};
    each_seed(run_seed, 2, SEEDS / 2);
    expect_reached(SEEDS / 2);
}

static void ten_replicas_agree_and_get_on(void **state)
{
    reached = (struct reached){0};
    each_seed(run_seed, 3, SEEDS / 10);
    expect_reached(SEEDS / 10);
}

static void an_equivocating_primary_cannot_split_four_replicas(void **state)
{
    reached = (struct reached){0};
    each_seed(run_equivocating_seed, 1, SEEDS / 2);
    assert_true(!is_whole_run() || (reached.evidence > 0 && reached.left >= SEEDS / 2));
}

static void an_equivocating_primary_cannot_split_seven_replicas(void **state)
{
    each_seed(run_equivocating_seed, 2, SEEDS / 4);
}

static void a_replica_that_lost_its_log_comes_back(void **state)
{
    reached = (struct reached){0};
    each_seed(run_lost_log_seed, 1, SEEDS / 4);
    each_seed(run_lost_log_seed, 2, SEEDS / 8);
    assert_true(!is_whole_run() || reached.silent == SEEDS / 4 + SEEDS / 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(four_replicas_agree_and_get_on),
        cmocka_unit_test(seven_replicas_agree_and_get_on),
        cmocka_unit_test(ten_replicas_agree_and_get_on),
        cmocka_unit_test(an_equivocating_primary_cannot_split_four_replicas),
        cmocka_unit_test(an_equivocating_primary_cannot_split_seven_replicas),
        cmocka_unit_test(a_replica_that_lost_its_log_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
