#pragma once

#include <glib.h>

G_BEGIN_DECLS

/** VeraColorMatrix: how a clip's Y'CbCr was made from R'G'B'; @VERA_COLOR_MATRIX_RGB means it was not. */
typedef enum {
    VERA_COLOR_MATRIX_RGB,
    VERA_COLOR_MATRIX_BT601,
    VERA_COLOR_MATRIX_BT709,
    VERA_COLOR_MATRIX_BT2020,
} VeraColorMatrix;

/** VeraColorTransfer: the transfer function of the stored values; one per source, taken from its tags. */
typedef enum {
    VERA_COLOR_TRANSFER_SRGB,
    VERA_COLOR_TRANSFER_BT709,
    VERA_COLOR_TRANSFER_PQ,
    VERA_COLOR_TRANSFER_HLG,
    VERA_COLOR_TRANSFER_LINEAR,
} VeraColorTransfer;

/** VeraColorPrimaries: the primaries of the stored values. */
typedef enum {
    VERA_COLOR_PRIMARIES_BT709,
    VERA_COLOR_PRIMARIES_BT601_525,
    VERA_COLOR_PRIMARIES_BT601_625,
    VERA_COLOR_PRIMARIES_BT2020,
    VERA_COLOR_PRIMARIES_ACES_AP1,
} VeraColorPrimaries;

/**
 * VeraColorDescription:
 * @matrix: Y'CbCr matrix
 * @transfer: transfer function
 * @primaries: primaries
 * @is_full_range: whether code values span the whole range
 * @is_guessed: whether a tag was missing and the customary value for the frame size was taken
 */
typedef struct {
    VeraColorMatrix matrix;
    VeraColorTransfer transfer;
    VeraColorPrimaries primaries;
    gboolean is_full_range;
    gboolean is_guessed;
} VeraColorDescription;

/**
 * vera_color_to_linear:
 * @transfer: the transfer function of @value
 * @value: a stored (display-coded or scene-coded) component, nominally 0..1; may exceed it
 *
 * Stored value to linear light. sRGB is piecewise (IEC 61966-2-1); BT.709 is the inverse of its camera
 * curve (ITU-R BT.709-6); PQ gives 1.0 at 100 cd/m2 (SMPTE ST 2084); HLG is the inverse OETF
 * (ITU-R BT.2100), 0..1. Odd extension below 0. Monotonic, and exactly 0 at 0 and (except PQ) 1 at 1.
 *
 * Thread-safety: safe.
 * Returns: the linear value
 */
float vera_color_to_linear(VeraColorTransfer transfer, float value);

/**
 * vera_color_from_linear:
 * @transfer: the wanted transfer function
 * @value: a linear component
 *
 * The inverse of vera_color_to_linear().
 *
 * Thread-safety: safe.
 * Returns: the stored value
 */
float vera_color_from_linear(VeraColorTransfer transfer, float value);

/**
 * vera_color_code_display:
 * @transfer: the transfer function of @values
 * @values: (inout): @n stored components
 * @n: how many
 *
 * Codes by sRGB what is stored in linear light, by PQ or by HLG: so a model draws. White is 1 in linear light, and the
 * reference white of ITU-R BT.2408 in the others: 203 cd/m2, and 75 % of the signal. sRGB and BT.709 stay as they are.
 *
 * Thread-safety: safe; takes all cores.
 */
void vera_color_code_display(VeraColorTransfer transfer, float *values, gsize n);

/** vera_color_decode_display: the inverse of vera_color_code_display() */
void vera_color_decode_display(VeraColorTransfer transfer, float *values, gsize n);

/** vera_color_transfer_get_name: Returns: (transfer none): "srgb", "bt709", "pq", "hlg" or "linear" */
const char *vera_color_transfer_get_name(VeraColorTransfer transfer);

/** vera_color_primaries_get_name: Returns: (transfer none): a stable lower-case name for records */
const char *vera_color_primaries_get_name(VeraColorPrimaries primaries);

G_END_DECLS
