#include "config.h"

#include "engine/media/vera-color.h"

#include <math.h>

/* BT.709-6 prints 1.099 and 0.018; these are the values at which its two segments meet without a
 * step. */
#define BT709_ALPHA 1.09929682680944
#define BT709_BETA 0.018053968510807

/* SMPTE ST 2084 */
#define PQ_M1 (2610.0 / 16384.0)
#define PQ_M2 (2523.0 / 4096.0 * 128.0)
#define PQ_C1 (3424.0 / 4096.0)
#define PQ_C2 (2413.0 / 4096.0 * 32.0)
#define PQ_C3 (2392.0 / 4096.0 * 32.0)
#define PQ_WHITE 100.0

/* ITU-R BT.2100, table 5 */
#define HLG_A 0.17883277
#define HLG_B 0.28466892
#define HLG_C 0.55991073

static double
vera_color_pq_to_linear(double v)
{
    /* Code values above 1 mean more than 10,000 cd/m2, which the curve cannot express. */
    double p = pow(fmin(v, 1.0), 1.0 / PQ_M2);
    double num = fmax(p - PQ_C1, 0.0);
    return pow(num / (PQ_C2 - PQ_C3 * p), 1.0 / PQ_M1) * (10000.0 / PQ_WHITE);
}

static double
vera_color_pq_from_linear(double l)
{
    if (l <= 0.0)
        return 0.0;
    double p = pow(l * (PQ_WHITE / 10000.0), PQ_M1);
    return pow((PQ_C1 + PQ_C2 * p) / (1.0 + PQ_C3 * p), PQ_M2);
}

static double
vera_color_positive_to_linear(VeraColorTransfer transfer, double v)
{
    switch (transfer) {
    case VERA_COLOR_TRANSFER_SRGB:
        return v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4);
    case VERA_COLOR_TRANSFER_BT709:
        return v < 4.5 * BT709_BETA ? v / 4.5
                                    : pow((v + BT709_ALPHA - 1.0) / BT709_ALPHA, 1.0 / 0.45);
    case VERA_COLOR_TRANSFER_PQ:
        return vera_color_pq_to_linear(v);
    case VERA_COLOR_TRANSFER_HLG:
        return v <= 0.5 ? v * v / 3.0 : (exp((v - HLG_C) / HLG_A) + HLG_B) / 12.0;
    case VERA_COLOR_TRANSFER_LINEAR:
        break;
    }
    return v;
}

static double
vera_color_positive_from_linear(VeraColorTransfer transfer, double l)
{
    switch (transfer) {
    case VERA_COLOR_TRANSFER_SRGB:
        return l <= 0.0031308 ? l * 12.92 : 1.055 * pow(l, 1.0 / 2.4) - 0.055;
    case VERA_COLOR_TRANSFER_BT709:
        return l < BT709_BETA ? l * 4.5 : BT709_ALPHA * pow(l, 0.45) - (BT709_ALPHA - 1.0);
    case VERA_COLOR_TRANSFER_PQ:
        return vera_color_pq_from_linear(l);
    case VERA_COLOR_TRANSFER_HLG:
        return l <= 1.0 / 12.0 ? sqrt(3.0 * l) : HLG_A * log(12.0 * l - HLG_B) + HLG_C;
    case VERA_COLOR_TRANSFER_LINEAR:
        break;
    }
    return l;
}

float
vera_color_to_linear(VeraColorTransfer transfer, float value)
{
    double linear = vera_color_positive_to_linear(transfer, fabs((double)value));
    return (float)copysign(linear, value);
}

float
vera_color_from_linear(VeraColorTransfer transfer, float value)
{
    double stored = vera_color_positive_from_linear(transfer, fabs((double)value));
    return (float)copysign(stored, value);
}

/* What displayed white is in linear light, or 0 for what is coded for display already. */
static float
vera_color_get_white(VeraColorTransfer transfer)
{
    switch (transfer) {
    case VERA_COLOR_TRANSFER_LINEAR:
        return 1.0f;
    case VERA_COLOR_TRANSFER_PQ:
        return 2.03f;
    case VERA_COLOR_TRANSFER_HLG:
        return vera_color_to_linear(VERA_COLOR_TRANSFER_HLG, 0.75f);
    case VERA_COLOR_TRANSFER_SRGB:
    case VERA_COLOR_TRANSFER_BT709:
        break;
    }
    return 0.0f;
}

void
vera_color_code_display(VeraColorTransfer transfer, float *values, gsize n)
{
    float white = vera_color_get_white(transfer);

    if (white == 0.0f)
        return;
#pragma omp parallel for schedule(static)
    for (gsize i = 0; i < n; i++)
        values[i] = vera_color_from_linear(VERA_COLOR_TRANSFER_SRGB,
                                           vera_color_to_linear(transfer, values[i]) / white);
}

void
vera_color_decode_display(VeraColorTransfer transfer, float *values, gsize n)
{
    float white = vera_color_get_white(transfer);

    if (white == 0.0f)
        return;
#pragma omp parallel for schedule(static)
    for (gsize i = 0; i < n; i++)
        values[i] = vera_color_from_linear(
            transfer, vera_color_to_linear(VERA_COLOR_TRANSFER_SRGB, values[i]) * white);
}

const char *
vera_color_transfer_get_name(VeraColorTransfer transfer)
{
    static const char *const names[] = {
        [VERA_COLOR_TRANSFER_SRGB] = "srgb",     [VERA_COLOR_TRANSFER_BT709] = "bt709",
        [VERA_COLOR_TRANSFER_PQ] = "pq",         [VERA_COLOR_TRANSFER_HLG] = "hlg",
        [VERA_COLOR_TRANSFER_LINEAR] = "linear",
    };
    return names[transfer];
}

const char *
vera_color_primaries_get_name(VeraColorPrimaries primaries)
{
    static const char *const names[] = {
        [VERA_COLOR_PRIMARIES_BT709] = "bt709",
        [VERA_COLOR_PRIMARIES_BT601_525] = "bt601-525",
        [VERA_COLOR_PRIMARIES_BT601_625] = "bt601-625",
        [VERA_COLOR_PRIMARIES_BT2020] = "bt2020",
        [VERA_COLOR_PRIMARIES_ACES_AP1] = "aces-ap1",
    };
    return names[primaries];
}
