#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * VeraTimelineAxis: where frames lie on the timeline.
 * @n_frames: of the clip; at least 1
 * @width: of the widget, in pixels
 * @pixels_per_frame: zoom
 * @origin: frame at the left edge; may be broken
 */
typedef struct {
    gint64 n_frames;
    double width;
    double pixels_per_frame;
    double origin;
} VeraTimelineAxis;

/** VERA_TIMELINE_MARGIN: pixels left free at both ends, so that handles at the ends can be taken */
#define VERA_TIMELINE_MARGIN 12.0

/** vera_timeline_axis_fit: shows the whole clip. */
void vera_timeline_axis_fit(VeraTimelineAxis *self);
/** vera_timeline_axis_set_width: keeps the zoom, or the fit if the whole clip was shown. */
void vera_timeline_axis_set_width(VeraTimelineAxis *self, double width);
/** vera_timeline_axis_get_x: Returns: pixel of the start of @frame */
double vera_timeline_axis_get_x(const VeraTimelineAxis *self, double frame);
/** vera_timeline_axis_get_frame: Returns: the frame at pixel @x, clamped to the clip */
gint64 vera_timeline_axis_get_frame(const VeraTimelineAxis *self, double x);
/** vera_timeline_axis_zoom: by @factor, the frame at @x stays where it is. */
void vera_timeline_axis_zoom(VeraTimelineAxis *self, double factor, double x);
/** vera_timeline_axis_scroll: by @pixels. */
void vera_timeline_axis_scroll(VeraTimelineAxis *self, double pixels);
/** vera_timeline_axis_show: scrolls just so far that @frame is seen. */
void vera_timeline_axis_show(VeraTimelineAxis *self, gint64 frame);
/** vera_timeline_axis_get_step: Returns: frames between two labelled ticks at least @min_pixels apart; @rate frames a second */
gint64 vera_timeline_axis_get_step(const VeraTimelineAxis *self, double min_pixels, double rate);

G_END_DECLS
