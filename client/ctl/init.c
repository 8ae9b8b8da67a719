/* byzctl init: a folder with everything that a cluster on this machine is made of. */
#include "client/ctl/ctl.h"

#include "client/ctl/hosts.h"
#include "client/ctl/limits_table.h"
#include "client/ctl/places.h"
#include "client/ctl/postgres.h"
#include "client/ctl/process.h"
#include "client/ctl/server.h"
#include "client/ctl/settings.h"
#include "common/crypto.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const init_usage =
    "[OPTION…]\n\n"
    "Makes the keys, the configuration and one PostgreSQL server a replica, in a folder that does\n"
    "not exist yet or is empty. When something fails, what was made is removed again.\n\n"
    "  --faults F           how many replicas may be faulty [1]\n"
    "  --replicas N         their number, 3F+1 [4]\n"
    "  --name NAME          the cluster's name [byz]\n"
    "  --database NAME      its database [byz]\n"
    "  --host ADDRESS       where the proxies listen [127.0.0.1]\n"
    "  --base-port PORT     replica i listens on PORT+i [7400]\n"
    "  --client NAME        makes a key for this client; may be repeated [admin and demo]\n"
    "  --set OPTION=NUMBER  any limit of cluster.conf, e.g. transaction_timeout_ms=5000\n\n"
    "For replicas on machines or in containers of their own:\n\n"
    "  --hosts HOST:PORT,…  where each replica listens, instead of --host and --base-port\n"
    "  --keys-only          makes keys and cluster.conf, no servers. A replica's machine gets\n"
    "                       cluster.conf and its own folder replicaN, and nothing else\n"
    "  --server N           makes replica N's server in a folder that has the cluster.conf\n"
    "  --lost-log           with --server: the replica ran before, and its durable log is lost\n"
    "  --new-log            with --server: its key has never signed anything; only needed where\n"
    "                       replicaN/store was not copied along\n\n"
    "byzctl run and byzctl status act as client admin, so that one is always made.";

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

/* ---- options ---- */

struct init_options {
    unsigned faults;
    unsigned replicas; /* 0: not given */
    unsigned base_port;
    const char *host;
    const char *hosts; /* NULL: all on `host` */
    bool keys_only;
    bool one_server; /* nothing but the server of replica `server` */
    unsigned server;
    enum birth birth; /* why it has no durable log; unknown: nothing was said */
};

/* A name that needs no quoting anywhere: in SQL, in conninfo strings, as a file's name. */
static bool name_is_plain(const char *what, const char *name)
{
    size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
    bool plain = length > 0 && length <= NAME_BYTES_MAX && name[length] == '\0' &&
                 !(name[0] >= '0' && name[0] <= '9');
    if (!plain)
        ctl_error("%s must be of small letters, digits and _, not begin with a digit and have at "
                  "most %d characters: \"%s\"",
            what, NAME_BYTES_MAX, name);
    return plain;
}

static bool client_add(struct config *config, const char *name)
{
    if (!name_is_plain("a client's name", name))
        return false;
    for (unsigned i = 0; i < config->client_count; i++) {
        if (strcmp(config->clients[i].name, name) == 0)
            return true;
    }
    if (config->client_count == CLIENT_KEYS_MAX)
        return false;
    size_t size = (config->client_count + 1) * sizeof *config->clients;
    struct config_client *clients = realloc(config->clients, size);
    if (!clients) {
        ctl_error("out of memory");
        return false;
    }
    config->clients = clients;
    struct config_client *client = &clients[config->client_count++];
    memset(client, 0, sizeof *client);
    memcpy(client->name, name, strlen(name) + 1);
    return true;
}

static bool set_name(const char *what, char *out, const char *name)
{
    if (!name_is_plain(what, name))
        return false;
    memcpy(out, name, strlen(name) + 1);
    return true;
}

static bool option_take(
    int option, const char *text, struct init_options *options, struct config *config)
{
    switch (option) {
    case 'f':
        return ctl_number("--faults", text, 1, FAULTS_MAX, &options->faults);
    case 'r':
        return ctl_number("--replicas", text, 4, REPLICAS_MAX, &options->replicas);
    case 'p':
        return ctl_number("--base-port", text, 1, 65535 - REPLICAS_MAX, &options->base_port);
    case 'H':
        options->host = text;
        return true;
    case 'a':
        options->hosts = text;
        return true;
    case 'k':
        options->keys_only = true;
        return true;
    case 'S':
        options->one_server = true;
        return ctl_number("--server", text, 0, REPLICAS_MAX - 1, &options->server);
    case 'L':
    case 'N':
        if (options->birth != BIRTH_UNKNOWN)
            ctl_error("--lost-log and --new-log: say one of them, once");
        else
            options->birth = option == 'L' ? BIRTH_LOST : BIRTH_NEW;
        return options->birth == (option == 'L' ? BIRTH_LOST : BIRTH_NEW);
    case 'n':
        return set_name("--name", config->name, text);
    case 'd':
        return set_name("--database", config->database, text);
    case 'c':
        return client_add(config, text);
    case 's':
        return limits_set(config, text);
    default:
        return false;
    }
}

/* Each replica at a place of its own. */
static bool hosts_settle(struct init_options *options, struct config *config)
{
    char error[512];
    unsigned count = 0;
    if (!hosts_parse(config, options->hosts, &count, error, sizeof error)) {
        ctl_error("--hosts: %s", error);
        return false;
    }
    if (options->replicas && options->replicas != count) {
        ctl_error("--hosts names %u replicas, --replicas says %u", count, options->replicas);
        return false;
    }
    options->replicas = count;
    return true;
}

static void hosts_default(const struct init_options *options, struct config *config)
{
    for (unsigned i = 0; i < config->replica_count; i++) {
        memcpy(config->replicas[i].host, options->host, strlen(options->host) + 1);
        config->replicas[i].port = (uint16_t)(options->base_port + i);
    }
}

/* Replicas and faults say the same thing twice: either may be given, both must fit. */
static bool options_settle(struct init_options *options, struct config *config)
{
    if (options->hosts && !hosts_settle(options, config))
        return false;
    if (options->replicas && !options->faults && options->replicas % 3 == 1)
        options->faults = (options->replicas - 1) / 3;
    if (!options->faults)
        options->faults = 1;
    if (options->replicas && options->replicas != 3 * options->faults + 1) {
        ctl_error("to tolerate F faults there must be 3F+1 replicas: %u for --faults %u, not %u",
            3 * options->faults + 1, options->faults, options->replicas);
        return false;
    }
    config->faults = options->faults;
    config->replica_count = 3 * options->faults + 1;
    if (strlen(options->host) > HOST_BYTES_MAX) {
        ctl_error("--host is too long");
        return false;
    }
    if (!options->hosts)
        hosts_default(options, config);
    return true;
}

static bool options_read(int argc, char **argv, struct init_options *options, struct config *config)
{
    static const struct option table[] = {
        {"faults", required_argument, NULL, 'f'},
        {"replicas", required_argument, NULL, 'r'},
        {"base-port", required_argument, NULL, 'p'},
        {"host", required_argument, NULL, 'H'},
        {"name", required_argument, NULL, 'n'},
        {"database", required_argument, NULL, 'd'},
        {"client", required_argument, NULL, 'c'},
        {"set", required_argument, NULL, 's'},
        {"hosts", required_argument, NULL, 'a'},
        {"keys-only", no_argument, NULL, 'k'},
        {"server", required_argument, NULL, 'S'},
        {"lost-log", no_argument, NULL, 'L'},
        {"new-log", no_argument, NULL, 'N'},
        {NULL, 0, NULL, 0},
    };
    set_name("--name", config->name, "byz");
    set_name("--database", config->database, "byz");
    if (!client_add(config, "admin"))
        return false;
    unsigned given = 0;
    int option;
    while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
        given++;
        if (!option_take(option, optarg, options, config))
            return false;
    }
    if (optind < argc) {
        ctl_error("init takes options only, not \"%s\"", argv[optind]);
        return false;
    }
    if (config->client_count == 1 && !client_add(config, "demo"))
        return false;
    if (options->one_server && given > 1 + (options->birth != BIRTH_UNKNOWN)) {
        ctl_error("--server takes everything else from cluster.conf: no other option");
        return false;
    }
    if (!options->one_server && options->birth != BIRTH_UNKNOWN) {
        ctl_error("--lost-log and --new-log go with --server");
        return false;
    }
    return options_settle(options, config);
}

/* ---- the folder ---- */

static bool folder_make(const char *path)
{
    if (mkdir(path, 0700) == 0)
        return true;
    ctl_error("cannot make the folder %s: %m", path);
    return false;
}

/* 1 it was made, 0 it was there and empty, -1 it cannot be used. */
static int folder_claim(const char *path)
{
    if (mkdir(path, 0700) == 0)
        return 1;
    if (errno != EEXIST) {
        ctl_error("cannot make the folder %s: %m", path);
        return -1;
    }
    DIR *folder = opendir(path);
    if (!folder) {
        ctl_error("cannot use %s: %m", path);
        return -1;
    }
    bool empty = true;
    for (struct dirent *entry; (entry = readdir(folder));)
        empty &= strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    closedir(folder);
    if (!empty)
        ctl_error("%s exists and is not empty; init makes a new cluster only", path);
    return empty ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *at)
{
    (void)status;
    (void)kind;
    if (at->level > 0)
        remove(path);
    return 0;
}

/* Everything below the folder: init made it all. */
static void folder_empty(const char *path)
{
    nftw(path, remove_one, 32, FTW_DEPTH | FTW_PHYS);
}

static bool folders_of_replica(const struct ctl *ctl, unsigned replica)
{
    static const char *const names[] = {"", "run", "store", "log"};
    bool good = true;
    for (size_t i = 0; good && i < sizeof names / sizeof names[0]; i++)
        good = folder_make(place_replica(ctl, replica, names[i]).text);
    return good && server_log_mark(ctl, replica, BIRTH_NEW);
}

/* ---- keys ---- */

static bool key_make(const char *path, uint8_t ret_public[static PUBLIC_KEY_BYTES])
{
    char error[512];
    struct private_key *key = private_key_generate();
    bool good = key && private_key_save(key, path, error, sizeof error);
    if (good)
        private_key_public(key, ret_public);
    else
        ctl_error("%s", key ? error : "cannot generate a key");
    private_key_free(key);
    return good;
}

static bool keys_make(const struct ctl *ctl, struct config *config)
{
    bool good = folder_make(place_below(ctl, "clients").text);
    for (unsigned i = 0; good && i < config->client_count; i++) {
        struct config_client *client = &config->clients[i];
        good = key_make(place_client_key(ctl, client->name).text, client->public_key);
    }
    for (unsigned i = 0; good && i < config->replica_count; i++) {
        good = folders_of_replica(ctl, i) &&
               key_make(place_replica(ctl, i, "replica.key").text, config->replicas[i].public_key);
    }
    return good;
}

/* ---- databases ---- */

/* All at once: most of it is waiting for the disk. */
static bool servers_make(const struct ctl *ctl, const struct config *config)
{
    pid_t children[REPLICAS_MAX];
    unsigned count = 0;
    bool forked = true;
    for (; forked && count < config->replica_count; count++) {
        fflush(NULL);
        pid_t child = fork();
        if (child == 0) {
            signal(SIGINT, SIG_DFL);
            signal(SIGTERM, SIG_DFL);
            _exit(server_make(ctl, config, count) ? 0 : 1);
        }
        forked = child > 0;
        children[count] = child;
    }
    if (!forked)
        count--;
    return process_wait_all(children, count) && forked && !interrupted;
}

static bool configuration_write(const struct ctl *ctl, const struct config *config)
{
    char error[1024];
    if (config_save(config, place_config(ctl).text, error, sizeof error))
        return true;
    ctl_error("%s", error);
    return false;
}

/* Before minutes of work: would this configuration be accepted? */
static bool configuration_check(const struct ctl *ctl, const struct config *config)
{
    struct path draft = place_below(ctl, "cluster.conf");
    char error[1024];
    struct config *read = NULL;
    if (config_save(config, draft.text, error, sizeof error))
        read = config_load(draft.text, error, sizeof error);
    if (!read)
        ctl_error("%s", error);
    unlink(draft.text);
    config_free(read);
    return read != NULL;
}

static bool servers_finish(const struct ctl *ctl)
{
    struct config *config = ctl_config(ctl); /* read back: that is what the proxies will see */
    bool good = config != NULL;
    for (unsigned i = 0; good && i < config->replica_count; i++)
        good = server_finish(ctl, config, i);
    config_free(config);
    return good;
}

/* ---- all of it ---- */

static bool settings_read(struct config *config)
{
    struct path settings;
    char error[1024];
    if (!place_sql("postgresql.byzantium.conf", &settings))
        return false;
    if (settings_load(config, settings.text, error, sizeof error))
        return true;
    ctl_error("%s", error);
    return false;
}

static bool cluster_make(const struct ctl *ctl, struct config *config, bool keys_only)
{
    if (!settings_read(config))
        return false;
    printf("making %scluster \"%s\" of %u replicas (%u may be faulty) in %s\n",
        keys_only ? "the keys of " : "", config->name, config->replica_count, config->faults,
        ctl->directory.text);
    if (!keys_make(ctl, config) || !configuration_check(ctl, config))
        return false;
    if (keys_only)
        return server_facts_assume(config) && configuration_write(ctl, config) && !interrupted;
    return servers_make(ctl, config) && server_facts_read(ctl, config) &&
           configuration_write(ctl, config) && servers_finish(ctl) && !interrupted;
}

static void cluster_unmake(const struct ctl *ctl, const struct config *config, bool folder_too)
{
    ctl_error("init failed; removing what it made in %s", ctl->directory.text);
    for (unsigned i = 0; i < config->replica_count; i++)
        postgres_stop(ctl, i, "immediate");
    folder_empty(ctl->directory.text);
    if (folder_too)
        rmdir(ctl->directory.text);
}

static void notice_interrupts(void)
{
    /* Without SA_RESTART a wait ends early and what was made is removed. */
    struct sigaction action = {.sa_handler = on_interrupt};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static int make_all(const struct ctl *ctl, struct config *config, bool keys_only)
{
    int folder = folder_claim(ctl->directory.text);
    if (folder < 0)
        return CTL_FAILED;
    notice_interrupts();
    if (!cluster_make(ctl, config, keys_only)) {
        cluster_unmake(ctl, config, folder == 1);
        return CTL_FAILED;
    }
    printf("done: %u replicas, clients' keys in %s/clients. Next: byzctl %s\n",
        config->replica_count, ctl->directory.text,
        keys_only ? "init --server N, on each replica's machine" : "up");
    return CTL_OK;
}

static int make_server(const struct ctl *ctl, unsigned replica, enum birth birth)
{
    notice_interrupts();
    bool good = server_make_alone(ctl, replica, birth) && !interrupted;
    return good ? CTL_OK : CTL_FAILED;
}

int command_init(const struct ctl *ctl, int argc, char **argv)
{
    struct config *config = calloc(1, sizeof *config);
    struct init_options options = {.base_port = 7400, .host = "127.0.0.1"};
    int result = CTL_FAILED;
    if (!config)
        return CTL_FAILED;
    config_defaults(config);
    if (!options_read(argc, argv, &options, config))
        result = ctl_usage("init");
    else if (!options.keys_only && ctl_is_root("init"))
        result = CTL_FAILED;
    else if (options.one_server)
        result = make_server(ctl, options.server, options.birth);
    else
        result = make_all(ctl, config, options.keys_only);
    config_free(config);
    return result;
}
