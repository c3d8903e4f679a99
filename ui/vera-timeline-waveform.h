#pragma once

#include <gtk/gtk.h>

#include "engine/media/vera-clip.h"
#include "ui/vera-timeline-axis.h"

G_BEGIN_DECLS

/** VeraTimelineWaveform: the outline of the clip's sound beneath the filmstrip, made in the background. Main thread only. */
typedef struct _VeraTimelineWaveform VeraTimelineWaveform;

/**
 * vera_timeline_waveform_new:
 * @widget: (nullable): borrowed; laid out anew when the first of the sound is known, drawn anew with each few seconds more
 * @path: the clip's file
 * @start_time: time of its frame 0, in seconds
 * @rate: its frames a second
 */
VeraTimelineWaveform *vera_timeline_waveform_new(GtkWidget *widget, const char *path, double start_time, double rate);
/** vera_timeline_waveform_follow: takes the time of each frame from @clip, whose frames do not come evenly */
void vera_timeline_waveform_follow(VeraTimelineWaveform *self, VeraClip *clip);
/** vera_timeline_waveform_free: breaks off what is still being read */
void vera_timeline_waveform_free(VeraTimelineWaveform *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraTimelineWaveform, vera_timeline_waveform_free)

/** vera_timeline_waveform_get_height: Returns: in pixels; 0 while nothing is known, and where there is no sound */
int vera_timeline_waveform_get_height(VeraTimelineWaveform *self);
/** vera_timeline_waveform_is_complete: Returns: whether all of the sound is known, as in vera_waveform_is_complete() */
gboolean vera_timeline_waveform_is_complete(VeraTimelineWaveform *self);
/** vera_timeline_waveform_draw: one column a pixel, upper edge at @y; the same picture is drawn only once. */
void vera_timeline_waveform_draw(
    VeraTimelineWaveform *self, GtkSnapshot *snapshot, const VeraTimelineAxis *axis, const GdkRGBA *color, double y);

G_END_DECLS
