/* How client keys share the places for links. */
#include "proxy/net/clients.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#define KEYS 12
#define PER_KEY 512

struct fixture {
    struct config config;
    struct links set;
    struct clients clients;
    int fd;
};

static void never(struct ev_loop *loop, ev_io *io, int events)
{
    abort();
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    f->config.client_count = KEYS;
    f->config.sessions_per_client_max = PER_KEY;
    f->set.config = &f->config;
    f->set.loop = ev_loop_new(EVFLAG_AUTO);
    f->fd = eventfd(0, 0);
    TAILQ_INIT(&f->set.all);
    TAILQ_INIT(&f->set.dirty);
    return clients_init(&f->clients, &f->config) ? 0 : -1;
}

static void end(struct fixture *f, struct link *link)
{
    ev_io_stop(f->set.loop, &link->io);
    TAILQ_REMOVE(&f->set.all, link, all);
    sendq_free(&link->queue);
    free(link);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    struct link *link;
    while ((link = TAILQ_FIRST(&f->set.all)))
        end(f, link);
    clients_free(&f->clients);
    ev_loop_destroy(f->set.loop);
    close(f->fd);
    free(f);
    return 0;
}

/* A link of this key whose greeting is over. NULL: it was not welcome. */
static struct link *open_link(struct fixture *f, unsigned client)
{
    struct greeting_refusal refusal;
    struct link *link = calloc(1, sizeof *link);
    link->set = &f->set;
    link->state = LINK_OPEN;
    link->peer = (struct tls_peer){.kind = TLS_PEER_CLIENT, .id = client};
    sendq_init(&link->queue, 4096);
    ev_io_init(&link->io, never, f->fd, EV_READ);
    TAILQ_INSERT_TAIL(&f->set.all, link, all);
    if (clients_open(&f->clients, link, &refusal))
        return link;
    assert_memory_equal(refusal.sqlstate, "53300", 5);
    end(f, link);
    return NULL;
}

static void test_keys_share_the_places(void **state)
{
    struct fixture *f = *state;
    struct link *newest = NULL;
    for (unsigned i = 0; i < CLIENT_LINKS_MAX; i++)
        newest = open_link(f, i * 4 / CLIENT_LINKS_MAX); /* four keys take all there is */
    assert_non_null(newest);
    assert_null(open_link(f, 0)); /* none of them gets more */
    /* another key gets its place */
    struct link *first = open_link(f, 7);
    assert_non_null(first);
    assert_int_equal(f->clients.links_of[7], 1);
    unsigned closing = 0;
    struct link *link;
    TAILQ_FOREACH(link, &f->set.all, all)
    if (link->state == LINK_CLOSING) {
        assert_in_range(link->peer.id, 0, 3);
        assert_int_equal(link->end, LINK_END_REFUSED);
        closing++;
    }
    assert_int_equal(closing, 1);
    assert_int_equal(first->state, LINK_OPEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_keys_share_the_places, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
