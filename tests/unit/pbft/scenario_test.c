/* Scenarios in virtual time, each compared line by line with its recorded trace in tests/scenario/.
 *
 * After a change that is meant to alter a trace:  PBFT_RECORD=1 pbft_scenario_test
 * and read the difference before committing it. */
#include "tests/unit/pbft/forge.h"
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
