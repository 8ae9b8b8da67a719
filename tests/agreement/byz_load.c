/* Load for the agreement of a cluster, without SQL: sessions that order BEGIN and COMMIT one after
 * the other.
 *
 *     byz-load --config FILE --client NAME --key FILE [OPTION]…
 *
 * Prints "measuring" when the first request was answered and the warm-up is over, "measured" at the
 * end, then one line "name=value …". With --log each acknowledged request is a line
 *
 *     SESSION NUMBER OUTCOME EPOCH MONOTONIC-MICROSECONDS
 *
 * of that file: what a client was told, for a test to look for after the faults. On SIGTERM, or
 * when the time is over, open transactions are brought to an end. Ends with 1 if they could not be,
 * or if a reply was contradicted by f+1 others. */
#include "tests/agreement/load_session.h"

#include <getopt.h>
#include <inttypes.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define SESSIONS_MAX 256
#define SECONDS_MAX 86400
#define LINK_BYTES_MAX (64u << 10) /* what a replica does not take will be sent again */

struct load_options {
    const char *config, *client, *key, *log;
    unsigned sessions;
    unsigned seconds; /* 0: until SIGTERM */
    unsigned warmup_ms;
    unsigned patience; /* for open transactions, at the end */
};

struct load {
    struct load_options options;
    struct config *config;
    struct private_key *key;
    struct load_net net;
    struct load_shared shared;
    struct load_session *sessions;
    FILE *log;
    uint32_t *latencies;
    size_t latency_count, latency_room;
    bool measuring, stopping;
    unsigned finished;
    uint64_t begun_us, ended_us; /* of the measuring */
    uint64_t last_us;            /* the last acknowledgement */
    uint64_t gap_us, gap_end_us; /* the longest time without one */
    uint64_t acknowledged;       /* from the start on */
    struct load_net net_before, net_after;
    uint64_t cpu_before_us, cpu_after_us;
    ev_timer warm, stop, patience;
    ev_signal terminate, interrupt;
};

static uint64_t cpu_us(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (uint64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000u +
           (uint64_t)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

static void say(const char *word)
{
    puts(word);
    fflush(stdout);
}

/* ---- from beginning to end ---- */

static void on_warm(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct load *load = timer->data;
    load->measuring = true;
    load->begun_us = load->last_us = load_now_us();
    load->net_before = load->net;
    load->cpu_before_us = cpu_us();
    say("measuring");
    if (load->options.seconds == 0)
        return;
    ev_timer_set(&load->stop, load->options.seconds, 0.);
    ev_timer_start(loop, &load->stop);
}

static void note_gap(struct load *load, uint64_t now_us)
{
    if (load->measuring && now_us - load->last_us > load->gap_us) {
        load->gap_us = now_us - load->last_us;
        load->gap_end_us = now_us;
    }
    load->last_us = now_us;
}

static void stop(struct load *load)
{
    if (load->stopping)
        return;
    load->stopping = true;
    if (load->measuring) {
        load->ended_us = load_now_us();
        note_gap(load, load->ended_us);
        load->net_after = load->net;
        load->cpu_after_us = cpu_us();
        say("measured");
    }
    load->measuring = false;
    ev_now_update(load->net.loop);
    ev_timer_set(&load->patience, load->options.patience, 0.);
    ev_timer_start(load->net.loop, &load->patience);
}

static void on_stop(struct ev_loop *loop, ev_timer *timer, int events)
{
    stop(timer->data);
}

static void on_signal(struct ev_loop *loop, ev_signal *watcher, int events)
{
    stop(watcher->data);
}

static void on_patience(struct ev_loop *loop, ev_timer *timer, int events)
{
    ev_break(loop, EVBREAK_ALL);
}

/* ---- what sessions tell ---- */

static void add_latency(struct load *load, uint64_t us)
{
    if (load->latency_count == load->latency_room) {
        size_t room = load->latency_room ? 2 * load->latency_room : 65536;
        uint32_t *more = reallocarray(load->latencies, room, sizeof *more);
        if (!more)
            abort(); /* a test program: nothing to save */
        load->latencies = more;
        load->latency_room = room;
    }
    load->latencies[load->latency_count++] = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

static const char *outcome_name(enum outcome_kind kind)
{
    static const char *const names[] = {
        "invalid", "begun", "committed", "rolled-back", "aborted", "refused"};
    return (unsigned)kind < sizeof names / sizeof names[0] ? names[kind] : "?";
}

static void on_acknowledged(void *context, const struct load_session *session, uint64_t number,
    const struct outcome *outcome, uint64_t us)
{
    struct load *load = context;
    uint64_t now_us = load_now_us();
    if (load->log)
        fprintf(load->log, "%" PRIu64 " %" PRIu64 " %s %" PRIu64 " %" PRIu64 "\n", session->id,
            number, outcome_name(outcome->kind), outcome->epoch, now_us);
    if (load->acknowledged++ == 0) {
        ev_timer_set(&load->warm, load->options.warmup_ms / 1000., 0.);
        ev_timer_start(load->net.loop, &load->warm);
    }
    if (load->measuring)
        add_latency(load, us);
    note_gap(load, now_us);
}

static bool goes_on(void *context)
{
    struct load *load = context;
    return !load->stopping;
}

static void on_finished(void *context)
{
    struct load *load = context;
    if (++load->finished == load->options.sessions)
        ev_break(load->net.loop, EVBREAK_ALL);
}

/* ---- the report ---- */

static int order_us(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static unsigned percentile(const struct load *load, unsigned percent)
{
    return load->latency_count ? load->latencies[(load->latency_count - 1) * percent / 100] : 0;
}

static void report(struct load *load)
{
    const struct load_counts *counts = &load->shared.counts;
    const struct load_net *before = &load->net_before, *after = &load->net_after;
    double seconds = (double)(load->ended_us - load->begun_us) / 1e6;
    if (load->latency_count)
        qsort(load->latencies, load->latency_count, sizeof *load->latencies, order_us);
    printf("requests=%zu requests_per_s=%.1f p50_us=%u p95_us=%u p99_us=%u max_us=%u "
           "gap_us=%" PRIu64 " gap_end_us=%" PRIu64 " cpu_us=%" PRIu64 " frames_sent=%" PRIu64
           " bytes_sent=%" PRIu64 " frames_received=%" PRIu64 " bytes_received=%" PRIu64
           " acknowledged=%" PRIu64 " resent=%" PRIu64 " refused=%" PRIu64 " mismatches=%" PRIu64
           " malformed=%" PRIu64 " links_lost=%" PRIu64 " unfinished=%u\n",
        load->latency_count, seconds > 0 ? (double)load->latency_count / seconds : 0.,
        percentile(load, 50), percentile(load, 95), percentile(load, 99), percentile(load, 100),
        load->gap_us, load->gap_end_us, load->cpu_after_us - load->cpu_before_us,
        after->frames_sent - before->frames_sent, after->bytes_sent - before->bytes_sent,
        after->frames_received - before->frames_received,
        after->bytes_received - before->bytes_received, load->acknowledged, counts->resent,
        counts->refused, counts->mismatches, counts->malformed, load->net.links_lost,
        load->options.sessions - load->finished);
}

/* ---- life ---- */

static bool parse_number(const char *text, unsigned maximum, unsigned *ret)
{
    char *end = NULL;
    unsigned long value = strtoul(text, &end, 10);
    *ret = (unsigned)value;
    return end != text && *end == '\0' && value <= maximum;
}

static bool parse(int argc, char **argv, struct load_options *o)
{
    static const struct option table[] = {{"config", required_argument, NULL, 'c'},
        {"client", required_argument, NULL, 'n'}, {"key", required_argument, NULL, 'k'},
        {"log", required_argument, NULL, 'l'}, {"sessions", required_argument, NULL, 's'},
        {"seconds", required_argument, NULL, 't'}, {"warmup-ms", required_argument, NULL, 'w'},
        {"patience", required_argument, NULL, 'p'}, {NULL, 0, NULL, 0}};
    *o = (struct load_options){.sessions = 1, .patience = 20};
    bool good = true;
    for (int option; good && (option = getopt_long(argc, argv, "", table, NULL)) != -1;) {
        switch (option) {
        case 'c':
            o->config = optarg;
            break;
        case 'n':
            o->client = optarg;
            break;
        case 'k':
            o->key = optarg;
            break;
        case 'l':
            o->log = optarg;
            break;
        case 's':
            good = parse_number(optarg, SESSIONS_MAX, &o->sessions) && o->sessions > 0;
            break;
        case 't':
            good = parse_number(optarg, SECONDS_MAX, &o->seconds);
            break;
        case 'w':
            good = parse_number(optarg, 1000 * SECONDS_MAX, &o->warmup_ms);
            break;
        case 'p':
            good = parse_number(optarg, SECONDS_MAX, &o->patience);
            break;
        default:
            good = false;
        }
    }
    return good && optind == argc && o->config && o->client && o->key;
}

static bool open_all(struct load *load, char *ret_error, size_t error_size)
{
    const struct load_options *o = &load->options;
    load->config = config_load(o->config, ret_error, error_size);
    load->key = load->config ? private_key_load(o->key, ret_error, error_size) : NULL;
    if (!load->key)
        return false;
    int client = config_client_index(load->config, o->client);
    if (client < 0) {
        snprintf(ret_error, error_size, "no client \"%s\"", o->client);
        return false;
    }
    load->net = (struct load_net){.loop = ev_default_loop(EVFLAG_AUTO),
        .config = load->config,
        .role = HELLO_CLIENT,
        .id = (unsigned)client,
        .out_bytes_max = LINK_BYTES_MAX,
        .tls = tls_context_new(load->config, load->key, false, ret_error, error_size)};
    if (!load->net.tls)
        return false;
    load->log = o->log ? fopen(o->log, "we") : NULL;
    load->sessions = calloc(o->sessions, sizeof *load->sessions);
    snprintf(ret_error, error_size, "%s: %m", o->log ? o->log : "memory");
    return load->sessions && (!o->log || load->log);
}

static void start_watchers(struct load *load)
{
    ev_timer_init(&load->warm, on_warm, 0., 0.);
    ev_timer_init(&load->stop, on_stop, 0., 0.);
    ev_timer_init(&load->patience, on_patience, 0., 0.);
    ev_signal_init(&load->terminate, on_signal, SIGTERM);
    ev_signal_init(&load->interrupt, on_signal, SIGINT);
    load->warm.data = load->stop.data = load->patience.data = load;
    load->terminate.data = load->interrupt.data = load;
    ev_signal_start(load->net.loop, &load->terminate);
    ev_signal_start(load->net.loop, &load->interrupt);
}

static int run(struct load *load)
{
    const struct load_events events = {.context = load,
        .acknowledged = on_acknowledged,
        .goes_on = goes_on,
        .finished = on_finished};
    load->shared = (struct load_shared){.net = &load->net, .key = load->key, .events = &events};
    start_watchers(load);
    for (unsigned i = 0; i < load->options.sessions; i++)
        if (!load_session_start(&load->sessions[i], &load->shared))
            return 1;
    ev_run(load->net.loop, 0);
    report(load);
    const struct load_counts *counts = &load->shared.counts;
    bool good = load->finished == load->options.sessions && !counts->mismatches &&
                !counts->malformed && (!load->log || !ferror(load->log));
    return good ? 0 : 1;
}

static void close_all(struct load *load)
{
    for (unsigned i = 0; load->sessions && i < load->options.sessions; i++)
        load_session_free(&load->sessions[i]);
    if (load->log)
        fclose(load->log);
    SSL_CTX_free(load->net.tls);
    free(load->sessions);
    free(load->latencies);
    private_key_free(load->key);
    config_free(load->config);
}

int main(int argc, char **argv)
{
    static struct load load;
    char error[512];
    if (!parse(argc, argv, &load.options)) {
        fprintf(stderr, "usage: byz-load --config FILE --client NAME --key FILE [--sessions N] "
                        "[--seconds S] [--warmup-ms MS] [--log FILE] [--patience S]\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    bool opened = open_all(&load, error, sizeof error);
    if (!opened)
        fprintf(stderr, "byz-load: %s\n", error);
    int code = opened ? run(&load) : 2;
    close_all(&load);
    return code;
}
