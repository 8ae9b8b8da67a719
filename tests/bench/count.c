/* Preloaded into the proxies for the explaining run only: counts what goes through libpq and TLS,
 * so that round trips and messages are known without a line in the product.
 *
 * The counters of process N are the file N in the folder BYZ_BENCH_COUNTS, mapped, so that the
 * script reads them while the process runs. A process that cannot have such a file counts nothing.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct counters {
    _Atomic uint64_t round_trips; /* groups of queries to PostgreSQL */
    _Atomic uint64_t messages;    /* writes to a TLS link: a message, or several that were ready */
    _Atomic uint64_t bytes;       /* in them */
};

static struct counters nowhere;
static struct counters *counters = &nowhere;
static int (*next_sync)(PGconn *);
static int (*next_write)(SSL *, const void *, int);

static void counters_map(void)
{
    const char *folder = getenv("BYZ_BENCH_COUNTS");
    char path[512];
    if (!folder || snprintf(path, sizeof path, "%s/%ld", folder, (long)getpid()) >= 512)
        return;
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0)
        return;
    void *map = MAP_FAILED;
    if (ftruncate(file, sizeof *counters) == 0)
        map = mmap(NULL, sizeof *counters, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (map != MAP_FAILED)
        counters = map;
}

__attribute__((constructor)) static void start(void)
{
    next_sync = (int (*)(PGconn *))dlsym(RTLD_NEXT, "PQpipelineSync");
    next_write = (int (*)(SSL *, const void *, int))dlsym(RTLD_NEXT, "SSL_write");
    if (next_sync && next_write) /* else it is byzctl or PostgreSQL, on the way to a proxy */
        counters_map();
}

int PQpipelineSync(PGconn *conn)
{
    atomic_fetch_add_explicit(&counters->round_trips, 1, memory_order_relaxed);
    return next_sync(conn);
}

int SSL_write(SSL *ssl, const void *data, int size)
{
    int written = next_write(ssl, data, size);
    if (written > 0) {
        atomic_fetch_add_explicit(&counters->messages, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&counters->bytes, (uint64_t)written, memory_order_relaxed);
    }
    return written;
}
