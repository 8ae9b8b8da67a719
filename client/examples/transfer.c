/* byz-transfer: moves money between accounts through libbyzclient, in several threads.
 *
 * An example of how to use the library, and a load for demonstrations. Table account(id integer
 * primary key, balance bigint) must hold the accounts 1 … M; balances are cents. Every transfer
 * reads two balances, writes both, and checks that what the writes return fits what was read: in a
 * snapshot nothing else can. The sum of all money is compared before and after.
 *
 * A conflict (SQLSTATE class 40) is no error: the transfer is tried again. */
#include <byzclient.h>

#include <getopt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define THREADS_MAX 1024
#define AMOUNT_MAX 100

struct options {
    char conninfo[4096];
    long threads;
    long accounts;
    long count;   /* transfers in all; 0: until the time is over */
    long seconds; /* 0: until the count is reached */
};

/* Shared by all threads; everything else is one thread's own. */
static struct {
    atomic_long started, transfers, retries, errors, running;
} total;

struct worker {
    pthread_t thread;
    const struct options *options;
    double end; /* of the time given, or 0 */
    unsigned seed;
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- one transfer ---- */

enum attempt { DONE, RETRY, FAILED };

/* What an error means, and a line for the reader if it is not a conflict. */
static enum attempt judge(byz_conn *conn, const char *what)
{
    if (strncmp(byz_sqlstate(conn), "40", 2) == 0)
        return RETRY;
    fprintf(stderr, "byz-transfer: %s: %s: %s", what, byz_sqlstate(conn), byz_error_message(conn));
    if (byz_suspect(conn) >= 0)
        fprintf(stderr, "byz-transfer: suspected: %s\n", byz_suspicion_message(conn));
    return FAILED;
}

/* Runs a statement that yields one number. */
static enum attempt ask(
    byz_conn *conn, const char *sql, int count, const char *const *values, long long *ret)
{
    byz_result *result = byz_exec_params(conn, sql, count, NULL, values);
    enum attempt attempt = DONE;
    if (!byz_result_ok(result)) {
        attempt = judge(conn, sql);
    } else if (byz_row_count(result) != 1 || byz_is_null(result, 0, 0)) {
        fprintf(
            stderr, "byz-transfer: %s: %d rows instead of a number\n", sql, byz_row_count(result));
        attempt = FAILED;
    } else {
        *ret = strtoll(byz_value(result, 0, 0), NULL, 10);
    }
    byz_clear(result);
    return attempt;
}

/* Reads a balance, changes it, and compares. */
static enum attempt change(byz_conn *conn, long account, long amount)
{
    char id[24], delta[24];
    long long before, after;
    snprintf(id, sizeof id, "%ld", account);
    snprintf(delta, sizeof delta, "%ld", amount);
    const char *values[] = {id, delta};
    enum attempt attempt =
        ask(conn, "SELECT balance FROM account WHERE id = $1", 1, values, &before);
    if (attempt == DONE)
        attempt =
            ask(conn, "UPDATE account SET balance = balance + $2 WHERE id = $1 RETURNING balance",
                2, values, &after);
    if (attempt == DONE && after != before + amount) {
        fprintf(stderr, "byz-transfer: account %ld: %lld, then %+ld gave %lld\n", account, before,
            amount, after);
        attempt = FAILED;
    }
    return attempt;
}

static enum attempt transfer(byz_conn *conn, long from, long to, long amount)
{
    if (byz_begin(conn) != 0)
        return judge(conn, "begin");
    /* Always the lower account first: two transfers then never wait for each other in a circle. */
    bool ascending = from < to;
    enum attempt attempt = change(conn, ascending ? from : to, ascending ? -amount : amount);
    if (attempt == DONE)
        attempt = change(conn, ascending ? to : from, ascending ? amount : -amount);
    if (attempt != DONE) {
        (void)byz_rollback(conn);
        return attempt;
    }
    return byz_commit(conn) == 0 ? DONE : judge(conn, "commit");
}

/* ---- a thread ---- */

static void transfer_until_done(byz_conn *conn, struct worker *worker)
{
    long accounts = worker->options->accounts;
    long from = 1 + (long)(rand_r(&worker->seed) % (unsigned)accounts);
    long to = 1 + (long)(rand_r(&worker->seed) % (unsigned)(accounts - 1));
    long amount = 1 + (long)(rand_r(&worker->seed) % AMOUNT_MAX);
    enum attempt attempt;
    if (to >= from)
        to++;
    while ((attempt = transfer(conn, from, to, amount)) == RETRY)
        total.retries++;
    if (attempt == DONE)
        total.transfers++;
    else
        total.errors++;
}

static bool may_start(const struct worker *worker)
{
    if (worker->end > 0 && now() >= worker->end)
        return false;
    return worker->options->count == 0 ||
           atomic_fetch_add(&total.started, 1) < worker->options->count;
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    byz_conn *conn = byz_connect(worker->options->conninfo);
    if (byz_status(conn) != BYZ_CONNECTION_OK) {
        fprintf(stderr, "byz-transfer: %s", byz_error_message(conn));
        total.errors++;
    } else {
        while (may_start(worker))
            transfer_until_done(conn, worker);
    }
    byz_finish(conn);
    total.running--;
    return NULL;
}

/* ---- the program ---- */

static bool read_sum(const struct options *options, long long *ret)
{
    byz_conn *conn = byz_connect(options->conninfo);
    enum attempt attempt = RETRY;
    if (byz_status(conn) != BYZ_CONNECTION_OK)
        attempt = judge(conn, "connect");
    while (attempt == RETRY)
        attempt = ask(conn, "SELECT sum(balance) FROM account", 0, NULL, ret);
    byz_finish(conn);
    return attempt == DONE;
}

static void report_progress(double begin)
{
    long before = 0;
    double last = begin;
    while (total.running > 0) {
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
        double t = now();
        if (t - last < 1)
            continue;
        long transfers = total.transfers;
        printf("%4.0f s: %ld transfers, %.0f/s, %ld retries, %ld errors\n", t - begin, transfers,
            (double)(transfers - before) / (t - last), (long)total.retries, (long)total.errors);
        fflush(stdout);
        before = transfers;
        last = t;
    }
}

static void run_workers(const struct options *options)
{
    static struct worker workers[THREADS_MAX];
    double begin = now();
    long started = 0;
    for (long i = 0; i < options->threads; i++) {
        workers[i] = (struct worker){
            .options = options,
            .end = options->seconds > 0 ? begin + (double)options->seconds : 0,
            .seed = (unsigned)(begin * 1e6) + (unsigned)i * 7919u,
        };
        total.running++;
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) {
            total.running--;
            total.errors++;
            fprintf(stderr, "byz-transfer: cannot start a thread\n");
            break;
        }
        started++;
    }
    report_progress(begin);
    for (long i = 0; i < started; i++)
        pthread_join(workers[i].thread, NULL);
    double seconds = now() - begin;
    printf("%ld transfers in %.1f s: %.1f/s, %ld retries, %ld errors\n", (long)total.transfers,
        seconds, (double)total.transfers / seconds, (long)total.retries, (long)total.errors);
}

static _Noreturn void usage(int status)
{
    fprintf(status == 0 ? stdout : stderr,
        "usage: byz-transfer --threads N --accounts M (--count K | --seconds S)\n"
        "                    [--coordinator random|round-robin|NUMBER] [--conninfo STRING]\n"
        "Moves money between accounts 1..M of table account(id, balance), K times in all or for\n"
        "S seconds. What --conninfo does not name comes from BYZCONFIG, BYZCLIENT, BYZKEY, ...\n");
    exit(status);
}

static long parse_number(const char *text, long min, long max)
{
    char *end;
    long value = strtol(text, &end, 10);
    if (*text == '\0' || *end != '\0' || value < min || value > max) {
        fprintf(
            stderr, "byz-transfer: \"%s\" is not a number between %ld and %ld\n", text, min, max);
        usage(2);
    }
    return value;
}

static void append_conninfo(struct options *options, const char *before, const char *text)
{
    size_t size = strlen(options->conninfo);
    size_t room = sizeof options->conninfo - size;
    int added = snprintf(options->conninfo + size, room, "%s%s", before, text);
    if (added < 0 || (size_t)added >= room) {
        fprintf(stderr, "byz-transfer: the connection string is too long\n");
        exit(2);
    }
}

static void parse_options(struct options *options, int argc, char **argv)
{
    static const struct option known[] = {
        {"threads", required_argument, NULL, 't'},
        {"accounts", required_argument, NULL, 'a'},
        {"count", required_argument, NULL, 'n'},
        {"seconds", required_argument, NULL, 's'},
        {"coordinator", required_argument, NULL, 'c'},
        {"conninfo", required_argument, NULL, 'i'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option == 't')
            options->threads = parse_number(optarg, 1, THREADS_MAX);
        else if (option == 'a')
            options->accounts = parse_number(optarg, 2, 1000000000);
        else if (option == 'n')
            options->count = parse_number(optarg, 1, 1000000000);
        else if (option == 's')
            options->seconds = parse_number(optarg, 1, 1000000);
        else if (option == 'c')
            append_conninfo(options, " coordinator=", optarg);
        else if (option == 'i')
            append_conninfo(options, " ", optarg);
        else
            usage(option == 'h' ? 0 : 2);
    }
    if (optind != argc || options->threads == 0 || options->accounts == 0 ||
        (options->count == 0 && options->seconds == 0))
        usage(2);
}

int main(int argc, char **argv)
{
    static struct options options;
    long long before = 0, after = 0;
    parse_options(&options, argc, argv);
    if (!read_sum(&options, &before))
        return 1;
    run_workers(&options);
    if (!read_sum(&options, &after))
        return 1;
    printf("sum of all balances: %lld before, %lld after\n", before, after);
    return before == after && total.errors == 0 ? 0 : 1;
}
