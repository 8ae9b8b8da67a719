#include "proxy/pbft/pending.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>

bool pending_init(
    struct pending *pending, unsigned client_count, size_t bytes_max, uint64_t silence_us_max)
{
    pending->client_count = client_count;
    pending->silence_us_max = silence_us_max;
    pending->queues = malloc(client_count * sizeof *pending->queues);
    if (pending->queues == NULL)
        return false;
    for (unsigned i = 0; i < client_count; i++)
        pending->queues[i] = (struct pending_queue){.first = PENDING_NONE};
    return blocks_init(&pending->blocks, (uint32_t)(bytes_max / BLOCK_BYTES));
}

void pending_release(struct pending *pending)
{
    free(pending->queues);
    pending->queues = NULL;
    blocks_release(&pending->blocks);
}

static struct pending_entry *entry_at(struct pending *pending, uint32_t index)
{
    return index == PENDING_NONE ? NULL : &pending->entries[index];
}

static uint32_t index_of(const struct pending *pending, const struct pending_entry *entry)
{
    return (uint32_t)(entry - pending->entries);
}

struct pending_entry *pending_find(struct pending *pending, unsigned client, uint64_t session)
{
    assert(client < pending->client_count);
    struct pending_entry *e = entry_at(pending, pending->queues[client].first);
    while (e != NULL && e->session != session)
        e = entry_at(pending, e->next);
    return e;
}

static void remove_entry(struct pending *pending, struct pending_entry *entry)
{
    struct pending_queue *queue = &pending->queues[entry->client];
    uint32_t *link = &queue->first;
    while (*link != index_of(pending, entry))
        link = &pending->entries[*link].next;
    *link = entry->next;
    blocks_drop(&pending->blocks, entry->first_block, entry->size);
    queue->blocks -= blocks_of(entry->size);
    *entry = (struct pending_entry){0};
    assert(queue->count > 0 && pending->count > 0);
    queue->count--;
    pending->count--;
}

/* Drops one request that its client has not repeated for long; of this client key, if the key's own
 * share is what is used up. */
static bool drop_silent(struct pending *pending, unsigned client, bool any_client, uint64_t now_us)
{
    for (unsigned i = 0; i < PENDING_MAX; i++) {
        struct pending_entry *e = &pending->entries[i];
        if (!e->used || e->proposed_seq != 0 || (!any_client && e->client != client))
            continue;
        if (now_us - e->heard_us > pending->silence_us_max) {
            remove_entry(pending, e);
            return true;
        }
    }
    return false;
}

/* The newest request of this key that is not proposed, one that was not preferred if there is one;
 * or NULL. */
static struct pending_entry *last_unproposed(struct pending *pending, unsigned client)
{
    struct pending_entry *last = NULL;
    struct pending_entry *e = entry_at(pending, pending->queues[client].first);
    for (; e != NULL; e = entry_at(pending, e->next)) {
        bool worse = last != NULL && e->preferred && !last->preferred;
        if (e->proposed_seq == 0 && !worse)
            last = e;
    }
    return last;
}

/* Otherwise one client could keep the table full, and everybody else out of it. */
static bool drop_of_greediest(struct pending *pending, unsigned client, size_t size)
{
    bool by_count = pending->count >= PENDING_MAX;
    const struct pending_queue *own = &pending->queues[client];
    size_t most = by_count ? own->count + 1 : own->blocks + blocks_of(size);
    struct pending_entry *victim = NULL;
    for (unsigned i = 0; i < pending->client_count; i++) {
        const struct pending_queue *queue = &pending->queues[i];
        size_t holds = by_count ? queue->count : queue->blocks;
        struct pending_entry *last = holds > most ? last_unproposed(pending, i) : NULL;
        if (last != NULL) {
            most = holds;
            victim = last;
        }
    }
    if (victim != NULL)
        remove_entry(pending, victim);
    return victim != NULL;
}

void pending_yield(struct pending *pending, unsigned client)
{
    struct pending_entry *last = last_unproposed(pending, client);
    if (last != NULL && !last->preferred)
        remove_entry(pending, last);
}

void pending_prefer(struct pending *pending, unsigned client, uint64_t session)
{
    struct pending_entry *e = pending_find(pending, client, session);
    if (e == NULL)
        return;
    uint32_t *link = &pending->queues[client].first;
    while (*link != index_of(pending, e))
        link = &pending->entries[*link].next;
    *link = e->next;
    link = &pending->queues[client].first;
    while (*link != PENDING_NONE && pending->entries[*link].preferred)
        link = &pending->entries[*link].next;
    e->preferred = true;
    e->next = *link;
    *link = index_of(pending, e);
}

static bool make_room(struct pending *pending, unsigned client, size_t size, uint64_t now_us)
{
    for (;;) {
        bool share_left = pending->queues[client].count < PENDING_PER_CLIENT_MAX;
        if (share_left && pending->count < PENDING_MAX && blocks_fit(&pending->blocks, size))
            return true;
        if (drop_silent(pending, client, share_left, now_us))
            continue;
        if (!share_left || !drop_of_greediest(pending, client, size))
            return false;
    }
}

static struct pending_entry *new_entry(struct pending *pending)
{
    for (unsigned i = 0; i < PENDING_MAX; i++) {
        if (!pending->entries[i].used)
            return &pending->entries[i];
    }
    assert(!"pending_entry free, because count < PENDING_MAX");
    return NULL;
}

/* Into its key's queue, behind the first `ahead` of it. */
static void insert_entry(struct pending *pending, struct pending_entry *entry, unsigned ahead)
{
    struct pending_queue *queue = &pending->queues[entry->client];
    uint32_t *link = &queue->first;
    for (unsigned i = 0; i < ahead && *link != PENDING_NONE; i++)
        link = &pending->entries[*link].next;
    entry->next = *link;
    *link = index_of(pending, entry);
    queue->count++;
    queue->blocks += blocks_of(entry->size);
    pending->count++;
}

static unsigned place_of(struct pending *pending, const struct pending_entry *entry)
{
    unsigned ahead = 0;
    const struct pending_entry *e = entry_at(pending, pending->queues[entry->client].first);
    for (; e != entry; e = entry_at(pending, e->next))
        ahead++;
    return ahead;
}

enum pending_result pending_add(
    struct pending *pending, const struct request *request, struct slice encoded, uint64_t now_us)
{
    struct pending_entry *old = pending_find(pending, request->client, request->session);
    if (old != NULL && request->number <= old->number) {
        /* The same number with other bytes: the first counts, as everywhere. */
        if (request->number == old->number)
            old->heard_us = now_us;
        return PENDING_KNOWN;
    }
    /* It takes the place of what it replaces: a session that is always renewed has its turn, too.
     */
    unsigned ahead = old != NULL ? place_of(pending, old) : UINT_MAX;
    bool preferred = old != NULL && old->preferred;
    if (old != NULL)
        remove_entry(pending, old);
    if (!make_room(pending, request->client, encoded.size, now_us))
        return PENDING_FULL;
    struct pending_entry *e = new_entry(pending);
    *e = (struct pending_entry){
        .used = true,
        .client = request->client,
        .session = request->session,
        .number = request->number,
        .heard_us = now_us,
        .since_us = now_us,
        .preferred = preferred,
        .first_block = blocks_store(&pending->blocks, encoded),
        .size = encoded.size,
        .next = PENDING_NONE,
    };
    insert_entry(pending, e, ahead);
    return PENDING_KEPT;
}

bool pending_holds(struct pending *pending, const struct request *request, struct slice encoded)
{
    const struct pending_entry *e = pending_find(pending, request->client, request->session);
    return e != NULL && blocks_equal(&pending->blocks, e->first_block, e->size, encoded);
}

void pending_done(struct pending *pending, unsigned client, uint64_t session, uint64_t number)
{
    struct pending_entry *e = pending_find(pending, client, session);
    if (e != NULL && e->number <= number)
        remove_entry(pending, e);
}

void pending_drop(struct pending *pending, struct pending_entry *entry)
{
    remove_entry(pending, entry);
}

void pending_mark(
    struct pending *pending, unsigned client, uint64_t session, uint64_t number, uint64_t seq)
{
    struct pending_entry *e = pending_find(pending, client, session);
    if (e != NULL && e->number <= number)
        e->proposed_seq = seq;
}

void pending_new_view(struct pending *pending, uint64_t now_us)
{
    for (unsigned i = 0; i < PENDING_MAX; i++) {
        struct pending_entry *e = &pending->entries[i];
        e->proposed_seq = 0;
        e->since_us = now_us;
        e->relayed = false;
    }
}

void pending_count(struct pending *pending, unsigned client)
{
    pending->queues[client].ordered++;
}

void pending_read(
    const struct pending *pending, const struct pending_entry *entry, struct buffer *out)
{
    blocks_append(&pending->blocks, entry->first_block, entry->size, out);
}

static struct pending_entry *first_unproposed(struct pending *pending, unsigned client)
{
    struct pending_entry *e = entry_at(pending, pending->queues[client].first);
    while (e != NULL && e->proposed_seq != 0)
        e = entry_at(pending, e->next);
    return e;
}

struct pending_entry *pending_next(struct pending *pending)
{
    for (unsigned i = 0; pending->count > 0 && i < pending->client_count; i++) {
        struct pending_entry *e =
            first_unproposed(pending, (pending->turn + i) % pending->client_count);
        if (e != NULL)
            return e;
    }
    return NULL;
}

void pending_take(
    struct pending *pending, struct pending_entry *entry, uint64_t seq, struct buffer *out)
{
    assert(entry->used && entry->proposed_seq == 0 && seq != 0);
    blocks_append(&pending->blocks, entry->first_block, entry->size, out);
    entry->proposed_seq = seq;
    pending->turn = (entry->client + 1u) % pending->client_count;
}

bool pending_has_unproposed(struct pending *pending)
{
    return pending_next(pending) != NULL;
}
