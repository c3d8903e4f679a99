#include "config.h"

#include "ui/vera-timeline-waveform.h"

#include <math.h>

#include "engine/media/vera-waveform.h"

#define VERA_TIMELINE_WAVEFORM_HEIGHT 26

/* What the drawn picture depends on. */
typedef struct {
    double left, right, begin, end, known;
    GdkRGBA color;
} VeraTimelineWaveformView;

struct _VeraTimelineWaveform {
    gatomicrefcount ref_count;
    GtkWidget *widget; /* borrowed; NULL once freed */
    VeraWaveform *waveform;
    VeraClip *clip; /* (owned) (nullable): has the frames' times where they are uneven */
    double rate;
    gboolean is_laid_out;
    VeraTimelineWaveformView view; /* of @node */
    GskRenderNode *node;           /* (nullable): upper edge at 0 */
    gint is_pending;               /* atomic */
};

static void
vera_timeline_waveform_unref(gpointer data)
{
    VeraTimelineWaveform *self = data;

    if (g_atomic_ref_count_dec(&self->ref_count))
        g_free(self);
}

static gboolean
vera_timeline_waveform_idle_cb(gpointer data)
{
    VeraTimelineWaveform *self = data;

    g_atomic_int_set(&self->is_pending, 0);
    if (self->widget == NULL)
        return G_SOURCE_REMOVE;
    if (!self->is_laid_out && vera_timeline_waveform_get_height(self) > 0) {
        self->is_laid_out = TRUE;
        gtk_widget_queue_resize(self->widget);
    }
    gtk_widget_queue_draw(self->widget);
    return G_SOURCE_REMOVE;
}

/* On the worker thread. A clip without sound has no waveform, which is nothing to tell anyone about. */
static void
vera_timeline_waveform_known_cb(const GError *error, gpointer data)
{
    VeraTimelineWaveform *self = data;

    if (!g_atomic_int_compare_and_exchange(&self->is_pending, 0, 1))
        return;
    g_atomic_ref_count_inc(&self->ref_count);
    g_idle_add_full(G_PRIORITY_LOW, vera_timeline_waveform_idle_cb, self, vera_timeline_waveform_unref);
}

VeraTimelineWaveform *
vera_timeline_waveform_new(GtkWidget *widget, const char *path, double start_time, double rate)
{
    VeraTimelineWaveform *self = g_new0(VeraTimelineWaveform, 1);

    g_atomic_ref_count_init(&self->ref_count);
    self->widget = widget;
    self->rate = rate;
    self->waveform = vera_waveform_new(path, start_time, vera_timeline_waveform_known_cb, self);
    return self;
}

void
vera_timeline_waveform_free(VeraTimelineWaveform *self)
{
    self->widget = NULL;
    g_clear_pointer(&self->waveform, vera_waveform_free);
    g_clear_pointer(&self->node, gsk_render_node_unref);
    g_clear_object(&self->clip);
    vera_timeline_waveform_unref(self);
}

void
vera_timeline_waveform_follow(VeraTimelineWaveform *self, VeraClip *clip)
{
    g_set_object(&self->clip, clip);
}

int
vera_timeline_waveform_get_height(VeraTimelineWaveform *self)
{
    return vera_waveform_get_known(self->waveform) > 0 ? VERA_TIMELINE_WAVEFORM_HEIGHT : 0;
}

gboolean
vera_timeline_waveform_is_complete(VeraTimelineWaveform *self)
{
    return vera_waveform_is_complete(self->waveform);
}

static gboolean
vera_timeline_waveform_is_view(const VeraTimelineWaveformView *a, const VeraTimelineWaveformView *b)
{
    return a->left == b->left && a->right == b->right && a->begin == b->begin && a->end == b->end && a->known == b->known &&
           gdk_rgba_equal(&a->color, &b->color);
}

/* One peak for each column. */
static void
vera_timeline_waveform_measure(VeraTimelineWaveform *self, const VeraTimelineWaveformView *view, int n, VeraPeak *peaks)
{
    double first = view->begin * self->rate, step = (view->end - view->begin) * self->rate / n;

    if (self->clip == NULL) {
        vera_waveform_get_peaks(self->waveform, view->begin, view->end, n, peaks);
        return;
    }
    for (int i = 0; i < n; i++) {
        double begin = vera_clip_get_time_at(self->clip, first + i * step);
        double end = vera_clip_get_time_at(self->clip, first + (i + 1) * step);
        vera_waveform_get_peaks(self->waveform, begin, MAX(end, begin + 1e-6), 1, &peaks[i]);
    }
}

static GskRenderNode *
vera_timeline_waveform_render(VeraTimelineWaveform *self, const VeraTimelineWaveformView *view)
{
    int n = (int)ceil(view->right - view->left);
    double middle = VERA_TIMELINE_WAVEFORM_HEIGHT / 2.0, scale = middle - 1;
    g_autofree VeraPeak *peaks = g_new0(VeraPeak, (gsize)n);
    GskRenderNode *node = gsk_cairo_node_new(
        &GRAPHENE_RECT_INIT((float)view->left, 0, (float)(view->right - view->left), VERA_TIMELINE_WAVEFORM_HEIGHT));
    cairo_t *cr = gsk_cairo_node_get_draw_context(node);

    vera_timeline_waveform_measure(self, view, n, peaks);
    gdk_cairo_set_source_rgba(cr, &view->color);
    for (int i = 0; i < n; i++) {
        double top = middle - CLAMP((double)peaks[i].max, -1, 1) * scale;
        double bottom = middle - CLAMP((double)peaks[i].min, -1, 1) * scale;
        cairo_rectangle(cr, view->left + i, top - 0.5, 1, bottom - top + 1);
    }
    cairo_fill(cr);
    cairo_destroy(cr);
    return node;
}

void
vera_timeline_waveform_draw(
    VeraTimelineWaveform *self, GtkSnapshot *snapshot, const VeraTimelineAxis *axis, const GdkRGBA *color, double y)
{
    double zero = vera_timeline_axis_get_x(axis, 0), second = axis->pixels_per_frame * self->rate;
    VeraTimelineWaveformView view = { .left = MAX(zero, 0),
                                      .right = MIN(vera_timeline_axis_get_x(axis, (double)axis->n_frames), axis->width),
                                      .known = vera_waveform_get_known(self->waveform),
                                      .color = *color };

    if (view.right - view.left < 1 || second <= 0 || view.known <= 0)
        return;
    view.begin = (view.left - zero) / second;
    view.end = view.begin + ceil(view.right - view.left) / second;
    if (self->node == NULL || !vera_timeline_waveform_is_view(&view, &self->view)) {
        g_clear_pointer(&self->node, gsk_render_node_unref);
        self->node = vera_timeline_waveform_render(self, &view);
        self->view = view;
    }
    gtk_snapshot_save(snapshot);
    gtk_snapshot_translate(snapshot, &GRAPHENE_POINT_INIT(0, (float)y));
    gtk_snapshot_append_node(snapshot, self->node);
    gtk_snapshot_restore(snapshot);
}
