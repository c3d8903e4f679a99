#pragma once

#include "engine/media/vera-clip.h"

G_BEGIN_DECLS

/**
 * vera_timecode_format:
 * @info: of the clip
 * @frame: source frame, from 0
 *
 * SMPTE timecode of a frame, counted on from the clip's own start timecode; ";" and dropped numbers where that is drop-frame.
 * Returns: (transfer full): "HH:MM:SS:FF"
 */
char *vera_timecode_format(const VeraClipInfo *info, gint64 frame);

/** vera_timecode_get_number: Returns: what the user calls frame @frame: the plate's own number, or counted from 1 */
gint64 vera_timecode_get_number(const VeraClipInfo *info, gint64 frame);

G_END_DECLS
