/* A file that holds what this replica says of itself, renewed every second from the event loop: for
 * whoever watches a replica on its own machine and has no client's key, a container's healthcheck
 * above all. Its age tells whether the loop still turns. */
#ifndef BYZ_PROXY_STATUS_FILE_H
#define BYZ_PROXY_STATUS_FILE_H

#include "common/codec.h"

struct ev_loop;
struct status_file;

/* Appends the text to the buffer. */
typedef void status_say(void *context, struct buffer *text);

/* `path` is borrowed. NULL with a message when the file cannot be written. */
struct status_file *status_file_new(struct ev_loop *loop, const char *path, status_say *say,
    void *context, char *ret_error, size_t error_size);
/* Removes the file. */
void status_file_free(struct status_file *file);

#endif
