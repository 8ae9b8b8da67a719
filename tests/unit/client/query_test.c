/* Reads without ordering, and what reads=on asks of writes, over real TLS links to pretended
 * replicas. They say epoch 5 after BEGIN and 6 after COMMIT; what they answer is the test's. */
#include "tests/unit/client/client_check.h"

#include <unistd.h>

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

/* All honest, at one epoch. */
static int heal(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        fake_set(cluster, i, FAKE_HONEST);
        cluster->replicas[i].epoch = 5;
        cluster->replicas[i].to_lag = 0;
    }
    return 0;
}

static void answer(unsigned a, unsigned b, unsigned c, unsigned d)
{
    const unsigned epochs[] = {a, b, c, d};
    for (unsigned i = 0; i < 4; i++)
        cluster->replicas[i].epoch = epochs[i];
}

/* Ordered requests that arrived. The client does not wait for all of its last one's copies. */
static int requests(void)
{
    int sum = -1, before;
    do {
        before = sum;
        usleep(50000);
        sum = 0;
        for (unsigned i = 0; i < 4; i++)
            sum += cluster->replicas[i].requests;
    } while (sum != before);
    return sum;
}

/* Three answers may come before the fourth, so where one differs it is a matter of luck who is
 * seen; every test here decides alike for every order. */
static uint64_t epoch_of(byz_conn *conn)
{
    uint64_t epoch = 0;
    assert_good(conn, byz_epoch(conn, &epoch));
    assert_string_equal(byz_error_message(conn), "");
    assert_int_equal(byz_transaction_status(conn), BYZ_TRANSACTION_NONE);
    return epoch;
}

static void commit_one(byz_conn *conn)
{
    assert_good(conn, byz_begin(conn));
    assert_string_equal(sqlstate_of(conn, "UPDATE t"), "00000");
    assert_good(conn, byz_commit(conn));
}

static void three_equal_answers_need_no_order(void **state)
{
    (void)state;
    byz_conn *conn = connect_to(cluster, "");
    int before = requests();
    answer(7, 7, 7, 7);
    assert_int_equal(epoch_of(conn), 7);
    answer(8, 8, 8, 99); /* one lies, ahead */
    assert_int_equal(epoch_of(conn), 8);
    answer(1, 8, 8, 8); /* behind */
    assert_int_equal(epoch_of(conn), 8);
    fake_set(cluster, 2, FAKE_QUERIES_UNANSWERED);
    answer(9, 9, 0, 9);
    assert_int_equal(epoch_of(conn), 9);
    assert_int_equal(requests(), before);
    assert_int_equal(byz_suspect(conn), -1);
    byz_finish(conn);
}

static void replicas_that_differ_are_asked_again(void **state)
{
    (void)state;
    byz_conn *conn = connect_to(cluster, "");
    int before = requests();
    answer(9, 9, 9, 9);
    cluster->replicas[1].to_lag = cluster->replicas[2].to_lag = 2;
    assert_int_equal(epoch_of(conn), 9);
    assert_int_equal(requests(), before);
    byz_finish(conn);
}

static void what_stays_different_is_ordered(void **state)
{
    (void)state;
    byz_conn *conn = connect_to(cluster, "");
    int before = requests();
    answer(1, 2, 3, 4);
    double begun = seconds_now();
    assert_int_equal(epoch_of(conn), 5); /* BEGIN's */
    assert_true(seconds_now() - begun < 3);
    assert_int_equal(requests() - before, 8); /* BEGIN and ROLLBACK */
    byz_finish(conn);
}

/* Fewer than 2f+1 answer at all. */
static void silence_is_bounded(void **state)
{
    (void)state;
    byz_conn *conn = connect_to(cluster, "");
    fake_set(cluster, 0, FAKE_QUERIES_UNANSWERED);
    fake_set(cluster, 3, FAKE_QUERIES_UNANSWERED);
    answer(4, 4, 4, 4);
    double begun = seconds_now();
    assert_int_equal(epoch_of(conn), 5);
    assert_true(seconds_now() - begun < 4);
    byz_finish(conn);
}

static void one_replica_down_is_not_missed(void **state)
{
    (void)state;
    byz_conn *conn = connect_to(cluster, "");
    int before = requests();
    answer(11, 11, 11, 11);
    fake_take_down(cluster, 1);
    assert_int_equal(epoch_of(conn), 11);
    fake_bring_up(cluster, 1);
    assert_int_equal(requests(), before);
    byz_finish(conn);
}

/* What was true a moment ago must not answer what is asked now. */
static void answers_to_other_questions_do_not_count(void **state)
{
    (void)state;
    byz_conn *conn = connect_to(cluster, "");
    answer(3, 3, 3, 3);
    for (unsigned i = 0; i < 3; i++)
        fake_set(cluster, i, FAKE_ANSWER_OTHER);
    assert_int_equal(epoch_of(conn), 5); /* by order */
    assert_int_equal(byz_suspect(conn), -1);
    byz_finish(conn);
}

/* The commit's epoch is 6. Three equal answers that say 5 are a liar's and slow replicas'. */
static void the_own_last_commit_is_seen(void **state)
{
    (void)state;
    byz_conn *conn = connect_to(cluster, "");
    byz_conn *other = connect_to(cluster, "");
    answer(5, 5, 5, 5);
    assert_int_equal(epoch_of(conn), 5);
    commit_one(conn);
    int before = requests();
    assert_int_equal(epoch_of(other), 5); /* as the replicas say; nobody promised it more */
    assert_int_equal(requests(), before);
    cluster->begun_epoch = 6;
    assert_int_equal(epoch_of(conn), 6);
    assert_true(requests() > before); /* by order */
    for (unsigned i = 0; i < 4; i++)
        cluster->replicas[i].to_lag = 1;
    answer(6, 6, 6, 6);
    before = requests();
    assert_int_equal(epoch_of(conn), 6); /* without, in the second round */
    assert_int_equal(requests(), before);
    cluster->begun_epoch = 5;
    byz_finish(other);
    byz_finish(conn);
}

/* What was read is a floor, too: a later read is never older. */
static void reads_never_go_back(void **state)
{
    (void)state;
    byz_conn *conn = connect_to(cluster, "");
    answer(8, 8, 8, 8);
    assert_int_equal(epoch_of(conn), 8);
    answer(7, 7, 7, 7);
    cluster->begun_epoch = 9;
    assert_int_equal(epoch_of(conn), 9);
    cluster->begun_epoch = 5;
    byz_finish(conn);
}

static void it_has_its_place(void **state)
{
    (void)state;
    uint64_t epoch = 77;
    byz_conn *conn = connect_to(cluster, "");
    assert_good(conn, byz_begin(conn));
    assert_error(conn, byz_epoch(conn, &epoch), "25001");
    assert_good(conn, byz_rollback(conn));
    assert_error(conn, byz_epoch(conn, NULL), "22023");
    assert_int_equal(epoch, 77);
    assert_int_equal(byz_epoch(NULL, &epoch), -1);
    byz_finish(conn);
}

static void a_malformed_answer_is_a_violation(void **state)
{
    (void)state;
    byz_conn *conn = connect_to(cluster, "");
    fake_set(cluster, 2, FAKE_ANSWER_MALFORMED);
    uint64_t epoch = 0;
    for (int i = 0; i < 50 && byz_suspect(conn) < 0; i++)
        assert_good(conn, byz_epoch(conn, &epoch));
    assert_int_equal(epoch, 5);
    assert_int_equal(byz_suspect(conn), 2);
    assert_int_equal(byz_suspicion(conn), BYZ_SUSPICION_PROTOCOL);
    assert_contains(byz_suspicion_message(conn), "a barrier in the future");
    byz_finish(conn);
}

/* ---- reads=on ---- */

/* Two honest replies and a lie: enough to believe, not enough for every later read to see it. */
static void a_commit_is_believed_from_2f_plus_1(void **state)
{
    (void)state;
    byz_conn *plain = connect_to(cluster, "coordinator=0 request_timeout=1");
    byz_conn *conn = connect_to(cluster, "coordinator=0 request_timeout=1 reads=on");
    commit_one(conn);
    assert_good(plain, byz_begin(plain));
    assert_good(conn, byz_begin(conn));
    assert_string_equal(sqlstate_of(plain, "UPDATE t"), "00000");
    assert_string_equal(sqlstate_of(conn, "UPDATE t"), "00000");
    fake_set(cluster, 2, FAKE_REQUESTS_UNANSWERED);
    fake_set(cluster, 3, FAKE_REPLY_LIES);
    assert_good(plain, byz_commit(plain));
    assert_error(conn, byz_commit(conn), "08007");
    assert_contains(byz_error_message(conn), "no 3 replicas agree");
    fake_set(cluster, 2, FAKE_HONEST);
    commit_one(conn); /* three of four, the liar accused */
    assert_good(conn, byz_begin(conn));
    assert_good(conn, byz_rollback(conn));
    byz_finish(plain);
    byz_finish(conn);
}

/* Two and two: f+1 would believe whoever comes first. */
static void no_2f_plus_1_is_told(void **state)
{
    (void)state;
    byz_conn *conn = connect_to(cluster, "coordinator=0 reads=on");
    fake_set(cluster, 2, FAKE_REPLY_LIES);
    fake_set(cluster, 3, FAKE_REPLY_LIES);
    assert_error(conn, byz_begin(conn), "BZ003");
    assert_contains(byz_error_message(conn), "no 3 replicas report the same outcome");
    byz_finish(conn);
}

#define TEST(name) cmocka_unit_test_setup(name, heal)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(three_equal_answers_need_no_order),
        TEST(replicas_that_differ_are_asked_again),
        TEST(what_stays_different_is_ordered),
        TEST(silence_is_bounded),
        TEST(one_replica_down_is_not_missed),
        TEST(answers_to_other_questions_do_not_count),
        TEST(the_own_last_commit_is_seen),
        TEST(reads_never_go_back),
        TEST(it_has_its_place),
        TEST(a_malformed_answer_is_a_violation),
        TEST(a_commit_is_believed_from_2f_plus_1),
        TEST(no_2f_plus_1_is_told),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
