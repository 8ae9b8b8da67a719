/* Replicas that lie, fall silent, flood and send garbage. At most f of them: then every transaction
 * ends well or is refused by name; and never more than a bounded time later. */
#include "tests/unit/client/client_check.h"

static struct fake_cluster *cluster;

static int start(void **state)
{
    (void)state;
    cluster = fake_cluster_start(1);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fake_cluster_stop(cluster);
    return 0;
}

static int all_honest(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++)
        fake_set(cluster, i, FAKE_HONEST);
    return 0;
}

/* ---- ordered requests ---- */

/* One replica that does not answer must not even delay. */
static void a_silent_replica_delays_nothing(void **state)
{
    (void)state;
    byz_conn *conn = connect_to(cluster, "coordinator=0");
    fake_set(cluster, 3, FAKE_REQUESTS_UNANSWERED);
    double begin = seconds_now();
    for (int i = 0; i < 20; i++)
        assert_string_equal(sqlstate_of(conn, "SELECT"), "00000");
    assert_true(seconds_now() - begin < 5); /* not twenty retransmissions */
    byz_finish(conn);
}

static void a_false_reply_is_outvoted_and_reported(void **state)
{
    (void)state;
    byz_conn *conn = connect_to(cluster, "coordinator=0");
    fake_set(cluster, 1, FAKE_REPLY_LIES);
    /* The liar's reply may come after the decision, even after the call: it is found in a later
     * call at the latest. */
    assert_good(conn, byz_begin(conn));
    for (int i = 0; i < 100 && byz_suspect(conn) < 0; i++)
        assert_string_equal(sqlstate_of(conn, "SELECT"), "00000");
    assert_int_equal(byz_suspect(conn), 1);
    assert_int_equal(byz_suspicion(conn), BYZ_SUSPICION_WRONG_REPLY);
    assert_contains(byz_suspicion_message(conn), "replica 1");
    assert_good(conn, byz_commit(conn));
    byz_finish(conn);
}

static void a_malformed_reply_closes_the_link(void **state)
{
    (void)state;
    byz_conn *conn = connect_to(cluster, "coordinator=0");
    fake_set(cluster, 1, FAKE_REPLY_MALFORMED);
    assert_good(conn, byz_begin(conn));
    for (int i = 0; i < 100 && byz_suspect(conn) < 0; i++)
        assert_string_equal(sqlstate_of(conn, "SELECT"), "00000");
    assert_int_equal(byz_suspect(conn), 1);
    assert_int_equal(byz_suspicion(conn), BYZ_SUSPICION_PROTOCOL);
    assert_good(conn, byz_commit(conn));
    byz_finish(conn);
}

static void without_f_plus_1_equal_replies_nothing_is_believed(void **state)
{
    (void)state;
    byz_conn *conn = connect_to(cluster, "");
    for (unsigned i = 0; i < 4; i++)
        fake_set(cluster, i, FAKE_REPLY_RANDOM);
    assert_error(conn, byz_begin(conn), "BZ003");
    for (unsigned i = 0; i < 4; i++)
        fake_set(cluster, i, FAKE_REPLY_MISMATCHED);
    assert_error(conn, byz_begin(conn), "BZ003");
    byz_finish(conn);
}

static void an_undecided_commit_is_not_called_an_abort(void **state)
{
    (void)state;
    byz_conn *conn = connect_to(cluster, "request_timeout=1");
    assert_good(conn, byz_begin(conn));
    assert_string_equal(sqlstate_of(conn, "UPDATE"), "00000");
    for (unsigned i = 0; i < 4; i++)
        fake_set(cluster, i, FAKE_REQUESTS_UNANSWERED);
    assert_error(conn, byz_commit(conn), "08007");
    assert_int_equal(byz_transaction_status(conn), BYZ_TRANSACTION_NONE);
    assert_error(conn, byz_begin(conn), "08006");
    all_honest(NULL);
    assert_good(conn, byz_begin(conn));
    byz_finish(conn);
}

/* Requests are sent again: replicas that were deaf at first answer later. */
static void requests_are_retransmitted(void **state)
{
    (void)state;
    byz_conn *conn = connect_to(cluster, "");
    for (unsigned i = 0; i < 4; i++)
        fake_set(cluster, i, FAKE_REQUESTS_UNANSWERED);
    int before = cluster->replicas[0].requests;
    assert_error(conn, byz_begin(conn), "08006"); /* 5 s: at 0, 0.5, 1.5, 3.5 s */
    int sent = cluster->replicas[0].requests - before;
    assert_true(sent >= 3 && sent <= 4);
    byz_finish(conn);
}

/* ---- wrong results (figure 3, exec_and_verify) ---- */

static void a_lie_is_found_at_commit(void **state)
{
    (void)state;
    byz_conn *conn = connect_to(cluster, "");
    fake_set(cluster, 2, FAKE_RESULT_LIES);
    assert_good(conn, byz_begin_on(conn, 2));
    assert_string_equal(sqlstate_of(conn, "UPDATE"), "00000");
    byz_result *result = byz_exec(conn, "SELECT balance");
    assert_string_equal(byz_value(result, 0, 1), "lie");
    byz_clear(result);
    assert_error(conn, byz_commit(conn), "BZ001");
    assert_int_equal(byz_suspect(conn), 2);
    assert_int_equal(byz_suspicion(conn), BYZ_SUSPICION_WRONG_RESULT);
    assert_contains(byz_error_message(conn), "replica 2 answered statement 2 (SELECT balance)");
    /* The next transactions avoid the liar. */
    for (int i = 0; i < 12; i++)
        assert_string_equal(sqlstate_of(conn, "SELECT"), "00000");
    assert_int_equal(byz_suspect(conn), -1);
    byz_finish(conn);
}

/* Section 3.4. */
static void a_lie_is_found_at_a_verified_rollback(void **state)
{
    (void)state;
    byz_conn *conn = connect_to(cluster, "");
    fake_set(cluster, 2, FAKE_RESULT_LIES);
    assert_good(conn, byz_begin_on(conn, 2));
    assert_string_equal(sqlstate_of(conn, "SELECT seats"), "00000");
    assert_error(conn, byz_rollback_verified(conn), "BZ001");
    assert_int_equal(byz_suspect(conn), 2);
    assert_int_equal(byz_transaction_status(conn), BYZ_TRANSACTION_NONE);
    assert_good(conn, byz_begin_on(conn, 2));
    assert_string_equal(sqlstate_of(conn, "SELECT seats"), "00000");
    assert_good(conn, byz_rollback(conn)); /* not verified: nobody looks */
    byz_finish(conn);
}

static void a_lie_is_never_shown_by_a_statement_alone(void **state)
{
    (void)state;
    byz_conn *conn = connect_to(cluster, "coordinator=2");
    fake_set(cluster, 2, FAKE_RESULT_LIES);
    byz_result *result = byz_exec(conn, "SELECT balance");
    assert_false(byz_result_ok(result));
    assert_string_equal(byz_result_sqlstate(result), "BZ001");
    assert_int_equal(byz_row_count(result), 0);
    byz_clear(result);
    byz_finish(conn);
}

static void an_unconfirmed_result_accuses_nobody_for_sure(void **state)
{
    (void)state;
    byz_conn *conn = connect_to(cluster, "");
    fake_set(cluster, 2, FAKE_RESULT_LIES);
    assert_good(conn, byz_begin_on(conn, 2));
    assert_string_equal(sqlstate_of(conn, "VAGUE"), "00000");
    assert_error(conn, byz_commit(conn), "40001");
    assert_int_equal(byz_suspect(conn), 2);
    assert_int_equal(byz_suspicion(conn), BYZ_SUSPICION_UNCONFIRMED);
    byz_finish(conn);
}

/* ---- replacing the coordinator (section 3.3) ---- */

static const struct {
    enum fake_mode mode;
    byz_suspicion_type suspicion;
    const char *part;
} failures[] = {
    {FAKE_OPERATIONS_UNANSWERED, BYZ_SUSPICION_SILENT, "did not answer"},
    {FAKE_RESULT_ENDLESS, BYZ_SUSPICION_SILENT, "did not answer"},
    {FAKE_RESULT_WRONG_KEY, BYZ_SUSPICION_SILENT, "did not answer"},
    {FAKE_CLOSES_IN_THE_MIDDLE, BYZ_SUSPICION_SILENT, "was lost"},
    {FAKE_RESULT_OVERSIZE, BYZ_SUSPICION_PROTOCOL, "larger than any result"},
    {FAKE_ROWS_WITHOUT_COLUMNS, BYZ_SUSPICION_PROTOCOL, "before its columns"},
    {FAKE_ROWS_TOO_WIDE, BYZ_SUSPICION_PROTOCOL, "more or fewer values"},
    {FAKE_COLUMNS_TWICE, BYZ_SUSPICION_PROTOCOL, "columns twice"},
    {FAKE_END_MALFORMED, BYZ_SUSPICION_PROTOCOL, "replica 1"},
    {FAKE_FRAME_OVERSIZE, BYZ_SUSPICION_PROTOCOL, "too long"},
    {FAKE_FRAME_UNKNOWN, BYZ_SUSPICION_PROTOCOL, "no replica sends"},
    {FAKE_FLOODS, BYZ_SUSPICION_PROTOCOL, "nobody asked"},
    {FAKE_LOCAL_FAILURE, BYZ_SUSPICION_NONE, ""},
};

/* Silence is noticed by the time-out; everything else at once. */
static void check_replacement(size_t i)
{
    bool silent = strcmp(failures[i].part, "did not answer") == 0;
    double limit = silent ? 5 : 15;
    byz_conn *conn = connect_to(cluster, silent ? "" : "operation_timeout=15");
    assert_good(conn, byz_begin_on(conn, 1));
    assert_string_equal(sqlstate_of(conn, "SELECT before"), "00000");
    assert_string_equal(sqlstate_of(conn, "UPDATE"), "00000");
    fake_set(cluster, 1, failures[i].mode);
    double begin = seconds_now();
    byz_result *result = byz_exec(conn, "SELECT after");
    fake_set(cluster, 1, FAKE_HONEST);
    if (!byz_result_ok(result))
        fail_msg("mode %d: %s", (int)failures[i].mode, byz_error_message(conn));
    assert_string_equal(byz_value(result, 0, 1), "SELECT after");
    assert_int_equal(byz_row_count(result), 1);
    byz_clear(result);
    if (seconds_now() - begin >= limit)
        fail_msg("mode %d took %.1f s", (int)failures[i].mode, seconds_now() - begin);
    assert_int_not_equal(byz_coordinator(conn), 1);
    if (byz_suspicion(conn) != failures[i].suspicion)
        fail_msg("mode %d: suspicion %d: %s", (int)failures[i].mode, (int)byz_suspicion(conn),
            byz_suspicion_message(conn));
    assert_contains(byz_suspicion_message(conn), failures[i].part);
    assert_int_equal(byz_suspect(conn), failures[i].suspicion == BYZ_SUSPICION_NONE ? -1 : 1);
    assert_good(conn, byz_commit(conn));
    byz_finish(conn);
}

static void a_failing_coordinator_is_replaced(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++)
        check_replacement(i);
}

static void a_replaced_coordinator_is_told(void **state)
{
    (void)state;
    byz_conn *conn = connect_to(cluster, "");
    assert_good(conn, byz_begin_on(conn, 1));
    fake_set(cluster, 1, FAKE_OPERATIONS_UNANSWERED);
    int before = cluster->replicas[1].cancels;
    assert_string_equal(sqlstate_of(conn, "SELECT"), "00000");
    assert_good(conn, byz_commit(conn));
    byz_finish(conn);
    for (int i = 0; i < 100 && cluster->replicas[1].cancels == before; i++)
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    assert_int_equal(cluster->replicas[1].cancels, before + 1);
}

/* A coordinator whose earlier answers its successor does not confirm: it is not known who lies. */
static void a_successor_that_differs_ends_the_transaction(void **state)
{
    (void)state;
    byz_conn *conn = connect_to(cluster, "");
    fake_set(cluster, 1, FAKE_RESULT_LIES);
    assert_good(conn, byz_begin_on(conn, 1));
    assert_string_equal(sqlstate_of(conn, "SELECT"), "00000");
    fake_set(cluster, 1, FAKE_OPERATIONS_UNANSWERED);
    assert_string_equal(sqlstate_of(conn, "SELECT again"), "40001");
    assert_int_equal(byz_suspicion(conn), BYZ_SUSPICION_UNCONFIRMED);
    assert_contains(byz_suspicion_message(conn), "replicas 1 and ");
    /* Rolled back, but the application must say so: no statement slips out of the transaction. */
    assert_int_equal(byz_transaction_status(conn), BYZ_TRANSACTION_FAILED);
    assert_string_equal(sqlstate_of(conn, "UPDATE"), "25P02");
    assert_error(conn, byz_commit(conn), "40001");
    assert_int_equal(byz_transaction_status(conn), BYZ_TRANSACTION_NONE);
    assert_string_equal(sqlstate_of(conn, "UPDATE"), "00000");
    byz_finish(conn);
}

/* More than f: nothing can be done, but the call returns, and says so. */
static void without_any_coordinator_the_transaction_ends(void **state)
{
    (void)state;
    byz_conn *conn = connect_to(cluster, "");
    for (unsigned i = 0; i < 4; i++)
        fake_set(cluster, i, FAKE_OPERATIONS_UNANSWERED);
    assert_good(conn, byz_begin(conn));
    double begin = seconds_now();
    assert_string_equal(sqlstate_of(conn, "SELECT"), "BZ002");
    assert_true(seconds_now() - begin < 7);
    assert_good(conn, byz_rollback(conn));
    byz_finish(conn);
}

/* ---- links ---- */

static void one_bad_greeting_does_not_prevent_connecting(void **state)
{
    (void)state;
    static const enum fake_mode modes[] = {
        FAKE_GOODBYE, FAKE_HELLO_WRONG, FAKE_HANDSHAKE_STALLS, FAKE_TLS_GARBAGE};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        fake_set(cluster, 3, modes[i]);
        double begin = seconds_now();
        byz_conn *conn = connect_to(cluster, "");
        assert_string_equal(sqlstate_of(conn, "SELECT"), "00000");
        assert_int_equal(byz_replica_connected(conn, 3), 0);
        assert_true(seconds_now() - begin < 3); /* a handshake is given up after 5 s */
        byz_finish(conn);
    }
}

static void two_of_four_are_too_few(void **state)
{
    (void)state;
    fake_set(cluster, 2, FAKE_HELLO_WRONG);
    fake_set(cluster, 3, FAKE_GOODBYE);
    byz_conn *conn = try_connect(cluster, "connect_timeout=1");
    assert_int_equal(byz_status(conn), BYZ_CONNECTION_BAD);
    assert_string_equal(byz_sqlstate(conn), "08006");
    assert_contains(byz_error_message(conn), "2 of 4 replicas connected");
    assert_contains(byz_error_message(conn), "going home (57P03)");
    assert_contains(byz_error_message(conn), "somebody else");
    byz_finish(conn);
}

static void a_replica_that_comes_back_is_used_again(void **state)
{
    (void)state;
    fake_take_down(cluster, 3);
    byz_conn *conn = connect_to(cluster, "");
    assert_int_equal(byz_replica_connected(conn, 3), 0);
    assert_error(conn, byz_begin_on(conn, 3), "08006");
    fake_bring_up(cluster, 3);
    assert_good(conn, byz_begin_on(conn, 3)); /* tried at once, whatever the back-off says */
    assert_string_equal(sqlstate_of(conn, "SELECT"), "00000");
    assert_good(conn, byz_commit(conn));
    byz_finish(conn);
}

static void lost_links_come_back_within_a_call(void **state)
{
    (void)state;
    byz_conn *conn = connect_to(cluster, "");
    for (unsigned i = 0; i < 4; i++)
        fake_disconnect(cluster, i);
    assert_string_equal(sqlstate_of(conn, "SELECT"), "00000");
    for (unsigned i = 0; i < 30; i++) {
        assert_good(conn, byz_begin(conn));
        fake_disconnect(cluster, i % 4);
        assert_good(conn, byz_rollback(conn));
    }
    byz_finish(conn);
}

static void a_flooding_replica_delays_nothing(void **state)
{
    (void)state;
    byz_conn *conn = connect_to(cluster, "coordinator=0");
    fake_set(cluster, 3, FAKE_FLOODS); /* begins with the first request */
    double begin = seconds_now();
    for (int i = 0; i < 20; i++)
        assert_string_equal(sqlstate_of(conn, "SELECT"), "00000");
    assert_true(seconds_now() - begin < 10);
    byz_finish(conn);
}

static void finishing_in_the_middle_is_quick(void **state)
{
    (void)state;
    byz_conn *conn = connect_to(cluster, "");
    assert_good(conn, byz_begin(conn));
    for (unsigned i = 0; i < 4; i++)
        fake_set(cluster, i, FAKE_REQUESTS_UNANSWERED);
    double begin = seconds_now();
    byz_finish(conn);
    assert_true(seconds_now() - begin < 3); /* a request's time-out is 5 s */
}

/* ---- f = 2 ---- */

static void two_liars_of_seven_are_outvoted(void **state)
{
    (void)state;
    struct fake_cluster *seven = fake_cluster_start(2);
    byz_conn *conn = connect_to(seven, "coordinator=1");
    fake_set(seven, 0, FAKE_REPLY_LIES);
    fake_set(seven, 1, FAKE_OPERATIONS_UNANSWERED);
    fake_set(seven, 2, FAKE_FLOODS);
    assert_string_equal(sqlstate_of(conn, "SELECT"), "00000");
    byz_finish(conn);
    fake_cluster_stop(seven);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_silent_replica_delays_nothing, all_honest),
        cmocka_unit_test_setup(a_false_reply_is_outvoted_and_reported, all_honest),
        cmocka_unit_test_setup(a_malformed_reply_closes_the_link, all_honest),
        cmocka_unit_test_setup(without_f_plus_1_equal_replies_nothing_is_believed, all_honest),
        cmocka_unit_test_setup(an_undecided_commit_is_not_called_an_abort, all_honest),
        cmocka_unit_test_setup(requests_are_retransmitted, all_honest),
        cmocka_unit_test_setup(a_lie_is_found_at_commit, all_honest),
        cmocka_unit_test_setup(a_lie_is_found_at_a_verified_rollback, all_honest),
        cmocka_unit_test_setup(a_lie_is_never_shown_by_a_statement_alone, all_honest),
        cmocka_unit_test_setup(an_unconfirmed_result_accuses_nobody_for_sure, all_honest),
        cmocka_unit_test_setup(a_failing_coordinator_is_replaced, all_honest),
        cmocka_unit_test_setup(a_replaced_coordinator_is_told, all_honest),
        cmocka_unit_test_setup(a_successor_that_differs_ends_the_transaction, all_honest),
        cmocka_unit_test_setup(without_any_coordinator_the_transaction_ends, all_honest),
        cmocka_unit_test_setup(one_bad_greeting_does_not_prevent_connecting, all_honest),
        cmocka_unit_test_setup(two_of_four_are_too_few, all_honest),
        cmocka_unit_test_setup(a_replica_that_comes_back_is_used_again, all_honest),
        cmocka_unit_test_setup(lost_links_come_back_within_a_call, all_honest),
        cmocka_unit_test_setup(a_flooding_replica_delays_nothing, all_honest),
        cmocka_unit_test_setup(finishing_in_the_middle_is_quick, all_honest),
        cmocka_unit_test(two_liars_of_seven_are_outvoted),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
