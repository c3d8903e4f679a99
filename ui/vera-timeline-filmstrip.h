#pragma once

#include <gtk/gtk.h>

#include "engine/media/vera-frame-cache.h"
#include "ui/vera-timeline-axis.h"

G_BEGIN_DECLS

/** VeraTimelineFilmstrip: pictures of the clip under the ruler, made in the background. Main thread only. */
typedef struct _VeraTimelineFilmstrip VeraTimelineFilmstrip;

/** vera_timeline_filmstrip_new: @widget (borrowed) is drawn anew when a picture arrives. @cache: of
 * the clip; gets a sketch of each. */
VeraTimelineFilmstrip *
vera_timeline_filmstrip_new(GtkWidget *widget, VeraFrameCache *cache, int height);
void vera_timeline_filmstrip_free(VeraTimelineFilmstrip *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraTimelineFilmstrip, vera_timeline_filmstrip_free)

/** vera_timeline_filmstrip_draw: the pictures that fit side by side, upper edge at @y. */
void vera_timeline_filmstrip_draw(VeraTimelineFilmstrip *self, GtkSnapshot *snapshot, const VeraTimelineAxis *axis, double y);

G_END_DECLS
