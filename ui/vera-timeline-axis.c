#include "config.h"

#include "ui/vera-timeline-axis.h"

#include <math.h>

/* A frame wider than this only hides its neighbours. */
#define VERA_TIMELINE_MAX_PIXELS 120.0

static double
vera_timeline_axis_get_fit(const VeraTimelineAxis *self)
{
    return MAX(self->width - 2 * VERA_TIMELINE_MARGIN, 1.0) / (double)MAX(self->n_frames, 1);
}

static void
vera_timeline_axis_settle(VeraTimelineAxis *self)
{
    double fit = vera_timeline_axis_get_fit(self), shown;

    self->pixels_per_frame = CLAMP(self->pixels_per_frame, MIN(fit, VERA_TIMELINE_MAX_PIXELS), MAX(fit, VERA_TIMELINE_MAX_PIXELS));
    shown = MAX(self->width - 2 * VERA_TIMELINE_MARGIN, 1.0) / self->pixels_per_frame;
    self->origin = CLAMP(self->origin, 0.0, MAX((double)self->n_frames - shown, 0.0));
}

void
vera_timeline_axis_fit(VeraTimelineAxis *self)
{
    self->pixels_per_frame = vera_timeline_axis_get_fit(self);
    self->origin = 0;
}

void
vera_timeline_axis_set_width(VeraTimelineAxis *self, double width)
{
    gboolean is_fit = self->pixels_per_frame <= vera_timeline_axis_get_fit(self) * 1.0001;

    self->width = width;
    if (is_fit)
        vera_timeline_axis_fit(self);
    vera_timeline_axis_settle(self);
}

double
vera_timeline_axis_get_x(const VeraTimelineAxis *self, double frame)
{
    return VERA_TIMELINE_MARGIN + (frame - self->origin) * self->pixels_per_frame;
}

gint64
vera_timeline_axis_get_frame(const VeraTimelineAxis *self, double x)
{
    double frame = floor((x - VERA_TIMELINE_MARGIN) / MAX(self->pixels_per_frame, 1e-9) + self->origin);

    return (gint64)CLAMP(frame, 0.0, (double)MAX(self->n_frames - 1, 0));
}

void
vera_timeline_axis_zoom(VeraTimelineAxis *self, double factor, double x)
{
    double frame = (x - VERA_TIMELINE_MARGIN) / self->pixels_per_frame + self->origin;

    self->pixels_per_frame *= factor;
    vera_timeline_axis_settle(self);
    self->origin = frame - (x - VERA_TIMELINE_MARGIN) / self->pixels_per_frame;
    vera_timeline_axis_settle(self);
}

void
vera_timeline_axis_scroll(VeraTimelineAxis *self, double pixels)
{
    self->origin += pixels / self->pixels_per_frame;
    vera_timeline_axis_settle(self);
}

void
vera_timeline_axis_show(VeraTimelineAxis *self, gint64 frame)
{
    double x = vera_timeline_axis_get_x(self, (double)frame), end = vera_timeline_axis_get_x(self, (double)frame + 1);

    if (x < VERA_TIMELINE_MARGIN)
        vera_timeline_axis_scroll(self, x - VERA_TIMELINE_MARGIN);
    else if (end > self->width - VERA_TIMELINE_MARGIN)
        vera_timeline_axis_scroll(self, end - (self->width - VERA_TIMELINE_MARGIN));
}

gint64
vera_timeline_axis_get_step(const VeraTimelineAxis *self, double min_pixels, double rate)
{
    static const int frames[] = { 1, 2, 5, 10, 12 };
    static const int seconds[] = { 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200 };
    gint64 second = MAX((gint64)lround(rate), 1);

    for (gsize i = 0; i < G_N_ELEMENTS(frames); i++)
        if (frames[i] < second && frames[i] * self->pixels_per_frame >= min_pixels)
            return frames[i];
    for (gsize i = 0; i < G_N_ELEMENTS(seconds); i++)
        if ((double)(seconds[i] * second) * self->pixels_per_frame >= min_pixels)
            return seconds[i] * second;
    return 4 * 3600 * second;
}
