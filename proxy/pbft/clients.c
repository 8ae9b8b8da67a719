#include "proxy/pbft/clients.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

bool client_table_init(struct client_table *table, unsigned client_count, unsigned sessions_max)
{
    table->client_count = client_count;
    table->sessions_max = sessions_max;
    table->keys = calloc(client_count, sizeof *table->keys);
    /* malloc: large for large limits, but touched only as sessions come. */
    table->memory = malloc((size_t)client_count * sessions_max * sizeof *table->memory);
    if (table->keys == NULL || table->memory == NULL)
        return false;
    for (unsigned i = 0; i < client_count; i++)
        table->keys[i].sessions = table->memory + (size_t)i * sessions_max;
    return true;
}

void client_table_release(struct client_table *table)
{
    free(table->keys);
    free(table->memory);
    *table = (struct client_table){0};
}

/* Index of the first session that is not below this number. */
static unsigned lower_bound(const struct client_key *key, uint64_t session)
{
    unsigned low = 0, high = key->session_count;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (key->sessions[middle].session < session)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct client_session *client_table_find(
    const struct client_table *table, unsigned client, uint64_t session)
{
    assert(client < table->client_count);
    const struct client_key *key = &table->keys[client];
    unsigned index = lower_bound(key, session);
    bool found = index < key->session_count && key->sessions[index].session == session;
    return found ? &key->sessions[index] : NULL;
}

enum freshness client_table_judge(
    const struct client_table *table, unsigned client, uint64_t session, uint64_t number)
{
    const struct client_session *s = client_table_find(table, client, session);
    if (s == NULL)
        return session <= table->keys[client].watermark ? FRESHNESS_FORGOTTEN : FRESH;
    if (number == s->number)
        return FRESHNESS_LAST;
    return number < s->number ? FRESHNESS_OLD : FRESH;
}

static void remove_at(struct client_key *key, unsigned index)
{
    assert(index < key->session_count);
    key->session_count--;
    memmove(&key->sessions[index], &key->sessions[index + 1],
        (key->session_count - index) * sizeof key->sessions[0]);
}

static void forget_least_recently_used(struct client_key *key)
{
    unsigned least = 0;
    for (unsigned i = 1; i < key->session_count; i++) {
        if (key->sessions[i].used < key->sessions[least].used)
            least = i;
    }
    if (key->sessions[least].session > key->watermark)
        key->watermark = key->sessions[least].session;
    remove_at(key, least);
}

static struct client_session *insert(struct client_table *table, unsigned client, uint64_t session)
{
    struct client_key *key = &table->keys[client];
    if (key->session_count == table->sessions_max)
        forget_least_recently_used(key);
    unsigned index = lower_bound(key, session);
    memmove(&key->sessions[index + 1], &key->sessions[index],
        (key->session_count - index) * sizeof key->sessions[0]);
    key->session_count++;
    key->sessions[index] = (struct client_session){.session = session};
    return &key->sessions[index];
}

enum freshness client_table_order(
    struct client_table *table, unsigned client, uint64_t session, uint64_t number)
{
    enum freshness freshness = client_table_judge(table, client, session, number);
    if (freshness != FRESH)
        return freshness;
    struct client_session *s = client_table_find(table, client, session);
    if (s == NULL)
        s = insert(table, client, session);
    s->number = number;
    s->used = ++table->used;
    s->result_size = 0;
    return FRESH;
}

void client_session_set_result(struct client_session *s, struct slice result)
{
    assert(result.size > 0 && result.size <= REPLY_BYTES_MAX);
    s->result_size = (uint8_t)result.size;
    memcpy(s->result, result.data, result.size);
}

/* ---- the canonical encoding ---- */

/* Keys behind the last one that was ever used are left out: so a key that is added to the
 * configuration changes no digest of what was before. */
static unsigned keys_used(const struct client_table *table)
{
    unsigned count = table->client_count;
    while (count > 0 && table->keys[count - 1].session_count == 0)
        count--;
    return count;
}

void client_table_encode(const struct client_table *table, struct buffer *b)
{
    unsigned count = keys_used(table);
    put_u64(b, table->used);
    put_u32(b, count);
    for (unsigned i = 0; i < count; i++) {
        const struct client_key *key = &table->keys[i];
        put_u64(b, key->watermark);
        put_u32(b, key->session_count);
        for (unsigned j = 0; j < key->session_count; j++) {
            const struct client_session *s = &key->sessions[j];
            put_u64(b, s->session);
            put_u64(b, s->number);
            put_u64(b, s->used);
            put_bytes(b, slice_of(s->result, s->result_size));
        }
    }
}

size_t client_table_bytes_max(const struct client_table *table)
{
    size_t session_bytes = 8 + 8 + 8 + 4 + REPLY_BYTES_MAX;
    size_t key_bytes = 8 + 4 + table->sessions_max * session_bytes;
    return 8 + 4 + table->client_count * key_bytes;
}

static const char *take_session(
    struct client_table *table, struct client_key *key, struct reader *r)
{
    struct client_session s = {.session = get_u64(r), .number = get_u64(r), .used = get_u64(r)};
    struct slice result = get_bytes(r, REPLY_BYTES_MAX);
    if (r->failed)
        return "client table: truncated";
    if (s.number == 0 || s.used == 0 || s.used > table->used || result.size == 0)
        return "client table: impossible session";
    if (key->session_count > 0 && s.session <= key->sessions[key->session_count - 1].session)
        return "client table: sessions out of order";
    client_session_set_result(&s, result);
    key->sessions[key->session_count++] = s;
    return NULL;
}

static const char *take_key(struct client_table *table, struct client_key *key, struct reader *r)
{
    key->watermark = get_u64(r);
    uint32_t count = get_u32(r);
    if (count > table->sessions_max)
        return "client table: more sessions than the configuration allows";
    const char *reason = NULL;
    for (uint32_t i = 0; i < count && reason == NULL; i++)
        reason = take_session(table, key, r);
    return reason;
}

const char *client_table_take(struct client_table *table, struct reader *r)
{
    assert(table->used == 0);
    table->used = get_u64(r);
    uint32_t count = get_u32(r);
    if (count > table->client_count)
        return "client table: more client keys than the configuration has";
    const char *reason = NULL;
    for (uint32_t i = 0; i < count && reason == NULL; i++)
        reason = take_key(table, &table->keys[i], r);
    if (reason == NULL && keys_used(table) != count)
        return "client table: an unused key at its end";
    return reason;
}

void client_table_copy(struct client_table *to, const struct client_table *from)
{
    assert(to->client_count == from->client_count && to->sessions_max == from->sessions_max);
    to->used = from->used;
    for (unsigned i = 0; i < from->client_count; i++) {
        to->keys[i].watermark = from->keys[i].watermark;
        to->keys[i].session_count = from->keys[i].session_count;
        memcpy(to->keys[i].sessions, from->keys[i].sessions,
            from->keys[i].session_count * sizeof *from->keys[i].sessions);
    }
}
