#include "tests/sim/schedule.h"

#include <stdlib.h>

#define CAPACITY_MIN 1024
#define WAYS 4u

static void *resize(void *memory, size_t count, size_t size)
{
    memory = reallocarray(memory, count, size);
    if (memory == NULL)
        abort();
    return memory;
}

static void grow(struct schedule *s)
{
    uint32_t capacity = s->capacity == 0 ? CAPACITY_MIN : 2 * s->capacity;
    s->heap = resize(s->heap, capacity, sizeof *s->heap);
    s->pool = resize(s->pool, capacity, sizeof *s->pool);
    s->unused = resize(s->unused, capacity, sizeof *s->unused);
    for (uint32_t i = capacity; i > s->capacity; i--)
        s->unused[s->unused_count++] = i - 1;
    s->capacity = capacity;
}

static inline bool is_earlier(struct schedule_key a, struct schedule_key b)
{
    return a.at_us != b.at_us ? a.at_us < b.at_us : a.order < b.order;
}

void schedule_add(struct schedule *s, const struct event *event)
{
    if (s->unused_count == 0)
        grow(s);
    uint32_t index = s->unused[--s->unused_count];
    s->pool[index] = *event;
    struct schedule_key key = {.at_us = event->at_us, .order = s->order++, .index = index};
    uint32_t at = s->count++;
    while (at > 0 && is_earlier(key, s->heap[(at - 1) / WAYS])) {
        s->heap[at] = s->heap[(at - 1) / WAYS];
        at = (at - 1) / WAYS;
    }
    s->heap[at] = key;
}

static uint32_t earliest_child(const struct schedule *s, uint32_t first)
{
    uint32_t end = first + WAYS < s->count ? first + WAYS : s->count;
    uint32_t best = first;
    for (uint32_t i = first + 1; i < end; i++) {
        if (is_earlier(s->heap[i], s->heap[best]))
            best = i;
    }
    return best;
}

bool schedule_take(struct schedule *s, struct event *ret)
{
    if (s->count == 0)
        return false;
    uint32_t index = s->heap[0].index;
    *ret = s->pool[index];
    s->unused[s->unused_count++] = index;
    struct schedule_key last = s->heap[--s->count];
    uint32_t at = 0;
    for (uint32_t first = 1; first < s->count; first = WAYS * at + 1) {
        uint32_t child = earliest_child(s, first);
        if (!is_earlier(s->heap[child], last))
            break;
        s->heap[at] = s->heap[child];
        at = child;
    }
    s->heap[at] = last;
    return true;
}

void schedule_clear(struct schedule *s)
{
    struct event event;
    while (schedule_take(s, &event))
        body_release(event.body);
    s->order = 0;
}
