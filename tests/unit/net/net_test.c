/* Whole links over loopback, with real TLS: what a correct node sees, and what a hostile one gets.
 */
#include "proxy/net/net.h"

#include "proxy/log.h"
#include "proxy/net/links.h"
#include "proxy/net/listener.h"
#include "stranger.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* AddressSanitizer keeps what was freed. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#define SANITIZED __has_feature(address_sanitizer)
#else
#define SANITIZED 0
#endif

#define REPLICAS 4
#define CLIENTS 2

/* One replica's network under test, and what it told. */
struct node {
    struct net *net;
    unsigned up, down, gone, peer_messages, client_messages;
    size_t bytes;
    uint64_t gone_session;
    bool echo;          /* answer every client message with STATUS_TEXT */
    bool take_sessions; /* a client message's first 8 bytes are its session */
    unsigned cost_us;   /* of a client message, in processor time */
    bool old_frames;    /* to links each frame seems to have begun long ago */
    struct links *links;
};

static struct ev_loop *loop;
static struct config *config;
static struct private_key *replica_keys[REPLICAS];
static struct private_key *client_keys[CLIENTS];
static struct private_key *unknown_key;
static struct node nodes[REPLICAS];

/* ---- the fixture ---- */

static void turn(void)
{
    ev_run(loop, EVRUN_NOWAIT);
    for (unsigned i = 0; i < REPLICAS; i++)
        if (nodes[i].net)
            net_flush(nodes[i].net);
}

#define WAIT_FOR(condition)                                                                        \
    do {                                                                                           \
        for (unsigned wait_ = 0; wait_ < 20000 && !(condition); wait_++) {                         \
            turn();                                                                                \
            usleep(200);                                                                           \
        }                                                                                          \
        assert_true(condition);                                                                    \
    } while (0)

static void on_up(void *context, unsigned replica)
{
    ((struct node *)context)->up++;
}

static void on_down(void *context, unsigned replica)
{
    ((struct node *)context)->down++;
}

static const char *on_peer(void *context, unsigned replica, uint8_t type, struct slice body)
{
    struct node *node = context;
    node->peer_messages++;
    node->bytes += body.size;
    return type == MESSAGE_STATUS ? NULL : "not a STATUS";
}

static void burn(unsigned us)
{
    for (ev_tstamp end = ev_time() + us / 1e6; us > 0 && ev_time() < end;)
        ;
}

static const char *on_client(
    void *context, struct link *link, unsigned client, uint8_t type, struct slice body)
{
    struct node *node = context;
    node->client_messages++;
    node->bytes += body.size;
    node->links = link->set;
    burn(node->cost_us);
    if (node->old_frames)
        link->partial_since = 1;
    if (node->echo)
        net_answer(link, MESSAGE_STATUS_TEXT, body);
    if (!node->take_sessions)
        return NULL;
    struct reader r = reader_of(body);
    return net_client_session(node->net, link, get_u64(&r));
}

static void on_gone(void *context, unsigned client, uint64_t session)
{
    struct node *node = context;
    node->gone++;
    node->gone_session = session;
}

static void start_node(unsigned i)
{
    char error[256] = "";
    struct net_ops ops = {&nodes[i], on_up, on_down, on_peer, on_client, on_gone};
    nodes[i] = (struct node){0};
    nodes[i].net = net_start(loop, config, i, replica_keys[i], &ops, error, sizeof error);
    if (!nodes[i].net)
        fail_msg("%s", error);
}

static void stop_node(unsigned i)
{
    net_free(nodes[i].net);
    nodes[i].net = NULL;
}

/* A port that was free a moment ago. */
static uint16_t free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (struct sockaddr *)&address, size) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        abort();
    close(fd);
    return ntohs(address.sin_port);
}

static int group_setup(void **state)
{
    signal(SIGPIPE, SIG_IGN);
    log_start(LEVEL_FATAL, 0);
    loop = ev_loop_new(EVFLAG_AUTO);
    config = calloc(1, sizeof *config);
    config_defaults(config);
    config->faults = 1;
    config->replica_count = REPLICAS;
    config->client_count = CLIENTS;
    config->heartbeat_ms = 50;
    config->sessions_per_client_max = 8;
    config->clients = calloc(CLIENTS, sizeof *config->clients);
    memset(config->digest, 0x5a, sizeof config->digest);
    for (unsigned i = 0; i < REPLICAS; i++) {
        replica_keys[i] = private_key_generate();
        snprintf(config->replicas[i].host, sizeof config->replicas[i].host, "127.0.0.1");
        private_key_public(replica_keys[i], config->replicas[i].public_key);
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        client_keys[i] = private_key_generate();
        snprintf(config->clients[i].name, sizeof config->clients[i].name, "client%u", i);
        private_key_public(client_keys[i], config->clients[i].public_key);
    }
    unknown_key = private_key_generate();
    return 0;
}

static int group_teardown(void **state)
{
    for (unsigned i = 0; i < REPLICAS; i++)
        private_key_free(replica_keys[i]);
    for (unsigned i = 0; i < CLIENTS; i++)
        private_key_free(client_keys[i]);
    private_key_free(unknown_key);
    free(config->clients);
    free(config);
    ev_loop_destroy(loop);
    return 0;
}

static int setup(void **state)
{
    for (unsigned i = 0; i < REPLICAS; i++)
        config->replicas[i].port = free_port();
    start_node(0);
    return 0;
}

static int teardown(void **state)
{
    for (unsigned i = 0; i < REPLICAS; i++)
        stop_node(i);
    return 0;
}

static void connect_stranger(struct stranger *s)
{
    stranger_connect(s, config->replicas[0].port, turn);
}

/* A client whose greeting is over. */
static void connect_client(struct stranger *s, unsigned client)
{
    struct frame frame;
    struct hello hello;
    connect_stranger(s);
    assert_true(stranger_handshake(s, config, client_keys[client]));
    assert_true(stranger_hello(s, config, HELLO_CLIENT, client));
    assert_true(stranger_receive(s, &frame));
    assert_int_equal(frame.type, MESSAGE_HELLO);
    assert_null(hello_decode(frame.body, &hello));
    assert_int_equal(hello.role, HELLO_REPLICA);
    assert_int_equal(hello.id, 0);
}

static void assert_goodbye(struct stranger *s, const char *sqlstate)
{
    char said[6] = "";
    assert_true(stranger_goodbye(s, said));
    assert_string_equal(said, sqlstate);
}

/* The node is well: a new client gets its answer. */
static void assert_serves(void)
{
    struct stranger s;
    struct frame frame;
    nodes[0].echo = true;
    connect_client(&s, 1);
    assert_true(stranger_send(&s, MESSAGE_STATUS_QUERY, slice_text("hello")));
    assert_true(stranger_receive(&s, &frame));
    assert_int_equal(frame.type, MESSAGE_STATUS_TEXT);
    assert_true(slice_equal(frame.body, slice_text("hello")));
    stranger_close(&s);
}

static uint64_t status_value(const char *name)
{
    struct buffer b = BUFFER_INIT(4096);
    char key[64];
    put_u8(&b, '\n');
    net_status_text(nodes[0].net, &b);
    put_u8(&b, 0);
    snprintf(key, sizeof key, "\n%s=", name);
    const char *at = strstr((const char *)b.data, key);
    uint64_t value = at ? strtoull(at + strlen(key), NULL, 10) : UINT64_MAX;
    buffer_free(&b);
    return value;
}

/* ---- clients ---- */

static void test_a_client_is_served(void **state)
{
    assert_serves();
    assert_int_equal(nodes[0].client_messages, 1);
    WAIT_FOR(status_value("links") == 0);
    assert_int_equal(nodes[0].gone, 0); /* it never named a session */
}

static void test_another_configuration_is_refused(void **state)
{
    struct stranger s;
    struct config *other = malloc(sizeof *other);
    *other = *config;
    other->digest[0] ^= 1;
    connect_stranger(&s);
    assert_true(stranger_handshake(&s, config, client_keys[0]));
    assert_true(stranger_hello(&s, other, HELLO_CLIENT, 0));
    assert_goodbye(&s, "08004");
    stranger_close(&s);
    free(other);
    assert_serves();
}

static void test_another_name_is_refused(void **state)
{
    struct stranger s;
    connect_stranger(&s);
    assert_true(stranger_handshake(&s, config, client_keys[0]));
    assert_true(stranger_hello(&s, config, HELLO_CLIENT, 1));
    assert_goodbye(&s, "28000");
    stranger_close(&s);
    connect_stranger(&s);
    assert_true(stranger_handshake(&s, config, client_keys[0]));
    assert_true(stranger_hello(&s, config, HELLO_REPLICA, 1));
    assert_goodbye(&s, "28000");
    stranger_close(&s);
}

static void test_hello_comes_first(void **state)
{
    struct stranger s;
    connect_stranger(&s);
    assert_true(stranger_handshake(&s, config, client_keys[0]));
    assert_true(stranger_send(&s, MESSAGE_STATUS_QUERY, slice_text("")));
    assert_goodbye(&s, "08P01");
    stranger_close(&s);
    assert_int_equal(nodes[0].client_messages, 0);
}

static void test_an_unknown_key_is_refused(void **state)
{
    struct stranger s;
    struct frame frame;
    connect_stranger(&s);
    /* TLS 1.3: the client may think that it is through before the server has seen its key */
    if (stranger_handshake(&s, config, unknown_key)) {
        (void)stranger_hello(&s, config, HELLO_CLIENT, 0);
        assert_false(stranger_receive(&s, &frame));
    }
    stranger_close(&s);
    WAIT_FOR(status_value("links") == 0);
    assert_int_equal(status_value("links_ended_error"), 1);
    assert_serves();
}

static void test_garbage_is_dropped(void **state)
{
    struct stranger s;
    uint8_t garbage[4096];
    random_bytes(garbage, sizeof garbage);
    garbage[0] = 'G'; /* no TLS record */
    connect_stranger(&s);
    assert_true(stranger_write(&s, garbage, sizeof garbage));
    WAIT_FOR(status_value("links_ended_error") == 1);
    stranger_close(&s);
    assert_serves();
}

static void test_an_oversize_frame_ends_the_link(void **state)
{
    struct stranger s;
    uint8_t header[FRAME_HEADER_BYTES];
    connect_client(&s, 0);
    frame_header_put(header, MESSAGE_REQUEST, CLIENT_BODY_BYTES_MAX + 1);
    assert_true(stranger_write(&s, header, sizeof header));
    assert_goodbye(&s, "08P01");
    stranger_close(&s);
    WAIT_FOR(status_value("links_ended_malformed") == 1);
    /* before the greeting much less is allowed */
    connect_stranger(&s);
    assert_true(stranger_handshake(&s, config, client_keys[0]));
    frame_header_put(header, MESSAGE_HELLO, GREETING_BODY_BYTES_MAX + 1);
    assert_true(stranger_write(&s, header, sizeof header));
    assert_goodbye(&s, "08P01");
    stranger_close(&s);
    assert_serves();
}

static void test_a_link_carries_one_session(void **state)
{
    struct stranger first, second;
    static const uint8_t session_1[8] = {[7] = 1}, session_2[8] = {[7] = 2};
    nodes[0].take_sessions = true;
    connect_client(&first, 0);
    stranger_send(&first, MESSAGE_REQUEST, slice_of(session_1, 8));
    WAIT_FOR(net_reply(nodes[0].net, 0, 1, MESSAGE_REPLY, slice_text("r")));
    assert_false(net_reply(nodes[0].net, 0, 2, MESSAGE_REPLY, slice_text("r")));
    assert_false(net_reply(nodes[0].net, 1, 1, MESSAGE_REPLY, slice_text("r")));
    /* a newer link takes the session over, and the old one's end says nothing about it */
    connect_client(&second, 0);
    stranger_send(&second, MESSAGE_REQUEST, slice_of(session_1, 8));
    assert_goodbye(&first, "08006");
    stranger_close(&first);
    WAIT_FOR(status_value("links") == 1);
    assert_int_equal(nodes[0].gone, 0);
    assert_true(net_reply(nodes[0].net, 0, 1, MESSAGE_REPLY, slice_text("r")));
    /* a second session on one link */
    stranger_send(&second, MESSAGE_REQUEST, slice_of(session_2, 8));
    assert_goodbye(&second, "08P01");
    stranger_close(&second);
    WAIT_FOR(nodes[0].gone == 1);
    assert_int_equal(nodes[0].gone_session, 1);
}

static void test_links_of_one_key_are_limited(void **state)
{
    struct stranger s[8], one_more;
    for (unsigned i = 0; i < 8; i++)
        connect_client(&s[i], 0);
    connect_stranger(&one_more);
    assert_true(stranger_handshake(&one_more, config, client_keys[0]));
    assert_true(stranger_hello(&one_more, config, HELLO_CLIENT, 0));
    assert_goodbye(&one_more, "53300");
    stranger_close(&one_more);
    assert_serves(); /* another key's client */
    for (unsigned i = 0; i < 8; i++)
        stranger_close(&s[i]);
    WAIT_FOR(status_value("client_links") == 0);
    connect_client(&one_more, 0);
    stranger_close(&one_more);
}

/* ---- slow and greedy ends ---- */

static void test_a_slow_reader_is_bounded(void **state)
{
    struct stranger s;
    static uint8_t chunk[RESULT_CHUNK_BYTES];
    static const uint8_t session[8] = {[7] = 1};
    nodes[0].take_sessions = true;
    connect_client(&s, 0);
    stranger_send(&s, MESSAGE_REQUEST, slice_of(session, 8));
    WAIT_FOR(nodes[0].client_messages == 1);
    size_t taken = 0;
    struct slice rows = slice_of(chunk, sizeof chunk);
    while (taken < (256u << 20) && net_offer(nodes[0].net, 0, 1, MESSAGE_RESULT_ROWS, rows)) {
        taken += sizeof chunk;
        turn();
    }
    assert_in_range(taken, RESULT_BYTES_MAX, CLIENT_QUEUE_BYTES_MAX + (32u << 20));
    /* it is not read from meanwhile */
    for (unsigned i = 0; i < 3; i++)
        stranger_send(&s, MESSAGE_REQUEST, slice_of(session, 8));
    for (unsigned i = 0; i < 100; i++) {
        turn();
        usleep(500);
    }
    assert_int_equal(nodes[0].client_messages, 1);
    nodes[0].client_messages = 0;
    assert_serves();
    /* and goes on when it reads again */
    struct frame frame;
    size_t received = 0;
    while (received < taken && stranger_receive(&s, &frame))
        received += frame.body.size;
    assert_int_equal(received, taken);
    WAIT_FOR(nodes[0].client_messages >= 3);
    stranger_close(&s);
}

static void test_who_takes_nothing_is_dropped(void **state)
{
    struct stranger s;
    static uint8_t chunk[RESULT_CHUNK_BYTES];
    static const uint8_t session[8] = {[7] = 1};
    nodes[0].take_sessions = true;
    connect_client(&s, 0);
    stranger_send(&s, MESSAGE_REQUEST, slice_of(session, 8));
    WAIT_FOR(nodes[0].client_messages == 1);
    struct slice rows = slice_of(chunk, sizeof chunk);
    unsigned sent = 0;
    while (sent < 4096 && net_reply(nodes[0].net, 0, 1, MESSAGE_STATUS_TEXT, rows)) {
        sent++;
        turn();
    }
    assert_in_range(sent, 1, 4095);
    WAIT_FOR(status_value("links_ended_full") == 1);
    assert_int_equal(nodes[0].gone, 1);
    stranger_close(&s);
    assert_serves();
}

/* How much memory this process uses, in bytes. */
static size_t resident(void)
{
    unsigned long size, pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%lu %lu", &size, &pages) != 2)
        pages = 0;
    if (file)
        fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void test_a_flood_stays_within_its_memory(void **state)
{
    struct stranger s;
    static uint8_t body[1 << 20];
    connect_client(&s, 0);
    size_t before = resident();
    for (unsigned i = 0; i < 48; i++)
        assert_true(stranger_send(&s, MESSAGE_OPERATION, slice_of(body, sizeof body)));
    WAIT_FOR(nodes[0].client_messages == 48);
    if (!SANITIZED)
        assert_true(resident() < before + (16u << 20));
    for (unsigned i = 0; i < 100000; i++) /* many small ones in few records */
        memcpy(body + 5 * i, "\0\0\0\0\x0c", 5);
    assert_true(stranger_write(&s, body, 500000));
    WAIT_FOR(nodes[0].client_messages == 48 + 100000);
    stranger_close(&s);
}

/* What one iteration of the loop takes from one link is limited, whatever waits in its socket. */
static void test_a_flood_does_not_starve_others(void **state)
{
    enum { FRAMES = 100, BODY = 4096 };
    struct stranger s;
    static uint8_t frames[FRAMES * (FRAME_HEADER_BYTES + BODY)];
    connect_client(&s, 0);
    for (unsigned i = 0; i < FRAMES; i++) /* the kernel's window grows with what is read quickly */
        assert_true(stranger_send(&s, MESSAGE_OPERATION, slice_of(frames, sizeof frames)));
    WAIT_FOR(nodes[0].client_messages == FRAMES);
    nodes[0].client_messages = 0;
    for (unsigned i = 0; i < FRAMES; i++)
        frame_header_put(frames + i * (FRAME_HEADER_BYTES + BODY), MESSAGE_OPERATION, BODY);
    /* into the sockets' buffers, without a turn of the loop */
    for (size_t sent = 0; sent < sizeof frames;) {
        int size = SSL_write(s.ssl, frames + sent, (int)(sizeof frames - sent));
        assert_true(size > 0);
        sent += (size_t)size;
    }
    unsigned turns = 0;
    while (nodes[0].client_messages < FRAMES && turns < 10000) {
        size_t before = nodes[0].bytes;
        ev_run(loop, EVRUN_NOWAIT);
        assert_in_range(nodes[0].bytes - before, 0, CLIENT_READ_BYTES + READ_SCRATCH_BYTES + BODY);
        turns++;
    }
    assert_int_equal(nodes[0].client_messages, FRAMES);
    assert_in_range(turns, sizeof frames / (CLIENT_READ_BYTES + READ_SCRATCH_BYTES), 9999);
    stranger_close(&s);
}

/* Small messages may be dear. However many links send them, the loop comes around soon, and who
 * asks little is not made to wait for them all. */
static void test_dear_messages_do_not_starve_others(void **state)
{
    enum { LINKS = 7, MESSAGES = 2000, BODY = 80, FRAME = FRAME_HEADER_BYTES + BODY };
    struct stranger s[LINKS], other;
    static uint8_t flood[MESSAGES * FRAME];
    for (unsigned i = 0; i < MESSAGES; i++)
        frame_header_put(flood + i * FRAME, MESSAGE_OPERATION, BODY);
    for (unsigned i = 0; i < LINKS; i++)
        connect_client(&s[i], 0);
    connect_client(&other, 1);
    nodes[0].cost_us = 100;
    for (unsigned i = 0; i < LINKS; i++)
        for (size_t sent = 0; sent < sizeof flood; sent += FRAME * 100)
            assert_int_equal(SSL_write(s[i].ssl, flood + sent, FRAME * 100), FRAME * 100);
    assert_int_equal(SSL_write(other.ssl, "\0\0\0\1\x0c!", 6), 6);
    ev_tstamp longest = 0, asked = ev_time(), answered = 0;
    for (unsigned i = 0; i < 10000 && nodes[0].client_messages <= LINKS * MESSAGES; i++) {
        ev_tstamp begun = ev_time();
        turn();
        longest = ev_time() - begun > longest ? ev_time() - begun : longest;
        if (answered == 0 && nodes[0].bytes % BODY != 0)
            answered = ev_time();
    }
    assert_int_equal(nodes[0].client_messages, LINKS * MESSAGES + 1);
    /* all together cost 1.4 s, a link's 64 KiB 80 ms; the limit for clients is 20 ms */
    assert_true(longest < 0.3);
    assert_true(answered - asked < 0.5);
    for (unsigned i = 0; i < LINKS; i++)
        stranger_close(&s[i]);
    stranger_close(&other);
}

/* TLS's own messages need no frame and no answer, and cost a key derivation each. */
static void test_key_updates_do_not_hold_the_loop(void **state)
{
    enum { UPDATES = 10000 };
    struct stranger s;
    char *bytes;
    int buffer = 4 << 20;
    connect_client(&s, 0);
    setsockopt(s.fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    SSL_set0_wbio(s.ssl, BIO_new(BIO_s_mem()));
    for (unsigned i = 0; i < UPDATES; i++) {
        assert_int_equal(SSL_key_update(s.ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
        assert_int_equal(SSL_do_handshake(s.ssl), 1);
    }
    assert_int_equal(SSL_write(s.ssl, "\0\0\0\0\x0c", 5), 5); /* a message behind them all */
    long size = BIO_get_mem_data(SSL_get_wbio(s.ssl), &bytes);
    assert_int_equal(write(s.fd, bytes, (size_t)size), size);
    unsigned turns = 0;
    while (nodes[0].client_messages == 0 && turns < 100000) {
        turn();
        turns++;
    }
    assert_in_range(turns, 5, 99999);
    stranger_close(&s);
    assert_serves();
}

/* What counts is how long one message takes, not how long messages follow each other. */
static void test_a_busy_link_is_not_a_slow_one(void **state)
{
    struct stranger s;
    connect_client(&s, 0);
    nodes[0].old_frames = true;
    assert_true(stranger_write(&s, "\0\0\0\0\x0c\0\0\0\1", 9));
    WAIT_FOR(nodes[0].client_messages == 1);
    for (unsigned i = 0; i < 50; i++) { /* two sweeps */
        turn();
        usleep(10000);
    }
    assert_int_equal(status_value("links_ended_timeout"), 0);
    assert_true(stranger_write(&s, "\x0c!", 2));
    WAIT_FOR(nodes[0].client_messages == 2);
    stranger_close(&s);
}

/* When clients' links hold too much together, it is who holds the most that must go. */
static void test_the_greediest_makes_room(void **state)
{
    enum { LINKS = 3, HALF = 2048 };
    struct stranger greedy[LINKS], modest;
    static uint8_t part[300 << 10];
    connect_client(&modest, 1);
    assert_true(stranger_send(&modest, MESSAGE_OPERATION, slice_text("x")));
    WAIT_FOR(nodes[0].client_messages == 1);
    for (unsigned i = 0; i < LINKS; i++) {
        frame_header_put(part, MESSAGE_OPERATION, sizeof part);
        connect_client(&greedy[i], 0);
        assert_true(stranger_write(&greedy[i], part, sizeof part)); /* some bytes are lacking */
    }
    WAIT_FOR(nodes[0].links->held >= LINKS * sizeof part);
    nodes[0].links->held_max = nodes[0].links->held; /* not a byte more */
    frame_header_put(part, MESSAGE_OPERATION, 2 * HALF);
    assert_true(stranger_write(&modest, part, FRAME_HEADER_BYTES + HALF));
    WAIT_FOR(status_value("links_ended_full") == 1);
    assert_true(stranger_write(&modest, part, HALF));
    WAIT_FOR(nodes[0].client_messages == 2);
    assert_int_equal(status_value("client_links"), LINKS);
    for (unsigned i = 0; i < LINKS; i++)
        stranger_close(&greedy[i]);
    stranger_close(&modest);
}

static void test_silent_connections_make_room(void **state)
{
    struct stranger silent[HANDSHAKES_MAX + 6];
    for (unsigned i = 0; i < HANDSHAKES_MAX + 6; i++) {
        connect_stranger(&silent[i]);
        turn();
    }
    assert_serves();
    assert_in_range(status_value("links"), 1, HANDSHAKES_MAX);
    for (unsigned i = 0; i < HANDSHAKES_MAX + 6; i++)
        stranger_close(&silent[i]);
}

static void test_a_handshake_takes_its_time_only(void **state)
{
    struct stranger s;
    connect_stranger(&s);
    WAIT_FOR(status_value("links") == 1);
    ev_tstamp start = ev_time();
    while (status_value("links_ended_timeout") == 0 && ev_time() - start < 10) {
        turn();
        usleep(10000);
    }
    assert_int_equal(status_value("links_ended_timeout"), 1);
    assert_true(ev_time() - start > HANDSHAKE_SECONDS - 1);
    stranger_close(&s);
}

/* ---- replicas ---- */

static void test_replicas_find_each_other(void **state)
{
    for (unsigned i = 1; i < REPLICAS; i++)
        start_node(i);
    for (unsigned i = 0; i < REPLICAS; i++)
        WAIT_FOR(nodes[i].up == REPLICAS - 1);
    net_send(nodes[2].net, PBFT_TO_ALL, MESSAGE_STATUS, slice_text("all"));
    net_send(nodes[2].net, 1, MESSAGE_STATUS, slice_text("one"));
    WAIT_FOR(
        nodes[0].peer_messages == 1 && nodes[1].peer_messages == 2 && nodes[3].peer_messages == 1);
    assert_int_equal(nodes[2].peer_messages, 0);
}

static void test_a_restarted_replica_is_found_again(void **state)
{
    start_node(1);
    WAIT_FOR(nodes[0].up == 1 && nodes[1].up == 1);
    stop_node(0); /* replica 1 dials it again */
    WAIT_FOR(nodes[1].down == 1);
    start_node(0);
    WAIT_FOR(nodes[0].up == 1 && nodes[1].up == 2);
    stop_node(1); /* replica 0 waits to be dialled */
    WAIT_FOR(nodes[0].down == 1);
    start_node(1);
    WAIT_FOR(nodes[0].up == 2 && nodes[1].up == 1);
}

static void test_a_silent_replica_is_dropped_and_dialled_again(void **state)
{
    start_node(1);
    WAIT_FOR(nodes[0].up == 1 && nodes[1].up == 1);
    WAIT_FOR(nodes[1].down >= 1); /* nobody sends STATUS here */
    WAIT_FOR(nodes[1].up >= 2);
    /* who says something stays */
    unsigned down = nodes[1].down;
    for (unsigned i = 0; i < 60; i++) {
        net_send(nodes[0].net, 1, MESSAGE_STATUS, slice_text("s"));
        net_send(nodes[1].net, 0, MESSAGE_STATUS, slice_text("s"));
        turn();
        usleep(20000);
    }
    assert_int_equal(nodes[1].down, down);
}

static void test_a_lying_replica_is_dropped(void **state)
{
    start_node(1);
    WAIT_FOR(nodes[0].up == 1 && nodes[1].up == 1);
    net_send(nodes[1].net, 0, MESSAGE_REPLY, slice_text("replicas do not send this"));
    WAIT_FOR(nodes[0].down == 1);
    assert_int_equal(status_value("links_ended_malformed"), 1);
}

static void connect_replica(struct stranger *s, unsigned replica)
{
    connect_stranger(s);
    assert_true(stranger_handshake(s, config, replica_keys[replica]));
    assert_true(stranger_hello(s, config, HELLO_REPLICA, replica));
}

/* A replica with a valid key that sends without end costs time, never memory. */
static void test_a_flooding_replica_stays_within_its_memory(void **state)
{
    struct stranger s;
    static uint8_t body[FRAME_BODY_BYTES_MAX];
    connect_replica(&s, 3);
    WAIT_FOR(nodes[0].up == 1);
    size_t before = resident();
    for (unsigned i = 0; i < 64; i++)
        assert_true(stranger_send(&s, MESSAGE_STATUS, slice_of(body, sizeof body)));
    WAIT_FOR(nodes[0].peer_messages == 64);
    if (!SANITIZED)
        assert_true(resident() < before + (32u << 20));
    uint8_t header[FRAME_HEADER_BYTES] = {0xff, 0xff, 0xff, 0xff, MESSAGE_STATUS};
    assert_true(stranger_write(&s, header, sizeof header));
    assert_goodbye(&s, "08P01");
    stranger_close(&s);
    WAIT_FOR(nodes[0].down == 1);
    assert_serves();
}

static void test_a_second_link_takes_the_place_of_the_first(void **state)
{
    struct stranger first, second;
    connect_replica(&first, 3);
    WAIT_FOR(nodes[0].up == 1);
    connect_replica(&second, 3);
    WAIT_FOR(nodes[0].up == 2);
    assert_goodbye(&first, "08006");
    stranger_close(&first);
    WAIT_FOR(status_value("links") == 1);
    assert_int_equal(nodes[0].down, 0);
    net_send(nodes[0].net, 3, MESSAGE_STATUS, slice_text("x"));
    struct frame frame;
    assert_true(stranger_receive(&second, &frame));
    assert_int_equal(frame.type, MESSAGE_HELLO);
    assert_true(stranger_receive(&second, &frame));
    assert_int_equal(frame.type, MESSAGE_STATUS);
    stranger_close(&second);
    WAIT_FOR(nodes[0].down == 1);
}

static void test_the_lower_number_does_not_dial(void **state)
{
    struct stranger s;
    stop_node(0);
    start_node(2); /* listens where replica 2 is configured */
    stranger_connect(&s, config->replicas[2].port, turn);
    assert_true(stranger_handshake(&s, config, replica_keys[0]));
    assert_true(stranger_hello(&s, config, HELLO_REPLICA, 0));
    assert_goodbye(&s, "08004");
    stranger_close(&s);
    assert_int_equal(nodes[2].up, 0);
}

static void test_an_orderly_stop_says_goodbye(void **state)
{
    struct stranger s, late;
    struct frame frame;
    connect_client(&s, 0);
    net_stop_clients(nodes[0].net);
    stranger_send(&s, MESSAGE_STATUS_QUERY, slice_text(""));
    for (unsigned i = 0; i < 50; i++)
        turn();
    assert_int_equal(nodes[0].client_messages, 0);
    late.fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(config->replicas[0].port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_not_equal(connect(late.fd, (struct sockaddr *)&address, sizeof address), 0);
    close(late.fd);
    net_close_all(nodes[0].net, "57P01", "the replica is shutting down");
    assert_goodbye(&s, "57P01");
    assert_false(stranger_receive(&s, &frame));
    stranger_close(&s);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_client_is_served),
        TEST(test_another_configuration_is_refused),
        TEST(test_another_name_is_refused),
        TEST(test_hello_comes_first),
        TEST(test_an_unknown_key_is_refused),
        TEST(test_garbage_is_dropped),
        TEST(test_an_oversize_frame_ends_the_link),
        TEST(test_a_link_carries_one_session),
        TEST(test_links_of_one_key_are_limited),
        TEST(test_a_slow_reader_is_bounded),
        TEST(test_who_takes_nothing_is_dropped),
        TEST(test_a_flood_stays_within_its_memory),
        TEST(test_a_flood_does_not_starve_others),
        TEST(test_dear_messages_do_not_starve_others),
        TEST(test_key_updates_do_not_hold_the_loop),
        TEST(test_a_busy_link_is_not_a_slow_one),
        TEST(test_the_greediest_makes_room),
        TEST(test_silent_connections_make_room),
        TEST(test_a_handshake_takes_its_time_only),
        TEST(test_replicas_find_each_other),
        TEST(test_a_restarted_replica_is_found_again),
        TEST(test_a_silent_replica_is_dropped_and_dialled_again),
        TEST(test_a_lying_replica_is_dropped),
        TEST(test_a_flooding_replica_stays_within_its_memory),
        TEST(test_a_second_link_takes_the_place_of_the_first),
        TEST(test_the_lower_number_does_not_dial),
        TEST(test_an_orderly_stop_says_goodbye),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
