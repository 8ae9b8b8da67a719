#include "client/socket_bio.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>

static bool is_temporary(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

static int channel_write(BIO *bio, const char *data, int size)
{
    const struct socket_channel *channel = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    ssize_t sent = send(channel->fd, data, (size_t)size, MSG_NOSIGNAL);
    if (sent < 0 && is_temporary(errno))
        BIO_set_retry_write(bio);
    return (int)sent;
}

static int channel_read(BIO *bio, char *out, int size)
{
    struct socket_channel *channel = BIO_get_data(bio);
    size_t wanted = (size_t)size;
    BIO_clear_retry_flags(bio);
    if (wanted > channel->read_budget)
        wanted = channel->read_budget;
    if (wanted == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    ssize_t got = recv(channel->fd, out, wanted, 0);
    if (got < 0 && is_temporary(errno))
        BIO_set_retry_read(bio);
    if (got > 0)
        channel->read_budget -= (size_t)got;
    return (int)got;
}

static long channel_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    /* Nothing is buffered here, so flushing has always happened; all else is not supported. */
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static int channel_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

BIO_METHOD *socket_bio_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "byzclient socket");
    if (method == NULL)
        return NULL;
    if (!BIO_meth_set_write(method, channel_write) || !BIO_meth_set_read(method, channel_read) ||
        !BIO_meth_set_ctrl(method, channel_control) ||
        !BIO_meth_set_create(method, channel_create)) {
        BIO_meth_free(method);
        return NULL;
    }
    return method;
}

BIO *socket_bio_new(const BIO_METHOD *method, struct socket_channel *channel)
{
    BIO *bio = BIO_new(method);
    if (bio != NULL)
        BIO_set_data(bio, channel);
    return bio;
}
