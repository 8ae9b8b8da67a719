#include "client/socket_bio.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct {
    BIO_METHOD *method;
    struct socket_channel channel;
    BIO *bio;
    int other;
} t;

static int start(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    t.method = socket_bio_method();
    t.channel = (struct socket_channel){.fd = fds[0], .read_budget = 1000};
    t.bio = socket_bio_new(t.method, &t.channel);
    t.other = fds[1];
    return 0;
}

static int stop(void **state)
{
    (void)state;
    BIO_free(t.bio);
    BIO_meth_free(t.method);
    close(t.channel.fd);
    close(t.other);
    return 0;
}

/* The signal has its default action here: it would end the test. */
static void writing_to_a_closed_link_raises_no_signal(void **state)
{
    (void)state;
    close(t.other);
    t.other = -1;
    assert_int_equal(BIO_write(t.bio, "x", 1), -1);
    assert_false(BIO_should_retry(t.bio));
}

static void reading_stops_at_the_budget(void **state)
{
    (void)state;
    char sent[3000], got[3000];
    memset(sent, 7, sizeof sent);
    assert_int_equal(write(t.other, sent, sizeof sent), sizeof sent);
    assert_int_equal(BIO_read(t.bio, got, 600), 600);
    assert_int_equal(BIO_read(t.bio, got, 600), 400);
    assert_int_equal(BIO_read(t.bio, got, 600), -1);
    assert_true(BIO_should_retry(t.bio));
    t.channel.read_budget = 5000;
    assert_int_equal(BIO_read(t.bio, got, sizeof got), 2000);
    assert_int_equal(BIO_read(t.bio, got, sizeof got), -1);
    assert_true(BIO_should_retry(t.bio));
}

static void a_full_socket_is_tried_again_later(void **state)
{
    (void)state;
    char sent[65536] = {0};
    int written;
    do {
        written = BIO_write(t.bio, sent, sizeof sent);
    } while (written > 0);
    assert_true(BIO_should_retry(t.bio));
}

static void the_end_of_a_link_is_seen(void **state)
{
    (void)state;
    char got[10];
    shutdown(t.other, SHUT_WR);
    assert_int_equal(BIO_read(t.bio, got, sizeof got), 0);
    assert_false(BIO_should_retry(t.bio));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(writing_to_a_closed_link_raises_no_signal, start, stop),
        cmocka_unit_test_setup_teardown(reading_stops_at_the_budget, start, stop),
        cmocka_unit_test_setup_teardown(a_full_socket_is_tried_again_later, start, stop),
        cmocka_unit_test_setup_teardown(the_end_of_a_link_is_seen, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
