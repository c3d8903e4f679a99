#include "config.h"

#include "engine/compositing/vera-verify.h"

#include <math.h>
#include <string.h>

#include "engine/media/vera-clip.h"
#include "engine/vera-engine-error.h"
#include "kernels/vera-k.h"

/* Exports number frames from here where the plate has no numbers of its own. */
#define VERA_VERIFY_FIRST_NUMBER 1001

typedef struct {
    VeraClip *source, *comp, *matte;
    GCancellable *cancellable;
} VeraVerify;

static void
vera_verify_clear(VeraVerify *self)
{
    g_clear_object(&self->source);
    g_clear_object(&self->comp);
    g_clear_object(&self->matte);
}

static gboolean
vera_verify_open(VeraVerify *self, const char *dir, const char *source_path, GError **error)
{
    g_autofree char *comp = g_build_filename(dir, "comp", NULL), *matte = g_build_filename(dir, "matte", NULL);
    const VeraClipInfo *a, *b;

    if (!g_file_test(comp, G_FILE_TEST_IS_DIR)) {
        g_set_error(error, VERA_ENGINE_ERROR,
                    g_file_test(dir, G_FILE_TEST_IS_DIR) ? VERA_ENGINE_ERROR_UNSUPPORTED : VERA_ENGINE_ERROR_BAD_INPUT,
                    "‘%s’ has no folder comp; exports of the presets png and exr-separate can be verified.", dir);
        return FALSE;
    }
    self->source = vera_clip_open(source_path, self->cancellable, error);
    self->comp = self->source ? vera_clip_open(comp, self->cancellable, error) : NULL;
    if (self->comp == NULL)
        return FALSE;
    if (g_file_test(matte, G_FILE_TEST_IS_DIR) && (self->matte = vera_clip_open(matte, self->cancellable, error)) == NULL)
        return FALSE;
    a = vera_clip_get_info(self->source);
    b = vera_clip_get_info(self->comp);
    if (a->width == b->width && a->height == b->height &&
        (self->matte == NULL || (vera_clip_get_info(self->matte)->n_frames == b->n_frames &&
                                 vera_clip_get_info(self->matte)->width == b->width && vera_clip_get_info(self->matte)->height == b->height)))
        return TRUE;
    g_set_error(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_BAD_INPUT,
                "The export ‘%s’ (%dx%d) does not fit the clip ‘%s’ (%dx%d), or its matte does not fit its composite.", dir, b->width,
                b->height, source_path, a->width, a->height);
    return FALSE;
}

static double
vera_verify_get_sample(const VeraFrame *frame, int plane, int x, int y)
{
    const guint8 *row = frame->data[plane] + (gsize)y * (gsize)frame->stride[plane];

    if (frame->format.is_float)
        return ((const float *)row)[x];
    return frame->format.bits > 8 ? ((const guint16 *)row)[x] : row[x];
}

static gboolean
vera_verify_is_kept(const VeraFrame *comp, const VeraFrame *source, float value, double written)
{
    if (comp->format.is_float) {
        float linear = vera_color_to_linear(source->color.transfer, value);
        return written == linear || written == vera_k_f16_to_f32(vera_k_f32_to_f16(linear));
    }
    return written == lrintf(CLAMP(value, 0.0f, 1.0f) * (float)((1 << comp->format.bits) - 1));
}

static void
vera_verify_compare(const VeraFrame *source, const VeraFrame *comp, const VeraFrame *matte, const float *rgb, VeraVerifyFrame *out)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);

    for (int y = 0; y < comp->height; y++) {
        for (int x = 0; x < comp->width; x++) {
            double written[3];
            gboolean is_changed = FALSE;
            if (matte != NULL && vera_verify_get_sample(matte, 0, x, y) != 0)
                continue;
            out->n_protected++;
            for (int c = 0; c < 3; c++) {
                float value = rgb[((gsize)y * (gsize)comp->width + (gsize)x) * 3 + (gsize)c];
                written[c] = vera_verify_get_sample(comp, comp->format.layout == VERA_FRAME_LAYOUT_RGB ? c : 0, x, y);
                if (vera_verify_is_kept(comp, source, value, written[c]))
                    continue;
                if (out->n_changed == 0 && !is_changed) {
                    out->x = x;
                    out->y = y;
                    out->channel = "RGB"[c];
                }
                is_changed = TRUE;
            }
            out->n_changed += is_changed;
            g_checksum_update(sum, (const guchar *)written, sizeof written);
        }
    }
    g_strlcpy(out->hash, g_checksum_get_string(sum), sizeof out->hash);
}

static gboolean
vera_verify_frame(VeraVerify *self, gint64 index, VeraVerifyFrame *out, GError **error)
{
    gint64 plate = vera_clip_get_info(self->source)->start_number;
    g_autoptr(VeraFrame) source = NULL, comp = NULL, matte = NULL;
    g_autofree float *rgb = NULL;

    out->number = vera_clip_get_info(self->comp)->start_number + index;
    out->source_index = out->number - (plate >= 0 ? plate : VERA_VERIFY_FIRST_NUMBER);
    source = vera_clip_read_frame(self->source, out->source_index, self->cancellable, error);
    comp = source ? vera_clip_read_frame(self->comp, index, self->cancellable, error) : NULL;
    if (comp == NULL || (self->matte != NULL && (matte = vera_clip_read_frame(self->matte, index, self->cancellable, error)) == NULL))
        return FALSE;
    rgb = g_try_new(float, (gsize)source->width * (gsize)source->height * 3);
    if (rgb == NULL) {
        g_set_error_literal(error, VERA_ENGINE_ERROR, VERA_ENGINE_ERROR_OUT_OF_MEMORY, "Too little memory to compare frames.");
        return FALSE;
    }
    vera_frame_to_rgb(source, rgb);
    vera_verify_compare(source, comp, matte, rgb, out);
    return TRUE;
}

gboolean
vera_verify_run(const char *dir, const char *source_path, gint64 *n_changed, gint64 *n_frames, VeraVerifyFunc report, gpointer user_data,
                GCancellable *cancellable, GError **error)
{
    VeraVerify self = { .cancellable = cancellable };
    gboolean ok = vera_verify_open(&self, dir, source_path, error);

    *n_changed = *n_frames = 0;
    for (gint64 i = 0; ok && i < vera_clip_get_info(self.comp)->n_frames; i++) {
        VeraVerifyFrame frame = { 0 };
        ok = !vera_engine_error_set_cancelled(cancellable, error) && vera_verify_frame(&self, i, &frame, error);
        if (!ok)
            break;
        *n_changed += frame.n_changed;
        *n_frames += 1;
        if (report != NULL)
            report(&frame, user_data);
    }
    vera_verify_clear(&self);
    return ok;
}
