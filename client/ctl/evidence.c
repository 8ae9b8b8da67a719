/* byzctl evidence: the proofs of lies that replicas kept, or that somebody sent. */
#include "common/evidence.h"

#include "client/ctl/ctl.h"
#include "client/ctl/places.h"

#include <dirent.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const evidence_usage =
    "list | show FILE | verify [-c CONFIG | --key HEX] FILE…\n\n"
    "Evidence is a file with two statements that one replica signed and that contradict each\n"
    "other: a correct replica signs only one of them. Replicas keep what they come upon in\n"
    "DIR/replicaN/store/evidence. Whoever has the replica's public key can check it.\n\n"
    "  list             all evidence that this cluster's replicas hold\n"
    "  show FILE        what it says, field by field\n"
    "  verify FILE…     does it prove what it says? Ends with 0 if all of them do, 1 if not\n\n"
    "  -c, --config CONFIG   the configuration that has the replicas' keys [DIR/cluster.conf]\n"
    "  --key HEX             the replica's public key, without a configuration";

/* Who is believed to be who: a configuration, or one key. */
struct trust {
    const char *config_path; /* NULL: the cluster's own */
    const char *key_text;    /* NULL: the configuration's */
    struct config *config;
    uint8_t key[PUBLIC_KEY_BYTES];
};

static bool load(const char *path, struct evidence *ret)
{
    char error[PATH_BYTES_MAX + 256];
    if (evidence_load(path, ret, error, sizeof error))
        return true;
    ctl_error("%s", error);
    return false;
}

/* What it claims; decodable only if it is well formed. */
static void describe(const struct evidence *e, char *out, size_t size)
{
    struct evidence_claim claim;
    const char *reason = evidence_claim(e, 0, &claim);
    if (reason == NULL)
        evidence_describe(e, out, size);
    else
        snprintf(out, size, "%s", reason);
}

/* ---- list ---- */

static void list_file(const struct config *config, unsigned holder, const char *path)
{
    struct evidence e;
    char deed[160];
    if (!load(path, &e))
        return;
    const char *reason = evidence_invalid_reason(&e);
    if (reason == NULL)
        reason = evidence_against(&e, config);
    describe(&e, deed, sizeof deed);
    printf("%-8u %-8u %-7s %s\n%27s%s\n", holder, e.replica, reason == NULL ? "yes" : "no", deed,
        "", path);
    if (reason != NULL)
        printf("%27s%s\n", "", reason);
}

static int is_evidence(const struct dirent *entry)
{
    static const char suffix[] = ".evidence";
    size_t length = strlen(entry->d_name);
    return length >= sizeof suffix &&
           strcmp(entry->d_name + length - (sizeof suffix - 1), suffix) == 0;
}

static unsigned list_replica(const struct ctl *ctl, const struct config *config, unsigned replica)
{
    struct path folder = place_replica(ctl, replica, "store/evidence");
    struct dirent **entries;
    int count = scandir(folder.text, &entries, is_evidence, versionsort);
    if (count < 0) /* none was ever kept */
        return 0;
    for (int i = 0; i < count; i++) {
        char path[PATH_BYTES_MAX + 300];
        snprintf(path, sizeof path, "%s/%s", folder.text, entries[i]->d_name);
        list_file(config, replica, path);
        free(entries[i]);
    }
    free(entries);
    return (unsigned)count;
}

static int list(const struct ctl *ctl)
{
    struct config *config = ctl_config(ctl);
    unsigned count = 0;
    if (!config)
        return CTL_USAGE;
    printf("%-8s %-8s %-7s %s\n", "held by", "against", "proven", "what it did, and the file");
    for (unsigned i = 0; i < config->replica_count; i++)
        count += list_replica(ctl, config, i);
    config_free(config);
    if (count == 0)
        printf("none\n");
    return CTL_OK;
}

/* ---- show ---- */

static void show_hex(const char *name, const uint8_t *data, size_t size)
{
    char hex[2 * SIGNATURE_BYTES + 1];
    for (size_t at = 0; at < size; at += SIGNATURE_BYTES) {
        size_t part = size - at < SIGNATURE_BYTES ? size - at : SIGNATURE_BYTES;
        hex_format(hex, data + at, part);
        printf("%-12s %s\n", at == 0 ? name : "", hex);
    }
}

static void show_statement(const struct evidence *e, unsigned index)
{
    struct evidence_claim claim;
    const char *reason = evidence_claim(e, index, &claim);
    printf("\nstatement %u\n", index + 1);
    if (reason != NULL) {
        printf("%-12s %s\n", "malformed", reason);
        show_hex("bytes", e->statement[index].bytes, e->statement[index].size);
    } else {
        if (e->purpose != SIGN_CHECKPOINT && e->purpose != SIGN_CONTRIBUTION)
            printf("%-12s %" PRIu64 "\n", "view", claim.view);
        if (e->purpose != SIGN_VIEW_CHANGE && e->purpose != SIGN_NEW_VIEW)
            printf("%-12s %" PRIu64 "\n", e->purpose == SIGN_CONTRIBUTION ? "number" : "batch",
                claim.number);
        show_hex(e->purpose == SIGN_CONTRIBUTION ? "values" : "digest", claim.content.data,
            claim.content.size);
    }
    show_hex("signature", e->statement[index].signature, SIGNATURE_BYTES);
}

static int show(const char *path)
{
    struct evidence e;
    char deed[160];
    if (!load(path, &e))
        return CTL_FAILED;
    describe(&e, deed, sizeof deed);
    printf("It says that replica %u %s.\n\n", e.replica, deed);
    show_hex("cluster", e.cluster, DIGEST_BYTES);
    show_hex("public key", e.public_key, PUBLIC_KEY_BYTES);
    printf("%-12s %s\n", "kind", evidence_kind(e.purpose));
    for (unsigned i = 0; i < 2; i++)
        show_statement(&e, i);
    return CTL_OK;
}

/* ---- verify ---- */

static const char *against(const struct evidence *e, const struct trust *trust)
{
    if (trust->config)
        return evidence_against(e, trust->config);
    return memcmp(e->public_key, trust->key, PUBLIC_KEY_BYTES) == 0
               ? NULL
               : "the key is not the one that was given";
}

static bool verify_file(const char *path, const struct trust *trust)
{
    struct evidence e;
    char deed[160], cluster[2 * DIGEST_BYTES + 1];
    if (!load(path, &e))
        return false;
    const char *reason = evidence_invalid_reason(&e);
    if (reason == NULL)
        reason = against(&e, trust);
    if (reason != NULL) {
        printf("%s: not proven: %s\n", path, reason);
        return false;
    }
    evidence_describe(&e, deed, sizeof deed);
    hex_format(cluster, e.cluster, DIGEST_BYTES);
    if (trust->config)
        printf("%s: proven: replica %u of cluster \"%s\" %s\n", path, e.replica,
            trust->config->name, deed);
    else
        printf("%s: proven: the holder of this key, as replica %u of the cluster with the identity "
               "%s, %s\n",
            path, e.replica, cluster, deed);
    return true;
}

/* False after saying why. */
static bool trust_find(const struct ctl *ctl, struct trust *trust)
{
    char error[1024];
    if (trust->key_text && trust->config_path) {
        ctl_error("--key and --config: give one of them");
        return false;
    }
    if (trust->key_text) {
        if (hex_parse(trust->key_text, trust->key, PUBLIC_KEY_BYTES))
            return true;
        ctl_error("--key must be 64 hexadecimal digits");
        return false;
    }
    if (!trust->config_path)
        return (trust->config = ctl_config(ctl)) != NULL;
    trust->config = config_load(trust->config_path, error, sizeof error);
    if (!trust->config)
        ctl_error("%s", error);
    return trust->config != NULL;
}

static int verify_files(const struct ctl *ctl, struct trust *trust, char **paths)
{
    if (!trust_find(ctl, trust))
        return CTL_USAGE;
    bool proven = true;
    for (; *paths; paths++)
        proven &= verify_file(*paths, trust);
    config_free(trust->config);
    return proven ? CTL_OK : CTL_FAILED;
}

int command_evidence(const struct ctl *ctl, int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
        {"key", required_argument, NULL, 'k'}, {NULL, 0, NULL, 0}};
    struct trust trust = {0};
    int option;
    while ((option = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
        if (option != 'c' && option != 'k')
            return ctl_usage("evidence");
        *(option == 'c' ? &trust.config_path : &trust.key_text) = optarg;
    }
    const char *action = optind < argc ? argv[optind++] : "";
    int files = argc - optind;
    bool trusting = trust.config_path || trust.key_text;
    if (strcmp(action, "list") == 0 && files == 0 && !trusting)
        return list(ctl);
    if (strcmp(action, "show") == 0 && files == 1 && !trusting)
        return show(argv[optind]);
    if (strcmp(action, "verify") == 0 && files > 0)
        return verify_files(ctl, &trust, argv + optind);
    return ctl_usage("evidence");
}
