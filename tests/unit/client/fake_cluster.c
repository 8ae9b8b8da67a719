#include "tests/unit/client/fake_cluster.h"

#include "common/tls.h"
#include "tests/unit/client/fake_answers.h"

#include <arpa/inet.h>
#include <assert.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- frames on a blocking link ---- */

bool fake_send_raw(SSL *ssl, const void *data, size_t size)
{
    const uint8_t *at = data;
    while (size > 0) {
        int sent = SSL_write(ssl, at, size > 16384 ? 16384 : (int)size);
        if (sent <= 0)
            return false;
        at += sent;
        size -= (size_t)sent;
    }
    return true;
}

bool fake_send(SSL *ssl, enum message_type type, const struct buffer *body)
{
    struct buffer frame = BUFFER_INIT(FRAME_HEADER_BYTES + FRAME_BODY_BYTES_MAX);
    assert(!body->failed);
    put_u32(&frame, (uint32_t)body->size);
    put_u8(&frame, (uint8_t)type);
    put_raw(&frame, body->data, body->size);
    bool sent = !frame.failed && fake_send_raw(ssl, frame.data, frame.size);
    buffer_free(&frame);
    return sent;
}

static bool receive_raw(SSL *ssl, void *out, size_t size)
{
    uint8_t *at = out;
    while (size > 0) {
        int got = SSL_read(ssl, at, size > 16384 ? 16384 : (int)size);
        if (got <= 0)
            return false;
        at += got;
        size -= (size_t)got;
    }
    return true;
}

/* The body is the caller's to free. */
static bool receive(SSL *ssl, uint8_t *ret_type, struct buffer *ret_body)
{
    uint8_t header[FRAME_HEADER_BYTES];
    buffer_init(ret_body, FRAME_BODY_BYTES_MAX);
    if (!receive_raw(ssl, header, sizeof header))
        return false;
    struct reader r = reader_of(slice_of(header, sizeof header));
    uint32_t size = get_u32(&r);
    *ret_type = get_u8(&r);
    assert(size <= FRAME_BODY_BYTES_MAX); /* the library is honest */
    if (!buffer_reserve(ret_body, size + 1))
        return false;
    ret_body->size = size;
    return receive_raw(ssl, ret_body->data, size);
}

/* ---- a link ---- */

static bool greet(struct fake_link *link, SSL *ssl)
{
    struct fake_replica *replica = link->replica;
    struct buffer body = BUFFER_INIT(1024);
    bool good;
    if (replica->mode == FAKE_GOODBYE) {
        struct goodbye goodbye = {.text = slice_text("going home")};
        memcpy(goodbye.sqlstate, "57P03", 5);
        goodbye_encode(&body, &goodbye);
        good = fake_send(ssl, MESSAGE_GOODBYE, &body) && false;
    } else {
        struct hello hello = {.version = PROTOCOL_VERSION,
            .role = HELLO_REPLICA,
            .id = (uint16_t)(replica->mode == FAKE_HELLO_WRONG ? replica->index ^ 1
                                                               : replica->index)};
        memcpy(hello.cluster, replica->cluster->config->digest, DIGEST_BYTES);
        hello_encode(&body, &hello);
        good = fake_send(ssl, MESSAGE_HELLO, &body);
    }
    buffer_free(&body);
    uint8_t type;
    good = good && receive(ssl, &type, &body) && type == MESSAGE_HELLO;
    buffer_free(&body);
    return good;
}

static bool serve_frame(struct fake_link *link, SSL *ssl, uint8_t type, struct slice body)
{
    switch (type) {
    case MESSAGE_REQUEST:
        link->replica->requests++;
        return fake_answer_request(link, ssl, body);
    case MESSAGE_OPERATION:
        link->replica->operations++;
        return fake_answer_operation(link, ssl, body);
    case MESSAGE_CANCEL:
        link->replica->cancels++;
        return true;
    case MESSAGE_QUERY:
        return fake_answer_query(link, ssl, body);
    case MESSAGE_STATUS_QUERY:
        return fake_answer_status(link, ssl);
    }
    return false;
}

static void serve(struct fake_link *link, SSL *ssl)
{
    bool good = greet(link, ssl);
    while (good) {
        uint8_t type;
        struct buffer body;
        good = receive(ssl, &type, &body) && serve_frame(link, ssl, type, buffer_slice(&body));
        buffer_free(&body);
    }
}

/* Waits until the link is shut down from outside or by the client. */
static void stall(int fd)
{
    char byte[4096];
    while (recv(fd, byte, sizeof byte, 0) > 0)
        continue;
}

static void *link_main(void *argument)
{
    struct fake_link *link = argument;
    if (link->replica->mode == FAKE_HANDSHAKE_STALLS) {
        stall(link->fd);
    } else if (link->replica->mode == FAKE_TLS_GARBAGE) {
        char garbage[5000];
        memset(garbage, 0x16, sizeof garbage);
        send(link->fd, garbage, sizeof garbage, MSG_NOSIGNAL);
        stall(link->fd);
    } else {
        SSL *ssl = SSL_new(link->replica->tls);
        SSL_set_fd(ssl, link->fd);
        if (SSL_accept(ssl) == 1)
            serve(link, ssl);
        SSL_free(ssl);
    }
    shutdown(link->fd, SHUT_RDWR); /* closed when the thread is joined */
    pthread_mutex_lock(&link->replica->cluster->lock);
    link->stopped = true;
    pthread_mutex_unlock(&link->replica->cluster->lock);
    return NULL;
}

/* ---- a replica ---- */

static void start_link(struct fake_replica *replica, int fd)
{
    struct fake_cluster *cluster = replica->cluster;
    struct fake_link *link = NULL;
    pthread_mutex_lock(&cluster->lock);
    for (int i = 0; i < FAKE_LINKS_MAX && link == NULL; i++) {
        if (cluster->links[i].used && cluster->links[i].stopped) {
            pthread_join(cluster->links[i].thread, NULL);
            close(cluster->links[i].fd);
            cluster->links[i] = (struct fake_link){0};
        }
        if (!cluster->links[i].used)
            link = &cluster->links[i];
    }
    assert(link != NULL);
    *link = (struct fake_link){.replica = replica, .fd = fd, .used = true};
    int failed = pthread_create(&link->thread, NULL, link_main, link);
    assert(failed == 0);
    pthread_mutex_unlock(&cluster->lock);
}

static void *replica_main(void *argument)
{
    struct fake_replica *replica = argument;
    while (true) {
        int fd = accept4(replica->listen_fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            return NULL;
        replica->connections++;
        start_link(replica, fd);
    }
}

static void listen_on(struct fake_replica *replica, uint16_t port)
{
    int on = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    replica->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(replica->listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    int failed = bind(replica->listen_fd, (struct sockaddr *)&address, sizeof address);
    assert(failed == 0);
    failed = listen(replica->listen_fd, 64);
    assert(failed == 0);
}

static uint16_t port_of(const struct fake_replica *replica)
{
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    int failed = getsockname(replica->listen_fd, (struct sockaddr *)&address, &size);
    assert(failed == 0);
    return ntohs(address.sin_port);
}

/* Its threads must not be killed by SIGPIPE; the test's own thread keeps the default on purpose. */
static void start_replica(struct fake_replica *replica)
{
    sigset_t pipe_signal, before;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
    int failed = pthread_create(&replica->thread, NULL, replica_main, replica);
    assert(failed == 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void fake_disconnect(struct fake_cluster *cluster, unsigned replica)
{
    pthread_mutex_lock(&cluster->lock);
    for (int i = 0; i < FAKE_LINKS_MAX; i++)
        if (cluster->links[i].used && cluster->links[i].replica == &cluster->replicas[replica])
            shutdown(cluster->links[i].fd, SHUT_RDWR);
    pthread_mutex_unlock(&cluster->lock);
}

void fake_take_down(struct fake_cluster *cluster, unsigned replica)
{
    struct fake_replica *r = &cluster->replicas[replica];
    shutdown(r->listen_fd, SHUT_RDWR);
    pthread_join(r->thread, NULL);
    close(r->listen_fd);
    r->listen_fd = -1;
    fake_disconnect(cluster, replica);
}

void fake_bring_up(struct fake_cluster *cluster, unsigned replica)
{
    listen_on(&cluster->replicas[replica], cluster->config->replicas[replica].port);
    start_replica(&cluster->replicas[replica]);
}

void fake_set(struct fake_cluster *cluster, unsigned replica, enum fake_mode mode)
{
    cluster->replicas[replica].mode = (int)mode;
}

void fake_forget(struct fake_cluster *cluster, int count)
{
    for (unsigned i = 0; i < cluster->config->replica_count; i++)
        cluster->replicas[i].to_forget = count;
}

/* ---- the cluster ---- */

static void path_in(const struct fake_cluster *cluster, const char *name, char *out, size_t size)
{
    snprintf(out, size, "%s/%s", cluster->directory, name);
}

static void write_files(
    struct fake_cluster *cluster, struct config *config, const struct private_key *client)
{
    char path[128], error[512] = "";
    config->clients = calloc(1, sizeof *config->clients);
    config->client_count = 1;
    snprintf(config->clients[0].name, sizeof config->clients[0].name, "demo");
    private_key_public(client, config->clients[0].public_key);
    path_in(cluster, "demo.key", path, sizeof path);
    bool good = private_key_save(client, path, error, sizeof error);
    path_in(cluster, "cluster.conf", path, sizeof path);
    good = good && config_save(config, path, error, sizeof error);
    if (good)
        cluster->config = config_load(path, error, sizeof error);
    if (cluster->config == NULL)
        fprintf(stderr, "fake cluster: %s\n", error);
    assert(cluster->config != NULL);
    free(config->clients);
}

static struct private_key *describe_replica(struct fake_replica *replica, struct config *config)
{
    struct config_replica *described = &config->replicas[replica->index];
    struct private_key *key = private_key_generate();
    listen_on(replica, 0);
    snprintf(described->host, sizeof described->host, "127.0.0.1");
    described->port = port_of(replica);
    private_key_public(key, described->public_key);
    return key;
}

struct fake_cluster *fake_cluster_start(unsigned faults)
{
    static struct config config;
    struct private_key *keys[REPLICAS_MAX], *client = private_key_generate();
    struct fake_cluster *cluster = calloc(1, sizeof *cluster);
    char error[256];
    cluster->begun_epoch = 5;
    memset(&config, 0, sizeof config);
    config_defaults(&config);
    pthread_mutex_init(&cluster->lock, NULL);
    snprintf(cluster->directory, sizeof cluster->directory, "/tmp/byzclient-test-XXXXXX");
    char *made = mkdtemp(cluster->directory);
    assert(made != NULL);
    snprintf(config.name, sizeof config.name, "fake");
    snprintf(config.database, sizeof config.database, "fake");
    config.faults = faults;
    config.replica_count = 3 * faults + 1;
    for (unsigned i = 0; i < config.replica_count; i++) {
        cluster->replicas[i].cluster = cluster;
        cluster->replicas[i].index = i;
        cluster->replicas[i].epoch = 5;
        keys[i] = describe_replica(&cluster->replicas[i], &config);
    }
    write_files(cluster, &config, client);
    for (unsigned i = 0; i < config.replica_count; i++) {
        cluster->replicas[i].tls =
            tls_context_new(cluster->config, keys[i], true, error, sizeof error);
        assert(cluster->replicas[i].tls != NULL);
        private_key_free(keys[i]);
        start_replica(&cluster->replicas[i]);
    }
    private_key_free(client);
    snprintf(cluster->conninfo, sizeof cluster->conninfo,
        "config=%s/cluster.conf client=demo key=%s/demo.key ", cluster->directory,
        cluster->directory);
    return cluster;
}

static void remove_files(const struct fake_cluster *cluster)
{
    static const char *const names[] = {"cluster.conf", "demo.key"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[128];
        path_in(cluster, names[i], path, sizeof path);
        unlink(path);
    }
    rmdir(cluster->directory);
}

void fake_cluster_stop(struct fake_cluster *cluster)
{
    for (unsigned i = 0; i < cluster->config->replica_count; i++)
        if (cluster->replicas[i].listen_fd >= 0)
            fake_take_down(cluster, i);
    for (int i = 0; i < FAKE_LINKS_MAX; i++) {
        if (!cluster->links[i].used)
            continue;
        pthread_join(cluster->links[i].thread, NULL);
        close(cluster->links[i].fd);
    }
    for (unsigned i = 0; i < cluster->config->replica_count; i++)
        SSL_CTX_free(cluster->replicas[i].tls);
    remove_files(cluster);
    config_free(cluster->config);
    pthread_mutex_destroy(&cluster->lock);
    free(cluster);
}
