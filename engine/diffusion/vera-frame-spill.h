#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * VeraFrameSpill: frames of one size, kept in a nameless file that is gone with it, however the
 * program ends. What is decoded first waits here for the rest, so that memory does not grow with
 * frames.
 *
 * Thread-safety: one thread at a time.
 */
typedef struct _VeraFrameSpill VeraFrameSpill;

/**
 * vera_frame_spill_new:
 * @folder: (nullable): where there is room for it; the system's temporary folder if %NULL
 * @n_floats: of one frame
 * @n_frames: room for so many is taken at once
 *
 * Errors: %VERA_ENGINE_ERROR_DISK_FULL, %VERA_ENGINE_ERROR_OUTPUT.
 * Returns: (transfer full): frames of undefined contents, or %NULL
 */
VeraFrameSpill *vera_frame_spill_new(const char *folder, gsize n_floats, int n_frames, GError **error);
void vera_frame_spill_free(VeraFrameSpill *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraFrameSpill, vera_frame_spill_free)

/**
 * vera_frame_spill_write:
 * @index: of the frame
 * @first: of its floats
 * @values: @n floats
 *
 * Keeps a part of a frame. Errors: as of vera_frame_spill_new().
 */
gboolean vera_frame_spill_write(
    VeraFrameSpill *self, int index, gsize first, const float *values, gsize n, GError **error);

/** vera_frame_spill_read: a whole frame. Errors: %VERA_ENGINE_ERROR_OUTPUT. */
gboolean vera_frame_spill_read(VeraFrameSpill *self, int index, float *values, GError **error);

G_END_DECLS
