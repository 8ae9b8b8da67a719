/* byz_copy_in and byz_copy_out where no database is needed: what is not sent, and answers that are
 * none. */
#include "tests/unit/client/client_check.h"

#include <stdlib.h>

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

static int operations(void)
{
    int count = 0;
    for (unsigned i = 0; i < 4; i++)
        count += cluster->replicas[i].operations;
    return count;
}

static void bad_arguments_are_not_sent(void **state)
{
    (void)state;
    byz_conn *conn = connect_to(cluster, "coordinator=0");
    int before = operations();
    uint64_t rows = 7;
    assert_error(conn, byz_copy_in(conn, NULL, "1", 1, &rows), "22023");
    assert_int_equal(rows, 0);
    assert_error(conn, byz_copy_in(conn, "COPY t FROM STDIN", NULL, 1, NULL), "22023");
    assert_error(conn, byz_copy_in(conn, "COPY t FROM STDIN", "1\0002", 3, NULL), "22023");
    assert_null(byz_copy_out(conn, NULL, NULL));
    assert_string_equal(byz_sqlstate(conn), "22023");
    assert_int_equal(byz_copy_in(NULL, "COPY t FROM STDIN", "1", 1, NULL), -1);
    assert_null(byz_copy_out(NULL, "COPY t TO STDOUT", NULL));
    assert_int_equal(operations(), before);
    byz_finish(conn);
}

static void too_long_data_is_not_sent(void **state)
{
    (void)state;
    byz_conn *conn = connect_to(cluster, "coordinator=0");
    size_t size = BYZ_COPY_BYTES_MAX + 2;
    char *data = malloc(size);
    assert_non_null(data);
    memset(data, 'x', size);
    int before = operations();
    assert_error(conn, byz_copy_in(conn, "COPY t FROM STDIN", data, size, NULL), "54000");
    assert_good(conn, byz_begin(conn));
    data[10] = '\n';
    assert_error(conn, byz_copy_in(conn, "COPY t FROM STDIN", data, size, NULL), "54000");
    assert_int_equal(byz_transaction_status(conn), BYZ_TRANSACTION_OPEN);
    assert_int_equal(operations(), before);
    assert_good(conn, byz_rollback(conn));
    free(data);
    byz_finish(conn);
}

/* The pretended replicas know nothing of COPY. */
static void other_answers_are_refused(void **state)
{
    (void)state;
    byz_conn *conn = connect_to(cluster, "coordinator=0");
    uint64_t rows = 7;
    size_t size = 7;
    assert_error(conn, byz_copy_in(conn, "COPY t FROM STDIN", "1\n", 2, &rows), "BZ001");
    assert_int_equal(rows, 0);
    assert_null(byz_copy_out(conn, "COPY t TO STDOUT", &size));
    assert_string_equal(byz_sqlstate(conn), "BZ001");
    assert_int_equal(size, 0);
    byz_finish(conn);
}

static void a_connection_that_failed_says_why(void **state)
{
    (void)state;
    byz_conn *conn = byz_connect("config=/nonexistent client=a key=b");
    char why[6];
    snprintf(why, sizeof why, "%s", byz_sqlstate(conn));
    assert_string_not_equal(why, "00000");
    assert_error(conn, byz_copy_in(conn, "COPY t FROM STDIN", "1\n", 2, NULL), why);
    assert_null(byz_copy_out(conn, "COPY t TO STDOUT", NULL));
    assert_string_equal(byz_sqlstate(conn), why);
    byz_finish(conn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_arguments_are_not_sent),
        cmocka_unit_test(too_long_data_is_not_sent),
        cmocka_unit_test(other_answers_are_refused),
        cmocka_unit_test(a_connection_that_failed_says_why),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
