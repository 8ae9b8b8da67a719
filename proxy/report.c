#include "proxy/report.h"

#include "proxy/json.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#define UID_BYTES_MAX 128

uint64_t report_reached(const uint64_t *claims, unsigned count, unsigned faults)
{
    uint64_t reached = 0;
    for (unsigned i = 0; i < count; i++) {
        unsigned as_far = 0;
        for (unsigned k = 0; k < count; k++)
            as_far += claims[k] >= claims[i];
        if (as_far > faults && claims[i] > reached)
            reached = claims[i];
    }
    return reached;
}

/* Numbers that others claim: PostgreSQL's bigint ends before ours. */
static uint64_t bounded(uint64_t value)
{
    return value < INT64_MAX ? value : INT64_MAX;
}

static const char *client_name(const struct config *config, unsigned client)
{
    return client < config->client_count ? config->clients[client].name : "?";
}

/* The transaction's name in every view: client's name, session, number of the BEGIN. */
static void uid_format(const struct config *config, unsigned client, uint64_t session,
    uint64_t number, char out[static UID_BYTES_MAX])
{
    snprintf(out, UID_BYTES_MAX, "%s/%016" PRIx64 "/%" PRIu64, client_name(config, client), session,
        number);
}

/* ---- the replica ---- */

static void put_agreement(struct json *j, const struct pbft_info *info)
{
    json_number(j, "view", info->view);
    json_number(j, "primary", info->primary);
    json_number(j, "delivered", bounded(info->delivered));
    json_number(j, "stable", bounded(info->stable));
    json_number(j, "requests_pending", info->pending);
    json_number(j, "agreed_us", info->timestamp_us);
}

static void put_execution(struct json *j, const struct exec_info *exec)
{
    json_number(j, "executed", bounded(exec->executed));
    json_number(j, "epoch", bounded(exec->epoch));
    json_number(j, "transactions_open", exec->transactions_open);
    json_number(j, "sessions", exec->sessions);
    json_number(j, "sessions_busy", exec->sessions_busy);
    json_number(j, "committed", exec->committed);
    json_number(j, "aborted", exec->aborted);
    json_number(j, "mismatches", exec->mismatches);
    json_number(j, "locks_taken_back", exec->locks_taken_back);
}

static void put_replica(struct json *j, const struct status_facts *facts,
    const struct report_history *history, const struct exec_info *exec)
{
    json_number(j, "replica", facts->self);
    json_text(j, "version", BYZ_VERSION);
    json_text(j, "state", status_state(facts, exec));
    json_text(j, "reason", status_reason(facts, exec));
    json_number(j, "reported_us", history->now_us);
    json_number(j, "started_us", history->started_us);
    json_number(j, "state_since_us", history->state_since_us);
    json_number(j, "batches_waiting", facts->waiting);
    json_number(j, "suspicions_lost", history->suspicions_lost);
}

/* ---- the others ---- */

static void put_peer(struct json *j, const struct status_facts *facts,
    const struct report_history *history, const struct pbft_info *info, unsigned replica)
{
    json_object(j, NULL);
    json_number(j, "replica", replica);
    json_bool(j, "connected", net_peer_connected(facts->net, replica));
    json_number(j, "since_us", history->peer_since_us[replica]);
    json_number(j, "delivered", bounded(info->peer_delivered[replica]));
    json_number(j, "executed", bounded(info->peer_executed[replica]));
    json_number(j, "bytes_queued", net_peer_queued(facts->net, replica));
    json_object_end(j);
}

static void put_peers(struct json *j, const struct status_facts *facts,
    const struct report_history *history, const struct pbft_info *info, uint64_t executed)
{
    const struct config *config = facts->config;
    uint64_t claims[REPLICAS_MAX];
    for (unsigned i = 0; i < config->replica_count; i++)
        claims[i] = i == facts->self ? executed : bounded(info->peer_executed[i]);
    uint64_t reached = report_reached(claims, config->replica_count, config->faults);
    /* what this replica itself executed is certain */
    json_number(j, "reached", reached > executed ? reached : executed);
    json_array(j, "replicas");
    for (unsigned i = 0; i < config->replica_count; i++)
        if (i != facts->self)
            put_peer(j, facts, history, info, i);
    json_array_end(j);
}

/* ---- transactions and clients ---- */

struct transactions_context {
    struct json *json;
    const struct config *config;
};

static void show_transaction(void *context, const struct exec_transaction *shown)
{
    struct transactions_context *c = context;
    const struct transaction *t = shown->transaction;
    char uid[UID_BYTES_MAX];
    uid_format(c->config, t->id.client, t->id.session, t->id.number, uid);
    json_object(c->json, NULL);
    json_text(c->json, "uid", uid);
    json_text(c->json, "client", client_name(c->config, t->id.client));
    json_number(c->json, "coordinator", t->coordinator);
    json_number(c->json, "epoch", bounded(t->epoch));
    json_number(c->json, "batch", bounded(t->begun_seq));
    json_number(c->json, "begun_us", t->begun_us);
    json_number(c->json, "operations", shown->operations);
    json_bool(c->json, "running", shown->running);
    if (shown->pid != 0)
        json_number(c->json, "pid", (uint64_t)shown->pid);
    json_text(c->json, "waiting_for", shown->doing);
    json_object_end(c->json);
}

static void put_transactions(struct json *j, const struct status_facts *facts)
{
    struct transactions_context context = {.json = j, .config = facts->config};
    json_array(j, "transactions");
    exec_transactions(facts->exec, REPORT_TRANSACTIONS_MAX, show_transaction, &context);
    json_array_end(j);
}

/* Those of which there is something to tell. */
static void put_clients(
    struct json *j, const struct status_facts *facts, const struct report_history *history)
{
    json_array(j, "clients");
    for (unsigned i = 0; i < facts->config->client_count; i++) {
        const struct report_client *client = &history->clients[i];
        unsigned links = net_client_links(facts->net, i);
        if (links == 0 && client->requests == 0 && client->operations == 0)
            continue;
        json_object(j, NULL);
        json_text(j, "name", facts->config->clients[i].name);
        json_number(j, "links", links);
        json_number(j, "requests", client->requests);
        json_number(j, "operations", client->operations);
        json_object_end(j);
    }
    json_array_end(j);
}

void report_put(
    const struct status_facts *facts, const struct report_history *history, struct buffer *out)
{
    struct json j = json_of(out);
    struct pbft_info info;
    struct exec_info exec;
    pbft_info(facts->core, &info);
    status_exec(facts, &exec);
    json_object(&j, NULL);
    put_replica(&j, facts, history, &exec);
    put_agreement(&j, &info);
    put_execution(&j, &exec);
    put_peers(&j, facts, history, &info, exec.executed);
    put_transactions(&j, facts);
    put_clients(&j, facts, history);
    json_object_end(&j);
}

/* ---- the configuration ---- */

void report_put_configuration(const struct config *config, struct buffer *out)
{
    struct json j = json_of(out);
    json_object(&j, NULL);
    json_text(&j, "cluster", config->name);
    json_number(&j, "faults", config->faults);
    json_number(&j, "replica_count", config->replica_count);
    json_array(&j, "clients");
    for (unsigned i = 0; i < config->client_count; i++)
        json_text(&j, NULL, config->clients[i].name);
    json_array_end(&j);
    json_array(&j, "settings");
    for (unsigned i = 0; i < config->setting_count; i++) {
        json_object(&j, NULL);
        json_text(&j, "name", config->settings[i].name);
        json_text(&j, "value", config->settings[i].value);
        json_object_end(&j);
    }
    json_array_end(&j);
    json_object_end(&j);
}

void report_put_setting_names(const struct config *config, struct buffer *out)
{
    struct json j = json_of(out);
    json_array(&j, NULL);
    for (unsigned i = 0; i < config->setting_count; i++)
        json_text(&j, NULL, config->settings[i].name);
    json_array_end(&j);
}

/* ---- suspicions ---- */

static const char *decision_text(const struct outcome *decided, char *out, size_t size)
{
    switch (decided->kind) {
    case OUTCOME_INVALID:
        return NULL;
    case OUTCOME_COMMITTED:
        return "committed";
    case OUTCOME_ROLLED_BACK:
        return "rolled back";
    case OUTCOME_ABORTED:
        snprintf(out, size, "aborted, SQLSTATE %.5s", decided->sqlstate);
        return out;
    case OUTCOME_BEGUN:
    case OUTCOME_REFUSED:
        break;
    }
    assert(!"a decision");
    return NULL;
}

static void put_suspicion(
    struct json *j, const struct suspicion *suspicion, const struct config *config)
{
    char uid[UID_BYTES_MAX], decided[64];
    json_object(j, NULL);
    json_number(j, "seen_us", suspicion->seen_us);
    json_text(j, "what", suspicion_word(suspicion->kind));
    json_number(j, "replica", suspicion->replica);
    if (suspicion->seq != 0) {
        json_number(j, "batch", bounded(suspicion->seq));
        json_number(j, "request", suspicion->request);
    }
    if (suspicion->has_transaction) {
        uid_format(config, suspicion->client, suspicion->session, suspicion->number, uid);
        json_text(j, "transaction", uid);
        json_text(j, "client", client_name(config, suspicion->client));
    }
    if (suspicion->has_statement) {
        json_number(j, "statement_index", suspicion->statement_index);
        json_slice(j, "statement", suspicion->statement);
    }
    json_text(j, "decided", decision_text(&suspicion->decided, decided, sizeof decided));
    json_slice(j, "detail", suspicion->detail);
    json_object_end(j);
}

unsigned report_put_suspicions(
    const struct suspicions *suspicions, const struct config *config, struct buffer *out)
{
    struct json j = json_of(out);
    unsigned count =
        suspicions->count < REPORT_SUSPICIONS_MAX ? suspicions->count : REPORT_SUSPICIONS_MAX;
    json_array(&j, NULL);
    for (unsigned i = 0; i < count; i++)
        put_suspicion(&j, suspicions_at(suspicions, i), config);
    json_array_end(&j);
    return count;
}
