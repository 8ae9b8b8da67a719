#include "proxy/suspicions.h"

#include <assert.h>
#include <string.h>

const char *suspicion_word(enum suspicion_kind kind)
{
    switch (kind) {
    case SUSPICION_WRONG_RESULT:
        return "wrong_result";
    case SUSPICION_UNCONFIRMED:
        return "unconfirmed";
    case SUSPICION_DISSENT:
        return "dissent";
    case SUSPICION_CONTRADICTION:
        return "contradiction";
    case SUSPICION_MISMATCH:
        return "mismatch";
    case SUSPICION_INVALID_MESSAGE:
        return "invalid_message";
    case SUSPICION_SILENT:
        return "silent";
    case SUSPICION_DIVERGED:
        return "diverged";
    case SUSPICION_PROVEN:
        return "proven";
    case SUSPICION_INVALID:
    case SUSPICION_COUNT:
        break;
    }
    assert(!"a kind of suspicion");
    return "";
}

static void drop_first(struct suspicions *s)
{
    assert(s->count > 0);
    s->first = (s->first + 1) % SUSPICIONS_MAX;
    s->count--;
    s->taken++;
}

/* Bytes of the longest beginning that fits and does not end within a UTF-8 character. */
static size_t cut(struct slice text, size_t size_max)
{
    if (text.size <= size_max)
        return text.size;
    size_t size = size_max;
    while (size > 0 && (text.data[size] & 0xc0) == 0x80)
        size--;
    return size;
}

static struct slice copy(struct slice text, uint8_t *to, size_t size_max)
{
    size_t size = cut(text, size_max);
    if (size > 0)
        memcpy(to, text.data, size);
    return slice_of(to, size);
}

static void keep(struct kept_suspicion *kept, const struct suspicion *suspicion)
{
    kept->suspicion = *suspicion;
    kept->suspicion.statement = copy(suspicion->statement, kept->statement, sizeof kept->statement);
    kept->suspicion.detail = copy(suspicion->detail, kept->detail, sizeof kept->detail);
}

bool suspicions_add(struct suspicions *s, const struct suspicion *suspicion)
{
    assert(suspicion->replica < REPLICAS_MAX);
    assert(suspicion->kind > SUSPICION_INVALID && suspicion->kind < SUSPICION_COUNT);
    if (suspicion->seq != 0 &&
        s->latest[suspicion->replica][suspicion->kind].seq == suspicion->seq &&
        s->latest[suspicion->replica][suspicion->kind].request == suspicion->request)
        return false;
    s->latest[suspicion->replica][suspicion->kind].seq = suspicion->seq;
    s->latest[suspicion->replica][suspicion->kind].request = suspicion->request;
    if (s->count == SUSPICIONS_MAX) {
        drop_first(s);
        s->lost++;
    }
    keep(&s->ring[(s->first + s->count) % SUSPICIONS_MAX], suspicion);
    s->count++;
    return true;
}

const struct suspicion *suspicions_at(const struct suspicions *s, unsigned index)
{
    assert(index < s->count);
    return &s->ring[(s->first + index) % SUSPICIONS_MAX].suspicion;
}

uint64_t suspicions_mark(const struct suspicions *s, unsigned count)
{
    assert(count <= s->count);
    return s->taken + count;
}

void suspicions_forget(struct suspicions *s, uint64_t mark)
{
    while (s->count > 0 && s->taken < mark)
        drop_first(s);
}
