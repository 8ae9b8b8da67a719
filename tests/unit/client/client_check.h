/* What the tests with a pretended cluster have in common. */
#ifndef BYZ_CLIENT_CHECK_H
#define BYZ_CLIENT_CHECK_H

#include "client/byzclient.h"
#include "tests/unit/client/fake_cluster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* Short time-outs, so that tests of silence end soon; more keywords may override them. */
static inline byz_conn *try_connect(const struct fake_cluster *cluster, const char *more)
{
    char conninfo[1024];
    snprintf(conninfo, sizeof conninfo,
        "%s connect_timeout=5 request_timeout=5 operation_timeout=1 %s", cluster->conninfo, more);
    return byz_connect(conninfo);
}

static inline byz_conn *connect_to(const struct fake_cluster *cluster, const char *more)
{
    byz_conn *conn = try_connect(cluster, more);
    if (byz_status(conn) != BYZ_CONNECTION_OK)
        fail_msg("not connected: %s", byz_error_message(conn));
    return conn;
}

#define assert_good(conn, call)                                                                    \
    do {                                                                                           \
        if ((call) != 0)                                                                           \
            fail_msg("%s: %s: %s", #call, byz_sqlstate(conn), byz_error_message(conn));            \
    } while (false)

#define assert_error(conn, call, code)                                                             \
    do {                                                                                           \
        assert_int_equal((call), -1);                                                              \
        if (strcmp(byz_sqlstate(conn), code) != 0)                                                 \
            fail_msg("%s: %s: %s", #call, byz_sqlstate(conn), byz_error_message(conn));            \
    } while (false)

#define assert_contains(text, part)                                                                \
    do {                                                                                           \
        const char *text_ = (text);                                                                \
        if (strstr(text_, part) == NULL)                                                           \
            fail_msg("\"%s\" does not contain \"%s\"", text_, part);                               \
    } while (false)

/* Runs a statement and returns its SQLSTATE, "00000" after success. */
static inline const char *sqlstate_of(byz_conn *conn, const char *sql)
{
    static _Thread_local char sqlstate[6];
    byz_result *result = byz_exec(conn, sql);
    snprintf(sqlstate, sizeof sqlstate, "%s", byz_result_sqlstate(result));
    assert_int_equal(byz_result_ok(result), strcmp(sqlstate, "00000") == 0);
    byz_clear(result);
    return sqlstate;
}

static inline double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

#endif
