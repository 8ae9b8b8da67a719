/* A Byzantine client, for the system tests.
 *
 *     evil CONFIG CLIENT KEY DEED [STATEMENT]
 *
 * has a valid key and abuses it. Each deed prints what the replicas made of it, one line a fact,
 * for the test to judge; the exit code is 0 if the deed could be done. */
#include "common/config.h"
#include "common/message.h"
#include "common/result_hash.h"
#include "tests/system/raw_link.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_MS 8000

struct evil {
    struct config *config;
    struct private_key *key;
    unsigned client;
    uint64_t session;
    uint64_t number;
    const char *statement;
    struct raw_link *links[REPLICAS_MAX];
};

static bool dial(struct evil *e, unsigned replica)
{
    char error[512];
    raw_link_close(e->links[replica]);
    e->links[replica] =
        raw_link_open(e->config, e->key, e->client, replica, PATIENCE_MS, error, sizeof error);
    if (!e->links[replica])
        printf("replica %u: no link: %s\n", replica, error);
    return e->links[replica] != NULL;
}

static bool dial_all(struct evil *e)
{
    bool good = true;
    for (unsigned i = 0; i < e->config->replica_count; i++)
        good &= dial(e, i);
    return good;
}

static void send_to(struct evil *e, unsigned replica, enum message_type type, struct slice body)
{
    char error[256];
    if (!raw_link_send(e->links[replica], type, body, error, sizeof error))
        printf("replica %u: not sent: %s\n", replica, error);
}

/* Is the link still of use? Asks for the status. */
static void print_alive(struct evil *e, unsigned replica)
{
    char error[256] = "";
    uint8_t type = 0;
    struct slice body = {0};
    bool alive = raw_link_send(
        e->links[replica], MESSAGE_STATUS_QUERY, (struct slice){0}, error, sizeof error);
    while (alive && type != MESSAGE_STATUS_TEXT && type != MESSAGE_GOODBYE)
        alive = raw_link_receive(e->links[replica], &type, &body, error, sizeof error);
    printf("replica %u: %s\n", replica,
        alive && type == MESSAGE_STATUS_TEXT ? "answers"
        : alive                              ? "says goodbye"
                                             : "closed the link");
}

/* ---- requests ---- */

static void request_put(struct evil *e, struct buffer *b, const struct order *order)
{
    struct buffer body = BUFFER_INIT(REQUEST_BODY_BYTES_MAX);
    struct buffer covered = BUFFER_INIT(REQUEST_BODY_BYTES_MAX + REQUEST_OVERHEAD_BYTES);
    order_encode(&body, order);
    struct request request = {.client = (uint16_t)e->client,
        .session = e->session,
        .number = ++e->number,
        .body = buffer_slice(&body)};
    request_put_signed_part(&covered, &request);
    sign(e->key, e->config->identity, SIGN_REQUEST, covered.data, covered.size, request.signature);
    request_encode(b, &request);
    buffer_free(&covered);
    buffer_free(&body);
}

static void request_to_all(struct evil *e, struct slice request)
{
    for (unsigned i = 0; i < e->config->replica_count; i++)
        send_to(e, i, MESSAGE_REQUEST, request);
}

static const char *outcome_name(enum outcome_kind kind)
{
    static const char *const names[] = {
        "invalid", "begun", "committed", "rolled back", "aborted", "refused"};
    return (unsigned)kind < sizeof names / sizeof names[0] ? names[kind] : "?";
}

/* Waits for a link's reply to request `number`. */
static bool reply_wait(
    struct evil *e, unsigned replica, uint64_t number, struct outcome *ret, char error[static 256])
{
    uint8_t type;
    struct slice body;
    while (raw_link_receive(e->links[replica], &type, &body, error, 256)) {
        struct reply reply;
        if (type != MESSAGE_REPLY || reply_decode(body, &reply) || reply.number != number)
            continue;
        struct reader r = reader_of(reply.result);
        return outcome_take(&r, ret) == NULL;
    }
    return false;
}

/* The reply as a line, if it is to be printed. */
static void take_reply(struct evil *e, unsigned replica, uint64_t number, bool print)
{
    char error[256] = "not an outcome";
    struct outcome outcome;
    if (!reply_wait(e, replica, number, &outcome, error))
        printf("replica %u: no reply: %s\n", replica, error);
    else if (print)
        printf("replica %u: %s %.5s verdict %d\n", replica, outcome_name(outcome.kind),
            outcome.sqlstate, (int)outcome.verdict);
}

static void order_all(struct evil *e, const struct order *order, bool print)
{
    struct buffer request = BUFFER_INIT(REQUEST_BODY_BYTES_MAX + REQUEST_OVERHEAD_BYTES + 64);
    request_put(e, &request, order);
    request_to_all(e, buffer_slice(&request));
    for (unsigned i = 0; i < e->config->replica_count; i++)
        take_reply(e, i, e->number, print);
    buffer_free(&request);
}

/* Begins on replica 1; returns the transaction's number. */
static uint64_t begin(struct evil *e)
{
    struct order order = {.kind = ORDER_BEGIN, .coordinator = 1};
    order_all(e, &order, true);
    return e->number;
}

static void entry_for(struct buffer *b, const char *statement, const char *tag, bool wrong_hash)
{
    struct entry entry = {.statement.text = slice_text(statement),
        .executor = 1,
        .hash_version = RESULT_HASH_VERSION};
    struct result_hash *hash = result_hash_new();
    result_hash_start(hash);
    result_hash_finish(hash, slice_text(tag), entry.result_hash);
    result_hash_free(hash);
    entry.result_hash[0] ^= wrong_hash;
    entry_put(b, &entry);
}

static void commit_list(struct evil *e, uint64_t transaction, struct slice entries, uint32_t count)
{
    struct order order = {
        .kind = ORDER_COMMIT, .transaction = transaction, .entry_count = count, .entries = entries};
    order_all(e, &order, true);
}

/* ---- deeds ---- */

static void deed_oversize(struct evil *e)
{
    static const uint8_t header[] = {0xff, 0xff, 0xff, 0xff, MESSAGE_OPERATION};
    dial(e, 1);
    raw_link_write(e->links[1], header, sizeof header);
    print_alive(e, 1);
}

static void deed_truncated(struct evil *e)
{
    static const uint8_t header[] = {0, 0, 4, 0, MESSAGE_REQUEST, 1, 2, 3};
    for (unsigned i = 0; i < e->config->replica_count; i++) {
        if (dial(e, i))
            raw_link_write(e->links[i], header, sizeof header);
        raw_link_close(e->links[i]);
        e->links[i] = NULL;
    }
    if (dial(e, 1))
        print_alive(e, 1);
}

static void deed_unknown_types(struct evil *e)
{
    /* Of replicas, of nobody, of the other direction: a client may send none of these. */
    static const int types[] = {
        0, 99, 255, MESSAGE_PRE_PREPARE, MESSAGE_VOTE, MESSAGE_REPLY, MESSAGE_ANSWER};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (!dial(e, 1))
            return;
        send_to(e, 1, (enum message_type)types[i], slice_text("nonsense"));
        print_alive(e, 1);
    }
}

static void deed_garbage_bodies(struct evil *e)
{
    static const enum message_type types[] = {
        MESSAGE_REQUEST, MESSAGE_OPERATION, MESSAGE_CANCEL, MESSAGE_QUERY};
    uint8_t garbage[4096];
    for (unsigned round = 0; round < 30; round++) {
        if (!dial(e, round % e->config->replica_count))
            return;
        random_bytes(garbage, sizeof garbage);
        size_t size = (size_t)garbage[0] << (round % 5);
        send_to(e, round % e->config->replica_count, types[round % 4], slice_of(garbage, size));
    }
    if (dial(e, 1))
        print_alive(e, 1);
}

static void deed_bad_signature(struct evil *e)
{
    if (!dial_all(e))
        return;
    struct order order = {.kind = ORDER_BEGIN, .coordinator = 1};
    struct buffer request = BUFFER_INIT(4096);
    request_put(e, &request, &order);
    request.data[request.size - 1] ^= 1;
    request_to_all(e, buffer_slice(&request));
    buffer_free(&request);
    /* Whether the links live is the replicas' choice; that others are served is not. */
    if (dial_all(e))
        begin(e);
}

/* The same signed bytes many times: executed once, answered alike. */
static void deed_replay(struct evil *e)
{
    if (!dial_all(e))
        return;
    uint64_t transaction = begin(e);
    struct buffer entries = BUFFER_INIT(65536);
    entry_for(&entries, e->statement, "UPDATE 1", false);
    struct order order = {.kind = ORDER_COMMIT,
        .transaction = transaction,
        .entry_count = 1,
        .entries = buffer_slice(&entries)};
    struct buffer request = BUFFER_INIT(65536);
    request_put(e, &request, &order);
    for (unsigned i = 0; i < 50; i++)
        request_to_all(e, buffer_slice(&request));
    for (unsigned i = 0; i < e->config->replica_count; i++)
        take_reply(e, i, e->number, true);
    buffer_free(&request);
    buffer_free(&entries);
}

/* One statement to the coordinator, another one in the list that is committed. */
static void differing_list(struct evil *e, bool wrong_hash)
{
    if (!dial_all(e))
        return;
    uint64_t transaction = begin(e);
    struct operation operation = {.session = e->session,
        .transaction = transaction,
        .statement.text = slice_text("UPDATE account SET balance = 1 WHERE id = 1")};
    struct buffer body = BUFFER_INIT(65536), entries = BUFFER_INIT(65536);
    operation_encode(&body, &operation);
    send_to(e, 1, MESSAGE_OPERATION, buffer_slice(&body));
    entry_for(&entries, e->statement, "UPDATE 1", wrong_hash);
    commit_list(e, transaction, buffer_slice(&entries), 1);
    buffer_free(&body);
    buffer_free(&entries);
}

static void deed_differing_list(struct evil *e)
{
    differing_list(e, false);
}

static void deed_wrong_hash(struct evil *e)
{
    differing_list(e, true);
}

/* Ends a transaction that was never begun, and one with a list that cannot be decoded. */
static void deed_nonsense_orders(struct evil *e)
{
    if (!dial_all(e))
        return;
    commit_list(e, 4711, (struct slice){0}, 0);
    struct order order = {.kind = ORDER_BEGIN, .coordinator = 77};
    order_all(e, &order, true);
}

/* More open transactions than a client may have: opens until it is refused. */
static void deed_hoard(struct evil *e)
{
    if (!dial_all(e))
        return;
    for (unsigned i = 0; i <= e->config->transactions_per_client_max; i++) {
        struct order order = {.kind = ORDER_BEGIN, .coordinator = (uint16_t)(i % 4)};
        order_all(e, &order, i == e->config->transactions_per_client_max);
    }
}

static const struct {
    const char *name;
    void (*run)(struct evil *e);
} deeds[] = {
    {"oversize", deed_oversize},
    {"truncated", deed_truncated},
    {"unknown-types", deed_unknown_types},
    {"garbage-bodies", deed_garbage_bodies},
    {"bad-signature", deed_bad_signature},
    {"replay", deed_replay},
    {"differing-list", deed_differing_list},
    {"wrong-hash", deed_wrong_hash},
    {"nonsense-orders", deed_nonsense_orders},
    {"hoard", deed_hoard},
};

static bool evil_make(struct evil *e, char **argv)
{
    char error[1024] = "no such client";
    e->config = config_load(argv[1], error, sizeof error);
    int client = e->config ? config_client_index(e->config, argv[2]) : -1;
    e->key = client < 0 ? NULL : private_key_load(argv[3], error, sizeof error);
    e->client = (unsigned)client;
    random_bytes(&e->session, sizeof e->session);
    e->session &= INT64_MAX;
    if (!e->key)
        fprintf(stderr, "evil: %s\n", error);
    return e->key != NULL;
}

int main(int argc, char **argv)
{
    static struct evil e;
    if (argc < 5 || !evil_make(&e, argv))
        return 2;
    signal(SIGPIPE, SIG_IGN); /* replicas will close links */
    e.statement = argc > 5 ? argv[5] : "";
    int code = 2;
    for (size_t i = 0; i < sizeof deeds / sizeof deeds[0]; i++) {
        if (strcmp(deeds[i].name, argv[4]) == 0) {
            deeds[i].run(&e);
            code = 0;
        }
    }
    for (unsigned i = 0; i < REPLICAS_MAX; i++)
        raw_link_close(e.links[i]);
    private_key_free(e.key);
    config_free(e.config);
    return code;
}
