#pragma once

#include <adwaita.h>

#include "tests/engine/media-fixture.h"

/*
 * What a widget draws, against a picture in tests/ui/refs. Texts differ with fonts and their versions and get no size at all: some GTK rounds
 * the height of even the smallest text up, and the box around it would be a pixel higher. Of the rest a few pixels in ten thousand may differ.
 * VERA_UPDATE_REFERENCES=1 writes the pictures anew, to be looked at before they are kept.
 */

/* How far a channel may be off, of 255, and in how many of a million pixels it may be further off. */
#define PICTURE_TOLERANCE 10
#define PICTURE_PARTS 400

static inline void
picture_fixture_hide_text(void)
{
    GtkCssProvider *provider = gtk_css_provider_new();

    gtk_css_provider_load_from_data(provider, "* { font-size: 0; }", -1);
    gtk_style_context_add_provider_for_display(gdk_display_get_default(), GTK_STYLE_PROVIDER(provider), GTK_STYLE_PROVIDER_PRIORITY_USER);
    g_object_unref(provider);
}

/* Returns: (nullable): @widget over its window's background, in device pixels; %NULL before it has drawn */
static inline GdkTexture *
picture_fixture_take(GtkWidget *widget)
{
    g_autoptr(GdkPaintable) paintable = gtk_widget_paintable_new(widget);
    GtkSnapshot *snapshot = gtk_snapshot_new();
    int scale = gtk_widget_get_scale_factor(widget), width = gtk_widget_get_width(widget), height = gtk_widget_get_height(widget);
    graphene_rect_t bounds = GRAPHENE_RECT_INIT(0, 0, (float)(width * scale), (float)(height * scale));
    GdkRGBA background = { 0, 0, 0, 1 };
    g_autoptr(GskRenderer) renderer = gsk_cairo_renderer_new();
    GskRenderNode *node;
    GdkTexture *texture;

    if (width == 0 || height == 0) {
        g_object_unref(snapshot);
        return NULL;
    }
    gtk_style_context_lookup_color(gtk_widget_get_style_context(widget), "window_bg_color", &background);
    gtk_snapshot_append_color(snapshot, &background, &bounds);
    gtk_snapshot_scale(snapshot, (float)scale, (float)scale);
    gdk_paintable_snapshot(paintable, snapshot, width, height);
    node = gtk_snapshot_free_to_node(snapshot);
    g_assert_true(gsk_renderer_realize(renderer, NULL, NULL));
    texture = gsk_renderer_render_texture(renderer, node, &bounds);
    gsk_renderer_unrealize(renderer);
    gsk_render_node_unref(node);
    return texture;
}

static inline guchar *
picture_fixture_download(GdkTexture *texture)
{
    gsize stride = (gsize)gdk_texture_get_width(texture) * 4;
    guchar *pixels = g_malloc(stride * (gsize)gdk_texture_get_height(texture));

    gdk_texture_download(texture, pixels, stride);
    return pixels;
}

/* Returns: pixels of a million that differ, all of them where the sizes do; @diff: (out): where they are, red */
static inline int
picture_fixture_compare(GdkTexture *seen, GdkTexture *want, GdkTexture **diff)
{
    int width = gdk_texture_get_width(seen), height = gdk_texture_get_height(seen);
    gsize n = (gsize)width * (gsize)height, n_off = 0;
    g_autofree guchar *a = picture_fixture_download(seen), *b = picture_fixture_download(want);
    g_autoptr(GBytes) bytes = NULL;

    if (width != gdk_texture_get_width(want) || height != gdk_texture_get_height(want)) {
        *diff = g_object_ref(seen);
        return 1000000;
    }
    for (gsize i = 0; i < n; i++) {
        int off = 0;
        for (int c = 0; c < 3; c++)
            off = MAX(off, ABS((int)a[4 * i + c] - (int)b[4 * i + c]));
        n_off += off > PICTURE_TOLERANCE;
        for (int c = 0; c < 3; c++)
            a[4 * i + c] = off > PICTURE_TOLERANCE ? (c == 2 ? 255 : 0) : a[4 * i + c] / 4;
    }
    bytes = g_bytes_new_take(g_steal_pointer(&a), n * 4);
    *diff = gdk_memory_texture_new(width, height, GDK_MEMORY_DEFAULT, bytes, (gsize)width * 4);
    return (int)(n_off * 1000000 / n);
}

static inline void
picture_fixture_save(GdkTexture *texture, const char *name, const char *kind)
{
    g_autofree char *file = g_strdup_printf("%s.%s.png", name, kind);
    g_autofree char *path = g_build_filename(g_getenv("G_TEST_BUILDDIR"), file, NULL);

    g_assert_true(gdk_texture_save_to_png(texture, path));
    g_printerr("saved %s\n", path);
}

static inline gboolean
picture_fixture_wake_cb(gpointer data)
{
    return G_SOURCE_CONTINUE;
}

/* Waits until @widget looks like the reference called @name; after a minute it never will, and three pictures say why. */
static inline void
picture_fixture_check(GtkWidget *widget, const char *name)
{
    g_autofree char *file = g_strdup_printf("%s.png", name);
    g_autofree char *path = g_build_filename(g_getenv("VERA_SOURCE_ROOT"), "tests", "ui", "refs", file, NULL);
    gboolean is_update = g_getenv("VERA_UPDATE_REFERENCES") != NULL;
    gint64 end = g_get_monotonic_time() + (is_update ? 8 : 60) * G_USEC_PER_SEC;
    g_autoptr(GError) error = NULL;
    g_autoptr(GdkTexture) want = is_update ? NULL : gdk_texture_new_from_filename(path, &error);
    g_autoptr(GdkTexture) seen = NULL, diff = NULL;
    guint wake = g_timeout_add(50, picture_fixture_wake_cb, NULL);
    int off = 1000000;

    g_assert_no_error(error);
    while (off > PICTURE_PARTS && g_get_monotonic_time() < end) {
        g_main_context_iteration(NULL, TRUE);
        g_clear_object(&seen);
        g_clear_object(&diff);
        seen = picture_fixture_take(widget);
        if (seen != NULL && want != NULL)
            off = picture_fixture_compare(seen, want, &diff);
    }
    g_source_remove(wake);
    if (is_update) {
        g_assert_true(gdk_texture_save_to_png(seen, path));
        return;
    }
    if (off <= PICTURE_PARTS)
        return;
    picture_fixture_save(seen, name, "out");
    picture_fixture_save(want, name, "ref");
    picture_fixture_save(diff, name, "diff");
    g_error("%s differs in %d of a million pixels", name, off);
}
