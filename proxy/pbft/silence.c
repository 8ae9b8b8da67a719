#include "proxy/pbft/silence.h"

#include "proxy/pbft/commit.h"
#include "proxy/pbft/core.h"
#include "proxy/pbft/prepare.h"

static void record(struct pbft *core)
{
    size_t begin = emit_begin(core);
    put_bool(&core->out, core->silence.silent);
    put_u64(&core->out, core->silence.until);
    put_u64(&core->out, core->silence.view);
    emit_record(core, PBFT_RECORD_SILENCE, true, 1, emit_end(core, begin));
}

void silence_start(struct pbft *core)
{
    if (core->silence.silent && core->silence.until == 0)
        record(core);
}

void silence_learn(struct pbft *core, unsigned from, uint64_t stable)
{
    struct silence *s = &core->silence;
    if (!s->silent || s->until != 0)
        return;
    s->answered |= UINT32_C(1) << from;
    if (stable > s->proved)
        s->proved = stable;
    if ((unsigned)__builtin_popcount(s->answered) < core_quorum(core))
        return;
    s->until = s->proved + 2 * (uint64_t)core->options.window;
    record(core);
}

void silence_learn_view(struct pbft *core, uint64_t view)
{
    struct silence *s = &core->silence;
    if (!s->silent || view <= s->view)
        return;
    s->view = view;
    record(core);
}

/* It says now what it has kept to itself; the others get it when they lack it (status.c). */
static void speak(struct pbft *core)
{
    for (uint64_t seq = core->slots.low + 1; seq <= core->slots.high; seq++) {
        struct slot *slot = slots_at(&core->slots, seq);
        if (!core_is_current(core, slot) || !slot->is_proposal)
            continue;
        prepare_cast(core, slot);
        if (slot->state >= SLOT_PREPARED)
            commit_cast(core, slot);
    }
}

/* In a lower view than it once left, it may not speak. But it may go on to the next one, in which
 * it has said nothing, and wait there until it is needed. */
void silence_end(struct pbft *core)
{
    struct silence *s = &core->silence;
    if (!s->silent || s->until == 0 || core->slots.low < s->until || !view_is_carried(core))
        return;
    s->silent = false;
    record(core);
    if (core->view.number >= s->view)
        speak(core);
    else
        view_change_start(core, s->view + 1);
}

const char *silence_restore(struct pbft *core, struct slice value)
{
    struct reader r = reader_of(value);
    bool silent = get_bool(&r);
    uint64_t until = get_u64(&r);
    uint64_t view = get_u64(&r);
    if (!reader_done(&r))
        return "a record of silence: truncated or too long";
    core->silence.silent = silent;
    core->silence.until = until;
    core->silence.view = view;
    return NULL;
}

/* Time passes for it during so many windows, and not again before so many more have passed. */
#define PASSING_WINDOWS 4
#define PAUSE_WINDOWS 64

void silence_heard(const struct pbft *core, struct peer *peer, bool silent)
{
    uint64_t again = peer->silent_from + PAUSE_WINDOWS * (uint64_t)core->options.window;
    if (silent && !peer->said.silent && (!peer->was_silent || core->slots.low >= again)) {
        peer->was_silent = true;
        peer->silent_from = core->slots.low;
    }
}

bool silence_of_peers(const struct pbft *core)
{
    for (unsigned i = 0; i < core->replica_count; i++) {
        const struct peer *peer = &core->peers[i];
        /* Longer than this nobody has to be silent. */
        uint64_t end = peer->silent_from + PASSING_WINDOWS * (uint64_t)core->options.window;
        if (i != core->options.self && peer->said.silent && core->slots.low < end)
            return true;
    }
    return false;
}
