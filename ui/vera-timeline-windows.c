#include "config.h"

#include <glib/gi18n.h>
#include <json-glib/json-glib.h>

#include "ui/vera-timecode.h"
#include "ui/vera-timeline-private.h"

VeraJob *
vera_timeline_find_job(VeraTimeline *self, const char *edit_id)
{
    GListModel *jobs = G_LIST_MODEL(vera_editor_get_queue(self->editor));

    for (guint i = 0; i < g_list_model_get_n_items(jobs); i++) {
        g_autoptr(VeraJob) job = g_list_model_get_item(jobs, i);
        if (g_strcmp0(vera_job_get_edit_id(job), edit_id) == 0 && !vera_job_state_is_over(vera_job_get_state(job)))
            return job;
    }
    return NULL;
}

static void
vera_timeline_add_job_windows(GArray *windows, VeraJob *job, gint64 start)
{
    g_autoptr(JsonNode) root = json_from_string(vera_job_get_plan_json(job), NULL);
    JsonObject *plan = root && JSON_NODE_HOLDS_OBJECT(root) ? json_node_get_object(root) : NULL;
    JsonArray *list = plan && json_object_has_member(plan, "windows") ? json_object_get_array_member(plan, "windows") : NULL;

    for (guint i = 0; list != NULL && i < json_array_get_length(list); i++) {
        JsonObject *window = json_array_get_object_element(list, i);
        VeraTimelineWindow item = { start + json_object_get_int_member_with_default(window, "first", 0),
                                    start + json_object_get_int_member_with_default(window, "last", 0) };
        g_array_append_val(windows, item);
    }
}

GArray *
vera_timeline_list_windows(VeraTimeline *self, const VeraEdit *edit)
{
    GArray *windows = g_array_new(FALSE, FALSE, sizeof(VeraTimelineWindow));
    VeraJob *job = vera_timeline_find_job(self, edit->id);
    g_autoptr(VeraFramePlan) plan = NULL;

    if (job != NULL && vera_job_get_plan_json(job) != NULL) {
        vera_timeline_add_job_windows(windows, job, edit->first);
        return windows;
    }
    plan = vera_editor_dup_plan(self->editor, edit);
    for (int i = 0; plan != NULL && i < plan->n_windows; i++) {
        int first, last;
        VeraTimelineWindow item;
        vera_frame_plan_get_frames(plan, i, &first, &last);
        item = (VeraTimelineWindow){ edit->first + first, edit->first + MIN(last, plan->n_frames - 1) };
        g_array_append_val(windows, item);
    }
    return windows;
}

static gboolean
vera_timeline_is_key(const VeraEdit *edit, gint64 frame)
{
    g_autoptr(GArray) frames = edit && edit->region ? vera_region_list_keys(edit->region) : NULL;

    for (guint i = 0; frames != NULL && i < frames->len; i++)
        if (g_array_index(frames, gint64, i) == frame)
            return TRUE;
    return FALSE;
}

/* One window is the whole edit, and says nothing more. */
static char *
vera_timeline_describe_windows(VeraTimeline *self, const VeraEdit *edit, gint64 frame, const char *number)
{
    g_autoptr(GArray) windows = vera_timeline_list_windows(self, edit);
    guint found[2], n = 0;

    for (guint i = 0; windows->len > 1 && i < windows->len && n < 2; i++) {
        const VeraTimelineWindow *window = &g_array_index(windows, VeraTimelineWindow, i);
        if (frame >= window->first && frame <= window->last)
            found[n++] = i + 1;
    }
    if (n == 2)
        return g_strdup_printf(_("Frame %s, inside windows %u and %u"), number, found[0], found[1]);
    return n == 1 ? g_strdup_printf(_("Frame %s, inside window %u"), number, found[0])
                  : g_strdup_printf(_("Frame %s, inside the selected edit"), number);
}

char *
vera_timeline_describe(VeraTimeline *self)
{
    const VeraClipInfo *info = vera_editor_get_clip_info(self->editor);
    const VeraEdit *edit = vera_editor_get_selected(self->editor);
    gint64 frame = vera_editor_get_frame(self->editor);
    g_autofree char *number = NULL;

    if (info == NULL)
        return g_strdup(_("No clip is open"));
    number = g_strdup_printf("%" G_GINT64_FORMAT, vera_timecode_get_number(info, frame));
    if (vera_timeline_is_key(edit, frame))
        return g_strdup_printf(_("Frame %s, a keyframe of the region"), number);
    if (edit != NULL && frame >= edit->first && frame <= edit->last)
        return vera_timeline_describe_windows(self, edit, frame, number);
    return g_strdup_printf(_("Frame %s"), number);
}
