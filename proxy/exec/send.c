#include "proxy/exec/send.h"

#include <assert.h>
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
