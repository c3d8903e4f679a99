#include "config.h"

#include "ui/vera-timeline-filmstrip.h"

#include <math.h>
#include <string.h>

#include "engine/media/vera-thumbnails.h"

#define VERA_TIMELINE_FILMSTRIP_BYTES ((gsize)32 << 20)

struct _VeraTimelineFilmstrip {
    gatomicrefcount ref_count;
    GtkWidget *widget; /* borrowed; NULL once freed */
    VeraThumbnails *thumbnails;
    GHashTable *textures; /* frame that is shown -> GdkTexture */
    GArray *asked;        /* of gint64 */
    gint is_pending;      /* atomic */
};

static void
vera_timeline_filmstrip_unref(gpointer data)
{
    VeraTimelineFilmstrip *self = data;

    if (!g_atomic_ref_count_dec(&self->ref_count))
        return;
    g_hash_table_unref(self->textures);
    g_array_unref(self->asked);
    g_free(self);
}

static gboolean
vera_timeline_filmstrip_idle_cb(gpointer data)
{
    VeraTimelineFilmstrip *self = data;

    g_atomic_int_set(&self->is_pending, 0);
    if (self->widget != NULL)
        gtk_widget_queue_draw(self->widget);
    return G_SOURCE_REMOVE;
}

/* On the worker thread. */
static void
vera_timeline_filmstrip_ready_cb(gpointer data)
{
    VeraTimelineFilmstrip *self = data;

    if (!g_atomic_int_compare_and_exchange(&self->is_pending, 0, 1))
        return;
    g_atomic_ref_count_inc(&self->ref_count);
    g_idle_add_full(G_PRIORITY_LOW, vera_timeline_filmstrip_idle_cb, self, vera_timeline_filmstrip_unref);
}

VeraTimelineFilmstrip *
vera_timeline_filmstrip_new(GtkWidget *widget, VeraFrameCache *cache, int height)
{
    VeraTimelineFilmstrip *self = g_new0(VeraTimelineFilmstrip, 1);

    g_atomic_ref_count_init(&self->ref_count);
    self->widget = widget;
    self->thumbnails = vera_thumbnails_new(vera_frame_cache_get_clip(cache), cache, height,
                                           VERA_TIMELINE_FILMSTRIP_BYTES);
    self->textures = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_object_unref);
    self->asked = g_array_new(FALSE, FALSE, sizeof(gint64));
    vera_thumbnails_set_ready_func(self->thumbnails, vera_timeline_filmstrip_ready_cb, self);
    return self;
}

void
vera_timeline_filmstrip_free(VeraTimelineFilmstrip *self)
{
    self->widget = NULL;
    vera_thumbnails_set_ready_func(self->thumbnails, NULL, NULL);
    g_clear_pointer(&self->thumbnails, vera_thumbnails_free);
    vera_timeline_filmstrip_unref(self);
}

static GdkTexture *
vera_timeline_filmstrip_get(VeraTimelineFilmstrip *self, gint64 frame, int width, int height)
{
    gint64 shown = -1;
    g_autoptr(GBytes) pixels = vera_thumbnails_get(self->thumbnails, frame, &shown);
    GdkTexture *texture;

    if (pixels == NULL)
        return NULL;
    texture = g_hash_table_lookup(self->textures, &shown);
    if (texture != NULL)
        return texture;
    texture = gdk_memory_texture_new(width, height, GDK_MEMORY_R8G8B8A8, pixels, (gsize)width * 4);
    g_hash_table_insert(self->textures, g_memdup2(&shown, sizeof shown), texture);
    return texture;
}

static void
vera_timeline_filmstrip_ask(VeraTimelineFilmstrip *self, GArray *wanted)
{
    if (wanted->len == self->asked->len && (wanted->len == 0 || memcmp(wanted->data, self->asked->data, wanted->len * sizeof(gint64)) == 0))
        return;
    vera_thumbnails_request(self->thumbnails, (const gint64 *)(gpointer)wanted->data, wanted->len);
    g_array_set_size(self->asked, 0);
    g_array_append_vals(self->asked, wanted->data, wanted->len);
}

void
vera_timeline_filmstrip_draw(VeraTimelineFilmstrip *self, GtkSnapshot *snapshot, const VeraTimelineAxis *axis, double y)
{
    g_autoptr(GArray) wanted = g_array_new(FALSE, FALSE, sizeof(gint64));
    double left = vera_timeline_axis_get_x(axis, 0), right = MIN(vera_timeline_axis_get_x(axis, (double)axis->n_frames), axis->width);
    int width, height;

    vera_thumbnails_get_size(self->thumbnails, &width, &height);
    gtk_snapshot_push_clip(snapshot, &GRAPHENE_RECT_INIT((float)MAX(left, 0), (float)y, (float)MAX(right - MAX(left, 0), 0), (float)height));
    for (double x = left + floor(MAX(-left, 0) / width) * width; x < right; x += width) {
        gint64 frame = vera_timeline_axis_get_frame(axis, x + 1);
        GdkTexture *texture = vera_timeline_filmstrip_get(self, frame, width, height);
        g_array_append_val(wanted, frame);
        if (texture != NULL)
            gtk_snapshot_append_texture(snapshot, texture, &GRAPHENE_RECT_INIT((float)x, (float)y, (float)width, (float)height));
    }
    gtk_snapshot_pop(snapshot);
    vera_timeline_filmstrip_ask(self, wanted);
}
