#include "config.h"

#include "ui/vera-take-record-view.h"

#include <glib/gi18n.h>

#include "ui/vera-duration.h"
#include "ui/vera-edit-task.h"

typedef struct {
    const char *name; /* translated */
    char *value;
} VeraTakeFact;

static void
vera_take_fact_clear(gpointer data)
{
    g_free(((VeraTakeFact *)data)->value);
}

/* Takes @value; what a take does not say is left out. */
static void
vera_take_facts_add(GArray *facts, const char *name, char *value)
{
    VeraTakeFact fact = { name, value };

    if (value != NULL && *value != '\0')
        g_array_append_val(facts, fact);
    else
        g_free(value);
}

static void
vera_take_facts_add_times(GArray *facts, const VeraTakeRecord *record)
{
    g_autoptr(GDateTime) started = record->started ? g_date_time_new_from_iso8601(record->started, NULL) : NULL;
    g_autoptr(GDateTime) finished = record->finished ? g_date_time_new_from_iso8601(record->finished, NULL) : NULL;
    g_autoptr(GDateTime) local = finished ? g_date_time_to_local(finished) : NULL;

    if (local == NULL)
        return;
    vera_take_facts_add(facts, _("Finished"), g_date_time_format(local, "%x %R"));
    if (started != NULL)
        vera_take_facts_add(facts, _("Took"),
                            vera_duration_format((double)g_date_time_difference(finished, started) / (double)G_TIME_SPAN_SECOND));
}

static char *
vera_take_facts_format_frames(const GArray *frames)
{
    return g_strdup_printf("%" G_GINT64_FORMAT " – %" G_GINT64_FORMAT " (%u)", g_array_index(frames, gint64, 0) + 1,
                           g_array_index(frames, gint64, frames->len - 1) + 1, frames->len);
}

static GArray *
vera_take_facts_new(const VeraTakeSummary *summary)
{
    const VeraTakeRecord *r = summary->record;
    GArray *facts = g_array_new(FALSE, FALSE, sizeof(VeraTakeFact));

    g_array_set_clear_func(facts, vera_take_fact_clear);
    vera_take_facts_add(facts, _("Instruction"), g_strdup(r->instruction));
    vera_take_facts_add(facts, _("Task"), r->task ? g_strdup(vera_edit_task_get_title(vera_edit_task_find(r->task))) : NULL);
    vera_take_facts_add(facts, _("Avoid"), g_strdup(r->negative_prompt));
    vera_take_facts_add(facts, _("Seed"), g_strdup_printf("%" G_GUINT64_FORMAT, r->seed));
    vera_take_facts_add(facts, _("Steps"), g_strdup_printf("%d (%s)", r->n_steps, r->solver ? r->solver : "—"));
    vera_take_facts_add(facts, _("Guidance"), g_strdup_printf("%.4g", r->guidance));
    vera_take_facts_add(facts, _("Model"), g_strdup(r->model_name));
    vera_take_facts_add(facts, _("Size"), g_strdup_printf("%d × %d", r->width, r->height));
    vera_take_facts_add(facts, _("Frames"), vera_take_facts_format_frames(r->frames));
    if (r->has_snapped)
        vera_take_facts_add(facts, _("Matte"), g_strdup(_("As drawn, and snapped to the picture")));
    if (summary->coverage >= 0)
        vera_take_facts_add(facts, _("Coverage"), g_strdup_printf(_("%.1f %% of the picture"), summary->coverage * 100));
    vera_take_facts_add(facts, _("Device"), r->device ? g_strdup_printf("%s, %s", r->device, r->compute ? r->compute : "f32") : NULL);
    vera_take_facts_add_times(facts, r);
    vera_take_facts_add(facts, _("Build"), g_strdup(r->build));
    vera_take_facts_add(facts, _("Model Hash"), r->model_hash ? g_strndup(r->model_hash, 16) : NULL);
    return facts;
}

GtkWidget *
vera_take_record_view_new(const VeraTakeSummary *summary)
{
    g_autoptr(GArray) facts = vera_take_facts_new(summary);
    GtkWidget *grid = gtk_grid_new();

    gtk_grid_set_column_spacing(GTK_GRID(grid), 12);
    gtk_grid_set_row_spacing(GTK_GRID(grid), 6);
    for (guint i = 0; i < facts->len; i++) {
        const VeraTakeFact *fact = &g_array_index(facts, VeraTakeFact, i);
        GtkWidget *name = gtk_label_new(fact->name), *value = gtk_label_new(fact->value);
        gtk_label_set_xalign(GTK_LABEL(name), 1);
        gtk_label_set_yalign(GTK_LABEL(name), 0);
        gtk_widget_add_css_class(name, "dim-label");
        gtk_widget_add_css_class(name, "caption");
        gtk_label_set_xalign(GTK_LABEL(value), 0);
        gtk_label_set_yalign(GTK_LABEL(value), 0);
        gtk_label_set_wrap(GTK_LABEL(value), TRUE);
        gtk_label_set_wrap_mode(GTK_LABEL(value), PANGO_WRAP_WORD_CHAR);
        gtk_label_set_max_width_chars(GTK_LABEL(value), 34);
        gtk_label_set_selectable(GTK_LABEL(value), TRUE);
        gtk_widget_add_css_class(value, "caption");
        gtk_accessible_update_relation(GTK_ACCESSIBLE(value), GTK_ACCESSIBLE_RELATION_LABELLED_BY, name, NULL, -1);
        gtk_grid_attach(GTK_GRID(grid), name, 0, (int)i, 1, 1);
        gtk_grid_attach(GTK_GRID(grid), value, 1, (int)i, 1, 1);
    }
    return grid;
}

char *
vera_take_record_view_to_text(const VeraTakeSummary *summary)
{
    g_autoptr(GArray) facts = vera_take_facts_new(summary);
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < facts->len; i++) {
        const VeraTakeFact *fact = &g_array_index(facts, VeraTakeFact, i);
        g_string_append_printf(text, "%s: %s\n", fact->name, fact->value);
    }
    return g_string_free(text, FALSE);
}
