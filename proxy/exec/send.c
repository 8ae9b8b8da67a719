#include "proxy/exec/send.h"

#include "common/crypto.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct sender {
    struct buffer text; /* the statement, then each value, NUL behind each */
    Oid types[PARAMETERS_MAX];
    size_t offsets[PARAMETERS_MAX];
    bool nulls[PARAMETERS_MAX];
    const char *values[PARAMETERS_MAX];
};

#define TEXT_BYTES_MAX (2 * REQUEST_BODY_BYTES_MAX)

struct sender *sender_new(void)
{
    struct sender *sender = calloc(1, sizeof *sender);
    if (sender != NULL)
        buffer_init(&sender->text, TEXT_BYTES_MAX);
    return sender;
}

void sender_free(struct sender *sender)
{
    if (sender == NULL)
        return;
    buffer_free(&sender->text);
    free(sender);
}

static void collect(struct sender *sender, const struct statement *statement)
{
    buffer_clear(&sender->text);
    put_raw(&sender->text, CLIENT_PREFIX, sizeof CLIENT_PREFIX - 1);
    put_raw(&sender->text, statement->text.data, statement->text.size);
    put_u8(&sender->text, 0);
    assert(statement->parameter_count <= PARAMETERS_MAX);
    struct reader r = reader_of(statement->parameters);
    for (uint32_t i = 0; i < statement->parameter_count; i++) {
        struct parameter parameter;
        const char *reason = parameter_take(&r, &parameter);
        assert(reason == NULL); /* checked when the message was decoded */
        sender->types[i] = parameter.type_oid;
        sender->nulls[i] = parameter.is_null;
        sender->offsets[i] = sender->text.size;
        put_raw(&sender->text, parameter.value.data, parameter.value.size);
        put_u8(&sender->text, 0);
    }
}

bool sender_statement(struct sender *sender, struct backend *session,
    const struct statement *statement, backend_answer *answer, void *context, unsigned tag)
{
    collect(sender, statement);
    if (sender->text.failed) {
        backend_kill(session, "out of memory");
        return false;
    }
    /* only now: the buffer moves while it grows */
    const char *text = (const char *)sender->text.data;
    for (uint32_t i = 0; i < statement->parameter_count; i++)
        sender->values[i] = sender->nulls[i] ? NULL : text + sender->offsets[i];
    struct backend_query query = {
        .sql = text,
        .parameter_count = (int)statement->parameter_count,
        .types = sender->types,
        .values = sender->values,
        .row_by_row = true,
        .answer = answer,
        .context = context,
        .tag = tag,
    };
    return backend_query(session, &query);
}

static const char *client_name(const struct config *config, unsigned client)
{
    return client < config->client_count && config->clients != NULL ? config->clients[client].name
                                                                    : "";
}

bool sender_start(struct backend *session, const struct transaction *transaction,
    const struct config *config, bool turn, backend_answer *answer, void *context, unsigned tag)
{
    char agreed[24], lane[12], seed[2 + 2 * DIGEST_BYTES + 1] = "\\x";
    snprintf(agreed, sizeof agreed, "%" PRIu64, transaction->begun_us);
    snprintf(lane, sizeof lane, "%u", transaction->lane);
    hex_format(seed + 2, transaction->seed, DIGEST_BYTES);
    const char *client = client_name(config, transaction->id.client);
    const char *const values[] = {agreed, lane, turn ? "t" : "f", seed, client};
    struct backend_query query = {
        .sql = "SELECT byzantium.transaction_start($1, $2, $3, $4, $5)",
        .parameter_count = 5,
        .values = values,
        .answer = answer,
        .context = context,
        .tag = tag,
    };
    return backend_query(session, &query);
}
