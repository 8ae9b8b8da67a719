#include "tests/system/raw_link.h"

#include "client/ctl/process.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct raw_link {
    int socket;
    SSL_CTX *context;
    SSL *ssl;
    unsigned long long until_ms;
    struct buffer frame;
};

static bool wait_for(const struct raw_link *link, short events)
{
    unsigned long long now = clock_ms();
    if (now >= link->until_ms)
        return false;
    struct pollfd wanted = {.fd = link->socket, .events = events};
    return poll(&wanted, 1, (int)(link->until_ms - now)) > 0;
}

static int dial(const struct config_replica *replica)
{
    char port[8];
    snprintf(port, sizeof port, "%u", replica->port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    if (getaddrinfo(replica->host, port, &hints, &found))
        return -1;
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) && errno != EINPROGRESS) {
        close(fd);
        fd = -1;
    }
    freeaddrinfo(found);
    return fd;
}

static bool dialled(const struct raw_link *link)
{
    int reason = 0;
    socklen_t size = sizeof reason;
    return wait_for(link, POLLOUT) &&
           getsockopt(link->socket, SOL_SOCKET, SO_ERROR, &reason, &size) == 0 && reason == 0;
}

/* True if the operation that returned `result` is to be tried again. */
static bool again(struct raw_link *link, int result)
{
    int error = SSL_get_error(link->ssl, result);
    if (error == SSL_ERROR_WANT_READ)
        return wait_for(link, POLLIN);
    return error == SSL_ERROR_WANT_WRITE && wait_for(link, POLLOUT);
}

static bool handshake(struct raw_link *link)
{
    int result;
    do {
        ERR_clear_error();
        result = SSL_connect(link->ssl);
    } while (result != 1 && again(link, result));
    return result == 1;
}

static bool write_all(struct raw_link *link, const uint8_t *data, size_t size)
{
    while (size > 0) {
        ERR_clear_error();
        int written = SSL_write(link->ssl, data, size > 16384 ? 16384 : (int)size);
        if (written > 0) {
            data += written;
            size -= (size_t)written;
        } else if (!again(link, written)) {
            return false;
        }
    }
    return true;
}

static bool read_all(struct raw_link *link, uint8_t *data, size_t size)
{
    while (size > 0) {
        ERR_clear_error();
        int got = SSL_read(link->ssl, data, size > 16384 ? 16384 : (int)size);
        if (got > 0) {
            data += got;
            size -= (size_t)got;
        } else if (!again(link, got)) {
            return false;
        }
    }
    return true;
}

static bool fail(const struct raw_link *link, const char *what, char *ret_error, size_t error_size)
{
    if (clock_ms() >= link->until_ms)
        snprintf(ret_error, error_size, "no answer in time");
    else
        snprintf(ret_error, error_size, "%s", what);
    return false;
}

bool raw_link_send(struct raw_link *link, enum message_type type, struct slice body,
    char *ret_error, size_t error_size)
{
    buffer_clear(&link->frame);
    put_u32(&link->frame, (uint32_t)body.size);
    put_u8(&link->frame, (uint8_t)type);
    put_raw(&link->frame, body.data, body.size);
    if (link->frame.failed)
        return fail(link, "message too large", ret_error, error_size);
    if (!write_all(link, link->frame.data, link->frame.size))
        return fail(link, "the replica closed the link", ret_error, error_size);
    return true;
}

bool raw_link_receive(struct raw_link *link, uint8_t *ret_type, struct slice *ret_body,
    char *ret_error, size_t error_size)
{
    uint8_t header[FRAME_HEADER_BYTES];
    if (!read_all(link, header, sizeof header))
        return fail(link, "the replica closed the link", ret_error, error_size);
    struct reader r = reader_of(slice_of(header, sizeof header));
    size_t size = get_u32(&r);
    uint8_t type = get_u8(&r);
    buffer_clear(&link->frame);
    if (size > FRAME_BODY_BYTES_MAX || !buffer_reserve(&link->frame, size + 1))
        return fail(link, "the replica sent a frame that is too large", ret_error, error_size);
    if (!read_all(link, link->frame.data, size))
        return fail(link, "the replica closed the link", ret_error, error_size);
    *ret_type = type;
    *ret_body = slice_of(link->frame.data, size);
    return true;
}

bool raw_link_write(struct raw_link *link, const void *data, size_t size)
{
    return write_all(link, data, size);
}

static bool greet(struct raw_link *link, const struct config *config, enum hello_role role,
    unsigned id, char *ret_error, size_t error_size)
{
    struct hello hello = {.version = PROTOCOL_VERSION, .role = role, .id = (uint16_t)id};
    memcpy(hello.cluster, config->digest, DIGEST_BYTES);
    struct buffer body = BUFFER_INIT(256);
    hello_encode(&body, &hello);
    bool sent = raw_link_send(link, MESSAGE_HELLO, buffer_slice(&body), ret_error, error_size);
    buffer_free(&body);
    uint8_t type = 0;
    struct slice answer;
    if (!sent || !raw_link_receive(link, &type, &answer, ret_error, error_size))
        return false;
    struct goodbye goodbye;
    if (type == MESSAGE_GOODBYE && !goodbye_decode(answer, &goodbye)) {
        snprintf(ret_error, error_size, "refused: %.*s", (int)goodbye.text.size,
            (const char *)goodbye.text.data);
        return false;
    }
    struct hello other;
    if (type != MESSAGE_HELLO || hello_decode(answer, &other))
        return fail(link, "the replica does not speak this protocol", ret_error, error_size);
    return true;
}

static bool connect_and_greet(struct raw_link *link, const struct config *config,
    enum hello_role role, unsigned id, unsigned replica, char *ret_error, size_t error_size)
{
    link->socket = dial(&config->replicas[replica]);
    if (link->socket < 0 || !dialled(link))
        return fail(link, "not reachable", ret_error, error_size);
    link->ssl = SSL_new(link->context);
    if (!link->ssl || SSL_set_fd(link->ssl, link->socket) != 1 || !handshake(link))
        return fail(link, "TLS handshake failed", ret_error, error_size);
    return greet(link, config, role, id, ret_error, error_size);
}

struct raw_link *raw_link_open_as(const struct config *config, const struct private_key *key,
    enum hello_role role, unsigned id, unsigned replica, unsigned timeout_ms, char *ret_error,
    size_t error_size)
{
    struct raw_link *link = calloc(1, sizeof *link);
    if (!link)
        return NULL;
    link->socket = -1;
    link->until_ms = clock_ms() + timeout_ms;
    buffer_init(&link->frame, FRAME_BODY_BYTES_MAX + FRAME_HEADER_BYTES + 1);
    link->context = tls_context_new(config, key, false, ret_error, error_size);
    if (!link->context ||
        !connect_and_greet(link, config, role, id, replica, ret_error, error_size)) {
        raw_link_close(link);
        return NULL;
    }
    return link;
}

struct raw_link *raw_link_open(const struct config *config, const struct private_key *key,
    unsigned client, unsigned replica, unsigned timeout_ms, char *ret_error, size_t error_size)
{
    return raw_link_open_as(
        config, key, HELLO_CLIENT, client, replica, timeout_ms, ret_error, error_size);
}

void raw_link_close(struct raw_link *link)
{
    if (!link)
        return;
    SSL_free(link->ssl);
    if (link->socket >= 0)
        close(link->socket);
    SSL_CTX_free(link->context);
    buffer_free(&link->frame);
    free(link);
}
