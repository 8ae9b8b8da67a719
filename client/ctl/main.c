/* byzctl: makes, starts, inspects and stops a cluster on one machine. Here: which command. */
#include "client/ctl/ctl.h"

#include "client/ctl/places.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct command commands[] = {
    {"init", "make a cluster: keys, configuration, PostgreSQL servers", NULL, command_init},
    {"up", "start the cluster, or one replica of it", NULL, command_up},
    {"down", "stop the cluster, or one replica of it", NULL, command_down},
    {"status", "what every replica says of itself", NULL, command_status},
    {"run", "run an SQL script through the replicated path", NULL, command_run},
    {"psql", "a session that reads one replica's PostgreSQL", NULL, command_psql},
    {"compare", "do all replicas hold the same data?", NULL, command_compare},
    {"dump", "one replica's data in canonical form", NULL, command_dump},
    {"evidence", "proofs that a replica lied", NULL, command_evidence},
};
#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

/* In the order of the table above; apart from it because C has no constant pointers to pointers. */
static const char *const *const usages[] = {&init_usage, &up_usage, &down_usage, &status_usage,
    &run_usage, &psql_usage, &compare_usage, &dump_usage, &evidence_usage};
_Static_assert(sizeof usages / sizeof usages[0] == COMMAND_COUNT, "one usage a command");

void ctl_error(const char *format, ...)
{
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fflush(stdout);
    fprintf(stderr, "byzctl: %s\n", text);
}

bool ctl_number(
    const char *what, const char *text, unsigned long minimum, unsigned long maximum, unsigned *ret)
{
    char *end = NULL;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    bool digits = text[0] >= '0' && text[0] <= '9' && *end == '\0';
    if (!digits || errno || value < minimum || value > maximum) {
        ctl_error("%s must be a number from %lu to %lu, not \"%s\"", what, minimum, maximum, text);
        return false;
    }
    *ret = (unsigned)value;
    return true;
}

struct config *ctl_config(const struct ctl *ctl)
{
    struct path file = place_config(ctl);
    if (access(file.text, F_OK)) {
        ctl_error("there is no cluster in %s (no cluster.conf): make one with `byzctl init`, or "
                  "say where it is with -D or BYZDATA",
            ctl->directory.text);
        return NULL;
    }
    char error[1024];
    struct config *config = config_load(file.text, error, sizeof error);
    if (!config)
        ctl_error("%s", error);
    return config;
}

bool ctl_is_root(const char *command)
{
    if (geteuid() != 0)
        return false;
    ctl_error("PostgreSQL refuses to run as root. Run byzctl as an ordinary user, for instance\n"
              "        runuser -u postgres -- byzctl -D DIR %s",
        command);
    return true;
}

static void print_help(FILE *to)
{
    fputs("usage: byzctl [-D DIR] COMMAND [ARGUMENT…]\n\n"
          "Runs a cluster of PostgreSQL servers that tolerates replicas which lie, on one machine "
          "and in one folder.\n\n",
        to);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(to, "  %-8s %s\n", commands[i].name, commands[i].summary);
    fputs("\n  -D DIR   the cluster's folder (default: $BYZDATA, else ./byzdata)\n"
          "  --help   this text; after a command: that command's\n\n"
          "Exit codes: 0 it worked; 1 it did not, or the replicas differ, or too few are well; "
          "2 wrong usage.\n",
        to);
}

static const struct command *command_find(const char *name, const char **ret_usage)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            *ret_usage = *usages[i];
            return &commands[i];
        }
    }
    return NULL;
}

static void print_usage(FILE *to, const char *name)
{
    const char *usage = NULL;
    const struct command *command = command_find(name, &usage);
    if (command)
        fprintf(to, "usage: byzctl [-D DIR] %s %s\n", command->name, usage);
}

int ctl_usage(const char *name)
{
    const char *usage = NULL;
    if (command_find(name, &usage))
        fprintf(stderr, "usage: byzctl [-D DIR] %s %.*s\n       (byzctl %s --help explains)\n",
            name, (int)strcspn(usage, "\n"), usage, name);
    return CTL_USAGE;
}

static bool wants_help(int argc, char **argv)
{
    /* Only directly after the command: `psql 0 --help` asks psql. */
    return argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"directory", required_argument, NULL, 'D'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *directory = getenv("BYZDATA");
    if (!directory || !directory[0])
        directory = "byzdata";
    int option;
    while ((option = getopt_long(argc, argv, "+D:h", options, NULL)) != -1) {
        if (option == 'D') {
            directory = optarg;
        } else {
            print_help(option == 'h' ? stdout : stderr);
            return option == 'h' ? CTL_OK : CTL_USAGE;
        }
    }
    if (optind >= argc) {
        print_help(stderr);
        return CTL_USAGE;
    }
    const char *usage = NULL;
    const struct command *command = command_find(argv[optind], &usage);
    if (!command) {
        ctl_error("there is no command \"%s\"", argv[optind]);
        print_help(stderr);
        return CTL_USAGE;
    }
    int command_argc = argc - optind;
    char **command_argv = argv + optind;
    if (wants_help(command_argc, command_argv)) {
        print_usage(stdout, command->name);
        return CTL_OK;
    }
    struct ctl ctl;
    if (!place_directory(&ctl, directory))
        return CTL_USAGE;
    setlinebuf(stdout); /* children share it */
    optind = 0;         /* glibc: begin anew, with the command's own options */
    return command->run(&ctl, command_argc, command_argv);
}
