/* Reads the cluster's configuration with libconfuse.
 *
 * Every option is text to libconfuse and checked here, when it is met: so messages name the line,
 * and nothing depends on how libconfuse reads numbers. libconfuse hands no context to its callbacks
 * and its scanner is global, so one file is parsed at a time, under a lock (clients may connect
 * from several threads). */
#include "common/config_internal.h"
#include "common/crypto.h"
#include "common/file.h"

#include <assert.h>
#include <confuse.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MAX (1 << 20)
#define OPTIONS_MAX (CONFIG_LIMITS + 2)

/* libconfuse takes a file that ends inside a section or a comment for complete. So this is put
 * behind the file's text, and must be met outside of all sections. */
#define END_OPTION "end-of-file"
#define END_TEXT "\n" END_OPTION " = end\n"

struct parse {
    const char *path;
    char *error;
    size_t error_size;
    bool failed;
    struct config *config;
    int end_line; /* of END_OPTION */
    bool ended;
    cfg_t *section;                    /* whose options are being met */
    unsigned option_line[OPTIONS_MAX]; /* of this section's options; 0: not met yet */
    /* where things stood, for what is found out later */
    unsigned cluster_count;
    unsigned cluster_line;
    unsigned cluster_option_line[OPTIONS_MAX];
    uint32_t replicas_met;
    unsigned replica_line[REPLICAS_MAX];
    unsigned client_line[CLIENT_KEYS_MAX];
    unsigned setting_line[SETTINGS_MAX];
};

static pthread_mutex_t parse_lock = PTHREAD_MUTEX_INITIALIZER;
static struct parse *current; /* under parse_lock */

/* ---- errors ---- */

/* The first error counts; what follows it is its consequence. */
static int __attribute__((format(printf, 3, 0)))
vfail(struct parse *p, int line, const char *format, va_list arguments)
{
    if (p->failed)
        return -1;
    p->failed = true;
    char text[384];
    vsnprintf(text, sizeof text, format, arguments);
    for (char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    if (line > 0)
        snprintf(p->error, p->error_size, "%s:%d: %s", p->path, line, text);
    else
        snprintf(p->error, p->error_size, "%s: %s", p->path, text);
    return -1;
}

static int __attribute__((format(printf, 3, 4)))
fail(struct parse *p, int line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfail(p, line, format, arguments);
    va_end(arguments);
    return -1;
}

static void __attribute__((format(printf, 2, 0)))
on_error(cfg_t *cfg, const char *format, va_list arguments)
{
    if (cfg->line >= current->end_line)
        fail(current, 0, "the file ends inside a section, a comment or a text");
    else
        vfail(current, cfg->line, format, arguments);
}

/* ---- options ---- */

static const char *value_of(cfg_opt_t *option)
{
    return cfg_opt_getnstr(option, 0);
}

/* Called after each option's value. Refuses a second one: libconfuse would take the last. */
static int met(cfg_t *cfg, cfg_opt_t *option)
{
    struct parse *p = current;
    if (p->section != cfg) {
        p->section = cfg;
        memset(p->option_line, 0, sizeof p->option_line);
    }
    size_t index = (size_t)(option - cfg->opts);
    assert(index < OPTIONS_MAX);
    if (p->option_line[index] != 0)
        return fail(p, cfg->line, "option \"%s\" stands twice", option->name);
    p->option_line[index] = (unsigned)cfg->line;
    return 0;
}

static int take_number(
    cfg_t *cfg, cfg_opt_t *option, unsigned minimum, unsigned maximum, unsigned *ret)
{
    const char *text = value_of(option);
    unsigned long value = 0;
    size_t digits = strspn(text, "0123456789");
    bool malformed = digits == 0 || text[digits] != '\0';
    for (size_t i = 0; !malformed && i < digits && value <= maximum; i++)
        value = value * 10 + (unsigned long)(text[i] - '0');
    if (malformed)
        return fail(
            current, cfg->line, "%s must be a whole number, not \"%s\"", option->name, text);
    if (value < minimum || value > maximum)
        return fail(current, cfg->line, "%s must be from %u to %u, not %s", option->name, minimum,
            maximum, text);
    *ret = (unsigned)value;
    return 0;
}

/* Copies a text into a field of `size` bytes. */
static int take_text(cfg_t *cfg, const char *what, const char *text, char *out, size_t size)
{
    if (strlen(text) >= size)
        return fail(current, cfg->line, "%s is longer than %zu bytes", what, size - 1);
    memcpy(out, text, strlen(text) + 1);
    return 0;
}

static int take_key(cfg_t *cfg, cfg_opt_t *option, uint8_t ret[static PUBLIC_KEY_BYTES])
{
    if (!hex_parse(value_of(option), ret, PUBLIC_KEY_BYTES))
        return fail(
            current, cfg->line, "public_key must be %d hexadecimal digits", 2 * PUBLIC_KEY_BYTES);
    return 0;
}

/* A section's option that may not be absent, or NULL after saying so. */
static cfg_opt_t *required(cfg_t *section, const char *name)
{
    cfg_opt_t *option = cfg_getopt(section, name);
    if (option != NULL && cfg_opt_size(option) > 0)
        return option;
    fail(
        current, section->line, "%s \"%s\" has no %s", cfg_name(section), cfg_title(section), name);
    return NULL;
}

static int check_key(cfg_t *cfg, cfg_opt_t *option)
{
    uint8_t ignored[PUBLIC_KEY_BYTES];
    return met(cfg, option) == 0 ? take_key(cfg, option, ignored) : -1;
}

static int check_port(cfg_t *cfg, cfg_opt_t *option)
{
    unsigned ignored;
    return met(cfg, option) == 0 ? take_number(cfg, option, 1, UINT16_MAX, &ignored) : -1;
}

static int check_host(cfg_t *cfg, cfg_opt_t *option)
{
    if (met(cfg, option) != 0)
        return -1;
    if (!config_is_host(value_of(option)))
        return fail(current, cfg->line, "malformed host \"%s\"", value_of(option));
    char ignored[HOST_BYTES_MAX + 1];
    return take_text(cfg, "host", value_of(option), ignored, sizeof ignored);
}

static int check_faults(cfg_t *cfg, cfg_opt_t *option)
{
    return met(cfg, option) == 0 ? take_number(cfg, option, 1, FAULTS_MAX, &current->config->faults)
                                 : -1;
}

static int check_database(cfg_t *cfg, cfg_opt_t *option)
{
    if (met(cfg, option) != 0)
        return -1;
    if (!config_is_printable(value_of(option)))
        return fail(current, cfg->line, "malformed name of a database");
    struct config *config = current->config;
    return take_text(cfg, "database", value_of(option), config->database, sizeof config->database);
}

static int check_limit(cfg_t *cfg, cfg_opt_t *option)
{
    if (met(cfg, option) != 0)
        return -1;
    for (size_t i = 0; i < CONFIG_LIMITS; i++) {
        const struct config_limit *limit = &config_limits[i];
        if (strcmp(limit->name, option->name) != 0)
            continue;
        unsigned value;
        if (take_number(cfg, option, limit->minimum, limit->maximum, &value) != 0)
            return -1;
        config_limit_set(current->config, limit, value);
        return 0;
    }
    return fail(current, cfg->line, "no such option \"%s\"", option->name);
}

static int check_end(cfg_t *cfg, cfg_opt_t *option)
{
    if (cfg->line < current->end_line)
        return fail(current, cfg->line, "no such option '%s'", option->name);
    current->ended = true;
    return 0;
}

/* ---- sections: called at their closing braces ---- */

static cfg_t *last_section(cfg_opt_t *option)
{
    return cfg_opt_getnsec(option, cfg_opt_size(option) - 1);
}

/* The line of the first option of the section just met, or of its closing brace. */
static unsigned section_line(struct parse *p, cfg_t *section)
{
    unsigned line = (unsigned)section->line;
    for (size_t i = 0; p->section == section && i < OPTIONS_MAX; i++)
        if (p->option_line[i] != 0 && p->option_line[i] < line)
            line = p->option_line[i];
    return line;
}

static int end_cluster(cfg_t *cfg, cfg_opt_t *option)
{
    struct parse *p = current;
    cfg_t *section = last_section(option);
    if (p->cluster_count++ > 0)
        return fail(p, cfg->line, "a second cluster");
    p->cluster_line = (unsigned)section->line;
    if (required(section, "faults") == NULL || required(section, "database") == NULL)
        return -1;
    memcpy(p->cluster_option_line, p->option_line, sizeof p->option_line);
    if (!config_is_name(cfg_title(section)))
        return fail(p, cfg->line, "malformed name of a cluster");
    return take_text(
        cfg, "the cluster's name", cfg_title(section), p->config->name, sizeof p->config->name);
}

/* Replicas are called "0" to "n-1", without leading zeros, so a title has at most two digits. */
static int replica_number(const char *title)
{
    size_t digits = strspn(title, "0123456789");
    if (digits == 0 || digits > 2 || title[digits] != '\0' || (digits == 2 && title[0] == '0'))
        return -1;
    int number = digits == 1 ? title[0] - '0' : (title[0] - '0') * 10 + title[1] - '0';
    return number < REPLICAS_MAX ? number : -1;
}

static int end_replica(cfg_t *cfg, cfg_opt_t *option)
{
    struct parse *p = current;
    cfg_t *section = last_section(option);
    int number = replica_number(cfg_title(section));
    if (number < 0)
        return fail(p, cfg->line, "replicas are numbered from 0 to %d, not \"%s\"",
            REPLICAS_MAX - 1, cfg_title(section));
    cfg_opt_t *host = required(section, "host");
    cfg_opt_t *port = host == NULL ? NULL : required(section, "port");
    cfg_opt_t *key = port == NULL ? NULL : required(section, "public_key");
    if (key == NULL)
        return -1;
    struct config_replica *replica = &p->config->replicas[number];
    unsigned port_number;
    if (take_text(cfg, "host", value_of(host), replica->host, sizeof replica->host) != 0 ||
        take_number(cfg, port, 1, UINT16_MAX, &port_number) != 0 ||
        take_key(cfg, key, replica->public_key) != 0)
        return -1;
    replica->port = (uint16_t)port_number;
    p->replicas_met |= UINT32_C(1) << number;
    p->replica_line[number] = section_line(p, section);
    p->config->replica_count++;
    return 0;
}

static int end_client(cfg_t *cfg, cfg_opt_t *option)
{
    struct parse *p = current;
    cfg_t *section = last_section(option);
    unsigned index = p->config->client_count;
    if (index == CLIENT_KEYS_MAX)
        return fail(p, cfg->line, "more than %d clients", CLIENT_KEYS_MAX);
    cfg_opt_t *key = required(section, "public_key");
    if (key == NULL)
        return -1;
    struct config_client *client = &p->config->clients[index];
    if (take_text(
            cfg, "the client's name", cfg_title(section), client->name, sizeof client->name) != 0 ||
        take_key(cfg, key, client->public_key) != 0)
        return -1;
    p->client_line[index] = section_line(p, section);
    p->config->client_count++;
    return 0;
}

static int end_setting(cfg_t *cfg, cfg_opt_t *option)
{
    struct parse *p = current;
    cfg_t *section = last_section(option);
    unsigned index = p->config->setting_count;
    if (index == SETTINGS_MAX)
        return fail(p, cfg->line, "more than %d settings", SETTINGS_MAX);
    cfg_opt_t *value = required(section, "value");
    if (value == NULL)
        return -1;
    struct config_setting *setting = &p->config->settings[index];
    if (take_text(cfg, "the setting's name", cfg_title(section), setting->name,
            sizeof setting->name) != 0 ||
        take_text(cfg, "the setting's value", value_of(value), setting->value,
            sizeof setting->value) != 0)
        return -1;
    p->setting_line[index] = section_line(p, section);
    p->config->setting_count++;
    return 0;
}

/* ---- the whole file ---- */

static cfg_opt_t text_option(const char *name, cfg_validate_callback_t check)
{
    return (cfg_opt_t){.name = name, .type = CFGT_STR, .flags = CFGF_NODEFAULT, .validcb = check};
}

static cfg_opt_t section_option(const char *name, cfg_opt_t *options, cfg_validate_callback_t end)
{
    return (cfg_opt_t){.name = name,
        .type = CFGT_SEC,
        .flags = CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES,
        .subopts = options,
        .validcb = end};
}

/* NULL: out of memory. libconfuse copies the tables. */
static cfg_t *new_parser(void)
{
    cfg_opt_t cluster[OPTIONS_MAX + 1] = {
        text_option("faults", check_faults), text_option("database", check_database)};
    for (size_t i = 0; i < CONFIG_LIMITS; i++)
        cluster[2 + i] = text_option(config_limits[i].name, check_limit);
    cluster[OPTIONS_MAX] = (cfg_opt_t)CFG_END();
    cfg_opt_t replica[] = {text_option("host", check_host), text_option("port", check_port),
        text_option("public_key", check_key), CFG_END()};
    cfg_opt_t client[] = {text_option("public_key", check_key), CFG_END()};
    cfg_opt_t setting[] = {text_option("value", met), CFG_END()};
    cfg_opt_t options[] = {section_option("cluster", cluster, end_cluster),
        section_option("replica", replica, end_replica),
        section_option("client", client, end_client),
        section_option("setting", setting, end_setting), text_option(END_OPTION, check_end),
        CFG_END()};
    return cfg_init(options, CFGF_NONE);
}

/* Finds the byte sequences that libconfuse must not see: NUL, which would end the file early, and
 * ${…}, which it would replace by the environment's content, so that equal files would differ. */
static int check_bytes(struct parse *p, const char *text, size_t size)
{
    int line = 1;
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\n')
            line++;
        if (text[i] == '\0')
            return fail(p, line, "NUL character");
        if (text[i] == '$' && i + 1 < size && text[i + 1] == '{')
            return fail(p, line, "\"${\" is not allowed: the file must mean the same everywhere");
    }
    p->end_line = line + 1;
    return 0;
}

/* The end of the one-line comment that begins at `from`, or `from` if none does: "#" anywhere
 * outside quotes, two slashes where a word could begin. */
static size_t comment_end(const char *text, size_t from, size_t size)
{
    bool slashes = text[from] == '/' && from + 1 < size && text[from + 1] == '/' &&
                   (from == 0 || strchr(" \t\n={}(),+", text[from - 1]) != NULL);
    size_t at = from;
    if (text[from] == '#' || slashes)
        while (at < size && text[at] != '\n')
            at++;
    return at;
}

/* The end of the quoted text or the comment of several lines that begins at `from`, or `from`. */
static size_t skipped_end(const char *text, size_t from, size_t size)
{
    char quote = text[from];
    size_t at = from + 1;
    if (quote == '/' && at < size && text[at] == '*') {
        for (at++; at < size && !(text[at - 1] == '*' && text[at] == '/' && at > from + 2); at++)
            ;
        return at < size ? at + 1 : size;
    }
    if (quote != '"' && quote != '\'')
        return from;
    for (; at < size && text[at] != quote; at++)
        at += text[at] == '\\';
    return at < size ? at + 1 : size;
}

/* libconfuse 3.3 counts the end of a one-line comment's line three times, so that all messages
 * behind it would name a wrong line: it gets the text without such comments. */
static void blank_comments(char *text, size_t size)
{
    for (size_t at = 0; at < size;) {
        size_t end = skipped_end(text, at, size);
        if (end == at && (end = comment_end(text, at, size)) > at)
            memset(text + at, ' ', end - at);
        at = end > at ? end : at + 1;
    }
}

/* The line of an option of the cluster; 0: it is not in the file. */
static unsigned option_line(const struct parse *p, const char *name)
{
    if (name == NULL)
        return 0;
    if (strcmp(name, "faults") == 0)
        return p->cluster_option_line[0];
    for (size_t i = 0; i < CONFIG_LIMITS; i++)
        if (strcmp(name, config_limits[i].name) == 0)
            return p->cluster_option_line[2 + i];
    return 0;
}

static unsigned problem_line(const struct parse *p, const struct config_problem *problem)
{
    switch (problem->place) {
    case PLACE_REPLICA:
        return p->replica_line[problem->index];
    case PLACE_CLIENT:
        return p->client_line[problem->index];
    case PLACE_SETTING:
        return p->setting_line[problem->index];
    case PLACE_CLUSTER:
        break;
    }
    unsigned line = option_line(p, problem->option);
    if (line == 0)
        line = option_line(p, problem->other);
    return line != 0 ? line : p->cluster_line;
}

static int check_whole(struct parse *p)
{
    struct config *config = p->config;
    if (p->cluster_count == 0)
        return fail(p, 0, "there is no section \"cluster\"");
    for (unsigned i = 0; i < config->replica_count; i++)
        if ((p->replicas_met >> i & 1) == 0)
            return fail(
                p, 0, "replicas are numbered without gaps, but there is no replica \"%u\"", i);
    struct config_problem problem;
    if (!config_check(config, &problem))
        return fail(p, (int)problem_line(p, &problem), "%s", problem.text);
    return config_seal(config) ? 0 : fail(p, 0, "out of memory");
}

static int run_parser(struct parse *p, cfg_t *cfg, FILE *file)
{
    cfg_set_error_function(cfg, on_error);
    if (cfg_parse_fp(cfg, file) != CFG_SUCCESS)
        return fail(p, cfg->line, "not a valid configuration");
    if (!p->ended)
        return fail(p, 0, "the file ends inside a section, a comment or a text");
    return p->failed ? -1 : 0;
}

/* `text` has room for END_TEXT. */
static int parse_text(struct parse *p, char *text, size_t size)
{
    if (check_bytes(p, text, size) != 0)
        return -1;
    blank_comments(text, size);
    memcpy(text + size, END_TEXT, strlen(END_TEXT));
    cfg_t *cfg = new_parser();
    FILE *file = fmemopen(text, size + strlen(END_TEXT), "r");
    int result;
    if (cfg == NULL || file == NULL)
        result = fail(p, 0, "out of memory");
    else
        result = run_parser(p, cfg, file);
    if (file != NULL)
        fclose(file);
    if (cfg != NULL)
        cfg_free(cfg);
    return result == 0 ? check_whole(p) : -1;
}

static int load(struct parse *p)
{
    char *text = malloc(FILE_BYTES_MAX + strlen(END_TEXT));
    if (text == NULL)
        return fail(p, 0, "out of memory");
    ssize_t size = file_read(p->path, false, text, FILE_BYTES_MAX, p->error, p->error_size);
    int result = -1;
    if (size >= 0) {
        pthread_mutex_lock(&parse_lock);
        current = p;
        result = parse_text(p, text, (size_t)size);
        current = NULL;
        pthread_mutex_unlock(&parse_lock);
    }
    free(text);
    return result;
}

struct config *config_load(const char *path, char *ret_error, size_t error_size)
{
    struct parse *p = calloc(1, sizeof *p);
    struct config *config = calloc(1, sizeof *config);
    int result = -1;
    if (p != NULL && config != NULL) {
        config_defaults(config);
        config->clients = calloc(CLIENT_KEYS_MAX, sizeof *config->clients);
        *p = (struct parse){
            .path = path, .error = ret_error, .error_size = error_size, .config = config};
        result = config->clients == NULL ? fail(p, 0, "out of memory") : load(p);
    } else {
        snprintf(ret_error, error_size, "%s: out of memory", path);
    }
    free(p);
    if (result == 0)
        return config;
    config_free(config);
    return NULL;
}
