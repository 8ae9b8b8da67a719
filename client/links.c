#include "client/links.h"

#include "client/clock.h"

#include <assert.h>
#include <poll.h>
#include <stdlib.h>

struct links {
    struct link_shared shared;
    BIO_METHOD *bio_method;
    unsigned count;
    struct link links[REPLICAS_MAX];
};

struct links *links_new(
    const struct config *config, SSL_CTX *tls, unsigned client, const struct link_handler *handler)
{
    struct links *links = calloc(1, sizeof *links);
    if (links == NULL)
        return NULL;
    links->bio_method = socket_bio_method();
    if (links->bio_method == NULL) {
        free(links);
        return NULL;
    }
    links->shared = (struct link_shared){
        .config = config,
        .tls = tls,
        .bio_method = links->bio_method,
        .client = client,
    };
    links->count = config->replica_count;
    for (unsigned i = 0; i < links->count; i++)
        link_init(&links->links[i], i, &links->shared, handler);
    return links;
}

void links_free(struct links *links)
{
    if (links == NULL)
        return;
    for (unsigned i = 0; i < links->count; i++)
        link_destroy(&links->links[i]);
    BIO_meth_free(links->bio_method);
    free(links);
}

/* Milliseconds to wait, rounded up so that a deadline has passed when poll returns. */
static int wait_ms(const struct links *links, uint64_t until_us)
{
    for (unsigned i = 0; i < links->count; i++) {
        uint64_t deadline_us = link_deadline(&links->links[i]);
        if (deadline_us < until_us)
            until_us = deadline_us;
    }
    uint64_t now_us = clock_now_us();
    if (until_us <= now_us)
        return 0;
    uint64_t ms = (until_us - now_us + 999) / 1000;
    return ms > 60000 ? 60000 : (int)ms;
}

/* What was queued since the last round usually leaves without waiting. */
static void send_queued(struct links *links)
{
    uint64_t now_us = clock_now_us();
    for (unsigned i = 0; i < links->count; i++)
        if (!link_is_idle(&links->links[i]))
            link_work(&links->links[i], 0, now_us);
}

void links_poll(struct links *links, uint64_t until_us)
{
    struct pollfd polls[REPLICAS_MAX];
    send_queued(links);
    for (unsigned i = 0; i < links->count; i++)
        polls[i].events = link_events(&links->links[i], &polls[i].fd);
    int ready = poll(polls, links->count, wait_ms(links, until_us));
    uint64_t now_us = clock_now_us();
    for (unsigned i = 0; i < links->count; i++) {
        short events = ready > 0 && polls[i].fd >= 0 ? polls[i].revents : 0;
        if (events != 0 || now_us >= link_deadline(&links->links[i]))
            link_work(&links->links[i], events, now_us);
    }
}

static struct link *at(struct links *links, unsigned replica)
{
    assert(replica < links->count);
    return &links->links[replica];
}

bool links_send(struct links *links, unsigned replica, enum message_type type, struct slice body)
{
    return link_send(at(links, replica), type, body);
}

bool links_idle(const struct links *links, unsigned replica)
{
    assert(replica < links->count);
    return link_is_idle(&links->links[replica]);
}

void links_renew_allowance(struct links *links, unsigned replica)
{
    link_renew_allowance(at(links, replica));
}

bool links_ready(const struct links *links, unsigned replica)
{
    assert(replica < links->count);
    return links->links[replica].state == LINK_READY;
}

unsigned links_ready_count(const struct links *links)
{
    unsigned count = 0;
    for (unsigned i = 0; i < links->count; i++)
        if (links_ready(links, i))
            count++;
    return count;
}

bool links_dialling(const struct links *links)
{
    for (unsigned i = 0; i < links->count; i++)
        if (links->links[i].state != LINK_READY && links->links[i].state != LINK_DOWN)
            return true;
    return false;
}

const char *links_error(const struct links *links, unsigned replica)
{
    assert(replica < links->count);
    return links->links[replica].error;
}

void links_restart(struct links *links)
{
    for (unsigned i = 0; i < links->count; i++)
        link_restart(&links->links[i]);
}

bool links_wait(struct links *links, unsigned replica, uint64_t until_us)
{
    struct link *link = at(links, replica);
    if (link->state == LINK_DOWN) {
        link->redial_at_us = clock_now_us();
        link->address = link->addresses;
    }
    uint64_t failures = link->failures;
    while (link->state != LINK_READY && link->failures == failures && clock_now_us() < until_us)
        links_poll(links, until_us);
    return link->state == LINK_READY;
}
