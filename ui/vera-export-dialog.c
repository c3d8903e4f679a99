#include "config.h"

#include "ui/vera-export-dialog.h"

#include <glib/gi18n.h>
#include <string.h>

#include "engine/vera-disk.h"
#include "ui/vera-settings.h"
#include "ui/vera-timecode.h"

struct _VeraExportDialog {
    AdwWindow parent_instance;

    AdwComboRow *preset_row, *compression_row, *range_row;
    AdwActionRow *source_row, *folder_row, *float_row, *straight_row, *matte_row, *start_row, *first_row, *last_row, *replace_row;
    AdwEntryRow *name_row;
    GtkSwitch *float_switch, *straight_switch, *matte_switch, *linear_switch, *replace_switch;
    GtkSpinButton *start_spin, *first_spin, *last_spin;
    GtkLabel *example, *warning;
    GtkWidget *export_button, *warning_box;

    /* Owned */
    VeraEditor *editor;
    GtkFileChooserNative *chooser;
    char *folder;
    GCancellable *looking; /* (nullable): at the disk */
    guint64 free_bytes;    /* of the disk that @folder is on */
    guint n_present;       /* files that would be replaced */
};

G_DEFINE_FINAL_TYPE(VeraExportDialog, vera_export_dialog, ADW_TYPE_WINDOW)

static gboolean
vera_export_dialog_is_exr(VeraExportDialog *self)
{
    return adw_combo_row_get_selected(self->preset_row) <= VERA_EXPORT_PRESET_EXR_SEPARATE;
}

static gboolean
vera_export_dialog_is_sequence(VeraExportDialog *self)
{
    return adw_combo_row_get_selected(self->preset_row) <= VERA_EXPORT_PRESET_PNG;
}

/* What the rows of "range_row" stand for. */
typedef enum {
    VERA_EXPORT_RANGE_LAYERS,
    VERA_EXPORT_RANGE_IN_OUT,
    VERA_EXPORT_RANGE_CLIP,
    VERA_EXPORT_RANGE_CUSTOM,
} VeraExportRange;

static guint
vera_export_dialog_count_layers(VeraExportDialog *self)
{
    g_autoptr(GPtrArray) layers = vera_editor_list_layers(self->editor);

    return layers->len;
}

static void
vera_export_dialog_get_range(VeraExportDialog *self, gint64 *first, gint64 *last)
{
    g_autoptr(GPtrArray) layers = vera_editor_list_layers(self->editor);
    VeraExportRange range = adw_combo_row_get_selected(self->range_row);

    *first = 0;
    *last = vera_editor_get_n_frames(self->editor) - 1;
    if (range == VERA_EXPORT_RANGE_CUSTOM) {
        gint64 number = vera_timecode_get_number(vera_editor_get_clip_info(self->editor), 0);
        *first = (gint64)gtk_spin_button_get_value(self->first_spin) - number;
        *last = MAX((gint64)gtk_spin_button_get_value(self->last_spin) - number, *first);
    }
    if (range == VERA_EXPORT_RANGE_IN_OUT)
        vera_editor_get_range(self->editor, first, last);
    for (guint i = 0; range == VERA_EXPORT_RANGE_LAYERS && i < layers->len; i++) {
        const VeraEdit *edit = layers->pdata[i];
        *first = i == 0 ? edit->first : MIN(*first, edit->first);
        *last = i == 0 ? edit->last : MAX(*last, edit->last);
    }
}

/* The names that will be written, so that nobody has to guess what #### becomes. */
static char *
vera_export_dialog_make_example(VeraExportDialog *self)
{
    static const char *const movies[][3] = { { "comp.mkv", ", edit.mkv", ", edit01.mkv, edit02.mkv…" },
                                             { "comp.mov", ", edit.mov", ", edit01.mov, edit02.mov…" },
                                             { "review.mp4", NULL, NULL } };
    static const char *const folders[] = { "", ", edit/…, matte/…", ", edit01/…, matte01/…" };
    guint n_layers = vera_export_dialog_count_layers(self);
    guint preset = adw_combo_row_get_selected(self->preset_row);
    const char *name = gtk_editable_get_text(GTK_EDITABLE(self->name_row));
    int start = gtk_spin_button_get_value_as_int(self->start_spin);
    gint64 first, last;

    vera_export_dialog_get_range(self, &first, &last);
    if (preset == VERA_EXPORT_PRESET_EXR)
        return g_strdup_printf("%s.%04d.exr … %s.%04d.exr", name, start, name, start + (int)(last - first));
    if (preset == VERA_EXPORT_PRESET_EXR_SEPARATE || preset == VERA_EXPORT_PRESET_PNG)
        return g_strdup_printf("comp/%s.%04d.%s%s", name, start, preset == VERA_EXPORT_PRESET_PNG ? "png" : "exr", folders[MIN(n_layers, 2)]);
    preset -= VERA_EXPORT_PRESET_FFV1;
    return g_strconcat(movies[preset][0], n_layers > 0 ? movies[preset][MIN(n_layers, 2)] : NULL, NULL);
}

/* What is there -------------------------------------------------------------------------------------------------------- */

typedef struct {
    GWeakRef dialog; /* which may be closed meanwhile */
    char *folder;
    GPtrArray *names; /* of char: files that will be written, as far as they have to be looked for */
    guint64 free_bytes;
    guint n_present;
} VeraExportLook;

static void
vera_export_look_free(VeraExportLook *self)
{
    g_weak_ref_clear(&self->dialog);
    g_free(self->folder);
    g_ptr_array_unref(self->names);
    g_free(self);
}

static void
vera_export_look_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
    VeraExportLook *look = data;

    look->free_bytes = vera_disk_get_free_bytes(look->folder);
    for (guint i = 0; i < look->names->len && !g_cancellable_is_cancelled(cancellable); i++) {
        g_autofree char *path = g_build_filename(look->folder, look->names->pdata[i], NULL);
        look->n_present += g_file_test(path, G_FILE_TEST_EXISTS);
    }
    g_task_return_boolean(task, TRUE);
}

/* The composite's files stand for those of the layers. */
static GPtrArray *
vera_export_dialog_list_names(VeraExportDialog *self)
{
    static const char *const movies[] = { "comp.mkv", "comp.mov", "review.mp4" };
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    guint preset = adw_combo_row_get_selected(self->preset_row);
    const char *name = gtk_editable_get_text(GTK_EDITABLE(self->name_row));
    int start = gtk_spin_button_get_value_as_int(self->start_spin);
    gint64 first, last;

    if (!vera_export_dialog_is_sequence(self)) {
        g_ptr_array_add(names, g_strdup(movies[preset - VERA_EXPORT_PRESET_FFV1]));
        return names;
    }
    vera_export_dialog_get_range(self, &first, &last);
    for (gint64 i = 0; i <= last - first; i++)
        g_ptr_array_add(names, g_strdup_printf("%s%s.%04" G_GINT64_FORMAT ".%s", preset == VERA_EXPORT_PRESET_EXR ? "" : "comp/", name,
                                               start + i, preset == VERA_EXPORT_PRESET_PNG ? "png" : "exr"));
    return names;
}

/* Uncompressed, which is the most that it can be. */
static guint64
vera_export_dialog_estimate_bytes(VeraExportDialog *self)
{
    const VeraClipInfo *info = vera_editor_get_clip_info(self->editor);
    gint64 first, last;
    guint64 sample = vera_export_dialog_is_exr(self) && gtk_switch_get_active(self->float_switch) ? 4 : 2;

    vera_export_dialog_get_range(self, &first, &last);
    return (guint64)(last - first + 1) * (guint64)info->width * (guint64)info->height * sample * 4 * (1 + vera_export_dialog_count_layers(self));
}

/* @is_fatal: (out): whether it cannot be exported like this */
static char *
vera_export_dialog_find_problem(VeraExportDialog *self, gboolean *is_fatal)
{
    const VeraClipInfo *info = vera_editor_get_clip_info(self->editor);
    guint64 need = vera_export_dialog_estimate_bytes(self);
    g_autofree char *need_text = g_format_size(need), *have_text = g_format_size(self->free_bytes);

    *is_fatal = TRUE;
    if (vera_export_dialog_is_exr(self) && info->format.bits >= 12 && !info->format.is_float && !gtk_switch_get_active(self->float_switch))
        return g_strdup(_("Half floats do not hold every code of a 12-bit plate; turn on 32 Bit"));
    if (self->n_present > 0 && !gtk_switch_get_active(self->replace_switch))
        return g_strdup_printf(g_dngettext(NULL, "%u file of these names is in the folder; replace it, or choose another folder",
                                           "%u files of these names are in the folder; replace them, or choose another folder",
                                           self->n_present),
                               self->n_present);
    *is_fatal = FALSE;
    return self->free_bytes < need ? g_strdup_printf(_("May need up to %s; the disk has %s free"), need_text, have_text) : NULL;
}

static void
vera_export_dialog_show_problem(VeraExportDialog *self)
{
    gboolean is_fatal;
    g_autofree char *problem = vera_export_dialog_find_problem(self, &is_fatal);
    gboolean has_name = !vera_export_dialog_is_sequence(self) || *gtk_editable_get_text(GTK_EDITABLE(self->name_row)) != '\0';

    gtk_widget_set_visible(GTK_WIDGET(self->replace_row), self->n_present > 0);
    gtk_widget_set_visible(self->warning_box, problem != NULL);
    gtk_label_set_text(self->warning, problem ? problem : "");
    gtk_widget_set_sensitive(self->export_button, has_name && !(problem && is_fatal));
}

static void
vera_export_dialog_looked_cb(GObject *object, GAsyncResult *result, gpointer data)
{
    VeraExportLook *look = g_task_get_task_data(G_TASK(result));
    g_autoptr(VeraExportDialog) self = g_weak_ref_get(&look->dialog);

    if (self == NULL || self->editor == NULL || g_task_get_cancellable(G_TASK(result)) != self->looking)
        return;
    self->free_bytes = look->free_bytes;
    self->n_present = look->n_present;
    vera_export_dialog_show_problem(self);
}

/* Disks may be slow, or far away: they are asked in the background, and the newest answer counts. */
static void
vera_export_dialog_look(VeraExportDialog *self)
{
    VeraExportLook *look = g_new0(VeraExportLook, 1);
    g_autoptr(GTask) task = NULL;

    g_weak_ref_init(&look->dialog, self);
    look->folder = g_strdup(self->folder);
    look->names = vera_export_dialog_list_names(self);
    if (self->looking != NULL)
        g_cancellable_cancel(self->looking);
    g_clear_object(&self->looking);
    self->looking = g_cancellable_new();
    task = g_task_new(NULL, self->looking, vera_export_dialog_looked_cb, NULL);
    g_task_set_task_data(task, look, (GDestroyNotify)vera_export_look_free);
    g_task_run_in_thread(task, vera_export_look_thread);
}

static void
vera_export_dialog_show_example(VeraExportDialog *self)
{
    g_autofree char *files = vera_export_dialog_make_example(self), *size = g_format_size(vera_export_dialog_estimate_bytes(self));
    g_autofree char *up_to = g_strdup_printf(_("up to %s"), size), *frames = NULL, *text = NULL;
    gint64 first, last;

    vera_export_dialog_get_range(self, &first, &last);
    frames = g_strdup_printf(g_dngettext(NULL, "%d frame", "%d frames", (gulong)(last - first + 1)), (int)(last - first + 1));
    text = g_strdup_printf("%s\n%s · %s · %s", files, frames, up_to,
                           vera_export_dialog_is_exr(self) ? _("linear light") : _("colour as in the clip"));
    gtk_label_set_text(self->example, text);
}

static void
vera_export_dialog_update_cb(VeraExportDialog *self)
{
    gboolean is_exr = vera_export_dialog_is_exr(self), has_layers;
    g_autofree char *folder = NULL;
    gboolean is_custom = adw_combo_row_get_selected(self->range_row) == VERA_EXPORT_RANGE_CUSTOM;

    if (self->editor == NULL)
        return;
    has_layers = vera_export_dialog_count_layers(self) > 0;
    gtk_widget_set_visible(GTK_WIDGET(self->first_row), is_custom);
    gtk_widget_set_visible(GTK_WIDGET(self->last_row), is_custom);
    gtk_widget_set_visible(GTK_WIDGET(self->compression_row), is_exr);
    gtk_widget_set_visible(GTK_WIDGET(self->float_row), is_exr);
    gtk_widget_set_visible(GTK_WIDGET(self->straight_row), is_exr && has_layers);
    gtk_widget_set_visible(GTK_WIDGET(self->matte_row), adw_combo_row_get_selected(self->preset_row) == VERA_EXPORT_PRESET_EXR && has_layers);
    gtk_widget_set_visible(GTK_WIDGET(self->name_row), vera_export_dialog_is_sequence(self));
    gtk_widget_set_visible(GTK_WIDGET(self->start_row), vera_export_dialog_is_sequence(self));
    folder = g_markup_escape_text(self->folder, -1);
    adw_action_row_set_subtitle(self->folder_row, folder);
    vera_export_dialog_show_example(self);
    vera_export_dialog_show_problem(self);
    vera_export_dialog_look(self);
}

/* Preview and export use the same arithmetic: the switch is the project's. */
static void
vera_export_dialog_linear_cb(VeraExportDialog *self)
{
    gboolean is_linear = gtk_switch_get_active(self->linear_switch);

    if (self->editor != NULL && vera_editor_get_state(self->editor)->is_linear_over != is_linear)
        vera_editor_set_linear(self->editor, is_linear);
}

/* The plate's own number of the first frame, or as if the clip began at 1001. */
static void
vera_export_dialog_range_cb(VeraExportDialog *self)
{
    gint64 start, first, last;

    if (self->editor == NULL)
        return;
    start = vera_editor_get_clip_info(self->editor)->start_number;
    vera_export_dialog_get_range(self, &first, &last);
    gtk_spin_button_set_value(self->start_spin, (double)((start >= 0 ? start : 1001) + first));
    vera_export_dialog_update_cb(self);
}

static void
vera_export_dialog_folder_chosen_cb(GtkNativeDialog *dialog, int response, VeraExportDialog *self)
{
    g_autoptr(GFile) file = response == GTK_RESPONSE_ACCEPT ? gtk_file_chooser_get_file(GTK_FILE_CHOOSER(dialog)) : NULL;

    if (file == NULL)
        return;
    g_free(self->folder);
    self->folder = g_file_get_path(file);
    vera_settings_set_folder(VERA_SETTING_LAST_EXPORT_FOLDER, self->folder);
    vera_export_dialog_update_cb(self);
}

static void
vera_export_dialog_folder_cb(VeraExportDialog *self)
{
    g_autofree char *last = vera_settings_dup_folder(VERA_SETTING_LAST_EXPORT_FOLDER);
    g_autoptr(GFile) start = last ? g_file_new_for_path(last) : NULL;

    g_clear_object(&self->chooser);
    self->chooser = gtk_file_chooser_native_new(_("Export to Folder"), GTK_WINDOW(self), GTK_FILE_CHOOSER_ACTION_SELECT_FOLDER, NULL, NULL);
    gtk_native_dialog_set_modal(GTK_NATIVE_DIALOG(self->chooser), TRUE);
    if (start != NULL)
        gtk_file_chooser_set_current_folder(GTK_FILE_CHOOSER(self->chooser), start, NULL);
    g_signal_connect_object(self->chooser, "response", G_CALLBACK(vera_export_dialog_folder_chosen_cb), self, 0);
    gtk_native_dialog_show(GTK_NATIVE_DIALOG(self->chooser));
}

static void
vera_export_dialog_read_settings(VeraExportDialog *self, VeraExportSettings *settings)
{
    settings->preset = (VeraExportPreset)adw_combo_row_get_selected(self->preset_row);
    settings->compression = (VeraExrCompression)adw_combo_row_get_selected(self->compression_row);
    settings->output_dir = self->folder;
    settings->name = gtk_editable_get_text(GTK_EDITABLE(self->name_row));
    settings->start_number = gtk_spin_button_get_value_as_int(self->start_spin);
    settings->is_float32 = gtk_switch_get_active(self->float_switch);
    settings->is_straight = gtk_switch_get_active(self->straight_switch);
    settings->has_matte_layer = gtk_switch_get_active(self->matte_switch);
    settings->can_overwrite = gtk_switch_get_active(self->replace_switch);
    settings->is_linear_over = vera_editor_get_state(self->editor)->is_linear_over;
}

static void
vera_export_dialog_export_cb(VeraExportDialog *self)
{
    g_autoptr(GPtrArray) edits = vera_editor_list_layers(self->editor);
    g_autoptr(GArray) frames = g_array_new(FALSE, FALSE, sizeof(gint64));
    g_autofree VeraQueueLayer *layers = g_new0(VeraQueueLayer, edits->len);
    VeraQueueExport order = { .clip_path = vera_editor_get_clip_path(self->editor), .layers = layers, .n_layers = (int)edits->len,
                              .frames = frames, .settings = VERA_EXPORT_SETTINGS_INIT };
    g_autofree char *base = g_path_get_basename(self->folder), *title = g_strdup_printf(_("Export to %s"), base);
    gint64 first, last;

    vera_export_dialog_get_range(self, &first, &last);
    for (gint64 i = first; i <= last; i++)
        g_array_append_val(frames, i);
    for (guint i = 0; i < edits->len; i++) {
        const VeraEdit *edit = edits->pdata[i];
        layers[i] = (VeraQueueLayer){ vera_edit_find_take(edit, edit->chosen_take)->dir, edit->refinement, edit->opacity };
    }
    vera_export_dialog_read_settings(self, &order.settings);
    vera_settings_set_enum(VERA_SETTING_EXPORT_PRESET, (int)order.settings.preset);
    vera_queue_add_export(vera_editor_get_queue(self->editor), &order, title);
    gtk_window_close(GTK_WINDOW(self));
}

/* A new folder in the one that the preferences name, or beside the clip. */
static char *
vera_export_dialog_find_folder(const char *path, const char *stem)
{
    g_autofree char *wanted = vera_settings_dup_folder(VERA_SETTING_EXPORT_FOLDER);
    g_autofree char *parent = wanted ? g_steal_pointer(&wanted) : g_path_get_dirname(path);

    for (int i = 1;; i++) {
        g_autofree char *name = g_strdup_printf("%s-export-%d", stem, i);
        g_autofree char *folder = g_build_filename(parent, name, NULL);
        if (!g_file_test(folder, G_FILE_TEST_EXISTS))
            return g_steal_pointer(&folder);
    }
}

/* The layers as the panel lists them, the topmost first. */
static char *
vera_export_dialog_describe_layers(VeraExportDialog *self)
{
    g_autoptr(GPtrArray) edits = vera_editor_list_layers(self->editor);
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = edits->len; i > 0; i--) {
        const VeraEdit *edit = edits->pdata[i - 1];
        g_string_append_printf(text, "%s%s — %s", i < edits->len ? "\n" : "", edit->instruction,
                               vera_edit_find_take(edit, edit->chosen_take)->name);
        if (edit->opacity < 1)
            g_string_append_printf(text, ", %.0f %%", edit->opacity * 100);
    }
    return g_strdup(edits->len > 0 ? text->str : _("The clip alone, unchanged: no layer is shown"));
}

/* The numbers that the timeline shows. */
static void
vera_export_dialog_fill_range(VeraExportDialog *self)
{
    const VeraClipInfo *info = vera_editor_get_clip_info(self->editor);
    double first = (double)vera_timecode_get_number(info, 0), last = (double)vera_timecode_get_number(info, info->n_frames - 1);
    gint64 from, to;

    vera_export_dialog_get_range(self, &from, &to);
    gtk_spin_button_set_range(self->first_spin, first, last);
    gtk_spin_button_set_range(self->last_spin, first, last);
    gtk_spin_button_set_value(self->first_spin, first + (double)from);
    gtk_spin_button_set_value(self->last_spin, first + (double)to);
}

static void
vera_export_dialog_fill(VeraExportDialog *self)
{
    const VeraClipInfo *info = vera_editor_get_clip_info(self->editor);
    gboolean has_range, has_layers = vera_export_dialog_count_layers(self) > 0;
    const char *path = vera_editor_get_clip_path(self->editor);
    g_autofree char *stem = g_path_get_basename(path), *layers = vera_export_dialog_describe_layers(self);
    g_autofree char *escaped = g_markup_escape_text(layers, -1);
    char *dot = strrchr(stem, '.');
    gint64 first, last;

    if (dot != NULL && dot != stem)
        *dot = '\0';
    /* First: what is filled in below is looked at at once. */
    self->folder = vera_export_dialog_find_folder(path, stem);
    has_range = vera_editor_get_range(self->editor, &first, &last);
    adw_combo_row_set_selected(self->range_row, has_layers  ? VERA_EXPORT_RANGE_LAYERS
                                                : has_range ? VERA_EXPORT_RANGE_IN_OUT
                                                            : VERA_EXPORT_RANGE_CLIP);
    gtk_switch_set_active(self->linear_switch, vera_editor_get_state(self->editor)->is_linear_over);
    adw_action_row_set_subtitle(self->source_row, escaped);
    vera_export_dialog_fill_range(self);
    gtk_editable_set_text(GTK_EDITABLE(self->name_row), stem);
    gtk_switch_set_active(self->float_switch, info->format.is_float || info->format.bits >= 12);
    adw_combo_row_set_selected(self->preset_row, (guint)vera_settings_get_enum(VERA_SETTING_EXPORT_PRESET, VERA_EXPORT_PRESET_EXR));
    adw_combo_row_set_selected(self->compression_row, VERA_EXR_COMPRESSION_ZIP);
    vera_export_dialog_range_cb(self);
}

static void
vera_export_dialog_dispose(GObject *object)
{
    VeraExportDialog *self = VERA_EXPORT_DIALOG(object);

    if (self->looking != NULL)
        g_cancellable_cancel(self->looking);
    g_clear_object(&self->looking);
    g_clear_object(&self->editor);
    g_clear_object(&self->chooser);
    g_clear_pointer(&self->folder, g_free);
    G_OBJECT_CLASS(vera_export_dialog_parent_class)->dispose(object);
}

static void
vera_export_dialog_class_init(VeraExportDialogClass *klass)
{
    GtkWidgetClass *widget_class = GTK_WIDGET_CLASS(klass);

    G_OBJECT_CLASS(klass)->dispose = vera_export_dialog_dispose;
    gtk_widget_class_set_template_from_resource(widget_class, "/io/github/vera_editor/Vera/ui/vera-export-dialog.ui");
    gtk_widget_class_bind_template_child(widget_class, VeraExportDialog, preset_row);
    gtk_widget_class_bind_template_child(widget_class, VeraExportDialog, compression_row);
    gtk_widget_class_bind_template_child(widget_class, VeraExportDialog, range_row);
    gtk_widget_class_bind_template_child(widget_class, VeraExportDialog, source_row);
    gtk_widget_class_bind_template_child(widget_class, VeraExportDialog, folder_row);
    gtk_widget_class_bind_template_child(widget_class, VeraExportDialog, float_row);
    gtk_widget_class_bind_template_child(widget_class, VeraExportDialog, straight_row);
    gtk_widget_class_bind_template_child(widget_class, VeraExportDialog, matte_row);
    gtk_widget_class_bind_template_child(widget_class, VeraExportDialog, start_row);
    gtk_widget_class_bind_template_child(widget_class, VeraExportDialog, name_row);
    gtk_widget_class_bind_template_child(widget_class, VeraExportDialog, float_switch);
    gtk_widget_class_bind_template_child(widget_class, VeraExportDialog, straight_switch);
    gtk_widget_class_bind_template_child(widget_class, VeraExportDialog, matte_switch);
    gtk_widget_class_bind_template_child(widget_class, VeraExportDialog, start_spin);
    gtk_widget_class_bind_template_child(widget_class, VeraExportDialog, export_button);
    gtk_widget_class_bind_template_child(widget_class, VeraExportDialog, first_row);
    gtk_widget_class_bind_template_child(widget_class, VeraExportDialog, last_row);
    gtk_widget_class_bind_template_child(widget_class, VeraExportDialog, replace_row);
    gtk_widget_class_bind_template_child(widget_class, VeraExportDialog, first_spin);
    gtk_widget_class_bind_template_child(widget_class, VeraExportDialog, last_spin);
    gtk_widget_class_bind_template_child(widget_class, VeraExportDialog, linear_switch);
    gtk_widget_class_bind_template_child(widget_class, VeraExportDialog, replace_switch);
    gtk_widget_class_bind_template_child(widget_class, VeraExportDialog, example);
    gtk_widget_class_bind_template_child(widget_class, VeraExportDialog, warning);
    gtk_widget_class_bind_template_child(widget_class, VeraExportDialog, warning_box);
    gtk_widget_class_bind_template_callback(widget_class, vera_export_dialog_linear_cb);
    gtk_widget_class_bind_template_callback(widget_class, vera_export_dialog_update_cb);
    gtk_widget_class_bind_template_callback(widget_class, vera_export_dialog_range_cb);
    gtk_widget_class_bind_template_callback(widget_class, vera_export_dialog_folder_cb);
    gtk_widget_class_bind_template_callback(widget_class, vera_export_dialog_export_cb);
    gtk_widget_class_add_binding_action(widget_class, GDK_KEY_Escape, 0, "window.close", NULL);
}

static void
vera_export_dialog_init(VeraExportDialog *self)
{
    self->free_bytes = G_MAXUINT64;
    gtk_widget_init_template(GTK_WIDGET(self));
}

GtkWidget *
vera_export_dialog_new(GtkWindow *parent, VeraEditor *editor)
{
    VeraExportDialog *self = g_object_new(VERA_TYPE_EXPORT_DIALOG, "transient-for", parent, NULL);

    self->editor = g_object_ref(editor);
    vera_export_dialog_fill(self);
    return GTK_WIDGET(self);
}
