/* One event in, one update out. Here is only the order of things; each rule has its own file. */
#include "proxy/pbft/commit.h"
#include "proxy/pbft/core.h"
#include "proxy/pbft/deliver.h"
#include "proxy/pbft/fetch.h"
#include "proxy/pbft/invariants.h"
#include "proxy/pbft/pre_prepare.h"
#include "proxy/pbft/prepare.h"
#include "proxy/pbft/propose.h"
#include "proxy/pbft/request.h"
#include "proxy/pbft/status.h"

#include <assert.h>

static void begin(struct pbft *core, const struct pbft_event *event, struct pbft_update *update)
{
    update->persist_count = 0;
    update->send_count = 0;
    update->reply_count = 0;
    update->delivery_count = 0;
    update->evidence_count = 0;
    update->fetch = false;
    update->refused = false;
    update->invalid = NULL;
    update->diverged = NULL;
    core->update = update;
    core->now_us = event->now_us;
    core->clock_us = event->clock_us;
    core->again = false;
    core->view.just_left = false;
    buffer_clear(&core->out);
    buffer_clear(&core->relays);
    slots_start_step(&core->slots);
}

static const char *receive_message(struct pbft *core, const struct pbft_event *event)
{
    unsigned from = event->from;
    struct slice body = event->message_body;
    assert(from < core->replica_count && from != core->options.self);
    switch (event->message_type) {
    case MESSAGE_PRE_PREPARE:
        return pre_prepare_receive(core, from, body);
    case MESSAGE_PREPARE:
        return prepare_receive(core, from, body);
    case MESSAGE_COMMIT:
        return commit_receive(core, from, body);
    case MESSAGE_CHECKPOINT:
        return checkpoint_receive(core, from, body);
    case MESSAGE_STATUS:
        return status_receive(core, from, body);
    case MESSAGE_BATCH:
        return fetched_receive(core, from, body);
    case MESSAGE_STABLE:
        return stable_receive(core, from, body);
    case MESSAGE_CONTRIBUTION:
        return contributions_receive(core, from, body);
    case MESSAGE_RELAY:
        return relay_receive(core, from, body);
    case MESSAGE_VIEW_CHANGE:
        return view_change_receive(core, from, body);
    case MESSAGE_NEW_VIEW:
        return new_view_receive(core, from, body);
    case MESSAGE_WANT:
        return want_receive(core, from, body);
    case MESSAGE_CONTENT:
        return content_receive(core, from, body);
    case MESSAGE_FETCH: /* the daemon's, who has the disk */
    case MESSAGE_INVALID:
    case MESSAGE_HELLO:
    case MESSAGE_GOODBYE:
    case MESSAGE_REQUEST:
    case MESSAGE_OPERATION:
    case MESSAGE_STATUS_QUERY:
    case MESSAGE_CANCEL:
    case MESSAGE_QUERY:
    case MESSAGE_REPLY:
    case MESSAGE_RESULT_COLUMNS:
    case MESSAGE_RESULT_ROWS:
    case MESSAGE_RESULT_END:
    case MESSAGE_STATUS_TEXT:
    case MESSAGE_ANSWER:
    case MESSAGE_VOTE:
        break;
    }
    return "no message of agreement";
}

static const char *dispatch(struct pbft *core, const struct pbft_event *event)
{
    switch (event->type) {
    case PBFT_TICK:
        return NULL;
    case PBFT_REQUEST:
        return request_receive(core, event->request);
    case PBFT_MESSAGE:
        return receive_message(core, event);
    case PBFT_EXECUTED:
        deliver_executed(core, event);
        return NULL;
    case PBFT_EVENT_INVALID:
        break;
    }
    assert(!"an event's type");
    return NULL;
}

/* What may have become possible, whatever the event was. */
static void progress(struct pbft *core)
{
    checkpoint_advance(core);
    suspicion_tick(core);
    suspicion_act(core);
    view_change_join(core);
    view_make(core);
    view_carry(core);
    silence_end(core);
    deliver_all(core);
    propose_all(core);
    fetch_try(core);
    status_help(core);
    view_answer(core);
    status_tick(core);
}

/* What the log says was promised is said again. */
static void start(struct pbft *core)
{
    core->started = true;
    core->suspicion.progress_us = core->now_us;
    core->suspicion.time_us = core->now_us;
    core->suspicion.calm_us = core->now_us;
    core->suspicion.looked_us = core->now_us;
    silence_start(core);
    view_resume(core);
}

/* A replica that diverged says nothing more: its state is wrong, and its word would be too. */
void pbft_step(struct pbft *core, const struct pbft_event *event, struct pbft_update *ret_update)
{
    begin(core, event, ret_update);
    if (!core->started)
        start(core);
    if (core->diverged == NULL) {
        ret_update->invalid = dispatch(core, event);
        if (core->diverged == NULL)
            progress(core);
    }
    ret_update->diverged = core->diverged;
    invariants_check(core);
    core->update = NULL;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t pbft_deadline(const struct pbft *core)
{
    if (core->diverged != NULL)
        return UINT64_MAX;
    if (core->again)
        return 0;
    uint64_t deadline = earlier(status_deadline(core), suspicion_deadline(core));
    return earlier(deadline, earlier(propose_deadline(core), fetch_deadline(core)));
}
