#include "client/list.h"

#include <assert.h>
#include <stdlib.h>

struct list {
    struct buffer entries;
    size_t *offsets; /* of each entry in `entries` */
    unsigned count;
    unsigned capacity;
    unsigned entries_max;
    size_t order_overhead; /* bytes of a COMMIT beside its entries */
};

static size_t measure_order(void)
{
    struct buffer b = BUFFER_INIT(REQUEST_BODY_BYTES_MAX);
    order_encode(&b, &(struct order){.kind = ORDER_COMMIT, .transaction = 1});
    size_t size = b.failed ? 0 : b.size;
    buffer_free(&b);
    return size;
}

struct list *list_new(unsigned entries_max)
{
    struct list *list = calloc(1, sizeof *list);
    if (list == NULL)
        return NULL;
    list->entries_max = entries_max < ENTRIES_MAX ? entries_max : ENTRIES_MAX;
    list->order_overhead = measure_order();
    if (list->order_overhead == 0) {
        free(list);
        return NULL;
    }
    buffer_init(&list->entries, REQUEST_BODY_BYTES_MAX - list->order_overhead);
    return list;
}

void list_free(struct list *list)
{
    if (list == NULL)
        return;
    buffer_free(&list->entries);
    free(list->offsets);
    free(list);
}

void list_clear(struct list *list)
{
    buffer_clear(&list->entries);
    list->count = 0;
}

unsigned list_count(const struct list *list)
{
    return list->count;
}

struct slice list_entries(const struct list *list)
{
    return buffer_slice(&list->entries);
}

/* Bytes that an entry takes beside its parameters and its text: lengths, executor, version, … */
#define ENTRY_OVERHEAD_BYTES (4 + 4 + 4 + 2 + 2 + 1 + DIGEST_BYTES)

const char *list_refusal(const struct list *list, const struct statement *statement)
{
    if (list->count >= list->entries_max)
        return "too many operations in one transaction";
    size_t room = list->entries.size_max - list->entries.size;
    size_t size = ENTRY_OVERHEAD_BYTES + statement->text.size + statement->parameters.size;
    return size <= room ? NULL : "the transaction's operations are too long for one COMMIT";
}

static bool offset_add(struct list *list, size_t offset)
{
    if (list->count == list->capacity) {
        unsigned capacity = list->capacity == 0 ? 16 : list->capacity * 2;
        size_t *offsets = realloc(list->offsets, capacity * sizeof *offsets);
        if (offsets == NULL)
            return false;
        list->offsets = offsets;
        list->capacity = capacity;
    }
    list->offsets[list->count] = offset;
    return true;
}

bool list_add(struct list *list, const struct entry *entry)
{
    size_t offset = list->entries.size;
    assert(list_refusal(list, &entry->statement) == NULL);
    if (!offset_add(list, offset))
        return false;
    entry_put(&list->entries, entry);
    if (list->entries.failed) {
        list->entries.size = offset;
        list->entries.failed = false;
        return false;
    }
    assert(list->entries.size - offset == ENTRY_OVERHEAD_BYTES + entry->statement.text.size +
                                              entry->statement.parameters.size +
                                              entry->choices.size);
    list->count++;
    return true;
}

void list_get(const struct list *list, unsigned index, struct entry *ret)
{
    assert(index < list->count);
    size_t offset = list->offsets[index];
    struct reader r = reader_of(slice_of(list->entries.data + offset, list->entries.size - offset));
    const char *reason = entry_take(&r, ret);
    assert(reason == NULL);
}

bool list_set_executor(struct list *list, unsigned executor)
{
    struct buffer changed = BUFFER_INIT(list->entries.size_max);
    for (unsigned i = 0; i < list->count; i++) {
        struct entry entry;
        list_get(list, i, &entry);
        entry.executor = (uint16_t)executor;
        entry_put(&changed, &entry); /* of the same size: the offsets stay */
    }
    if (changed.failed) {
        buffer_free(&changed);
        return false;
    }
    buffer_free(&list->entries);
    list->entries = changed;
    return true;
}
