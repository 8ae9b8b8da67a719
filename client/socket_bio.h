/* OpenSSL's way to our sockets: like BIO_s_socket, with two differences.
 *
 * It writes with MSG_NOSIGNAL: a library must not let a replica that closed its end kill the
 * application with SIGPIPE. And it reads no more than a budget before it answers "again": a replica
 * that sends without end must not keep the caller away from the other replicas. */
#ifndef BYZ_CLIENT_SOCKET_BIO_H
#define BYZ_CLIENT_SOCKET_BIO_H

#include <openssl/bio.h>
#include <stddef.h>

/* Lives in the link; the BIO borrows it. */
struct socket_channel {
    int fd;
    size_t read_budget; /* bytes that may still be read in this round */
};

BIO_METHOD *socket_bio_method(void); /* NULL: out of memory. Free with BIO_meth_free */
BIO *socket_bio_new(const BIO_METHOD *method, struct socket_channel *channel);

#endif
