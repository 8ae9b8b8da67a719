/* What all of byzctl's commands share: where the cluster is, how they speak, how they end. */
#ifndef BYZ_CLIENT_CTL_CTL_H
#define BYZ_CLIENT_CTL_CTL_H

#include "common/config.h"

/* Exit codes, documented in byzctl(1). */
enum ctl_exit {
    CTL_OK = 0,
    CTL_FAILED = 1, /* it did not work, or: the replicas differ, too few of them are well */
    CTL_USAGE = 2,  /* wrong usage, or a configuration that cannot be read */
};

#define PATH_BYTES_MAX 1024
/* The cluster's own folder may be this long, so that every path below it fits a struct path. */
#define DIRECTORY_BYTES_MAX 768

struct path {
    char text[PATH_BYTES_MAX];
};

struct ctl {
    struct path directory; /* absolute */
};

struct command {
    const char *name;
    const char *summary; /* one line */
    const char *usage;   /* what follows the name, then the explanation; printed by --help */
    int (*run)(const struct ctl *ctl, int argc, char **argv); /* argv[0] is the command's name */
};

/* One message to standard error, "byzctl: …". */
void ctl_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The configuration of the cluster in ctl->directory, or NULL after saying what is wrong. */
struct config *ctl_config(const struct ctl *ctl);
/* A whole number from minimum to maximum. False after saying what is wrong with `text`. */
bool ctl_number(const char *what, const char *text, unsigned long minimum, unsigned long maximum,
    unsigned *ret);
/* PostgreSQL refuses to run as root: true after saying so, and how to go on. */
bool ctl_is_root(const char *command);
/* Prints the usage of one command after a wrong call of it; returns CTL_USAGE. */
int ctl_usage(const char *command);

int command_init(const struct ctl *ctl, int argc, char **argv);
int command_up(const struct ctl *ctl, int argc, char **argv);
int command_down(const struct ctl *ctl, int argc, char **argv);
int command_status(const struct ctl *ctl, int argc, char **argv);
int command_psql(const struct ctl *ctl, int argc, char **argv);
int command_run(const struct ctl *ctl, int argc, char **argv);
int command_compare(const struct ctl *ctl, int argc, char **argv);
int command_dump(const struct ctl *ctl, int argc, char **argv);
int command_evidence(const struct ctl *ctl, int argc, char **argv);

extern const char *const init_usage;
extern const char *const up_usage;
extern const char *const down_usage;
extern const char *const status_usage;
extern const char *const psql_usage;
extern const char *const run_usage;
extern const char *const compare_usage;
extern const char *const dump_usage;
extern const char *const evidence_usage;

#endif
