#include "proxy/exec/operations.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void operations_init(struct operation_queue *queue)
{
    *queue = (struct operation_queue){0};
    queue->last = &queue->first;
}

static struct slice copy_into(uint8_t *to, struct slice bytes)
{
    if (bytes.size > 0)
        memcpy(to, bytes.data, bytes.size);
    return slice_of(to, bytes.size);
}

static bool has_room(const struct operation_budget *budget, unsigned client, size_t size)
{
    assert(client < CLIENT_KEYS_MAX);
    return size <= budget->bytes_max - budget->bytes &&
           budget->of_client[client] + size <= budget->bytes_max / OPERATIONS_CLIENT_SHARE;
}

struct waiting_operation *operations_push(struct operation_queue *queue,
    struct operation_budget *budget, unsigned client, const struct operation *operation)
{
    const struct statement *statement = &operation->statement;
    size_t bytes = statement->text.size + statement->parameters.size;
    size_t size = sizeof(struct waiting_operation) + bytes;
    if (!has_room(budget, client, size))
        return NULL;
    struct waiting_operation *w = malloc(size);
    if (w == NULL)
        return NULL;
    *w = (struct waiting_operation){.client = client, .size = size};
    w->key.session = operation->session;
    w->key.transaction = operation->transaction;
    w->key.index = operation->index;
    w->statement.parameter_count = statement->parameter_count;
    w->statement.text = copy_into(w->bytes, statement->text);
    w->statement.parameters = copy_into(w->bytes + statement->text.size, statement->parameters);
    budget->bytes += size;
    budget->of_client[client] += size;
    *queue->last = w;
    queue->last = &w->next;
    queue->count++;
    return w;
}

struct waiting_operation *operations_remove(
    struct operation_queue *queue, struct waiting_operation **at)
{
    struct waiting_operation *w = *at;
    assert(w != NULL && queue->count > 0);
    *at = w->next;
    if (queue->last == &w->next)
        queue->last = at;
    w->next = NULL;
    queue->count--;
    return w;
}

void operation_free(struct operation_budget *budget, struct waiting_operation *operation)
{
    if (operation == NULL)
        return;
    size_t *of_client = &budget->of_client[operation->client];
    assert(budget->bytes >= operation->size && *of_client >= operation->size);
    budget->bytes -= operation->size;
    *of_client -= operation->size;
    free(operation);
}
