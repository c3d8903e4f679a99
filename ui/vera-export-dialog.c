#include "config.h"

#include "ui/vera-export-dialog.h"

#include <glib/gi18n.h>
#include <string.h>

#include "ui/vera-settings.h"

struct _VeraExportDialog {
    AdwWindow parent_instance;

    AdwComboRow *preset_row, *compression_row;
    AdwActionRow *source_row, *folder_row, *example_row, *check_row, *float_row, *straight_row, *matte_row, *start_row;
    AdwEntryRow *name_row;
    GtkSwitch *float_switch, *straight_switch, *matte_switch;
    GtkSpinButton *start_spin;
    GtkWidget *export_button;

    /* Owned */
    VeraEditor *editor;
    GtkFileChooserNative *chooser;
    char *folder;
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

static VeraProjectTake *
vera_export_dialog_get_take(VeraExportDialog *self)
{
    const VeraEdit *edit = vera_editor_get_selected(self->editor);

    return edit ? vera_edit_find_take(edit, edit->chosen_take) : NULL;
}

static void
vera_export_dialog_get_range(VeraExportDialog *self, gint64 *first, gint64 *last)
{
    const VeraEdit *edit = vera_editor_get_selected(self->editor);

    if (vera_export_dialog_get_take(self) == NULL) {
        vera_editor_get_range(self->editor, first, last);
        return;
    }
    *first = edit->first;
    *last = edit->last;
}

/* The names that will be written, so that nobody has to guess what #### becomes. */
static char *
vera_export_dialog_make_example(VeraExportDialog *self)
{
    static const char *const movies[][2] = { { "comp.mkv", "edit.mkv" }, { "comp.mov", "edit.mov" }, { "review.mp4", NULL } };
    guint preset = adw_combo_row_get_selected(self->preset_row);
    const char *name = gtk_editable_get_text(GTK_EDITABLE(self->name_row));
    int start = gtk_spin_button_get_value_as_int(self->start_spin);
    gint64 first, last;

    vera_export_dialog_get_range(self, &first, &last);
    if (preset == VERA_EXPORT_PRESET_EXR)
        return g_strdup_printf("%s.%04d.exr … %s.%04d.exr", name, start, name, start + (int)(last - first));
    if (preset == VERA_EXPORT_PRESET_EXR_SEPARATE || preset == VERA_EXPORT_PRESET_PNG)
        return g_strdup_printf("comp/%s.%04d.%s, edit/…, matte/…", name, start, preset == VERA_EXPORT_PRESET_PNG ? "png" : "exr");
    preset -= VERA_EXPORT_PRESET_FFV1;
    return movies[preset][1] ? g_strdup_printf("%s, %s", movies[preset][0], movies[preset][1]) : g_strdup(movies[preset][0]);
}

static gboolean
vera_export_dialog_is_empty_folder(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);

    return dir == NULL || g_dir_read_name(dir) == NULL;
}

/* Uncompressed, which is the most that it can be. */
static guint64
vera_export_dialog_estimate_bytes(VeraExportDialog *self)
{
    const VeraClipInfo *info = vera_editor_get_clip_info(self->editor);
    gint64 first, last;
    guint64 sample = vera_export_dialog_is_exr(self) && gtk_switch_get_active(self->float_switch) ? 4 : 2;

    vera_export_dialog_get_range(self, &first, &last);
    return (guint64)(last - first + 1) * (guint64)info->width * (guint64)info->height * sample * 8;
}

/* The canvas shows the whole stack; an export holds one layer, at full opacity. */
static gboolean
vera_export_dialog_differs_from_canvas(VeraExportDialog *self)
{
    const VeraProjectState *state = vera_editor_get_state(self->editor);
    const VeraEdit *selected = vera_editor_get_selected(self->editor);
    guint n = 0;

    for (guint i = 0; i < state->edits->len; i++) {
        const VeraEdit *edit = g_ptr_array_index(state->edits, i);
        n += edit->is_visible && vera_edit_find_take(edit, edit->chosen_take) != NULL;
    }
    return vera_export_dialog_get_take(self) != NULL && (n > 1 || selected->opacity < 1);
}

static char *
vera_export_dialog_find_problem(VeraExportDialog *self)
{
    const VeraClipInfo *info = vera_editor_get_clip_info(self->editor);
    g_autofree char *parent = g_path_get_dirname(self->folder);
    g_autoptr(GFile) file = g_file_new_for_path(parent);
    g_autoptr(GFileInfo) facts = g_file_query_filesystem_info(file, G_FILE_ATTRIBUTE_FILESYSTEM_FREE, NULL, NULL);
    guint64 need = vera_export_dialog_estimate_bytes(self);
    guint64 have = facts ? g_file_info_get_attribute_uint64(facts, G_FILE_ATTRIBUTE_FILESYSTEM_FREE) : G_MAXUINT64;

    if (vera_export_dialog_is_exr(self) && info->format.bits >= 12 && !info->format.is_float && !gtk_switch_get_active(self->float_switch))
        return g_strdup(_("Half floats do not hold every code of a 12-bit plate; turn on 32 Bit"));
    if (!vera_export_dialog_is_empty_folder(self->folder))
        return g_strdup(_("The folder is not empty; choose a new one"));
    if (vera_export_dialog_differs_from_canvas(self))
        return g_strdup(_("Only the selected layer is written, at full opacity"));
    if (have < need) {
        g_autofree char *need_text = g_format_size(need), *have_text = g_format_size(have);
        return g_strdup_printf(_("May need up to %s; the disk has %s free"), need_text, have_text);
    }
    return NULL;
}

static void
vera_export_dialog_update_cb(VeraExportDialog *self)
{
    gboolean is_exr = vera_export_dialog_is_exr(self), has_take;
    g_autofree char *example = NULL, *problem = NULL, *folder = NULL;

    if (self->editor == NULL)
        return;
    has_take = vera_export_dialog_get_take(self) != NULL;
    gtk_widget_set_visible(GTK_WIDGET(self->compression_row), is_exr);
    gtk_widget_set_visible(GTK_WIDGET(self->float_row), is_exr);
    gtk_widget_set_visible(GTK_WIDGET(self->straight_row), is_exr && has_take);
    gtk_widget_set_visible(GTK_WIDGET(self->matte_row), adw_combo_row_get_selected(self->preset_row) == VERA_EXPORT_PRESET_EXR && has_take);
    gtk_widget_set_visible(GTK_WIDGET(self->name_row), vera_export_dialog_is_sequence(self));
    gtk_widget_set_visible(GTK_WIDGET(self->start_row), vera_export_dialog_is_sequence(self));
    example = vera_export_dialog_make_example(self);
    adw_action_row_set_subtitle(self->example_row, example);
    folder = g_markup_escape_text(self->folder, -1);
    adw_action_row_set_subtitle(self->folder_row, folder);
    problem = vera_export_dialog_find_problem(self);
    gtk_widget_set_visible(GTK_WIDGET(self->check_row), problem != NULL);
    if (problem != NULL)
        adw_preferences_row_set_title(ADW_PREFERENCES_ROW(self->check_row), problem);
    gtk_widget_set_sensitive(self->export_button, *gtk_editable_get_text(GTK_EDITABLE(self->name_row)) != '\0');
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
vera_export_dialog_export_cb(VeraExportDialog *self)
{
    VeraProjectTake *take = vera_export_dialog_get_take(self);
    const VeraEdit *edit = vera_editor_get_selected(self->editor);
    VeraQueueExport order = { .clip_path = vera_editor_get_clip_path(self->editor), .take_dir = take ? take->dir : NULL,
                              .frames = g_array_new(FALSE, FALSE, sizeof(gint64)), .refinement = VERA_MATTE_REFINEMENT_INIT,
                              .settings = VERA_EXPORT_SETTINGS_INIT };
    g_autofree char *base = g_path_get_basename(self->folder), *title = g_strdup_printf(_("Export to %s"), base), *look = NULL;
    gint64 first, last;

    vera_export_dialog_get_range(self, &first, &last);
    for (gint64 i = first; i <= last; i++)
        g_array_append_val(order.frames, i);
    if (take != NULL)
        order.refinement = edit->refinement;
    order.settings.preset = (VeraExportPreset)adw_combo_row_get_selected(self->preset_row);
    vera_settings_set_enum(VERA_SETTING_EXPORT_PRESET, (int)order.settings.preset);
    order.settings.compression = (VeraExrCompression)adw_combo_row_get_selected(self->compression_row);
    order.settings.output_dir = self->folder;
    order.settings.name = gtk_editable_get_text(GTK_EDITABLE(self->name_row));
    order.settings.start_number = gtk_spin_button_get_value_as_int(self->start_spin);
    order.settings.is_float32 = gtk_switch_get_active(self->float_switch);
    order.settings.is_straight = gtk_switch_get_active(self->straight_switch);
    order.settings.has_matte_layer = take != NULL && gtk_switch_get_active(self->matte_switch);
    order.settings.is_linear_over = vera_editor_get_state(self->editor)->is_linear_over;
    look = g_strdup_printf("%g %g %g %g %d %d %g", (double)order.refinement.black, (double)order.refinement.white,
                           (double)order.refinement.grow_px, (double)order.refinement.feather_px, order.refinement.despeckle_px,
                           order.refinement.is_inverted, (double)order.refinement.floor);
    order.settings.look = look;
    vera_queue_add_export(vera_editor_get_queue(self->editor), &order, title);
    g_array_unref(order.frames);
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

static void
vera_export_dialog_fill(VeraExportDialog *self)
{
    const VeraClipInfo *info = vera_editor_get_clip_info(self->editor);
    const VeraEdit *edit = vera_editor_get_selected(self->editor);
    VeraProjectTake *take = vera_export_dialog_get_take(self);
    const char *path = vera_editor_get_clip_path(self->editor);
    g_autofree char *stem = g_path_get_basename(path), *subtitle = NULL, *escaped = NULL;
    char *dot = strrchr(stem, '.');
    gint64 first, last;

    if (dot != NULL && dot != stem)
        *dot = '\0';
    vera_export_dialog_get_range(self, &first, &last);
    subtitle = take ? g_strdup_printf("%s — %s", edit->instruction, take->name) : g_strdup(_("The clip alone, unchanged: no take is chosen"));
    escaped = g_markup_escape_text(subtitle, -1);
    adw_action_row_set_subtitle(self->source_row, escaped);
    self->folder = vera_export_dialog_find_folder(path, stem);
    gtk_editable_set_text(GTK_EDITABLE(self->name_row), stem);
    gtk_spin_button_set_value(self->start_spin, (double)(info->start_number >= 0 ? info->start_number + first : 1001 + first));
    gtk_switch_set_active(self->float_switch, info->format.is_float || info->format.bits >= 12);
    adw_combo_row_set_selected(self->preset_row, (guint)vera_settings_get_enum(VERA_SETTING_EXPORT_PRESET, VERA_EXPORT_PRESET_EXR));
    adw_combo_row_set_selected(self->compression_row, VERA_EXR_COMPRESSION_ZIP);
    vera_export_dialog_update_cb(self);
}

static void
vera_export_dialog_dispose(GObject *object)
{
    VeraExportDialog *self = VERA_EXPORT_DIALOG(object);

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
    gtk_widget_class_bind_template_child(widget_class, VeraExportDialog, source_row);
    gtk_widget_class_bind_template_child(widget_class, VeraExportDialog, folder_row);
    gtk_widget_class_bind_template_child(widget_class, VeraExportDialog, example_row);
    gtk_widget_class_bind_template_child(widget_class, VeraExportDialog, check_row);
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
    gtk_widget_class_bind_template_callback(widget_class, vera_export_dialog_update_cb);
    gtk_widget_class_bind_template_callback(widget_class, vera_export_dialog_folder_cb);
    gtk_widget_class_bind_template_callback(widget_class, vera_export_dialog_export_cb);
    gtk_widget_class_add_binding_action(widget_class, GDK_KEY_Escape, 0, "window.close", NULL);
}

static void
vera_export_dialog_init(VeraExportDialog *self)
{
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
