/* Writes the cluster's configuration as a file that people can read. */
#include "common/config_internal.h"
#include "common/crypto.h"
#include "common/file.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FILE_BYTES_MAX (1 << 20)
#define LINE_BYTES_MAX 512

static void __attribute__((format(printf, 2, 3))) print(struct buffer *b, const char *format, ...)
{
    char line[LINE_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    assert(size >= 0 && size < LINE_BYTES_MAX); /* checked names are shorter */
    put_raw(b, line, (size_t)size);
}

/* libconfuse would expand ${NAME} from the environment, so a dollar sign is written in hex. */
static void print_quoted(struct buffer *b, const char *text)
{
    print(b, "\"");
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '$')
            print(b, "\\x24");
        else if (*c == '"' || *c == '\\')
            print(b, "\\%c", *c);
        else
            print(b, "%c", *c);
    }
    print(b, "\"");
}

static void print_key(struct buffer *b, const uint8_t key[static PUBLIC_KEY_BYTES])
{
    char hex[2 * PUBLIC_KEY_BYTES + 1];
    hex_format(hex, key, PUBLIC_KEY_BYTES);
    print(b, "    public_key = \"%s\"\n}\n", hex);
}

static void print_cluster(struct buffer *b, const struct config *config)
{
    print(b, "# A Byzantium cluster. Equal on all replicas and clients, without secrets: every\n"
             "# difference in content makes another cluster.\n\n");
    print(b, "cluster \"%s\" {\n", config->name);
    print(b, "    # how many replicas may be faulty (f); there must be 3f+1 replicas\n");
    print(b, "    faults = %u\n\n", config->faults);
    print(b, "    # the database in each replica's PostgreSQL\n    database = ");
    print_quoted(b, config->database);
    print(b, "\n");
    for (size_t i = 0; i < CONFIG_LIMITS; i++) {
        const struct config_limit *limit = &config_limits[i];
        print(b, "\n    # %s (%u to %u)\n", limit->help, limit->minimum, limit->maximum);
        print(b, "    %s = %u\n", limit->name, config_limit_get(config, limit));
    }
    print(b, "}\n\n# Where each proxy listens, and its public key.\n");
}

static void print_members(struct buffer *b, const struct config *config)
{
    for (unsigned i = 0; i < config->replica_count; i++) {
        const struct config_replica *replica = &config->replicas[i];
        print(b, "replica \"%u\" {\n    host = \"%s\"\n    port = %u\n", i, replica->host,
            replica->port);
        print_key(b, replica->public_key);
    }
    print(b, "\n# Who may execute SQL. The order numbers the clients: add new ones at the end.\n");
    for (unsigned i = 0; i < config->client_count; i++) {
        print(b, "client \"%s\" {\n", config->clients[i].name);
        print_key(b, config->clients[i].public_key);
    }
    print(b, "\n# PostgreSQL's parameters that must be equal on every replica.\n");
    for (unsigned i = 0; i < config->setting_count; i++) {
        print(b, "setting \"%s\" { value = ", config->settings[i].name);
        print_quoted(b, config->settings[i].value);
        print(b, " }\n");
    }
}

bool config_save(const struct config *config, const char *path, char *ret_error, size_t error_size)
{
    struct config_problem problem;
    if (!config_check(config, &problem)) {
        snprintf(ret_error, error_size, "%s: %s", path, problem.text);
        return false;
    }
    struct buffer b = BUFFER_INIT(FILE_BYTES_MAX);
    print_cluster(&b, config);
    print_members(&b, config);
    bool ok = !b.failed;
    if (ok)
        ok = file_write_new(path, 0644, b.data, b.size, ret_error, error_size);
    else
        snprintf(ret_error, error_size, "%s: out of memory", path);
    buffer_free(&b);
    return ok;
}
