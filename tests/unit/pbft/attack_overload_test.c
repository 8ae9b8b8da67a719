/* A correct primary under more load than its cluster can execute, from honest clients and from such
 * that show it other requests than the backups: everything waits for long, and no backup takes that
 * for the primary's fault. */
#include "proxy/pbft/core.h"
#include "tests/unit/pbft/forge.h"
#include "tests/unit/pbft/pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SECOND (1000000 / PAIR_TICK_US)

static void tick(struct pair *p)
{
    pair_tick(p);
    struct pbft_info info = single_info(p->backup.s);
    if (info.suspects)
        fail_msg("the backup suspects a correct primary after %u ms, %u requests: %s",
            (unsigned)(p->backup.s->now_us / 1000), (unsigned)p->executed, info.reason);
}

/* Every session has a request always. Of `late_every` requests one reaches the primary only when
 * the backup passes it on; 0: all reach it at once. */
static void keep_busy(struct pair *p, unsigned client, unsigned sessions, unsigned late_every)
{
    for (unsigned session = 1; session <= sessions; session++) {
        uint64_t number = p->clients[client][session].number;
        bool late = late_every != 0 && (session + number) % late_every == 0;
        pair_ask(p, client, session, !late);
    }
}

static void run_busy(struct pair *p, unsigned sessions, unsigned late_every, unsigned ticks)
{
    for (unsigned i = 0; i < ticks; i++) {
        keep_busy(p, 0, sessions, late_every);
        keep_busy(p, 1, sessions, late_every);
        tick(p);
    }
}

/* Of an overloaded cluster: the executor never rested, and backups passed on what waited. */
static void expect_overload(const struct pair *p, uint64_t executed_min)
{
    assert_true(p->executed >= executed_min);
    assert_true(p->relayed >= 16);
}

static void honest_clients_by_the_hundred_bring_no_suspicion(void **state)
{
    struct pair *p = pair_new(256, 5000);
    run_busy(p, 250, 0, 25 * SECOND);
    expect_overload(p, 25 * 180);
    pair_free(p);
}

static void requests_that_reach_the_primary_late_bring_no_suspicion(void **state)
{
    struct pair *p = pair_new(256, 5000);
    run_busy(p, 100, 2, 12 * SECOND);
    expect_overload(p, 12 * 180);
    pair_free(p);
}

/* What was usual before says little about what is now. */
static void requests_that_become_dear_to_execute_bring_no_suspicion(void **state)
{
    struct pair *p = pair_new(256, 500);
    run_busy(p, 60, 0, 3 * SECOND);
    uint64_t cheap = p->executed;
    assert_true(cheap >= 3 * 1000);
    p->execution_us = 10000;
    run_busy(p, 60, 0, 15 * SECOND);
    expect_overload(p, cheap + 15 * 80);
    pair_free(p);
}

/* It asks the backups once, and gives the primary a later number of the session each time that its
 * turn could come. What waits at the backups is ordered with the later one. */
static void a_session_renewed_all_the_time_at_the_primary_has_its_turn(void **state)
{
    struct pair *p = pair_new(256, 5000);
    uint64_t number = 0;
    unsigned turns = 0;
    for (unsigned i = 0; i < 15 * SECOND; i++) {
        for (unsigned session = 2; session <= 250; session++)
            pair_ask(p, 0, session, true);
        keep_busy(p, 1, 250, 0);
        if (i >= 20 && !p->clients[0][1].waits) { /* the queue is long by now */
            p->clients[0][1].waits = true;
            pair_send(p, &p->backup, 0, 1, ++number);
            turns++;
        }
        if (i >= 20)
            pair_send(p, &p->primary, 0, 1, ++number);
        tick(p);
    }
    assert_true(turns >= 3);
    expect_overload(p, 15 * 180);
    pair_free(p);
}

/* The primary gets nothing of client 0 but by relays, from each backup of other sessions, more than
 * it has room for. Each keeps `sessions` of them asking. */
static void show_each_backup_others(unsigned sessions, unsigned remembered, unsigned ticks)
{
    struct pair *p = pair_new(remembered, 5000);
    uint64_t number[4] = {0};
    for (unsigned i = 0; i < ticks; i++) {
        for (unsigned session = 1; session <= 250; session++)
            pair_ask(p, 0, session, false);
        keep_busy(p, 1, 250, 0);
        for (unsigned from = 1; from <= 3 && i % 8 == 0; from += 2) {
            for (unsigned j = 0; j < 16; j++, number[from]++) /* as many as a look relays */
                pair_relay(
                    p, from, 0, 1000 * from + number[from] % sessions, 1 + number[from] / sessions);
        }
        tick(p);
    }
    expect_overload(p, ticks / SECOND * 180);
    pair_free(p);
}

static void a_client_that_shows_each_backup_other_requests_brings_no_suspicion(void **state)
{
    show_each_backup_others(900, 4096, 18 * SECOND);
}

static void a_client_that_shows_each_backup_few_other_sessions_brings_no_suspicion(void **state)
{
    show_each_backup_others(2, 256, 18 * SECOND);
}

/* ---- the primary's queue of a key ---- */

static void relay(struct single *s, unsigned from, uint64_t session)
{
    buffer_clear(&s->out);
    forge_request(&s->out, 1, session, 1, "work");
    single_message(s, from, MESSAGE_RELAY);
    assert_null(s->update.invalid);
}

/* A primary whose pipeline is full, with the sessions 3 to 10 waiting. */
static struct single *new_full_primary(void)
{
    struct single *s = single_new(0, 1);
    for (uint64_t session = 1; session <= 10; session++)
        single_ask(s, 1, session, 1);
    return s;
}

static void expect_next(struct single *s, uint64_t session)
{
    struct buffer out = BUFFER_INIT(4096);
    struct pending_entry *e = pending_next(&s->core->pending);
    assert_non_null(e);
    assert_int_equal(e->session, session);
    pending_take(&s->core->pending, e, 3, &out);
    buffer_free(&out);
}

/* Under load backups pass on what has only waited as everything does. */
static void a_relay_of_what_the_primary_holds_changes_no_order(void **state)
{
    struct single *s = new_full_primary();
    relay(s, 2, 10);
    relay(s, 3, 9);
    for (uint64_t session = 3; session <= 10; session++)
        expect_next(s, session);
    single_free(s);
}

static void what_is_relayed_first_is_served_first(void **state)
{
    struct single *s = new_full_primary();
    relay(s, 2, 11);
    relay(s, 3, 12);
    relay(s, 2, 13);
    for (uint64_t session = 11; session <= 13; session++)
        expect_next(s, session);
    expect_next(s, 3);
    single_free(s);
}

/* What a backup has shown would be dropped for what another shows, again and again. */
static void a_relayed_request_is_not_dropped_for_another(void **state)
{
    struct single *s = single_new(0, 1);
    for (uint64_t session = 1; session <= PENDING_PER_CLIENT_MAX + 10; session++)
        relay(s, 2 + session % 2, session);
    for (uint64_t session = 1; session <= PENDING_PER_CLIENT_MAX; session++)
        assert_non_null(pending_find(&s->core->pending, 1, session));
    assert_null(pending_find(&s->core->pending, 1, PENDING_PER_CLIENT_MAX + 1));
    single_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(honest_clients_by_the_hundred_bring_no_suspicion),
        cmocka_unit_test(requests_that_reach_the_primary_late_bring_no_suspicion),
        cmocka_unit_test(requests_that_become_dear_to_execute_bring_no_suspicion),
        cmocka_unit_test(a_session_renewed_all_the_time_at_the_primary_has_its_turn),
        cmocka_unit_test(a_client_that_shows_each_backup_other_requests_brings_no_suspicion),
        cmocka_unit_test(a_client_that_shows_each_backup_few_other_sessions_brings_no_suspicion),
        cmocka_unit_test(a_relay_of_what_the_primary_holds_changes_no_order),
        cmocka_unit_test(what_is_relayed_first_is_served_first),
        cmocka_unit_test(a_relayed_request_is_not_dropped_for_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
