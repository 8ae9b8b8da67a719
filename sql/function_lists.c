/* The lists, by name: overloads of one name behave alike, but for age(xid), which functions.c
 * treats on its own. Settings that these functions read (TimeZone, DateStyle, lc_…) are pinned by
 * postgresql.byzantium.conf. */
#include "sql/function_lists.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *certain[] = {
    /* time: now() and what is derived from it are agreed; zones and styles are pinned */
    "age", "date", "date_cmp_timestamptz", "date_eq_timestamptz", "date_ge_timestamptz",
    "date_gt_timestamptz", "date_in", "date_le_timestamptz", "date_lt_timestamptz",
    "date_ne_timestamptz", "date_out", "date_part", "date_trunc", "extract", "generate_series",
    "in_range", "interval_in", "interval_out", "interval_pl_timestamptz", "make_timestamptz", "now",
    "overlaps", "time", "time_in", "timestamp", "timestamp_cmp_timestamptz",
    "timestamp_eq_timestamptz", "timestamp_ge_timestamptz", "timestamp_gt_timestamptz",
    "timestamp_in", "timestamp_le_timestamptz", "timestamp_lt_timestamptz",
    "timestamp_ne_timestamptz", "timestamp_out", "timestamptz", "timestamptz_cmp_date",
    "timestamptz_cmp_timestamp", "timestamptz_eq_date", "timestamptz_eq_timestamp",
    "timestamptz_ge_date", "timestamptz_ge_timestamp", "timestamptz_gt_date",
    "timestamptz_gt_timestamp", "timestamptz_in", "timestamptz_le_date", "timestamptz_le_timestamp",
    "timestamptz_lt_date", "timestamptz_lt_timestamp", "timestamptz_mi_interval",
    "timestamptz_ne_date", "timestamptz_ne_timestamp", "timestamptz_out", "timestamptz_pl_interval",
    "timetz", "timetz_in", "timezone", "to_timestamp", "transaction_timestamp",
    /* replaced for clients in builtins.c */
    "clock_timestamp", "currval", "gen_random_uuid", "lastval", "nextval", "random", "setseed",
    "setval", "statement_timestamp", "timeofday",
    /* text and numbers */
    "anytextcat", "bpcharrecv", "bpcharsend", "cash_in", "cash_out", "concat", "concat_ws",
    "convert", "convert_from", "convert_to", "cstring_recv", "cstring_send", "format", "length",
    "money", "namerecv", "namesend", "numeric", "quote_literal", "quote_nullable", "textanycat",
    "textrecv", "textsend", "to_char", "to_date", "to_number", "varcharrecv", "varcharsend",
    /* arrays, records, ranges, enums, domains */
    "anyarray_out", "anycompatiblearray_out", "anycompatiblemultirange_out",
    "anycompatiblerange_out", "anyenum_out", "anymultirange_out", "anyrange_out", "array_in",
    "array_out", "array_recv", "array_send", "array_to_string", "domain_in", "domain_recv",
    "enum_first", "enum_in", "enum_last", "enum_out", "enum_range", "enum_recv", "enum_send",
    "multirange_in", "multirange_out", "multirange_recv", "multirange_send", "range_in",
    "range_out", "range_recv", "range_send", "record_in", "record_out", "record_recv",
    "record_send",
    /* json and xml; the order in which aggregates get their rows is judged in order.c */
    "array_to_json", "json_agg", "json_agg_transfn", "json_build_array", "json_build_object",
    "json_object_agg", "json_object_agg_transfn", "json_populate_record", "json_populate_recordset",
    "json_to_record", "json_to_recordset", "jsonb_agg", "jsonb_agg_finalfn", "jsonb_agg_transfn",
    "jsonb_build_array", "jsonb_build_object", "jsonb_object_agg", "jsonb_object_agg_finalfn",
    "jsonb_object_agg_transfn", "jsonb_path_exists_tz", "jsonb_path_match_tz",
    "jsonb_path_query_array_tz", "jsonb_path_query_first_tz", "jsonb_path_query_tz",
    "jsonb_populate_record", "jsonb_populate_recordset", "jsonb_to_record", "jsonb_to_recordset",
    "row_to_json", "to_json", "to_jsonb", "xml", "xml_in", "xml_is_well_formed", "xml_recv",
    "xml_send",
    /* text search, with a pinned default_text_search_config */
    "get_current_ts_config", "json_to_tsvector", "jsonb_to_tsvector", "phraseto_tsquery",
    "plainto_tsquery", "to_tsquery", "to_tsvector", "ts_headline", "ts_match_tq", "ts_match_tt",
    "ts_parse", "ts_token_type", "websearch_to_tsquery",
    /* facts that are equal on all replicas */
    "current_database", "current_user", "getdatabaseencoding", "getpgusername",
    "pg_char_to_encoding", "pg_client_encoding", "pg_collation_for", "pg_encoding_to_char",
    "pg_trigger_depth", "session_user"};

static const char *uncertain[] = {
    /* names and OIDs */
    "current_schema", "current_schemas", "format_type", "oidvectortypes", "pg_describe_object",
    "pg_get_object_address", "pg_get_userbyid", "pg_identify_object",
    "pg_identify_object_as_address", "pg_typeof", "regclass", "regclassin", "regclassout",
    "regcollationin", "regcollationout", "regconfigin", "regconfigout", "regdictionaryin",
    "regdictionaryout", "regnamespacein", "regnamespaceout", "regoperatorin", "regoperatorout",
    "regoperin", "regoperout", "regprocedurein", "regprocedureout", "regprocin", "regprocout",
    "regrolein", "regroleout", "regtypein", "regtypeout", "to_regclass", "to_regcollation",
    "to_regnamespace", "to_regoper", "to_regoperator", "to_regproc", "to_regprocedure",
    "to_regrole", "to_regtype", "version",
    /* privileges and visibility */
    "aclexplode", "aclitemin", "aclitemout", "has_any_column_privilege", "has_column_privilege",
    "has_database_privilege", "has_foreign_data_wrapper_privilege", "has_function_privilege",
    "has_language_privilege", "has_schema_privilege", "has_sequence_privilege",
    "has_server_privilege", "has_table_privilege", "has_tablespace_privilege", "has_type_privilege",
    "pg_collation_is_visible", "pg_conversion_is_visible", "pg_function_is_visible", "pg_has_role",
    "pg_is_other_temp_schema", "pg_my_temp_schema", "pg_opclass_is_visible",
    "pg_operator_is_visible", "pg_opfamily_is_visible", "pg_statistics_obj_is_visible",
    "pg_table_is_visible", "pg_ts_config_is_visible", "pg_ts_dict_is_visible",
    "pg_ts_parser_is_visible", "pg_ts_template_is_visible", "pg_type_is_visible",
    "row_security_active",
    /* definitions */
    "_pg_index_position", "col_description", "obj_description", "pg_column_is_updatable",
    "pg_get_constraintdef", "pg_get_expr", "pg_get_function_arg_default",
    "pg_get_function_arguments", "pg_get_function_identity_arguments", "pg_get_function_result",
    "pg_get_function_sqlbody", "pg_get_functiondef", "pg_get_indexdef", "pg_get_keywords",
    "pg_get_partition_constraintdef", "pg_get_partkeydef", "pg_get_ruledef",
    "pg_get_serial_sequence", "pg_get_statisticsobjdef", "pg_get_statisticsobjdef_columns",
    "pg_get_statisticsobjdef_expressions", "pg_get_triggerdef", "pg_get_viewdef",
    "pg_index_column_has_property", "pg_index_has_property", "pg_indexam_has_property",
    "pg_options_to_table", "pg_partition_ancestors", "pg_partition_tree",
    "pg_relation_is_updatable", "pg_sequence_parameters", "shobj_description", "ts_debug",
    /* runs a query of its own, which is judged as it runs */
    "ts_rewrite"};

static const char *shows_oids[] = {"hash_array", "hash_array_extended", "hash_multirange",
    "hash_multirange_extended", "hash_range", "hash_range_extended", "hash_record",
    "hash_record_extended", "hashenum", "hashenumextended", "satisfies_hash_partition"};

static const struct {
    const char *prefix;
    const char *hint;
} hints[] = {
    {"gen_random_bytes", "Use gen_random_uuid() or random(): all replicas agree on them. Nothing "
                         "secret may rest on them."},
    {"uuid_generate", "Use gen_random_uuid(): all replicas agree on it."},
    {"pg_try_advisory", "Lock rows instead: SELECT … FOR UPDATE."},
    {"pg_advisory", "Lock rows instead: SELECT … FOR UPDATE."},
    {"lo_", "Store the bytes in a column of type bytea."},
    {"set_config", "Only SET LOCAL search_path is allowed."},
    {"current_setting", "SHOW works for settings that are equal on all replicas."},
    {"pg_sleep", "Wait in the application, outside the transaction."},
    {"pg_notify", "Notify through the application, after the commit."},
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void function_lists_init(void)
{
    qsort(certain, COUNT(certain), sizeof(certain[0]), compare_names);
    qsort(uncertain, COUNT(uncertain), sizeof(uncertain[0]), compare_names);
    qsort(shows_oids, COUNT(shows_oids), sizeof(shows_oids[0]), compare_names);
}

bool function_is_certain(const char *name)
{
    return bsearch(&name, certain, COUNT(certain), sizeof(certain[0]), compare_names) != NULL;
}

bool function_is_uncertain(const char *name)
{
    return bsearch(&name, uncertain, COUNT(uncertain), sizeof(uncertain[0]), compare_names) != NULL;
}

bool function_shows_oids(const char *name)
{
    return bsearch(&name, shows_oids, COUNT(shows_oids), sizeof(shows_oids[0]), compare_names) !=
           NULL;
}

const char *function_hint(const char *name)
{
    for (size_t i = 0; i < COUNT(hints); i++) {
        if (strncmp(name, hints[i].prefix, strlen(hints[i].prefix)) == 0)
            return hints[i].hint;
    }
    return "Compute the value in the application and pass it as a parameter.";
}
