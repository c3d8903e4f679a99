#pragma once

#include "engine/project/vera-take.h"
#include "tests/engine/media-fixture.h"

/** A take of @n_frames frames from source frame 0, 8 by 8 pixels, everything of the one @value;
 * with a snapped matte too, or without. */
static inline void
fixture_write_take_with(const char *dir, int n_frames, float value, gboolean has_snapped)
{
    g_autoptr(VeraTakeRecord) record = vera_take_record_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(VeraTakeWriter) writer = NULL;
    float planes[3 * 8 * 8];

    record->instruction = g_strdup("Add a lamp");
    record->clip_path = g_strdup("/clip");
    record->width = record->height = 8;
    record->n_steps = 1;
    for (gint64 i = 0; i < n_frames; i++)
        g_array_append_val(record->frames, i);
    for (gsize i = 0; i < G_N_ELEMENTS(planes); i++)
        planes[i] = value;
    writer = vera_take_writer_new(dir, record, &error);
    g_assert_no_error(error);
    for (int i = 0; i < n_frames; i++)
        g_assert_true(vera_take_writer_add_frame(writer, planes, planes,
                                                 has_snapped ? planes : NULL, planes, &error));
    g_assert_true(vera_take_writer_finish(writer, &error));
    g_assert_no_error(error);
}

static inline void
fixture_write_take(const char *dir, int n_frames, float value)
{
    fixture_write_take_with(dir, n_frames, value, FALSE);
}
