/* The library starts no thread and shares no state: connections in different threads do not
 * disturb each other. Of use mostly under the thread sanitizer. */
#include "tests/unit/client/client_check.h"

#define THREADS 4
#define ROUNDS 10

struct job {
    pthread_t thread;
    const struct fake_cluster *cluster;
    int number, good;
};

static int run_round(struct job *job, byz_conn *conn, int round)
{
    char sql[64];
    snprintf(sql, sizeof sql, "SELECT %d, %d", job->number, round);
    if (byz_begin(conn) != 0)
        return 0;
    byz_result *result = byz_exec(conn, sql);
    int good = byz_result_ok(result) && strcmp(byz_value(result, 0, 1), sql) == 0;
    byz_clear(result);
    /* Every second thread gets errors: they must stay its own. */
    if (job->number % 2 == 1) {
        result = byz_exec(conn, "FAIL 22012");
        good = good && strcmp(byz_sqlstate(conn), "22012") == 0;
        byz_clear(result);
        return good && byz_rollback(conn) == 0;
    }
    return good && byz_commit(conn) == 0 && strcmp(byz_sqlstate(conn), "00000") == 0;
}

static void *work(void *argument)
{
    struct job *job = argument;
    byz_conn *conn = try_connect(job->cluster, "operation_timeout=5");
    if (byz_status(conn) == BYZ_CONNECTION_OK)
        for (int round = 0; round < ROUNDS; round++)
            job->good += run_round(job, conn, round);
    byz_finish(conn);
    return NULL;
}

static void connections_are_independent(void **state)
{
    (void)state;
    struct fake_cluster *cluster = fake_cluster_start(1);
    struct job jobs[THREADS] = {0};
    for (int i = 0; i < THREADS; i++) {
        jobs[i].cluster = cluster;
        jobs[i].number = i;
        assert_int_equal(pthread_create(&jobs[i].thread, NULL, work, &jobs[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(jobs[i].thread, NULL);
        assert_int_equal(jobs[i].good, ROUNDS);
    }
    fake_cluster_stop(cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(connections_are_independent)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
