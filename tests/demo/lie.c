/* For the demonstration: a client whose coordinator holds a wrong balance.
 *
 *     lie COORDINATOR FROM TO
 *
 * reads the balance of account FROM on that coordinator, moves one tenth of it to account TO and
 * commits. Ends with 0 when the transfer committed, and with 3, printing "suspect=N", when the
 * other replicas convicted replica N of a wrong result. Everything else is 1. The connection's
 * parameters come from the environment. */
#include "client/byzclient.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_SUSPECT 3

static byz_result *ask(byz_conn *conn, const char *sql, int count, const char *const *values)
{
    byz_result *result = byz_exec_params(conn, sql, count, NULL, values);
    if (result && byz_result_ok(result))
        return result;
    printf("%s: SQLSTATE %s: %s", sql, result ? byz_result_sqlstate(result) : "53200",
        result ? byz_result_error_message(result) : "out of memory\n");
    byz_clear(result);
    return NULL;
}

static bool change(byz_conn *conn, const char *account, long long amount)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", amount);
    const char *values[] = {text, account};
    byz_result *result =
        ask(conn, "UPDATE account SET balance = balance + $1 WHERE id = $2", 2, values);
    bool good = result && byz_affected_rows(result) == 1;
    byz_clear(result);
    return good;
}

/* All operations of the transfer; false when one failed. */
static bool operations(byz_conn *conn, const char *from, const char *to)
{
    byz_result *result = ask(conn, "SELECT balance FROM account WHERE id = $1", 1, &from);
    if (!result || byz_row_count(result) != 1) {
        byz_clear(result);
        return false;
    }
    long long balance = strtoll(byz_value(result, 0, 0), NULL, 10);
    byz_clear(result);
    printf("replica %d says that account %s holds %lld cents; the client moves %lld of them\n",
        byz_coordinator(conn), from, balance, balance / 10);
    return change(conn, from, -(balance / 10)) && change(conn, to, balance / 10);
}

static int judge(byz_conn *conn)
{
    printf("COMMIT fails: SQLSTATE %s: %s", byz_sqlstate(conn), byz_error_message(conn));
    if (byz_suspicion(conn) != BYZ_SUSPICION_WRONG_RESULT)
        return EXIT_FAILURE;
    printf("%s\nsuspect=%d\n", byz_suspicion_message(conn), byz_suspect(conn));
    return EXIT_SUSPECT;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: lie COORDINATOR FROM TO\n");
        return 2;
    }
    int code = EXIT_FAILURE;
    byz_conn *conn = byz_connect("");
    if (!conn || byz_status(conn) != BYZ_CONNECTION_OK ||
        byz_begin_on(conn, (int)strtol(argv[1], NULL, 10))) {
        printf("no transaction: %s", conn ? byz_error_message(conn) : "out of memory\n");
    } else if (operations(conn, argv[2], argv[3])) {
        code = byz_commit(conn) ? judge(conn) : EXIT_SUCCESS;
        if (code == EXIT_SUCCESS)
            printf("committed\n");
    }
    byz_finish(conn);
    return code;
}
