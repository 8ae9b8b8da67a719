#include "client/ctl/settings.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const char *skip_blanks(const char *at)
{
    while (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')
        at++;
    return at;
}

static bool is_name(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '.';
}

/* Takes a name off the text. NULL when there is none or it is too long. */
static const char *take_name(const char *at, char *out, size_t size)
{
    size_t length = 0;
    while (is_name(at[length]))
        length++;
    if (length == 0 || length >= size)
        return NULL;
    memcpy(out, at, length);
    out[length] = '\0';
    return at + length;
}

/* Takes a value: up to a blank or comment, or in single quotes with '' and \' inside. */
static const char *take_value(const char *at, char *out, size_t size)
{
    size_t length = 0;
    bool quoted = *at == '\'';
    if (quoted)
        at++;
    while (quoted ? !(at[0] == '\'' && at[1] != '\'') : !strchr(" \t\r\n#", *at)) {
        bool escaped = quoted && (at[0] == '\'' || (at[0] == '\\' && at[1]));
        if (escaped)
            at++;
        if (*at == '\0' || length + 1 >= size)
            return NULL;
        out[length++] = *at++;
    }
    out[length] = '\0';
    if (!quoted && length == 0)
        return NULL;
    return quoted ? at + 1 : at;
}

int settings_parse_line(const char *line, struct config_setting *ret)
{
    const char *at = skip_blanks(line);
    if (*at == '\0' || *at == '#')
        return 0;
    at = take_name(at, ret->name, sizeof ret->name);
    if (!at)
        return -1;
    at = skip_blanks(at);
    if (*at == '=')
        at = skip_blanks(at + 1);
    at = take_value(at, ret->value, sizeof ret->value);
    if (!at)
        return -1;
    at = skip_blanks(at);
    return *at == '\0' || *at == '#' ? 1 : -1;
}

bool settings_add(struct config *config, const char *name, const char *value)
{
    unsigned i = 0;
    while (i < config->setting_count && strcmp(config->settings[i].name, name) != 0)
        i++;
    if (i == SETTINGS_MAX)
        return false;
    struct config_setting *setting = &config->settings[i];
    if (strlen(name) >= sizeof setting->name || strlen(value) >= sizeof setting->value)
        return false;
    memcpy(setting->name, name, strlen(name) + 1);
    memcpy(setting->value, value, strlen(value) + 1);
    if (i == config->setting_count)
        config->setting_count++;
    return true;
}

bool settings_load(struct config *config, const char *path, char *ret_error, size_t error_size)
{
    FILE *f = fopen(path, "re");
    if (!f) {
        snprintf(ret_error, error_size, "%s: %m", path);
        return false;
    }
    char line[1024];
    unsigned number = 0;
    bool good = true;
    while (good && fgets(line, sizeof line, f)) {
        number++;
        struct config_setting setting;
        int found = settings_parse_line(line, &setting);
        good = found == 0 || (found == 1 && settings_add(config, setting.name, setting.value));
    }
    if (!good)
        snprintf(
            ret_error, error_size, "%s:%u: not a setting of the form name = value", path, number);
    fclose(f);
    return good;
}
