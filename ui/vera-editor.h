#pragma once

#include "engine/diffusion/vera-frame-plan.h"
#include "engine/media/vera-frame-cache.h"
#include "engine/project/vera-project.h"
#include "engine/queue/vera-queue.h"
#include "ui/vera-layer-loader.h"

G_BEGIN_DECLS

#define VERA_TYPE_EDITOR (vera_editor_get_type())

/**
 * VeraEditor: what one window works on, without any widget: the project, the clip that is open, the
 * playhead, the selected edit, playback.
 *
 * Properties (notified): "frame" (int64, playhead, source frame from 0), "selected-edit" (string,
 * id), "compared-take" (string, id, nullable, read-only), "is-playing" (boolean, read-only),
 * "speed" (double, read-only, 0 while stopped), "is-looping" (boolean), "project" (VeraProject,
 * read-only), "media-trouble" and "media-notice" (string, nullable, read-only).
 *
 * Signals: "clip-changed" () another clip, or none, is open; "project-changed" () the state of the
 * project changed; "proxies-changed" () see vera_editor_get_proxies(); "frame-ready" () the picture
 * at the playhead, or a layer of it, can be drawn anew; "message" (string) a sentence for a toast.
 *
 * Thread-safety: main thread only.
 */
G_DECLARE_FINAL_TYPE(VeraEditor, vera_editor, VERA, EDITOR, GObject)

/**
 * vera_editor_new:
 * @queue: (transfer none): jobs go there
 * @default_model: folder of the model that an edit without one of its own takes
 *
 * Returns: (transfer full): an editor with an empty project
 */
VeraEditor *vera_editor_new(VeraQueue *queue, const char *default_model);
/** vera_editor_get_default_model: Returns: (transfer none): what an edit without a model of its own takes: the model of the
 * preferences, or else the one given to vera_editor_new() */
const char *vera_editor_get_default_model(VeraEditor *self);
/** vera_editor_get_preferred_model: Returns: (transfer none) (nullable): the model of the preferences */
const char *vera_editor_get_preferred_model(VeraEditor *self);

/** vera_editor_set_project: (transfer none): shows @project and opens its first clip. */
void vera_editor_set_project(VeraEditor *self, VeraProject *project);
VeraProject *vera_editor_get_project(VeraEditor *self);
const VeraProjectState *vera_editor_get_state(VeraEditor *self);
VeraQueue *vera_editor_get_queue(VeraEditor *self);

/**
 * vera_editor_add_clip: opens a media file in the background, adds it to the project and shows it; "message" says what is wrong.
 * For a clip that is in the project already, it is just shown.
 */
void vera_editor_add_clip(VeraEditor *self, const char *path);

/** vera_editor_relink: gives the shown clip of the project another path. */
void vera_editor_relink(VeraEditor *self, const char *path);

/**
 * vera_editor_check_relink_async:
 * @path: a media file that might take the place of the shown clip's
 *
 * Opens it in the background and holds it against the clip that was, as far as it is known, and against the edits.
 */
void vera_editor_check_relink_async(VeraEditor *self, const char *path, GAsyncReadyCallback callback, gpointer user_data);
/** vera_editor_check_relink_finish: Returns: (transfer full) (nullable): a sentence that says what does not fit; %NULL with @error
 * set if it cannot be opened, %NULL without if it fits */
char *vera_editor_check_relink_finish(VeraEditor *self, GAsyncResult *result, GError **error);

/** vera_editor_reload: opens the shown clip anew, as it is on the disk now; the playhead stays. */
void vera_editor_reload(VeraEditor *self);

/** vera_editor_get_media_trouble: Returns: (nullable): a sentence, when the file of the clip that is open is gone or is another */
const char *vera_editor_get_media_trouble(VeraEditor *self);
/** vera_editor_is_media_replaced: Returns: whether there is another clip in its place, which can be loaded */
gboolean vera_editor_is_media_replaced(VeraEditor *self);
/** vera_editor_get_media_notice: Returns: (nullable): a sentence about the clip that is open, when
 * its file ends early; the clip can be worked with. Each content is told of once: not when it is
 * opened again */
const char *vera_editor_get_media_notice(VeraEditor *self);
/** vera_editor_dismiss_media_notice: it was read. */
void vera_editor_dismiss_media_notice(VeraEditor *self);

/** vera_editor_get_clip_info: Returns: (transfer none) (nullable): facts of the shown clip, until "clip-changed" */
const VeraClipInfo *vera_editor_get_clip_info(VeraEditor *self);
const char *vera_editor_get_clip_path(VeraEditor *self);
const char *vera_editor_get_clip_id(VeraEditor *self);
VeraFrameCache *vera_editor_get_cache(VeraEditor *self);

/** vera_editor_get_clip_error: Returns: (nullable): why the project's clip cannot be shown */
const char *vera_editor_get_clip_error(VeraEditor *self);
gboolean vera_editor_is_loading(VeraEditor *self);

gint64 vera_editor_get_n_frames(VeraEditor *self);
gint64 vera_editor_get_frame(VeraEditor *self);
/** vera_editor_set_frame: moves the playhead, clamped to the clip; stops playback. */
void vera_editor_set_frame(VeraEditor *self, gint64 frame);
/** vera_editor_get_range: the in/out range, or the whole clip; both inclusive. Returns: whether a range is set */
gboolean vera_editor_get_range(VeraEditor *self, gint64 *first, gint64 *last);
/** vera_editor_set_range: -1, -1 clears. An undo step. */
void vera_editor_set_range(VeraEditor *self, gint64 first, gint64 last);

/** vera_editor_play: @speed: 1 is the clip's own rate, negative backwards, 0 stops. */
void vera_editor_play(VeraEditor *self, double speed);
double vera_editor_get_speed(VeraEditor *self);
/** vera_editor_tick: called once a screen frame with its time in microseconds; moves the playhead while playing. */
void vera_editor_tick(VeraEditor *self, gint64 time_us);

/** vera_editor_get_selected: Returns: (transfer none) (nullable): the selected edit in the current state */
const VeraEdit *vera_editor_get_selected(VeraEditor *self);
void vera_editor_select(VeraEditor *self, const char *edit_id);

/** vera_editor_begin_change: Returns: (transfer full): a copy of the state to change and hand to vera_project_commit() */
VeraProjectState *vera_editor_begin_change(VeraEditor *self);
/** vera_editor_begin_edit_change: likewise; @edit: (out): the selected edit in the copy; %NULL result if none is selected */
VeraProjectState *vera_editor_begin_edit_change(VeraEditor *self, VeraEdit **edit);
void vera_editor_commit(VeraEditor *self, VeraProjectState *state, const char *name, const char *merge_key);

/** vera_editor_set_linear: whether the project composites in linear light; an undo step. */
void vera_editor_set_linear(VeraEditor *self, gboolean is_linear);
/** vera_editor_set_visible, vera_editor_set_solo: of the layer of an edit; an undo step. */
void vera_editor_set_visible(VeraEditor *self, const char *edit_id, gboolean is_visible);
void vera_editor_set_solo(VeraEditor *self, const char *edit_id, gboolean is_solo);
/** vera_editor_move_edit: to @position in the stack, from 0 at the bottom; an undo step. */
void vera_editor_move_edit(VeraEditor *self, const char *edit_id, guint position);

/** vera_editor_choose_take: shows a take of the selected edit; the one that it was compared with then becomes the compared one. */
void vera_editor_choose_take(VeraEditor *self, const char *take_id);
/** vera_editor_rename_take: @name loses space around it; nothing happens for an empty one. */
void vera_editor_rename_take(VeraEditor *self, const char *take_id, const char *name);
/**
 * vera_editor_delete_take: takes a take off the selected edit, and shows its neighbour if it was the one shown. Its files stay, so that
 * Undo brings it back.
 */
void vera_editor_delete_take(VeraEditor *self, const char *take_id);
/** vera_editor_use_settings: what @record was made with, for the next take of the selected edit: words, seed, steps, guidance, size */
void vera_editor_use_settings(VeraEditor *self, const VeraTakeRecord *record);
/** vera_editor_compare_take: @take_id (nullable): what the chosen take of the selected edit is compared with; %NULL for nothing */
void vera_editor_compare_take(VeraEditor *self, const char *take_id);
/** vera_editor_get_compared: Returns: (transfer none) (nullable): the take of the selected edit that the chosen one is compared with */
const VeraProjectTake *vera_editor_get_compared(VeraEditor *self);
/** vera_editor_dup_compared: Returns: (transfer full) (nullable): the compared take's layer over @plate; while it is made, %NULL */
VeraLayerFrame *vera_editor_dup_compared(VeraEditor *self, VeraFrame *plate);

/** vera_editor_add_edit: a new edit over the range, selected. */
void vera_editor_add_edit(VeraEditor *self);

/** vera_editor_add_key: a keyframe at the playhead in every shape of the selected edit's region. */
void vera_editor_add_key(VeraEditor *self);
/** vera_editor_remove_key: deletes the region's keyframes at the playhead; "message" says what stands against it. */
void vera_editor_remove_key(VeraEditor *self);
/**
 * vera_editor_move_key:
 * @to: where the region's keyframes at @from go, held between their neighbours and inside the clip
 * @merge_key: (nullable): as for vera_project_commit()
 *
 * Returns: where they are now, or -1 if there are none
 */
gint64 vera_editor_move_key(VeraEditor *self, gint64 from, gint64 to, const char *merge_key);
/** vera_editor_shift_key: moves the keyframe at the playhead by @delta frames; the playhead goes along. */
void vera_editor_shift_key(VeraEditor *self, int delta);
/** vera_editor_go_key: to the next keyframe of the selected edit's region, or the one before (@direction -1). */
void vera_editor_go_key(VeraEditor *self, int direction);
/** vera_editor_nudge_region: moves all shapes by source pixels, as a keyframe at the playhead. */
void vera_editor_nudge_region(VeraEditor *self, double dx, double dy);

/**
 * vera_editor_dup_plan:
 *
 * The windows that a take of @edit would go through. What its model says about them is read in the background; "frame-ready" tells when
 * it is known.
 * Returns: (transfer full) (nullable): the plan
 */
VeraFramePlan *vera_editor_dup_plan(VeraEditor *self, const VeraEdit *edit);

/** VeraEditorLayer: one visible layer at the playhead, for the renderer. */
typedef struct {
    VeraLayerFrame *frame; /* (owned) (nullable) */
    float opacity;
    gboolean is_selected;
} VeraEditorLayer;

/** vera_editor_list_layers: Returns: (transfer container) (element-type VeraEdit): what is composited over the clip, bottom first;
 * borrowed from the state */
GPtrArray *vera_editor_list_layers(VeraEditor *self);

/**
 * vera_editor_dup_layers:
 * @plate: the source frame that is drawn
 *
 * Returns: (transfer full) (element-type VeraEditorLayer): the layers over @plate, lowest first; those still being made come with
 * "frame-ready"
 */
GArray *vera_editor_dup_layers(VeraEditor *self, VeraFrame *plate);

/** VeraEditorProxies: whether proxies of the clip are being made, or would be but for the limit in the preferences. */
typedef enum { VERA_EDITOR_PROXIES_IDLE, VERA_EDITOR_PROXIES_MAKING, VERA_EDITOR_PROXIES_FULL } VeraEditorProxies;

/** vera_editor_get_proxies: @progress: (out): how much of the clip has proxies, 0..1. Returns: what is done about them */
VeraEditorProxies vera_editor_get_proxies(VeraEditor *self, double *progress);

/** vera_editor_dup_plate: @is_exact: (out): whether it is the frame at the playhead itself. Returns: (transfer full) (nullable): the
 * picture at the playhead, or the nearest that is at hand, perhaps a proxy (#VeraFrame.is_proxy) */
VeraFrame *vera_editor_dup_plate(VeraEditor *self, gboolean *is_exact);

/**
 * vera_editor_dup_mask:
 *
 * The selected edit's imported mask at the playhead; opened and decoded in the background, "frame-ready" tells when there is more.
 * "message" says why it cannot be read.
 * Returns: (transfer full) (nullable): a grey picture of any size, white: edit here; perhaps of a frame nearby. %NULL where a region is
 * drawn, or where the mask says nothing about this frame
 */
VeraFrame *vera_editor_dup_mask(VeraEditor *self);

/** vera_editor_dup_take_folder: Returns: (transfer full): where folders of new takes go; perhaps it is not there yet */
char *vera_editor_dup_take_folder(VeraEditor *self);

/**
 * vera_editor_start_take: puts a take of the selected edit into the queue; the region's mask is rendered in the background first.
 * "message" says what is missing.
 */
void vera_editor_start_take(VeraEditor *self);

G_END_DECLS
