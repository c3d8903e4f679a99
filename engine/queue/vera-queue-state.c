#include "config.h"

#include "engine/queue/vera-queue-state.h"

#include <errno.h>

#include <glib/gstdio.h>

#include "engine/vera-engine-error.h"
#include "engine/vera-json.h"

/* The format that this program writes, and the newest that it reads. */
#define VERA_QUEUE_STATE_FORMAT 1

static JsonObject *
vera_queue_state_job_to_json(const VeraJob *job)
{
    JsonObject *object = json_object_new();
    gboolean has_failed = job->state == VERA_JOB_STATE_FAILED;

    vera_job_spec_to_json(job->spec, object);
    json_object_set_string_member(object, "state", has_failed ? "failed" : "unfinished");
    if (has_failed)
        vera_project_json_set_string(object, "message", job->message);
    json_object_set_boolean_member(object, "started", job->was_started || job->cancellable != NULL);
    json_object_set_boolean_member(object, "state_refused", job->is_state_refused);
    json_object_set_int_member(object, "step", job->step);
    json_object_set_int_member(object, "steps", job->n_steps);
    json_object_set_double_member(object, "fraction", job->fraction);
    return object;
}

char *
vera_queue_state_to_text(GPtrArray *jobs)
{
    g_autoptr(JsonObject) object = json_object_new();
    JsonArray *array = json_array_new();

    json_object_set_int_member(object, "vera_queue", VERA_QUEUE_STATE_FORMAT);
    for (guint i = 0; i < jobs->len; i++) {
        const VeraJob *job = g_ptr_array_index(jobs, i);
        if (job->state != VERA_JOB_STATE_DONE && job->state != VERA_JOB_STATE_CANCELLED)
            json_array_add_object_element(array, vera_queue_state_job_to_json(job));
    }
    json_object_set_array_member(object, "jobs", array);
    return vera_project_json_to_text(object, TRUE);
}

static VeraJob *
vera_queue_state_read_job(JsonNode *node, guint number, GError **error)
{
    g_autofree char *state = NULL, *message = NULL;
    VeraProjectReader reader = {0};
    VeraJobSpec *spec;
    VeraJob *job;
    double fraction = 0;
    int step = 0, n_steps = 0;
    gboolean was_started = TRUE, is_state_refused = FALSE;

    if (!JSON_NODE_HOLDS_OBJECT(node)) {
        g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                    "job %u is not an object", number);
        return NULL;
    }
    vera_project_reader_init(&reader, json_node_get_object(node), "job", error);
    vera_project_reader_get_string(&reader, "state", &state);
    vera_project_reader_get_string(&reader, "message", &message);
    vera_project_reader_get_boolean(&reader, "started", &was_started);
    vera_project_reader_get_boolean(&reader, "state_refused", &is_state_refused);
    vera_project_reader_get_int(&reader, "step", &step);
    vera_project_reader_get_int(&reader, "steps", &n_steps);
    vera_project_reader_get_double(&reader, "fraction", &fraction);
    spec = vera_job_spec_read_json(&reader);
    g_clear_pointer(&reader.known, g_ptr_array_unref);
    if (spec == NULL)
        return NULL;
    job = vera_job_new(spec);
    job->state = g_strcmp0(state, "failed") == 0 ? VERA_JOB_STATE_FAILED : VERA_JOB_STATE_PAUSED;
    job->message = job->state == VERA_JOB_STATE_FAILED ? g_steal_pointer(&message) : NULL;
    job->was_started = was_started;
    job->is_state_refused = is_state_refused;
    job->n_steps = MAX(n_steps, 0);
    job->step = CLAMP(step, 0, job->n_steps);
    job->fraction = CLAMP(fraction, 0, 1);
    return job;
}

/* All jobs that can be read, even when @error is set for another. */
static void
vera_queue_state_read(const char *path, GPtrArray *jobs, GError **error)
{
    g_autoptr(JsonParser) parser = vera_json_parse_file(path, error);
    JsonNode *node;
    JsonObject *object;

    if (parser == NULL)
        return;
    object = json_node_get_object(json_parser_get_root(parser));
    node = json_object_get_member(object, "jobs");
    if (node == NULL || !JSON_NODE_HOLDS_ARRAY(node)) {
        g_set_error_literal(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                            "it holds no list of jobs");
        return;
    }
    if (vera_json_get_int(object, "vera_queue", 0) > VERA_QUEUE_STATE_FORMAT) {
        g_set_error_literal(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_UNSUPPORTED,
                            "a newer version of the program wrote it");
        return;
    }
    for (guint i = 0; i < json_array_get_length(json_node_get_array(node)); i++) {
        g_autoptr(GError) local = NULL;
        VeraJob *job = vera_queue_state_read_job(
            json_array_get_element(json_node_get_array(node), i), i + 1, &local);
        if (job != NULL)
            g_ptr_array_add(jobs, job);
        else if (error != NULL && *error == NULL)
            g_propagate_prefixed_error(error, g_steal_pointer(&local), "job %u: ", i + 1);
    }
}

/* A name that nothing has yet. */
static char *
vera_queue_state_get_aside(const char *path)
{
    char *aside = g_strconcat(path, ".unread", NULL);

    for (int i = 2; g_file_test(aside, G_FILE_TEST_EXISTS); i++) {
        g_free(aside);
        aside = g_strdup_printf("%s.unread-%d", path, i);
    }
    return aside;
}

gboolean
vera_queue_state_load(const char *path, GPtrArray *jobs, char **notice)
{
    g_autofree char *aside = NULL;
    g_autoptr(GError) error = NULL;

    *notice = NULL;
    if (!g_file_test(path, G_FILE_TEST_EXISTS))
        return TRUE;
    vera_queue_state_read(path, jobs, &error);
    if (error == NULL)
        return TRUE;
    aside = vera_queue_state_get_aside(path);
    if (g_rename(path, aside) == 0) {
        *notice = g_strdup_printf(
            "Not all jobs of the last session could be read: %s. The list was put aside as ‘%s’.",
            error->message, aside);
        return TRUE;
    }
    *notice = g_strdup_printf("The list of jobs ‘%s’ cannot be read (%s) nor put aside (%s); it is "
                              "left as it is, and jobs "
                              "of this session will not survive a crash.",
                              path, error->message, g_strerror(errno));
    return FALSE;
}
