/* Scenarios in virtual time, each compared line by line with its recorded trace in tests/scenario/.
 *
 * After a change that is meant to alter a trace:  PBFT_RECORD=1 pbft_scenario_test
 * and read the difference before committing it. */
#include "tests/unit/pbft/forge.h"
#include "tests/unit/pbft/forge_view.h"
#include "tests/unit/pbft/world.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRACE_BYTES_MAX (1 << 20)
#define MS 1000
#define EQUIVOCATING_SEED 3
#define REPLACED_SEED 4

static struct world *quiet_world_of(unsigned faults, uint64_t seed)
{
    struct world_options options = {
        .faults = faults,
        .seed = seed,
        .window = 8,
        .interval = 4,
        .in_flight = 2,
        .latency_us_min = 1 * MS,
        .latency_us_max = 1 * MS,
        .execution_us = 2 * MS,
        .trace = true,
    };
    struct world *w = world_new(&options);
    world_add_client(w, 0, 11);
    world_add_client(w, 1, 12);
    return w;
}

static struct world *quiet_world(unsigned faults)
{
    return quiet_world_of(faults, 1);
}

/* ---- comparing ---- */

static void path_of(char *path, size_t size, const char *name)
{
    int length = snprintf(path, size, "%s/pbft_%s.txt", SCENARIO_DIRECTORY, name);
    assert_true(length > 0 && (size_t)length < size);
}

static void record_trace(const struct world *w, const char *path)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(w->trace.data, 1, w->trace.size, file), w->trace.size);
    assert_int_equal(fclose(file), 0);
}

static size_t read_trace(const char *path, char *text)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail_msg("%s: no recorded trace; see the head of this file", path);
    size_t size = fread(text, 1, TRACE_BYTES_MAX - 1, file);
    text[size] = '\0';
    fclose(file);
    return size;
}

static void explain_difference(const char *path, const char *expected, const char *found)
{
    unsigned line = 1;
    size_t start = 0, i = 0;
    while (expected[i] != '\0' && expected[i] == found[i]) {
        if (expected[i++] == '\n') {
            line++;
            start = i;
        }
    }
    fail_msg("%s:%u:\nexpected %.*s\nfound    %.*s", path, line,
        (int)strcspn(expected + start, "\n"), expected + start, (int)strcspn(found + start, "\n"),
        found + start);
}

static void compare_trace(struct world *w, const char *name)
{
    char path[4096];
    path_of(path, sizeof path, name);
    put_u8(&w->trace, 0);
    w->trace.size--;
    assert_false(w->trace.failed);
    if (getenv("PBFT_RECORD") != NULL) {
        record_trace(w, path);
        return;
    }
    char *expected = malloc(TRACE_BYTES_MAX);
    assert_non_null(expected);
    size_t size = read_trace(path, expected);
    if (size != w->trace.size || memcmp(expected, w->trace.data, size) != 0)
        explain_difference(path, expected, (const char *)w->trace.data);
    free(expected);
}

static void finish(struct world *w, const char *name)
{
    assert_true(world_clients_done(w));
    compare_trace(w, name);
    world_free(w);
}

static void expect_delivered(const struct world *w, unsigned replica, uint64_t seq)
{
    assert_int_equal(world_info(w, replica).delivered, seq);
}

/* ---- scenarios ---- */

static void normal_case(void **state)
{
    struct world *w = quiet_world(1);
    world_ask(w, 0, 1);
    world_run(w, 50 * MS);
    world_note(w, "two clients at once");
    world_ask(w, 0, 3);
    world_ask(w, 1, 3);
    world_run(w, 200 * MS);
    expect_delivered(w, 3, 7);
    finish(w, "normal_case");
}

static bool lose_most_to_r3(
    const struct world *w, unsigned from, unsigned to, enum message_type type)
{
    bool early = w->now_us < 40 * MS;
    return early &&
           ((to == 3 && type == MESSAGE_PRE_PREPARE) || (type == MESSAGE_COMMIT && from == 0) ||
               (type == MESSAGE_PREPARE && to == 1));
}

static void lost_messages(void **state)
{
    struct world *w = quiet_world(1);
    w->lose = lose_most_to_r3;
    world_note(w, "lost: PRE_PREPARE to r3, PREPARE to r1, COMMIT from r0");
    world_ask(w, 0, 1);
    world_run(w, 1000 * MS);
    for (unsigned i = 0; i < 4; i++)
        expect_delivered(w, i, 1);
    finish(w, "lost_messages");
}

static void away_for(struct world *w, unsigned requests)
{
    world_note(w, "r3 is cut off");
    w->nodes[3].cut_off = true;
    world_ask(w, 0, requests);
    world_run(w, 300 * MS);
    world_note(w, "r3 is back");
    w->nodes[3].cut_off = false;
    world_run(w, 2000 * MS);
}

static void catching_up_by_status(void **state)
{
    struct world *w = quiet_world(1);
    away_for(w, 3);
    expect_delivered(w, 3, 3);
    assert_int_equal(w->nodes[3].fetch_count, 0);
    finish(w, "catching_up_by_status");
}

static void catching_up_by_fetch(void **state)
{
    struct world *w = quiet_world(1);
    away_for(w, 10);
    expect_delivered(w, 3, 10);
    assert_int_equal(world_info(w, 3).stable, 8);
    assert_true(w->nodes[3].fetch_count > 0);
    finish(w, "catching_up_by_fetch");
}

static void power_failure(void **state)
{
    struct world *w = quiet_world(1);
    world_ask(w, 0, 6);
    world_run(w, 45 * MS);
    for (unsigned i = 0; i < 4; i++)
        world_crash(w, i);
    world_run(w, 100 * MS);
    for (unsigned i = 0; i < 4; i++)
        world_restart(w, i);
    world_run(w, 2000 * MS);
    for (unsigned i = 1; i < 4; i++) {
        assert_true(w->nodes[i].app.hash == w->nodes[0].app.hash);
        assert_int_equal(w->nodes[i].app.count, 6);
    }
    finish(w, "power_failure");
}

static void repeat_request(struct world *w, uint64_t number)
{
    struct buffer b = BUFFER_INIT(4096);
    struct request r = forge_request(&b, 0, 11, number, "transfer");
    for (unsigned i = 0; i < w->n; i++)
        world_step(w, i, (struct pbft_event){.type = PBFT_REQUEST, .request = &r});
    buffer_free(&b);
}

static void duplicate_requests(void **state)
{
    struct world *w = quiet_world(1);
    world_ask(w, 0, 2);
    world_run(w, 3500);
    world_note(w, "request 1 again, while it is being ordered");
    repeat_request(w, 1);
    world_run(w, 50 * MS);
    world_note(w, "request 2 again, after it was executed: the cached reply");
    repeat_request(w, 2);
    world_note(w, "request 1 again, after request 2: ignored");
    repeat_request(w, 1);
    world_run(w, 200 * MS);
    expect_delivered(w, 3, 2);
    finish(w, "duplicate_requests");
}

static void lying_backup(void **state)
{
    struct world *w = quiet_world(1);
    world_note(w, "r2 lies: other digests, two prepares");
    w->nodes[2].conduct = CONDUCT_LIAR;
    world_ask(w, 0, 4);
    world_run(w, 200 * MS);
    expect_delivered(w, 3, 4);
    assert_true(w->nodes[3].invalid_count > 0);
    finish(w, "lying_backup");
}

static void equivocating_primary(void **state)
{
    struct world *w = quiet_world_of(1, EQUIVOCATING_SEED);
    world_note(w, "r0 tells one backup something else than the others");
    w->nodes[0].conduct = CONDUCT_EQUIVOCATOR;
    world_ask(w, 0, 2);
    world_run(w, 2000 * MS);
    finish(w, "equivocating_primary");
}

static void silent_replicas(void **state)
{
    struct world *w = quiet_world(2);
    world_note(w, "r5 and r6 are silent");
    w->nodes[5].conduct = CONDUCT_SILENT;
    w->nodes[6].conduct = CONDUCT_SILENT;
    world_ask(w, 0, 1);
    world_run(w, 50 * MS);
    expect_delivered(w, 4, 1);
    finish(w, "silent_replicas");
}

/* ---- view changes ---- */

static void expect_view(const struct world *w, uint64_t view)
{
    for (unsigned i = 0; i < w->n; i++) {
        if (!w->nodes[i].up || w->nodes[i].conduct != CONDUCT_CORRECT)
            continue;
        assert_int_equal(world_info(w, i).view, view);
        assert_true(world_info(w, i).active);
    }
}

static void expect_equal_states(const struct world *w, unsigned first, uint64_t count)
{
    for (unsigned i = first; i < w->n; i++) {
        assert_true(w->nodes[i].app.hash == w->nodes[first].app.hash);
        assert_int_equal(w->nodes[i].app.count, count);
    }
}

static void run_until_left(struct world *w, unsigned replica)
{
    while (world_info(w, replica).active && w->now_us < 5000 * MS)
        world_run(w, w->now_us + MS / 4);
    assert_false(world_info(w, replica).active);
}

static void primary_dies(void **state)
{
    struct world *w = quiet_world(1);
    world_ask(w, 0, 1);
    world_run(w, 50 * MS);
    world_crash(w, 0);
    world_ask(w, 0, 2);
    world_run(w, 1000 * MS);
    expect_view(w, 1);
    world_restart(w, 0);
    world_run(w, 2000 * MS);
    expect_view(w, 1);
    expect_equal_states(w, 0, 3);
    finish(w, "primary_dies");
}

/* More than f backups were told the batch that the primary itself does not hold: it prepares, but
 * is never final in this view. */
static void primary_equivocates(void **state)
{
    struct world *w = quiet_world_of(1, REPLACED_SEED);
    world_note(w, "r0 tells two backups something else than it has itself");
    w->nodes[0].conduct = CONDUCT_EQUIVOCATOR;
    world_ask(w, 0, 2);
    world_run(w, 3000 * MS);
    expect_view(w, 1);
    assert_true(
        w->nodes[1].evidence_count + w->nodes[2].evidence_count + w->nodes[3].evidence_count > 0);
    finish(w, "primary_equivocates");
}

static void primary_ahead_of_clock(void **state)
{
    struct world *w = quiet_world(1);
    world_note(w, "r0 proposes times an hour ahead");
    w->nodes[0].conduct = CONDUCT_AHEAD;
    world_ask(w, 0, 1);
    world_run(w, 2000 * MS);
    expect_view(w, 1);
    assert_true(world_info(w, 1).timestamp_us < WORLD_CLOCK_US + 2000 * MS);
    finish(w, "primary_ahead_of_clock");
}

static bool lose_early_commits(
    const struct world *w, unsigned from, unsigned to, enum message_type type)
{
    return type == MESSAGE_COMMIT && world_info(w, from).view == 0;
}

static void view_change_with_prepared_batch(void **state)
{
    struct world *w = quiet_world(1);
    w->lose = lose_early_commits;
    world_note(w, "lost: all COMMITs of view 0; then r0 dies");
    world_ask(w, 0, 1);
    world_run(w, 20 * MS);
    world_crash(w, 0);
    world_run(w, 1500 * MS);
    expect_view(w, 1);
    for (unsigned i = 1; i < 4; i++)
        assert_int_equal(w->nodes[i].app.count, 1);
    expect_delivered(w, 3, 1); /* the same batch, at the same place */
    finish(w, "view_change_with_prepared_batch");
}

static void view_change_twice(void **state)
{
    struct world *w = quiet_world(2);
    world_note(w, "r0 dies, and so does r1, who would be next");
    world_crash(w, 0);
    world_crash(w, 1);
    world_ask(w, 0, 1);
    world_run(w, 4000 * MS);
    expect_view(w, 2);
    expect_delivered(w, 6, 1);
    finish(w, "view_change_twice");
}

static void restart_during_view_change(void **state)
{
    struct world *w = quiet_world(1);
    world_crash(w, 0);
    world_ask(w, 0, 1);
    run_until_left(w, 2);
    world_note(
        w, "r2 has sent its VIEW-CHANGE: the view begins with it, but cannot go on without it");
    world_crash(w, 2);
    world_run(w, w->now_us + 100 * MS);
    expect_delivered(w, 1, 0);
    world_restart(w, 2);
    world_run(w, w->now_us + 1500 * MS);
    expect_view(w, 1);
    expect_delivered(w, 2, 1);
    finish(w, "restart_during_view_change");
}

static void power_failure_during_view_change(void **state)
{
    struct world *w = quiet_world(1);
    w->lose = lose_early_commits;
    world_ask(w, 0, 1);
    world_run(w, 20 * MS);
    world_note(w, "no COMMIT arrives in view 0, so all leave it; then power fails");
    run_until_left(w, 3);
    world_run(w, w->now_us + MS);
    for (unsigned i = 0; i < 4; i++)
        world_crash(w, i);
    world_run(w, w->now_us + 100 * MS);
    for (unsigned i = 0; i < 4; i++)
        world_restart(w, i);
    world_run(w, w->now_us + 2000 * MS);
    expect_view(w, 1);
    expect_equal_states(w, 0, 1);
    expect_delivered(w, 0, 1);
    finish(w, "power_failure_during_view_change");
}

static void minority_returns(void **state)
{
    struct world *w = quiet_world(1);
    world_ask(w, 0, 1);
    world_run(w, 1 * MS);
    world_note(w, "r3 is cut off; it has the request");
    w->nodes[3].cut_off = true;
    world_run(w, 1500 * MS);
    assert_true(world_info(w, 3).suspects);
    world_note(w, "r3 is back");
    w->nodes[3].cut_off = false;
    world_ask(w, 0, 1);
    world_run(w, 3000 * MS);
    expect_view(w, 0);
    assert_int_equal(w->sent_count[MESSAGE_VIEW_CHANGE], 0);
    expect_equal_states(w, 0, 2);
    finish(w, "minority_returns");
}

static void lost_log(void **state)
{
    struct world *w = quiet_world(1);
    world_ask(w, 0, 1);
    world_run(w, 100 * MS);
    world_crash(w, 3);
    world_lose_log(w, 3);
    world_restart(w, 3);
    world_run(w, 600 * MS);
    assert_true(world_info(w, 3).silent);
    assert_int_equal(world_info(w, 3).silent_until, 2 * 8);
    world_note(w, "requests and empty batches move the checkpoints on");
    world_ask(w, 0, 14);
    world_run(w, 4000 * MS);
    assert_false(world_info(w, 3).silent);
    expect_equal_states(w, 0, 15);
    world_note(w, "r3 is needed again");
    world_crash(w, 2);
    world_ask(w, 0, 1);
    world_run(w, 5000 * MS);
    finish(w, "lost_log");
}

/* Two suspect, which makes r3 leave; then the others get on, and r3 has left alone. */
static void leave_alone(struct world *w, unsigned replica)
{
    for (unsigned from = 0; from < 2; from++) {
        struct buffer b = BUFFER_INIT(4096);
        struct status m = {.view = 0, .active = true, .suspects = true};
        forge_status_of(&b, &m);
        world_step(w, replica,
            (struct pbft_event){.type = PBFT_MESSAGE,
                .from = from,
                .message_type = MESSAGE_STATUS,
                .message_body = buffer_slice(&b)});
        buffer_free(&b);
    }
    assert_false(world_info(w, replica).active);
}

static struct world *world_without_r3(void)
{
    struct world *w = quiet_world(1);
    w->options.trace = false;
    world_ask(w, 0, 1);
    world_run(w, 50 * MS);
    leave_alone(w, 3);
    world_run(w, 100 * MS);
    return w;
}

static void fail_one_more(struct world *w)
{
    assert_true(world_clients_done(w));
    world_crash(w, 1);
    world_ask(w, 0, 1);
    world_run(w, w->now_us + 40000 * MS);
    assert_true(world_clients_done(w));
}

/* The other three go on without it, but none of them may fail. */
static void who_left_alone_is_there_when_it_is_needed(void **state)
{
    struct world *w = world_without_r3();
    world_ask(w, 0, 10);
    world_run(w, 5000 * MS);
    fail_one_more(w);
    world_free(w);
}

/* It may not act in the view that it has left, and the others are content in it. */
static void who_left_alone_and_lost_its_log_comes_back(void **state)
{
    struct world *w = world_without_r3();
    world_crash(w, 3);
    world_lose_log(w, 3);
    world_restart(w, 3);
    world_ask(w, 0, 40);
    world_run(w, 20000 * MS);
    assert_false(world_info(w, 3).silent);
    fail_one_more(w);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normal_case),
        cmocka_unit_test(lost_messages),
        cmocka_unit_test(catching_up_by_status),
        cmocka_unit_test(catching_up_by_fetch),
        cmocka_unit_test(power_failure),
        cmocka_unit_test(duplicate_requests),
        cmocka_unit_test(lying_backup),
        cmocka_unit_test(equivocating_primary),
        cmocka_unit_test(silent_replicas),
        cmocka_unit_test(primary_dies),
        cmocka_unit_test(primary_equivocates),
        cmocka_unit_test(primary_ahead_of_clock),
        cmocka_unit_test(view_change_with_prepared_batch),
        cmocka_unit_test(view_change_twice),
        cmocka_unit_test(restart_during_view_change),
        cmocka_unit_test(power_failure_during_view_change),
        cmocka_unit_test(minority_returns),
        cmocka_unit_test(lost_log),
        cmocka_unit_test(who_left_alone_is_there_when_it_is_needed),
        cmocka_unit_test(who_left_alone_and_lost_its_log_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
