#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * vera_timecode_advance:
 * @start: (nullable): "HH:MM:SS:FF", with ";" or "." before FF for drop frame
 * @rate_num: frame rate numerator; 24000/1001 counts 24 frames a second, 30000/1001 counts 30
 * @rate_den: frame rate denominator
 * @n_frames: frames to go on by
 *
 * The timecode @n_frames after @start; drop frame numbers are left out as SMPTE 12M says, and a day
 * ends at 24 hours.
 *
 * Thread-safety: safe.
 * Returns: (transfer full) (nullable): the timecode in the form of @start, %NULL if @start is
 *   %NULL or no timecode of that rate
 */
char *vera_timecode_advance(const char *start, int rate_num, int rate_den, gint64 n_frames);

/**
 * vera_timecode_pack:
 * @timecode: a result of vera_timecode_advance()
 * @rate_num: frame rate numerator
 * @rate_den: frame rate denominator
 *
 * The time word of OpenEXR's timeCode attribute: BCD digits packed as for 60-field television, bit
 * 6 for drop frame. It has room for 39 frames, so above 30 frames a second two frames share a
 * number and bit 15 (field) tells the second one, as SMPTE 12M-1 has it.
 *
 * Returns: the word
 */
guint32 vera_timecode_pack(const char *timecode, int rate_num, int rate_den);

G_END_DECLS
