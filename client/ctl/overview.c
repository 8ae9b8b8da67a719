#include "client/ctl/overview.h"

#include "client/clock.h"
#include "client/ctl/places.h"
#include "client/link.h"

#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A replica on this machine or nearby answers in far less. */
#define ANSWER_US 1500000

bool overview_value(const char *text, const char *name, char *out, size_t size)
{
    size_t length = strlen(name);
    out[0] = '\0';
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, length) != 0 || line[length] != '=')
            continue;
        const char *value = line + length + 1;
        snprintf(out, size, "%.*s", (int)strcspn(value, "\n"), value);
        return true;
    }
    return false;
}

unsigned long long overview_number(const char *text, const char *name)
{
    char value[32];
    overview_value(text, name, value, sizeof value);
    return strtoull(value, NULL, 10);
}

bool overview_is_ready(const struct replica_view *view)
{
    char state[32];
    return view->reached && overview_value(view->text, "state", state, sizeof state) &&
           strcmp(state, "ready") == 0;
}

/* The text comes from a replica, which may be a liar: only printable characters reach a terminal.
 */
static void copy_printable(char *out, size_t size, struct slice text)
{
    size_t length = text.size < size ? text.size : size - 1;
    for (size_t i = 0; i < length; i++) {
        uint8_t c = text.data[i];
        out[i] = (c >= ' ' && c != 127) || c == '\n' ? (char)c : '?';
    }
    out[length] = '\0';
}

/* ---- asking all of them at once ---- */

struct question {
    struct overview *answers;
    unsigned client;
    struct link_shared shared;
    struct link_handler handler;
    struct link links[REPLICAS_MAX];
    bool asked[REPLICAS_MAX];
    bool over[REPLICAS_MAX]; /* answered, or it will not */
};

static enum frame_verdict on_frame(
    void *context, unsigned replica, uint8_t type, struct slice body, const char **ret_reason)
{
    (void)ret_reason;
    struct question *q = context;
    if (type != MESSAGE_STATUS_TEXT || !q->asked[replica])
        return FRAME_UNASKED;
    struct replica_view *view = &q->answers->replicas[replica];
    copy_printable(view->text, sizeof view->text, body);
    view->reached = q->over[replica] = true;
    return FRAME_ASKED;
}

static void on_up(void *context, unsigned replica)
{
    (void)context;
    (void)replica; /* asked from the loop */
}

static void on_down(void *context, unsigned replica, const char *violation)
{
    struct question *q = context;
    struct replica_view *view = &q->answers->replicas[replica];
    if (q->over[replica])
        return;
    snprintf(view->text, sizeof view->text, "%s", violation ? violation : q->links[replica].error);
    q->over[replica] = true;
}

/* One round for one link: what came, what is to be asked. */
static void work(struct question *q, unsigned replica, short events)
{
    struct link *link = &q->links[replica];
    if (q->over[replica])
        return;
    link_work(link, events, clock_now_us());
    if (link->state == LINK_READY && !q->asked[replica] && !q->over[replica])
        q->asked[replica] = link_send(link, MESSAGE_STATUS_QUERY, (struct slice){0});
    if (q->asked[replica] && !q->over[replica])
        link_work(link, 0, clock_now_us());
}

static bool any_left(const struct question *q)
{
    for (unsigned i = 0; i < q->answers->replica_count; i++) {
        if (!q->over[i])
            return true;
    }
    return false;
}

/* Bounded by ANSWER_US; a link's own deadlines are met by waking every 50 ms. */
static void ask_all(struct question *q)
{
    unsigned count = q->answers->replica_count;
    uint64_t until = clock_now_us() + ANSWER_US;
    short events[REPLICAS_MAX] = {0};
    while (any_left(q) && clock_now_us() < until) {
        struct pollfd fds[REPLICAS_MAX];
        for (unsigned i = 0; i < count; i++) {
            work(q, i, events[i]);
            fds[i] = (struct pollfd){.fd = -1};
            if (!q->over[i])
                fds[i].events = link_events(&q->links[i], &fds[i].fd);
        }
        if (any_left(q))
            poll(fds, count, 50);
        for (unsigned i = 0; i < count; i++)
            events[i] = fds[i].revents;
    }
}

static void question_put(
    struct question *q, const struct config *config, SSL_CTX *tls, const BIO_METHOD *bio)
{
    q->shared =
        (struct link_shared){.config = config, .tls = tls, .bio_method = bio, .client = q->client};
    q->handler =
        (struct link_handler){.context = q, .frame = on_frame, .up = on_up, .down = on_down};
    for (unsigned i = 0; i < config->replica_count; i++) {
        snprintf(q->answers->replicas[i].text, 64, "no answer in time");
        link_init(&q->links[i], i, &q->shared, &q->handler);
    }
    ask_all(q);
    for (unsigned i = 0; i < config->replica_count; i++) {
        q->over[i] = true; /* nothing that happens while it closes is an answer */
        link_destroy(&q->links[i]);
    }
}

bool overview_ask(const struct ctl *ctl, const struct config *config, struct overview *ret)
{
    char error[512] = "the configuration has no client \"admin\"";
    int client = config_client_index(config, "admin");
    struct path key_file = place_client_key(ctl, "admin");
    struct private_key *key =
        client < 0 ? NULL : private_key_load(key_file.text, error, sizeof error);
    SSL_CTX *tls = key ? tls_context_new(config, key, false, error, sizeof error) : NULL;
    BIO_METHOD *bio = socket_bio_method();
    struct question *q = calloc(1, sizeof *q);
    bool good = tls && bio && q;
    if (good) {
        *ret = (struct overview){.replica_count = config->replica_count};
        q->answers = ret;
        q->client = (unsigned)client;
        question_put(q, config, tls, bio);
        for (unsigned i = 0; i < config->replica_count; i++)
            ret->ready += overview_is_ready(&ret->replicas[i]);
    } else {
        ctl_error("%s", tls ? "out of memory" : error);
    }
    free(q);
    BIO_meth_free(bio);
    SSL_CTX_free(tls);
    private_key_free(key);
    return good;
}

/* ---- the table ---- */

static unsigned long long executed_most(const struct overview *overview)
{
    unsigned long long most = 0;
    for (unsigned i = 0; i < overview->replica_count; i++) {
        const struct replica_view *view = &overview->replicas[i];
        unsigned long long executed = view->reached ? overview_number(view->text, "executed") : 0;
        if (overview_is_ready(view) && executed > most)
            most = executed;
    }
    return most;
}

static void print_row(unsigned replica, const struct replica_view *view, unsigned long long most)
{
    if (!view->reached) {
        printf("%7u  %-9s %s\n", replica, "down", view->text);
        return;
    }
    static const char *const names[] = {
        "view", "primary", "delivered", "executed", "stable", "epoch", "transactions_open"};
    static const int widths[] = {5, 7, 9, 9, 9, 9, 5};
    char value[200];
    overview_value(view->text, "state", value, sizeof value);
    printf("%7u  %-9s", replica, value);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!overview_value(view->text, names[i], value, 24))
            memcpy(value, "-", 2);
        printf(" %*s", widths[i], value);
    }
    unsigned long long executed = overview_number(view->text, "executed");
    printf(" %5llu", most > executed ? most - executed : 0);
    if (overview_value(view->text, "reason", value, sizeof value) && value[0])
        printf("  %s", value);
    putchar('\n');
}

void overview_print(const struct overview *overview)
{
    printf("%7s  %-9s %5s %7s %9s %9s %9s %9s %5s %5s  %s\n", "replica", "state", "view", "primary",
        "delivered", "executed", "stable", "epoch", "open", "lag", "remark");
    unsigned long long most = executed_most(overview);
    for (unsigned i = 0; i < overview->replica_count; i++)
        print_row(i, &overview->replicas[i], most);
}
