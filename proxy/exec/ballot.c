#include "proxy/exec/ballot.h"

#include "proxy/exec/abstentions.h"
#include "proxy/exec/judge.h"
#include "proxy/exec/votes.h"
#include "proxy/log.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

/* Answers to repeated votes, in all. */
#define ANSWERS_PER_PERIOD 64
#define ANSWER_PERIOD_SECONDS 0.1

/* How often a replica voted on one request; only the request it spoke of last is counted. */
struct repetition {
    uint32_t index;
    uint32_t count;
};

/* A batch that was, is or will be executed. */
struct page {
    uint64_t seq; /* 0: none yet */
    unsigned request_count;
    struct outcome *said;    /* of kind OUTCOME_INVALID: nothing */
    struct outcome *settled; /* … */
    struct repetition repetitions[REPLICAS_MAX];
};

struct ballot {
    const struct config *config;
    unsigned self;
    const struct exec_ops *ops;
    struct votes *votes;
    struct abstentions *abstentions;
    struct outcome abstention; /* the decision of 2f+1 abstentions */
    uint64_t executed;
    struct page *pages; /* a ring of page_count: `window` of the past, `window` to come */
    unsigned page_count;
    double period_began;
    unsigned answers; /* in this period */
    uint64_t contradictions[REPLICAS_MAX];
};

struct ballot *ballot_new(const struct config *config, unsigned self, const struct exec_ops *ops)
{
    struct ballot *b = calloc(1, sizeof *b);
    if (b == NULL)
        return NULL;
    b->config = config;
    b->self = self;
    b->ops = ops;
    b->abstention = judge_abstention();
    b->votes = votes_new(config->faults, config->window);
    b->abstentions = abstentions_new(config->faults, config->window);
    b->page_count = 2 * config->window;
    b->pages = calloc(b->page_count, sizeof *b->pages);
    if (b->votes == NULL || b->abstentions == NULL || b->pages == NULL) {
        ballot_free(b);
        return NULL;
    }
    return b;
}

static void page_clear(struct page *page)
{
    free(page->said);
    free(page->settled);
    *page = (struct page){0};
}

void ballot_free(struct ballot *b)
{
    if (b == NULL)
        return;
    for (unsigned i = 0; b->pages != NULL && i < b->page_count; i++)
        page_clear(&b->pages[i]);
    free(b->pages);
    votes_free(b->votes);
    abstentions_free(b->abstentions);
    free(b);
}

static bool is_kept(const struct ballot *b, uint64_t seq)
{
    return seq > 0 && seq + b->config->window > b->executed &&
           seq <= b->executed + b->config->window;
}

static struct page *page_of(struct ballot *b, uint64_t seq)
{
    struct page *page = &b->pages[seq % b->page_count];
    if (page->seq != seq) {
        page_clear(page);
        page->seq = seq;
    }
    return page;
}

static struct page *open_page(const struct ballot *b, uint32_t index)
{
    struct page *page = &b->pages[(b->executed + 1) % b->page_count];
    assert(page->seq == b->executed + 1 && index < page->request_count);
    return page;
}

bool ballot_open(struct ballot *b, uint64_t seq, unsigned request_count)
{
    assert(seq > b->executed);
    b->executed = seq - 1;
    votes_forget(b->votes, b->executed);
    abstentions_forget(b->abstentions, b->executed);
    struct page *page = page_of(b, seq);
    if (page->said != NULL) {
        assert(page->request_count == request_count);
        return true;
    }
    page->said = calloc(request_count + 1, sizeof *page->said);
    page->settled = calloc(request_count + 1, sizeof *page->settled);
    if (page->said == NULL || page->settled == NULL) {
        page_clear(page);
        return false;
    }
    page->request_count = request_count;
    return true;
}

void ballot_close(struct ballot *b, uint64_t seq)
{
    assert(seq == b->executed + 1);
    b->executed = seq;
    votes_forget(b->votes, seq);
    abstentions_forget(b->abstentions, seq);
}

/* ---- speaking ---- */

static void speak(struct ballot *b, uint64_t seq, uint32_t index, const struct outcome *outcome)
{
    struct vote vote = {.seq = seq, .index = index, .outcome = *outcome};
    vote.outcome.epoch = 0;
    b->ops->vote(b->ops->context, &vote);
}

static enum votes_add count_vote(struct ballot *b, unsigned replica, const struct vote *vote)
{
    if (!judge_is_abstention(&vote->outcome))
        return votes_add(b->votes, replica, vote);
    return abstentions_add(b->abstentions, replica, vote->seq, vote->index) ? VOTES_COUNTED
                                                                            : VOTES_REPEATED;
}

void ballot_say(struct ballot *b, uint32_t index, const struct outcome *outcome)
{
    struct page *page = open_page(b, index);
    if (page->said[index].kind != OUTCOME_INVALID)
        return;
    page->said[index] = *outcome;
    struct vote vote = {.seq = page->seq, .index = index, .outcome = *outcome};
    (void)count_vote(b, b->self, &vote);
    speak(b, page->seq, index, outcome);
}

void ballot_repeat(struct ballot *b, uint32_t index)
{
    struct page *page = open_page(b, index);
    if (page->said[index].kind != OUTCOME_INVALID)
        speak(b, page->seq, index, &page->said[index]);
}

const struct outcome *ballot_said(const struct ballot *b, uint32_t index)
{
    const struct page *page = open_page(b, index);
    return page->said[index].kind != OUTCOME_INVALID ? &page->said[index] : NULL;
}

/* ---- deciding ---- */

/* No vote will decide: too many abstained, or those who voted differ too much. */
static bool is_hopeless(const struct ballot *b, uint64_t seq, uint32_t index)
{
    return abstentions_decide(b->abstentions, seq, index) ||
           !votes_may_decide(b->votes, seq, index, abstentions_mask(b->abstentions, seq, index));
}

/* Everybody spoke, this replica with a vote, and there is no quorum. One that could not execute
 * does not conclude this: it may have voted before it was restarted, and was heard. */
static bool is_split(const struct ballot *b, uint64_t seq, uint32_t index)
{
    uint32_t voted = votes_mask(b->votes, seq, index);
    uint32_t spoke = voted | abstentions_mask(b->abstentions, seq, index);
    return (voted & (UINT32_C(1) << b->self)) != 0 &&
           (unsigned)__builtin_popcount(spoke) == b->config->replica_count;
}

static const struct outcome *decided_by_quorum(const struct ballot *b, uint64_t seq, uint32_t index)
{
    const struct outcome *found = votes_quorum(b->votes, seq, index);
    if (found != NULL)
        return found;
    bool given_up = abstentions_decide(b->abstentions, seq, index) || is_split(b, seq, index);
    return given_up ? &b->abstention : NULL;
}

const struct outcome *ballot_decided(
    const struct ballot *b, uint32_t index, enum ballot_trust trust)
{
    uint64_t seq = b->executed + 1;
    if (trust != BALLOT_CERTAIN)
        return decided_by_quorum(b, seq, index);
    const struct outcome *decided = votes_decided(b->votes, seq, index);
    return decided == NULL && is_hopeless(b, seq, index) ? &b->abstention : decided;
}

void ballot_settle(struct ballot *b, uint32_t index, const struct outcome *outcome)
{
    open_page(b, index)->settled[index] = *outcome;
}

uint32_t ballot_dissenters(const struct ballot *b, uint32_t index, const struct outcome *decided)
{
    struct outcome voted = *decided;
    voted.epoch = 0; /* votes carry none */
    return judge_is_abstention(&voted) ? 0
                                       : votes_dissenters(b->votes, b->executed + 1, index, &voted);
}

/* ---- hearing ---- */

/* Our log's outcome of one request of an executed batch. */
static bool recorded_outcome(struct ballot *b, uint64_t seq, uint32_t index, struct outcome *ret)
{
    struct slice results;
    if (b->ops->recorded(b->ops->context, seq, &results) != 1)
        return false;
    struct reader r = reader_of(results);
    uint32_t count = get_u32(&r);
    struct slice bytes = {0};
    for (uint32_t i = 0; i <= index && index < count && !r.failed; i++)
        bytes = get_bytes(&r, REPLY_BYTES_MAX);
    struct reader one = reader_of(bytes);
    return !r.failed && bytes.size > 0 && outcome_take(&one, ret) == NULL;
}

static bool may_answer(struct ballot *b, double now)
{
    if (now - b->period_began >= ANSWER_PERIOD_SECONDS || now < b->period_began) {
        b->period_began = now;
        b->answers = 0;
    }
    return b->answers++ < ANSWERS_PER_PERIOD;
}

static void answer(struct ballot *b, const struct page *page, uint32_t index)
{
    struct outcome outcome;
    if (page->settled != NULL) {
        if (index < page->request_count && page->settled[index].kind != OUTCOME_INVALID)
            speak(b, page->seq, index, &page->settled[index]);
    } else if (page->seq <= b->executed && recorded_outcome(b, page->seq, index, &outcome)) {
        speak(b, page->seq, index, &outcome);
    }
}

static bool is_question(struct repetition *repetition, uint32_t index)
{
    if (repetition->index != index)
        *repetition = (struct repetition){.index = index};
    uint32_t count = ++repetition->count;
    return count >= 2 && (count & (count - 1)) == 0;
}

static void suspect(struct ballot *b, enum suspicion_kind kind, unsigned replica,
    const struct vote *vote, const struct outcome *decided, const char *detail)
{
    struct suspicion s = {.kind = kind,
        .replica = replica,
        .seq = vote->seq,
        .request = vote->index,
        .decided = *decided,
        .detail = slice_text(detail)};
    if (b->ops->suspect != NULL)
        b->ops->suspect(b->ops->context, &s);
}

static bool is_vote(const struct outcome *outcome)
{
    switch (outcome->kind) {
    case OUTCOME_COMMITTED:
    case OUTCOME_ROLLED_BACK:
    case OUTCOME_ABORTED:
        return true;
    case OUTCOME_INVALID:
    case OUTCOME_BEGUN:
    case OUTCOME_REFUSED:
        break;
    }
    return false;
}

/* Not every decision waits for the slowest vote. */
static void notice_late_dissent(
    struct ballot *b, const struct page *page, unsigned replica, const struct vote *vote)
{
    if (page->settled == NULL || vote->index >= page->request_count ||
        judge_is_abstention(&vote->outcome))
        return;
    struct outcome settled = page->settled[vote->index];
    settled.epoch = 0;
    if (settled.kind == OUTCOME_INVALID || judge_is_abstention(&settled) ||
        outcome_equal(&settled, &vote->outcome))
        return;
    suspect(b, SUSPICION_DISSENT, replica, vote, &settled, "voted otherwise than was decided");
}

static void notice_contradiction(struct ballot *b, unsigned replica, const struct vote *vote)
{
    struct outcome undecided = {0};
    suspect(b, SUSPICION_CONTRADICTION, replica, vote, &undecided, "voted twice, differently");
    if (b->contradictions[replica]++ > 0)
        return;
    log_line(LEVEL_WARNING,
        "replica %u contradicts its own vote on request %" PRIu32 " of batch %" PRIu64, replica,
        vote->index, vote->seq);
}

void ballot_receive(struct ballot *b, unsigned replica, const struct vote *received, double now)
{
    if (replica >= b->config->replica_count || replica == b->self || !is_vote(&received->outcome) ||
        received->index >= BATCH_REQUESTS_MAX || !is_kept(b, received->seq))
        return;
    struct vote vote = *received;
    vote.outcome.epoch = 0; /* an outcome from a log carries it, a vote does not */
    if (vote.seq > b->executed && count_vote(b, replica, &vote) == VOTES_CONTRADICTED)
        notice_contradiction(b, replica, &vote);
    struct page *page = page_of(b, vote.seq);
    notice_late_dissent(b, page, replica, &vote);
    if (is_question(&page->repetitions[replica], vote.index) && may_answer(b, now))
        answer(b, page, vote.index);
}

uint64_t ballot_contradictions(const struct ballot *b, unsigned replica)
{
    return b->contradictions[replica];
}
