/* Making and ending a connection, and what it says about itself and the cluster. */
#include "client/byzclient.h"

#include "client/clock.h"
#include "client/conn.h"

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FINISH_US_MAX 1000000u /* for the last ROLLBACK */
#define STRAGGLERS_US_MAX 100000u

/* ---- upcalls from the links ---- */

static enum frame_verdict take_status(
    struct byz_conn *conn, unsigned replica, struct slice body, const char **ret_reason)
{
    struct status_query *query = &conn->status_query;
    if (body.size > 0 && memchr(body.data, 0, body.size) != NULL) {
        *ret_reason = "NUL in a text";
        return FRAME_INVALID;
    }
    if (!query->waiting || query->replica != replica)
        return FRAME_UNASKED;
    query->waiting = false;
    query->text = malloc(body.size + 1);
    if (query->text != NULL)
        text_copy(query->text, body.size + 1, body);
    return FRAME_ASKED;
}

static enum frame_verdict on_frame(
    void *context, unsigned replica, uint8_t type, struct slice body, const char **ret_reason)
{
    struct byz_conn *conn = context;
    switch (type) {
    case MESSAGE_REPLY:
        return request_take_reply(conn, replica, body, ret_reason);
    case MESSAGE_RESULT_COLUMNS:
    case MESSAGE_RESULT_ROWS:
    case MESSAGE_RESULT_END:
        return operation_take(conn, replica, type, body, ret_reason);
    case MESSAGE_STATUS_TEXT:
        return take_status(conn, replica, body, ret_reason);
    case MESSAGE_ANSWER:
        return query_take_answer(conn, replica, body, ret_reason);
    }
    *ret_reason = "a message that no replica sends to a client";
    return FRAME_INVALID;
}

static void on_up(void *context, unsigned replica)
{
    request_link_up(context, replica);
}

static void on_down(void *context, unsigned replica, const char *violation)
{
    struct byz_conn *conn = context;
    if (violation != NULL) {
        suspicion_note(&conn->suspicion, replica, BYZ_SUSPICION_PROTOCOL,
            "replica %u sent what no correct replica sends: %s", replica, violation);
        coordinator_avoid(conn, replica);
    }
    operation_link_down(conn, replica, violation != NULL);
    if (conn->status_query.waiting && conn->status_query.replica == replica)
        conn->status_query.waiting = false;
}

/* ---- connecting ---- */

/* libconfuse's parser keeps its state in global variables; connections are independent. */
static pthread_mutex_t config_lock = PTHREAD_MUTEX_INITIALIZER;

static struct config *load_config(const char *path, char *ret_error, size_t error_size)
{
    pthread_mutex_lock(&config_lock);
    struct config *config = config_load(path, ret_error, error_size);
    pthread_mutex_unlock(&config_lock);
    return config;
}

static bool load_identity(struct byz_conn *conn)
{
    char message[1024] = "";
    const char *name = conn->info.values[CONNINFO_CLIENT];
    conn->config = load_config(conn->info.values[CONNINFO_CONFIG], message, sizeof message);
    if (conn->config == NULL) {
        error_set(&conn->error, "F0000", "%s", message); /* config_file_error */
        return false;
    }
    int client = config_client_index(conn->config, name);
    if (client < 0) {
        error_set(&conn->error, "28000", "client \"%s\" is not in %s", name,
            conn->info.values[CONNINFO_CONFIG]);
        return false;
    }
    conn->client = (unsigned)client;
    conn->key = private_key_load(conn->info.values[CONNINFO_KEY], message, sizeof message);
    if (conn->key == NULL) {
        error_set(&conn->error, "28000", "%s", message);
        return false;
    }
    uint8_t public_key[PUBLIC_KEY_BYTES];
    private_key_public(conn->key, public_key);
    if (memcmp(public_key, conn->config->clients[client].public_key, PUBLIC_KEY_BYTES) != 0) {
        error_set(&conn->error, "28000", "%s is not the key of client \"%s\"",
            conn->info.values[CONNINFO_KEY], name);
        return false;
    }
    if (conn->info.policy == COORDINATOR_FIXED &&
        conn->info.coordinator >= conn->config->replica_count) {
        error_set(&conn->error, SQLSTATE_BAD_PARAMETER, "there is no replica %u to coordinate",
            conn->info.coordinator);
        return false;
    }
    return true;
}

static bool make_parts(struct byz_conn *conn)
{
    char message[1024] = "";
    conn->tls = tls_context_new(conn->config, conn->key, false, message, sizeof message);
    if (conn->tls == NULL) {
        error_set(&conn->error, SQLSTATE_UNREACHABLE, "%s", message);
        return false;
    }
    conn->handler =
        (struct link_handler){.context = conn, .frame = on_frame, .up = on_up, .down = on_down};
    conn->transaction.list = list_new(conn->config->operations_max);
    conn->links = links_new(conn->config, conn->tls, conn->client, &conn->handler);
    if (!operation_init(&conn->operation) || conn->transaction.list == NULL ||
        conn->links == NULL) {
        error_set(&conn->error, SQLSTATE_MEMORY, "out of memory");
        return false;
    }
    coordinator_init(conn);
    session_start(&conn->session);
    return true;
}

/* A replica accepts one session on a link, so that a link's queue is one session's. */
void conn_new_session(struct byz_conn *conn)
{
    session_start(&conn->session);
    links_restart(conn->links);
}

bool conn_raise_session(struct byz_conn *conn)
{
    if (!session_raise(&conn->session))
        return false;
    links_restart(conn->links);
    return true;
}

void conn_describe_links(const struct byz_conn *conn, char *out, size_t out_size)
{
    size_t size = 0;
    const char *separator = " (";
    snprintf(out, out_size, "%u of %u replicas connected", links_ready_count(conn->links),
        conn->config->replica_count);
    for (unsigned i = 0; i < conn->config->replica_count; i++) {
        const char *error = links_error(conn->links, i);
        size = strlen(out);
        if (links_ready(conn->links, i) || size + LINK_ERROR_BYTES + 64 > out_size)
            continue;
        snprintf(out + size, out_size - size, "%sreplica %u: %s", separator, i,
            *error == '\0' ? "not yet connected" : error);
        separator = "; ";
    }
    size = strlen(out);
    if (*separator == ';' && size + 1 < out_size)
        memcpy(out + size, ")", 2);
}

/* Replicas that shake hands at this moment are a little later there: without them the first
 * transaction might go to another coordinator than wished. */
static void wait_for_stragglers(struct byz_conn *conn)
{
    uint64_t until_us = clock_now_us() + STRAGGLERS_US_MAX;
    while (links_dialling(conn->links) && clock_now_us() < until_us)
        links_poll(conn->links, until_us);
}

/* 2f+1: enough for agreement to go on, whatever the other f do. */
static bool reach_replicas(struct byz_conn *conn)
{
    uint64_t until_us = clock_after_s(conn->info.connect_timeout_s);
    unsigned needed = 2 * conn->config->faults + 1;
    while (links_ready_count(conn->links) < needed && clock_now_us() < until_us)
        links_poll(conn->links, until_us);
    if (links_ready_count(conn->links) >= needed) {
        wait_for_stragglers(conn);
        return true;
    }
    char links[ERROR_TEXT_BYTES_MAX];
    conn_describe_links(conn, links, sizeof links);
    error_set(&conn->error, SQLSTATE_UNREACHABLE, "too few replicas are reachable: %s", links);
    return false;
}

byz_conn *byz_connect(const char *conninfo)
{
    char message[512];
    struct byz_conn *conn = calloc(1, sizeof *conn);
    if (conn == NULL)
        return NULL;
    error_clear(&conn->error);
    suspicion_clear(&conn->suspicion);
    if (!conninfo_parse(conninfo == NULL ? "" : conninfo, &conn->info, message, sizeof message)) {
        error_set(&conn->error, *message == '\0' ? SQLSTATE_MEMORY : SQLSTATE_BAD_PARAMETER, "%s",
            *message == '\0' ? "out of memory" : message);
        return conn;
    }
    conn->connected = load_identity(conn) && make_parts(conn) && reach_replicas(conn);
    return conn;
}

void byz_finish(byz_conn *conn)
{
    if (conn == NULL)
        return;
    if (conn->connected && conn->transaction.status != BYZ_TRANSACTION_NONE)
        (void)transaction_rollback(conn, false, clock_now_us() + FINISH_US_MAX);
    links_free(conn->links);
    list_free(conn->transaction.list);
    operation_free(&conn->operation);
    buffer_free(&conn->request.body);
    SSL_CTX_free(conn->tls);
    private_key_free(conn->key);
    config_free(conn->config);
    conninfo_free(&conn->info);
    free(conn);
}

/* ---- what a connection says about itself ---- */

byz_status_type byz_status(const byz_conn *conn)
{
    return conn != NULL && conn->connected ? BYZ_CONNECTION_OK : BYZ_CONNECTION_BAD;
}

byz_transaction_status_type byz_transaction_status(const byz_conn *conn)
{
    return conn == NULL ? BYZ_TRANSACTION_NONE : conn->transaction.status;
}

const char *byz_error_message(const byz_conn *conn)
{
    return conn == NULL ? "out of memory\n" : conn->error.message;
}

const char *byz_sqlstate(const byz_conn *conn)
{
    return conn == NULL ? SQLSTATE_MEMORY : conn->error.sqlstate;
}

int byz_suspect(const byz_conn *conn)
{
    return conn == NULL ? -1 : conn->suspicion.replica;
}

byz_suspicion_type byz_suspicion(const byz_conn *conn)
{
    return conn == NULL ? BYZ_SUSPICION_NONE : conn->suspicion.type;
}

const char *byz_suspicion_message(const byz_conn *conn)
{
    return conn == NULL ? "" : conn->suspicion.message;
}

int byz_coordinator(const byz_conn *conn)
{
    if (conn == NULL || conn->transaction.status == BYZ_TRANSACTION_NONE)
        return -1;
    return (int)conn->transaction.coordinator;
}

/* ---- cluster facts ---- */

int byz_replica_count(const byz_conn *conn)
{
    return conn == NULL || conn->config == NULL ? 0 : (int)conn->config->replica_count;
}

static bool is_replica(const byz_conn *conn, int replica)
{
    return conn != NULL && conn->links != NULL && replica >= 0 && replica < byz_replica_count(conn);
}

int byz_replica_connected(const byz_conn *conn, int replica)
{
    return is_replica(conn, replica) && links_ready(conn->links, (unsigned)replica);
}

static void query_status(struct byz_conn *conn, unsigned replica, uint64_t until_us)
{
    struct status_query *query = &conn->status_query;
    *query = (struct status_query){.waiting = true, .replica = replica};
    links_renew_allowance(conn->links, replica);
    if (!links_send(conn->links, replica, MESSAGE_STATUS_QUERY, slice_of(NULL, 0)))
        query->waiting = false;
    while (query->waiting && clock_now_us() < until_us)
        links_poll(conn->links, until_us);
    query->waiting = false;
}

char *byz_replica_status(byz_conn *conn, int replica)
{
    if (conn == NULL)
        return NULL;
    error_clear(&conn->error);
    if (!is_replica(conn, replica)) {
        error_set(&conn->error, SQLSTATE_BAD_PARAMETER, "there is no replica %d", replica);
        return NULL;
    }
    uint64_t until_us = clock_after_s(conn->info.operation_timeout_s);
    if (!links_wait(conn->links, (unsigned)replica, until_us)) {
        error_set(&conn->error, SQLSTATE_UNREACHABLE, "replica %d is not connected: %s", replica,
            links_error(conn->links, (unsigned)replica));
        return NULL;
    }
    query_status(conn, (unsigned)replica, until_us);
    if (conn->status_query.text == NULL)
        error_set(&conn->error, SQLSTATE_SILENT, "replica %d does not tell its status", replica);
    return conn->status_query.text;
}

void byz_free(void *pointer)
{
    free(pointer);
}

int byz_library_version(void)
{
    return LIBBYZ_VERSION_MAJOR * 10000 + LIBBYZ_VERSION_MINOR;
}
