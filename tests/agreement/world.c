/* What a process sees of the world, changed for a test (LD_PRELOAD).
 *
 *     BYZ_WORLD_CLOCK_S=3600            its wall clock is an hour ahead (negative: behind)
 *     BYZ_WORLD_CONNECT=7400=9001,…     what it dials at 127.0.0.1 port 7400 is port 9001: a relay
 *
 * The configuration, which all nodes share, stays as it is. Malformed values end the process: a
 * test that changes nothing must not pass. */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

#define PORTS_MAX 64

static time_t clock_offset_s;
static struct {
    uint16_t from, to;
} ports[PORTS_MAX];
static unsigned port_count;

static int (*real_clock_gettime)(clockid_t clock, struct timespec *now);
static int (*real_connect)(int fd, const struct sockaddr *address, socklen_t size);

static void malformed(const char *name)
{
    fprintf(stderr, "world: malformed %s\n", name);
    abort();
}

static void read_ports(const char *text)
{
    for (const char *at = text; *at;) {
        char *end;
        unsigned long from = strtoul(at, &end, 10);
        unsigned long to = *end == '=' ? strtoul(end + 1, &end, 10) : 0;
        if (from == 0 || from > UINT16_MAX || to == 0 || to > UINT16_MAX ||
            port_count == PORTS_MAX || (*end && *end != ','))
            malformed("BYZ_WORLD_CONNECT");
        ports[port_count].from = (uint16_t)from;
        ports[port_count++].to = (uint16_t)to;
        at = *end ? end + 1 : end;
    }
}

__attribute__((constructor)) static void world_start(void)
{
    real_clock_gettime = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    real_connect = (int (*)(int, const struct sockaddr *, socklen_t))dlsym(RTLD_NEXT, "connect");
    const char *offset = getenv("BYZ_WORLD_CLOCK_S"), *map = getenv("BYZ_WORLD_CONNECT");
    if (!real_clock_gettime || !real_connect)
        abort();
    if (offset) {
        char *end;
        clock_offset_s = (time_t)strtol(offset, &end, 10);
        if (end == offset || *end)
            malformed("BYZ_WORLD_CLOCK_S");
    }
    if (map)
        read_ports(map);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    if (!real_clock_gettime)
        world_start();
    int result = real_clock_gettime(clock, now);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += clock_offset_s;
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec fine;
    if (clock_gettime(CLOCK_REALTIME, &fine))
        return -1;
    *now = (struct timeval){.tv_sec = fine.tv_sec, .tv_usec = fine.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *ret)
{
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now))
        return -1;
    if (ret)
        *ret = now.tv_sec;
    return now.tv_sec;
}

int connect(int fd, const struct sockaddr *address, socklen_t size)
{
    struct sockaddr_in in;
    if (!address || address->sa_family != AF_INET || size < sizeof in)
        return real_connect(fd, address, size);
    memcpy(&in, address, sizeof in);
    for (unsigned i = 0; i < port_count; i++) {
        if (in.sin_addr.s_addr != htonl(INADDR_LOOPBACK) || in.sin_port != htons(ports[i].from))
            continue;
        in.sin_port = htons(ports[i].to);
        break;
    }
    return real_connect(fd, (const struct sockaddr *)&in, sizeof in);
}
