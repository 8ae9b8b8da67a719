/* Figure 2 of the paper, over real TLS links to a pretended cluster of honest replicas. */
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

static void a_transaction_commits(void **state)
{
    (void)state;
    byz_conn *conn = connect_to(cluster, "");
    assert_int_equal(byz_replica_count(conn), 4);
    assert_int_equal(byz_coordinator(conn), -1);
    assert_good(conn, byz_begin_on(conn, 2));
    assert_int_equal(byz_transaction_status(conn), BYZ_TRANSACTION_OPEN);
    assert_int_equal(byz_coordinator(conn), 2);
    byz_result *result = byz_exec(conn, "SELECT 'x'");
    assert_true(byz_result_ok(result));
    assert_int_equal(byz_row_count(result), 1);
    assert_string_equal(byz_column_name(result, 1), "text");
    assert_int_equal(byz_column_type(result, 1), 25);
    assert_string_equal(byz_value(result, 0, 1), "SELECT 'x'");
    byz_clear(result);
    result = byz_exec(conn, "UPDATE t");
    assert_int_equal(byz_affected_rows(result), 3);
    assert_int_equal(byz_column_count(result), 0);
    byz_clear(result);
    assert_good(conn, byz_commit(conn));
    assert_int_equal(byz_transaction_status(conn), BYZ_TRANSACTION_NONE);
    assert_string_equal(byz_sqlstate(conn), "00000");
    assert_string_equal(byz_error_message(conn), "");
    assert_int_equal(byz_suspect(conn), -1);
    assert_int_equal(cluster->replicas[2].operations, 2);
    assert_int_equal(cluster->replicas[1].operations, 0);
    byz_finish(conn);
}

static void large_results_arrive_whole(void **state)
{
    (void)state;
    byz_conn *conn = connect_to(cluster, "");
    byz_result *result = byz_exec(conn, "ROWS 30000");
    assert_true(byz_result_ok(result));
    assert_int_equal(byz_row_count(result), 30000);
    assert_string_equal(byz_value(result, 29999, 0), "29999");
    assert_true(byz_is_null(result, 29999, 1));
    byz_clear(result);
    byz_finish(conn);
}

static void parameters_travel(void **state)
{
    (void)state;
    byz_conn *conn = connect_to(cluster, "");
    const uint32_t types[] = {23, 0};
    const char *values[] = {"7", NULL};
    byz_result *result = byz_exec_params(conn, "SELECT $1, $2", 2, types, values);
    assert_true(byz_result_ok(result));
    byz_clear(result);
    byz_finish(conn);
}

static void begin_and_commit_have_their_places(void **state)
{
    (void)state;
    byz_conn *conn = connect_to(cluster, "");
    assert_error(conn, byz_commit(conn), "25P01");
    assert_error(conn, byz_rollback(conn), "25P01");
    assert_error(conn, byz_begin_on(conn, 4), "22023");
    assert_error(conn, byz_begin_on(conn, -1), "22023");
    assert_good(conn, byz_begin(conn));
    assert_error(conn, byz_begin(conn), "25001");
    assert_good(conn, byz_commit(conn)); /* empty */
    assert_good(conn, byz_begin(conn));
    assert_good(conn, byz_rollback(conn));
    byz_finish(conn);
}

static void an_error_fails_the_transaction(void **state)
{
    (void)state;
    byz_conn *conn = connect_to(cluster, "");
    assert_good(conn, byz_begin(conn));
    byz_result *result = byz_exec(conn, "FAIL 22012");
    assert_false(byz_result_ok(result));
    assert_string_equal(byz_result_sqlstate(result), "22012");
    assert_string_equal(byz_result_error_message(result), "ERROR:  it failed\nHINT:  do not\n");
    assert_string_equal(byz_error_message(conn), byz_result_error_message(result));
    byz_clear(result);
    assert_int_equal(byz_transaction_status(conn), BYZ_TRANSACTION_FAILED);
    assert_error(conn, byz_commit(conn), "25P02");
    assert_int_equal(byz_transaction_status(conn), BYZ_TRANSACTION_NONE);
    byz_finish(conn);
}

static void a_savepoint_heals_the_transaction(void **state)
{
    (void)state;
    byz_conn *conn = connect_to(cluster, "");
    assert_good(conn, byz_begin(conn));
    assert_string_equal(sqlstate_of(conn, "SAVEPOINT s"), "00000");
    assert_string_equal(sqlstate_of(conn, "FAIL 22012"), "22012");
    assert_string_equal(sqlstate_of(conn, "FAIL 25P02"), "25P02");
    assert_int_equal(byz_transaction_status(conn), BYZ_TRANSACTION_FAILED);
    assert_string_equal(sqlstate_of(conn, "ROLLBACK TO s"), "00000");
    assert_int_equal(byz_transaction_status(conn), BYZ_TRANSACTION_OPEN);
    assert_good(conn, byz_commit(conn));
    byz_finish(conn);
}

static void a_conflict_aborts_the_commit(void **state)
{
    (void)state;
    byz_conn *conn = connect_to(cluster, "");
    assert_good(conn, byz_begin(conn));
    assert_string_equal(sqlstate_of(conn, "CONFLICT"), "00000");
    assert_error(conn, byz_commit(conn), "40001");
    assert_contains(byz_error_message(conn), "could not serialize access");
    assert_int_equal(byz_suspect(conn), -1);
    byz_finish(conn);
}

/* Section 3.4 of the paper. */
static void a_rollback_can_be_verified(void **state)
{
    (void)state;
    byz_conn *conn = connect_to(cluster, "");
    assert_good(conn, byz_begin(conn));
    assert_string_equal(sqlstate_of(conn, "SELECT"), "00000");
    assert_good(conn, byz_rollback_verified(conn));
    assert_good(conn, byz_begin(conn));
    assert_good(conn, byz_rollback_verified(conn)); /* nothing was read */
    byz_finish(conn);
}

static void a_statement_alone_is_tried_again_after_a_conflict(void **state)
{
    (void)state;
    byz_conn *conn = connect_to(cluster, "coordinator=1");
    int before = cluster->replicas[1].operations;
    assert_string_equal(sqlstate_of(conn, "UPDATE t"), "00000");
    assert_int_equal(cluster->replicas[1].operations - before, 1);
    assert_string_equal(sqlstate_of(conn, "CONFLICT"), "40001");
    assert_int_equal(cluster->replicas[1].operations - before, 1 + 4);
    assert_string_equal(sqlstate_of(conn, "FAIL 42601"), "42601");
    assert_int_equal(cluster->replicas[1].operations - before, 1 + 4 + 1);
    assert_int_equal(byz_transaction_status(conn), BYZ_TRANSACTION_NONE);
    byz_finish(conn);
}

static void limits_are_checked_before_sending(void **state)
{
    (void)state;
    byz_conn *conn = connect_to(cluster, "coordinator=0");
    static char text[STATEMENT_BYTES_MAX + 2];
    memset(text, ' ', sizeof text - 1);
    assert_good(conn, byz_begin(conn));
    int before = cluster->replicas[0].operations;
    assert_string_equal(sqlstate_of(conn, text), "54000");
    static const char *values[PARAMETERS_MAX + 1];
    byz_result *result = byz_exec_params(conn, "x", PARAMETERS_MAX + 1, NULL, values);
    assert_string_equal(byz_result_sqlstate(result), "54000");
    byz_clear(result);
    result = byz_exec_params(conn, "x", 1, (const uint32_t[]){16384}, values);
    assert_string_equal(byz_result_sqlstate(result), "22023");
    byz_clear(result);
    assert_int_equal(cluster->replicas[0].operations, before);
    /* Nothing was sent, so nothing failed: two long statements fit, the third does not. */
    text[STATEMENT_BYTES_MAX - 1024] = '\0';
    assert_string_equal(sqlstate_of(conn, text), "00000");
    assert_string_equal(sqlstate_of(conn, text), "00000");
    assert_string_equal(sqlstate_of(conn, text), "54000");
    assert_good(conn, byz_commit(conn));
    byz_finish(conn);
}

static void coordinators_follow_the_policy(void **state)
{
    (void)state;
    unsigned seen = 0;
    byz_conn *conn = connect_to(cluster, "coordinator=round-robin");
    for (int i = 0; i < 40 && byz_replica_connected(conn, i % 4); i++)
        continue;
    for (int i = 0; i < 4; i++) {
        assert_good(conn, byz_begin(conn));
        seen |= 1u << byz_coordinator(conn);
        assert_good(conn, byz_rollback(conn));
    }
    assert_true(__builtin_popcount(seen) >= 3);
    byz_finish(conn);
    conn = connect_to(cluster, "coordinator=2");
    for (int i = 0; i < 3; i++) {
        assert_good(conn, byz_begin(conn));
        assert_good(conn, byz_rollback(conn));
    }
    byz_finish(conn);
}

/* Replicas forget old sessions; a BEGIN that was refused for it is sent from a new one. */
static void a_forgotten_session_is_replaced(void **state)
{
    (void)state;
    byz_conn *conn = connect_to(cluster, "");
    fake_forget(cluster, 2);
    assert_good(conn, byz_begin(conn));
    fake_forget(cluster, 0);
    assert_string_equal(sqlstate_of(conn, "SELECT"), "00000");
    assert_good(conn, byz_commit(conn));
    byz_finish(conn);
    conn = connect_to(cluster, "");
    fake_forget(cluster, 1000);
    assert_error(conn, byz_begin(conn), "08003");
    fake_forget(cluster, 0);
    assert_good(conn, byz_begin(conn));
    byz_finish(conn);
}

/* Between BEGIN and COMMIT: the COMMIT was refused, so nothing was committed. */
static void a_session_forgotten_before_commit_commits_nothing(void **state)
{
    (void)state;
    byz_conn *conn = connect_to(cluster, "");
    assert_good(conn, byz_begin(conn));
    assert_string_equal(sqlstate_of(conn, "UPDATE"), "00000");
    fake_forget(cluster, 1);
    assert_error(conn, byz_commit(conn), "40001");
    fake_forget(cluster, 0);
    assert_string_equal(sqlstate_of(conn, "UPDATE"), "00000");
    byz_finish(conn);
}

static void a_replica_tells_its_status(void **state)
{
    (void)state;
    byz_conn *conn = connect_to(cluster, "");
    char *text = byz_replica_status(conn, 3);
    assert_string_equal(text, "replica=3\nstate=?pretended\n");
    byz_free(text);
    assert_null(byz_replica_status(conn, 4));
    assert_string_equal(byz_sqlstate(conn), "22023");
    byz_finish(conn);
}

static void bad_connections_say_why(void **state)
{
    (void)state;
    static const struct {
        const char *more, *sqlstate, *part;
    } cases[] = {
        {"client=nobody", "28000", "nobody"},
        {"key=/nonexistent", "28000", "/nonexistent"},
        {"config=/nonexistent", "F0000", "/nonexistent"},
        {"coordinator=5", "22023", "no replica 5"},
        {"wrong=1", "22023", "wrong"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        byz_conn *conn = try_connect(cluster, cases[i].more);
        assert_int_equal(byz_status(conn), BYZ_CONNECTION_BAD);
        assert_string_equal(byz_sqlstate(conn), cases[i].sqlstate);
        assert_contains(byz_error_message(conn), cases[i].part);
        assert_error(conn, byz_begin(conn), cases[i].sqlstate);
        assert_string_equal(sqlstate_of(conn, "SELECT"), cases[i].sqlstate);
        assert_null(byz_replica_status(conn, 0));
        byz_finish(conn);
    }
    byz_finish(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_transaction_commits),
        cmocka_unit_test(large_results_arrive_whole),
        cmocka_unit_test(parameters_travel),
        cmocka_unit_test(begin_and_commit_have_their_places),
        cmocka_unit_test(an_error_fails_the_transaction),
        cmocka_unit_test(a_savepoint_heals_the_transaction),
        cmocka_unit_test(a_conflict_aborts_the_commit),
        cmocka_unit_test(a_rollback_can_be_verified),
        cmocka_unit_test(a_statement_alone_is_tried_again_after_a_conflict),
        cmocka_unit_test(limits_are_checked_before_sending),
        cmocka_unit_test(coordinators_follow_the_policy),
        cmocka_unit_test(a_forgotten_session_is_replaced),
        cmocka_unit_test(a_session_forgotten_before_commit_commits_nothing),
        cmocka_unit_test(a_replica_tells_its_status),
        cmocka_unit_test(bad_connections_say_why),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
