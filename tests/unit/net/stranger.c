#include "stranger.h"

#include "common/tls.h"

#include <arpa/inet.h>
#include <assert.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAUSE_US 200
#define WRITE_TURNS (1000000 / PAUSE_US)
#define READ_TURNS (2000000 / PAUSE_US)

static void turn(struct stranger *s)
{
    s->turn();
    usleep(PAUSE_US);
}

void stranger_connect(struct stranger *s, uint16_t port, void (*turn_loop)(void))
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    *s = (struct stranger){.turn = turn_loop};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    s->fd = socket(AF_INET, SOCK_STREAM, 0);
    int rc = connect(s->fd, (struct sockaddr *)&address, sizeof address);
    assert(rc == 0);
    fcntl(s->fd, F_SETFL, O_NONBLOCK);
    int on = 1;
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    frame_input_init(&s->input, FRAME_BODY_BYTES_MAX);
}

bool stranger_handshake(
    struct stranger *s, const struct config *config, const struct private_key *key)
{
    char error[256];
    s->context = tls_context_new(config, key, false, error, sizeof error);
    assert(s->context);
    s->ssl = SSL_new(s->context);
    SSL_set_fd(s->ssl, s->fd);
    SSL_set_connect_state(s->ssl);
    SSL_set_mode(s->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    for (unsigned i = 0; i < READ_TURNS; i++) {
        ERR_clear_error();
        int rc = SSL_do_handshake(s->ssl);
        if (rc == 1)
            return true;
        int error_code = SSL_get_error(s->ssl, rc);
        if (error_code != SSL_ERROR_WANT_READ && error_code != SSL_ERROR_WANT_WRITE)
            return false;
        turn(s);
    }
    return false;
}

bool stranger_write(struct stranger *s, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    unsigned turns = 0;
    while (size > 0 && turns < WRITE_TURNS) {
        ERR_clear_error();
        int sent = s->ssl ? SSL_write(s->ssl, at, (int)size) : (int)write(s->fd, at, size);
        if (sent > 0) {
            at += sent;
            size -= (size_t)sent;
            turns = 0;
            continue;
        }
        if (s->ssl && SSL_get_error(s->ssl, sent) != SSL_ERROR_WANT_WRITE &&
            SSL_get_error(s->ssl, sent) != SSL_ERROR_WANT_READ)
            return false;
        turns++;
        turn(s);
    }
    return size == 0;
}

bool stranger_send(struct stranger *s, uint8_t type, struct slice body)
{
    uint8_t header[FRAME_HEADER_BYTES];
    frame_header_put(header, type, body.size);
    return stranger_write(s, header, sizeof header) &&
           (body.size == 0 || stranger_write(s, body.data, body.size));
}

bool stranger_hello(
    struct stranger *s, const struct config *config, enum hello_role role, unsigned id)
{
    struct hello hello = {.version = PROTOCOL_VERSION, .role = role, .id = (uint16_t)id};
    struct buffer b = BUFFER_INIT(256);
    memcpy(hello.cluster, config->digest, DIGEST_BYTES);
    hello_encode(&b, &hello);
    bool sent = stranger_send(s, MESSAGE_HELLO, buffer_slice(&b));
    buffer_free(&b);
    return sent;
}

bool stranger_receive(struct stranger *s, struct frame *ret)
{
    for (unsigned i = 0; i < READ_TURNS; i++) {
        if (frame_take(&s->input, &s->left, ret) == FRAME_COMPLETE)
            return true;
        ERR_clear_error();
        int got = SSL_read(s->ssl, s->bytes, sizeof s->bytes);
        if (got > 0) {
            s->left = slice_of(s->bytes, (size_t)got);
            continue;
        }
        if (SSL_get_error(s->ssl, got) != SSL_ERROR_WANT_READ)
            return false;
        turn(s);
    }
    return false;
}

bool stranger_goodbye(struct stranger *s, char ret_sqlstate[static 6])
{
    struct frame frame;
    struct goodbye goodbye;
    while (stranger_receive(s, &frame)) {
        if (frame.type != MESSAGE_GOODBYE)
            continue;
        if (goodbye_decode(frame.body, &goodbye) != NULL)
            return false;
        snprintf(ret_sqlstate, 6, "%.5s", goodbye.sqlstate);
        return true;
    }
    return false;
}

void stranger_close(struct stranger *s)
{
    SSL_free(s->ssl);
    SSL_CTX_free(s->context);
    frame_input_free(&s->input);
    close(s->fd);
    *s = (struct stranger){0};
}
