#pragma once

#include <glib.h>

#include "engine/media/vera-color.h"

G_BEGIN_DECLS

/** VERA_FRAME_MAX_PLANES: Y, Cb, Cr and alpha at most */
#define VERA_FRAME_MAX_PLANES 4

/**
 * VeraFrameLayout:
 * @VERA_FRAME_LAYOUT_YUV: planes Y, Cb, Cr (and A); chroma may be smaller (@chroma_shift_x/y)
 * @VERA_FRAME_LAYOUT_RGB: planes R, G, B (and A), always in that order
 * @VERA_FRAME_LAYOUT_GRAY: plane Y (and A)
 */
typedef enum {
    VERA_FRAME_LAYOUT_YUV,
    VERA_FRAME_LAYOUT_RGB,
    VERA_FRAME_LAYOUT_GRAY,
} VeraFrameLayout;

/**
 * VeraFrameFormat:
 * @layout: what the planes are
 * @n_planes: planes in use, alpha included
 * @has_alpha: whether the last plane is alpha
 * @bits: significant bits of a sample: 8..16, or 32 for float samples
 * @is_float: samples are 32-bit floats (EXR sources); otherwise unsigned integers in the low bits of
 *   uint8_t (8 bits) or host-endian uint16_t (more)
 * @chroma_shift_x: log2 of the horizontal chroma subsampling
 * @chroma_shift_y: log2 of the vertical chroma subsampling
 * @is_chroma_left: chroma samples are sited on the left luma sample (MPEG-2, H.264 default), else centred;
 *   vertically they are centred
 * @chroma_delta_x: how many half luma samples the chroma sits to the right of what @is_chroma_left says;
 *   0 but for clips that were turned while reading
 * @chroma_delta_y: the same, downwards; -1 for top-sited 4:2:0 (UHD BT.2020), 0 customarily
 */
typedef struct {
    VeraFrameLayout layout;
    int n_planes;
    gboolean has_alpha;
    int bits;
    gboolean is_float;
    int chroma_shift_x;
    int chroma_shift_y;
    gboolean is_chroma_left;
    int chroma_delta_x;
    int chroma_delta_y;
} VeraFrameFormat;

/**
 * VeraFrame:
 * @index: frame number in its clip, from 0
 * @pts: presentation time in the clip's time base units, true to the file
 * @width: width in pixels, after rotation
 * @height: height in pixels, after rotation
 * @format: the sample format, as decoded
 * @color: the colour description
 * @is_proxy: enlarged from a small picture (#VeraProxyCoder): good to be looked at, take no pixel
 * from it
 * @stride: bytes from one row to the next, per plane
 * @data: the planes as decoded, never converted
 *
 * One decoded frame. Immutable once made, reference counted.
 *
 * Thread-safety: safe to read and to ref/unref from any thread.
 */
typedef struct {
    gint64 index;
    gint64 pts;
    int width;
    int height;
    VeraFrameFormat format;
    VeraColorDescription color;
    gboolean is_proxy;
    int stride[VERA_FRAME_MAX_PLANES];
    guint8 *data[VERA_FRAME_MAX_PLANES];
    /*< private >*/
    int ref_count;
    gpointer memory;
} VeraFrame;

/**
 * vera_frame_new:
 * @format: sample format
 * @width: 1..65536
 * @height: 1..65536
 * @error: return location for a #GError
 *
 * Allocates a frame with zeroed planes, rows aligned to 64 bytes. Fill it before sharing it.
 * Errors: %VERA_ENGINE_ERROR_OUT_OF_MEMORY.
 *
 * Returns: (transfer full): a frame, or %NULL
 */
VeraFrame *vera_frame_new(const VeraFrameFormat *format, int width, int height, GError **error);

/** vera_frame_measure: Returns: bytes of the planes of such a frame */
gsize vera_frame_measure(const VeraFrameFormat *format, int width, int height);

/** vera_frame_ref: Returns: (transfer full): @self */
VeraFrame *vera_frame_ref(VeraFrame *self);

/** vera_frame_unref: drops one reference; the last one frees the planes. */
void vera_frame_unref(VeraFrame *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(VeraFrame, vera_frame_unref)

/** vera_frame_get_plane_width: Returns: samples in a row of plane @plane */
int vera_frame_get_plane_width(const VeraFrame *self, int plane);

/** vera_frame_get_plane_height: Returns: rows of plane @plane */
int vera_frame_get_plane_height(const VeraFrame *self, int plane);

/**
 * VeraFrameScale: (code - @offset) / @divisor is the nominal value. Division, not multiplication by the reciprocal, so that code
 * v of n bits is the float nearest to v/(2^n-1).
 */
typedef struct {
    float offset;
    float divisor;
} VeraFrameScale;

/** VeraFrameMatrix: the four Y'CbCr to R'G'B' factors that are neither 0 nor 1. */
typedef struct {
    float red_cr;
    float green_cb;
    float green_cr;
    float blue_cb;
} VeraFrameMatrix;

/**
 * VeraFrameCoding:
 * @luma: scale of Y, or of R, G and B
 * @chroma: scale of Cb and Cr
 * @matrix: Y'CbCr to R'G'B'
 * @site_x: how many half luma samples right of the first luma sample the first chroma sample lies
 * @site_y: the same, downwards
 *
 * The numbers by which vera_frame_to_rgb() converts a frame, for others that must agree with it (the canvas).
 */
typedef struct {
    VeraFrameScale luma;
    VeraFrameScale chroma;
    VeraFrameMatrix matrix;
    int site_x;
    int site_y;
} VeraFrameCoding;

/** vera_frame_get_coding: fills @coding for @self. Thread-safety: safe. */
void vera_frame_get_coding(const VeraFrame *self, VeraFrameCoding *coding);

/**
 * vera_frame_to_rgb:
 * @self: a frame
 * @rgb: (out caller-allocates): interleaved R'G'B', @width * @height * 3 floats, rows without gaps
 *
 * Converts to full-range R'G'B' with the frame's own matrix and range, transfer function untouched:
 * 0 is black and 1 is nominal white (values outside are kept). 8-bit RGB code v becomes exactly v/255,
 * n-bit v/(2^n-1). Chroma is upsampled bilinearly at its true siting. Grey becomes R=G=B. Alpha is ignored.
 * Deterministic; every pixel depends on its own neighbourhood only.
 *
 * Thread-safety: safe.
 */
void vera_frame_to_rgb(const VeraFrame *self, float *rgb);

/**
 * vera_frame_hash:
 * @self: a frame
 *
 * SHA-256 over size, format and all visible samples.
 *
 * Returns: (transfer full): 64 hexadecimal digits
 */
char *vera_frame_hash(const VeraFrame *self);

G_END_DECLS
