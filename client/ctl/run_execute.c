/* Running the transactions of a plan. */
#include "client/ctl/run_script.h"

#include "client/ctl/ctl.h"
#include "client/ctl/process.h"
#include "client/ctl/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How one attempt at a transaction ended. */
enum attempt { ATTEMPT_INVALID = 0, ATTEMPT_DONE, ATTEMPT_AGAIN, ATTEMPT_FAILED };

/* A result with rows, or what COPY TO wrote. */
struct shown {
    byz_result *result;
    char *text;
    size_t size;
};

struct runner {
    const struct run_plan *plan;
    const struct run_options *options;
    byz_conn *conn;
    struct progress progress;
    struct shown *rows; /* of the open transaction, shown after COMMIT */
    size_t row_count;
    size_t row_room;
    size_t done; /* statements */
};

static void complain(
    struct runner *r, unsigned line, const char *sqlstate, const char *message, const char *during)
{
    progress_clear(&r->progress);
    ctl_error("%s:%u: %s%s (SQLSTATE %s)", r->options->name, line, during,
        message[0] ? message : "unknown error", sqlstate);
    if (byz_suspicion(r->conn) != BYZ_SUSPICION_NONE && byz_suspect(r->conn) >= 0)
        ctl_error("replica %d is under suspicion: %s", byz_suspect(r->conn),
            byz_suspicion_message(r->conn));
}

/* Messages end in a line feed, ours do not. */
static void complain_of(
    struct runner *r, unsigned line, const byz_result *result, const char *during)
{
    const char *text = result ? byz_result_error_message(result) : byz_error_message(r->conn);
    const char *state = result ? byz_result_sqlstate(result) : byz_sqlstate(r->conn);
    char *copy = strdup(text);
    size_t length = copy ? strlen(copy) : 0;
    while (length > 0 && copy[length - 1] == '\n')
        copy[--length] = '\0';
    complain(r, line, state, copy ? copy : text, during);
    free(copy);
}

static void shown_free(struct shown *shown)
{
    byz_clear(shown->result);
    byz_free(shown->text);
}

static void rows_forget(struct runner *r)
{
    for (size_t i = 0; i < r->row_count; i++)
        shown_free(&r->rows[i]);
    r->row_count = 0;
}

/* Takes it. */
static bool rows_keep(struct runner *r, struct shown shown)
{
    if (!shown.text && byz_column_count(shown.result) == 0) {
        byz_clear(shown.result);
        return true;
    }
    if (r->row_count == r->row_room) {
        size_t room = r->row_room ? 2 * r->row_room : 16;
        struct shown *more = reallocarray(r->rows, room, sizeof *more);
        if (!more) {
            shown_free(&shown);
            ctl_error("out of memory");
            return false;
        }
        r->rows = more;
        r->row_room = room;
    }
    r->rows[r->row_count++] = shown;
    return true;
}

static void rows_print(const struct shown *shown)
{
    const byz_result *result = shown->result;
    if (shown->text) {
        fwrite(shown->text, 1, shown->size, stdout);
        return;
    }
    int columns = byz_column_count(result);
    for (int row = 0; row < byz_row_count(result); row++) {
        for (int column = 0; column < columns; column++) {
            fputs(column ? "\t" : "", stdout);
            fwrite(
                byz_value(result, row, column), 1, byz_value_length(result, row, column), stdout);
        }
        putchar('\n');
    }
}

static void rows_show(struct runner *r)
{
    if (r->row_count > 0)
        progress_clear(&r->progress);
    for (size_t i = 0; i < r->row_count; i++)
        rows_print(&r->rows[i]);
    rows_forget(r);
    fflush(stdout);
}

static enum attempt attempt_of(const char *sqlstate)
{
    return strcmp(sqlstate, "40001") == 0 ? ATTEMPT_AGAIN : ATTEMPT_FAILED;
}

static enum attempt end_copy(
    struct runner *r, const struct script_statement *statement, bool again, bool last_chance)
{
    enum attempt end = again ? attempt_of(byz_sqlstate(r->conn)) : ATTEMPT_FAILED;
    if (end == ATTEMPT_FAILED || last_chance)
        complain_of(r, statement->line, NULL, "");
    return end;
}

/* What a long load has committed is not loaded again. */
static enum attempt run_copy_in(
    struct runner *r, const struct script_statement *statement, const char *sql, bool last_chance)
{
    uint64_t rows;
    bool is_alone = byz_transaction_status(r->conn) == BYZ_TRANSACTION_NONE;
    if (byz_copy_in(r->conn, sql, statement->data, statement->data_size, &rows) == 0)
        return ATTEMPT_DONE;
    bool is_partial = is_alone && rows > 0;
    enum attempt end = end_copy(r, statement, !is_partial, last_chance);
    if (is_partial)
        ctl_error("%s:%u: the first %llu rows were stored", r->options->name, statement->line,
            (unsigned long long)rows);
    return end;
}

static enum attempt run_copy_out(
    struct runner *r, const struct script_statement *statement, const char *sql, bool last_chance)
{
    struct shown shown = {.text = byz_copy_out(r->conn, sql, &shown.size)};
    if (!shown.text)
        return end_copy(r, statement, true, last_chance);
    return rows_keep(r, shown) ? ATTEMPT_DONE : ATTEMPT_FAILED;
}

static enum attempt run_sql(
    struct runner *r, const struct script_statement *statement, const char *sql, bool last_chance)
{
    byz_result *result = byz_exec(r->conn, sql);
    if (!result) {
        ctl_error("out of memory");
        return ATTEMPT_FAILED;
    }
    if (byz_result_ok(result))
        return rows_keep(r, (struct shown){.result = result}) ? ATTEMPT_DONE : ATTEMPT_FAILED;
    enum attempt end = attempt_of(byz_result_sqlstate(result));
    if (end == ATTEMPT_FAILED || last_chance)
        complain_of(r, statement->line, result, "");
    byz_clear(result);
    return end;
}

/* The library's functions want the statement as a C string. */
static enum attempt run_statement(
    struct runner *r, const struct script_statement *statement, bool last_chance)
{
    char *sql = strndup(statement->text, statement->size);
    enum attempt end = ATTEMPT_FAILED;
    if (!sql)
        ctl_error("out of memory");
    else if (statement->kind == SCRIPT_COPY_IN)
        end = run_copy_in(r, statement, sql, last_chance);
    else if (statement->kind == SCRIPT_COPY_OUT)
        end = run_copy_out(r, statement, sql, last_chance);
    else
        end = run_sql(r, statement, sql, last_chance);
    free(sql);
    return end;
}

static enum attempt run_statements(
    struct runner *r, const struct run_transaction *t, bool last_chance)
{
    enum attempt end = ATTEMPT_DONE;
    for (size_t i = 0; end == ATTEMPT_DONE && i < t->count; i++) {
        end = run_statement(r, &r->plan->statements[t->first + i], last_chance);
        if (end == ATTEMPT_DONE)
            progress_show(&r->progress, r->done + i + 1);
    }
    return end;
}

static unsigned line_of(const struct runner *r, const struct run_transaction *t)
{
    return t->count > 0 ? r->plan->statements[t->first].line : 0;
}

static enum attempt run_once(struct runner *r, const struct run_transaction *t, bool last_chance)
{
    if (t->alone)
        return run_statements(r, t, last_chance);
    if (byz_begin(r->conn)) {
        enum attempt end = attempt_of(byz_sqlstate(r->conn));
        if (end == ATTEMPT_FAILED || last_chance)
            complain_of(r, line_of(r, t), NULL, "at BEGIN: ");
        return end;
    }
    enum attempt end = run_statements(r, t, last_chance);
    if (end != ATTEMPT_DONE) {
        byz_rollback(r->conn);
        return end;
    }
    if ((t->rolled_back ? byz_rollback_verified(r->conn) : byz_commit(r->conn)) == 0)
        return ATTEMPT_DONE;
    end = attempt_of(byz_sqlstate(r->conn));
    if (end == ATTEMPT_FAILED || last_chance)
        complain_of(r, line_of(r, t), NULL,
            t->rolled_back ? "at the transaction's ROLLBACK: " : "at the transaction's COMMIT: ");
    return end;
}

static bool run_transaction(struct runner *r, const struct run_transaction *t)
{
    enum attempt end = ATTEMPT_AGAIN;
    for (unsigned tried = 0; end == ATTEMPT_AGAIN && tried <= r->options->retries; tried++) {
        if (tried > 0)
            sleep_ms(5 + (tried > 10 ? 100 : 10 * tried));
        end = run_once(r, t, tried == r->options->retries);
        if (end != ATTEMPT_DONE)
            rows_forget(r);
    }
    if (end != ATTEMPT_DONE)
        return false;
    rows_show(r);
    r->done += t->count;
    progress_show(&r->progress, r->done);
    return true;
}

bool run_plan_execute(
    const struct run_plan *plan, byz_conn *conn, const struct run_options *options)
{
    struct runner r = {.plan = plan, .options = options, .conn = conn};
    /* A few statements need no bar. */
    progress_start(&r.progress, options->name, plan->statement_count,
        options->quiet || plan->statement_count < 20);
    bool good = true;
    for (size_t i = 0; good && i < plan->transaction_count; i++)
        good = run_transaction(&r, &plan->transactions[i]);
    if (good && !r.progress.quiet && r.progress.terminal)
        fputc('\n', stderr);
    rows_forget(&r);
    free(r.rows);
    return good;
}
