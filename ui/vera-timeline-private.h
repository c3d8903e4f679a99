#pragma once

#include "ui/vera-timeline-axis.h"
#include "ui/vera-timeline-filmstrip.h"
#include "ui/vera-timeline-waveform.h"
#include "ui/vera-timeline.h"

G_BEGIN_DECLS

#define VERA_TIMELINE_RULER 24
#define VERA_TIMELINE_CLIP 44
#define VERA_TIMELINE_ROW 24
#define VERA_TIMELINE_GAP 3

/** VeraTimelineGrip: what a drag moves. */
typedef enum {
    VERA_TIMELINE_GRIP_PLAYHEAD,
    VERA_TIMELINE_GRIP_IN,
    VERA_TIMELINE_GRIP_OUT,
    VERA_TIMELINE_GRIP_EDIT_FIRST,
    VERA_TIMELINE_GRIP_EDIT_LAST,
    VERA_TIMELINE_GRIP_EDIT,
    VERA_TIMELINE_GRIP_KEY,
} VeraTimelineGrip;

struct _VeraTimeline {
    GtkWidget parent_instance;

    VeraEditor *editor; /* (owned) */
    VeraTimelineFilmstrip *filmstrip; /* (owned) */
    VeraTimelineWaveform *waveform;   /* (owned) */
    char *spoken; /* (owned) what assistive technology was told last */
    VeraTimelineAxis axis;
    VeraTimelineGrip grip;
    gint64 grip_frame, grip_first, grip_last;
    double pointer_x;
};

/** VeraTimelineWindow: frames of the clip that go through the model at once, both inclusive. */
typedef struct {
    gint64 first, last;
} VeraTimelineWindow;

/** vera_timeline_find_job: Returns: (transfer none) (nullable): the job of an edit that is waiting or running */
VeraJob *vera_timeline_find_job(VeraTimeline *self, const char *edit_id);
/** vera_timeline_list_windows: Returns: (transfer full) (element-type VeraTimelineWindow): windows of the job of @edit, or of the one to come */
GArray *vera_timeline_list_windows(VeraTimeline *self, const VeraEdit *edit);
/** vera_timeline_describe: Returns: (transfer full): where the playhead is, in words */
char *vera_timeline_describe(VeraTimeline *self);

/** vera_timeline_get_clip_height: Returns: of the filmstrip and the waveform beneath it */
double vera_timeline_get_clip_height(VeraTimeline *self);
/** vera_timeline_get_row_y: Returns: top of the row of edit @index (0 = lowest layer, drawn last) */
double vera_timeline_get_row_y(VeraTimeline *self, guint index);
/** vera_timeline_get_key_at: Returns: the frame of the selected edit's keyframe that is drawn there, or -1 */
gint64 vera_timeline_get_key_at(VeraTimeline *self, double x, double y);
/** vera_timeline_get_key_y: Returns: the middle of the keyframes in the row at @top */
double vera_timeline_get_key_y(double top);
/** vera_timeline_get_edit_at: Returns: (nullable): the edit drawn there */
const VeraEdit *vera_timeline_get_edit_at(VeraTimeline *self, double x, double y);
void vera_timeline_draw(VeraTimeline *self, GtkSnapshot *snapshot);

G_END_DECLS
