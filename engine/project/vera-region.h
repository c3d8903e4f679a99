#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * VeraRegionShapeKind:
 * @VERA_REGION_SHAPE_KIND_STROKE: a round brush along the points
 * @VERA_REGION_SHAPE_KIND_RECTANGLE: two points, opposite corners
 * @VERA_REGION_SHAPE_KIND_ELLIPSE: two points, opposite corners of the box around it
 * @VERA_REGION_SHAPE_KIND_LASSO: a closed line drawn by hand, filled (even-odd)
 * @VERA_REGION_SHAPE_KIND_POLYGON: a closed line from corner to corner, filled (even-odd)
 */
typedef enum {
    VERA_REGION_SHAPE_KIND_STROKE,
    VERA_REGION_SHAPE_KIND_RECTANGLE,
    VERA_REGION_SHAPE_KIND_ELLIPSE,
    VERA_REGION_SHAPE_KIND_LASSO,
    VERA_REGION_SHAPE_KIND_POLYGON,
} VeraRegionShapeKind;

/**
 * VeraRegionPoint:
 * @x: source pixels from the left edge of the frame; may lie outside of it
 * @y: source pixels from the top edge
 * @pressure: of a stroke: the brush's radius here is @pressure times the shape's, 0..1; 1 elsewhere
 */
typedef struct {
    float x, y;
    float pressure;
} VeraRegionPoint;

/**
 * VeraRegionKeyframe:
 * @frame: source frame number, from 0
 * @points: (element-type VeraRegionPoint): where the shape is; no points: the shape is absent from
 * here on
 * @extra: (nullable): what a newer program stored here, as JSON; kept as it is
 */
typedef struct {
    gint64 frame;
    GArray *points;
    char *extra;
} VeraRegionKeyframe;

/**
 * VeraRegionShape:
 * @kind: what it is
 * @is_subtracted: takes away from the shapes before it instead of adding
 * @radius: of a stroke: the brush's radius in source pixels, above 0
 * @keyframes: (element-type VeraRegionKeyframe): at least one, frames increasing
 * @extra: (nullable): what a newer program stored here, as JSON; kept as it is
 *
 * Before its first keyframe a shape is where the first says, after its last where the last says.
 * Between two with equally many points the points move in straight lines; strokes, and shapes whose
 * number of points changes, stay until the next keyframe.
 */
typedef struct {
    VeraRegionShapeKind kind;
    gboolean is_subtracted;
    float radius;
    GPtrArray *keyframes;
    char *extra;
} VeraRegionShape;

/**
 * VeraRegion:
 * @ref_count: private
 * @shapes: (element-type VeraRegionShape): in the order in which they add and subtract
 * @is_inverted: the edit belongs where no shape is
 * @feather: standard deviation of the softened edge in source pixels, 0..64
 * @extra: (nullable): what a newer program stored here, as JSON; kept as it is
 *
 * What the user drew. A region that is part of a committed project state is never changed: change a
 * vera_region_copy() of it.
 *
 * Thread-safety: references may be taken and dropped in any thread, a region that nobody changes
 * may be read in any.
 */
typedef struct {
    int ref_count;
    GPtrArray *shapes;
    gboolean is_inverted;
    float feather;
    char *extra;
} VeraRegion;

/** vera_region_keyframe_new: Returns: (transfer full): a keyframe without points */
VeraRegionKeyframe *vera_region_keyframe_new(gint64 frame);
void vera_region_keyframe_free(VeraRegionKeyframe *self);

/** vera_region_shape_new: Returns: (transfer full): a shape without keyframes, radius 20 */
VeraRegionShape *vera_region_shape_new(VeraRegionShapeKind kind);
void vera_region_shape_free(VeraRegionShape *self);

/**
 * vera_region_shape_set_points:
 * @self: a shape
 * @frame: source frame number, from 0
 * @points: (array length=n_points): where it is there
 * @n_points: may be 0: absent from @frame on
 *
 * Makes or replaces the keyframe at @frame.
 */
void vera_region_shape_set_points(VeraRegionShape *self,
                                  gint64 frame,
                                  const VeraRegionPoint *points,
                                  guint n_points);

/** vera_region_shape_remove_keyframe: Returns: %FALSE if there is none at @frame, or it is the only
 * one */
gboolean vera_region_shape_remove_keyframe(VeraRegionShape *self, gint64 frame);

/** vera_region_shape_get_points: Returns: (transfer full) (element-type VeraRegionPoint): where the
 * shape is at @frame */
GArray *vera_region_shape_get_points(const VeraRegionShape *self, gint64 frame);

/**
 * vera_region_list_keys:
 *
 * Returns: (transfer full) (element-type gint64): the frames at which any shape has a keyframe,
 * each once, increasing
 */
GArray *vera_region_list_keys(const VeraRegion *self);

/**
 * vera_region_add_key:
 * @self: a region that may be changed
 * @frame: source frame number, from 0
 *
 * Gives every shape a keyframe at @frame, where the shape is there already: nothing moves.
 * Returns: %FALSE if every shape had one
 */
gboolean vera_region_add_key(VeraRegion *self, gint64 frame);

/**
 * vera_region_remove_key:
 *
 * Removes the keyframes at @frame; a shape keeps its only one.
 * Returns: %FALSE if none was removed
 */
gboolean vera_region_remove_key(VeraRegion *self, gint64 frame);

/**
 * vera_region_move_key:
 * @self: a region that may be changed
 * @from: source frame number, from 0
 * @to: where the keyframes at @from go; held between the keyframes before and after @from, which
 * are never passed nor overwritten
 *
 * Returns: where they are now, or -1 if there is none at @from
 */
gint64 vera_region_move_key(VeraRegion *self, gint64 from, gint64 to);

/**
 * vera_region_shift:
 * @self: a region that may be changed
 * @frame: source frame number, from 0
 * @dx: to the right, in source pixels
 * @dy: downwards
 *
 * Moves every shape that is present at @frame, as a keyframe there.
 */
void vera_region_shift(VeraRegion *self, gint64 frame, double dx, double dy);

/** vera_region_new: Returns: (transfer full): a region without shapes */
VeraRegion *vera_region_new(void);
VeraRegion *vera_region_ref(const VeraRegion *self);
void vera_region_unref(VeraRegion *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraRegion, vera_region_unref)

/** vera_region_copy: Returns: (transfer full): a deep copy that the caller may change */
VeraRegion *vera_region_copy(const VeraRegion *self);

/** vera_region_equal: Returns: whether both (each nullable) are the same, value for value */
gboolean vera_region_equal(const VeraRegion *a, const VeraRegion *b);

/** vera_region_is_animated: Returns: whether two frames of @first to @last (inclusive, from 0) may
 * differ */
gboolean vera_region_is_animated(const VeraRegion *self, gint64 first, gint64 last);

/**
 * vera_region_check:
 * @self: a region
 * @error: return location for a #GError
 *
 * Errors: %VERA_ENGINE_ERROR_BAD_INPUT names the value that is out of range.
 * Returns: whether every value is finite and in the range given above
 */
gboolean vera_region_check(const VeraRegion *self, GError **error);

/**
 * vera_region_render:
 * @self: a region that vera_region_check() accepts
 * @frame: source frame number, from 0
 * @width: of @out, 1..32767; the source frame is stretched to it
 * @height: of @out
 * @src_w: width of the source frame, in source pixels
 * @src_h: its height
 * @out: (out caller-allocates): width*height values, 0..1, 1 = edit here
 *
 * Draws the region with cairo, antialiased to 1/255 before the feather. Pixel (0, 0) covers source
 * coordinates 0 to src_w/width.
 *
 * Thread-safety: safe.
 * Returns: %FALSE if there was too little memory (@out undefined)
 */
gboolean vera_region_render(
    const VeraRegion *self, gint64 frame, int width, int height, int src_w, int src_h, float *out);

/**
 * VeraRegionBounds: a rectangle of whole source pixels inside the frame.
 */
typedef struct {
    int x, y, width, height;
} VeraRegionBounds;

/**
 * vera_region_bounds:
 * @self: a region
 * @frame: source frame number, from 0
 * @src_w: width of the source frame
 * @src_h: its height
 * @bounds: (out): outside of it vera_region_render() gives 0 everywhere at source size; may be
 * larger than needed
 *
 * Returns: %FALSE if nothing of the region is in the frame (@bounds all 0)
 */
gboolean vera_region_bounds(
    const VeraRegion *self, gint64 frame, int src_w, int src_h, VeraRegionBounds *bounds);

/** vera_region_hash: Returns: (transfer full): SHA-256, in hexadecimal, over all that decides what
 * is rendered */
char *vera_region_hash(const VeraRegion *self);

/**
 * vera_region_write_mask:
 * @self: a region
 * @first: first source frame, from 0
 * @last: last source frame, inclusive
 * @src_w: width of the source frame
 * @src_h: its height
 * @dir: folder, made if need be; an earlier mask there is removed, other pictures must not be there
 * @cancellable: (nullable): a cancellable
 * @error: return location for a #GError
 *
 * Writes the mask as 16-bit PNG: one picture a frame, or a single one when the region does not
 * change in the range. Errors: %VERA_ENGINE_ERROR_OUTPUT, %VERA_ENGINE_ERROR_DISK_FULL,
 * %VERA_ENGINE_ERROR_OUT_OF_MEMORY, %VERA_ENGINE_ERROR_CANCELLED; nothing is left in @dir then.
 *
 * Thread-safety: safe; blocks, for a worker thread.
 * Returns: (transfer full): path for #VeraEditRequest.region_path, or %NULL
 */
char *vera_region_write_mask(const VeraRegion *self,
                             gint64 first,
                             gint64 last,
                             int src_w,
                             int src_h,
                             const char *dir,
                             GCancellable *cancellable,
                             GError **error);

G_END_DECLS
