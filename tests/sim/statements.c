#include "tests/sim/statements.h"

#include "tests/sim/random.h"

#include <stdlib.h>
#include <string.h>

#define CAPACITY_MIN 1024

static bool is_row(
    const struct statement_row *row, enum statement_kind kind, uint64_t view, uint64_t number)
{
    return row->kind == (uint32_t)kind && row->number == number && row->view == view;
}

/* The row, or the unused one where it belongs. */
static uint32_t find(
    const struct statements *s, enum statement_kind kind, uint64_t view, uint64_t number)
{
    uint64_t hash = mix64(number * 8 + (uint64_t)kind + view * UINT64_C(0x9e3779b97f4a7c15));
    uint32_t at = (uint32_t)hash & (s->capacity - 1);
    while (s->rows[at].kind != 0 && !is_row(&s->rows[at], kind, view, number))
        at = (at + 1) & (s->capacity - 1);
    return at;
}

static void grow(struct statements *s)
{
    struct statements old = *s;
    s->capacity = old.capacity == 0 ? CAPACITY_MIN : 2 * old.capacity;
    s->rows = calloc(s->capacity, sizeof *s->rows);
    s->used = calloc(s->capacity, sizeof *s->used);
    if (s->rows == NULL || s->used == NULL)
        abort();
    for (uint32_t i = 0; i < old.count; i++) {
        const struct statement_row *row = &old.rows[old.used[i]];
        uint32_t at = find(s, (enum statement_kind)row->kind, row->view, row->number);
        s->rows[at] = *row;
        s->used[i] = at;
    }
    free(old.rows);
    free(old.used);
}

enum statement_result statements_add(struct statements *s, enum statement_kind kind,
    unsigned replica, uint64_t view, uint64_t number, uint64_t digest)
{
    if (2 * s->count >= s->capacity)
        grow(s);
    uint32_t at = find(s, kind, view, number);
    struct statement_row *row = &s->rows[at];
    if (row->kind == 0) {
        s->used[s->count++] = at;
        row->kind = (uint32_t)kind;
        row->view = view;
        row->number = number;
        row->said = 0;
    }
    uint32_t bit = UINT32_C(1) << replica;
    if ((row->said & bit) != 0)
        return row->digest[replica] == digest ? STATEMENT_REPEATED : STATEMENT_CONTRADICTED;
    row->said |= bit;
    row->digest[replica] = digest;
    return STATEMENT_NEW;
}

uint32_t statements_mask(const struct statements *s, enum statement_kind kind, uint64_t view,
    uint64_t number, uint64_t digest)
{
    if (s->capacity == 0)
        return 0;
    const struct statement_row *row = &s->rows[find(s, kind, view, number)];
    uint32_t mask = 0;
    for (unsigned i = 0; row->kind != 0 && i < KEYS_REPLICAS_MAX; i++) {
        if ((row->said >> i & 1) != 0 && row->digest[i] == digest)
            mask |= UINT32_C(1) << i;
    }
    return mask;
}

unsigned statements_count(const struct statements *s, enum statement_kind kind, uint64_t view,
    uint64_t number, uint64_t digest)
{
    return (unsigned)__builtin_popcount(statements_mask(s, kind, view, number, digest));
}

uint32_t statements_said(
    const struct statements *s, enum statement_kind kind, uint64_t view, uint64_t number)
{
    if (s->capacity == 0)
        return 0;
    const struct statement_row *row = &s->rows[find(s, kind, view, number)];
    return row->kind == 0 ? 0 : row->said;
}

void statements_clear(struct statements *s)
{
    for (uint32_t i = 0; i < s->count; i++)
        s->rows[s->used[i]].kind = 0;
    s->count = 0;
}
