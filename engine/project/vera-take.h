#pragma once

#include <gio/gio.h>

#include "engine/compositing/vera-matte.h"
#include "engine/media/vera-clip.h"

G_BEGIN_DECLS

/**
 * VeraTakeRecord:
 * @instruction: what was asked
 * @task: (nullable): what kind of change was meant; says nothing about the bytes
 * @negative_prompt: what guidance leads away from
 * @clip_path: absolute path of the source clip
 * @clip_hash: SHA-256 over the source frames that were used, as decoded
 * @region_path: (nullable): absolute path of the region's mask
 * @region_hash: (nullable): SHA-256 over the mask frames that were used
 * @frames: (element-type gint64): source frame numbers, from 0, one per take frame
 * @width: size of the layers, in pixels
 * @height: size of the layers
 * @seed: the seed
 * @n_steps: sampling steps
 * @guidance: guidance scale
 * @shift: shift of the noise schedule
 * @solver: "unipc" or "euler"
 * @device: "cpu", "cuda:0", …
 * @compute: "f32" or "bf16"
 * @model_name: the model's name
 * @model_hash: SHA-256 of its weights and configurations
 * @has_snapped: whether its mattes were also snapped to the picture
 * @is_model_trained: whether the model has learned to make layers
 * @plan_json: (nullable): the frame plan that was used
 * @coverage: (element-type double): share of each take frame that was generated, 0..1: where the matte is not below the floor of a
 * new take; empty in takes of early versions
 * @build: version of the program
 * @started: ISO 8601, UTC
 * @finished: ISO 8601, UTC
 *
 * How a take was made: everything needed to make it again, and to tell whether it is the same.
 */
typedef struct {
    char *instruction;
    char *task;
    char *negative_prompt;
    char *clip_path;
    char *clip_hash;
    char *region_path;
    char *region_hash;
    GArray *frames;
    int width;
    int height;
    guint64 seed;
    int n_steps;
    double guidance;
    double shift;
    char *solver;
    char *device;
    char *compute;
    char *model_name;
    char *model_hash;
    gboolean is_model_trained;
    gboolean has_snapped;
    char *plan_json;
    GArray *coverage;
    char *build;
    char *started;
    char *finished;
} VeraTakeRecord;

VeraTakeRecord *vera_take_record_new(void);
void vera_take_record_free(VeraTakeRecord *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraTakeRecord, vera_take_record_free)

/** vera_take_record_to_json: Returns: (transfer full): the record as take.json holds it */
char *vera_take_record_to_json(const VeraTakeRecord *self);

/** vera_take_record_is_same_request: Returns: whether both would give the same bytes: all but times, paths, coverage and build agree */
gboolean vera_take_record_is_same_request(const VeraTakeRecord *self, const VeraTakeRecord *other);

/**
 * VeraTake:
 *
 * A take on disk: a folder with take.json and frames/NNNNNN.safetensors, one a frame, each with edit [3, H, W], matte [H, W] and
 * composite [3, H, W] as F32: exactly what the model gave, at model size. Takes of a background change may have snapped [H, W] in
 * each: the matte with its edge moved to that of the picture.
 *
 * Thread-safety: one thread at a time.
 */
typedef struct _VeraTake VeraTake;

/**
 * vera_take_open:
 * @dir: folder of the take
 * @cancellable: (nullable): a cancellable
 * @error: return location for a #GError
 *
 * Errors: %VERA_ENGINE_ERROR_BAD_INPUT names the file that is missing or damaged.
 * Returns: (transfer full): a take, or %NULL
 */
VeraTake *vera_take_open(const char *dir, GCancellable *cancellable, GError **error);
void vera_take_free(VeraTake *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraTake, vera_take_free)

/** vera_take_is_take: Returns: whether @dir is a folder with a take.json */
gboolean vera_take_is_take(const char *dir);

/** vera_take_get_record: Returns: (transfer none): the record */
const VeraTakeRecord *vera_take_get_record(VeraTake *self);

/** vera_take_fit_refinement: Returns: what of @refinement applies to the take: a matte that was not snapped to the picture has no
 * snapped form and no old background in its edge */
VeraMatteRefinement vera_take_fit_refinement(VeraTake *self, const VeraMatteRefinement *refinement);

/**
 * vera_take_read_frame:
 * @self: a take
 * @index: position in the take, from 0
 * @is_snapped: gives the snapped matte, if the take has one
 * @edit_rgb: (nullable) (out caller-allocates): width*height*3 interleaved, 0..1, straight colour
 * @matte: (nullable) (out caller-allocates): width*height, 0..1
 * @composite_rgb: (nullable) (out caller-allocates): width*height*3: the model's own composite
 * @cancellable: (nullable): a cancellable
 * @error: return location for a #GError
 *
 * Returns: %TRUE on success
 */
gboolean vera_take_read_frame(VeraTake *self,
                              gint64 index,
                              gboolean is_snapped,
                              float *edit_rgb,
                              float *matte,
                              float *composite_rgb,
                              GCancellable *cancellable,
                              GError **error);

/**
 * VeraTakeWriter: writes a take into DIR.part and renames it when it is whole.
 */
typedef struct _VeraTakeWriter VeraTakeWriter;

/**
 * vera_take_writer_new:
 * @dir: the take's folder-to-be; must not exist
 * @record: size, frames; coverage and has_snapped are filled in; kept until vera_take_writer_finish()
 * @error: return location for a #GError
 *
 * Errors: %VERA_ENGINE_ERROR_OUTPUT, %VERA_ENGINE_ERROR_DISK_FULL.
 * Returns: (transfer full): a writer, or %NULL
 */
VeraTakeWriter *vera_take_writer_new(
    const char *dir, VeraTakeRecord *record, GError **error);

/** vera_take_writer_add_frame: appends one frame: planar edit [3, H, W], matte [H, W], (nullable) the same snapped, planar composite
 * [3, H, W], all 0..1. All frames have a snapped matte, or none. */
gboolean vera_take_writer_add_frame(VeraTakeWriter *self,
                                    const float *edit,
                                    const float *matte,
                                    const float *snapped,
                                    const float *composite,
                                    GError **error);

/** vera_take_writer_finish: closes the movies, writes take.json, syncs, renames. Returns: %TRUE when the take is on disk */
gboolean vera_take_writer_finish(VeraTakeWriter *self, GError **error);

/** vera_take_writer_free: without a finish, what was written is removed. */
void vera_take_writer_free(VeraTakeWriter *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraTakeWriter, vera_take_writer_free)

G_END_DECLS
