#include "config.h"

#include <adwaita.h>
#include <glib/gi18n.h>
#include <math.h>

#include "ui/vera-timecode.h"
#include "ui/vera-timeline-private.h"

typedef struct {
    GdkRGBA text, dim, line, strip, accent, range, cache, window, plan;
} VeraTimelineColors;

static GdkRGBA
vera_timeline_mix(GdkRGBA color, float alpha)
{
    color.alpha *= alpha;
    return color;
}

static void
vera_timeline_get_colors(VeraTimeline *self, VeraTimelineColors *colors)
{
    GtkStyleContext *style = gtk_widget_get_style_context(GTK_WIDGET(self));
    GdkRGBA accent = { 0.21f, 0.52f, 0.89f, 1 };

    gboolean is_strong = adw_style_manager_get_high_contrast(adw_style_manager_get_default());

    gtk_style_context_get_color(style, &colors->text);
    gtk_style_context_lookup_color(style, "accent_bg_color", &accent);
    colors->accent = accent;
    colors->dim = vera_timeline_mix(colors->text, is_strong ? 1 : 0.55f);
    colors->line = vera_timeline_mix(colors->text, is_strong ? 0.7f : 0.18f);
    colors->strip = vera_timeline_mix(colors->text, is_strong ? 0.25f : 0.10f);
    colors->range = vera_timeline_mix(accent, is_strong ? 0.4f : 0.16f);
    colors->cache = vera_timeline_mix(colors->text, is_strong ? 0.9f : 0.45f);
    colors->window = (GdkRGBA){ 0.96f, 0.76f, 0.07f, 0.9f };
    colors->plan = (GdkRGBA){ 1, 1, 1, 0.6f };
}

static void
vera_timeline_fill(GtkSnapshot *snapshot, const GdkRGBA *color, double x, double y, double width, double height)
{
    gtk_snapshot_append_color(snapshot, color, &GRAPHENE_RECT_INIT((float)x, (float)y, (float)MAX(width, 0), (float)height));
}

static void
vera_timeline_fill_round(GtkSnapshot *snapshot, const GdkRGBA *color, double x, double y, double width, double height)
{
    GskRoundedRect round;

    gsk_rounded_rect_init_from_rect(&round, &GRAPHENE_RECT_INIT((float)x, (float)y, (float)MAX(width, 2), (float)height), 5);
    gtk_snapshot_push_rounded_clip(snapshot, &round);
    gtk_snapshot_append_color(snapshot, color, &round.bounds);
    gtk_snapshot_pop(snapshot);
}

static void
vera_timeline_put_text(VeraTimeline *self, GtkSnapshot *snapshot, const char *text, const GdkRGBA *color, double x, double y, double width)
{
    g_autoptr(PangoLayout) layout = gtk_widget_create_pango_layout(GTK_WIDGET(self), text);

    if (width > 0) {
        pango_layout_set_width(layout, (int)(width * PANGO_SCALE));
        pango_layout_set_ellipsize(layout, PANGO_ELLIPSIZE_END);
        /* Time runs to the right in every language, and a name stands where its piece begins: Pango would turn the side round. */
        if (gtk_widget_get_direction(GTK_WIDGET(self)) == GTK_TEXT_DIR_RTL && pango_layout_get_direction(layout, 0) != PANGO_DIRECTION_RTL)
            pango_layout_set_alignment(layout, PANGO_ALIGN_RIGHT);
    }
    gtk_snapshot_save(snapshot);
    gtk_snapshot_translate(snapshot, &GRAPHENE_POINT_INIT((float)x, (float)y));
    gtk_snapshot_append_layout(snapshot, layout, color);
    gtk_snapshot_restore(snapshot);
}

static void
vera_timeline_draw_ruler(VeraTimeline *self, GtkSnapshot *snapshot, const VeraTimelineColors *colors, const VeraClipInfo *info)
{
    double rate = (double)info->rate_num / MAX(info->rate_den, 1);
    gint64 step = vera_timeline_axis_get_step(&self->axis, 96, rate), small = MAX(step / (step % 5 == 0 ? 5 : 4), 1);
    gint64 first = vera_timeline_axis_get_frame(&self->axis, 0) / step * step;
    gint64 last = vera_timeline_axis_get_frame(&self->axis, self->axis.width);

    for (gint64 frame = first; frame <= last; frame += small) {
        double x = floor(vera_timeline_axis_get_x(&self->axis, (double)frame));
        gboolean is_large = frame % step == 0;
        vera_timeline_fill(snapshot, &colors->line, x, is_large ? 4 : VERA_TIMELINE_RULER - 6, 1,
                           is_large ? VERA_TIMELINE_RULER - 4 : 6);
        if (is_large) {
            g_autofree char *text = vera_timecode_format(info, frame);
            vera_timeline_put_text(self, snapshot, text, &colors->dim, x + 4, 2, 0);
        }
    }
}

static void
vera_timeline_draw_clip(VeraTimeline *self, GtkSnapshot *snapshot, const VeraTimelineColors *colors)
{
    double y = VERA_TIMELINE_RULER + VERA_TIMELINE_GAP, x = vera_timeline_axis_get_x(&self->axis, 0);
    double end = vera_timeline_axis_get_x(&self->axis, (double)self->axis.n_frames);
    const char *path = vera_editor_get_clip_path(self->editor);
    g_autofree char *name = path ? g_path_get_basename(path) : g_strdup("");
    g_autofree char *shown = g_filename_display_name(name);
    g_autoptr(GArray) ranges = g_array_new(FALSE, FALSE, sizeof(gint64));
    g_autoptr(PangoLayout) layout = gtk_widget_create_pango_layout(GTK_WIDGET(self), shown);
    GdkRGBA white = { 1, 1, 1, 1 }, shade = { 0, 0, 0, 0.55f };
    int measured;

    pango_layout_get_pixel_size(layout, &measured, NULL);
    vera_timeline_fill_round(snapshot, &colors->strip, x, y, end - x, VERA_TIMELINE_CLIP);
    if (self->filmstrip != NULL)
        vera_timeline_filmstrip_draw(self->filmstrip, snapshot, &self->axis, y);
    if (self->waveform != NULL)
        vera_timeline_waveform_draw(self->waveform, snapshot, &self->axis, &colors->cache, y + VERA_TIMELINE_CLIP);
    vera_timeline_fill_round(snapshot, &shade, MAX(x, 0) + 3, y + 3, MIN(measured + 14, MIN(end, self->axis.width) - MAX(x, 0) - 6), 20);
    vera_timeline_put_text(self, snapshot, shown, &white, MAX(x, 0) + 10, y + 4, MAX(MIN(end, self->axis.width) - MAX(x, 0) - 20, 1));
    vera_frame_cache_get_cached(vera_editor_get_cache(self->editor), ranges);
    for (guint i = 0; i + 1 < ranges->len; i += 2) {
        double from = vera_timeline_axis_get_x(&self->axis, (double)g_array_index(ranges, gint64, i));
        double to = vera_timeline_axis_get_x(&self->axis, (double)g_array_index(ranges, gint64, i + 1) + 1);
        vera_timeline_fill(snapshot, &colors->cache, from, y + VERA_TIMELINE_CLIP - 3, to - from, 2);
    }
}

static void
vera_timeline_draw_range(VeraTimeline *self, GtkSnapshot *snapshot, const VeraTimelineColors *colors)
{
    gint64 first, last;
    double x, end;

    if (!vera_editor_get_range(self->editor, &first, &last))
        return;
    x = vera_timeline_axis_get_x(&self->axis, (double)first);
    end = vera_timeline_axis_get_x(&self->axis, (double)last + 1);
    vera_timeline_fill(snapshot, &colors->range, x, 0, end - x, VERA_TIMELINE_RULER + VERA_TIMELINE_GAP + vera_timeline_get_clip_height(self));
    vera_timeline_fill(snapshot, &colors->accent, x, 0, 2, VERA_TIMELINE_RULER + VERA_TIMELINE_GAP + vera_timeline_get_clip_height(self));
    vera_timeline_fill(snapshot, &colors->accent, end - 2, 0, 2, VERA_TIMELINE_RULER + VERA_TIMELINE_GAP + vera_timeline_get_clip_height(self));
}

/* The windows of the frame plan, each a line, by turns higher and lower so that overlaps are seen; and how far the job is. */
static void
vera_timeline_draw_windows(VeraTimeline *self, GtkSnapshot *snapshot, const VeraTimelineColors *colors, const VeraEdit *edit, double y)
{
    VeraJob *job = vera_timeline_find_job(self, edit->id);
    g_autoptr(GArray) windows = vera_timeline_list_windows(self, edit);
    GdkRGBA color = job ? colors->window : colors->plan;
    double x = vera_timeline_axis_get_x(&self->axis, (double)edit->first);
    double end = vera_timeline_axis_get_x(&self->axis, (double)edit->last + 1);

    if (job != NULL)
        vera_timeline_fill(snapshot, &colors->window, x, y + VERA_TIMELINE_ROW - 6, (end - x) * vera_job_get_fraction(job), 3);
    for (guint i = 0; (job != NULL || windows->len > 1) && i < windows->len; i++) {
        const VeraTimelineWindow *window = &g_array_index(windows, VeraTimelineWindow, i);
        double left = vera_timeline_axis_get_x(&self->axis, (double)window->first);
        double right = MIN(vera_timeline_axis_get_x(&self->axis, (double)window->last + 1), end);
        vera_timeline_fill(snapshot, &color, left + 2, y + 1 + 2 * (i % 2), right - left - 4, 1);
    }
}

/* Diamonds; the one at the playhead is filled. */
static void
vera_timeline_draw_keys(VeraTimeline *self, GtkSnapshot *snapshot, const VeraEdit *edit, double top)
{
    g_autoptr(GArray) frames = edit->region ? vera_region_list_keys(edit->region) : NULL;
    double y = vera_timeline_get_key_y(top);
    cairo_t *cr;

    if (frames == NULL || frames->len == 0)
        return;
    cr = gtk_snapshot_append_cairo(snapshot, &GRAPHENE_RECT_INIT(0, (float)top, (float)self->axis.width, VERA_TIMELINE_ROW));
    cairo_set_line_width(cr, 1.5);
    for (guint i = 0; i < frames->len; i++) {
        gint64 frame = g_array_index(frames, gint64, i);
        double x = vera_timeline_axis_get_x(&self->axis, (double)frame + 0.5);
        gboolean is_here = frame == vera_editor_get_frame(self->editor);
        cairo_move_to(cr, x, y - 5);
        cairo_line_to(cr, x + 5, y);
        cairo_line_to(cr, x, y + 5);
        cairo_line_to(cr, x - 5, y);
        cairo_close_path(cr);
        cairo_set_source_rgb(cr, is_here ? 1 : 0.1, is_here ? 0.85 : 0.1, is_here ? 0.2 : 0.12);
        cairo_fill_preserve(cr);
        cairo_set_source_rgb(cr, 1, 1, 1);
        cairo_stroke(cr);
    }
    cairo_destroy(cr);
}

static void
vera_timeline_draw_edit(VeraTimeline *self, GtkSnapshot *snapshot, const VeraTimelineColors *colors, const VeraEdit *edit, double y)
{
    const VeraEdit *selected = vera_editor_get_selected(self->editor);
    gboolean is_selected = selected != NULL && g_str_equal(selected->id, edit->id);
    double x = vera_timeline_axis_get_x(&self->axis, (double)edit->first);
    double width = vera_timeline_axis_get_x(&self->axis, (double)edit->last + 1) - x;
    GdkRGBA fill = vera_timeline_mix(colors->accent, is_selected ? 0.95f : edit->chosen_take ? 0.5f : 0.28f);
    GdkRGBA white = { 1, 1, 1, 1 };
    g_autofree char *text = NULL;

    if (!edit->is_visible)
        fill = vera_timeline_mix(colors->text, is_selected ? 0.35f : 0.15f);
    vera_timeline_fill_round(snapshot, &fill, x, y, width, VERA_TIMELINE_ROW - 2);
    vera_timeline_draw_windows(self, snapshot, colors, edit, y);
    text = edit->takes->len ? g_strdup_printf("%s  ·  %u", edit->instruction, edit->takes->len) : g_strdup(edit->instruction);
    g_strdelimit(text, "\n\t", ' ');
    if (width > 24)
        vera_timeline_put_text(self, snapshot, text, is_selected ? &white : &colors->text, MAX(x, 0) + 7, y + 2, MAX(width - 14, 1));
    if (is_selected)
        vera_timeline_draw_keys(self, snapshot, edit, y);
}

static void
vera_timeline_draw_playhead(VeraTimeline *self, GtkSnapshot *snapshot, double height)
{
    double from = vera_timeline_axis_get_x(&self->axis, (double)vera_editor_get_frame(self->editor));
    double width = MAX(self->axis.pixels_per_frame, 1.5), x = floor(from) + 0.5;
    GdkRGBA red = { 0.93f, 0.20f, 0.23f, 1 }, tint = { 0.93f, 0.20f, 0.23f, 0.22f };
    cairo_t *cr;

    vera_timeline_fill(snapshot, &tint, from, VERA_TIMELINE_RULER, width, height - VERA_TIMELINE_RULER);
    vera_timeline_fill(snapshot, &red, floor(from), 0, 1.5, height);
    cr = gtk_snapshot_append_cairo(snapshot, &GRAPHENE_RECT_INIT((float)x - 7, 0, 14, 14));
    gdk_cairo_set_source_rgba(cr, &red);
    cairo_move_to(cr, x - 6, 0);
    cairo_line_to(cr, x + 6, 0);
    cairo_line_to(cr, x + 6, 6);
    cairo_line_to(cr, x, 13);
    cairo_line_to(cr, x - 6, 6);
    cairo_close_path(cr);
    cairo_fill(cr);
    cairo_destroy(cr);
}

static void
vera_timeline_draw_markers(VeraTimeline *self, GtkSnapshot *snapshot)
{
    const VeraProjectState *state = vera_editor_get_state(self->editor);
    GdkRGBA color = { 0.18f, 0.76f, 0.49f, 1 };

    for (guint i = 0; i < state->markers->len; i++) {
        const VeraProjectMarker *marker = &g_array_index(state->markers, VeraProjectMarker, i);
        double x = vera_timeline_axis_get_x(&self->axis, (double)marker->frame);
        vera_timeline_fill_round(snapshot, &color, x - 3, VERA_TIMELINE_RULER - 9, 7, 7);
    }
}

void
vera_timeline_draw(VeraTimeline *self, GtkSnapshot *snapshot)
{
    const VeraProjectState *state = vera_editor_get_state(self->editor);
    const VeraClipInfo *info = vera_editor_get_clip_info(self->editor);
    double height = gtk_widget_get_height(GTK_WIDGET(self));
    VeraTimelineColors colors;

    vera_timeline_get_colors(self, &colors);
    vera_timeline_draw_ruler(self, snapshot, &colors, info);
    vera_timeline_draw_clip(self, snapshot, &colors);
    vera_timeline_draw_range(self, snapshot, &colors);
    for (guint i = 0; i < state->edits->len; i++) {
        const VeraEdit *edit = g_ptr_array_index(state->edits, i);
        if (g_strcmp0(edit->clip_id, vera_editor_get_clip_id(self->editor)) == 0)
            vera_timeline_draw_edit(self, snapshot, &colors, edit, vera_timeline_get_row_y(self, i));
    }
    if (state->edits->len == 0)
        vera_timeline_put_text(self, snapshot, _("Edits appear here, one above the other"), &colors.dim, VERA_TIMELINE_MARGIN + 7,
                               VERA_TIMELINE_RULER + 2 * VERA_TIMELINE_GAP + vera_timeline_get_clip_height(self) + 2, self->axis.width - 2 * VERA_TIMELINE_MARGIN - 14);
    vera_timeline_draw_markers(self, snapshot);
    vera_timeline_draw_playhead(self, snapshot, height);
}
