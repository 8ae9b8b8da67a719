/* byzctl run: a script through the replicated path. */
#include "client/ctl/ctl.h"

#include "client/byzclient.h"
#include "client/ctl/places.h"
#include "client/ctl/progress.h"
#include "client/ctl/run_script.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const run_usage =
    "[OPTION…] FILE\n"
    "       byzctl [-D DIR] run [OPTION…] -c STATEMENTS\n\n"
    "Runs SQL through libbyzclient, replicated and verified. Each statement is a transaction of "
    "its\n"
    "own; BEGIN, COMMIT and ROLLBACK in the script make larger ones. Rows are printed when their\n"
    "transaction has committed, tab-separated. A transaction that ends with 40001 is run again. "
    "The\n"
    "first error ends the run and names FILE:LINE and SQLSTATE; what was committed stays.\n"
    "The lines behind COPY ... FROM STDIN; are its data, up to a line \\. as in psql.\n"
    "FILE - is standard input.\n\n"
    "  -c STATEMENTS          run these instead of a file\n"
    "  --client NAME          act as this client [admin]\n"
    "  --coordinator N        have replica N execute the statements [a random one each time]\n"
    "  --batch N              put N statements into each transaction, for loading\n"
    "  --single-transaction   the whole script is one transaction\n"
    "  --retries N            how often a transaction is run again after 40001 [20]\n"
    "  --quiet                no progress";

#define SCRIPT_BYTES_MAX ((size_t)1 << 30)

struct run_arguments {
    const char *file;
    const char *statements;
    const char *client;
    unsigned coordinator; /* REPLICAS_MAX: not given */
    struct run_options options;
};

static bool argument_take(int option, const char *text, struct run_arguments *ret)
{
    switch (option) {
    case 'c':
        ret->statements = text;
        return true;
    case 'u':
        ret->client = text;
        return true;
    case 'o':
        return ctl_number("--coordinator", text, 0, REPLICAS_MAX - 1, &ret->coordinator);
    case 'b':
        return ctl_number("--batch", text, 1, ENTRIES_MAX, &ret->options.batch);
    case 's':
        ret->options.single = true;
        return true;
    case 'r':
        return ctl_number("--retries", text, 0, 1000000, &ret->options.retries);
    case 'q':
        ret->options.quiet = true;
        return true;
    default:
        return false;
    }
}

static bool arguments_read(int argc, char **argv, struct run_arguments *ret)
{
    static const struct option table[] = {
        {"client", required_argument, NULL, 'u'},
        {"coordinator", required_argument, NULL, 'o'},
        {"batch", required_argument, NULL, 'b'},
        {"single-transaction", no_argument, NULL, 's'},
        {"retries", required_argument, NULL, 'r'},
        {"quiet", no_argument, NULL, 'q'},
        {NULL, 0, NULL, 0},
    };
    int option;
    while ((option = getopt_long(argc, argv, "c:", table, NULL)) != -1) {
        if (!argument_take(option, optarg, ret))
            return false;
    }
    if (ret->options.single && ret->options.batch > 1) {
        ctl_error("--single-transaction and --batch exclude each other");
        return false;
    }
    bool file = optind < argc;
    if (file)
        ret->file = argv[optind];
    return argc - optind <= 1 && file != (ret->statements != NULL);
}

static bool read_stream(FILE *f, struct buffer *ret)
{
    static char chunk[1 << 16];
    size_t got;
    while ((got = fread(chunk, 1, sizeof chunk, f)) > 0)
        put_raw(ret, chunk, got);
    return !ferror(f) && !ret->failed;
}

static bool script_read(struct run_arguments *arguments, struct buffer *ret)
{
    if (arguments->statements) {
        put_raw(ret, arguments->statements, strlen(arguments->statements));
        return !ret->failed;
    }
    bool standard = strcmp(arguments->file, "-") == 0;
    FILE *f = standard ? stdin : fopen(arguments->file, "re");
    bool good = f && read_stream(f, ret);
    if (!good)
        ctl_error("cannot read %s: %m", arguments->file);
    if (f && !standard)
        fclose(f);
    return good;
}

static byz_conn *connect_cluster(const struct ctl *ctl, const struct run_arguments *arguments)
{
    struct path file = place_config(ctl), key = place_client_key(ctl, arguments->client);
    char conninfo[2 * PATH_BYTES_MAX + 256], coordinator[32] = "random";
    if (arguments->coordinator < REPLICAS_MAX)
        snprintf(coordinator, sizeof coordinator, "%u", arguments->coordinator);
    snprintf(conninfo, sizeof conninfo, "config='%s' client='%s' key='%s' coordinator=%s",
        file.text, arguments->client, key.text, coordinator);
    byz_conn *conn = byz_connect(conninfo);
    if (conn && byz_status(conn) == BYZ_CONNECTION_OK)
        return conn;
    ctl_error("%.*s", conn ? (int)strcspn(byz_error_message(conn), "\n") : 13,
        conn ? byz_error_message(conn) : "out of memory");
    byz_finish(conn);
    return NULL;
}

int command_run(const struct ctl *ctl, int argc, char **argv)
{
    struct run_arguments arguments = {
        .client = "admin", .coordinator = REPLICAS_MAX, .options = {.batch = 1, .retries = 20}};
    if (!arguments_read(argc, argv, &arguments))
        return ctl_usage("run");
    arguments.options.name = arguments.statements ? "-c" : arguments.file;
    struct config *config = ctl_config(ctl); /* says what is wrong better than the library can */
    if (!config)
        return CTL_USAGE;
    config_free(config);
    struct buffer text = BUFFER_INIT(SCRIPT_BYTES_MAX);
    struct run_plan plan = {0};
    byz_conn *conn = NULL;
    bool good = script_read(&arguments, &text) &&
                run_plan_make(&plan, buffer_slice(&text), &arguments.options);
    if (good) {
        conn = connect_cluster(ctl, &arguments);
        good = conn && run_plan_execute(&plan, conn, &arguments.options);
    }
    byz_finish(conn);
    run_plan_free(&plan);
    buffer_free(&text);
    return good ? CTL_OK : CTL_FAILED;
}
