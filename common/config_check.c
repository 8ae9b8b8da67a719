/* What makes a configuration consistent, whether it was read from a file or is about to be written.
 */
#include "common/config_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- the form of names ---- */

static bool is_one_of(char c, const char *others)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
        return true;
    return c != '\0' && strchr(others, c) != NULL;
}

static bool all_of(const char *text, const char *others)
{
    for (const char *c = text; *c != '\0'; c++)
        if (!is_one_of(*c, others))
            return false;
    return text[0] != '\0';
}

bool config_is_name(const char *text)
{
    return text[0] != '.' && all_of(text, "._-");
}

bool config_is_setting_name(const char *text)
{
    return all_of(text, "._");
}

bool config_is_host(const char *text)
{
    return all_of(text, ".:_-%");
}

bool config_is_printable(const char *text)
{
    for (const char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return false;
    return text[0] != '\0';
}

/* ---- problems ---- */

static bool __attribute__((format(printf, 5, 6))) problem(struct config_problem *ret,
    enum config_place place, unsigned index, const char *option, const char *format, ...)
{
    va_list arguments;
    *ret = (struct config_problem){.place = place, .index = index, .option = option};
    va_start(arguments, format);
    vsnprintf(ret->text, sizeof ret->text, format, arguments);
    va_end(arguments);
    return false;
}

/* ---- the cluster ---- */

static bool check_limits(const struct config *config, struct config_problem *ret)
{
    for (size_t i = 0; i < CONFIG_LIMITS; i++) {
        const struct config_limit *limit = &config_limits[i];
        unsigned value = config_limit_get(config, limit);
        if (value < limit->minimum || value > limit->maximum)
            return problem(ret, PLACE_CLUSTER, 0, limit->name, "%s must be from %u to %u, not %u",
                limit->name, limit->minimum, limit->maximum, value);
    }
    return true;
}

/* One option that must be at least another, or twice another. */
struct relation {
    const char *large;
    unsigned factor;
    const char *small;
    size_t large_offset;
    size_t small_offset;
};

#define AT_LEAST(large, factor, small)                                                             \
    {                                                                                              \
#large, factor, #small, offsetof(struct config, large), offsetof(struct config, small)     \
    }

static const struct relation relations[] = {
    /* Else agreement would stop at the high water mark before a checkpoint can become stable. */
    AT_LEAST(window, 2, checkpoint_interval),
    AT_LEAST(window, 1, batches_in_flight_max),
    AT_LEAST(log_batches_max, 1, window),
    AT_LEAST(transactions_max, 1, transactions_per_client_max),
    AT_LEAST(transaction_timeout_ms, 1, statement_timeout_ms),
};

static unsigned field(const struct config *config, size_t offset)
{
    struct config_limit limit = {.offset = offset};
    return config_limit_get(config, &limit);
}

static bool check_relations(const struct config *config, struct config_problem *ret)
{
    for (size_t i = 0; i < sizeof relations / sizeof relations[0]; i++) {
        const struct relation *r = &relations[i];
        unsigned large = field(config, r->large_offset);
        unsigned small = field(config, r->small_offset);
        if (large / r->factor >= small)
            continue;
        problem(ret, PLACE_CLUSTER, 0, r->large, "%s (%u) is less than %s%s (%u)", r->large, large,
            r->factor == 2 ? "twice " : "", r->small, small);
        ret->other = r->small;
        return false;
    }
    return true;
}

static bool check_counts(const struct config *config, struct config_problem *ret)
{
    if (config->faults < 1 || config->faults > FAULTS_MAX)
        return problem(ret, PLACE_CLUSTER, 0, "faults", "faults must be from 1 to %d, not %u",
            FAULTS_MAX, config->faults);
    unsigned needed = 3 * config->faults + 1;
    if (config->replica_count != needed)
        return problem(ret, PLACE_CLUSTER, 0, "faults",
            "faults = %u needs %u replicas (3f+1), and there are %u", config->faults, needed,
            config->replica_count);
    if (config->client_count > CLIENT_KEYS_MAX)
        return problem(ret, PLACE_CLUSTER, 0, NULL, "more than %d clients", CLIENT_KEYS_MAX);
    if (config->setting_count > SETTINGS_MAX)
        return problem(ret, PLACE_CLUSTER, 0, NULL, "more than %d settings", SETTINGS_MAX);
    return true;
}

static bool check_cluster(const struct config *config, struct config_problem *ret)
{
    if (!config_is_name(config->name))
        return problem(ret, PLACE_CLUSTER, 0, NULL,
            "the cluster's name may contain letters, digits, \".\", \"_\" and \"-\" only");
    if (!config_is_printable(config->database))
        return problem(ret, PLACE_CLUSTER, 0, "database", "malformed name of a database");
    return check_limits(config, ret) && check_relations(config, ret);
}

/* ---- replicas ---- */

static bool check_replica(const struct config *config, unsigned index, struct config_problem *ret)
{
    const struct config_replica *replica = &config->replicas[index];
    if (!config_is_host(replica->host))
        return problem(ret, PLACE_REPLICA, index, NULL, "replica %u: malformed host", index);
    if (replica->port == 0)
        return problem(ret, PLACE_REPLICA, index, NULL, "replica %u: port 0", index);
    for (unsigned i = 0; i < index; i++) {
        const struct config_replica *other = &config->replicas[i];
        if (other->port == replica->port && strcasecmp(other->host, replica->host) == 0)
            return problem(ret, PLACE_REPLICA, index, NULL,
                "replicas %u and %u have the same address %s port %u", i, index, replica->host,
                replica->port);
        if (memcmp(other->public_key, replica->public_key, PUBLIC_KEY_BYTES) == 0)
            return problem(ret, PLACE_REPLICA, index, NULL,
                "replicas %u and %u have the same public key", i, index);
    }
    return true;
}

/* ---- clients and settings ---- */

/* A key names one node: links are known by their keys alone. */
static bool check_client(const struct config *config, unsigned index, struct config_problem *ret)
{
    const struct config_client *client = &config->clients[index];
    if (!config_is_name(client->name))
        return problem(ret, PLACE_CLIENT, index, NULL,
            "a client's name may contain letters, digits, \".\", \"_\" and \"-\" only");
    for (unsigned i = 0; i < config->replica_count; i++)
        if (memcmp(config->replicas[i].public_key, client->public_key, PUBLIC_KEY_BYTES) == 0)
            return problem(ret, PLACE_CLIENT, index, NULL,
                "client \"%s\" and replica %u have the same public key", client->name, i);
    for (unsigned i = 0; i < index; i++) {
        const struct config_client *other = &config->clients[i];
        if (strcmp(other->name, client->name) == 0)
            return problem(
                ret, PLACE_CLIENT, index, NULL, "two clients are called \"%s\"", client->name);
        if (memcmp(other->public_key, client->public_key, PUBLIC_KEY_BYTES) == 0)
            return problem(ret, PLACE_CLIENT, index, NULL,
                "clients \"%s\" and \"%s\" have the same public key", other->name, client->name);
    }
    return true;
}

static bool check_setting(const struct config *config, unsigned index, struct config_problem *ret)
{
    const struct config_setting *setting = &config->settings[index];
    if (!config_is_setting_name(setting->name))
        return problem(ret, PLACE_SETTING, index, NULL, "malformed name of a setting");
    if (setting->value[0] != '\0' && !config_is_printable(setting->value))
        return problem(ret, PLACE_SETTING, index, NULL,
            "the value of setting \"%s\" contains control characters", setting->name);
    for (unsigned i = 0; i < index; i++)
        if (strcmp(config->settings[i].name, setting->name) == 0)
            return problem(
                ret, PLACE_SETTING, index, NULL, "setting \"%s\" stands twice", setting->name);
    return true;
}

bool config_check(const struct config *config, struct config_problem *ret)
{
    bool ok = check_cluster(config, ret) && check_counts(config, ret);
    for (unsigned i = 0; ok && i < config->replica_count; i++)
        ok = check_replica(config, i, ret);
    for (unsigned i = 0; ok && i < config->client_count; i++)
        ok = check_client(config, i, ret);
    for (unsigned i = 0; ok && i < config->setting_count; i++)
        ok = check_setting(config, i, ret);
    return ok;
}
