#pragma once

#include <glib.h>

#include "engine/compositing/vera-matte.h"
#include "engine/project/vera-region.h"

G_BEGIN_DECLS

/*
 * All strings are owned by their struct and replaced with g_set_str()-like care: free the old, give
 * a new copy. `extra` members hold what a newer program stored beside the known members, as the
 * text of a JSON object; they are kept as they are.
 */

/**
 * VeraProjectClip:
 * @id: unique in the project
 * @path: absolute; in the file relative to the project where possible
 * @name: what the user calls it
 */
typedef struct {
    char *id;
    char *path;
    char *name;
    char *extra;
} VeraProjectClip;

/**
 * VeraProjectTake:
 * @id: unique in the project
 * @dir: absolute path of the take's folder; in the file relative to the project where possible
 * @name: what the user calls it
 */
typedef struct {
    char *id;
    char *dir;
    char *name;
    char *extra;
} VeraProjectTake;

/**
 * VeraEdit:
 * @id: unique in the project
 * @clip_id: the clip that is edited
 * @instruction: what to do
 * @task: (nullable): what kind of change is meant: "add", "background"; %NULL leaves it to the words. For people: the model goes by
 * @instruction alone
 * @negative: (nullable): what to lead away from; %NULL takes the model's own
 * @region: (nullable): where, drawn
 * @region_path: (nullable): where, as an imported still, movie or sequence (absolute); used when
 * @region is %NULL
 * @first: first source frame, from 0
 * @last: last source frame, inclusive, not below @first, below 2^31 - 1
 * @model_dir: (nullable): folder of the model (absolute); %NULL takes the bundled one
 * @seed: the seed of the next take
 * @n_steps: sampling steps, 1..1000; 0 takes the model's own
 * @guidance: guidance scale; negative takes the model's own
 * @width: at which the model works, 1..16384; 0 takes the model's own
 * @height: likewise
 * @takes: (element-type VeraProjectTake): the answers so far
 * @chosen_take: (nullable): id of the take that is shown
 * @is_visible: whether its layer is shown and exported
 * @is_solo: while any edit is solo, only those are shown
 * @opacity: of its layer, 0..1
 * @refinement: of its matte
 */
typedef struct {
    char *id;
    char *clip_id;
    char *instruction;
    char *task;
    char *negative;
    VeraRegion *region;
    char *region_path;
    gint64 first, last;
    char *model_dir;
    guint64 seed;
    int n_steps;
    double guidance;
    int width, height;
    GPtrArray *takes;
    char *chosen_take;
    gboolean is_visible;
    gboolean is_solo;
    double opacity;
    VeraMatteRefinement refinement;
    char *extra;
} VeraEdit;

/**
 * VeraProjectMarker:
 * @frame: source frame number, from 0
 * @name: (nullable): what the user wrote
 */
typedef struct {
    gint64 frame;
    char *name;
    char *extra;
} VeraProjectMarker;

/**
 * VeraProjectState:
 * @ref_count: private
 * @clips: (element-type VeraProjectClip)
 * @edits: (element-type VeraEdit): the layer stack, bottom first
 * @removed_takes: (element-type VeraProjectTake): takes that were deleted from their edits; their
 * files are there until vera_take_files_remove()
 * @markers: (element-type VeraProjectMarker): array of structs; frames need not be in order
 * @in_frame: first frame of the user's range, from 0; -1 is unset
 * @out_frame: its last frame, inclusive; -1 is unset
 * @is_linear_over: composite in linear light instead of display-coded values
 *
 * Everything that a project file holds and that undo brings back. A state is filled by one owner,
 * given to vera_project_commit(), and from then on never changed: to change something, change a
 * vera_project_state_copy().
 *
 * Thread-safety: references may be taken and dropped in any thread; a committed state may be read
 * in any.
 */
typedef struct {
    int ref_count;
    GPtrArray *clips;
    GPtrArray *edits;
    GPtrArray *removed_takes;
    GArray *markers;
    gint64 in_frame, out_frame;
    gboolean is_linear_over;
    char *extra;
} VeraProjectState;

/** vera_project_clip_new: copies all; @name %NULL takes the file's name. Returns: (transfer full):
 * a clip with an id of its own */
VeraProjectClip *vera_project_clip_new(const char *path, const char *name);
VeraProjectClip *vera_project_clip_copy(const VeraProjectClip *self);
void vera_project_clip_free(VeraProjectClip *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraProjectClip, vera_project_clip_free)

/** vera_project_take_new: copies all. Returns: (transfer full): a take with an id of its own */
VeraProjectTake *vera_project_take_new(const char *dir, const char *name);
VeraProjectTake *vera_project_take_copy(const VeraProjectTake *self);
void vera_project_take_free(VeraProjectTake *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraProjectTake, vera_project_take_free)

/**
 * vera_edit_new:
 * @clip_id: the clip that is edited
 * @first: first source frame, from 0
 * @last: last source frame, inclusive
 *
 * Returns: (transfer full): an edit with an id of its own, no instruction, the model's own
 * settings, visible, opaque
 */
VeraEdit *vera_edit_new(const char *clip_id, gint64 first, gint64 last);
VeraEdit *vera_edit_copy(const VeraEdit *self);
void vera_edit_free(VeraEdit *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraEdit, vera_edit_free)

/** vera_edit_find_take: @id may be %NULL. Returns: (transfer none) (nullable): the take */
VeraProjectTake *vera_edit_find_take(const VeraEdit *self, const char *id);

/** vera_project_state_new: Returns: (transfer full): an empty state */
VeraProjectState *vera_project_state_new(void);

/** vera_project_state_copy: Returns: (transfer full): a deep copy that the caller may change */
VeraProjectState *vera_project_state_copy(const VeraProjectState *self);
VeraProjectState *vera_project_state_ref(const VeraProjectState *self);
void vera_project_state_unref(VeraProjectState *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraProjectState, vera_project_state_unref)

/** vera_project_state_find_clip: @id may be %NULL. Returns: (transfer none) (nullable): the clip */
VeraProjectClip *vera_project_state_find_clip(const VeraProjectState *self, const char *id);

/** vera_project_state_find_edit: @id may be %NULL. Returns: (transfer none) (nullable): the edit */
VeraEdit *vera_project_state_find_edit(const VeraProjectState *self, const char *id);

/** vera_project_state_remove_take: moves a take of @edit, an edit of @self, to the removed ones;
 * what is chosen is the caller's. */
void vera_project_state_remove_take(VeraProjectState *self, VeraEdit *edit, VeraProjectTake *take);

/** vera_project_state_remove_edit: removes @edit; its takes join the removed ones. */
void vera_project_state_remove_edit(VeraProjectState *self, VeraEdit *edit);

/** vera_project_state_is_shown: Returns: whether the layer of @edit is shown and exported: visible,
 * or solo while any edit is */
gboolean vera_project_state_is_shown(const VeraProjectState *self, const VeraEdit *edit);

/**
 * vera_project_state_list_layers:
 * @self: a state
 * @clip_id: a clip of it
 *
 * What is composited over the clip: its edits that are shown, are not fully transparent and have a
 * chosen take.
 *
 * Returns: (transfer container) (element-type VeraEdit): bottom first, borrowed from @self
 */
GPtrArray *vera_project_state_list_layers(const VeraProjectState *self, const char *clip_id);

/** vera_project_state_add_marker: copies @name (nullable). */
void vera_project_state_add_marker(VeraProjectState *self, gint64 frame, const char *name);

/** vera_project_make_id: Returns: (transfer full): @prefix, a dash and 12 hexadecimal digits at
 * random */
char *vera_project_make_id(const char *prefix);

/**
 * vera_project_state_check:
 * @self: a state
 * @error: return location for a #GError
 *
 * What every state must hold to be stored: values finite and in range, ids present and unique,
 * clips and chosen takes that exist, text that is UTF-8, paths that are absolute. Errors:
 * %VERA_ENGINE_ERROR_BAD_INPUT, a sentence that names the value.
 *
 * Returns: %TRUE if all is well
 */
gboolean vera_project_state_check(const VeraProjectState *self, GError **error);

/**
 * vera_project_state_load:
 * @path: a project file
 * @error: return location for a #GError
 *
 * Reads a project file without locking or watching it: for programs that only look. Errors:
 * %VERA_ENGINE_ERROR_BAD_INPUT (missing, damaged), %VERA_ENGINE_ERROR_UNSUPPORTED (made by a newer
 * program).
 *
 * Thread-safety: safe.
 * Returns: (transfer full): the state, or %NULL
 */
VeraProjectState *vera_project_state_load(const char *path, GError **error);

G_END_DECLS
