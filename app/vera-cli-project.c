#include "config.h"

#include <stdio.h>

#include <json-glib/json-glib.h>

#include "app/vera-cli-edit.h"
#include "app/vera-cli.h"
#include "engine/diffusion/vera-json.h"

static char *
vera_cli_dup_member(JsonObject *object, const char *name, const char *dir)
{
    const char *value = vera_json_get_string(object, name, NULL);

    if (value == NULL)
        return NULL;
    return dir ? g_canonicalize_filename(value, dir) : g_strdup(value);
}

static int
vera_cli_run_project_edit(JsonObject *edit,
                          JsonObject *clips,
                          const char *dir,
                          const char *output,
                          const VeraCliOptions *options)
{
    VeraCliOptions o = {.guidance = -1};
    const char *id = vera_json_get_string(edit, "id", "edit");
    const char *clip_id = vera_json_get_string(edit, "clip", "");
    g_autofree char *clip = vera_cli_dup_member(clips, clip_id, dir);
    g_autofree char *seed = g_strdup_printf(
        "%" G_GINT64_FORMAT, json_object_get_int_member_with_default(edit, "seed", 0));
    int code;

    if (clip == NULL) {
        fprintf(stderr,
                "vera: The edit ‘%s’ names the clip ‘%s’, which the project does not have.\n", id,
                clip_id);
        return VERA_CLI_EXIT_BAD_INPUT;
    }
    o.instruction = g_strdup(vera_json_get_string(edit, "instruction", ""));
    o.negative = vera_cli_dup_member(edit, "negative", NULL);
    o.region = vera_cli_dup_member(edit, "region", dir);
    o.range = vera_cli_dup_member(edit, "range", NULL);
    o.model = g_strdup(options->model);
    o.seed = g_steal_pointer(&seed);
    o.n_steps = (int)json_object_get_int_member_with_default(edit, "steps", 0);
    o.guidance = json_object_get_double_member_with_default(edit, "guidance", -1);
    o.export = g_strdup(options->export);
    o.output = g_build_filename(output, id, NULL);
    o.is_resume = TRUE;
    printf("%s: %s\n", id, o.instruction);
    fflush(stdout);
    code = vera_cli_run_edit(clip, &o);
    vera_cli_options_clear(&o);
    return code;
}

/* The objects of an array member; empty when the member is anything else. */
static GPtrArray *
vera_cli_list_objects(JsonObject *object, const char *name)
{
    GPtrArray *objects = g_ptr_array_new();
    JsonNode *node = json_object_get_member(object, name);
    JsonArray *array = node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;

    for (guint i = 0; array != NULL && i < json_array_get_length(array); i++) {
        JsonNode *item = json_array_get_element(array, i);
        if (JSON_NODE_HOLDS_OBJECT(item))
            g_ptr_array_add(objects, json_node_get_object(item));
    }
    return objects;
}

/* Clip paths by id. */
static JsonObject *
vera_cli_collect_clips(JsonObject *project)
{
    g_autoptr(GPtrArray) list = vera_cli_list_objects(project, "clips");
    JsonObject *clips = json_object_new();

    for (guint i = 0; i < list->len; i++)
        json_object_set_string_member(clips, vera_json_get_string(list->pdata[i], "id", ""),
                                      vera_json_get_string(list->pdata[i], "path", ""));
    return clips;
}

static int
vera_cli_run_project_file(const char *path, const VeraCliOptions *options)
{
    g_autoptr(JsonParser) parser = vera_json_parse_file(path);
    g_autofree char *dir = g_path_get_dirname(path), *absolute = g_canonicalize_filename(dir, NULL);
    g_autofree char *output = vera_cli_get_output(path, options->output);
    JsonNode *root = parser ? json_parser_get_root(parser) : NULL;
    JsonObject *project = root && JSON_NODE_HOLDS_OBJECT(root) ? json_node_get_object(root) : NULL;
    g_autoptr(JsonObject) clips = NULL;
    g_autoptr(GPtrArray) edits = NULL;
    int code = VERA_CLI_EXIT_OK;

    if (project == NULL || !json_object_has_member(project, "vera_project")) {
        fprintf(stderr, "vera: ‘%s’ is not a readable Vera project.\n", path);
        return VERA_CLI_EXIT_BAD_INPUT;
    }
    clips = vera_cli_collect_clips(project);
    edits = vera_cli_list_objects(project, "edits");
    for (guint i = 0; i < edits->len && code == VERA_CLI_EXIT_OK; i++)
        code = vera_cli_run_project_edit(edits->pdata[i], clips, absolute, output, options);
    return code;
}

int
vera_cli_run_project(int argc, char **argv)
{
    VeraCliOptions o = {.guidance = -1};
    const GOptionEntry entries[] = {VERA_CLI_EXPORT_ENTRIES(o){"model", 0, 0, G_OPTION_ARG_FILENAME,
                                                               &o.model, "Model folder", "DIR"},
                                    {NULL, 0, 0, 0, NULL, NULL, NULL}};
    GOptionContext *context = g_option_context_new("PROJECT – make every edit of a project file");
    int code;

    g_option_context_add_main_entries(context, entries, NULL);
    if (vera_cli_parse(context, &argc, &argv, &code))
        code = argc == 2 ? vera_cli_run_project_file(argv[1], &o)
                         : vera_cli_report_usage("run-project", "Name one project file.");
    vera_cli_options_clear(&o);
    return code;
}
